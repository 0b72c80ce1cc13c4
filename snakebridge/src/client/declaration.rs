//! What a `#[python_tool]` trait says about the tools it calls, as constants.

use std::time::Duration;

pub use crate::manifest::SessionUse;

use crate::link::Priority;

/// One tool, as a method of a trait declares it.
///
/// ```
/// use std::time::Duration;
///
/// use snakebridge::client::{ParameterDeclaration, Shape, ToolDeclaration};
///
/// const SCALE: ToolDeclaration = ToolDeclaration::call("scale")
///     .parameters(&[ParameterDeclaration::new("values", Shape::List(&Shape::Float))])
///     .returns(Shape::List(&Shape::Float))
///     .timeout(Duration::from_secs(2));
/// assert!(!SCALE.streaming);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in `#[py(..)]`")]
pub struct ToolDeclaration {
    /// The tool's name in Python.
    pub name: &'static str,
    /// Whether it answers with a stream.
    pub streaming: bool,
    /// Its arguments, in order, without those that a `kwargs` argument has.
    pub parameters: &'static [ParameterDeclaration],
    /// Whether an argument is `kwargs`: names that are not known here are passed on.
    pub kwargs: bool,
    /// What it returns, or what its items are.
    pub returns: Shape,
    /// Its deadline, if it has one of its own.
    pub timeout: Option<Duration>,
    /// Whether it may be repeated when nobody knows if it ran.
    pub idempotent: bool,
    /// How often an idempotent call is repeated when its worker is lost; without it, as often as the pool says.
    pub retries: Option<u32>,
    /// Whether nobody waits for its result.
    pub notify: bool,
    /// Whether it goes on when its caller stops waiting.
    pub no_cancel: bool,
    /// How many bytes its stream may be ahead of its consumer; without it, as many as the connection allows.
    pub window: Option<u64>,
    /// Who goes first when calls wait.
    pub priority: Priority,
    /// For how long its result is kept for calls with the same arguments.
    pub cache: Option<Duration>,
    /// What it needs of its session.
    pub session: SessionUse,
}

/// One argument of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParameterDeclaration {
    /// Its name in Python.
    pub name: &'static str,
    /// What it looks like.
    pub shape: Shape,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it is a stream, whose items look like `shape`.
    pub stream: bool,
}

/// What the tokens of a Rust type say about the values that it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing: the type is compared by its schema where it has one.
    Unknown,
    /// `()`
    Nil,
    /// `bool`
    Bool,
    /// `i64` and the like.
    Int,
    /// `f64` and `f32`.
    Float,
    /// `String` and `&str`.
    Text,
    /// `Bytes`.
    Bytes,
    /// `Option<T>`
    Optional(&'static Shape),
    /// `Vec<T>`, `[T]` and sets.
    List(&'static Shape),
    /// Maps, whose keys and values look like this.
    Map(&'static Shape, &'static Shape),
}

impl ToolDeclaration {
    /// A tool that answers with one value.
    pub const fn call(name: &'static str) -> Self {
        Self {
            name,
            streaming: false,
            parameters: &[],
            kwargs: false,
            returns: Shape::Unknown,
            timeout: None,
            idempotent: false,
            retries: None,
            notify: false,
            no_cancel: false,
            window: None,
            priority: Priority::Normal,
            cache: None,
            session: SessionUse::None,
        }
    }

    /// A tool that answers with a stream.
    pub const fn stream(name: &'static str) -> Self {
        Self { streaming: true, ..Self::call(name) }
    }

    /// With these arguments.
    #[must_use]
    pub const fn parameters(self, parameters: &'static [ParameterDeclaration]) -> Self {
        Self { parameters, ..self }
    }

    /// With an argument that is `kwargs`.
    #[must_use]
    pub const fn kwargs(self) -> Self {
        Self { kwargs: true, ..self }
    }

    /// With this result, or items like this.
    #[must_use]
    pub const fn returns(self, returns: Shape) -> Self {
        Self { returns, ..self }
    }

    /// With a deadline of its own.
    #[must_use]
    pub const fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// It may be repeated.
    #[must_use]
    pub const fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// It is repeated so often.
    #[must_use]
    pub const fn retries(self, retries: u32) -> Self {
        Self { retries: Some(retries), ..self }
    }

    /// Nobody waits for its result.
    #[must_use]
    pub const fn notify(self) -> Self {
        Self { notify: true, ..self }
    }

    /// It goes on when its caller stops waiting.
    #[must_use]
    pub const fn no_cancel(self) -> Self {
        Self { no_cancel: true, ..self }
    }

    /// Its stream may be so many bytes ahead of its consumer.
    #[must_use]
    pub const fn window(self, bytes: u64) -> Self {
        Self { window: Some(bytes), ..self }
    }

    /// Who goes first when calls wait.
    #[must_use]
    pub const fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// Its result is kept for so long.
    #[must_use]
    pub const fn cache(self, kept: Duration) -> Self {
        Self { cache: Some(kept), ..self }
    }

    /// What it needs of its session.
    #[must_use]
    pub const fn session(self, session: SessionUse) -> Self {
        Self { session, ..self }
    }
}

impl ParameterDeclaration {
    /// An argument that is always given.
    pub const fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, optional: false, stream: false }
    }

    /// It may be left out.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// It is a stream of such items.
    #[must_use]
    pub const fn stream(self) -> Self {
        Self { stream: true, ..self }
    }
}
