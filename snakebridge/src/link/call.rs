//! One call on its way: shared by the future that waits for it, the pool that routes it and the link that carries it.

mod inputs;
mod progress;
mod together;

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, Ticket};
use super::host_calls::HostCalls;
use super::input::Inputs;
use super::request::OwnedRequest;
use super::stage::{Item, Next, Stage};
use super::trial::Trial;
use super::{Chain, Handling, Link};
use crate::body::Function;
use crate::deadlock::Claim;
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::seeded::{self, Bug};
use crate::session::{Identity, Pin, Tie};
use crate::telemetry::{Meter, Progress};
use crate::wire::CallName;

/// What must not go while somebody may look at it.
pub(crate) type Kept = Vec<Arc<dyn Any + Send + Sync>>;

#[derive(Debug)]
struct State {
    stage: Stage,
    attempts: u32,
    /// When it was last sent.
    sent: Option<Instant>,
    /// Since when it waits, if it does.
    waits_since: Instant,
    /// A worker that it was with may have run it.
    may_have_run: bool,
    items: VecDeque<Item>,
    /// Items that came, delivered or not. With one, the call is committed: it is not repeated.
    received: u64,
    inputs: Option<Box<Inputs>>,
    /// Whoever is to know when it is over.
    ticket: Option<Ticket>,
    /// Keeps its session until it is over, and the objects among its arguments.
    pin: Option<(Pin, Kept)>,
    /// What it has for itself, or waits for, until it is over: its session, a place of its tool.
    claims: Vec<Claim>,
    /// The worker that had it last.
    worker: Option<u64>,
    /// What it has been known by since it was first sent, where it has no correlation id.
    name: Option<CallName>,
    /// Calls to the host that are made inside it, once there is one.
    host_calls: Option<Box<HostCalls>>,
    /// The last that its tool has told of how far it is, until somebody has heard it.
    progress: Option<Box<Progress>>,
    outcome: Option<Result<Bytes>>,
    waker: Option<Waker>,
}

impl State {
    /// Whether it has what it claims, or waits for it.
    fn has_its_claims(&self, has: bool) {
        for claim in &self.claims {
            claim.set_waiting(!has);
        }
    }
}

/// A call that is waiting, running or answered.
#[derive(Debug)]
pub struct PendingCall {
    /// What it asks for.
    pub request: OwnedRequest,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// How long that was, for the message.
    pub timeout: Duration,
    /// Whether it may be repeated when nobody knows if it ran.
    pub idempotent: bool,
    /// How the pool is to treat it.
    pub handling: Handling,
    /// When it was admitted.
    pub admitted: Instant,
    /// The session it runs in.
    pub(crate) session: Option<Arc<Identity>>,
    /// What that means for where it goes.
    pub(crate) tie: Option<Box<Tie>>,
    /// The tool that makes it, if one does.
    chain: Option<Chain>,
    /// Functions of the host among its arguments.
    pub(crate) functions: Vec<Function>,
    /// Whether it tries its tool out.
    pub trial: Option<Trial>,
    /// Where it is counted: not at all, if it is a call of our own.
    pub(crate) meter: Option<Arc<Meter>>,
    /// The calls that it goes for, if it goes for others.
    pub(crate) batch: Option<Box<Batch>>,
    state: Mutex<State>,
}

impl PendingCall {
    /// A call that has not been sent.
    pub fn new(
        request: OwnedRequest,
        deadline: Option<Instant>,
        timeout: Duration,
        idempotent: bool,
        admitted: Instant,
    ) -> Self {
        let state = State {
            stage: Stage::Queued,
            attempts: 0,
            sent: None,
            waits_since: admitted,
            may_have_run: false,
            items: VecDeque::new(),
            received: 0,
            inputs: None,
            ticket: None,
            pin: None,
            claims: Vec::new(),
            worker: None,
            name: None,
            host_calls: None,
            progress: None,
            outcome: None,
            waker: None,
        };
        let (handling, session, tie, chain) = (Handling::default(), None, None, None);
        let (functions, trial, meter, batch, state) = (Vec::new(), None, None, None, Mutex::new(state));
        Self {
            request,
            deadline,
            timeout,
            idempotent,
            handling,
            admitted,
            session,
            tie,
            chain,
            functions,
            trial,
            meter,
            batch,
            state,
        }
    }

