//! What is told beside the answers: when it may leave, and what becomes of it when it may not. Nothing waits for it.

use std::collections::HashMap;

use snakebridge::wire::Millis;
use snakebridge::wire::frame::event_class;

use super::Core;
use super::state::State;
use crate::system::clock::Nanoseconds;

/// Events leave only while no more than so many bytes are unwritten: a host that is slow to read gets fewer of them, and no
/// answer waits behind more.
const ROOM: usize = 64 * 1024;
/// Events a second. What is beyond is dropped, long before the host would take it for a flood.
const PER_SECOND: u32 = 5_000;
/// What was kept back leaves with the answer, without regard to these limits, as long as there are no more events a second.
const PER_SECOND_IN_ALL: u32 = 15_000;
/// Of those that leave at once, so many may tell progress: a tool that tells it in a tight loop leaves room for others.
const PROGRESS_PER_SECOND: u32 = 1_000;

/// Decides what leaves. Pure.
#[derive(Debug, Default)]
pub(super) struct Lane {
    second: Millis,
    sent: u32,
    progress: u32,
    /// Events that were dropped since the last one that left.
    dropped: u64,
    /// The last progress of calls that could not leave.
    held: HashMap<u64, Vec<u8>>,
}

impl Lane {
    /// Whether an event may leave at `now`, with so many bytes unwritten.
    fn admits(&mut self, class: u64, now: Millis, unwritten: usize) -> bool {
        if now.saturating_sub(self.second) >= 1_000 {
            (self.second, self.sent, self.progress) = (now, 0, 0);
        }
        let is_progress = class == event_class::PROGRESS;
        let admitted =
            unwritten <= ROOM && self.sent < PER_SECOND && !(is_progress && self.progress >= PROGRESS_PER_SECOND);
        self.sent += u32::from(admitted);
        self.progress += u32::from(admitted && is_progress);
        admitted
    }

    /// Whether what was kept back may leave with the answer of its call.
    fn admits_last(&mut self) -> bool {
        let admitted = self.sent < PER_SECOND_IN_ALL;
        self.sent += u32::from(admitted);
        admitted
    }

    /// Whether nothing was kept back: so it is for most calls.
    fn is_empty(&self) -> bool {
        self.dropped == 0 && self.held.is_empty()
    }

    /// An event stays here: of progress the last of each call, of all else the number.
    fn keep_back(&mut self, class: u64, id: u64, body: &[u8]) {
        if class == event_class::PROGRESS {
            self.held.insert(id, body.to_vec());
        } else {
            self.dropped += 1;
        }
    }
}

impl Core {
    /// Tells the host something, inside call `id`, if that is not 0. False when it was not sent.
    pub(crate) fn tell(&self, class: u64, id: u64, body: &[u8]) -> bool {
        let mut state = self.state();
        let now = Nanoseconds::about_now().milliseconds();
        let unwritten = self.output().pending().len();
        let sent = state.events.admits(class, now, unwritten) && self.send_event(class, id, body, &mut state);
        if !sent && (class != event_class::PROGRESS || state.peer.serves(id)) {
            state.events.keep_back(class, id, body);
        }
        drop(state);
        // At once: the last thing that is told before a crash is what is wanted most.
        self.write_pending();
        sent
    }

    fn send_event(&self, class: u64, id: u64, body: &[u8], state: &mut State) -> bool {
        let sent = state.peer.event(class, (id, state.events.dropped), body, self.output().frames()).is_ok();
        if sent {
            state.events.dropped = 0;
            if class == event_class::PROGRESS {
                state.events.held.remove(&id);
            }
        }
        sent
    }

    /// Call `id` is about to be answered: first what was kept back.
    pub(super) fn tell_rest(&self, id: u64, state: &mut State) {
        if state.events.is_empty() {
            return;
        }
        if let Some(last) = state.events.held.remove(&id)
            && state.events.admits_last()
        {
            self.send_event(event_class::PROGRESS, id, &last, state);
        }
        if state.events.dropped > 0 && state.events.admits_last() {
            self.send_event(event_class::LOG, id, &[], state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_leave_in_a_second_and_a_slow_host_gets_none() {
        let mut lane = Lane::default();
        let admitted = (0..PER_SECOND + 10).filter(|_| lane.admits(event_class::LOG, 5_000, 0)).count();
        assert_eq!(admitted, PER_SECOND as usize);
        assert!(lane.admits(event_class::LOG, 6_000, ROOM) && !lane.admits(event_class::LOG, 6_000, ROOM + 1));
    }

    #[test]
    fn progress_leaves_room_for_everything_else() {
        let mut lane = Lane::default();
        let told = (0..PER_SECOND).filter(|_| lane.admits(event_class::PROGRESS, 5_000, 0)).count();
        assert_eq!(told, PROGRESS_PER_SECOND as usize);
        assert!(lane.admits(event_class::TELEMETRY, 5_000, 0));
    }

    #[test]
    fn of_progress_the_last_is_kept_and_of_all_else_the_number() {
        let mut lane = Lane::default();
        lane.keep_back(event_class::PROGRESS, 7, b"a");
        lane.keep_back(event_class::PROGRESS, 7, b"b");
        lane.keep_back(event_class::LOG, 7, b"c");
        lane.keep_back(event_class::TELEMETRY, 0, b"d");
        assert_eq!((lane.held[&7].as_slice(), lane.dropped), (&b"b"[..], 2));
    }
}
