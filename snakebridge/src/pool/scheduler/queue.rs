//! Calls that wait, first in, first out, where anybody may leave from the middle.

use std::collections::BTreeMap;

use super::{ByKey, Task};

/// Ordered by place in line; who leaves finds their place by their key. So a thousand callers that give up at once cost
/// a thousand small steps and leave nothing behind.
#[derive(Debug)]
pub(super) struct Queue<C> {
    line: BTreeMap<i64, C>,
    places: ByKey<i64>,
}

impl<C: Task> Queue<C> {
    pub(super) fn new() -> Self {
        Self { line: BTreeMap::new(), places: ByKey::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.line.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    pub(super) fn push_back(&mut self, call: C) {
        let place = self.line.last_key_value().map_or(0, |(last, _)| last + 1);
        self.insert(place, call);
    }

    pub(super) fn push_front(&mut self, call: C) {
        let place = self.line.first_key_value().map_or(0, |(first, _)| first - 1);
        self.insert(place, call);
    }

    fn insert(&mut self, place: i64, call: C) {
        self.places.insert(call.key(), place);
        self.line.insert(place, call);
    }

    pub(super) fn front(&self) -> Option<&C> {
        self.line.first_key_value().map(|(_, call)| call)
    }

    pub(super) fn pop_front(&mut self) -> Option<C> {
        let (_, call) = self.line.pop_first()?;
        self.places.remove(&call.key());
        Some(call)
    }

    /// Takes `call` out, if it is there.
    pub(super) fn remove(&mut self, call: &C) -> bool {
        let place = self.places.remove(&call.key());
        place.is_some_and(|place| self.line.remove(&place).is_some())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &C> {
        self.line.values()
    }

    /// Takes out whatever `leaves` says, in order.
    pub(super) fn take(&mut self, mut leaves: impl FnMut(&C) -> bool) -> Vec<C> {
        let gone: Vec<C> = self.line.extract_if(.., |_, call| leaves(call)).map(|(_, call)| call).collect();
        for call in &gone {
            self.places.remove(&call.key());
        }
        gone
    }
}
