//! Modules of Python without an adapter: where that is allowed, and what comes of it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::session::{Affinity, SessionConfig};
use snakebridge::{Builder, Module};
use snakebridge_tests::{eventually, kill, python_folder};

fn with_modules(modules: &[&str]) -> Builder {
    Bridge::builder().python_modules(modules.iter().copied()).workers(1)
}

fn refused<T>(result: Result<T>) -> String {
    let error = result.map(|_| ()).unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{error}");
    error.to_string()
}

#[tokio::test]
async fn functions_classes_and_constants_are_used_without_any_adapter() -> Result<()> {
    let bridge = with_modules(&["math", "os", "collections", "itertools", "asyncio", "datetime"]).start().await?;
    let math = bridge.python("math");
    assert_eq!(math.call::<Value>("sqrt", (16.0,)).await?, Value::from(4.0));
    assert_eq!(math.get_attribute::<Value>("pi").await?, Value::from(std::f64::consts::PI));
    assert_eq!(bridge.python("os").call::<String>("path.join", ("a", "b", "c")).await?, "a/b/c");
    // What is inside a package need not have been imported before.
    assert_eq!(bridge.python("asyncio").call::<Value>("sleep", (0, 7)).await?.as_i64(), Some(7));
    let named: Object = bridge.python("datetime").call("date", args! { year: 2024, month: 2, day: 29 }).await?;
    assert_eq!(named.call_method::<String>("isoformat", ()).await?, "2024-02-29");
    let counter: Object = bridge.python("collections").call("Counter", ("mississippi",)).await?;
    assert_eq!(counter.type_name(), "collections.Counter");
    assert_eq!(counter.value::<BTreeMap<String, u64>>().await?["s"], 4);
    let count: Object = bridge.python("itertools").call("count", (10,)).await?;
    let five: Vec<u64> = count.iterate::<u64>().take(5).map(Result::unwrap).collect().await;
    assert_eq!(five, [10, 11, 12, 13, 14]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_result_of_which_nobody_knows_the_type_travels_if_it_can() -> Result<()> {
    let bridge = with_modules(&["itertools", "collections", "pathlib"]).start().await?;
    let counter: ValueOrObject = bridge.python("collections").call("Counter", ("aab",)).await?;
    assert_eq!(counter.as_value().unwrap()["a"].as_i64(), Some(2));
    let path: ValueOrObject = bridge.python("pathlib").call("PurePath", ("a", "b")).await?;
    assert_eq!(path.as_value().and_then(Value::as_str), Some("a/b"));
    let count: ValueOrObject = bridge.python("itertools").call("count", ()).await?;
    assert_eq!(count.as_object().map(Object::type_name), Some("itertools.count"));
    bridge.shutdown().await
}

#[tokio::test]
async fn an_error_names_what_was_called_and_shows_pythons_traceback() -> Result<()> {
    let bridge = with_modules(&["math", "json", "nowhere"]).start().await?;
    let error = bridge.python("math").call::<f64>("sqrt", (-1.0,)).await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.executed()),
        ("tool `math.sqrt`: ValueError: math domain error", Executed::Yes)
    );
    let error = bridge.python("json").call::<Value>("loads", ("{",)).await.unwrap_err();
    assert!(format!("{error:?}").contains("JSONDecodeError"), "{error:?}");
    let error = bridge.python("math").call::<f64>("sqroot", (16.0,)).await.unwrap_err();
    assert_eq!(error.exception().unwrap().type_name, "AttributeError");
    let error = bridge.python("nowhere").call::<f64>("f", ()).await.unwrap_err();
    assert_eq!(error.exception().unwrap().type_name, "ModuleNotFoundError");
    let error = bridge.python("math").call::<String>("sqrt", (16.0,)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes));
    bridge.shutdown().await
}

