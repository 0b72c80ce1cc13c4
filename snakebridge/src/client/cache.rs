//! Results that are kept for calls with the same arguments: a state machine without I/O. Time is passed in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::flights::Flights;
use super::kept::Slot;
use crate::link::ToolName;

/// What a result depends on, as far as the host can know. Whatever differs here is another call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Where the pool is.
    pub(crate) pool: usize,
    /// The hash of its manifest: another version of the adapter answers for itself.
    pub(crate) manifest: Arc<str>,
    pub(crate) tool: ToolName,
    /// The session, and which of those that had its id one after the other.
    pub(crate) session: Option<(Arc<str>, u64)>,
    /// The encoded request metadata.
    pub(crate) metadata: Bytes,
    /// The encoded arguments.
    pub(crate) arguments: Vec<u8>,
}

impl Key {
    fn size(&self) -> usize {
        self.tool.len()
            + self.session.as_ref().map_or(0, |(id, _)| id.len())
            + self.metadata.len()
            + self.arguments.len()
    }
}

/// What the cache of a bridge has done so far, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheStatistics {
    /// Calls that were answered from it.
    pub hits: u64,
    /// Calls that looked for their result in vain, and ran.
    pub misses: u64,
    /// Calls that were answered by the run of another one that asked for the same before them.
    pub followed: u64,
    /// Results that had to go for others before their time.
    pub evicted: u64,
    /// Results that it holds; some of them may be too old to be used.
    pub entries: usize,
    /// Bytes of arguments and results that it holds.
    pub bytes: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    size: usize,
    /// `None` beyond what the clock can say.
    expires: Option<Instant>,
    /// When it was used last, in uses of the cache.
    used: u64,
}

/// Results by key; the one that was not used for longest goes first.
#[derive(Debug)]
pub(crate) struct Cache {
    most_entries: usize,
    most_bytes: usize,
    entries: HashMap<Arc<Key>, Entry>,
    by_use: BTreeMap<u64, Arc<Key>>,
    uses: u64,
    /// Calls that run, and those that wait for their results.
    pub(super) flights: Flights<Arc<Key>, Arc<Slot>>,
    statistics: CacheStatistics,
}

impl Cache {
    /// An empty one for at most so many results, and so many bytes of arguments and results together.
    pub(crate) fn new(most_entries: usize, most_bytes: usize) -> Self {
        let (entries, by_use) = (HashMap::new(), BTreeMap::new());
        let (flights, statistics) = (Flights::new(), CacheStatistics::default());
        Self { most_entries, most_bytes, entries, by_use, uses: 0, flights, statistics }
    }

    /// The result that is kept for `key`, unless it is too old.
    pub(crate) fn get(&mut self, key: &Key, now: Instant) -> Option<Bytes> {
        let is_old = |entry: &Entry| entry.expires.is_some_and(|expires| expires <= now);
        if self.entries.get(key).is_none_or(is_old) {
            self.remove(key);
            return None;
        }
        self.statistics.hits += 1;
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        if let Some(key) = self.by_use.remove(&entry.used) {
            self.by_use.insert(self.uses, key);
        }
        entry.used = self.uses;
        Some(entry.value.clone())
    }

    /// Keeps a result for so long. One that is larger than all there is room for is not kept.
    pub(crate) fn insert(&mut self, key: Arc<Key>, value: &[u8], kept: Duration, now: Instant) {
        self.remove(&key);
        let size = key.size() + value.len();
        if size > self.most_bytes || self.most_entries == 0 || kept.is_zero() {
            return;
        }
        while self.entries.len() >= self.most_entries || self.statistics.bytes + size > self.most_bytes {
            let Some((_, oldest)) = self.by_use.first_key_value() else { break };
            let oldest = Arc::clone(oldest);
            self.remove(&oldest);
            self.statistics.evicted += 1;
        }
        self.uses += 1;
        // A copy: the value may be a slice of a much larger buffer, which it would keep.
        let value = Bytes::copy_from_slice(value);
        let entry = Entry { value, size, expires: now.checked_add(kept), used: self.uses };
        self.by_use.insert(self.uses, Arc::clone(&key));
        self.entries.insert(key, entry);
        self.statistics.bytes += size;
    }

    /// A call found nothing, and runs.
    pub(super) fn count_miss(&mut self) {
        self.statistics.misses += 1;
    }

    /// So many calls got the result of another one's run.
    pub(super) fn count_followers(&mut self, followers: usize) {
        self.statistics.followed += followers as u64;
    }

