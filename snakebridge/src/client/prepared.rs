//! What a call and a stream are before they are sent: the tool, the options, and when the caller made them.

use std::sync::Arc;
use std::time::Instant;

use super::{CallOptions, Caller};
use crate::body::Encoded;
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::link::{Chain, PendingCall, ToolName};
use crate::pool::{InSession, Submission};
use crate::session::SessionName;
use crate::tools::current_chain;
use crate::wire::limits::is_tool_name;

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
}

impl Prepared {
    pub(super) fn new(caller: &Caller, tool: ToolName, options: CallOptions) -> Self {
        let chain = caller.chain.clone().or_else(current_chain);
        Self { caller: caller.clone(), tool, created: Instant::now(), chain, options }
    }

    /// Hands the call to the pool, for one reply or for a stream.
    pub(super) fn submit(&self, arguments: Result<Encoded>, stream: bool) -> Result<Arc<PendingCall>> {
        let submission = || {
            check_name(&self.tool)?;
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
                meta: self.options.meta()?,
                idempotent: self.options.idempotent,
                handling: self.options.handling,
            })
        };
        submission()
            .and_then(|submission| self.caller.pool()?.submit(submission))
            .map_err(|error| error.for_tool(&self.tool))
    }

    /// The session that this call names, or that of its caller, of the call inside which it is made, or of its task; and
    /// where in it the call goes.
    fn session(&self) -> Result<Option<InSession>> {
        let sessions = &self.caller.sessions;
        let pin = match self.options.session.as_ref().or(self.caller.session.as_ref()) {
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

    /// Nobody will wait for `call`, which this became.
    pub(super) fn attend(&self, call: Arc<PendingCall>) {
        if let Ok(pool) = self.caller.pool() {
            pool.attend(call);
        }
    }

    /// Nobody waits for `call`, which this became, any more.
    pub(super) fn abandon(&self, call: &Arc<PendingCall>) {
        let Ok(pool) = self.caller.pool() else { return };
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
        tool.escape_debug()
    );
    Err(Error::new(ErrorKind::ToolNotFound { message }, Executed::Never))
}
