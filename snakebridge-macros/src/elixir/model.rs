//! What a trait says about a service of the host.

use syn::{ItemTrait, Path};

use crate::tool::model::ToolMethod;

/// A trait with `#[elixir_style_tool]`.
pub(super) struct Service {
    /// Where the generated code finds the crate.
    pub(super) crate_path: Path,
    /// The trait as written, without our attributes and without documentation on parameters.
    pub(super) item: ItemTrait,
    /// Its methods, each a tool.
    pub(super) methods: Vec<ToolMethod>,
}
