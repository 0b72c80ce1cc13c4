//! Typed, async calls from Rust into Python, and back, with every Python interpreter in its own disposable process.
//!
//! Python code is an *adapter*: a class whose decorated methods are *tools*, or a module of decorated functions. A
//! [`Bridge`] starts *workers*, processes with a Python interpreter that has loaded the adapter, and routes calls to
//! them. The Rust side owns all state: a worker may crash or be killed at any moment, and only the calls that it was
//! running notice. Every [`Error`] says whether the call ran ([`Executed`](error::Executed)).
//!
//! ```no_run
//! use snakebridge::prelude::*;
//!
//! /// Tools that live in `python/text_tools.py`.
//! #[python_tool(adapter = "text_tools:TextAdapter")]
//! trait TextTools {
//!     /// `by` is left out when it is `None`, so Python's own default applies.
//!     async fn scale(&self, values: &[f64], by: Option<f64>) -> Result<Vec<f64>>;
//!     /// A Python generator is a stream.
//!     fn lines(&self, text: &str) -> impl Stream<Item = Result<String>>;
//! }
//!
//! /// A Rust function that Python calls, as `self.session_context.tools.is_allowed(word=..)`.
//! #[tool]
//! fn is_allowed(word: String) -> bool {
//!     word != "secret"
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let builder = Bridge::builder().client::<TextToolsClient>().python_path("python");
//!     let bridge = builder.workers(4).tools(tools![is_allowed]).start().await?;
//!     let text = bridge.client::<TextToolsClient>()?;
//!
//!     let doubled = text.scale(&[1.0, 2.0], Some(2.0)).timeout(std::time::Duration::from_secs(1)).await?;
//!     let mut lines = text.lines("one\ntwo");
//!     while let Some(line) = lines.next().await {
//!         println!("{} {doubled:?}", line?);
//!     }
//!     bridge.shutdown().await
//! }
//! ```
//!
//! Where to look: [`Bridge`] and its [`Builder`]; [`Call`] and [`ToolStream`] for what hangs off a call; [`error`] for
//! what can go wrong; [`telemetry::Event`] for what happens inside; [`wire`] for the protocol, which is usable on its
//! own, without tokio, with `default-features = false`.

pub mod body;
#[cfg(feature = "host")]
mod bridge;
#[cfg(feature = "host")]
pub mod client;
#[cfg(feature = "host")]
mod deadlock;
pub mod error;
#[cfg(feature = "host")]
mod link;
pub mod manifest;
#[cfg(feature = "host")]
mod pool;
#[cfg(feature = "host")]
pub mod prelude;
pub mod schema;
#[cfg(feature = "seeded-bugs")]
#[doc(hidden)]
pub mod seeded;
#[cfg(not(feature = "seeded-bugs"))]
#[cfg_attr(not(feature = "host"), expect(dead_code, reason = "most of the places are on the host's side"))]
mod seeded;
#[cfg(feature = "host")]
pub mod session;
#[cfg(feature = "host")]
pub mod telemetry;
#[cfg(feature = "host")]
pub mod tools;
pub mod value;
pub mod wire;
#[cfg(feature = "host")]
mod worker;

#[cfg(feature = "host")]
pub use bridge::{Bridge, Builder, PoolBuilder, Session, TimeoutProfile};
pub use bytes::Bytes;
#[cfg(feature = "host")]
pub use client::{Call, Chunk, ToolStream};
pub use error::{Error, Result};
#[cfg(feature = "host")]
pub use pool::{CurrentCall, WorkerInfo, WorkerState};
#[cfg(feature = "macros")]
pub use snakebridge_macros::{elixir_style_tool, python_tool, tool};
#[cfg(feature = "host")]
pub use telemetry::Progress;
#[cfg(feature = "host")]
pub use tools::ToolContext;
pub use value::Value;
#[cfg(feature = "host")]
pub use worker::{Compat, Profile, Restrictions, Sandbox, Unserializable};

#[cfg(all(feature = "host", not(target_os = "linux")))]
compile_error!("snakebridge's host runs on Linux; macOS is not supported yet, and Windows is not");

/// The Rust in the documents compiles.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../docs/calls.md")]
#[doc = include_str!("../../docs/concurrency.md")]
#[doc = include_str!("../../docs/macros.md")]
#[doc = include_str!("../../docs/migrating-from-snakepit.md")]
#[doc = include_str!("../../docs/pools.md")]
#[doc = include_str!("../../docs/sandbox.md")]
#[doc = include_str!("../../docs/sessions.md")]
#[doc = include_str!("../../docs/rust-tools.md")]
#[doc = include_str!("../../docs/shutdown.md")]
#[doc = include_str!("../../docs/supervision.md")]
#[doc = include_str!("../../docs/telemetry.md")]
struct Documents;
