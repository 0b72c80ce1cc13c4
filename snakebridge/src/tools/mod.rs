//! Rust tools that Python calls: what `#[tool]` makes, and the set of them that a bridge offers.

#[doc(hidden)]
pub mod generated;
mod output;
mod registry;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

pub use self::output::{Output, ViaResult, ViaValue};
pub use self::registry::Registry;
pub(crate) use self::registry::inherited_deadline;
use crate::error::Result;
use crate::value::Value;

/// A parameter of a host tool, as Python sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolParameter {
    /// Its name.
    pub name: &'static str,
    /// Its Rust type, for documentation.
    pub type_name: &'static str,
    /// Its documentation.
    pub description: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// What applies when it is left out.
    pub default: Option<Value>,
}

/// What is known about a host tool without calling it.
#[derive(Debug, Clone, PartialEq)]
pub struct Descriptor {
    /// What Python calls it by.
    pub name: &'static str,
    /// Its documentation.
    pub description: &'static str,
    /// Its parameters in order.
    pub parameters: Vec<ToolParameter>,
    /// How long it may take; the caller's own deadline applies too.
    pub timeout: Option<Duration>,
}

/// A tool of the host. `#[tool]` implements it for a type that has the function's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "put `#[tool]` on this function",
    note = "`tools![..]` takes functions with the `#[tool]` attribute"
)]
pub trait HostTool: Send + Sync + 'static {
    /// What is known about it.
    fn descriptor(&self) -> Descriptor;

    /// Runs it. `arguments` is the body of a CALL; the result is the body of the REPLY.
    fn call(
        &self,
        context: ToolContext,
        arguments: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes>> + Send + 'static>>;
}

/// In what circumstances a tool was called. A `#[tool]` function that has a parameter `&ToolContext` gets it.
#[derive(Debug, Clone, Default)]
pub struct ToolContext {
    pub(crate) session: Option<Arc<str>>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) cancellation: CancellationToken,
}

impl ToolContext {
    /// The session of the Python call that called this tool, as that call's caller named it.
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// When the caller stops waiting.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long the caller still waits.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether nobody waits for the result any more.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// Ends when nobody waits for the result any more.
    pub async fn cancelled(&self) {
        self.cancellation.cancelled().await;
    }
}

/// A set of tools, made by [`tools!`](crate::tools!).
#[derive(Clone, Default)]
pub struct Tools {
    pub(crate) tools: Vec<Arc<dyn HostTool>>,
}

impl Tools {
    /// No tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, tool: impl HostTool) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tools.iter().map(|tool| tool.descriptor().name)).finish()
    }
}

/// A set of `#[tool]` functions, by their paths: `tools![validate, text::shout]`.
#[macro_export]
macro_rules! tools {
    // Segments and not a `path`: what a `path` has matched cannot become the name in front of `{}` any more.
    ($($($segment:ident)::+),* $(,)?) => {
        $crate::tools::Tools::new()$(.with($($segment)::+ {}))*
    };
}