#[tokio::test]
async fn only_allowed_modules_are_used_not_even_through_others() -> Result<()> {
    let bridge = with_modules(&["json", "glob", "os.path"]).start().await?;
    let python = |module: &str| bridge.python(module);
    let message = refused(python("subprocess").call::<Value>("run", ("true",)).await);
    assert!(message.contains("`subprocess` may not be used") && message.contains("`json`"), "{message}");
    assert!(refused(python("os").call::<Value>("getpid", ()).await).contains("module `os`"));
    // Every module has others among its attributes.
    for (module, function) in [("glob", "os.getpid"), ("json", "codecs.open"), ("glob", "sys.exit")] {
        assert!(refused(python(module).call::<Value>(function, ()).await).contains("may not be used"));
    }
    refused(python("glob").get_attribute::<Object>("os").await);
    refused(python("json").get_attribute::<ValueOrObject>("codecs").await);
    refused(python("json").call::<Value>("_default_decoder.decode", ("1",)).await);
    for module in ["", "json;os", "../json", "json.", ".json", "json.__main__", "jsonx"] {
        let error = python(module).call::<Value>("loads", ("1",)).await.unwrap_err();
        assert!(error.code() == "invalid_argument" && error.executed() == Executed::Never, "{module}: {error}");
    }
    assert_eq!(python("json.decoder").call::<i64>("JSONDecoder", ()).await.unwrap_err().code(), "unserializable");
    assert_eq!(python("json").call::<i64>("loads", ("1",)).await?, 1);
    bridge.shutdown().await?;

    let bridge = Bridge::builder().any_python_module().workers(1).start().await?;
    assert!(bridge.python("os").call::<u32>("getpid", ()).await? > 0);
    assert!(bridge.python("glob").call::<u32>("os.getpid", ()).await? > 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn modules_are_used_beside_an_adapter_and_in_its_session() -> Result<()> {
    let builder = Bridge::builder().adapter("object_tools:ObjectAdapter").python_path(python_folder()).workers(2);
    let bridge = builder.python_modules(["builtins", "os"]).start().await?;
    let session = bridge.session("s").await?;
    let object: Object = session.call("make", args! { name: "a" }).await?;
    let name: String = session.python("builtins").call("getattr", (&object, "name")).await?;
    assert_eq!(name, "a");
    let copy: Object = session.python("builtins").call("list", (&object,)).await?;
    assert_eq!(copy.worker(), object.worker());
    let here: u32 = session.python("os").call("getpid", ()).await?;
    for _ in 0..5 {
        assert_eq!(session.python("os").call::<u32>("getpid", ()).await?, here, "one worker for a session");
    }
    assert_eq!(bridge.sessions().len(), 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_module_has_a_session_of_its_own_for_as_long_as_anything_of_it_is_left() -> Result<()> {
    let bridge = with_modules(&["collections"]).start().await?;
    let module: Module = bridge.python("collections");
    assert!(bridge.sessions().is_empty());
    let (one, other) = (module.call::<Object>("deque", ()).await?, module.call::<Object>("deque", ()).await?);
    assert_eq!(bridge.sessions().len(), 1);
    one.call_method::<()>("append", (&other,)).await?;
    drop((module, other));
    assert_eq!((bridge.sessions().len(), one.len().await?), (1, 1));
    drop(one);
    assert!(bridge.sessions().is_empty());
    bridge.shutdown().await
}

#[tokio::test]
async fn a_module_goes_on_in_another_session_when_its_own_has_expired_and_elsewhere_when_its_worker_is_gone()
-> Result<()> {
    let config = SessionConfig { ttl: std::time::Duration::from_millis(200), ..SessionConfig::default() };
    let bridge = with_modules(&["os", "collections"]).sessions(config).start().await?;
    let module = bridge.python("collections");
    let object: Object = module.call("deque", ()).await?;
    eventually("the end of the session", || bridge.sessions().is_empty().then_some(())).await;
    let error = object.len().await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("session_expired", Executed::Never));
    assert!(module.call::<Object>("deque", ()).await.is_ok());

    let os = bridge.python("os");
    let pid: u32 = os.call("getpid", ()).await?;
    kill(pid);
    eventually("another worker", || bridge.workers().iter().all(|worker| worker.pid != pid).then_some(())).await;
    assert_ne!(os.call::<u32>("getpid", ()).await?, pid);
    bridge.shutdown().await
}

#[tokio::test]
async fn every_profile_serves_them_many_at_once() -> Result<()> {
    for profile in [Profile::Process, Profile::Threads(4), Profile::Async] {
        let bridge = with_modules(&["math", "time", "asyncio"]).profile(profile).start().await?;
        let math = bridge.python("math");
        let roots = (0..200_u32).map(|number| math.call::<u32>("isqrt", (number * number,)));
        let roots = futures::future::try_join_all(roots).await?;
        assert_eq!(roots, (0..200).collect::<Vec<_>>());
        bridge.python("asyncio").call::<()>("sleep", (0.01,)).await?;
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn of_several_pools_the_one_is_meant_that_allows_modules() -> Result<()> {
    let adapter =
        |pool: snakebridge::PoolBuilder| pool.adapter("object_tools:ObjectAdapter").python_path(python_folder());
    let builder = Bridge::builder().adapter("snakebridge.adapters.showcase:ShowcaseAdapter").workers(1);
    let bridge = builder.pool("m", |pool| adapter(pool).workers(1).python_modules(["math"])).start().await?;
    assert_eq!(bridge.python("math").call::<u32>("isqrt", (16,)).await?, 4);
    let message = refused(bridge.python("math").call::<f64>("sqrt", (16.0,)).pool("default").await);
    assert!(message.contains("the pool `default` lets no module"), "{message}");
    let session = bridge.session("s").await?;
    let object: Object = session.call("make", args! { name: "a" }).affinity(Affinity::Hint).await?;
    assert_eq!(session.call::<String>("name_of", args! { item: &object }).await?, "a");
    bridge.shutdown().await
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    for (builder, named) in [
        (Bridge::builder().python_modules(["os;path"]), "`.python_modules([\"os;path\"])`"),
        (Bridge::builder().any_python_module().max_references(0), "`.max_references(0)`"),
        (Bridge::builder().any_python_module().preload(true), "`.preload(true)` without an adapter"),
        (Bridge::builder().references(true), "no adapter"),
    ] {
        let message = builder.start().await.unwrap_err().to_string();
        assert!(message.contains(named), "{message}");
    }
}
