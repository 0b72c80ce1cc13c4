//! What a trait says about a service of the host.

use syn::{Attribute, ItemTrait, Path};

use crate::tool::model::ToolMethod;

/// A trait with `#[elixir_style_tool]`.
pub(super) struct Service {
    /// Where the generated code finds the crate.
    pub(super) crate_path: Path,
    /// The trait as written, without our attributes and without documentation on parameters.
    pub(super) item: ItemTrait,
    /// Its methods, each a tool.
    pub(super) methods: Vec<ServiceMethod>,
}

/// A method of the trait.
pub(super) struct ServiceMethod {
    /// Its documentation, which its client has too.
    pub(super) docs: Vec<Attribute>,
    pub(super) method: ToolMethod,
}
