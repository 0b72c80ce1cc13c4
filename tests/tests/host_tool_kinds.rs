//! What a `#[tool]` may be besides a function of its arguments: blocking, lent a state, one of a set, hidden, failing
//! with more than a text.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::ThreadId;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use snakebridge::prelude::*;
use snakebridge_tests::{eventually, rust_tools};

/// Arguments of the Python tools that call ours.
fn to(name: &str, arguments: Vec<(&str, Value)>) -> snakebridge::body::Arguments {
    let arguments = arguments.into_iter().map(|(name, value)| (Value::from(name), value)).collect();
    args! { name: name, arguments: Value::Map(arguments) }
}

/// What a failed call looked like in Python.
#[derive(Debug, PartialEq, Deserialize)]
struct Caught {
    code: String,
    message: String,
    data: Value,
    executed: String,
}

/// What Python knows of a tool.
#[derive(Debug, Deserialize)]
struct Described {
    description: String,
    signature: String,
    metadata: BTreeMap<String, Value>,
}

/// A door that stays shut until somebody opens it.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
    passed: AtomicU64,
}

impl Door {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// Wait on the thread for the door to open.
#[tool(blocking)]
fn pass(#[py(state)] door: &Arc<Door>) -> u64 {
    let mut open = door.open.lock().unwrap();
    while !*open {
        open = door.opened.wait(open).unwrap();
    }
    door.passed.fetch_add(1, Ordering::Relaxed) + 1
}

#[tool(blocking)]
fn panics_on_its_thread() -> u64 {
    panic!("on purpose")
}

#[tool]
fn quick() -> &'static str {
    "quick"
}

#[tokio::test(flavor = "current_thread")]
async fn a_tool_that_blocks_holds_up_nothing_else() -> Result<()> {
    let door = Arc::new(Door::default());
    let tools = tools![pass, quick, panics_on_its_thread];
    let bridge = rust_tools().workers(2).state(Arc::clone(&door)).tools(tools).start().await?;
    let blocked = tokio::spawn(bridge.call::<u64>("call", to("pass", vec![])));
    // On this one thread, nothing of this would come back if the tool ran on it.
    assert_eq!(bridge.call::<String>("call", to("quick", vec![])).await?, "quick");
    door.open();
    assert_eq!(blocked.await.unwrap()?, 1);
    let caught: Caught = bridge.call("catch", to("panics_on_its_thread", vec![])).await?;
    assert_eq!((caught.code.as_str(), caught.executed.as_str()), ("panic", "yes"));
    assert!(caught.message.contains("`panics_on_its_thread` panicked: on purpose"), "{caught:?}");
    bridge.shutdown().await
}

#[tokio::test]
async fn who_gives_up_on_a_tool_that_blocks_does_not_wait_for_it() -> Result<()> {
    let door = Arc::new(Door::default());
    let bridge = rust_tools().workers(1).state(Arc::clone(&door)).tools(tools![pass]).start().await?;
    let call = bridge.call::<u64>("call", to("pass", vec![])).timeout(Duration::from_millis(200));
    assert_eq!(call.await.unwrap_err().code(), "deadline_exceeded");
    assert_eq!(door.passed.load(Ordering::Relaxed), 0, "the caller was first");
    door.open();
    eventually("the tool to go on alone", || (door.passed.load(Ordering::Relaxed) == 1).then_some(())).await;
    bridge.shutdown().await
}