    /// The same, made by a tool of the host that Python called.
    pub fn inside(self, chain: Option<Chain>) -> Self {
        Self { chain, ..self }
    }

    /// The tool that makes it, if one does.
    pub fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    /// How many calls of the host it is inside of, itself included.
    pub fn depth(&self) -> u32 {
        self.chain.as_ref().map_or(1, |chain| chain.depth() + 1)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is.
    pub fn stage(&self) -> Stage {
        self.lock().stage.clone()
    }

    /// Whether it is answered or given up.
    pub fn is_done(&self) -> bool {
        matches!(self.lock().stage, Stage::Done)
    }

    /// For how long a worker has had it, if one ever had.
    pub fn running_for(&self) -> Option<Duration> {
        self.lock().sent.map(|sent| sent.elapsed())
    }

    /// How often it was handed to a worker.
    pub fn attempts(&self) -> u32 {
        self.lock().attempts
    }

    /// Whether items of it have come, or streams among its arguments were pulled, so that it cannot be repeated.
    pub fn is_committed(&self) -> bool {
        self.lock().is_committed()
    }

    /// Whether items of it have come.
    pub fn has_received(&self) -> bool {
        self.lock().received > 0
    }

    /// Says how the pool is to treat it.
    pub fn with_handling(self, handling: Handling) -> Self {
        Self { handling, ..self }
    }

    /// Lets it run in a session, which lives until it is over, and so does what is `kept`.
    pub(crate) fn in_session(mut self, pin: Pin, tie: Option<Tie>, kept: Kept) -> Self {
        self.tie = tie.map(Box::new);
        self.session = Some(Arc::clone(pin.identity()));
        self.lock().pin = Some((pin, kept));
        self
    }

    /// Says what it has for itself, or waits for, until it is over.
    pub(crate) fn claim(&self, claim: Claim) {
        self.lock().claims.push(claim);
    }

    /// Makes it one for `worker` and no other, in no session.
    pub(crate) fn tied_to(mut self, worker: u64) -> Self {
        self.tie = Some(Box::new(Tie::to_worker(worker)));
        self
    }

    /// The worker that had it last.
    pub(crate) fn worker(&self) -> Option<u64> {
        self.lock().worker
    }

    /// By what logs and events of it are found: the correlation id that it was given, or what it has been known by since it
    /// was first sent.
    pub(crate) fn correlation_id(&self) -> Option<String> {
        self.request.correlation_id().or_else(|| Some(self.lock().name?.to_string()))
    }

    /// The metadata map as it is sent now. A call that is sent once more keeps the name that it had the first time.
    pub(super) fn meta(&self) -> Option<Bytes> {
        let name = self.lock().name;
        match name.filter(|_| self.request.correlation_id().is_none()) {
            Some(name) => Some(self.request.meta_with(&name.to_string())),
            None => self.request.meta.clone(),
        }
    }

    /// Lends it the functions that its arguments name.
    pub(crate) fn with_functions(self, functions: Vec<Function>) -> Self {
        Self { functions, ..self }
    }

    /// Makes it the one that tries its tool out.
    pub fn with_trial(self, trial: Option<Trial>) -> Self {
        Self { trial, ..self }
    }

    /// Has it counted there.
    pub(crate) fn counted_by(self, meter: Arc<Meter>) -> Self {
        Self { meter: Some(meter), ..self }
    }

    /// Where it is, while it is with a worker.
    pub(super) fn connection(&self) -> Option<(Arc<Link>, u64)> {
        match &self.lock().stage {
            Stage::Sent { link, id } => Some((Arc::clone(link), *id)),
            Stage::Queued | Stage::Gathering | Stage::Together(_) | Stage::Done => None,
        }
    }

    /// It was sent under `id`. False when nobody waits for it any more.
    pub(super) fn sent(&self, link: &Arc<Link>, id: u64, now: Instant) -> bool {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Done) {
            return false;
        }
        let name = link.name_of(id);
        self.note_attempt(&mut state, now, name);
        state.worker = Some(link.worker());
        state.stage = Stage::Sent { link: Arc::clone(link), id };
        state.has_its_claims(true);
        if let Some(chain) = &self.chain {
            chain.count(link, true);
        }
        state.tell_inputs();
        drop(state);
        if let Some(batch) = &self.batch {
            batch.sent(now, name);
        }
        true
    }

