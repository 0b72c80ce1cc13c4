//! Objects that stay in Python and are iterated over asynchronously: on the worker's event loop, which begins with the first.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Mutex;
use std::time::Duration;

use snakebridge::Builder;
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::{join_all, python_folder};

/// One call at a time, several on threads, and several on a loop.
const PROFILES: [Profile; 3] = [Profile::Process, Profile::Threads(2), Profile::Async];

thread_local! {
    /// What [`count_again`] counts.
    static COUNTED: Mutex<Option<Object>> = const { Mutex::new(None) };
}

/// Iterates over an object in whose worker Python waits for this.
#[tool]
async fn count_again() -> Result<u64> {
    let object = COUNTED.with(|counted| counted.lock().unwrap().clone()).unwrap();
    let mut items = object.iterate::<(u64, u64)>();
    let mut count = 0;
    while let Some(item) = items.next().await {
        item?;
        count += 1;
    }
    Ok(count)
}

fn objects(profile: Profile) -> Builder {
    Bridge::builder()
        .adapter("object_tools:ObjectAdapter")
        .python_path(python_folder())
        .references(true)
        .workers(1)
        .profile(profile)
        .tools(tools![count_again])
}

async fn make(session: &Session) -> Result<Object> {
    session.call("make", args! { name: "a" }).await
}