/// Ask Python something from a thread that may block.
#[tool(blocking)]
fn ask_back(#[py(state)] bridge: &Arc<OnceLock<Bridge>>) -> Result<Vec<String>> {
    bridge.get().unwrap().call("names", args! {}).wait()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_tool_makes_on_its_own_thread_is_run_by_the_worker_that_waits() -> Result<()> {
    let home = Arc::new(OnceLock::new());
    let bridge = rust_tools().workers(1).state(Arc::clone(&home)).tools(tools![ask_back]).start().await?;
    home.set(bridge.clone()).unwrap();
    assert_eq!(bridge.call::<Vec<String>>("call", to("ask_back", vec![])).await?, ["ask_back"]);
    bridge.shutdown().await
}

/// Count to a number.
#[tool]
fn count_up(context: &ToolContext, #[py(state)] step: &u32, to: u32) -> impl Stream<Item = Result<u32, String>> {
    futures::stream::iter((0..).step_by(*step as usize)).take_while(move |number| std::future::ready(*number < to)).map(
        |number| if context.is_cancelled() || number == 8 { Err(format!("{number} is enough")) } else { Ok(number) },
    )
}

#[tokio::test]
async fn a_tool_that_streams_may_borrow_what_it_is_lent_and_its_error_is_its_end() -> Result<()> {
    let bridge = rust_tools().workers(1).state(2_u32).tools(tools![count_up]).start().await?;
    assert_eq!(bridge.call::<Vec<u32>>("collect", to("count_up", vec![("to", 7.into())])).await?, [0, 2, 4, 6]);
    let error = bridge.call::<Vec<u32>>("collect", to("count_up", vec![("to", 100.into())])).await.unwrap_err();
    assert!(error.to_string().contains("8 is enough"), "{error}");
    bridge.shutdown().await
}

struct Catalogue(BTreeMap<&'static str, u32>);

/// Tell a price.
#[tool(metadata(owner = "sales", cost = 3))]
fn price(
    #[py(state)] catalogue: &Catalogue,
    /// What to buy.
    article: String,
    #[py(default = 1)] pieces: u32,
) -> Result<u32, NoSuchArticle> {
    catalogue.0.get(&*article).map(|price| price * pieces).ok_or(NoSuchArticle(article))
}

struct NoSuchArticle(String);

impl From<NoSuchArticle> for ToolError {
    fn from(NoSuchArticle(article): NoSuchArticle) -> Self {
        Self::new("no_such_article", format!("there is no `{article}`"))
            .with_data(&BTreeMap::from([("article", article)]))
    }
}

#[tool(hidden)]
fn secret() -> &'static str {
    "secret"
}

fn shop() -> snakebridge::Builder {
    rust_tools().workers(1).state(Catalogue(BTreeMap::from([("tea", 4)]))).tools(tools![price, secret])
}

#[tokio::test]
async fn a_tool_is_lent_the_state_that_the_builder_was_given() -> Result<()> {
    let bridge = shop().start().await?;
    let tea = ("article", Value::from("tea"));
    assert_eq!(bridge.call::<u32>("call", to("price", vec![tea.clone()])).await?, 4);
    assert_eq!(bridge.call::<u32>("call", to("price", vec![tea, ("pieces", 3.into())])).await?, 12);
    let described: Described = bridge.call("describe", args! { name: "price" }).await?;
    assert_eq!(described.description, "Tell a price.");
    assert_eq!(described.signature, "(article: str, pieces: int = 1) -> int", "the state is none of Python's business");
    let expected = BTreeMap::from([("cost".to_owned(), Value::from(3)), ("owner".to_owned(), Value::from("sales"))]);
    assert_eq!(described.metadata, expected);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_bridge_without_the_state_does_not_start_and_says_what_is_missing() {
    let error = rust_tools().tools(tools![price]).start().await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("tool `price` needs a state of type `host_tool_kinds::Catalogue`"), "{text}");
    assert!(text.contains("`.state(..)`"), "{text}");
}

#[tokio::test]
async fn an_error_tells_python_its_code_its_text_and_its_data() -> Result<()> {
    let bridge = shop().start().await?;
    let caught: Caught = bridge.call("catch", to("price", vec![("article", "milk".into())])).await?;
    let data = Value::Map(vec![("article".into(), "milk".into())]);
    let expected = Caught {
        code: "no_such_article".to_owned(),
        message: "there is no `milk`".to_owned(),
        data: data.clone(),
        executed: "yes".to_owned(),
    };
    assert_eq!(caught, expected);
    let tagged: (String, Value) = bridge.call("tagged", to("price", vec![("article", "milk".into())])).await?;
    assert_eq!(tagged, ("wrong".to_owned(), data));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_hidden_tool_is_not_there_for_python() -> Result<()> {
    let bridge = shop().start().await?;
    assert_eq!(bridge.call::<Vec<String>>("names", args! {}).await?, ["price"]);
    let hidden: Caught = bridge.call("catch", to("secret", vec![])).await?;
    let absent: Caught = bridge.call("catch", to("absent", vec![])).await?;
    assert_eq!((hidden.code.as_str(), hidden.executed.as_str()), ("tool_not_found", "never"));
    assert_eq!(hidden.message.replace("secret", "absent"), absent.message, "nothing tells the two apart");
    bridge.shutdown().await
}

#[derive(Default)]
struct Counter {
    count: AtomicI64,
    threads: Mutex<Vec<ThreadId>>,
}

#[tool(prefix = "counter.")]
impl Counter {
    const STEP: i64 = 1;

    /// Count on.
    async fn increment(&self, #[py(default = Self::STEP)] by: i64) -> i64 {
        tokio::task::yield_now().await;
        self.add(by)
    }

    #[tool(name = "reset", blocking)]
    fn start_again(&self, context: &ToolContext) -> Result<Option<String>, String> {
        self.threads.lock().unwrap().push(std::thread::current().id());
        match self.count.swap(0, Ordering::Relaxed) {
            0 => Err("it has not begun".to_owned()),
            _ => Ok(context.session_id().map(str::to_owned)),
        }
    }

    #[py(skip)]
    fn add(&self, by: i64) -> i64 {
        self.count.fetch_add(by, Ordering::Relaxed) + by
    }
}

#[tokio::test]
async fn the_methods_of_a_value_are_tools_that_share_it() -> Result<()> {
    let counter = Arc::new(Counter::default());
    let bridge = rust_tools().workers(2).tools(Arc::clone(&counter)).start().await?;
    assert_eq!(bridge.call::<Vec<String>>("names", args! {}).await?, ["counter.increment", "counter.reset"]);
    assert_eq!(bridge.call::<i64>("call", to("counter.increment", vec![])).await?, 1);
    assert_eq!(bridge.call::<i64>("call", to("counter.increment", vec![("by", 2.into())])).await?, 3);
    assert_eq!(counter.add(1), 4, "the same value in Rust");
    bridge.call::<Value>("call", to("counter.reset", vec![])).await?;
    assert_ne!(counter.threads.lock().unwrap()[0], std::thread::current().id());
    let caught: Caught = bridge.call("catch", to("counter.reset", vec![])).await?;
    assert_eq!((caught.code.as_str(), caught.message.as_str()), ("error", "it has not begun"));
    bridge.shutdown().await
}

/// Wait for the door, at most two at a time.
#[tool(max_concurrency = 2)]
async fn squeeze(#[py(state)] narrow: &Arc<Narrow>) -> usize {
    narrow.entered.fetch_add(1, Ordering::Relaxed);
    narrow.door.notified().await;
    narrow.entered.load(Ordering::Relaxed)
}

#[derive(Default)]
struct Narrow {
    entered: AtomicUsize,
    door: tokio::sync::Notify,
}

#[tokio::test]
async fn of_a_tool_with_a_limit_only_so_many_calls_run_at_once_and_the_next_begins_when_one_ends() -> Result<()> {
    let narrow = Arc::new(Narrow::default());
    let bridge = rust_tools().workers(3).state(Arc::clone(&narrow)).tools(tools![squeeze]).start().await?;
    let squeezed = || bridge.call::<usize>("call", to("squeeze", vec![]));
    let entered = |count: usize| narrow.entered.load(Ordering::Relaxed) == count;
    let (first, second) = (tokio::spawn(squeezed()), tokio::spawn(squeezed()));
    eventually("both to run", || entered(2).then_some(())).await;
    let third = squeezed().timeout(Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(third.code(), "deadline_exceeded");
    assert!(entered(2), "it waited outside");
    let in_flight = || bridge.workers().iter().map(|worker| worker.in_flight).sum::<usize>();
    eventually("it to be gone", || (in_flight() == 2).then_some(())).await;
    let fourth = tokio::spawn(squeezed());
    narrow.door.notify_one();
    eventually("the next to run", || entered(3).then_some(())).await;
    narrow.door.notify_one();
    narrow.door.notify_one();
    for call in [first, second, fourth] {
        call.await.unwrap()?;
    }
    bridge.shutdown().await
}

/// Say whose it is.
#[tool(session)]
fn whose(session: &Session) -> String {
    session.id().to_owned()
}

#[tokio::test]
async fn a_tool_with_the_key_session_is_for_the_session_that_it_is_registered_on() -> Result<()> {
    let error = rust_tools().tools(tools![whose]).start().await.unwrap_err();
    assert!(error.to_string().contains("`whose` belongs to a session"), "{error}");
    let bridge = rust_tools().workers(1).start().await?;
    let (session, other) = (bridge.session("s-1").await?, bridge.session("s-2").await?);
    session.register(tools![whose])?;
    assert_eq!(session.call::<String>("call", to("whose", vec![])).await?, "s-1");
    let caught: Caught = other.call("catch", to("whose", vec![])).await?;
    assert_eq!(caught.code, "tool_not_found");
    bridge.shutdown().await
}

/// Without a session there is nothing to register on.
#[derive(Serialize)]
struct Unused;

#[elixir_style_tool(exposed_to_python = true)]
fn of_a_session(_params: Params) -> Unused {
    Unused
}

#[tokio::test]
async fn a_tool_of_sessions_is_refused_for_everybody() {
    let error = rust_tools().tools(tools![of_a_session]).start().await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`of_a_session` belongs to a session; register it with `session.register(tools![..])`"),
        "{text}"
    );
}
