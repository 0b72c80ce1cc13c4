//! Streams that answer calls of ours: what has come of them.

use std::collections::{HashMap, VecDeque};

use super::nested::Surroundings;
use super::state::{Answer, Interest, State};
use super::{Arrival, Awaited, Core, Inside};

/// What comes next of a stream of the host.
#[derive(Debug)]
pub(crate) enum NextItem {
    /// An item.
    Item(Vec<u8>),
    /// Its end: END, or the ERROR that ended it.
    End(Answer),
    /// Nobody wants it any more.
    Closed,
}

/// Items that nobody has taken, by the id of our call. The credit that we grant bounds them.
#[derive(Debug, Default)]
pub(super) struct HostStreams(HashMap<u64, VecDeque<Vec<u8>>>);

impl HostStreams {
    /// Call `id` of ours asks for a stream.
    pub(super) fn begin(&mut self, id: u64) {
        self.0.insert(id, VecDeque::new());
    }

    /// Nobody wants more of call `id`.
    pub(super) fn end(&mut self, id: u64) {
        self.0.remove(&id);
    }

    /// An item has come.
    pub(super) fn receive(&mut self, id: u64, item: Vec<u8>) {
        if let Some(items) = self.0.get_mut(&id) {
            items.push_back(item);
        }
    }
}

impl State {
    /// What comes next of the stream that answers call `id` of ours; `None` when it is not here.
    fn next_item(&mut self, id: u64) -> Option<NextItem> {
        let Some(items) = self.host_streams.0.get_mut(&id) else { return Some(NextItem::Closed) };
        if let Some(item) = items.pop_front() {
            return Some(NextItem::Item(item));
        }
        let answer = self.answers.remove(&id)?;
        self.host_streams.end(id);
        Some(NextItem::End(answer))
    }
}

impl Core {
    /// On the event loop: what comes next of the stream that answers call `id` of ours, if it is here. Otherwise the loop is
    /// told when something has come.
    pub(crate) fn take_item(&self, id: u64, surroundings: Surroundings) -> Option<NextItem> {
        let mut has_granted = false;
        let next = {
            let mut state = self.state();
            let next = self.grant_for(id, &mut state, &mut has_granted);
            if next.is_none() {
                self.waits(id, Interest::Loop(surroundings), &mut state);
            }
            next
        };
        self.write_grant(has_granted);
        next
    }

    /// Inside a tool: waits for what comes next of the stream that answers call `id` of ours. Meanwhile the thread runs what
    /// is nested in it: calls, and the `streams` that it has begun.
    pub(crate) fn await_item(&self, id: u64, inside: Inside<'_>, streams: &[u64]) -> Awaited<Arrival<NextItem>> {
        let waiter = self.waiter(inside);
        self.waits(id, Interest::Thread(waiter), &mut self.state());
        let mut has_granted = false;
        let awaited = self.await_or_nest(inside, None, streams, |state| self.grant_for(id, state, &mut has_granted));
        self.write_grant(has_granted);
        awaited
    }

    fn grant_for(&self, id: u64, state: &mut State, has_granted: &mut bool) -> Option<NextItem> {
        let next = state.next_item(id)?;
        if let NextItem::Item(item) = &next {
            *has_granted |= state.peer.consumed(id, 0, item.len(), self.output().frames());
        }
        Some(next)
    }

    /// Who waits for call `id` of ours now.
    fn waits(&self, id: u64, interest: Interest, state: &mut State) {
        match state.peer.in_flight_mut(id) {
            Some(Interest::Abandoned) | None => {}
            Some(before) if *before == interest => {}
            Some(before) => {
                *before = interest;
                if matches!(interest, Interest::Loop(_)) {
                    // No thread is coming back for them.
                    self.release_nested(id, state);
                }
            }
        }
    }

    /// An item of the stream that answers call `id` of ours has come.
    pub(super) fn receive_item(&self, id: u64, interest: Interest, item: Vec<u8>, state: &mut State) {
        state.host_streams.receive(id, item);
        match interest {
            Interest::Thread(_) => self.arrivals.notify_all(),
            Interest::Loop(_) => {
                state.awakened.push(id);
                self.announce();
            }
            Interest::Abandoned => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use snakebridge::wire::{Limits, Peer, Role};

    use super::*;

    #[test]
    fn items_come_in_order_and_the_end_behind_them() {
        let mut state = State::new(Peer::new(Role::Worker, Limits::default(), ""));
        state.host_streams.begin(2);
        assert!(state.next_item(2).is_none());
        state.host_streams.receive(2, vec![1]);
        state.answers.insert(2, Answer::End);
        assert!(matches!(state.next_item(2), Some(NextItem::Item(item)) if item == [1]));
        assert!(matches!(state.next_item(2), Some(NextItem::End(Answer::End))));
        assert!(matches!(state.next_item(2), Some(NextItem::Closed)), "for ever");
    }

    #[test]
    fn what_comes_of_a_stream_that_nobody_wants_is_dropped() {
        let mut state = State::new(Peer::new(Role::Worker, Limits::default(), ""));
        state.host_streams.begin(2);
        state.host_streams.end(2);
        state.host_streams.receive(2, vec![1]);
        assert!(state.host_streams.0.is_empty());
    }
}
