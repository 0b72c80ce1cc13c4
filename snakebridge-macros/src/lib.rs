//! The attribute macros of `snakebridge`. Use them through that crate, which exports them together with what their
//! output needs.
#![forbid(unsafe_code)]

mod attrs;
mod case;
mod defaults;
mod diag;
mod duration;
mod elixir;
#[cfg(test)]
mod expansions;
mod item;
#[cfg(test)]
mod mutations;
mod names;
mod python_tool;
mod quoting;
mod rules;
mod size;
mod tool;
mod tools;
mod types;

use proc_macro::TokenStream;

/// Makes a client of Python tools from a trait that describes them.
///
/// ```
/// use snakebridge::prelude::*;
///
/// #[derive(serde::Serialize)]
/// pub struct Style {
///     colour: String,
///     width: f64,
/// }
///
/// /// Tools that live in `text_tools.py`.
/// #[python_tool(adapter = "text_tools:TextAdapter", timeout = "30s")]
/// pub trait TextTools {
///     /// Adds two numbers.
///     async fn add(&self, a: f64, b: f64) -> Result<f64>;
///
///     /// `by` is left out when it is `None`, so that Python's own default applies.
///     #[py(name = "scaleArray", timeout = "2s", idempotent)]
///     async fn scale(&self, values: &[f64], by: Option<f64>) -> Result<Vec<f64>>;
///
///     /// Counts.
///     fn count(&self, to: u32) -> impl Stream<Item = Result<u32>>;
///
///     /// Draws; each field of `style` is an argument of its own.
///     async fn draw(&self, text: &str, #[py(kwargs)] style: &Style) -> Result<Bytes>;
/// }
///
/// async fn use_them(bridge: &impl snakebridge::client::AsCaller) -> Result<()> {
///     let text = TextToolsClient::new(bridge);
///     let sum = text.add(1.0, 2.0).timeout(std::time::Duration::from_millis(50)).await?;
///     let mut numbers = text.count(5);
///     while let Some(number) = numbers.next().await {
///         println!("{sum} {}", number?);
///     }
///     Ok(())
/// }
/// ```
///
/// # What it makes
///
/// `TextToolsClient`, beside the trait and as visible as it: `Clone`, made by `TextToolsClient::new(&bridge)`, with the
/// methods of the trait and their documentation. An `async fn` becomes a method that returns a `Call`, a future that
/// can be spawned and joined and has options to set before it is awaited. A method that returns `impl Stream` becomes
/// one that returns a `ToolStream`, which opens when it is first polled. Arguments are encoded when the method is
/// called, so neither borrows from them; an argument that cannot be encoded comes out as the error of the call.
///
/// The trait itself stays, and the client implements it. What is written for any `impl TextTools` runs with Python, and
/// in tests with a fake that is written by hand:
///
/// ```
/// use snakebridge::prelude::*;
///
/// #[python_tool(adapter = "text_tools:TextAdapter")]
/// trait TextTools {
///     async fn add(&self, a: f64, b: f64) -> Result<f64>;
///
///     fn count(&self, to: u32) -> impl Stream<Item = Result<u32>>;
/// }
///
/// async fn sum_of_three(tools: &impl TextTools) -> Result<f64> {
///     let two = tools.add(1.0, 1.0).await?;
///     tools.add(two, 1.0).await
/// }
///
/// struct Fake;
///
/// impl TextTools for Fake {
///     async fn add(&self, a: f64, b: f64) -> Result<f64> {
///         Ok(a + b)
///     }
///
///     // `use<>` says what the trait says too: the stream borrows nothing.
///     fn count(&self, to: u32) -> impl Stream<Item = Result<u32>> + use<> {
///         futures::stream::iter((0..to).map(Ok))
///     }
/// }
///
/// let sum = futures::executor::block_on(sum_of_three(&Fake))?;
/// assert_eq!(sum, 3.0);
/// # Ok::<(), snakebridge::Error>(())
/// ```
///
/// # Keys
///
/// | key | |
/// |---|---|
/// | `adapter = "module:Class"` | The adapter that has the tools, or `"module"` for a module that is one itself or has only one. Without it the builder names the adapter. |
/// | `module = "module"`, `class = "Class"` | The same in two keys. |
/// | `rename_all = "camelCase"` | How Python writes the tools' names, where a method has no `name`: `"lowercase"`, `"UPPERCASE"`, `"PascalCase"`, `"camelCase"`, `"snake_case"`, `"SCREAMING_SNAKE_CASE"`, `"kebab-case"`, `"SCREAMING-KEBAB-CASE"`. Arguments keep theirs. |
/// | `timeout = "30s"` | The deadline of every call, unless the method or the call says otherwise. |
/// | `idempotent` | Every tool may be repeated: see the key of methods. |
/// | `session = "affine"` | What the tools need of a session: see the key of methods. |
/// | `manifest = "tools.json"` | The trait is compared with this file while it is compiled: see below. |
/// | `client = "Name"` | The client's name; without it the trait's and `Client`. |
/// | `crate = path` | Where the generated code finds `snakebridge`, if it is exported by another crate. |
///
/// `#[py(..)]` on a method:
///
/// | key | |
/// |---|---|
/// | `name = "name"` | The tool's name in Python; without it the method's. |
/// | `timeout = "30s"` | The deadline of a call, counted from when the method is called. |
/// | `idempotent` | Repeating a call does no harm: when its worker is lost, another one gets it. `idempotent = false` takes back what the trait says. |
/// | `retry = 3` | How often it is repeated at most, beyond its first run. It needs `idempotent`. |
/// | `notify` | Nobody waits for the result: the call is done when it is on its way. The method returns `Result<()>`. |
/// | `no_cancel` | The tool goes on when its caller stops waiting. |
/// | `priority = "high"` | Who goes first when calls wait for a worker: `"high"`, `"normal"` or `"low"`. |
/// | `cache = "10m"` | For how long a result is kept for calls with the same arguments: the tool is pure. Not for streams. |
/// | `window = "1MiB"` | How far a stream may be ahead of its reader, from 64 KiB to 1 GiB: in `B`, `KiB`, `MiB` or `GiB`, or as a number of bytes. |
/// | `session = "affine"` | The calls of a session go to one worker, where the tool finds what it left; `"exclusive"`: one at a time. `"none"` takes back what the trait says. |
/// | `skip` | The method is no tool. It has a body, and the client has it as well. |
///
/// `#[py(..)]` on an argument:
///
/// | key | |
/// |---|---|
/// | `name = "name"` | The argument's name in Python; without it the Rust name. |
/// | `default = expression` | What is sent for `None`; the type is an `Option`. Without it the argument is left out. A string literal may stand for a `String`. |
/// | `kwargs` | Each field of this struct, or entry of this map, is an argument; it comes last. |
///
/// Durations are whole hours, minutes, seconds and milliseconds: `"250ms"`, `"30s"`, `"5m"`, `"1h"`, `"1m30s"`.
///
/// ```
/// use snakebridge::prelude::*;
///
/// #[python_tool(module = "text_tools", class = "TextAdapter", rename_all = "camelCase", timeout = "30s")]
/// pub trait TextTools {
///     /// `findAll` in Python. It may run four times; `lang` is always sent.
///     #[py(idempotent, retry = 3, cache = "10m", priority = "high")]
///     async fn find_all(
///         &self,
///         text: &str,
///         #[py(name = "lang", default = "en")] language: Option<&str>,
///     ) -> Result<Vec<u64>>;
///
///     /// Nobody waits for it.
///     #[py(notify, priority = "low")]
///     async fn log(&self, line: &str) -> Result<()>;
///
///     /// The tool remembers something between the calls of a session.
///     #[py(session = "affine", no_cancel)]
///     async fn append(&self, text: String) -> Result<()>;
///
///     /// A stream as an argument, and one as the answer.
///     #[py(window = "64KiB")]
///     fn translate(&self, lines: impl Stream<Item = String>) -> impl Stream<Item = Result<String>>;
///
///     /// No tool, but what Rust makes of them.
///     #[py(skip)]
///     async fn has(&self, text: &str) -> Result<bool> {
///         Ok(!self.find_all(text, None).await?.is_empty())
///     }
/// }
/// ```
///
/// # Comparing with Python
///
/// When a client is made by `bridge.client::<TextToolsClient>()`, the trait is compared with what the workers say they
/// offer. With `manifest = "tools.json"` it is compared with a committed file as well, while it is compiled: a tool that
/// is missing, a parameter that is called otherwise, a type that cannot fit or a stream that is none is an error at the
/// place in the trait. The path is relative to the folder of `Cargo.toml`; the file is what `Manifest::to_json` of a
/// running bridge writes.
///
/// # Types
///
/// Arguments are whatever is `Serialize`, owned or borrowed, or `impl Stream` of such. An argument whose type is called
/// `Option` is left out when it is `None`. A method returns `Result<T, E>`, whatever the alias for it is called, where `T` is `DeserializeOwned`
/// and `E` is `From<snakebridge::Error>`; the items of a stream are such results too.
#[proc_macro_attribute]
pub fn python_tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    self::python_tool::python_tool(attribute.into(), &item.into()).into()
}

