//! Rust tools that Python calls: what `#[tool]` makes, and the set of them that a bridge offers.

mod catalogue;
mod context;
mod error;
#[doc(hidden)]
pub mod generated;
mod introspect;
mod limited;
mod listing;
mod local;
mod outcome;
mod output;
mod registry;
mod running;
mod serving;
mod states;

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;

pub use self::context::ToolContext;
pub use self::error::ToolError;
pub use self::local::{AsSessionTools, HostCall, SessionTools};
pub use self::outcome::{Outcome, Params};
#[doc(hidden)]
pub use self::output::{Output, ToolFailure, ToolValue, ViaOutcome, ViaResult, ViaToolError, ViaValue};
pub use self::registry::Registry;
pub(crate) use self::serving::current_chain;
pub use self::states::States;
use crate::error::Result;
use crate::value::Value;

/// A parameter of a host tool, as Python sees it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ToolParameter {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its Rust type, for documentation.
    pub type_name: Cow<'static, str>,
    /// Its JSON Schema, where the feature `schema` is on and the type has one.
    pub schema: Option<Value>,
    /// Its documentation.
    pub description: Cow<'static, str>,
    /// Whether it must be given.
    pub required: bool,
    /// What applies when it is left out.
    pub default: Option<Value>,
}

impl ToolParameter {
    /// A parameter that must be given.
    pub fn new(name: impl Into<Cow<'static, str>>, type_name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            type_name: type_name.into(),
            schema: None,
            description: Cow::Borrowed(""),
            required: true,
            default: None,
        }
    }
}

/// What is known about a host tool without calling it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any of them may go together")]
pub struct Descriptor {
    /// What Python calls it by.
    pub name: Cow<'static, str>,
    /// Its documentation.
    pub description: Cow<'static, str>,
    /// Its parameters in order.
    pub parameters: Vec<ToolParameter>,
    /// Whether it takes arguments besides its parameters.
    pub open: bool,
    /// Its result's Rust type, or its items', for documentation.
    pub returns: Cow<'static, str>,
    /// The JSON Schema of that, where there is one.
    pub returns_schema: Option<Value>,
    /// How long it may take; the caller's own deadline applies too.
    pub timeout: Option<Duration>,
    /// Whether it answers with a stream.
    pub streaming: bool,
    /// Whether Python may call it. One that is hidden is, to Python, not there.
    pub exposed: bool,
    /// Whether it belongs to a session: it cannot be registered for all.
    pub session: bool,
    /// How many calls of it may run at a time: of everybody, or of its session. The others wait.
    pub max_concurrency: Option<usize>,
    /// What else there is to say about it, for Python to read.
    pub metadata: Vec<(Cow<'static, str>, Value)>,
    /// How many bytes its keys and values may have together; a tool with more is not registered.
    pub metadata_limit: Option<usize>,
}

impl Descriptor {
    /// How many bytes the metadata has: of text its length, of anything else as it is encoded.
    pub(crate) fn metadata_bytes(&self) -> usize {
        let bytes = |value: &Value| match value.as_str() {
            Some(text) => text.len(),
            None => crate::body::encode(value).map_or(0, |encoded| encoded.len()),
        };
        self.metadata.iter().map(|(key, value)| key.len() + bytes(value)).sum()
    }

    /// A tool without parameters that Python may call.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            description: Cow::Borrowed(""),
            parameters: Vec::new(),
            open: false,
            returns: Cow::Borrowed("any"),
            returns_schema: None,
            timeout: None,
            streaming: false,
            exposed: true,
            session: false,
            max_concurrency: None,
            metadata: Vec::new(),
            metadata_limit: None,
        }
    }
}

/// What running a host tool gives.
#[must_use = "a tool does nothing until its answer is awaited"]
pub enum Answer {
    /// The body of the reply.
    Value(Pin<Box<dyn Future<Output = Result<Bytes>> + Send + 'static>>),
    /// The bodies of the items.
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes>> + Send + 'static>>),
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Value(_) => "Value(..)",
            Self::Stream(_) => "Stream(..)",
        })
    }
}

/// A tool of the host. `#[tool]` implements it for a type that has the function's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "expected a tool",
    note = "`tools![..]` takes functions with the `#[tool]` attribute"
)]
pub trait HostTool: Send + Sync + 'static {
    /// What is known about it.
    fn descriptor(&self) -> Descriptor;

    /// The names of the types of its `#[py(state)]` parameters that are not among `states`.
    fn missing_states(&self, states: &States) -> Vec<&'static str> {
        let _ = states;
        Vec::new()
    }

    /// Runs it. `arguments` is the body of a CALL; what comes of it is what the descriptor says, a value or a stream.
    fn call(&self, context: ToolContext, arguments: Bytes) -> Answer;
}

/// What the host lends to a tool besides the context and its states: the session that the call belongs to.
#[diagnostic::on_unimplemented(
    message = "the host has no `{Self}` to lend to a tool",
    label = "neither `ToolContext` nor `Session` of snakebridge",
    note = "a value of your own is lent by `#[py(state)] name: &T`, and given to the builder by `.state(..)`"
)]
pub trait FromContext: Sized + Send + 'static {
    /// What belongs to the call.
    ///
    /// # Errors
    /// When the call has none; the message says why.
    fn from_context(context: &ToolContext) -> Result<Self>;
}

/// A value whose methods are tools. `#[tool]` on an `impl` block implements it.
pub trait ToolSet: Send + Sync + 'static {
    /// Its tools, which share it.
    fn into_tools(self: Arc<Self>) -> Tools;
}

impl<T: ToolSet> From<T> for Tools {
    fn from(set: T) -> Self {
        Arc::new(set).into_tools()
    }
}

impl<T: ToolSet> From<Arc<T>> for Tools {
    fn from(set: Arc<T>) -> Self {
        set.into_tools()
    }
}

/// A set of tools, made by [`tools!`](crate::tools!), or from a value whose `impl` block has `#[tool]`.
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

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: impl Into<Self>) -> Self {
        self.tools.extend(others.into().tools);
        self
    }
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tools.iter().map(|tool| tool.descriptor().name)).finish()
    }
}

/// A set of `#[tool]` functions, by their paths: `tools![validate, text::shout]`.
#[cfg(feature = "macros")]
#[macro_export]
macro_rules! tools {
    ($($paths:tt)*) => { $crate::tools::generated::tools!([$crate] $($paths)*) };
}
