//! Objects that stay in Python: what is done with them, and how long they live.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use snakebridge::Builder;
use snakebridge::client::AsCaller;
use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge_tests::{eventually, kill, python_folder};

#[python_tool(adapter = "object_tools:ObjectAdapter")]
trait Tools {
    async fn make(&self, name: &str) -> Result<Object>;
    async fn make_pair(&self) -> Result<Pair>;
    fn make_many(&self, count: u64) -> impl Stream<Item = Result<Object>>;
    async fn name_of(&self, item: &Object) -> Result<String>;
    async fn alive(&self) -> Result<u64>;
    async fn pid(&self) -> Result<u32>;
}

#[derive(Deserialize)]
struct Pair {
    left: Object,
    right: Object,
    count: u64,
}

fn objects() -> Builder {
    Bridge::builder().client::<ToolsClient>().python_path(python_folder()).references(true)
}

/// Uses the object in whose method Python waits for this.
#[tool]
async fn look_again(context: &ToolContext, name: String) -> Result<String> {
    let object = KEPT.with(|kept| kept.lock().unwrap().clone()).unwrap();
    let again: String = object.get_attribute("name").await?;
    let shared: String = context.caller().call_named("name_of", args! { item: &object }).await?;
    Ok(format!("{name} {again} {shared}"))
}

thread_local! {
    static KEPT: std::sync::Mutex<Option<Object>> = const { std::sync::Mutex::new(None) };
}

fn told<T>(result: Result<T>) -> (String, Executed) {
    let error = result.map(|_| ()).unwrap_err();
    (error.code().to_owned(), error.executed())
}

fn never(code: &str) -> (String, Executed) {
    (code.to_owned(), Executed::Never)
}

/// Waits until so many of the objects of the tests are alive in the worker.
async fn until_alive(tools: &ToolsClient, expected: u64) {
    for _ in 0..3000 {
        if tools.alive().await.unwrap() == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} are alive, and {expected} should be", tools.alive().await.unwrap());
}