/// Makes a function, or the methods of a value, tools that Python can call.
///
/// ```
/// use snakebridge::prelude::*;
///
/// #[derive(serde::Serialize)]
/// pub struct Report {
///     problems: Vec<String>,
/// }
///
/// /// What is allowed; given to the builder by `.state(..)`.
/// pub struct Rules {
///     forbidden: Vec<String>,
/// }
///
/// /// Checks a document against its schema.
/// #[tool(timeout = "5s")]
/// async fn validate(
///     context: &ToolContext,
///     #[py(state)] rules: &Rules,
///     /// The document to check.
///     document: String,
///     #[py(default = true)] strict: bool,
///     title: Option<String>,
/// ) -> Result<Report, std::num::ParseIntError> {
///     if context.is_cancelled() {
///         return Ok(Report { problems: vec![] });
///     }
///     let limit: usize = if strict { "3".parse()? } else { 1 };
///     let found = rules.forbidden.iter().filter(|word| document.contains(*word) || Some(*word) == title.as_ref());
///     Ok(Report { problems: found.take(limit).cloned().collect() })
/// }
///
/// /// A stream; Python gets an iterator.
/// #[tool]
/// fn words(text: String) -> impl Stream<Item = String> {
///     futures::stream::iter(text.split(' ').map(str::to_owned).collect::<Vec<_>>())
/// }
///
/// let builder = Bridge::builder().state(Rules { forbidden: vec![] }).tools(tools![validate, words]);
/// # let _ = builder;
/// ```
///
/// Given to the bridge's builder by `.tools(tools![validate])`, it is in Python
/// `ctx.tools.validate(document, title="..")`, with its parameters, their defaults and all documentation.
///
/// # What it makes
///
/// The function stays as it is, to be called from Rust and tested. Beside it, in the namespace of types, there is a
/// type of the same name, which is what `tools![..]` takes; so one `use` imports both. A module, or another type, cannot
/// have that name as well.
///
/// # Keys
///
/// | key | |
/// |---|---|
/// | `name = "name"` | The tool's name in Python; without it the function's. |
/// | `description = "What it does."` | Without it the function's documentation. |
/// | `timeout = "5s"` | How long it may take. The deadline of the Python call that uses it applies too. |
/// | `blocking` | It runs on the pool of threads that may block. When its caller stops waiting, it goes on alone. |
/// | `hidden` | Python neither sees it nor can call it; Rust can. |
/// | `session` | It belongs to a session: it cannot be given to the builder, for all. |
/// | `max_concurrency = 8` | How many calls of it may run at a time; the others wait. One that is `blocking` counts until its thread has ended, though its caller has given up. |
/// | `metadata(owner = "us", cost = 3)` | What else there is to say about it, for Python to read. |
/// | `crate = path` | Where the generated code finds `snakebridge`, if it is exported by another crate. |
///
/// `#[py(..)]` on a parameter:
///
/// | key | |
/// |---|---|
/// | `name = "name"` | The parameter's name in Python; without it the Rust name. |
/// | `default` | When it is left out, it is the `Default` of its type. |
/// | `default = expression` | When it is left out, it is this, evaluated at each call. A string literal may stand for a `String`. |
/// | `state` | The host lends it: a `&T` of what the builder was given by `.state(..)`. |
///
/// # Parameters and results
///
/// The host lends `&ToolContext` (session, deadline, cancellation), `&Session` (the session that the call belongs to; a
/// call without one gets an error) and the states. All other parameters come from Python, so they are owned types that
/// are `Deserialize`; one whose type is called `Option` may be left out. Arguments that do not fit are refused before the
/// function runs, and Python is told which and why.
///
/// The function returns anything `Serialize`, or a `Result` whose error is `Display`, which Python gets as an exception.
/// An error that can be made into a `ToolError` says a code and data as well. A function that returns `impl Stream` of
/// either streams; it may borrow what it was lent, and its first error is its end.
///
/// # On an `impl` block
///
/// Its methods are tools that share the value. Every method with `&self` is one, unless it is marked `#[py(skip)]`; the
/// keys of a tool go into `#[tool(..)]` or `#[py(..)]` on the method. The block has the keys `prefix = "counter."`, which
/// the names of all its tools begin with, and `crate`.
///
/// ```
/// use std::sync::atomic::{AtomicI64, Ordering};
///
/// use snakebridge::prelude::*;
///
/// #[derive(Default)]
/// pub struct Counter(AtomicI64);
///
/// #[tool(prefix = "counter.")]
/// impl Counter {
///     /// Counts on.
///     async fn increment(&self, #[py(default = 1)] by: i64) -> i64 {
///         self.add(by)
///     }
///
///     #[py(skip)]
///     fn add(&self, by: i64) -> i64 {
///         self.0.fetch_add(by, Ordering::Relaxed) + by
///     }
/// }
///
/// let builder = Bridge::builder().tools(Counter::default()); // or an `Arc` of one
/// # let _ = builder;
/// ```
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    self::tool::tool(attribute.into(), &item.into()).into()
}

