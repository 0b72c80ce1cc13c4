//! Tools of which only so many calls may be with workers at a time.
//!
//! A call beyond that waits beside the queue, so that others pass. When a place of its tool is free, the one whose turn
//! it is goes back to where it would be without the limit; it has the place only when a worker takes it, so that a call of
//! a higher priority may still go before it, though not for ever. As many are back in the queue as there are places.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::queue::OVERTAKES;
use super::seat::Assigned;
use super::{Queue, Scheduler, Task};
use crate::link::ToolName;

/// A tool that has a limit.
#[derive(Debug)]
pub(super) struct Limited<C> {
    /// How many of its calls may be with workers.
    most: usize,
    /// How many are, apart from those that run inside another call.
    pub(super) running: usize,
    /// How many are in the queue.
    pub(super) queued: usize,
    /// Those that wait for a place.
    pub(super) line: Queue<C>,
    /// Those in the queue and those in the line, by admission.
    pub(super) waiting: BTreeSet<(Instant, u64)>,
    /// How many have taken a place, since the last one before which nobody had come.
    overtaken: u32,
}

impl<C: Task> Limited<C> {
    fn new(most: usize) -> Self {
        Self { most, running: 0, queued: 0, line: Queue::new(), waiting: BTreeSet::new(), overtaken: 0 }
    }

    /// The call that is the next to take a place, whatever the priorities of the others, when it was overtaken too often.
    pub(super) fn overdue(&self) -> Option<u64> {
        self.waiting.first().filter(|_| self.overtaken >= OVERTAKES).map(|(_, key)| *key)
    }

    fn holds_up(&self, call: &C) -> bool {
        self.running >= self.most || self.overdue().is_some_and(|key| key != call.key())
    }

    fn take_place(&mut self, call: &C) {
        let older = self.waiting.first().is_some_and(|(admitted, _)| *admitted < call.admitted());
        self.overtaken = if older { self.overtaken + 1 } else { 0 };
        self.running += 1;
    }

    fn join_line(&mut self, call: C) {
        self.waiting.insert((call.admitted(), call.key()));
        self.line.join(call);
    }

    fn leave_line(&mut self) -> Option<C> {
        let call = match self.overdue() {
            Some(key) => {
                let oldest = self.line.oldest().filter(|oldest| oldest.key() == key).cloned()?;
                self.line.remove(&oldest);
                oldest
            }
            None => self.line.pop_front()?,
        };
        self.waiting.remove(&(call.admitted(), call.key()));
        Some(call)
    }

    /// Whether all of its places are taken, or will be by those in the queue.
    pub(super) fn is_spoken_for(&self) -> bool {
        self.running + self.queued >= self.most
    }
}

/// All tools that have one.
#[derive(Debug)]
pub(super) struct ToolLimits<C> {
    numbers: HashMap<ToolName, usize>,
    tools: Vec<Limited<C>>,
}

impl<C: Task> ToolLimits<C> {
    pub(super) fn new<'a>(limits: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let (mut numbers, mut tools) = (HashMap::new(), Vec::new());
        for (tool, most) in limits {
            numbers.insert(ToolName::Named(tool.into()), tools.len());
            tools.push(Limited::new(most));
        }
        Self { numbers, tools }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// The number of the limit that `call` has, if its tool has one.
    pub(super) fn number(&self, call: &C) -> Option<usize> {
        // For most pools there are none, and that is quickly seen.
        if self.is_empty() { None } else { self.numbers.get(call.tool()).copied() }
    }

    fn of(&mut self, call: &C) -> Option<&mut Limited<C>> {
        let number = self.number(call)?;
        self.tools.get_mut(number)
    }

    /// Whether `call` has to wait for others of its tool to end.
    pub(super) fn hold_up(&self, call: &C) -> bool {
        self.number(call).is_some_and(|number| self.tools[number].holds_up(call))
    }

    /// A call takes a place of its tool. Returns the number of its limit.
    pub(super) fn take_place(&mut self, call: &C) -> Option<usize> {
        let number = self.number(call)?;
        self.tools[number].take_place(call);
        Some(number)
    }

    /// A call joins the queue.
    pub(super) fn enqueued(&mut self, call: &C) {
        if let Some(tool) = self.of(call) {
            tool.queued += 1;
            tool.waiting.insert((call.admitted(), call.key()));
        }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &Queue<C>> {
        self.tools.iter().map(|tool| &tool.line)
    }

    /// Takes a call out that waits for a place. False when it does not.
    fn remove(&mut self, call: &C) -> bool {
        let Some(tool) = self.of(call) else { return false };
        let removed = tool.line.remove(call);
        if removed {
            tool.waiting.remove(&(call.admitted(), call.key()));
        }
        removed
    }

    /// Takes out of the lines whatever `leaves` says.
    pub(super) fn take(&mut self, mut leaves: impl FnMut(&C) -> bool) -> Vec<C> {
        let mut gone = Vec::new();
        for tool in &mut self.tools {
            let taken = tool.line.take(&mut leaves);
            for call in &taken {
                tool.waiting.remove(&(call.admitted(), call.key()));
            }
            gone.extend(taken);
        }
        gone
    }

    #[cfg(test)]
    pub(super) fn get(&self, tool: &ToolName) -> Option<&Limited<C>> {
        self.numbers.get(tool).map(|&number| &self.tools[number])
    }
}

impl<C: Task> Scheduler<C> {
    /// A call waits for a place of its tool.
    pub(super) fn wait_for_place(&mut self, call: C) {
        if let Some(tool) = self.limits.of(&call) {
            tool.join_line(call);
            self.aside += 1;
        }
    }

    /// A call has left the queue for anywhere but a worker.
    pub(super) fn dequeued(&mut self, call: &C) {
        let Some(number) = self.limits.number(call) else { return };
        let tool = &mut self.limits.tools[number];
        tool.queued -= 1;
        tool.waiting.remove(&(call.admitted(), call.key()));
        self.fill_places(number);
    }

    /// Takes a call out that waits for a place of its tool. False when it does not.
    pub(super) fn leave_limit(&mut self, call: &C) -> bool {
        let removed = self.limits.remove(call);
        if removed && let Some(number) = self.limits.number(call) {
            // It may have been overdue, and have held up the others.
            self.fill_places(number);
        }
        removed
    }

    /// A call has left its worker, and with that the place of its tool and its session.
    pub(super) fn vacate(&mut self, assigned: Assigned) {
        self.leave(assigned.exclusive);
        if let Some(number) = assigned.limit {
            self.limits.tools[number].running -= 1;
            self.fill_places(number);
        }
    }

    /// As many as there are places for go on. Those that have to wait for one worker leave the place to others meanwhile.
    fn fill_places(&mut self, number: usize) {
        while let Some(tool) = self.limits.tools.get_mut(number).filter(|tool| !tool.is_spoken_for())
            && let Some(call) = tool.leave_line()
        {
            self.aside -= 1;
            self.wait_again(call);
        }
    }
}