    /// Forgets the results of these tools, those that are being computed included. Returns how many were kept.
    pub(crate) fn forget(&mut self, is_meant: impl Fn(&str) -> bool) -> usize {
        let meant: Vec<_> = self.entries.keys().filter(|key| is_meant(&key.tool)).cloned().collect();
        for key in &meant {
            self.remove(key);
        }
        self.flights.forget(|key| is_meant(&key.tool));
        meant.len()
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
            self.statistics.bytes -= entry.size;
        }
    }

    pub(crate) fn statistics(&self) -> CacheStatistics {
        CacheStatistics { entries: self.entries.len(), ..self.statistics }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> Key {
        Key {
            pool: 0,
            manifest: "m".into(),
            tool: ToolName::Declared("tool"),
            session: None,
            metadata: Bytes::new(),
            arguments: vec![number],
        }
    }

    fn kept(number: u8) -> Arc<Key> {
        Arc::new(key(number))
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_result_is_kept_for_its_time_and_not_a_moment_longer() {
        let (mut cache, now) = (Cache::new(10, 1000), Instant::now());
        cache.insert(kept(1), b"one", MINUTE, now);
        assert_eq!(cache.get(&key(1), now + Duration::from_nanos(59_999_999_999)).as_deref(), Some(&b"one"[..]));
        assert_eq!(cache.get(&key(1), now + MINUTE), None);
        assert_eq!(cache.get(&key(1), now), None, "it is gone");
        let CacheStatistics { hits, entries, bytes, .. } = cache.statistics();
        assert_eq!((hits, entries, bytes), (1, 0, 0));
    }

    #[test]
    fn whatever_a_result_depends_on_makes_it_another_one() {
        let (mut cache, now) = (Cache::new(10, 1000), Instant::now());
        cache.insert(kept(1), b"one", MINUTE, now);
        let others = [
            Key { pool: 1, ..key(1) },
            Key { manifest: "n".into(), ..key(1) },
            Key { tool: ToolName::Declared("other"), ..key(1) },
            Key { session: Some(("s".into(), 1)), ..key(1) },
            Key { metadata: Bytes::from_static(b"m"), ..key(1) },
            key(2),
        ];
        for other in others {
            assert_eq!(cache.get(&other, now), None, "{other:?}");
        }
        assert!(cache.get(&Key { tool: ToolName::Named("tool".into()), ..key(1) }, now).is_some());
    }

    #[test]
    fn the_one_that_was_not_used_for_longest_goes_first() {
        let (mut cache, now) = (Cache::new(2, 1000), Instant::now());
        cache.insert(kept(1), b"one", MINUTE, now);
        cache.insert(kept(2), b"two", MINUTE, now);
        assert!(cache.get(&key(1), now).is_some());
        cache.insert(kept(3), b"three", MINUTE, now);
        assert!(cache.get(&key(2), now).is_none() && cache.get(&key(1), now).is_some());
        assert_eq!(cache.statistics().evicted, 1);
    }

    #[test]
    fn what_is_forgotten_is_not_found_again() {
        let (mut cache, now) = (Cache::new(10, 1000), Instant::now());
        cache.insert(kept(1), b"one", MINUTE, now);
        cache.insert(Arc::new(Key { tool: ToolName::Declared("other"), ..key(1) }), b"two", MINUTE, now);
        assert_eq!(cache.forget(|tool| tool == "tool"), 1);
        assert_eq!((cache.get(&key(1), now), cache.statistics().entries), (None, 1));
        assert_eq!((cache.forget(|_| true), cache.statistics().bytes), (1, 0));
    }

    #[test]
    fn what_is_larger_than_the_whole_is_not_kept_and_pushes_nothing_out() {
        let (mut cache, now) = (Cache::new(10, 100), Instant::now());
        cache.insert(kept(1), b"one", MINUTE, now);
        cache.insert(kept(2), &[0; 100], MINUTE, now);
        assert!(cache.get(&key(1), now).is_some() && cache.get(&key(2), now).is_none());
    }

    proptest! {
        /// Against a list that is searched: what is found is what was put in last and is not too old, and the bounds hold.
        #[test]
        fn it_never_finds_anything_else_and_keeps_its_bounds(
            steps in proptest::collection::vec((0u8..12, 0usize..40, 0u64..5, any::<bool>()), 1..200)
        ) {
            let mut cache = Cache::new(5, 120);
            let mut put = HashMap::new();
            let mut now = Instant::now();
            for (number, length, seconds, is_insert) in steps {
                now += Duration::from_millis(500);
                if is_insert {
                    let time = Duration::from_secs(seconds);
                    cache.insert(kept(number), &vec![number; length], time, now);
                    put.insert(number, (length, now + time));
                } else if let Some(found) = cache.get(&key(number), now) {
                    let (length, expires) = put[&number];
                    prop_assert_eq!(found, vec![number; length]);
                    prop_assert!(now < expires);
                }
                let CacheStatistics { entries, bytes, .. } = cache.statistics();
                prop_assert!(entries <= 5 && bytes <= 120);
                prop_assert_eq!(entries, cache.by_use.len());
                prop_assert_eq!(bytes, cache.entries.values().map(|entry| entry.size).sum::<usize>());
            }
        }
    }
}
