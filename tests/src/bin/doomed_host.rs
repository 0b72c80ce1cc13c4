//! A host that is going to be killed: starts workers, keeps them busy in the way that is asked for, tells their process
//! ids on its standard output, and waits.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use snakebridge::Restrictions;
use snakebridge::prelude::*;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(how), Some(ledger)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: doomed_host idle|sleep|loop|gil|sandbox|node LEDGER");
        std::process::exit(2);
    };
    if how == "node" {
        let bridge = snakebridge_tests::node_worker("tests/node/tools.js").start().await?;
        return bridge.call("spin", args! { path: ledger }).await;
    }
    let python = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/python"));
    let mut builder = Bridge::builder().adapter("ledger_tools:LedgerAdapter").python_path(python).workers(2);
    let mut busy = how.as_str();
    if how == "sandbox" {
        let folder = Path::new(&ledger).parent().expect("the ledger is in a folder");
        builder = builder.sandbox(Restrictions::new().writable(folder));
        busy = "loop";
    }
    let bridge = builder.config(&BTreeMap::from([("ledger", ledger)])).start().await?;
    while bridge.workers().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for worker in bridge.workers() {
        println!("{}", worker.pid);
    }
    println!("ready");
    // A pipe that is closed means that nobody wants to know.
    let _ = std::io::stdout().flush();
    if how != "idle" {
        let hang = |call: u64| bridge.execute("hangs", args! { call: call, how: busy, seconds: 120 });
        let _ = tokio::join!(hang(1), hang(2));
    }
    std::future::pending().await
}
