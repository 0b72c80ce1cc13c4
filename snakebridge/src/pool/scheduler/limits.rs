//! What calls need beside a worker: a place of their tool, of which only so many calls may be with workers at a time, or
//! units of what several tools share.
//!
//! A call that needs more than is free waits beside the queue, in the line of the first limit that holds it up, so that
//! others pass. When there is enough for the one whose turn it is, that goes back to where it would be without the limit.
//! It has what it needs only when a worker takes it, and then all of it at once: nobody keeps one thing while it waits for
//! another, and a call of a higher priority, or one that needs less, may still go before it, though not for ever. As much
//! is back in the queue as is free.
//!
//! A call that was overtaken too often keeps back from all that it needs those that came after it, wherever it waits. Of
//! two calls only the older one does so to the other, whatever limits they have in common: so the oldest always goes on,
//! and no two wait for each other. (That goes for calls by themselves. Chains of calls through several pools can still wait
//! for each other where one of them is kept back from what is free: [`deadlock`](crate::deadlock) knows what calls have, and
//! not what is kept for them. Such a wait ends by `queue_timeout`.)

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::queue::OVERTAKES;
use super::seat::Assigned;
use super::{Queue, Scheduler, Task};
use crate::link::ToolName;

/// What a call has of one limit while it is with a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pool) struct Demand {
    /// The number of the limit.
    pub(in crate::pool) limit: usize,
    /// How many of its units.
    pub(in crate::pool) units: usize,
}

/// Something of which there are only so many units.
#[derive(Debug)]
pub(super) struct Limit<C> {
    /// How many there are.
    units: usize,
    /// How many of them the calls have that are with workers, apart from those that run inside another call.
    pub(super) taken: usize,
    /// How many the calls need that are in the queue.
    pub(super) queued: usize,
    /// Those that it holds up, by how many units they need: there are as many lines as tools that need different numbers.
    pub(super) lines: BTreeMap<usize, Queue<C>>,
    /// Those that need it and wait in the queue, in its lines or in those of another limit, by admission.
    pub(super) waiting: BTreeSet<(Instant, u64)>,
    /// How many calls have taken units, since the last one before which nobody had come.
    pub(super) overtaken: u32,
}

/// Where a call stands among all that need the same, whatever their priorities: no two stand at the same place.
fn standing<C: Task>(call: &C) -> (Instant, u64) {
    (call.admitted(), call.key())
}

impl<C: Task> Limit<C> {
    fn new(units: usize) -> Self {
        let (lines, waiting) = (BTreeMap::new(), BTreeSet::new());
        Self { units, taken: 0, queued: 0, lines, waiting, overtaken: 0 }
    }

    /// The call that was overtaken too often, if one was.
    fn overdue(&self) -> Option<(Instant, u64)> {
        self.waiting.first().copied().filter(|_| self.overtaken >= OVERTAKES)
    }

    fn holds_up(&self, call: &C, units: usize) -> bool {
        self.taken + units > self.units || self.overdue().is_some_and(|overdue| overdue < standing(call))
    }

    fn take(&mut self, call: &C, units: usize) {
        match self.waiting.first().map(|first| first.cmp(&standing(call))) {
            Some(Ordering::Less) => self.overtaken += 1,
            // It has waited elsewhere, before all those: for them nothing has changed.
            Some(Ordering::Greater) => {}
            Some(Ordering::Equal) | None => self.overtaken = 0,
        }
        self.taken += units;
    }

    /// Who in its lines is the next to go on, with how many units it needs, if so many are free or will be left by those in
    /// the queue.
    pub(super) fn next_in_line(&self) -> Option<(usize, &C)> {
        let free = self.units.saturating_sub(self.taken + self.queued);
        let mut lines = self.lines.range(..=free);
        match self.overdue() {
            Some((_, key)) => lines.find_map(|(units, line)| Some((*units, line.get(key)?))),
            None => lines
                .filter_map(|(units, line)| Some((*units, line.front()?)))
                .min_by_key(|(_, call)| (Reverse(call.priority()), standing(*call))),
        }
    }

    fn leave_line(&mut self) -> Option<C> {
        let (units, call) = self.next_in_line().map(|(units, call)| (units, call.clone()))?;
        let line = self.lines.get_mut(&units)?;
        if line.front().is_some_and(|first| first.key() == call.key()) {
            return line.pop_front();
        }
        line.remove(&call).then_some(call)
    }
}

/// All limits of a pool, and what its tools need of them.
#[derive(Debug)]
pub(super) struct Limits<C> {
    needs: HashMap<ToolName, Arc<[Demand]>>,
    all: Vec<Limit<C>>,
    /// Those of which more may be free than before: somebody in their lines may go on.
    changed: Vec<usize>,
}

impl<C: Task> Limits<C> {
    /// Of each limit so many units. The first one has the number 0.
    pub(super) fn new(units: impl IntoIterator<Item = usize>) -> Self {
        Self { needs: HashMap::new(), all: units.into_iter().map(Limit::new).collect(), changed: Vec::new() }
    }

    /// What calls of a tool need, if it is anything.
    pub(super) fn needs(&self, tool: &ToolName) -> Option<&Arc<[Demand]>> {
        // For most pools there is nothing, and that is quickly seen.
        if self.needs.is_empty() { None } else { self.needs.get(tool) }
    }

    fn for_each(&mut self, call: &C, mut act: impl FnMut(&mut Limit<C>, usize)) {
        if !self.needs.is_empty()
            && let Some(needs) = self.needs.get(call.tool())
        {
            for need in &**needs {
                act(&mut self.all[need.limit], need.units);
            }
        }
    }

