//! What generated and dynamic code calls: a [`Caller`] makes [`Call`]s and [`ToolStream`]s.

mod call;
mod check;
mod declaration;
mod home;
mod options;
mod output;
mod prepared;
mod stream;

use std::sync::Arc;

pub use self::call::Call;
pub use self::declaration::{ParameterDeclaration, SessionUse, Shape, ToolDeclaration};
pub(crate) use self::home::Home;
pub(crate) use self::options::CallOptions;
pub use self::output::{CallOutput, StreamOutput};
pub use self::stream::{Chunk, Chunks, ToolStream};
use crate::body::Arguments;
use crate::error::{Error, ErrorKind, Executed, Result};
pub use crate::link::Priority;
use crate::link::{Chain, ToolName};
use crate::pool::PoolHandle;
use crate::session::{SessionName, Sessions};

/// A client that `#[python_tool]` generated.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no client of Python tools",
    label = "expected the `..Client` type that `#[python_tool]` generates beside its trait"
)]
pub trait PythonTools: Sized {
    /// The adapter that has the tools: `module:Class`.
    const ADAPTER: Option<&'static str>;
    /// The tools.
    const TOOLS: &'static [ToolDeclaration];

    /// A client that calls through `caller`.
    fn from_caller(caller: Caller) -> Self;
}

/// What a client can be made from: a bridge, another caller, or the context of a tool.
pub trait AsCaller {
    /// A caller with this one's defaults.
    fn caller(&self) -> Caller;
}

/// Makes calls. Cheap to clone; every client holds one.
#[derive(Debug, Clone)]
pub struct Caller {
    /// `None` when the bridge is gone whose tool was to make calls.
    pub(crate) pool: Option<Arc<PoolHandle>>,
    pub(crate) sessions: Sessions,
    /// The session of calls that name none.
    pub(crate) session: Option<SessionName>,
    /// The tool for which it makes them; else it is the one that the task runs which makes a call, if it runs one.
    pub(crate) chain: Option<Chain>,
}

impl AsCaller for Caller {
    fn caller(&self) -> Caller {
        self.clone()
    }
}

impl Caller {
    pub(crate) fn new(pool: Arc<PoolHandle>, sessions: Sessions) -> Self {
        Self { pool: Some(pool), sessions, session: None, chain: None }
    }

    /// Where its calls go.
    pub(crate) fn pool(&self) -> Result<&PoolHandle> {
        self.pool.as_deref().ok_or_else(|| Error::new(ErrorKind::ShuttingDown, Executed::Never))
    }

    /// The same for calls in `session`.
    pub(crate) fn in_session(&self, session: SessionName) -> Self {
        Self { session: Some(session), ..self.clone() }
    }

    /// A call of a declared tool. An argument that cannot be encoded comes out when the call is first polled.
    pub fn call<T, E>(&self, tool: &ToolDeclaration, arguments: Arguments) -> Call<T, E> {
        Call::new(self, ToolName::Declared(tool.name), arguments.finish(), CallOptions::declared(tool))
    }

    /// A stream of a declared tool. It opens when it is first polled.
    pub fn stream<T, E>(&self, tool: &ToolDeclaration, arguments: Arguments) -> ToolStream<T, E> {
        ToolStream::new(self, ToolName::Declared(tool.name), arguments.finish(), CallOptions::declared(tool))
    }

    /// A call of a tool by its name.
    pub fn call_named<T>(&self, tool: &str, arguments: Arguments) -> Call<T> {
        Call::new(self, ToolName::Named(tool.into()), arguments.finish(), CallOptions::default())
    }

    /// A stream of a tool by its name.
    pub fn stream_named<T>(&self, tool: &str, arguments: Arguments) -> ToolStream<T> {
        ToolStream::new(self, ToolName::Named(tool.into()), arguments.finish(), CallOptions::default())
    }

    /// Whether the workers' manifest has every tool that a client declares, in the same manner.
    pub(crate) fn check<C: PythonTools>(&self) -> Result<()> {
        match self.pool()?.manifest() {
            Some(manifest) => check::check(&manifest, C::TOOLS, std::any::type_name::<C>()),
            None => Ok(()),
        }
    }
}

/// Arguments of a dynamic call: `args! { a: 2, b: 2 }` by name, `args![2, 2]` by place.
///
/// ```
/// use snakebridge::args;
///
/// let named = args! { text: "hello", times: 3 };
/// let positional = args![2.0, 2.0];
/// let none = args! {};
/// # let _ = (named, positional, none);
/// ```
#[macro_export]
macro_rules! args {
    () => { $crate::body::Arguments::new() };
    ($($name:ident : $value:expr),+ $(,)?) => {
        $crate::body::Arguments::new()$(.named(::core::stringify!($name), &$value))+
    };
    ($($value:expr),+ $(,)?) => {
        $crate::body::Arguments::new()$(.positional(&$value))+
    };
}
