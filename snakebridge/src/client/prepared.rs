//! What a call and a stream are before they are sent: the tool, the options, and when the caller made them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::cache::Key;
use super::kept::{self, Asked, Asking};
use super::objects::{self, Origin};
use super::{CallOptions, Caller, Keep, Shared};
use crate::body::{self, Attached, Encoded, PassedObject};
use crate::error::{Error, ErrorKind, Executed, Phase, Result, shown};
use crate::link::{Chain, PendingCall, ToolName};
use crate::pool::{InSession, PoolHandle, Submission};
use crate::session::{Need, SessionName};
use crate::telemetry::Progress;
use crate::tools::current_chain;
use crate::value::Value;
use crate::wire::limits::is_tool_name;

/// Hears how far a call is.
pub(super) struct OnProgress(Box<dyn FnMut(Progress) + Send>);

impl std::fmt::Debug for OnProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnProgress")
    }
}

impl OnProgress {
    pub(super) fn new(hears: impl FnMut(Progress) + Send + 'static) -> Self {
        Self(Box::new(hears))
    }
}

/// A call that is not sent yet.
#[derive(Debug)]
pub(super) struct Prepared {
    caller: Caller,
    pub(super) tool: ToolName,
    /// The deadline counts from here.
    created: Instant,
    /// The tool that makes the call, if one does.
    chain: Option<Chain>,
    pub(super) options: CallOptions,
    /// Who hears how far it is.
    pub(super) on_progress: Option<OnProgress>,
    /// Where the pool is that has it, once one has.
    place: usize,
}

impl Prepared {
    pub(super) fn new(caller: &Caller, tool: ToolName, options: CallOptions) -> Self {
        let chain = caller.chain.clone().or_else(current_chain);
        Self { caller: caller.clone(), tool, created: Instant::now(), chain, options, on_progress: None, place: 0 }
    }

    /// Hands the call to the pool, for one reply or for a stream.
    pub(super) fn submit(&mut self, arguments: Result<Encoded>, stream: bool) -> Result<Arc<PendingCall>> {
        let submission = || {
            self.check_name()?;
            if stream {
                self.options.check_stream()?;
            }
            let Encoded { body, attached: Attached { inputs, objects, functions } } = arguments?;
            let place = self.choose_pool(&objects)?;
            let mut session = self.session()?;
            let meta = self.meta(place, session.as_ref())?;
            self.pass(objects, place, session.as_mut())?;
            let submission = Submission {
                target: self.tool.clone(),
                body,
                inputs,
                functions,
                stream,
                created: self.created,
                chain: self.chain.clone(),
                timeout: self.options.timeout,
                session,
                meta,
                idempotent: self.options.idempotent,
                handling: self.options.handling,
                worker: None,
            };
            Ok((place, submission))
        };
        let submitted = submission().and_then(|(place, submission)| -> Result<_> {
            Ok((place, self.caller.shared()?.pools.at(place).submit(submission)?))
        });
        let (place, call) = submitted.map_err(|error| self.explain(error.for_tool(&self.tool)))?;
        self.place = place;
        Ok(call)
    }

    /// The error as its caller is to read it.
    pub(super) fn explain(&self, error: Error) -> Error {
        error.about(self.options.subject.as_ref().map(|subject| &*subject.name))
    }

    fn meta(&self, place: usize, session: Option<&InSession>) -> Result<Option<Bytes>> {
        let correlation_id = self.chain.as_ref().and_then(Chain::correlation_id);
        let traceparent = self.chain.as_ref().and_then(Chain::traceparent);
        let keeps = self.caller.shared()?.pools.at(place).objects().is_some();
        let scope = session.filter(|_| keeps).map(|session| session.pin.identity().life());
        self.options.meta((correlation_id.as_deref(), traceparent.as_deref()), scope)
    }

