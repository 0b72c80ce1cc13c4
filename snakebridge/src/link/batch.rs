//! A call that goes for several callers: their arguments together, and to each its own answer.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;

use super::PendingCall;
use crate::body::{BatchArguments, read_batch};
use crate::error::Result;
use crate::wire::CallName;

/// The calls that one call goes for.
pub(crate) struct Batch {
    members: Vec<Arc<PendingCall>>,
    /// Who was left when it was first sent.
    sealed: OnceLock<Sealed>,
    /// How many of the members want an answer.
    wanted: AtomicUsize,
}

/// What was sent.
struct Sealed {
    members: Vec<Arc<PendingCall>>,
    body: Vec<u8>,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The members refer to the call that goes for them.
        f.debug_struct("Batch")
            .field("calls", &self.members.len())
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl Batch {
    pub(super) fn new(members: Vec<Arc<PendingCall>>) -> Self {
        let wanted = AtomicUsize::new(members.len());
        Self { members, sealed: OnceLock::new(), wanted }
    }

    /// The calls that it was made for.
    pub(crate) fn members(&self) -> &[Arc<PendingCall>] {
        &self.members
    }

    /// How many of them want an answer.
    pub(crate) fn wanted(&self) -> usize {
        self.wanted.load(SeqCst)
    }

    /// A member wants no answer any more, or has it.
    pub(super) fn left(&self) {
        self.wanted.fetch_sub(1, SeqCst);
    }

    /// Bytes of all arguments together.
    pub(super) fn size(&self) -> usize {
        self.members.iter().map(|member| member.request.body.len()).sum()
    }

    /// The body of the CALL. Who has left when it is first asked for is not in it.
    pub(super) fn body(&self) -> &[u8] {
        &self.sealed().body
    }

    fn sealed(&self) -> &Sealed {
        self.sealed.get_or_init(|| {
            let members: Vec<_> = self.members.iter().filter(|member| !member.is_done()).cloned().collect();
            let mut body = BatchArguments::with_room(self.size() + 64 * members.len());
            for member in &members {
                let correlation_id = member.request.correlation_id();
                body.add(&member.request.body, correlation_id.as_deref());
            }
            Sealed { members, body: body.finish() }
        })
    }

    /// It was sent to a worker.
    pub(super) fn sent(&self, now: Instant, name: CallName) {
        let members = &self.sealed().members;
        let mut is_first = true;
        for member in members {
            is_first &= member.went_along(now, name);
        }
        if let Some(meter) = members.first().and_then(|first| first.meter.as_ref()).filter(|_| is_first) {
            meter.went_together(members.len());
        }
    }

    /// Gives each member its own part of the answer, or all the same error.
    pub(super) fn deliver(&self, outcome: Result<Bytes>, worker: Option<u64>) {
        let sent = self.sealed.get().map_or(&self.members, |sealed| &sealed.members);
        match outcome.and_then(|body| read_batch(&body, sent.len())) {
            Ok(answers) => {
                for (member, answer) in sent.iter().zip(answers) {
                    member.complete(answer.map_err(|error| match worker {
                        Some(worker) => error.on_worker(worker),
                        None => error,
                    }));
                }
            }
            Err(error) => {
                for member in &self.members {
                    member.complete(Err(error.clone()));
                }
            }
        }
    }
}

/// Tells when a call is over, however it ends: dropped then.
pub(crate) struct Ticket(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Ticket {
    /// `over` is called once.
    pub(crate) fn new(over: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(over)))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(over) = self.0.take() {
            over();
        }
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket")
    }
}
