//! The state of one session: keys with versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::session::store::StoredValue;

/// So many deleted keys are remembered by name. Beyond that all of them are forgotten together, and new keys go on from the
/// highest version among them: whoever holds an old version still never meets it again.
pub(super) const REMEMBERED: usize = 64;

/// A key that is there, or was.
#[derive(Debug, Clone)]
struct Entry {
    version: u64,
    value: Option<Bytes>,
}

/// Keys in order, each with its version. Versions of a key begin at 1 and only grow, also over a deletion.
#[derive(Debug, Default)]
pub(super) struct Values {
    entries: BTreeMap<Arc<str>, Entry>,
    /// How many of them are only remembered.
    deleted: usize,
    /// The highest version of those that were forgotten.
    floor: u64,
    /// Bytes of the keys that are there, and of their values.
    bytes: u64,
}

impl Values {
    /// What was stored before.
    pub(super) fn restore(stored: Vec<StoredValue>, floor: u64) -> Self {
        let mut values = Self { floor, ..Self::default() };
        for StoredValue { key, version, value } in stored {
            match &value {
                Some(value) => values.bytes += size(&key, value),
                None => values.deleted += 1,
            }
            values.entries.insert(key, Entry { version, value });
        }
        values
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// How many keys are there.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.deleted
    }

    pub(super) fn get(&self, key: &str) -> Option<(u64, Bytes)> {
        let entry = self.entries.get(key)?;
        entry.value.clone().map(|value| (entry.version, value))
    }

    /// The version of a key that is there, else 0.
    pub(super) fn version(&self, key: &str) -> u64 {
        self.entries.get(key).filter(|entry| entry.value.is_some()).map_or(0, |entry| entry.version)
    }

    pub(super) fn keys(&self) -> Vec<Arc<str>> {
        let there = self.entries.iter().filter(|(_, entry)| entry.value.is_some());
        there.map(|(key, _)| Arc::clone(key)).collect()
    }

    /// How many bytes there would be with this value.
    pub(super) fn bytes_with(&self, key: &str, value: &Bytes) -> u64 {
        let old = self.entries.get(key).and_then(|entry| entry.value.as_ref());
        self.bytes - old.map_or(0, |old| size(key, old)) + size(key, value)
    }

    /// Sets a key. Returns what is to be stored.
    pub(super) fn set(&mut self, key: &str, value: Bytes) -> StoredValue {
        self.bytes = self.bytes_with(key, &value);
        let (key, version) = match self.entries.get_key_value(key) {
            Some((key, entry)) => (Arc::clone(key), entry.version + 1),
            None => (Arc::from(key), self.floor + 1),
        };
        let stored = StoredValue { key: Arc::clone(&key), version, value: Some(value.clone()) };
        let before = self.entries.insert(key, Entry { version, value: Some(value) });
        self.deleted -= usize::from(before.is_some_and(|before| before.value.is_none()));
        stored
    }

    /// Deletes a key, if it is there. Returns what is to be stored, and which keys are forgotten for it.
    pub(super) fn delete(&mut self, key: &str) -> Option<(StoredValue, Vec<Arc<str>>)> {
        let (key, version) = match self.entries.get_key_value(key) {
            Some((key, Entry { version, value: Some(_) })) => (Arc::clone(key), *version),
            _ => return None,
        };
        let entry = self.entries.insert(Arc::clone(&key), Entry { version, value: None });
        let old = entry.and_then(|entry| entry.value).unwrap_or_default();
        self.bytes -= size(&key, &old);
        self.deleted += 1;
        let mut forgotten = Vec::new();
        if self.deleted > REMEMBERED {
            for (key, entry) in self.entries.extract_if(.., |_, entry| entry.value.is_none()) {
                self.floor = self.floor.max(entry.version);
                forgotten.push(key);
            }
            self.deleted = 0;
        }
        Some((StoredValue { key, version, value: None }, forgotten))
    }
}

fn size(key: &str, value: &Bytes) -> u64 {
    (key.len() + value.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_begin_at_one_and_go_on_over_a_deletion() {
        let mut values = Values::default();
        assert_eq!(values.set("a", Bytes::from_static(b"1")).version, 1);
        assert_eq!(values.set("a", Bytes::from_static(b"22")).version, 2);
        assert_eq!((values.version("a"), values.bytes(), values.len()), (2, 3, 1));
        assert!(values.delete("a").is_some() && values.delete("a").is_none());
        assert_eq!((values.version("a"), values.get("a"), values.bytes(), values.len()), (0, None, 0, 0));
        assert_eq!(values.set("a", Bytes::new()).version, 3);
        assert_eq!(values.set("b", Bytes::new()).version, 1, "of another key");
    }

    #[test]
    fn deleted_keys_are_remembered_up_to_a_number_and_no_version_ever_comes_again() {
        let mut values = Values::default();
        for round in 1..=10 {
            assert_eq!(values.set("often", Bytes::new()).version, round);
        }
        values.delete("often");
        for number in 0..1000 {
            let key = format!("{number}");
            values.set(&key, Bytes::new());
            values.delete(&key);
        }
        assert!(values.entries.len() <= REMEMBERED, "{} are left", values.entries.len());
        assert!(values.set("often", Bytes::new()).version > 10);
        assert!(values.set("0", Bytes::new()).version > 1);
    }

    #[test]
    fn what_is_restored_is_what_was_stored() {
        let mut values = Values::default();
        let mut stored = vec![values.set("a", Bytes::from_static(b"x")), values.set("b", Bytes::from_static(b"y"))];
        stored[1] = values.delete("b").unwrap().0;
        let mut restored = Values::restore(stored, values.floor());
        assert_eq!((restored.bytes(), restored.len(), restored.keys()), (2, 1, vec![Arc::from("a")]));
        assert_eq!(restored.set("b", Bytes::new()).version, 2);
    }
}
