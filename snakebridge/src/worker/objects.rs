//! What a worker keeps for the host, and which modules the host may use in it.

use std::collections::BTreeSet;

use serde::Serialize;

/// What a pool's workers may be asked for beside the tools of their adapter. Where there is none: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Objects {
    /// How many objects a worker keeps for one session.
    pub(crate) maximum: usize,
    /// Modules that may be used, each with those inside it.
    pub(crate) modules: BTreeSet<String>,
    pub(crate) any_module: bool,
}

impl Default for Objects {
    fn default() -> Self {
        Self { maximum: 10_000, modules: BTreeSet::new(), any_module: false }
    }
}

impl Objects {
    /// Whether any module may be used.
    pub(crate) fn has_modules(&self) -> bool {
        self.any_module || !self.modules.is_empty()
    }
}
