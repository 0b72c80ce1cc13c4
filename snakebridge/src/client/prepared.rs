//! What a call and a stream are before they are sent: the tool, the options, and when the caller made them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::cache::Key;
use super::kept::{self, Asked, Asking};
use super::{CallOptions, Caller, Keep, Shared};
use crate::body::{self, Encoded};
use crate::error::{Error, ErrorKind, Executed, Phase, Result, shown};
use crate::link::{Chain, PendingCall, ToolName};
use crate::pool::{InSession, PoolHandle, Submission};
use crate::session::SessionName;
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
            check_name(&self.tool)?;
            if stream {
                self.options.check_stream()?;
            }
            let Encoded { body, inputs } = arguments?;
            Ok(Submission {
                target: self.tool.clone(),
                body,
                inputs,
                stream,
                created: self.created,
                chain: self.chain.clone(),
                timeout: self.options.timeout,
                session: self.session()?,
                meta: self.meta()?,
                idempotent: self.options.idempotent,
                handling: self.options.handling,
            })
        };
        let submitted = submission().and_then(|submission| -> Result<_> {
            let place = self.choose_pool()?;
            Ok((place, self.caller.shared()?.pools.at(place).submit(submission)?))
        });
        let (place, call) = submitted.map_err(|error| error.for_tool(&self.tool))?;
        self.place = place;
        Ok(call)
    }

    fn meta(&self) -> Result<Option<Bytes>> {
        let correlation_id = self.chain.as_ref().and_then(Chain::correlation_id);
        let traceparent = self.chain.as_ref().and_then(Chain::traceparent);
        self.options.meta((correlation_id.as_deref(), traceparent.as_deref()))
    }

    /// The pool that the call names, or its client; else it is the tool's.
    fn choose_pool(&self) -> Result<usize> {
        let pools = &self.caller.shared()?.pools;
        match (&self.options.pool, self.caller.pool) {
            (Some(name), _) => pools.named(name),
            (None, Some(place)) => Ok(place),
            (None, None) => pools.of_tool(&self.tool),
        }
    }

    /// Asks for a result that is kept, or is about to be; `None` when there is none for a call like this.
    pub(super) fn ask(&self, arguments: &Result<Encoded>) -> Result<Option<Asked>> {
        // Who makes the call is told what is wrong with these.
        let (Ok(shared), Ok(arguments)) = (self.caller.shared(), arguments) else { return Ok(None) };
        let said = match self.options.keep {
            Keep::Never => return Ok(None),
            Keep::For(kept) => Some(kept),
            Keep::AsDeclared if !shared.pools.keep_results() || !arguments.inputs.is_empty() => return Ok(None),
            Keep::AsDeclared => None,
        };
        if !arguments.inputs.is_empty() {
            let message = "`cache` of a call with a stream among its arguments: what it will yield is not known";
            return Err(Error::invalid_argument(message).for_tool(&self.tool));
        }
        // Said first: whoever is in no session that lives gets nothing out of one.
        let session = self.session().map_err(|error| error.for_tool(&self.tool))?;
        let place = self.choose_pool().map_err(|error| error.for_tool(&self.tool))?;
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
        Ok(Some(InSession { pin, affinity, default_affinity, needs: self.options.session_use }))
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
}

/// No worker has a tool whose name is outside the grammar, so none is asked.
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