    /// It is handed to a worker. Returns whether for the first time.
    fn note_attempt(&self, state: &mut State, now: Instant, name: CallName) -> bool {
        state.attempts += 1;
        state.name.get_or_insert(name);
        let is_first = state.sent.replace(now).is_none();
        match &self.meter {
            Some(meter) if is_first => meter.sent(now.saturating_duration_since(self.admitted)),
            Some(meter) => meter.sent_again(),
            None => {}
        }
        is_first
    }

    /// Since when it waits for a worker, if it does.
    pub fn waits_since(&self) -> Instant {
        self.lock().waits_since
    }

    /// It goes back to the queue after its worker was lost, where it was `executed` so far. False when nobody waits for it
    /// any more, or it is committed.
    pub fn requeue(&self, executed: Executed) -> bool {
        let mut state = self.lock();
        let wanted = !matches!(state.stage, Stage::Done) && !state.is_committed();
        if !wanted {
            return false;
        }
        self.leave(&mut state, Stage::Queued);
        state.waits_since = Instant::now();
        state.may_have_run |= executed != Executed::Never;
        state.has_its_claims(false);
        let begun = state.host_calls.take();
        drop(state);
        end_all(begun);
        true
    }

    /// It leaves the place where it was for another. Returns where it was.
    fn leave(&self, state: &mut State, next: Stage) -> Stage {
        let before = std::mem::replace(&mut state.stage, next);
        match (&before, &self.chain) {
            (Stage::Sent { link, .. }, Some(chain)) => chain.count(link, false),
            (Stage::Together(call), _) => call.batch.iter().for_each(|batch| batch.left()),
            _ => {}
        }
        before
    }

    /// Python makes a call to the host inside it, under `key`; `cancellation` ends that with this one.
    ///
    /// # Errors
    /// `CallEnded` when it is over; `queue_full` when there were too many.
    pub fn begin_host_call(&self, key: (u64, u64), cancellation: &CancellationToken) -> Result<()> {
        let mut state = self.lock();
        match state.stage {
            Stage::Done => Err(Error::new(ErrorKind::CallEnded, Executed::Never)),
            _ => state.host_calls.get_or_insert_default().begin(key, cancellation.clone()),
        }
    }

    /// A call to the host inside it has ended.
    pub fn end_host_call(&self, key: (u64, u64)) {
        if let Some(calls) = &mut self.lock().host_calls {
            calls.end(key);
        }
    }

    /// It goes back to the queue because its worker took no more calls: it never ran there, and that was no attempt. False
    /// when nobody waits for it any more, or it is committed.
    pub fn hand_back(&self) -> bool {
        let wanted = self.requeue(Executed::Never);
        if wanted {
            let mut state = self.lock();
            state.attempts = state.attempts.saturating_sub(1);
        }
        wanted
    }

