//! A tool's name, cheap to hand around.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// Declared in the program, which costs nothing for each call, or made at run time.
#[derive(Debug, Clone)]
pub enum ToolName {
    /// From a `#[python_tool]` trait.
    Declared(&'static str),
    /// From a caller's string.
    Named(Arc<str>),
}

impl ToolName {
    /// The name to keep.
    pub(crate) fn to_shared(&self) -> Arc<str> {
        match self {
            Self::Declared(name) => (*name).into(),
            Self::Named(name) => Arc::clone(name),
        }
    }
}

impl Deref for ToolName {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Declared(name) => name,
            Self::Named(name) => name,
        }
    }
}

// The name is what counts, wherever it comes from.
impl PartialEq for ToolName {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ToolName {}

impl Hash for ToolName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Borrow<str> for ToolName {
    fn borrow(&self) -> &str {
        self
    }
}
