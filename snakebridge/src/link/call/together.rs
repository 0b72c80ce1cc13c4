//! Calls that go together: one call that goes for all of them, and what becomes of each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{PendingCall, Stage, end_all};
use crate::link::batch::{Batch, Ticket};
use crate::link::request::{OwnedRequest, put_meta};
use crate::telemetry::Meter;
use crate::wire::CallName;

impl PendingCall {
    /// One call that goes for all of `members`, which are of one kind: of the same tool, in the same session, chain and
    /// manner, with the same metadata. It ends when nobody waits any more for any of them.
    ///
    /// `None` when nobody wants an answer by now.
    pub fn together(members: Vec<Arc<Self>>) -> Option<Arc<Self>> {
        let first = Arc::clone(members.first()?);
        let ids: Vec<_> = members.iter().map(|member| member.request.correlation_id()).collect();
        let common = ids[0].as_deref().filter(|id| ids.iter().all(|other| other.as_deref() == Some(id)));
        let request = OwnedRequest {
            target: first.request.target.clone(),
            stream: false,
            session: first.request.session.clone(),
            meta: put_meta(common, first.request.metadata().as_deref()),
            body: Vec::new(),
            inputs: 0,
            tools: first.request.tools,
        };
        let deadline = members.iter().map(|member| member.deadline).reduce(|a, b| Some(a?.max(b?))).flatten();
        let timeout = members.iter().map(|member| member.timeout).max().unwrap_or(Duration::MAX);
        let admitted = members.iter().map(|member| member.admitted).min().unwrap_or(first.admitted);
        let call = Self::new(request, deadline, timeout, false, admitted).inside(first.chain.clone());
        let mut call = call.with_handling(first.handling);
        call.session.clone_from(&first.session);
        call.tie.clone_from(&first.tie);
        call.batch = Some(Box::new(Batch::new(members)));
        let call = Arc::new(call);
        for member in call.members() {
            let mut state = member.lock();
            match state.stage {
                Stage::Done => call.batch.iter().for_each(|batch| batch.left()),
                _ => state.stage = Stage::Together(Arc::clone(&call)),
            }
        }
        (!call.is_deserted()).then_some(call)
    }

    /// The calls that it goes for: none, for most calls.
    pub fn members(&self) -> &[Arc<Self>] {
        self.batch.as_ref().map_or(&[], |batch| batch.members())
    }

    /// How many callers want its answer.
    pub fn callers(&self) -> usize {
        self.batch.as_ref().map_or(1, |batch| batch.wanted())
    }

    /// Whether it goes for others of whom none wants an answer any more.
    pub fn is_deserted(&self) -> bool {
        self.callers() == 0
    }

    /// The encoded arguments.
    pub fn body(&self) -> &[u8] {
        self.batch.as_ref().map_or(&self.request.body, |batch| batch.body())
    }

    /// Where it is counted, or those for which it goes.
    pub(crate) fn meters(&self) -> impl Iterator<Item = &Arc<Meter>> {
        self.meter.iter().chain(self.members().iter().filter_map(|member| member.meter.as_ref()))
    }

    /// Bytes of the encoded arguments, or a little less.
    pub fn size(&self) -> usize {
        self.batch.as_ref().map_or(self.request.body.len(), |batch| batch.size())
    }

    /// It waits for others of its kind.
    pub fn gathers(&self) {
        self.lock().stage = Stage::Gathering;
    }

    /// It goes alone after all, like any other call. False when nobody wants its answer.
    pub(crate) fn goes_alone(&self, ticket: Ticket) -> bool {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Done) {
            drop(state);
            return false;
        }
        state.stage = Stage::Queued;
        state.ticket = Some(ticket);
        true
    }

    /// Keeps `ticket` until it is over.
    pub(crate) fn keep(&self, ticket: Ticket) {
        let mut state = self.lock();
        if !matches!(state.stage, Stage::Done) {
            state.ticket = Some(ticket);
        }
    }

    /// It is on its way to a worker, in the call that goes for it and others. Returns whether for the first time.
    pub(in crate::link) fn went_along(&self, now: Instant, name: CallName) -> bool {
        let mut state = self.lock();
        let wanted = !matches!(state.stage, Stage::Done);
        wanted && self.note_attempt(&mut state, now, name)
    }

    /// Whether it is with a worker, by itself or in a call that goes for it and others.
    pub fn is_with_a_worker(&self) -> bool {
        match self.stage() {
            Stage::Sent { .. } => true,
            Stage::Together(call) => matches!(call.stage(), Stage::Sent { .. }),
            Stage::Queued | Stage::Gathering | Stage::Done => false,
        }
    }

    /// The calls that it went for go on without it, each like any other that waits; those that nobody wants are left out.
    /// It is over.
    pub fn come_apart(&self) -> Vec<Arc<Self>> {
        let (ticket, host_calls) = {
            let mut state = self.lock();
            self.leave(&mut state, Stage::Done);
            (state.ticket.take(), state.host_calls.take())
        };
        drop(ticket);
        end_all(host_calls);
        let mut apart = self.members().to_vec();
        apart.retain(|member| {
            let mut state = member.lock();
            let wanted = matches!(state.stage, Stage::Together(_));
            if wanted {
                member.leave(&mut state, Stage::Queued);
            }
            wanted
        });
        apart
    }
}
