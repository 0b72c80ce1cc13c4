//! Calls that are not free to go to any worker: those of a session that is bound to one, and those that have their session
//! to themselves.
//!
//! They wait beside the queue, in the line of their worker or until their session is free, so that others pass. A worker
//! that becomes free takes the oldest, be it from the queue or from its own line.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Instant;

use super::queue::OVERTAKES;
use super::{Placement, Queue, Refusal, Scheduler, Seat, Task};
use crate::session::{Affinity, Binding, Need, Tie};

/// Where a call has to go that is tied.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// To whatever worker is free.
    Anywhere,
    /// To the worker of this seat.
    Seat(usize),
    /// Nowhere before its session is free.
    Turn,
    Refused(Refusal),
}

impl<C: Task> Seat<C> {
    /// Whether `call`, which waits for any worker, goes before `first`, which waits for this one: as in one queue.
    pub(super) fn goes_before(&self, call: &C, first: &C) -> bool {
        let older = call.admitted() < first.admitted();
        match call.priority().cmp(&first.priority()) {
            Ordering::Equal => older,
            Ordering::Greater => older || self.overtaken < OVERTAKES,
            Ordering::Less => older && self.overtaken >= OVERTAKES,
        }
    }

    /// `call` goes next; on the other side, the line or the queue, the first came at `passed`.
    pub(super) fn note_order(&mut self, call: &C, passed: Option<Instant>) {
        let overtakes = passed.is_some_and(|passed| passed < call.admitted());
        self.overtaken = if overtakes { self.overtaken + 1 } else { 0 };
    }
}

impl<C: Task> Scheduler<C> {
    /// Where `call` has to go at this moment. Who is told that the session is lost is the only one: it is unbound after that.
    pub(super) fn way(&self, call: &C) -> Way {
        let Some(tie) = call.tie() else { return Way::Anywhere };
        let mut bound = tie.binding.lock();
        if tie.exclusive && bound.is_taken_from(tie.chain.unwrap_or(call.key())) {
            return match tie.affinity {
                Affinity::StrictFailFast => Way::Refused(Refusal::WorkerBusy),
                _ => Way::Turn,
            };
        }
        let open = |worker: u64| self.seats.iter().position(|seat| seat.worker == worker && !seat.closed);
        if let Need::Worker(worker) = tie.need {
            return open(worker).map_or(Way::Refused(Refusal::ReferenceLost(worker)), Way::Seat);
        }
        let Some(worker) = bound.worker.filter(|_| tie.affinity.is_strict()) else { return Way::Anywhere };
        if let Some(index) = open(worker) {
            return Way::Seat(index);
        }
        bound.worker = None;
        if std::mem::take(&mut bound.strictly) { Way::Refused(Refusal::SessionLost) } else { Way::Anywhere }
    }

    pub(super) fn submit_tied(&mut self, call: C, now: Instant) -> Result<Placement, Refusal> {
        match (self.way(&call), self.limits.hold_up(&call)) {
            (Way::Refused(refusal), _) => return Err(refusal),
            (Way::Anywhere | Way::Seat(_), Some(limit)) => {
                self.enter(&call)?;
                self.wait_for(limit, call);
            }
            (Way::Anywhere, None) => {
                if self.queue.is_empty()
                    && let Some(worker) = self.assign(&call, now)
                {
                    return Ok(Placement::Worker(worker));
                }
                self.enter(&call)?;
                self.enqueue(call);
            }
            (Way::Seat(index), None) => {
                if self.is_free(index, &call) {
                    let expected = self.expected(&call);
                    return Ok(Placement::Worker(self.give(index, &call, expected, now)));
                }
                if fails_fast(&call) {
                    return Err(Refusal::WorkerBusy);
                }
                self.enter_line(&call, self.seats[index].line.len())?;
                self.seats[index].line.join(call);
                self.aside += 1;
            }
            (Way::Turn, _) => {
                let turn = call.tie().and_then(|tie| self.turns.get(&tie.binding.key()));
                self.enter_line(&call, turn.map_or(0, Queue::len))?;
                self.wait_for_turn(call);
            }
        }
        Ok(Placement::Queued)
    }

    /// A new call begins to wait beside the queue, in a line of so many, if there is room. One worker's sessions, or one
    /// session, get no more of the pool's room than a worker's share: others would find none.
    fn enter_line(&mut self, call: &C, waiting: usize) -> Result<(), Refusal> {
        self.check_room(call.bytes())?;
        let workers = self.seats.iter().filter(|seat| !seat.closed).count();
        if let Err(limit) = self.room.check_share(waiting, workers) {
            return Err(Refusal::QueueFull(limit, self.room.retry_after(self.assigned())));
        }
        self.room.entered(call.bytes());
        Ok(())
    }

    /// Whether the worker of a seat takes `call` at once.
    fn is_free(&self, index: usize, call: &C) -> bool {
        let seat = &self.seats[index];
        seat.line.is_empty() && seat.accepts(self.expected(call))
    }

    fn wait_for_turn(&mut self, call: C) {
        if let Some(key) = call.tie().map(|tie| tie.binding.key()) {
            self.turns.entry(key).or_insert_with(Queue::new).join(call);
            self.aside += 1;
        }
    }

