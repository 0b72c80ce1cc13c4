//! What generated and dynamic code calls: a [`Caller`] makes [`Call`]s and [`ToolStream`]s.

mod blocking;
mod cache;
mod call;
mod check;
mod declaration;
mod fit;
mod flights;
mod home;
mod kept;
mod objects;
mod options;
mod output;
mod prepared;
mod schemas;
mod shared;
mod stream;

use std::sync::Arc;

pub(crate) use self::blocking::wait_for;
pub(crate) use self::cache::Cache;
pub use self::cache::CacheStatistics;
pub use self::call::Call;
pub use self::declaration::{ParameterDeclaration, SessionUse, Shape, ToolDeclaration};
pub(crate) use self::home::Home;
use self::objects::OwnSession;
pub use self::objects::{Module, Object, ValueOrObject};
pub(crate) use self::options::{CallOptions, Keep, Subject};
pub use self::output::{CallOutput, Failure, Returned, StreamOutput};
pub use self::schemas::{Schemas, ToolSchemas};
pub(crate) use self::shared::{Driver, OwnRuntime, Shared};
pub use self::stream::{BlockingItems, Chunk, Chunks, ToolStream};
use crate::body::Arguments;
use crate::error::{Error, ErrorKind, Executed, Result};
pub use crate::link::Priority;
use crate::link::{Chain, ToolName};
use crate::session::{Identity, SessionName};

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

    /// The JSON Schemas of the types that the tools take and give, with the feature `schema` and of types that have one.
    fn schemas() -> Schemas {
        Schemas::new()
    }

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
    pub(crate) shared: Option<Arc<Shared>>,
    /// The pool that its calls go to; without one, it is chosen for each by its tool.
    pub(crate) pool: Option<usize>,
    /// The session of calls that name none.
    pub(crate) session: Option<SessionName>,
    /// The tool for which it makes them; else it is the one that the task runs which makes a call, if it runs one.
    pub(crate) chain: Option<Chain>,
    /// Keeps the session, if it is one that ends when nobody uses it.
    _lease: Option<Arc<OwnSession>>,
}

impl AsCaller for Caller {
    fn caller(&self) -> Caller {
        self.clone()
    }
}

impl Caller {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { chain: None, ..Self::within(Some(shared), None) }
    }

    /// Makes calls of the tool that `chain` leads to.
    fn within(shared: Option<Arc<Shared>>, chain: Option<Chain>) -> Self {
        Self { shared, pool: None, session: None, chain, _lease: None }
    }

    /// The same for calls about objects that the pool at `place` keeps for `session`.
    fn for_objects(&self, place: usize, session: &Arc<Identity>) -> Self {
        Self { pool: Some(place), session: Some(SessionName::known(session)), chain: None, ..self.clone() }
    }

    /// What its calls go through.
    pub(crate) fn shared(&self) -> Result<&Arc<Shared>> {
        self.shared.as_ref().ok_or_else(|| Error::new(ErrorKind::ShuttingDown, Executed::Never))
    }

    /// The same for calls in `session`.
    pub(crate) fn in_session(&self, session: SessionName) -> Self {
        Self { session: Some(session), ..self.clone() }
    }

    /// The same for calls to the pool that loads `adapter`. Where none does, or several do, the tool of each call decides, as
    /// before.
    #[must_use]
    pub fn for_adapter(self, adapter: Option<&str>) -> Self {
        let loading = |shared: &Arc<Shared>| shared.pools.of_adapter(adapter?).ok()?;
        let pool = self.pool.or_else(|| self.shared.as_ref().and_then(loading));
        Self { pool, ..self }
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

    /// A client of the pool that loads its adapter, or else of the default one; of the pool `named`, if one is. The pool's
    /// manifest has every tool that the client declares, with parameters and results that fit.
    pub(crate) fn client<C: PythonTools>(&self, named: Option<&str>) -> Result<C> {
        let pools = &self.shared()?.pools;
        let loading = || C::ADAPTER.map_or(Ok(None), |adapter| pools.of_adapter(adapter));
        let place = match named {
            Some(name) => pools.named(name)?,
            None => loading()?.map_or_else(|| pools.default(), Ok)?,
        };
        if let Some(manifest) = pools.at(place).manifest() {
            check::check(&manifest, C::TOOLS, &C::schemas(), std::any::type_name::<C>())?;
        }
        Ok(C::from_caller(Self { pool: Some(place), ..self.clone() }))
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
