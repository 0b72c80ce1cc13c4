//! Calls that a tool of the host makes while a worker waits for it.

use std::time::Instant;

use super::ties::Way;
use super::{Placement, Refusal, Scheduler, Seat, Task};

impl<C: Task> Scheduler<C> {
    /// A new call, made by a tool of the host for which the workers `waiting` wait, from the innermost wait on: the first for
    /// the tool itself or for something that waits for it, the others for what is around that.
    ///
    /// It waits for none of them, because they wait for it: the first of them runs it inside the call that waits, however
    /// much it has, or that one of them to which its session ties it. When the first is `served` another one there already,
    /// a worker that has nothing at all to do is better, if its tool may have another. Only a session may keep it from either.
    ///
    /// What its tool needs does not: who runs it is busy already, with the call that waits for it.
    pub(in crate::pool) fn nest(
        &mut self,
        call: C,
        waiting: &[u64],
        served: bool,
        now: Instant,
    ) -> Result<Placement, Refusal> {
        let seat_of = |worker: &u64| self.seats.iter().position(|seat| seat.worker == *worker);
        let Some(here) = waiting.iter().find_map(seat_of) else {
            return self.submit(call, now);
        };
        let index = match self.way(&call) {
            // One that takes no more calls finishes what it has, and that is a part of it.
            Way::Refused(Refusal::ReferenceLost(worker)) if waiting.contains(&worker) => {
                seat_of(&worker).ok_or(Refusal::ReferenceLost(worker))?
            }
            Way::Anywhere => {
                let is_idle = |seat: &Seat<C>| !seat.closed && seat.assigned.is_empty() && seat.line.is_empty();
                let others = served && self.queue.is_empty() && self.limits.hold_up(&call).is_none();
                others.then(|| self.seats.iter().position(is_idle)).flatten().unwrap_or(here)
            }
            Way::Seat(index) if waiting.contains(&self.seats[index].worker) => index,
            Way::Seat(_) | Way::Turn => return self.submit(call, now),
            Way::Refused(refusal) => return Err(refusal),
        };
        let expected = self.expected(&call);
        let inside = waiting.contains(&self.seats[index].worker);
        let needs = if inside { None } else { self.limits.take_units(&call) };
        let worker = self.hand_over(index, &call, expected, needs, now);
        if inside && let Some(assigned) = self.seats[index].assigned.get_mut(&call.key()) {
            assigned.nested = true;
        }
        Ok(Placement::Worker(worker))
    }
}
