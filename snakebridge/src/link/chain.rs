//! Nested calls: where in a chain of calls, from the host to Python and back, the host is.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use super::{Link, PendingCall};
use crate::session::Identity;

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
    /// The tool has ended: nobody waits any more.
    is_over: AtomicBool,
    /// How many calls that the tool made are with the worker that waits.
    nested: AtomicUsize,
}

impl Chain {
    /// The worker behind `link` waits, inside `call`, for its own call `asked`; until `deadline`.
    pub(crate) fn new(call: Arc<PendingCall>, link: Arc<Link>, asked: u64, deadline: Option<Instant>) -> Self {
        Self(Arc::new(Wait {
            call,
            link,
            asked,
            deadline,
            is_over: AtomicBool::new(false),
            nested: AtomicUsize::new(0),
        }))
    }

    /// The tool has ended. Calls that something of it still makes are no longer nested.
    pub(crate) fn end(&self) {
        self.0.is_over.store(true, SeqCst);
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

    /// When nobody waits any more for what the tool does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// The connection to the worker that waits, while it does.
    pub(crate) fn waiting(&self) -> Option<&Arc<Link>> {
        (!self.0.is_over.load(SeqCst)).then_some(&self.0.link)
    }

    /// Whether the worker that waits has a nested call of this tool.
    pub(crate) fn is_served(&self) -> bool {
        self.0.nested.load(SeqCst) > 0
    }

    /// What a nested call that goes over `link` names as its parent, if it is there that somebody waits.
    pub(super) fn parent_on(&self, link: &Link) -> Option<u64> {
        let waits_there = self.waiting().is_some_and(|waiting| std::ptr::eq(&raw const **waiting, link));
        waits_there.then_some(self.0.asked)
    }

    /// A nested call is with the worker behind `link`, or is not any more.
    pub(super) fn count(&self, link: &Arc<Link>, begins: bool) {
        if !Arc::ptr_eq(link, &self.0.link) {
            return;
        }
        if begins {
            self.0.nested.fetch_add(1, SeqCst);
        } else {
            self.0.nested.fetch_sub(1, SeqCst);
        }
    }
}
