//! The tools a bridge offers, by name, and the service that runs them.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{Descriptor, HostTool, ToolContext, Tools};
use crate::body;
use crate::error::{Error, ErrorKind, Executed, Phase, Result};
use crate::link::{Incoming, Link};
use crate::manifest::nearest;
use crate::value::Value;
use crate::wire::limits::is_tool_name;

/// The system target that lists the tools.
const LIST: &str = "$tools.list";

tokio::task_local! {
    /// When the caller of the tool that the current task runs stops waiting.
    static INHERITED: Option<Instant>;
}

/// Inside a tool: when its caller stops waiting. A call that the tool makes is of no use to anybody after that.
pub(crate) fn inherited_deadline() -> Option<Instant> {
    INHERITED.try_with(|deadline| *deadline).ok().flatten()
}

/// The tools of a bridge.
pub struct Registry {
    tools: HashMap<&'static str, Registered>,
    /// Calls that run, by the connection's worker and the call's id: what a CANCEL stops.
    running: Mutex<HashMap<(u64, u64), CancellationToken>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("tools", &self.tools.keys()).finish_non_exhaustive()
    }
}

/// A tool, and what it said about itself when it was registered.
struct Registered {
    descriptor: Descriptor,
    tool: Arc<dyn HostTool>,
}

#[derive(Serialize)]
struct Listing {
    generation: u64,
    tools: Vec<ListedTool>,
}

#[derive(Serialize)]
struct ListedTool {
    name: &'static str,
    description: &'static str,
    streaming: bool,
    parameters: Vec<ListedParameter>,
}

#[derive(Serialize)]
struct ListedParameter {
    name: &'static str,
    #[serde(rename = "type")]
    type_name: &'static str,
    description: &'static str,
    required: bool,
    default: Option<Value>,
}

impl Registry {
    /// Takes tools in; refuses bad names and doubles.
    pub fn new(tools: Tools) -> Result<Self> {
        let mut by_name = HashMap::new();
        for tool in tools.tools {
            let descriptor = tool.descriptor();
            let name = descriptor.name;
            if !is_tool_name(name) {
                return Err(Error::invalid_argument(format!(
                    "`{}` is no tool name; a letter or `_` comes first, then letters, digits, `_`, `.` and `-`, at most 128",
                    name.escape_debug()
                )));
            }
            if by_name.insert(name, Registered { descriptor, tool }).is_some() {
                return Err(Error::invalid_argument(format!(
                    "two host tools are called `{name}`; rename one with `#[tool(name = \"..\")]`"
                )));
            }
        }
        Ok(Self { tools: by_name, running: Mutex::default() })
    }

    /// Runs what a worker asked for in a task of its own on `runtime`, and answers it.
    pub fn serve(self: &Arc<Self>, runtime: &Handle, link: &Arc<Link>, incoming: Incoming) {
        let (registry, link) = (Arc::clone(self), Arc::clone(link));
        let key = (link.worker(), incoming.id);
        let cancellation = CancellationToken::new();
        registry.lock().insert(key, cancellation.clone());
        runtime.spawn(async move {
            let result = registry.run(incoming, &cancellation).await;
            registry.lock().remove(&key);
            link.answer(key.1, &result);
        });
    }

    /// Stops call `id` of `worker`, if it runs.
    pub fn cancel(&self, worker: u64, id: u64) {
        if let Some(cancellation) = self.lock().get(&(worker, id)) {
            cancellation.cancel();
        }
    }

    /// Stops everything that runs for `worker`: it is gone.
    pub fn cancel_worker(&self, worker: u64) {
        for ((of, _), cancellation) in self.lock().iter() {
            if *of == worker {
                cancellation.cancel();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(u64, u64), CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, incoming: Incoming, cancellation: &CancellationToken) -> Result<Bytes> {
        if incoming.stream {
            return Err(Error::invalid_argument(format!("host tool `{}` does not stream", incoming.target)));
        }
        if incoming.target == LIST {
            return body::encode(&self.listing());
        }
        // A tool belongs to the call that uses it: its session and its deadline are that call's, whatever the worker
        // says.
        let Some(parent) = incoming.parent.filter(|parent| !parent.is_done()) else {
            return Err(Error::new(ErrorKind::CallEnded, Executed::Never));
        };
        let Registered { descriptor, tool } =
            self.tools.get(incoming.target.as_str()).ok_or_else(|| self.not_found(&incoming.target))?;
        let own = descriptor.timeout;
        let asked = incoming.remaining.map(Duration::from_millis);
        let nearest = [own, asked].into_iter().flatten().min();
        let deadline = [nearest.and_then(|timeout| Instant::now().checked_add(timeout)), parent.deadline]
            .into_iter()
            .flatten()
            .min();
        let context =
            ToolContext { session: parent.request.session.clone(), deadline, cancellation: cancellation.clone() };
        let body = incoming.body;
        let work = AssertUnwindSafe(INHERITED.scope(deadline, async { tool.call(context, body).await })).catch_unwind();
        // Only the tool's own timeout is kept here. The deadlines of those who wait are kept by them: they cancel.
        let expiry = async {
            match own {
                Some(own) => tokio::time::sleep(own).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = work => result.unwrap_or_else(|panic| Err(panicked(descriptor.name, panic.as_ref()))),
            () = cancellation.cancelled() => Err(Error::new(ErrorKind::Cancelled, Executed::Maybe)),
            () = expiry => {
                let timeout = own.unwrap_or_default();
                Err(Error::new(ErrorKind::DeadlineExceeded { timeout, phase: Phase::Run }, Executed::Maybe))
            }
        }
    }

    fn not_found(&self, name: &str) -> Error {
        let mut known: Vec<&str> = self.tools.keys().copied().collect();
        known.sort_unstable();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "the host offers no tools; give it some with `.tools(tools![..])`".to_owned(),
            None => format!("there are `{}`", known.join("`, `")),
        };
        let message = format!("no host tool `{}`; {hint}", name.escape_debug());
        Error::new(ErrorKind::ToolNotFound { message }, Executed::Never)
    }

    fn listing(&self) -> Listing {
        let mut descriptors: Vec<Descriptor> =
            self.tools.values().map(|registered| registered.descriptor.clone()).collect();
        descriptors.sort_by_key(|descriptor| descriptor.name);
        let tools = descriptors
            .into_iter()
            .map(|descriptor| ListedTool {
                name: descriptor.name,
                description: descriptor.description,
                streaming: false,
                parameters: descriptor
                    .parameters
                    .into_iter()
                    .map(|parameter| ListedParameter {
                        name: parameter.name,
                        type_name: parameter.type_name,
                        description: parameter.description,
                        required: parameter.required,
                        default: parameter.default,
                    })
                    .collect(),
            })
            .collect();
        Listing { generation: 0, tools }
    }
}

fn panicked(tool: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(without a message)".to_owned());
    let message = format!("host tool `{tool}` panicked: {message}");
    let kind = ErrorKind::HostTool { code: "panic".to_owned(), message, data: None };
    Error::new(kind, Executed::Yes)
}
