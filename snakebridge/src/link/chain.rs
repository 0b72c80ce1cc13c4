//! Nested calls: where in a chain of calls, from the host to Python and back, the host is.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use super::{Link, PendingCall};
use crate::session::Identity;
use crate::telemetry::Progress;

/// A worker waits, inside a call of ours, for a tool of the host that runs: what calls that this tool makes have to know.
///
/// The host keeps it. A worker names the call that it runs when it asks, and everything else follows from the host's own
/// record of that.
#[derive(Debug, Clone)]
pub struct Chain(Arc<Wait>);

#[derive(Debug)]
struct Wait {
    /// The call inside which the worker asks.
    call: Arc<PendingCall>,
    link: Arc<Link>,
    /// The id of the worker's call.
    asked: u64,
    deadline: Option<Instant>,
    /// The span of a trace in which the worker asks, where it says one.
    traceparent: Option<String>,
    /// The tool has ended: nobody waits any more.
    is_over: AtomicBool,
    /// How many calls that the tool made, or tools further down, are with the worker that waits.
    nested: AtomicUsize,
}

impl Chain {
    /// The worker behind `link` waits, inside `call`, for its own call `asked`, which it makes in the span `traceparent`, if it
    /// says one; until `deadline`.
    pub(crate) fn new(
        call: Arc<PendingCall>,
        link: Arc<Link>,
        (asked, traceparent): (u64, Option<String>),
        deadline: Option<Instant>,
    ) -> Self {
        Self(Arc::new(Wait {
            call,
            link,
            asked,
            deadline,
            traceparent,
            is_over: AtomicBool::new(false),
            nested: AtomicUsize::new(0),
        }))
    }

    /// The tool has ended. Calls that something of it still makes are no longer nested.
    pub(crate) fn end(&self) {
        self.0.is_over.store(true, SeqCst);
    }

    /// The correlation id of the call that the tool serves, or what that is known by.
    pub(crate) fn correlation_id(&self) -> Option<String> {
        self.0.call.correlation_id()
    }

    /// The span of a trace in which the tool was called: the worker's own, or else that of the call that the tool serves.
    pub(crate) fn traceparent(&self) -> Option<String> {
        self.0.traceparent.clone().or_else(|| self.0.call.request.traceparent())
    }

    /// The tool tells how far it is: that is how far the call is that it serves.
    pub(crate) fn has_come(&self, progress: Progress) {
        self.0.call.has_come(progress);
    }

    /// How many calls of the host are inside one another here.
    pub(crate) fn depth(&self) -> u32 {
        self.0.call.depth()
    }

    /// The session of the call inside which the worker asks.
    pub(crate) fn session(&self) -> Option<&Arc<Identity>> {
        self.0.call.session.as_ref()
    }

    /// Tells chains apart: the key of the call that began it.
    pub(crate) fn key(&self) -> u64 {
        match self.0.call.chain() {
            Some(chain) => chain.key(),
            None => Arc::as_ptr(&self.0.call).addr() as u64,
        }
    }

    /// Tells the waits of a chain apart.
    pub(crate) fn wait(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// When nobody waits any more for what the tool does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// This wait and those that it is inside of, from the innermost on, while they last. Each of them ends after the one
    /// below it, so that what this tool calls may have to be served by any of the workers that wait there.
    fn waits(&self) -> impl Iterator<Item = &Self> {
        self.around().take_while(|chain| !chain.0.is_over.load(SeqCst))
    }

    fn around(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |chain| chain.0.call.chain())
    }

    /// The connections to the workers that wait for this chain, from the innermost wait on. A worker that waits more than
    /// once is there as often.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.waits().map(|chain| &chain.0.link)
    }

    /// Whether the worker behind `link` has a nested call already that is made where it waits.
    pub(crate) fn is_served_by(&self, link: &Arc<Link>) -> bool {
        self.nearest(link).is_some_and(|wait| wait.nested.load(SeqCst) > 0)
    }

    /// The innermost wait of the worker behind `link`, whether it lasts or not.
    fn nearest(&self, link: &Arc<Link>) -> Option<&Wait> {
        self.around().map(|chain| &*chain.0).find(|wait| Arc::ptr_eq(&wait.link, link))
    }

    /// What a nested call that goes over `link` names as its parent, if somebody waits there: for the tool that makes it, or
    /// further up. It is the innermost such wait, which is the one that the worker's thread is in.
    pub(super) fn parent_on(&self, link: &Link) -> Option<u64> {
        let waits_there = |chain: &&Self| std::ptr::eq(&raw const *chain.0.link, link);
        self.waits().find(waits_there).map(|chain| chain.0.asked)
    }

    /// A nested call is with the worker behind `link`, or is not any more.
    pub(super) fn count(&self, link: &Arc<Link>, begins: bool) {
        let Some(wait) = self.nearest(link) else { return };
        if begins {
            wait.nested.fetch_add(1, SeqCst);
        } else {
            wait.nested.fetch_sub(1, SeqCst);
        }
    }
}
