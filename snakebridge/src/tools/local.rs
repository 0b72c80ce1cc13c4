//! Host tools called from Rust, through the registry that Python's calls go through.

use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::catalogue::Registered;
use super::serving::{current_chain, panicked};
use super::{Answer, Registry, ToolContext, Tools};
use crate::body::{self, Arguments};
use crate::error::{Error, ErrorKind, Executed, Phase, Result};
use crate::session::{Identity, SessionName};

impl Registry {
    /// The tools of a session.
    pub(crate) fn session_tools(self: &Arc<Self>, session: Arc<Identity>) -> SessionTools {
        SessionTools { registry: Arc::clone(self), session }
    }

    /// Calls a tool of a session, or of everybody, as a Python call of that session would; hidden ones, too.
    ///
    /// It runs in the task that awaits it, and the session lives while it does. Dropping the future ends the tool.
    async fn call_local(self: Arc<Self>, session: Arc<Identity>, name: &str, arguments: Bytes) -> Result<Bytes> {
        let pin = self.sessions.begin_call(&SessionName::known(&session))?;
        let Registered { descriptor, tool } =
            self.seen_from(Some(&session), |catalogue, session| catalogue.find(session, name).cloned())?;
        let cancellation = CancellationToken::new();
        let _guard = cancellation.clone().drop_guard();
        let context = ToolContext {
            session: Some(Arc::clone(session.id())),
            session_state: Some(self.sessions.state(&session)),
            deadline: descriptor.timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            cancellation,
            states: Arc::clone(&self.states),
            waits: Arc::clone(self.waits()),
            // That of the tool which calls it, if one does.
            chain: current_chain(),
        };
        let run = async {
            match tool.call(context, arguments) {
                Answer::Value(answer) => answer.await,
                Answer::Stream(_) => Err(Error::invalid_argument(format!(
                    "host tool `{}` streams; from Rust, call the function itself",
                    descriptor.name
                ))),
            }
        };
        let run = AssertUnwindSafe(run).catch_unwind();
        let outcome = match descriptor.timeout {
            None => run.await,
            Some(timeout) => tokio::time::timeout(timeout, run)
                .await
                .map_err(|_| Error::new(ErrorKind::DeadlineExceeded { timeout, phase: Phase::Run }, Executed::Maybe))?,
        };
        drop(pin);
        outcome.unwrap_or_else(|panic| Err(panicked(&descriptor.name, panic.as_ref())))
    }
}

/// The tools of one session: those of its own, and those of everybody, which they may hide.
#[derive(Debug, Clone)]
pub struct SessionTools {
    registry: Arc<Registry>,
    session: Arc<Identity>,
}

/// What has a session's tools: a session.
pub trait AsSessionTools {
    /// Its tools.
    fn session_tools(&self) -> SessionTools;
}

impl AsSessionTools for SessionTools {
    fn session_tools(&self) -> SessionTools {
        self.clone()
    }
}

impl SessionTools {
    /// Adds tools for this session: all of them, or none. They end with the session.
    ///
    /// # Errors
    /// `InvalidArgument` when a name is none, is taken, or comes twice, or a state is missing; the message says which.
    pub fn register(&self, tools: impl Into<Tools>) -> Result<()> {
        self.registry.register(&self.session, tools.into())
    }

    /// Takes a tool away from this session; returns whether it was there. A tool of everybody that it hid is seen again.
    pub fn unregister(&self, name: &str) -> bool {
        self.registry.unregister(&self.session, name)
    }

    /// Calls a tool from Rust as Python would call it, also one that is hidden from Python.
    pub fn call<T>(&self, name: &str, arguments: Arguments) -> HostCall<T> {
        let (registry, session, name) = (Arc::clone(&self.registry), Arc::clone(&self.session), name.to_owned());
        let future = async move {
            let encoded = arguments.finish()?;
            if !encoded.attached.is_empty() {
                let message = format!("host tool `{name}` takes neither streams nor objects of Python as arguments");
                return Err(Error::invalid_argument(message));
            }
            registry.call_local(session, &name, encoded.body.into()).await
        };
        HostCall { future: Box::pin(future), result: PhantomData }
    }
}

/// A call of a host tool from Rust: a future that can be spawned and joined. Dropping it ends the tool.
///
/// Its errors are those that Python gets: `tool_not_found`, `invalid_argument`, `deadline_exceeded`, and `host_tool` with
/// the code, the message and the data of the tool's own.
#[must_use = "a call does nothing until it is awaited"]
pub struct HostCall<T> {
    future: Pin<Box<dyn Future<Output = Result<Bytes>> + Send>>,
    result: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for HostCall<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostCall(..)")
    }
}

impl<T: DeserializeOwned> Future for HostCall<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(context).map(|reply| {
            // It has run by now, whatever becomes of its result.
            body::decode(&reply?).map_err(|error| {
                let message = error.kind().to_string();
                Error::new(ErrorKind::Unserializable { message }, Executed::Yes)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{SessionConfig, Sessions};
    use crate::telemetry::Events;
    use crate::tools::{Descriptor, HostTool, States};

    /// A tool that does what its name says.
    struct Does(&'static str);

    impl HostTool for Does {
        fn descriptor(&self) -> Descriptor {
            let mut descriptor = Descriptor::new(self.0);
            descriptor.exposed = false;
            descriptor.timeout = (self.0 == "dawdle").then(|| std::time::Duration::from_millis(1));
            descriptor
        }

        fn call(&self, context: ToolContext, arguments: Bytes) -> Answer {
            let name = self.0;
            Answer::Value(Box::pin(async move {
                match name {
                    "echo" => Ok(arguments),
                    "session" => body::encode(&context.session_id()),
                    "panics" => panic!("on purpose"),
                    "dawdle" => std::future::pending().await,
                    _ => body::encode(name),
                }
            }))
        }
    }

    async fn session(tools: impl IntoIterator<Item = &'static str>) -> SessionTools {
        let sessions = Sessions::start(SessionConfig::default(), None, Events::new()).await.unwrap();
        let registry = Arc::new(Registry::new(Tools::new(), States::new(), sessions.clone()).unwrap());
        let session = registry.session_tools(sessions.create("s-1").await.unwrap());
        let tools = tools.into_iter().fold(Tools::new(), |tools, name| tools.with(Does(name)));
        session.register(tools).unwrap();
        session
    }

    #[tokio::test]
    async fn a_tool_of_the_session_is_called_with_its_arguments_and_its_session() {
        let session = session(["echo", "session"]).await;
        let echoed: crate::value::Value = session.call("echo", Arguments::new().named("a", &1)).await.unwrap();
        assert_eq!(echoed["a"].as_i64(), Some(1));
        assert_eq!(session.call::<String>("session", Arguments::new()).await.unwrap(), "s-1");
    }

    #[tokio::test]
    async fn what_goes_wrong_is_what_python_would_be_told() {
        let session = session(["panics", "dawdle", "text"]).await;
        for (tool, code, executed) in [
            ("dawdl", "tool_not_found", Executed::Never),
            ("panics", "host_tool", Executed::Yes),
            ("dawdle", "deadline_exceeded", Executed::Maybe),
            ("text", "unserializable", Executed::Yes),
        ] {
            let error = session.call::<u8>(tool, Arguments::new()).await.unwrap_err();
            assert_eq!((error.code(), error.executed()), (code, executed), "{tool}: {error}");
        }
        assert!(session.unregister("text") && !session.unregister("text"));
    }
}
