//! What a function says about a tool of the host.

use std::time::Duration;

use proc_macro2::Span;
use syn::{Expr, Ident, ItemFn, Path, Type};

/// A function with `#[tool]`.
pub(super) struct ToolFn {
    /// Where the generated code finds the crate.
    pub(super) crate_path: Path,
    /// The function as written, without our attributes and without documentation on its parameters.
    pub(super) item: ItemFn,
    /// What Python calls it.
    pub(super) name: String,
    pub(super) description: String,
    pub(super) timeout: Option<Duration>,
    /// Its parameters, in order.
    pub(super) parameters: Vec<Parameter>,
}

impl ToolFn {
    /// The parameters that Python gives.
    pub(super) fn given(&self) -> impl Iterator<Item = &Given> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Given(given) => Some(&**given),
            Parameter::Context => None,
        })
    }
}

/// Where a parameter's value comes from.
pub(super) enum Parameter {
    /// `&ToolContext`: the host gives it.
    Context,
    /// Python gives it.
    Given(Box<Given>),
}

/// A parameter that Python gives.
pub(super) struct Given {
    pub(super) ident: Ident,
    /// Its name in Python, and the token that says it.
    pub(super) name: String,
    pub(super) name_span: Span,
    pub(super) ty: Type,
    pub(super) description: String,
    pub(super) absent: Absent,
}

/// What happens when Python leaves a parameter out.
pub(super) enum Absent {
    Refused,
    /// It is `None`.
    None,
    /// It is the type's default.
    Default,
    /// It is the value of an expression, evaluated at each call.
    Expression(Expr),
}
