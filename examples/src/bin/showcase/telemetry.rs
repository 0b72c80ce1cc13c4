//! What happens inside: events while it happens, counts of all of it, and a correlation id that goes along.

use snakebridge::prelude::*;
use snakebridge::telemetry::Event;

use crate::ShowcaseClient;

pub(crate) async fn run(bridge: &Bridge) -> Result<()> {
    let tools: ShowcaseClient = bridge.client()?;
    let mut events = bridge.events();

    // Python's own telemetry knows which call it belongs to.
    let told = tools.measured(3).correlation_id("order-42").await?;
    println!("events in Python: {}", told.join(", "));
    assert!(told.len() == 3 && told.iter().all(|event| event.ends_with("of order-42")), "{told:?}");

    let before = bridge.statistics();
    for _ in 0..5 {
        tools.ping().await?;
    }
    let after = bridge.statistics();
    let (requests, errors) = (after.calls.requests - before.calls.requests, after.calls.errors - before.calls.errors);
    println!("counted: {requests} requests, {errors} errors, at most {:?} in a worker", after.calls.run_time.max);
    assert_eq!((requests, errors), (5, 0));

    // A worker is lost, and that is told.
    let lost = bridge.workers()[0].clone();
    kill(lost.pid);
    loop {
        match events.recv().await {
            Ok(Event::WorkerLost { worker, exit, .. }) if worker == lost.number => {
                println!("an event: worker {worker} was lost, {exit}");
                break;
            }
            Ok(_) => {}
            Err(error) => panic!("the events have ended: {error}"),
        }
    }
    assert_eq!(tools.ping().await?, "pong", "the others go on");
    for worker in bridge.workers() {
        println!(
            "  worker {} of {}: {} calls, {} KiB",
            worker.number,
            worker.pool,
            worker.calls,
            worker.memory().unwrap_or_default() >> 10
        );
    }
    Ok(())
}

/// As the kernel does when memory runs out.
fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}
