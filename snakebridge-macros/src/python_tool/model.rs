//! What a trait says about Python tools.

use std::time::Duration;

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{Attribute, Ident, ItemTrait, Path, Signature, Type, TypeImplTrait};

/// A trait with `#[python_tool]`.
pub(super) struct ToolTrait {
    /// Where the generated code finds the crate.
    pub(super) crate_path: Path,
    /// The trait as written, without our attributes.
    pub(super) item: ItemTrait,
    /// The name of the generated client.
    pub(super) client: Ident,
    /// `module:Class`.
    pub(super) adapter: Option<String>,
    /// The methods that could be read, in order.
    pub(super) methods: Vec<Method>,
}

/// One tool.
pub(super) struct Method {
    /// Doc comments, `cfg` and all else that is not ours.
    pub(super) attributes: Vec<Attribute>,
    /// The signature as written, without our attributes.
    pub(super) signature: Signature,
    pub(super) name: PythonName,
    pub(super) arguments: Vec<Argument>,
    pub(super) answer: Answer,
    pub(super) timeout: Option<Duration>,
    pub(super) idempotent: bool,
}

impl Method {
    /// The constant of the client that declares the tool.
    pub(super) fn constant(&self) -> Ident {
        format_ident!("TOOL_{}", self.signature.ident.unraw().to_string().to_uppercase())
    }
}

/// One argument of a tool.
pub(super) struct Argument {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    /// Its documentation: Rust allows none on parameters, so it moves into the method's.
    pub(super) docs: String,
    pub(super) name: PythonName,
    pub(super) passing: Passing,
}

/// How an argument reaches Python.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Passing {
    Named,
    /// By name, and left out when it is `None`.
    Optional,
    /// Its fields are named arguments.
    Fields,
    /// By name, item by item while the call runs.
    Stream,
}

/// What a tool answers with.
pub(super) enum Answer {
    /// One value: the method's return type.
    Unary(Type),
    /// Many: the stream as written, and its item type.
    Stream { stream: TypeImplTrait, item: Type },
}

/// A name in Python, and the token that says it.
pub(super) struct PythonName {
    pub(super) text: String,
    pub(super) span: Span,
}
