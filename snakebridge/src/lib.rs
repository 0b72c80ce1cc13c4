//! Typed, async calls from Rust into Python, and back, with every Python interpreter in its own disposable process.

pub mod body;
#[cfg(feature = "host")]
mod bridge;
#[cfg(feature = "host")]
pub mod client;
pub mod error;
#[cfg(feature = "host")]
mod link;
pub mod manifest;
#[cfg(feature = "host")]
mod pool;
#[cfg(feature = "host")]
pub mod prelude;
#[cfg(feature = "host")]
pub mod telemetry;
#[cfg(feature = "host")]
pub mod tools;
pub mod value;
pub mod wire;
#[cfg(feature = "host")]
mod worker;

#[cfg(feature = "host")]
pub use bridge::{Bridge, Builder};
pub use bytes::Bytes;
#[cfg(feature = "host")]
pub use client::{Call, Chunk, ToolStream};
pub use error::{Error, Result};
#[cfg(feature = "host")]
pub use pool::WorkerInfo;
#[cfg(feature = "macros")]
pub use snakebridge_macros::{python_tool, tool};
#[cfg(feature = "host")]
pub use tools::ToolContext;
pub use value::Value;

#[cfg(all(feature = "host", not(target_os = "linux")))]
compile_error!("snakebridge's host runs on Linux; macOS is not supported yet, and Windows is not");
