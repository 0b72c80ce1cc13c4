//! Streams that are arguments of calls: what has come of them, and who waits for more.

use std::collections::{HashMap, VecDeque};

use super::state::State;
use super::{Awaited, Core, Inside};

/// What a tool gets when it asks for the next item of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextInput {
    /// An item.
    Item(Vec<u8>),
    /// The caller has sent them all.
    End,
    /// The call has been answered: its streams are over.
    Closed,
}

#[derive(Debug, Default)]
struct Input {
    items: VecDeque<Vec<u8>>,
    has_ended: bool,
}

/// All streams that are arguments, by call and number. The credit that we grant bounds what is in them.
#[derive(Debug, Default)]
pub(super) struct Inputs(HashMap<u64, Vec<Input>>);

impl Inputs {
    /// Call `id` brings so many streams.
    pub(super) fn begin(&mut self, id: u64, count: u64) {
        if count > 0 {
            self.0.insert(id, (0..count).map(|_| Input::default()).collect());
        }
    }

    /// Call `id` is over.
    pub(super) fn end(&mut self, id: u64) {
        self.0.remove(&id);
    }

    /// An item has come, or the end.
    pub(super) fn receive(&mut self, id: u64, stream: u64, item: Option<Vec<u8>>) {
        let Some(input) = self.find(id, stream) else { return };
        match item {
            Some(item) => input.items.push_back(item),
            None => input.has_ended = true,
        }
    }

    /// What there is next; `None` when it has not come yet.
    fn next(&mut self, id: u64, stream: u64) -> Option<NextInput> {
        let Some(input) = self.find(id, stream) else { return Some(NextInput::Closed) };
        match input.items.pop_front() {
            Some(item) => Some(NextInput::Item(item)),
            None => input.has_ended.then_some(NextInput::End),
        }
    }

    fn find(&mut self, id: u64, stream: u64) -> Option<&mut Input> {
        self.0.get_mut(&id)?.get_mut(usize::try_from(stream).ok()?.checked_sub(1)?)
    }
}

impl Core {
    /// The next item of stream `stream` among the arguments of call `id`, if it is here.
    pub(crate) fn take_input(&self, id: u64, stream: u64) -> Option<NextInput> {
        let mut has_granted = false;
        let next = self.next_input(id, stream, &mut self.state(), &mut has_granted);
        self.write_grant(has_granted);
        next
    }

    /// As [`take_input`](Self::take_input); waits until it is here.
    pub(crate) fn await_input(&self, inside: Inside<'_>, stream: u64) -> Awaited<NextInput> {
        let mut has_granted = false;
        let take = |state: &mut State, _| self.next_input(inside.id, stream, state, &mut has_granted);
        let awaited = self.await_arrival(inside, None, take);
        self.write_grant(has_granted);
        awaited
    }

    /// The host may wait for the credit that it got, and what the tool does next may take its time.
    pub(super) fn write_grant(&self, has_granted: bool) {
        if has_granted {
            self.write_pending();
        }
    }

    /// Call `id`, which had streams among its arguments, has been answered.
    pub(crate) fn end_inputs(&self, id: u64) {
        self.state().inputs.end(id);
    }

    fn next_input(&self, id: u64, stream: u64, state: &mut State, has_granted: &mut bool) -> Option<NextInput> {
        let next = state.inputs.next(id, stream)?;
        if let NextInput::Item(item) = &next {
            *has_granted = state.peer.consumed(id, stream, item.len(), self.output().frames());
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_order_and_the_end_behind_them() {
        let mut inputs = Inputs::default();
        inputs.begin(1, 2);
        assert_eq!(inputs.next(1, 1), None);
        inputs.receive(1, 1, Some(vec![1]));
        inputs.receive(1, 2, None);
        inputs.receive(1, 1, Some(vec![2]));
        inputs.receive(1, 1, None);
        assert_eq!(inputs.next(1, 1), Some(NextInput::Item(vec![1])));
        assert_eq!(inputs.next(1, 1), Some(NextInput::Item(vec![2])));
        assert_eq!(inputs.next(1, 1), Some(NextInput::End));
        assert_eq!(inputs.next(1, 2), Some(NextInput::End), "each has its own");
    }

    #[test]
    fn the_streams_of_a_call_that_is_over_are_closed_and_what_comes_late_is_dropped() {
        let mut inputs = Inputs::default();
        inputs.begin(1, 1);
        inputs.receive(1, 1, Some(vec![1]));
        inputs.end(1);
        inputs.receive(1, 1, Some(vec![2]));
        assert_eq!(inputs.next(1, 1), Some(NextInput::Closed));
        assert!(inputs.0.is_empty());
    }
}
