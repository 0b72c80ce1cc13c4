//! A host that is going to be killed while it writes: sets keys of sessions in a durable store, from Rust and from Python,
//! and tells each write on its standard output once it is acknowledged.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use snakebridge::prelude::*;
use snakebridge::session::RedbStore;

const WRITERS: usize = 4;
const KEYS: u64 = 3;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(store), Some(ledger)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: doomed_writer STORE LEDGER");
        std::process::exit(2);
    };
    let bridge = Bridge::builder()
        .adapter("stateful_tools:SessionAdapter")
        .python_path(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/python")))
        .config(&BTreeMap::from([("ledger", ledger)]))
        .session_store(RedbStore::open(store)?)
        .workers(1)
        .start()
        .await?;
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(bridge.clone(), writer))).collect();
    for writer in writers {
        writer.await.expect("no writer panics")?;
    }
    Ok(())
}

/// Writes for ever: each value is the number of the write. Every second writer does so through Python.
async fn write(bridge: Bridge, writer: usize) -> Result<()> {
    let session = bridge.session(format!("writer-{writer}")).await?;
    session.set_metadata(BTreeMap::from([("writer".to_owned(), Value::from(writer as u64))])).await?;
    for number in 0.. {
        let key = format!("key-{}", number % KEYS);
        let version: u64 = if writer.is_multiple_of(2) {
            session.state().set(&key, &number).await?
        } else {
            let arguments = BTreeMap::from([("key", Value::from(key.as_str())), ("value", number.into())]);
            session.call("state", args! { operation: "set", arguments: &arguments }).await?
        };
        // One line in one write. A pipe that is closed means that nobody wants to know.
        let line = format!("{} {key} {number} {version}\n", session.id());
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
    Ok(())
}
