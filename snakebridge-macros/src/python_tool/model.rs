//! What a trait says about Python tools.

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, Ident, ItemTrait, LitStr, Path, Signature, TraitItemFn, Type, TypeImplTrait};

use super::options::Options;
use super::shape::{Shape, result_value};
use crate::quoting::place_of;
use crate::types::{arguments, as_stream, last_segment, stream_item, success};

/// A trait with `#[python_tool]`.
pub(super) struct ToolTrait {
    /// Where the generated code finds the crate.
    pub(super) crate_path: Path,
    /// The trait as written, without our attributes and without what is skipped.
    pub(super) item: ItemTrait,
    /// The methods that are no tools: the trait has them as they are.
    pub(super) skipped: Vec<TraitItemFn>,
    /// The name of the generated client.
    pub(super) client: Ident,
    /// `module:Class`.
    pub(super) adapter: Option<PythonName>,
    /// The manifest that it is compared with.
    pub(super) manifest: Option<LitStr>,
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
    pub(super) options: Options,
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
    /// What is sent when it is `None`.
    pub(super) default: Option<Expr>,
}

impl Argument {
    /// The type of what is sent: of a stream, that of its items.
    pub(super) fn sent(&self) -> &Type {
        let item = if self.passing == Passing::Stream { as_stream(&self.ty).and_then(stream_item) } else { None };
        item.unwrap_or(&self.ty)
    }

    /// What a value of it looks like when it is given; of a stream, what an item looks like.
    pub(super) fn shape(&self) -> Shape {
        match (self.passing, Shape::of(self.sent())) {
            (Passing::Optional | Passing::Default, Shape::Optional(inner)) => *inner,
            (Passing::Fields, _) => Shape::Unknown,
            (_, shape) => shape,
        }
    }
}

/// How an argument reaches Python.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Passing {
    Named,
    /// By name, and left out when it is `None`.
    Optional,
    /// By name, and something else when it is `None`.
    Default,
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

impl Answer {
    /// The `Result` that the method returns or streams.
    pub(super) fn result(&self) -> &Type {
        match self {
            Self::Unary(ty) | Self::Stream { item: ty, .. } => ty,
        }
    }

    /// What the crate asks of that, as a trait.
    pub(super) fn bound(&self) -> &'static str {
        match self {
            Self::Unary(_) => "CallOutput",
            Self::Stream { .. } => "StreamOutput",
        }
    }

    /// Where an error about what a method returns belongs, and the same place each time, so that the compiler prints it
    /// once: at what a `Result<T>` holds, or at all of the type where it may be another part that is wrong.
    pub(super) fn place(&self) -> Span {
        let result = self.result();
        let one = last_segment(result).is_some_and(|name| arguments(name).len() == 1);
        place_of(if one { success(result) } else { result })
    }

    /// The type of the value in that `Result`; all of it where that does not show.
    pub(super) fn value(&self) -> &Type {
        result_value(self.result()).unwrap_or(self.result())
    }

    /// What a value of it looks like.
    pub(super) fn shape(&self) -> Shape {
        result_value(self.result()).map_or(Shape::Unknown, Shape::of)
    }
}

/// A name in Python, and the token that says it.
pub(super) struct PythonName {
    pub(super) text: String,
    pub(super) span: Span,
}