    /// The first of the queue goes elsewhere, if it has to.
    pub(super) fn step_aside(&mut self, call: &C) -> bool {
        let way = self.way(call);
        if let Way::Anywhere = way {
            return false;
        }
        self.skip_first();
        self.go(call.clone(), way);
        true
    }

    /// A call that was admitted before waits again where it has to, in its old place.
    pub(super) fn put_back_tied(&mut self, call: C) {
        let way = self.way(&call);
        self.go(call, way);
    }

    fn go(&mut self, call: C, way: Way) {
        match way {
            Way::Anywhere => self.enqueue(call),
            Way::Seat(index) if fails_fast(&call) && !self.is_free(index, &call) => {
                self.refuse(call, Refusal::WorkerBusy);
            }
            Way::Seat(index) => {
                self.seats[index].line.join(call);
                self.aside += 1;
            }
            Way::Turn => self.wait_for_turn(call),
            Way::Refused(refusal) => self.refuse(call, refusal),
        }
    }

    fn refuse(&mut self, call: C, refusal: Refusal) {
        let waker = call.clone();
        self.room.left(call.bytes());
        self.refused.push((call, refusal));
        self.left(&waker);
    }

    /// The worker for which these waited takes no more calls.
    pub(super) fn scatter(&mut self, line: Vec<C>) {
        self.aside -= line.len();
        let mut others = Vec::with_capacity(line.len());
        for call in line {
            // The oldest of each session is told.
            match self.way(&call) {
                Way::Refused(refusal) => self.refuse(call, refusal),
                _ => others.push(call),
            }
        }
        for call in others {
            self.put_back_tied(call);
        }
    }

    /// A call that had its session to itself is not with a worker any more.
    pub(super) fn leave(&mut self, exclusive: Option<Arc<Binding>>) {
        let Some(binding) = exclusive else { return };
        if !binding.lock().leave() {
            return;
        }
        self.wake(binding.key());
    }

    /// A call waits no more without having been given to a worker. If it was its session's turn, that is another's now.
    pub(super) fn left(&mut self, call: &C) {
        let free = |tie: &&Tie| tie.exclusive && tie.binding.lock().exclusive.is_none();
        if let Some(key) = call.tie().filter(free).map(|tie| tie.binding.key()) {
            self.wake(key);
        }
    }

    /// The oldest call that waits until this session is free may go on.
    fn wake(&mut self, key: u64) {
        let Some(turn) = self.turns.get_mut(&key) else { return };
        let next = turn.pop_front();
        if turn.is_empty() {
            self.turns.remove(&key);
        }
        if let Some(call) = next {
            self.aside -= 1;
            self.put_back_tied(call);
        }
    }

    /// The worker that is free now for which the oldest call waits, by its seat.
    pub(super) fn awaited(&self) -> Option<usize> {
        let firsts = self.seats.iter().enumerate().filter_map(|(index, seat)| Some((index, seat, seat.line.front()?)));
        let ready = firsts.filter(|(_, seat, first)| seat.accepts(self.expected(first)));
        ready.min_by_key(|(.., first)| first.admitted()).map(|(index, ..)| index)
    }

    /// Gives the worker of a seat the first call of its line. `None` if that has to wait elsewhere by now.
    pub(super) fn serve_line(&mut self, index: usize, now: Instant) -> Option<(u64, C)> {
        let call = self.seats[index].line.pop_front()?;
        self.aside -= 1;
        match (self.way(&call), self.limits.hold_up(&call)) {
            (Way::Seat(at), Some(limit)) if at == index => {
                self.wait_for(limit, call);
                None
            }
            (Way::Seat(at), None) if at == index => {
                let passed = self.queue.front().map(Task::admitted);
                self.seats[index].note_order(&call, passed);
                let expected = self.expected(&call);
                Some((self.give(index, &call, expected, now), call))
            }
            // Another chain has taken the session meanwhile.
            (way, _) => {
                self.go(call, way);
                None
            }
        }
    }

    /// Takes a call out that waits beside the queue. False when it does not.
    pub(super) fn remove_aside(&mut self, call: &C) -> bool {
        if self.aside == 0 {
            return false;
        }
        let mut removed = self.pauses.remove(call) || self.leave_limit(call);
        // Workers and sessions are many, and have nothing to do with most.
        if !removed && call.tie().is_some() {
            let mut lines = self.seats.iter_mut().map(|seat| &mut seat.line).chain(self.turns.values_mut());
            removed = lines.any(|line| line.remove(call));
            self.turns.retain(|_, turn| !turn.is_empty());
        }
        self.aside -= usize::from(removed);
        removed
    }

    /// Takes out of what waits beside the queue whatever `leaves` says.
    pub(super) fn take_aside(&mut self, mut leaves: impl FnMut(&C) -> bool) -> Vec<C> {
        let tied = self.seats.iter_mut().map(|seat| &mut seat.line).chain(self.turns.values_mut());
        let mut gone: Vec<C> = tied.flat_map(|line| line.take(&mut leaves)).collect();
        gone.extend(self.limits.take(&mut leaves));
        gone.extend(self.pauses.take(leaves));
        self.aside -= gone.len();
        self.turns.retain(|_, turn| !turn.is_empty());
        gone
    }
}

fn fails_fast<C: Task>(call: &C) -> bool {
    call.tie().is_some_and(|tie| tie.affinity == Affinity::StrictFailFast)
}