/// Waits until the object has noted that what it gave was closed.
async fn until_closed(object: &Object) {
    for _ in 0..3000 {
        if object.get_attribute::<Vec<String>>("log").await.unwrap() == ["closed"] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the stream was dropped, and its generator is not closed");
}

#[tokio::test]
async fn an_asynchronous_object_is_iterated_over_on_the_one_loop_of_its_worker() -> Result<()> {
    for profile in PROFILES {
        let bridge = objects(profile).start().await?;
        let session = bridge.session("s").await?;
        let object = make(&session).await?;
        assert!(!session.call::<bool>("has_loop", args! {}).await?, "nothing has needed one");
        let mut loops = Vec::new();
        for _ in 0..2 {
            let ticks: Object = object.call_method("ticks", (3,)).await?;
            let items: Vec<_> = ticks.iterate::<(u64, u64)>().map(Result::unwrap).collect().await;
            assert_eq!(items.iter().map(|item| item.0).collect::<Vec<_>>(), [0, 1, 2]);
            loops.extend(items.into_iter().map(|item| item.1));
        }
        loops.dedup();
        assert_eq!(loops.len(), 1, "{profile:?}");
        // What is synchronous goes on as before, beside it.
        object.set_item("k", &7).await?;
        let items: Vec<_> = object.iterate::<(String, u64)>().map(Result::unwrap).collect().await;
        assert_eq!(items, [("k".to_owned(), 7)]);
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn streams_that_were_under_way_go_on_when_the_loop_begins() -> Result<()> {
    for profile in PROFILES {
        let bridge = objects(profile).start().await?;
        let session = bridge.session("s").await?;
        let object = make(&session).await?;
        let letters: Object = object.call_method("letters", (200,)).await?;
        let mut streams: Vec<_> = (0..3).map(|_| letters.iterate::<Bytes>().window(64 << 10)).collect();
        for stream in &mut streams {
            assert_eq!(stream.next().await.unwrap()?.len(), 1024, "it has begun, and waits for credit");
        }
        let ticks: Object = object.call_method("ticks", (3,)).await?;
        assert_eq!(ticks.iterate::<(u64, u64)>().count().await, 3);
        for stream in streams {
            assert_eq!(stream.count().await, 199, "{profile:?}");
        }
        bridge.shutdown().await?;
    }
    Ok(())
}

/// The cancellation meets the call where it began, on its way to the loop, or there.
#[tokio::test]
async fn streams_that_are_dropped_as_soon_as_they_are_asked_for_leave_their_worker_as_it_was() -> Result<()> {
    for profile in PROFILES {
        let bridge = objects(profile).start().await?;
        let session = bridge.session("s").await?;
        let object = make(&session).await?;
        let pid: u32 = object.call_method("pid", ()).await?;
        for round in 0..200 {
            let ticks: Object = object.call_method("ticks", (3,)).await?;
            let mut stream = ticks.iterate::<(u64, u64)>();
            let _maybe_there_already = futures::poll!(stream.next());
            for _ in 0..round % 8 {
                tokio::task::yield_now().await;
            }
            drop(stream);
        }
        let ticks: Object = object.call_method("ticks", (3,)).await?;
        assert_eq!(ticks.iterate::<(u64, u64)>().count().await, 3, "{profile:?}");
        assert_eq!(object.call_method::<u32>("pid", ()).await?, pid, "it is the same worker");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_iterated_over_asynchronously_overlaps_while_it_waits() -> Result<()> {
    for profile in [Profile::Threads(2), Profile::Async] {
        let bridge = objects(profile).start().await?;
        let meeting: Object = make(&bridge.session("s").await?).await?.call_method("meeting", ()).await?;
        let sides = (0..2).map(|_| meeting.iterate::<String>().map(Result::unwrap).collect::<Vec<_>>());
        assert_eq!(join_all(sides).await, [["met"], ["met"]], "{profile:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn items_of_an_asynchronous_object_may_stay_and_an_error_comes_behind_them() -> Result<()> {
    let bridge = objects(Profile::Process).start().await?;
    let object = make(&bridge.session("s").await?).await?;
    let offspring: Object = object.call_method("offspring", (2,)).await?;
    let mut children = offspring.iterate::<Object>();
    for name in ["a/0", "a/1"] {
        let child = children.next().await.unwrap()?;
        assert_eq!(child.get_attribute::<String>("name").await?, name);
    }
    let error = children.next().await.unwrap().unwrap_err();
    assert_eq!((error.exception().unwrap().message.as_str(), error.executed()), ("a has no more", Executed::Yes));
    bridge.shutdown().await
}

#[tokio::test]
async fn an_asynchronous_generator_goes_no_further_than_there_is_room_and_is_closed_with_its_stream() -> Result<()> {
    for profile in PROFILES {
        let bridge = objects(profile).start().await?;
        let object = make(&bridge.session("s").await?).await?;
        let endless: Object = object.call_method("endless", (false,)).await?;
        let mut stream = endless.iterate::<Bytes>().window(64 << 10);
        assert_eq!(stream.next().await.unwrap()?.len(), 1024);
        let given = || object.get_item::<u64>("given");
        for _ in 0..3000 {
            if given().await? >= 32 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for _ in 0..20 {
            let given = given().await?;
            assert!((32..=128).contains(&given), "{given} KiB of {profile:?}, and there is room for 64");
        }
        drop(stream);
        until_closed(&object).await;
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_asynchronous_generator_that_waits_is_closed_when_its_stream_is_dropped() -> Result<()> {
    for profile in PROFILES {
        let bridge = objects(profile).start().await?;
        let object = make(&bridge.session("s").await?).await?;
        let waiting: Object = object.call_method("endless", (true,)).await?;
        let mut stream = waiting.iterate::<Bytes>();
        assert_eq!(stream.next().await.unwrap()?.len(), 1024);
        drop(stream);
        until_closed(&object).await;
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_iterated_over_is_told_with_its_type_and_what_can() -> Result<()> {
    let bridge = objects(Profile::Process).start().await?;
    let object = make(&bridge.session("s").await?).await?;
    let bound: Object = object.get_attribute("child").await?;
    let error = bound.iterate::<Value>().next().await.unwrap().unwrap_err();
    let exception = error.exception().unwrap();
    assert_eq!(exception.type_name, "TypeError");
    assert!(
        exception
            .message
            .starts_with("`method` cannot be iterated over: expected an object with `__iter__` or `__aiter__`")
    );
    bridge.shutdown().await
}

#[tokio::test]
async fn inside_a_call_that_blocks_the_loop_an_asynchronous_object_is_refused_and_beside_it_is_not() -> Result<()> {
    for profile in PROFILES {
        let bridge = objects(profile).start().await?;
        let session = bridge.session("s").await?;
        let ticks: Object = make(&session).await?.call_method("ticks", (4,)).await?;
        COUNTED.with(|counted| *counted.lock().unwrap() = Some(ticks));
        let counted = session.call::<u64>("count_through_host", args! {}).await;
        if let Profile::Threads(_) = profile {
            assert_eq!(counted?, 4);
        } else {
            let error = counted.unwrap_err().to_string();
            assert!(error.contains("is blocked by a tool that waits for the call"), "{error}");
        }
        COUNTED.with(|counted| counted.lock().unwrap().take());
        bridge.shutdown().await?;
    }
    Ok(())
}
