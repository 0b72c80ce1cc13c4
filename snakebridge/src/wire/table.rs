//! The in-flight table: which calls are unanswered, by id.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Unanswered calls of one direction.
///
/// An entry stays until the terminal frame of its call has come, also when its caller has long gone: a cancelled call
/// is a tombstone, so that its late answer is known and its worker's place is not given away too early.
#[derive(Debug)]
pub struct Table<T> {
    entries: HashMap<u64, T, BuildHasherDefault<IdHasher>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: HashMap::default() }
    }
}

impl<T> Table<T> {
    /// How many calls are unanswered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether all are answered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a call under an id that was never used before.
    pub fn insert(&mut self, id: u64, entry: T) {
        let old = self.entries.insert(id, entry);
        debug_assert!(old.is_none(), "id {id} was used twice");
    }

    /// The call of that id, if unanswered.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        self.entries.get_mut(&id)
    }

    /// Takes an answered call out.
    pub fn remove(&mut self, id: u64) -> Option<T> {
        self.entries.remove(&id)
    }

    /// All ids and entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.entries.iter().map(|(&id, entry)| (id, entry))
    }

    /// All ids and entries, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut T)> {
        self.entries.iter_mut().map(|(&id, entry)| (id, entry))
    }

    /// Takes everything out, oldest id first.
    pub fn drain(&mut self) -> Vec<(u64, T)> {
        let mut all: Vec<_> = self.entries.drain().collect();
        all.sort_by_key(|&(id, _)| id);
        all
    }
}

/// Ids are a counter, ours or one that may only grow, and the table is small: one multiplication spreads them well
/// enough. (`SipHash` would be a quarter of the table's cost on the call path.)
#[derive(Debug, Default, Clone, Copy)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // Fibonacci hashing: 2^64 divided by the golden ratio. Ids of one direction are all odd or all even, so the low
        // bit of the product is constant; the rotation brings the well mixed high bits down to where buckets are chosen.
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}