#[tokio::test]
async fn everything_is_done_with_an_object_that_stays() -> Result<()> {
    let bridge = objects().workers(1).start().await?;
    let session = bridge.session("s").await?;
    let tools: ToolsClient = session.client()?;
    let object = tools.make("a").await?;
    assert_eq!((object.type_name(), object.worker()), ("object_tools.Tracked", bridge.workers()[0].number));

    let called: (String, Vec<i64>, BTreeMap<String, String>) = object.call(args![1, 2]).await?;
    assert_eq!(called, ("a".into(), vec![1, 2], BTreeMap::new()));
    let called: (String, Vec<i64>, BTreeMap<String, i64>) = object.call(args! { x: 1 }).await?;
    assert_eq!(called.2, [("x".to_owned(), 1)].into());
    let child: Object = object.call_method("child", ("b",)).await?;
    assert_eq!(child.get_attribute::<String>("name").await?, "a/b");
    assert_eq!(child.get_attribute::<usize>("log.__len__").await.unwrap_err().code(), "invalid_argument");
    assert_eq!(object.call_method::<Vec<i64>>("later", (vec![1, 2],)).await?, [1, 2], "a coroutine is awaited");

    object.set_attribute("name", "c").await?;
    assert_eq!(tools.name_of(&object).await?, "c");
    object.set_item("k", &7).await?;
    object.set_item(1, &child).await?;
    assert_eq!((object.len().await?, object.get_item::<i64>("k").await?), (2, 7));
    assert!(child.call_method::<bool>("is_same", (object.get_item::<Object>(1).await?,)).await?);
    assert_eq!(object.repr().await?, "<Tracked c>");
    let names: Vec<String> = object.call_method("names", (vec![&object, &child],)).await?;
    assert_eq!(names, ["c", "a/b"]);
    assert!(format!("{object:?}").starts_with("Object(object_tools.Tracked "));
    let numbers = Input::new(futures::stream::iter(1..=100));
    assert_eq!(object.call_method::<u64>("total", (numbers,)).await?, 5050, "a stream among the arguments");

    let error = object.call_method::<()>("fail", ()).await.unwrap_err();
    assert_eq!((error.exception().unwrap().message.as_str(), error.executed()), ("c fails", Executed::Yes));
    let error = object.value::<Value>().await.unwrap_err();
    assert!(error.code() == "unserializable" && error.to_string().contains("expects an `Object`"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn the_type_of_the_result_says_whether_it_travels() -> Result<()> {
    let bridge = objects().workers(1).start().await?;
    let session = bridge.session("s").await?;
    let object: Object = session.call("make", args! { name: "a" }).await?;
    // What could travel stays, if that is what is wanted.
    let items: Object = object.get_attribute("items").await?;
    assert_eq!(items.type_name(), "dict");
    assert_eq!(items.value::<BTreeMap<String, i64>>().await?, BTreeMap::new());
    let either: ValueOrObject = object.get_attribute("name").await?;
    assert_eq!(either.as_value().and_then(Value::as_str), Some("a"));
    let either: ValueOrObject = object.call_method("child", ("b",)).await?;
    assert_eq!(either.as_object().map(Object::type_name), Some("object_tools.Tracked"));
    let none: Option<Object> = object.call_method("later", ((),)).await?;
    assert!(none.is_none());
    let error = object.call_method::<Object>("later", ((),)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes));

    let pair: Pair = session.call("make_pair", args! {}).await?;
    assert_eq!(pair.count, 2);
    assert_eq!(pair.left.get_attribute::<String>("name").await?, "left");
    assert_eq!(pair.right.get_attribute::<String>("name").await?, "right");
    bridge.shutdown().await
}

#[tokio::test]
async fn items_of_an_object_are_a_stream_of_values_or_of_objects() -> Result<()> {
    let bridge = objects().workers(1).start().await?;
    let session = bridge.session("s").await?;
    let tools: ToolsClient = session.client()?;
    let object = tools.make("a").await?;
    for number in 0..3 {
        object.set_item(number, &(number * 10)).await?;
    }
    let items: Vec<(i64, i64)> = object.iterate::<(i64, i64)>().map(Result::unwrap).collect().await;
    assert_eq!(items, [(0, 0), (1, 10), (2, 20)]);

    let children: Object = object.call_method("children", (5,)).await?;
    let mut names = Vec::new();
    let mut stream = children.iterate::<Object>();
    while let Some(child) = stream.next().await {
        names.push(child?.get_attribute::<String>("name").await?);
    }
    assert_eq!(names, ["a/0", "a/1", "a/2", "a/3", "a/4"]);
    drop((stream, children));
    until_alive(&tools, 1).await;

    // The same of a tool that keeps what it yields.
    let made: Vec<Object> = tools.make_many(4).map(Result::unwrap).collect().await;
    assert_eq!(made[3].get_attribute::<String>("name").await?, "3");
    assert_eq!(tools.alive().await?, 5);
    drop(made);
    until_alive(&tools, 1).await;
    let error = object.get_item::<Object>(1).await?.iterate::<i64>().next().await.unwrap().unwrap_err();
    assert_eq!(error.exception().unwrap().type_name, "TypeError");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_context_manager_is_left_however_the_work_inside_ends() -> Result<()> {
    let bridge = objects().workers(1).start().await?;
    let session = bridge.session("s").await?;
    let object: Object = session.call("make", args! { name: "a" }).await?;
    let log = || object.get_attribute::<Vec<String>>("log");
    let name = object.with(|entered: Object| async move { entered.get_attribute::<String>("name").await }).await?;
    assert_eq!((name.as_str(), log().await?), ("a", vec!["entered".to_owned(), "left".to_owned()]));

    let failed = object.with(|_: Object| async { Err::<(), _>(Error::invalid_argument("no good")) }).await;
    assert_eq!(told(failed), never("invalid_argument"));
    assert_eq!(log().await?[3], "left by HostError: no good");

    let entered = std::sync::Arc::new(tokio::sync::Notify::new());
    let (told, kept) = (entered.clone(), object.clone());
    let work = tokio::spawn(async move {
        let forever = |_: Object| async move {
            told.notify_one();
            std::future::pending::<Result<()>>().await
        };
        kept.with(forever).await
    });
    entered.notified().await;
    work.abort();
    let left = || async { log().await.unwrap().get(5).cloned() };
    for _ in 0..3000 {
        if left().await.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(left().await.as_deref(), Some("left by HostError: the work inside was given up"));
    bridge.shutdown().await
}

#[tokio::test]
async fn an_object_lives_until_its_last_handle_is_dropped_or_its_session_ends() -> Result<()> {
    let bridge = objects().workers(1).start().await?;
    let (one, other) = (bridge.session("one").await?, bridge.session("other").await?);
    let tools: ToolsClient = one.client()?;
    let object = tools.make("a").await?;
    let (again, others) = (object.clone(), other.call::<Object>("make", args! { name: "b" }).await?);
    drop(object);
    assert_eq!(again.get_attribute::<String>("name").await?, "a");
    // Outside of every runtime.
    std::thread::spawn(move || drop(again)).join().unwrap();
    until_alive(&tools, 1).await;

    // What nobody has taken is let go of with the session.
    let undecodable = one.call::<u64>("make", args! { name: "c" }).await.unwrap_err();
    assert_eq!(undecodable.code(), "unserializable");
    assert_eq!(told(one.execute("keep_badly", args! {}).await).0, "unserializable");
    let kept = tools.make("d").await?;
    let watch: ToolsClient = other.client()?;
    assert_eq!(watch.alive().await?, 4);
    one.close().await?;
    until_alive(&watch, 1).await;
    assert_eq!(told(kept.len().await), never("session_expired"));
    // A new session of that id has nothing to do with it.
    let one = bridge.session("one").await?;
    assert_eq!(told(one.execute("name_of", args! { item: &kept }).await), never("invalid_argument"));
    assert_eq!(others.get_attribute::<String>("name").await?, "b");
    bridge.shutdown().await
}

#[tokio::test]
async fn of_too_many_objects_the_one_that_was_used_longest_ago_goes() -> Result<()> {
    let bridge = objects().workers(1).max_references(3).start().await?;
    let (session, other) = (bridge.session("s").await?, bridge.session("other").await?);
    let tools: ToolsClient = session.client()?;
    let elsewhere: Object = other.call("make", args! { name: "x" }).await?;
    let [a, b, c] = [tools.make("a").await?, tools.make("b").await?, tools.make("c").await?];
    assert_eq!(a.len().await?, 0);
    let d = tools.make("d").await?;
    let error = b.len().await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("reference_lost", Executed::Never));
    assert!(matches!(error.kind(), ErrorKind::ReferenceLost { message } if message.contains("at most 3")), "{error}");
    assert_eq!(told(tools.name_of(&b).await), never("reference_lost"));
    assert_eq!(told(a.call::<Value>((&b,)).await), never("reference_lost"));
    assert_eq!(told(b.iterate::<Value>().next().await.unwrap()), never("reference_lost"));
    assert_eq!(told(session.execute("name_of", args![&b]).await), never("reference_lost"), "by place, too");
    for object in [&a, &c, &d, &elsewhere] {
        assert_eq!(object.len().await?, 0);
    }
    assert_eq!(tools.alive().await?, 4);
    bridge.shutdown().await
}

#[tokio::test]
async fn an_object_of_a_worker_that_is_gone_is_lost_and_nothing_runs_elsewhere() -> Result<()> {
    let bridge = objects().workers(2).start().await?;
    let session = bridge.session("s").await?;
    let (killed, died, recycled) = (
        session.call::<Object>("make", args! { name: "a" }).await?,
        bridge.session("t").await?.call::<Object>("make", args! { name: "b" }).await?,
        bridge.session("u").await?.call::<Object>("make", args! { name: "c" }).await?,
    );
    kill(killed.call_method("pid", ()).await?);
    eventually("the worker's end", || {
        bridge.workers().iter().all(|worker| worker.number != killed.worker()).then_some(())
    })
    .await;
    assert_eq!(told(killed.len().await), never("reference_lost"));
    assert_eq!(told(session.execute("name_of", args! { item: &killed }).await), never("reference_lost"));
    // The session itself goes on.
    assert!(session.call::<u32>("pid", args! {}).await.is_ok());

    if died.worker() != killed.worker() {
        let error = died.call_method::<()>("die", ()).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("worker_lost", Executed::Maybe));
        assert_eq!(told(died.len().await), never("reference_lost"));
    }
    drop(recycled);
    let recycled: Object = session.call("make", args! { name: "d" }).await?;
    bridge.recycle(recycled.worker()).await?;
    assert_eq!(told(recycled.len().await), never("reference_lost"));
    bridge.shutdown().await
}

#[tokio::test]
async fn an_object_of_another_session_or_worker_is_refused_before_anything_is_sent() -> Result<()> {
    let bridge = objects().workers(2).start().await?;
    let (one, other) = (bridge.session("one").await?, bridge.session("other").await?);
    let object: Object = one.call("make", args! { name: "a" }).await?;
    let refused = |result: Result<Value>| {
        let error = result.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
        error.to_string()
    };
    assert!(refused(other.execute("name_of", args! { item: &object }).await).contains("another session"));
    assert!(refused(bridge.execute("name_of", args! { item: &object }).await).contains("in no session"));
    let cached = one.execute("name_of", args! { item: &object }).cache(Duration::from_secs(9)).await;
    assert!(refused(cached).contains("`cache`"));
    assert!(Value::from_serialize(&object).unwrap_err().to_string().contains("only be an argument"));

    // Two workers may keep objects of a session whose calls may go to any.
    let elsewhere = loop {
        let made: Object = one.call("make", args! { name: "b" }).affinity(snakebridge::session::Affinity::None).await?;
        if made.worker() != object.worker() {
            break made;
        }
        let blocked = one.stream::<Object>("make_many", args! { count: 1 }).next().await;
        drop(blocked);
    };
    let message = refused(object.call_method("names", (vec![&object, &elsewhere],)).await);
    assert!(message.contains("kept by workers"), "{message}");
    // A call goes to the worker of the object that it is given, wherever its session is.
    for object in [&object, &elsewhere] {
        let pid: u32 = object.call_method("pid", ()).await?;
        let worker = bridge.workers().into_iter().find(|worker| worker.number == object.worker()).unwrap();
        assert_eq!(worker.pid, pid);
        assert!(one.call::<String>("name_of", args! { item: object }).await.is_ok());
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn references_are_refused_where_the_pool_does_not_allow_them() -> Result<()> {
    let bridge = Bridge::builder().client::<ToolsClient>().python_path(python_folder()).workers(1).start().await?;
    let session = bridge.session("s").await?;
    let error = session.call::<Object>("make", args! { name: "a" }).await.unwrap_err();
    assert!(error.code() == "unserializable" && error.to_string().contains("`.references(true)`"), "{error}");
    let error = bridge.python("math").call::<f64>("sqrt", (16.0,)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    assert!(error.to_string().contains("`.python_modules([..])`"), "{error}");
    bridge.shutdown().await?;

    let bridge = objects().workers(1).start().await?;
    let error = bridge.call::<Object>("make", args! { name: "a" }).await.unwrap_err();
    assert!(error.to_string().contains("belongs to none"), "{error}");
    let error = bridge.python("math").call::<f64>("sqrt", (16.0,)).await.unwrap_err();
    assert!(error.to_string().contains("`.python_modules([..])`"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn private_names_and_modules_are_not_reached_through_an_object() -> Result<()> {
    let bridge = objects().workers(1).start().await?;
    let session = bridge.session("s").await?;
    let object: Object = session.call("make", args! { name: "a" }).await?;
    for name in ["_secret", "__class__", "pid.__globals__", "name.", "", "a b", "pid.__func__.__globals__"] {
        assert_eq!(told(object.get_attribute::<Value>(name).await), never("invalid_argument"), "{name}");
        assert_eq!(told(object.call_method::<Value>(name, ()).await), never("invalid_argument"), "{name}");
        assert_eq!(told(object.set_attribute(name, &1).await), never("invalid_argument"), "{name}");
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn deadlines_and_cancellation_reach_what_is_done_with_an_object() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let bridge = objects().workers(1).start().await?;
    let session = bridge.session("s").await?;
    let object: Object = session.call("make", args! { name: "a" }).await?;
    let gate = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let late = object.call_method::<()>("sleep", (gate("late"),)).timeout(Duration::from_millis(300)).await;
    assert_eq!(told(late).0, "deadline_exceeded");
    let sleeping = tokio::spawn(object.call_method::<()>("sleep", (gate("dropped"),)));
    eventually("the call", || folder.path().join("dropped").exists().then_some(())).await;
    sleeping.abort();
    // Python's own sleep is interrupted: the worker lives, and so does the object.
    assert_eq!(object.get_attribute::<String>("name").await?, "a");
    bridge.shutdown().await
}

#[tokio::test]
async fn an_object_is_used_inside_a_call_of_its_only_worker_which_waits() -> Result<()> {
    for profile in [Profile::Process, Profile::Threads(2), Profile::Async] {
        let bridge = objects().workers(1).profile(profile).tools(tools![look_again]).start().await?;
        let session = bridge.session("s").await?;
        let object: Object = session.call("make", args! { name: "a" }).await?;
        KEPT.with(|kept| *kept.lock().unwrap() = Some(object.clone()));
        assert_eq!(session.call::<String>("use_through_host", args! { item: &object }).await?, "a a a");
        KEPT.with(|kept| kept.lock().unwrap().take());
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn many_tasks_take_and_drop_objects_at_once_on_threads() -> Result<()> {
    let bridge = objects().workers(1).profile(Profile::Threads(4)).start().await?;
    let session = bridge.session("s").await?;
    let tools: ToolsClient = session.client()?;
    let taking = (0..16).map(|task| {
        let session = session.clone();
        async move {
            for round in 0..40 {
                let object: Object = session.call("make", args! { name: format!("{task}.{round}") }).await.unwrap();
                // The handle goes before the call that is given it.
                let naming = session.call::<String>("name_of", args! { item: &object });
                let child: Object = object.call_method("child", ("c",)).await.unwrap();
                drop(object);
                assert_eq!(naming.await.unwrap(), format!("{task}.{round}"));
                assert_eq!(child.get_attribute::<String>("name").await.unwrap(), format!("{task}.{round}/c"));
            }
        }
    });
    snakebridge_tests::join_all(taking).await;
    until_alive(&tools, 0).await;
    bridge.shutdown().await
}

/// What is taken and dropped, or taken by nobody, leaves nothing in the worker.
#[tokio::test]
async fn a_hundred_thousand_objects_that_are_taken_and_dropped_leave_nothing() -> Result<()> {
    let bridge = objects().workers(1).start().await?;
    let session = bridge.session("s").await?;
    let tools: ToolsClient = session.client()?;
    let take = async |count: u64| {
        let mut made = tools.make_many(count);
        while let Some(object) = made.next().await {
            drop(object?);
        }
        Ok::<_, Error>(())
    };
    take(10_000).await?;
    until_alive(&tools, 0).await;
    let memory = || session.call::<u64>("memory", args! {});
    let before = memory().await?;
    take(100_000).await?;
    until_alive(&tools, 0).await;
    let grown = memory().await?.saturating_sub(before);
    // An object that was not let go of takes about 500 bytes there.
    assert!(grown < 10 << 20, "{grown} bytes more than before");
    bridge.shutdown().await
}