    /// The pool that the call names, or its client, or that keeps the objects which are passed; else it is the tool's.
    fn choose_pool(&self, objects: &[PassedObject]) -> Result<usize> {
        let pools = &self.caller.shared()?.pools;
        match (&self.options.pool, self.caller.pool, objects) {
            (Some(name), ..) if self.options.is_about_a_module() => pools.with_modules(Some(pools.named(name)?)),
            (None, place, _) if self.options.is_about_a_module() => pools.with_modules(place),
            (Some(name), ..) => pools.named(name),
            (None, Some(place), _) => Ok(place),
            (None, None, [object, ..]) => Ok(object.pool),
            (None, None, []) => pools.of_tool(&self.tool),
        }
    }

    /// Objects are passed to the worker that keeps them, in the session for which it does.
    fn pass(&self, objects: Vec<PassedObject>, place: usize, session: Option<&mut InSession>) -> Result<()> {
        let Some(first) = objects.first() else {
            if let Some(session) = session.filter(|_| self.options.is_about_a_module()) {
                session.need = Need::FreshStart;
            }
            return Ok(());
        };
        let refused = |message: &str| Err(Error::invalid_argument(message));
        let Some(session) = session else {
            return refused("an object of Python among the arguments of a call in no session: make it in the object's");
        };
        if objects.iter().any(|object| object.scope != session.pin.identity().life()) {
            return refused("an object of Python among the arguments belongs to another session than the call");
        }
        if objects.iter().any(|object| object.pool != place) {
            return refused("an object of Python among the arguments is kept by another pool than the call goes to");
        }
        if let Some(other) = objects.iter().find(|object| object.worker != first.worker) {
            let (one, other) = (first.worker, other.worker);
            return Err(Error::invalid_argument(format!(
                "objects of Python among the arguments are kept by workers {one} and {other}: pass one of them as a value"
            )));
        }
        session.need = Need::Worker(first.worker);
        session.kept = objects.into_iter().map(|object| object.handle).collect();
        Ok(())
    }

    /// Where what `call` answers comes from, if there may be objects in it.
    pub(super) fn origin(&self, call: &PendingCall) -> Option<Origin> {
        let session = call.session.as_ref()?;
        let pool = self.pool().ok()?;
        pool.objects()?;
        Some(Origin::new(&self.caller, self.place, pool.name().into(), call.worker()?, session))
    }

    /// Asks for a result that is kept, or is about to be; `None` when there is none for a call like this.
    pub(super) fn ask(&self, arguments: &Result<Encoded>) -> Result<Option<Asked>> {
        // Who makes the call is told what is wrong with these.
        let (Ok(shared), Ok(arguments)) = (self.caller.shared(), arguments) else { return Ok(None) };
        let Attached { inputs, objects, functions } = &arguments.attached;
        let is_plain = inputs.is_empty() && objects.is_empty() && functions.is_empty();
        let said = match self.options.keep {
            Keep::Never => return Ok(None),
            Keep::For(kept) => Some(kept),
            Keep::AsDeclared if !shared.pools.keep_results() || !is_plain => return Ok(None),
            Keep::AsDeclared => None,
        };
        if !functions.is_empty() {
            let message = "`cache` of a call with a function among its arguments: what it will do is not known";
            return Err(Error::invalid_argument(message).for_tool(&self.tool));
        }
        if !objects.is_empty() {
            let message = "`cache` of a call with an object of Python among its arguments: it may change";
            return Err(Error::invalid_argument(message).for_tool(&self.tool));
        }
        if !inputs.is_empty() {
            let message = "`cache` of a call with a stream among its arguments: what it will yield is not known";
            return Err(Error::invalid_argument(message).for_tool(&self.tool));
        }
        // Said first: whoever is in no session that lives gets nothing out of one.
        let session = self.session().map_err(|error| error.for_tool(&self.tool))?;
        let place = self.choose_pool(&[]).map_err(|error| error.for_tool(&self.tool))?;
        let pool = shared.pools.at(place);
        let Some(kept) = said.or_else(|| pool.keeps(&self.tool)) else { return Ok(None) };
        let pin = session.map(|InSession { pin, .. }| pin);
        let key = Key {
            pool: place,
            manifest: pool.manifest_hash(),
            tool: self.tool.clone(),
            session: pin.as_ref().map(|pin| pin.identity().life_of_id()),
            metadata: body::encode(&Value::Map(self.options.metadata.clone()))?,
            arguments: arguments.body.clone(),
        };
        let deadline = self.created.checked_add(self.timeout(pool));
        let asked = kept::ask(shared, Asking { key, kept, may_follow: self.chain.is_none(), deadline, pin });
        if matches!(asked, Asked::Kept(_)) {
            pool.count_kept(&self.tool);
        }
        Ok(Some(asked))
    }

