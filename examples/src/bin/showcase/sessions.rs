//! Sessions: the host keeps what they know, so that it outlives any worker.

use snakebridge::prelude::*;
use snakebridge::telemetry::Event;

use crate::ShowcaseClient;

pub(crate) async fn run(bridge: &Bridge) -> Result<()> {
    let session = bridge.session("showcase").await?;
    let tools: ShowcaseClient = session.client()?;
    let version = tools.remember("colour", &Value::from("green")).await?;
    let worker = session.last_worker().expect("it had a call");
    println!("Python keeps a colour, version {version}, by worker {worker}");

    // Rust sees the same state, and changes it for Python.
    assert_eq!(session.state().get::<String>("colour").await?.as_deref(), Some("green"));
    session.state().set("colour", &"blue").await?;
    assert_eq!(tools.recall("colour").await?, Value::from("blue"));

    // Another session knows nothing of it.
    let elsewhere = bridge.session("another").await?;
    assert_eq!(elsewhere.client::<ShowcaseClient>()?.recall("colour").await?, Value::Nil);

    // The worker goes, in good order; the session stays.
    let mut events = bridge.events();
    bridge.recycle(worker).await?;
    while !matches!(events.recv().await, Ok(Event::WorkerRetired { worker: retired, .. }) if retired == worker) {}
    assert_eq!(tools.recall("colour").await?, Value::from("blue"));
    let other = session.last_worker().expect("it had another call");
    println!("worker {worker} was replaced; worker {other} knows the colour, too");
    assert_ne!(other, worker);

    for info in bridge.sessions() {
        println!("  session {}: {} keys, {} bytes", info.id, info.keys, info.bytes);
    }
    elsewhere.close().await?;
    session.close().await?;
    assert!(tools.recall("colour").await.is_err(), "the session is over");
    Ok(())
}
