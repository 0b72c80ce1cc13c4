//! What the code that `#[tool]` and `#[elixir_style_tool]` generate calls. Not for use by hand.

mod arguments;
mod client;
pub mod naming;
mod running;

use std::sync::Arc;

pub use bytes::Bytes;
#[cfg(feature = "macros")]
pub use snakebridge_macros::__tools as tools;

pub use self::arguments::{Arguments, DefaultArgument, Parameters, ToolArgument, parameters};
pub use self::client::{ClientParams, ClientResult, client_arguments, client_call};
pub use self::running::{Yielder, blocking, stream};
use super::{States, ToolContext};
use crate::error::{Error, Result};
use crate::value::Value;

/// What may be lent to a tool by `#[py(state)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared by tools: it is not `Send`, `Sync` and `'static`",
    label = "many calls use it at once",
    note = "put what changes behind a `Mutex`, and what is counted into an `Arc`"
)]
pub trait ToolState: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> ToolState for T {}

/// What may be said about a tool by `metadata(..)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be metadata of a tool",
    label = "expected a text, a number, a bool, or a `Value`"
)]
pub trait Metadata: Into<Value> {}

#[diagnostic::do_not_recommend]
impl<T: Into<Value>> Metadata for T {}

/// A value of metadata.
pub fn metadata<T: Metadata>(value: T) -> Value {
    value.into()
}

/// A state that a tool wants.
///
/// How it is found is looked up where it is made, so that a type which cannot be shared is refused in the same words
/// wherever that is, and so once.
#[derive(Debug)]
pub struct State<T> {
    is_in: fn(&States) -> bool,
    of: fn(&ToolContext) -> Option<Arc<T>>,
}

/// The state of this type.
pub fn state<T: ToolState>() -> State<T> {
    State { is_in: States::has::<T>, of: ToolContext::state }
}

impl<T> State<T> {
    /// Notes the type's name if there is no state of it.
    pub fn note_missing(self, states: &States, missing: &mut Vec<&'static str>) {
        if !(self.is_in)(states) {
            missing.push(std::any::type_name::<T>());
        }
    }

    /// The state. The registry has refused tools whose states are missing.
    pub fn lent(self, context: &ToolContext) -> Result<Arc<T>> {
        (self.of)(context).ok_or_else(|| {
            let name = std::any::type_name::<T>();
            Error::invalid_argument(format!(
                "there is no state of type `{name}`; give the builder one with `.state(..)`"
            ))
        })
    }
}
