//! Tools of which only so many calls may be with workers at a time.
//!
//! A call beyond that waits beside the queue, so that others pass. When a place of its tool is free, the one whose turn
//! it is goes back to where it would be without the limit; it has the place only when a worker takes it, so that a call of
//! a higher priority may still go before it. As many are back in the queue as there are places.

use std::collections::HashMap;

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
}

impl<C> Limited<C> {
    fn is_full(&self) -> bool {
        self.running >= self.most
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
            tools.push(Limited { most, running: 0, queued: 0, line: Queue::new() });
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
        self.number(call).is_some_and(|number| self.tools[number].is_full())
    }

    /// A call takes a place of its tool. Returns the number of its limit.
    pub(super) fn take_place(&mut self, call: &C) -> Option<usize> {
        let number = self.number(call)?;
        self.tools[number].running += 1;
        Some(number)
    }

    /// A call joins the queue.
    pub(super) fn enqueued(&mut self, call: &C) {
        if let Some(tool) = self.of(call) {
            tool.queued += 1;
        }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &Queue<C>> {
        self.tools.iter().map(|tool| &tool.line)
    }

    pub(super) fn lines_mut(&mut self) -> impl Iterator<Item = &mut Queue<C>> {
        self.tools.iter_mut().map(|tool| &mut tool.line)
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
            tool.line.join(call);
            self.aside += 1;
        }
    }

    /// A call has left the queue for anywhere but a worker.
    pub(super) fn dequeued(&mut self, call: &C) {
        let Some(number) = self.limits.number(call) else { return };
        self.limits.tools[number].queued -= 1;
        self.fill_places(number);
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
            && let Some(call) = tool.line.pop_front()
        {
            self.aside -= 1;
            self.wait_again(call);
        }
    }
}
