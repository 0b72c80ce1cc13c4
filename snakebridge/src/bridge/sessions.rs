//! Sessions as a program uses them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Bridge;
use crate::body::{self, Arguments};
use crate::client::{AsCaller, Call, Caller, Module, PythonTools, Shared, ToolStream};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::session::{Identity, SessionInfo, SessionName, SessionState};
use crate::tools::{AsSessionTools, FromContext, HostCall, SessionTools, ToolContext, Tools};
use crate::value::Value;

/// A session: what several calls have in common, kept by the host.
///
/// It has a state that Rust and Python see, and its calls go to one worker as far as their
/// [`Affinity`](crate::session::Affinity) says. It lives for as long as it is used, and then for its time to live
/// ([`SessionConfig::ttl`](crate::session::SessionConfig::ttl)); it does not end with the worker, nor with this handle,
/// which is cheap to clone.
///
/// Everything done through this handle means this session: once it is over, that is `session_expired`, even if there is a
/// new one of the same id.
///
/// ```no_run
/// use snakebridge::prelude::*;
///
/// # async fn example(bridge: Bridge) -> Result<()> {
/// let session = bridge.session("demo").await?;
/// session.state().set("greeting", "hello").await?;
/// let words: i64 = session.call("count_words", args! { key: "greeting" }).await?;
/// session.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Session {
    shared: Arc<Shared>,
    caller: Caller,
    identity: Arc<Identity>,
}

impl Bridge {
    /// The session of this id: the one that is there, else a new one.
    ///
    /// # Errors
    /// `invalid_argument` when `id` is not 1 to 256 bytes of text without control characters; `session_quota` when there
    /// are as many sessions as there may be.
    pub async fn session(&self, id: impl AsRef<str>) -> Result<Session> {
        let identity = self.shared.sessions.create(id.as_ref()).await?;
        let caller = self.caller.in_session(SessionName::known(&identity));
        Ok(Session { shared: Arc::clone(&self.shared), caller, identity })
    }

    /// All sessions, by id. This is no use of them.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.shared.sessions.list()
    }
}

impl Session {
    /// Its id, as Python's `session_context.session_id` shows it.
    pub fn id(&self) -> &str {
        self.identity.id()
    }

    /// What it keeps.
    pub fn state(&self) -> SessionState {
        self.shared.sessions.state(&self.identity)
    }

    /// Calls a tool in this session by its name; the result is whatever it returns.
    pub fn execute(&self, tool: &str, arguments: Arguments) -> Call<Value> {
        self.call(tool, arguments)
    }

    /// Calls a tool in this session by its name; the result is decoded into `T`.
    pub fn call<T>(&self, tool: &str, arguments: Arguments) -> Call<T> {
        self.caller.call_named(tool, arguments)
    }

    /// Opens a stream of a tool in this session by its name; items are decoded into `T`.
    pub fn stream<T>(&self, tool: &str, arguments: Arguments) -> ToolStream<T> {
        self.caller.stream_named(tool, arguments)
    }

    /// A module of Python, whose functions are called in this session without an adapter: see [`Bridge::python`].
    pub fn python(&self, module: &str) -> Module {
        self.caller.python(module)
    }

    /// A typed client whose calls run in this session, checked against the workers' manifest.
    ///
    /// # Errors
    /// As [`Bridge::client`].
    pub fn client<C: PythonTools>(&self) -> Result<C> {
        self.caller.client(None)
    }

    /// A typed client whose calls run in this session, in the pool of this name.
    ///
    /// # Errors
    /// As [`Bridge::client_in`].
    pub fn client_in<C: PythonTools>(&self, pool: &str) -> Result<C> {
        self.caller.client(Some(pool))
    }

    /// What [`set_metadata`](Self::set_metadata) said about it.
    pub async fn metadata(&self) -> Result<BTreeMap<String, Value>> {
        body::decode(&self.shared.sessions.metadata(&self.identity).await?)
    }

    /// Says something about it, for whoever lists sessions: replaces what was said before.
    ///
    /// # Errors
    /// `session_quota` when the session would be too large.
    pub async fn set_metadata(&self, metadata: BTreeMap<String, Value>) -> Result<()> {
        self.shared.sessions.set_metadata(&self.identity, body::encode(&metadata)?).await
    }

    /// What is known of it at this moment. This is no use of it.
    pub fn info(&self) -> Result<SessionInfo> {
        self.shared.sessions.info(&self.identity)
    }

    /// The worker that got its last call, by the number that [`WorkerInfo`](crate::WorkerInfo) has.
    pub fn last_worker(&self) -> Option<u64> {
        self.identity.last_worker()
    }

    /// Uses it: its time to live begins anew.
    pub fn touch(&self) -> Result<()> {
        self.shared.sessions.touch(&self.identity)
    }

    /// Ends it, with everything that it keeps. Calls that run in it or wait to go on, but what they write into it is
    /// refused as `session_expired`. False if it was over already.
    pub async fn close(&self) -> Result<bool> {
        self.shared.sessions.close(&self.identity).await
    }

    /// As [`close`](Self::close), and cancels the calls and streams that run in it or wait to: their callers get `cancelled`,
    /// behind the items that had come.
    pub async fn close_now(&self) -> Result<bool> {
        let closed = self.close().await;
        self.shared.pools.cancel_session(&self.identity);
        closed
    }
}

/// Rust tools of one session.
impl Session {
    /// Adds tools that only this session has, all of them or none; one of the bridge's that has the same name is hidden by
    /// it. They end with the session.
    ///
    /// # Errors
    /// `invalid_argument` when a name is none, is taken, or comes twice, or a state is missing; `session_expired`.
    pub fn register(&self, tools: impl Into<Tools>) -> Result<()> {
        self.session_tools().register(tools)
    }

    /// Takes a tool away from this session; returns whether it was there.
    pub fn unregister(&self, name: &str) -> bool {
        self.session_tools().unregister(name)
    }

    /// The names of the Python tools that adapters have exposed to this session by `register_with_session`, in order.
    pub fn python_tools(&self) -> Vec<String> {
        self.identity.exposed()
    }

    /// Calls a Rust tool that this session has from Rust, as Python would; one that is hidden from Python, too.
    pub fn call_tool<T>(&self, name: &str, arguments: Arguments) -> HostCall<T> {
        self.session_tools().call(name, arguments)
    }
}

impl AsSessionTools for Session {
    fn session_tools(&self) -> SessionTools {
        self.shared.pools.registry().session_tools(Arc::clone(&self.identity))
    }
}

impl FromContext for Session {
    fn from_context(context: &ToolContext) -> Result<Self> {
        let none = || Error::new(ErrorKind::SessionNotFound { session: String::new() }, Executed::Never);
        let identity = context.session_state().ok_or_else(none)?.identity();
        let caller = context.caller().in_session(SessionName::known(identity));
        Ok(Self { shared: Arc::clone(caller.shared()?), caller, identity: Arc::clone(identity) })
    }
}

impl AsCaller for Session {
    fn caller(&self) -> Caller {
        self.caller.clone()
    }
}

impl From<&Session> for SessionName {
    fn from(session: &Session) -> Self {
        Self::known(&session.identity)
    }
}

impl From<Session> for SessionName {
    fn from(session: Session) -> Self {
        Self::from(&session)
    }
}
