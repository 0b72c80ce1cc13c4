//! Calls that a tool of the host makes while a worker waits for it.

use std::time::Instant;

use super::ties::Way;
use super::{Placement, Refusal, Scheduler, Seat, Task};

impl<C: Task> Scheduler<C> {
    /// A new call, made by a tool of the host for which the worker `waiting` waits.
    ///
    /// It waits for nobody, because whoever waits may be waiting for it: the waiting worker runs it inside the call that
    /// waits, however much it has. When that is `served` another one of the same tool already, a worker that has nothing
    /// at all to do is better. Only a session may keep it from either.
    pub(in crate::pool) fn nest(
        &mut self,
        call: C,
        waiting: u64,
        served: bool,
        now: Instant,
    ) -> Result<Placement, Refusal> {
        let Some(here) = self.seats.iter().position(|seat| seat.worker == waiting) else {
            return self.submit(call, now);
        };
        let index = match self.way(&call) {
            Way::Anywhere => {
                let is_idle = |seat: &Seat<C>| !seat.closed && seat.assigned.is_empty() && seat.line.is_empty();
                let others = served && self.queue.is_empty();
                others.then(|| self.seats.iter().position(is_idle)).flatten().unwrap_or(here)
            }
            Way::Seat(index) if index == here => here,
            Way::Seat(_) | Way::Turn => return self.submit(call, now),
            Way::Refused(refusal) => return Err(refusal),
        };
        let expected = self.expected(&call);
        let worker = self.give(index, &call, expected, now);
        if index == here
            && let Some(assigned) = self.seats[here].assigned.get_mut(&call.key())
        {
            assigned.nested = true;
        }
        Ok(Placement::Worker(worker))
    }
}
