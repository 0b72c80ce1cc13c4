//! What most programs need: `use snakebridge::prelude::*;`.

pub use futures::{Stream, StreamExt};

pub use crate::body::Input;
pub use crate::client::Priority;
pub use crate::tools::{Outcome, Params, ToolError};
pub use crate::{
    Bridge, Bytes, Call, Error, Profile, Result, Session, TimeoutProfile, ToolContext, ToolStream, Value, args,
};
#[cfg(feature = "macros")]
pub use crate::{elixir_style_tool, python_tool, tool, tools};
