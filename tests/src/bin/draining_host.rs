//! A host that ends when a signal asks it to, in good order: `draining_host LEDGER GATE [MILLISECONDS]`, of which the last is
//! the deadline of its first call.
//!
//! It tells the process ids of its two workers, one in each line, then `ready`; then what came of each of its three calls,
//! two of which run while the third waits; and at last `ended`.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge_tests::python_folder;

fn tell(line: impl std::fmt::Display) {
    let mut stdout = std::io::stdout().lock();
    // Whoever listens may have gone.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

async fn call(bridge: Bridge, number: u64, timeout: Duration) {
    match bridge.call::<u64>("waits", args! { call: number }).timeout(timeout).await {
        Ok(answer) => tell(format_args!("call {number}: {answer}")),
        Err(error) => tell(format_args!("call {number}: {} {:?}", error.code(), error.executed())),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(ledger), Some(gate)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: draining_host LEDGER GATE [MILLISECONDS]");
        std::process::exit(2);
    };
    let long = Duration::from_mins(5);
    let first = arguments.next().map_or(long, |text| Duration::from_millis(text.parse().expect("a number")));
    let builder = Bridge::builder().adapter("draining_tools:DrainingAdapter").python_path(python_folder()).workers(2);
    let bridge = builder.config(&BTreeMap::from([("ledger", &ledger), ("gate", &gate)])).start().await?;
    while bridge.workers().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bridge.workers().iter().for_each(|worker| tell(worker.pid));
    let running = [call(bridge.clone(), 1, first), call(bridge.clone(), 2, long)].map(tokio::spawn);
    while std::fs::read_to_string(&ledger).unwrap_or_default().lines().count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let waiting = tokio::spawn(call(bridge.clone(), 3, long));
    while bridge.statistics().waiting < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut ending = std::pin::pin!(bridge.shutdown_on_signal());
    // Its first poll is what it listens from.
    tokio::select! {
        biased;
        ended = &mut ending => return ended,
        () = std::future::ready(()) => tell("ready"),
    }
    ending.await?;
    for call in running.into_iter().chain([waiting]) {
        call.await.expect("it does not panic");
    }
    tell("ended");
    Ok(())
}
