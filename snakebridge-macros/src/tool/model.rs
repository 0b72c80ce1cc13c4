//! What functions and methods say about tools of the host.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Expr, Ident, ItemFn, ItemImpl, Path, Signature, Type};

/// A function with `#[tool]`.
pub(crate) struct ToolFn {
    /// Where the generated code finds the crate.
    pub(crate) crate_path: Path,
    /// The function as written, without our attributes and without documentation on its parameters.
    pub(crate) item: ItemFn,
    pub(crate) tool: Tool,
}

/// An `impl` block with `#[tool]`.
pub(super) struct ToolImpl {
    pub(super) crate_path: Path,
    /// The block as written, without our attributes and without documentation on parameters.
    pub(super) item: ItemImpl,
    /// The methods that are tools.
    pub(super) methods: Vec<ToolMethod>,
}

/// A method that is a tool.
pub(crate) struct ToolMethod {
    pub(crate) signature: Signature,
    /// Under which it is there.
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) tool: Tool,
}

/// What a function or a method says about its tool.
pub(crate) struct Tool {
    /// What Python calls it, and the token that says it.
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) description: String,
    pub(crate) timeout: Option<Duration>,
    /// Whether Python may call it.
    pub(crate) exposed: bool,
    /// Whether it belongs to a session.
    pub(crate) session: bool,
    pub(crate) max_concurrency: Option<u32>,
    pub(crate) metadata: Vec<(String, Expr)>,
    /// How many bytes of it there may be.
    pub(crate) metadata_limit: Option<usize>,
    /// The key that sends it to the blocking pool.
    pub(crate) blocking: Option<Ident>,
    /// Its parameters behind the receiver, in order.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: Output,
}

impl Tool {
    /// The parameters that Python gives.
    pub(crate) fn given(&self) -> impl Iterator<Item = &Given> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Given(given) => Some(&**given),
            _ => None,
        })
    }

    /// The types of the states that it is lent.
    pub(crate) fn states(&self) -> impl Iterator<Item = &Type> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::State(ty) => Some(ty),
            _ => None,
        })
    }
}

/// Where a parameter's value comes from.
pub(crate) enum Parameter {
    /// `&ToolContext`: the host gives it.
    Context,
    /// `&Session`: what belongs to the call; the type behind the reference.
    Lent(Type),
    /// `#[py(state)] &T`: what the builder was given; the type behind the reference.
    State(Type),
    /// Python gives it.
    Given(Box<Given>),
    /// All that Python gives, as one value: the Elixir style.
    All(Type),
}

/// A parameter that Python gives.
pub(crate) struct Given {
    pub(crate) ident: Ident,
    /// Its name in Python, and the token that says it.
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) ty: Type,
    pub(crate) description: String,
    pub(crate) absent: Absent,
}

/// What happens when Python leaves a parameter out.
pub(crate) enum Absent {
    Refused,
    /// It is `None`.
    None,
    /// It is the type's default.
    Default,
    /// It is the value of an expression, evaluated at each call.
    Expression(Expr),
}

/// What a tool answers with.
pub(crate) enum Output {
    /// One value of this type.
    Value(Type),
    /// `impl Stream`, and the type of its items.
    Stream { tokens: TokenStream, item: Option<Type> },
}