    /// Something was left of what `call` needs.
    fn note_change(&mut self, call: &C) {
        if let Some(needs) = self.needs.get(call.tool()) {
            self.changed.extend(needs.iter().map(|need| need.limit));
        }
    }

    /// The number of the first limit because of which `call` has to wait for others to end.
    pub(super) fn hold_up(&self, call: &C) -> Option<usize> {
        let needs = self.needs(call.tool())?;
        needs.iter().find(|need| self.all[need.limit].holds_up(call, need.units)).map(|need| need.limit)
    }

    /// A call takes all that it needs. Returns what that is.
    pub(super) fn take_units(&mut self, call: &C) -> Option<Arc<[Demand]>> {
        let needs = Arc::clone(self.needs(call.tool())?);
        self.for_each(call, |limit, units| limit.take(call, units));
        Some(needs)
    }

    /// A call joins the queue.
    pub(super) fn enqueued(&mut self, call: &C) {
        self.for_each(call, |limit, units| {
            limit.queued += units;
            limit.waiting.insert(standing(call));
        });
    }

    fn left_queue(&mut self, call: &C) {
        self.for_each(call, |limit, units| limit.queued -= units);
        self.note_change(call);
    }

    /// A call waits no more, in the queue or in a line.
    fn left(&mut self, call: &C) {
        self.for_each(call, |limit, _| {
            limit.waiting.remove(&standing(call));
        });
        self.note_change(call);
    }

    fn join_line(&mut self, number: usize, call: C) {
        self.for_each(&call, |limit, _| {
            limit.waiting.insert(standing(&call));
        });
        let units = self.needs(call.tool()).and_then(|needs| needs.iter().find(|need| need.limit == number));
        if let Some(units) = units.map(|need| need.units) {
            self.all[number].lines.entry(units).or_insert_with(Queue::new).join(call);
        }
    }

    fn leave_line(&mut self, number: usize) -> Option<C> {
        let call = self.all[number].leave_line()?;
        // What else it needs may have been kept for it, and it may have to wait elsewhere now.
        self.left(&call);
        Some(call)
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &Queue<C>> {
        self.all.iter().flat_map(|limit| limit.lines.values())
    }

    /// Takes a call out of the line in which it waits. False when it waits in none.
    fn remove(&mut self, call: &C) -> bool {
        let mut removed = false;
        self.for_each(call, |limit, units| {
            removed |= limit.lines.get_mut(&units).is_some_and(|line| line.remove(call));
        });
        if removed {
            self.left(call);
        }
        removed
    }

    /// Takes out of the lines whatever `leaves` says.
    pub(super) fn take(&mut self, mut leaves: impl FnMut(&C) -> bool) -> Vec<C> {
        let lines = self.all.iter_mut().flat_map(|limit| limit.lines.values_mut());
        let gone: Vec<C> = lines.flat_map(|line| line.take(&mut leaves)).collect();
        for call in &gone {
            self.left(call);
        }
        gone
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> &[Limit<C>] {
        &self.all
    }
}

impl<C: Task> Scheduler<C> {
    /// What calls of a tool need from now on. Said once, before the first of them: what is counted for them would not be
    /// right otherwise.
    pub(in crate::pool) fn set_needs(&mut self, tool: &str, needs: Vec<Demand>) {
        if !needs.is_empty() {
            self.limits.needs.entry(ToolName::Named(tool.into())).or_insert_with(|| needs.into());
        }
    }

    /// What calls of a tool need.
    pub(in crate::pool) fn needs(&self, tool: &ToolName) -> &[Demand] {
        self.limits.needs(tool).map_or(&[], |needs| &**needs)
    }

    /// A call waits in the line of a limit that holds it up.
    pub(super) fn wait_for(&mut self, limit: usize, call: C) {
        self.limits.join_line(limit, call);
        self.aside += 1;
        self.go_on();
    }

    /// The first of the queue waits in the line of a limit that holds it up.
    pub(super) fn hold_back_first(&mut self, limit: usize) {
        if let Some(call) = self.queue.pop_front() {
            self.limits.left_queue(&call);
            self.wait_for(limit, call);
        }
    }

    /// A call has left the queue, for a worker or for where it waits no more or for something else.
    pub(super) fn dequeued(&mut self, call: &C) {
        if !self.limits.needs.is_empty() {
            self.limits.left_queue(call);
            self.limits.left(call);
            self.go_on();
        }
    }

    /// Takes a call out that a limit holds up. False when none does.
    pub(super) fn leave_limit(&mut self, call: &C) -> bool {
        let removed = self.limits.remove(call);
        self.go_on();
        removed
    }

    /// A call has left its worker, and with that all that it had and its session.
    pub(super) fn vacate(&mut self, assigned: Assigned) {
        self.leave(assigned.exclusive);
        if let Some(needs) = assigned.needs {
            for need in &*needs {
                self.limits.all[need.limit].taken -= need.units;
                self.limits.changed.push(need.limit);
            }
            self.go_on();
        }
    }

    /// Those for whom there is enough now go on. Those that have to wait for one worker leave it to others meanwhile.
    pub(super) fn go_on(&mut self) {
        while let Some(number) = self.limits.changed.pop() {
            while let Some(call) = self.limits.leave_line(number) {
                self.aside -= 1;
                self.wait_again(call);
            }
        }
    }
}