/// Makes a function, or the methods of a trait, tools in the Elixir style: one `params` value in, an outcome out, and
/// registered on a session.
///
/// ```
/// use snakebridge::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// pub struct ParseNumber {
///     text: String,
///     /// May be left out.
///     limit: Option<u8>,
/// }
///
/// /// Parses a number.
/// #[elixir_style_tool(exposed_to_python = true)]
/// fn parse_number(params: ParseNumber) -> Outcome<u8> {
///     match params.text.parse() {
///         Ok(number) if params.limit.is_none_or(|limit| number <= limit) => Outcome::Ok(number),
///         Ok(number) => Outcome::Error(format!("{number} is too large")),
///         Err(error) => Outcome::Error(error.to_string()),
///     }
/// }
///
/// // A tool stays a function.
/// let parsed = parse_number(ParseNumber { text: "7".to_owned(), limit: None });
/// assert_eq!(parsed, Outcome::Ok(7));
/// ```
///
/// Python calls `ctx.tools.parse_number(text="7")` and gets the value, or an exception whose `data` is the reason; or it
/// calls `ctx.tools.parse_number.tagged(text="7")` and gets `("ok", 7)` or `("error", reason)`.
///
/// # Keys
///
/// | key | |
/// |---|---|
/// | `name = "name"` | The tool's name in Python; without it the function's. At most 64 characters. |
/// | `description = "What it does."` | Without it the function's documentation. |
/// | `exposed_to_python = true` | Python may call it. Otherwise it is hidden: only Rust may. |
/// | `timeout = "5s"` | How long it may take. |
/// | `metadata(key = "value")` | For Python to read: at most 32 entries, and 4096 bytes. What is no literal is counted when the tool is registered. |
/// | `crate = path` | Where the generated code finds `snakebridge`, if it is exported by another crate. |
///
/// # Parameters and results
///
/// There is one value of all parameters: a struct that is `Deserialize`, whose fields are what Python sees, or `Params`,
/// which takes anything. The host lends `&Session`, `&ToolContext` and `#[py(state)] name: &T` besides. The function
/// returns an `Outcome`, a `Result`, or a plain value, which is an outcome that went well.
///
/// # On a trait
///
/// The trait describes a service of the host. `ValidationTools::new(implementation)` are its tools, to be registered;
/// `ValidationClient::new(&session)` calls them from Rust, through the same registry. So the params are `Serialize` too,
/// and the results `Deserialize`. The trait has the keys `prefix`, `exposed_to_python`, `timeout` and `crate`, and
/// `#[py(..)]` on a method those of a function.
///
/// ```
/// use snakebridge::prelude::*;
///
/// #[elixir_style_tool(exposed_to_python = true)]
/// trait Validation {
///     /// Checks a schema.
///     async fn validate_schema(&self, params: Params) -> Outcome<bool>;
/// }
///
/// struct Strict;
///
/// impl Validation for Strict {
///     async fn validate_schema(&self, params: Params) -> Outcome<bool> {
///         Outcome::Ok(params.iter().next().is_some())
///     }
/// }
///
/// let tools = ValidationTools::new(Strict);
/// # let _ = snakebridge::tools::Tools::from(tools);
///
/// async fn check(session: &impl snakebridge::tools::AsSessionTools) -> Result<bool> {
///     ValidationClient::new(session).validate_schema(Params::default()).await
/// }
/// ```
#[proc_macro_attribute]
pub fn elixir_style_tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    self::elixir::elixir_style_tool(attribute.into(), &item.into()).into()
}

/// What `snakebridge::tools![..]` is made of: use that.
#[doc(hidden)]
#[proc_macro]
pub fn __tools(tokens: TokenStream) -> TokenStream {
    self::tools::tools(tokens.into()).into()
}