    /// The error of a call whose time was over before it ran.
    pub(super) fn late(&self) -> Error {
        let timeout = self.caller.shared().map(|shared| self.timeout(shared.pools.at(self.place)));
        let kind = ErrorKind::DeadlineExceeded { timeout: timeout.unwrap_or_default(), phase: Phase::Queue };
        Error::new(kind, Executed::Never).for_tool(&self.tool)
    }

    fn timeout(&self, pool: &PoolHandle) -> Duration {
        self.options.timeout.unwrap_or_else(|| pool.call_timeout(&self.tool))
    }

    /// What it shares with all calls of its bridge.
    pub(super) fn shared(&self) -> Result<Arc<Shared>> {
        self.caller.shared().cloned()
    }

    /// The pool that has it.
    fn pool(&self) -> Result<&PoolHandle> {
        Ok(self.caller.shared()?.pools.at(self.place))
    }

    /// The session that this call names, or that of its caller.
    fn named_session(&self) -> Option<&SessionName> {
        self.options.session.as_ref().or(self.caller.session.as_ref())
    }

    /// The session that this call names, or that of its caller, of the call inside which it is made, or of its task; and
    /// where in it the call goes.
    fn session(&self) -> Result<Option<InSession>> {
        let sessions = &self.caller.shared()?.sessions;
        let pin = match self.named_session() {
            Some(name) => Some(sessions.begin_call(name)?),
            None => match self.chain.as_ref().and_then(Chain::session) {
                Some(session) => Some(sessions.begin_call(&SessionName::known(session))?),
                None => sessions.begin_unnamed_call()?,
            },
        };
        let Some(pin) = pin else { return Ok(None) };
        let (affinity, default_affinity) = (self.options.affinity, sessions.config().affinity);
        let (needs, need, kept) = (self.options.session_use, Need::Nothing, Vec::new());
        Ok(Some(InSession { pin, affinity, default_affinity, needs, need, kept }))
    }

    /// Tells who wants to hear it how far `call` is, which this became. After `call` was polled, so that what comes later wakes
    /// the task.
    pub(super) fn tell_progress(&mut self, call: &PendingCall) {
        if let Some(OnProgress(hears)) = &mut self.on_progress
            && let Some(progress) = call.take_progress()
        {
            hears(progress);
        }
    }

    /// Nobody will wait for `call`, which this became.
    pub(super) fn attend(&self, call: Arc<PendingCall>) {
        if let Ok(pool) = self.pool() {
            pool.attend(call);
        }
    }

    /// Nobody waits for `call`, which this became, any more.
    pub(super) fn abandon(&self, call: &Arc<PendingCall>) {
        let Ok(pool) = self.pool() else { return };
        if call.is_done() {
            return;
        }
        if !self.options.no_cancel {
            pool.abandon(call);
        } else if call.request.stream {
            pool.exhaust(call);
        }
    }

    /// No worker has a tool whose name is outside the grammar, so none is asked. Only this crate declares system calls.
    fn check_name(&self) -> Result<()> {
        let is_system = matches!(self.tool, ToolName::Declared(name) if name.starts_with(objects::PREFIX));
        if is_system { Ok(()) } else { check_name(&self.tool) }
    }
}

fn check_name(tool: &str) -> Result<()> {
    if is_tool_name(tool) {
        return Ok(());
    }
    let message = format!(
        "`{}` is no tool name: a letter or `_` comes first, then letters, digits, `_`, `.` and `-`, at most 128",
        shown(tool)
    );
    Err(Error::new(ErrorKind::ToolNotFound { message }, Executed::Never))
}