    /// Its answer. Returns false, and does nothing, when it had one already or was given up.
    pub fn complete(&self, outcome: Result<Bytes>) -> bool {
        let (waker, pin, claims, ticket, host_calls, of_all) = {
            let mut state = self.lock();
            if matches!(state.stage, Stage::Done) && !seeded::has(Bug::DoubleAnswer) {
                return false;
            }
            let worker = match self.leave(&mut state, Stage::Done) {
                Stage::Sent { link, .. } => Some(link.worker()),
                Stage::Queued | Stage::Gathering | Stage::Together(_) | Stage::Done => None,
            };
            let attempts = state.attempts;
            if let Some(meter) = &self.meter {
                meter.ended(outcome.as_ref().err(), state.sent.map(|sent| sent.elapsed()));
            }
            let may_have_run = state.may_have_run;
            let outcome = outcome.map_err(|error| {
                // Whoever ends a wait knows nothing of what was before it.
                let error = if may_have_run { error.that_may_have_run() } else { error };
                let error = error.for_tool(&self.request.target).after_attempts(attempts);
                let named = || state.name.map(|name| name.to_string());
                let error = error.correlated(self.request.correlation_id().or_else(named));
                match worker {
                    Some(worker) => error.on_worker(worker),
                    None => error,
                }
            });
            let mut of_all = None;
            match &self.batch {
                Some(batch) => of_all = Some((batch, outcome, worker)),
                None => state.outcome = Some(outcome),
            }
            state.tell_inputs();
            let (pin, claims) = (state.pin.take(), std::mem::take(&mut state.claims));
            (state.waker.take(), pin, claims, state.ticket.take(), state.host_calls.take(), of_all)
        };
        // First: whoever hears of the end finds its session without it.
        drop((pin, claims));
        end_all(host_calls);
        if let Some((batch, outcome, worker)) = of_all {
            batch.deliver(outcome, worker);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
        // Last: calls that those make who have just been answered are to go together.
        drop(ticket);
        true
    }

    /// An item of its stream.
    pub(super) fn push(&self, item: Item) {
        let waker = {
            let mut state = self.lock();
            state.received += 1;
            if matches!(state.stage, Stage::Done) {
                return;
            }
            state.items.push_back(item);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nobody waits for it any more. Returns where it was.
    pub fn abandon(&self) -> Stage {
        let mut state = self.lock();
        state.waker = None;
        state.items.clear();
        state.tell_inputs();
        let stage = self.leave(&mut state, Stage::Done);
        if let Some(meter) = self.meter.as_ref().filter(|_| !matches!(stage, Stage::Done)) {
            meter.cancelled();
        }
        let (pin, claims) = (state.pin.take(), std::mem::take(&mut state.claims));
        let (ticket, host_calls) = (state.ticket.take(), state.host_calls.take());
        drop(state);
        drop((pin, claims, ticket));
        end_all(host_calls);
        stage
    }

    /// Waits for the answer.
    pub fn poll_outcome(&self, context: &mut Context<'_>) -> Poll<Result<Bytes>> {
        let mut state = self.lock();
        if let Some(outcome) = state.outcome.take() {
            return Poll::Ready(outcome);
        }
        register(&mut state.waker, context);
        Poll::Pending
    }

    /// Waits for the next item, or the end. Items that came before an error are delivered before it.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.lock();
        if let Some(item) = state.items.pop_front() {
            let origin = match &state.stage {
                Stage::Sent { link, id } => Some((Arc::clone(link), *id)),
                // The stream has ended: nobody waits for the credit.
                _ => None,
            };
            return Poll::Ready(Next::Item(item, origin));
        }
        match state.outcome.take() {
            Some(Ok(value)) => Poll::Ready(Next::End(value)),
            Some(Err(error)) => Poll::Ready(Next::Failed(error)),
            None => {
                register(&mut state.waker, context);
                Poll::Pending
            }
        }
    }
}

/// The call inside which these were made is over, and they with it.
fn end_all(host_calls: Option<Box<HostCalls>>) {
    if let Some(calls) = host_calls {
        calls.cancel();
    }
}

fn register(waker: &mut Option<Waker>, context: &Context<'_>) {
    match waker {
        Some(waker) if waker.will_wake(context.waker()) => {}
        waker => *waker = Some(context.waker().clone()),
    }
}
