//! What the code that `#[tool]` and `#[elixir_style_tool]` generate calls. Not for use by hand.

mod arguments;
mod client;
mod running;

use std::sync::Arc;

pub use bytes::Bytes;

pub use self::arguments::{Arguments, DefaultArgument, ToolArgument, parameters};
pub use self::client::{ClientParams, ClientResult, client_arguments, client_call};
pub use self::running::{Yielder, blocking, stream};
pub use super::introspect::parameters_of;
use super::{States, ToolContext};
use crate::error::{Error, Result};
use crate::value::Value;

/// What may be lent to a tool by `#[py(state)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared by tools: it is not `Send`, `Sync` and `'static`",
    label = "a state is used by many calls at once",
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

/// Notes the type's name if there is no state of it.
pub fn note_missing<T: ToolState>(states: &States, missing: &mut Vec<&'static str>) {
    if !states.has::<T>() {
        missing.push(std::any::type_name::<T>());
    }
}

/// The state of this type. The registry has refused tools whose states are missing.
pub fn state<T: ToolState>(context: &ToolContext) -> Result<Arc<T>> {
    context.state().ok_or_else(|| {
        let name = std::any::type_name::<T>();
        Error::invalid_argument(format!("there is no state of type `{name}`; give the builder one with `.state(..)`"))
    })
}
