//! A session: five calls in it go to one worker, and what it keeps is still there when that worker has been killed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use snakebridge::prelude::*;
use snakebridge::telemetry::Event;

/// Keep a value in the session of the call.
#[tool]
async fn store_variable(context: &ToolContext, key: String, value: Value) -> Result<u64> {
    match context.session_state() {
        Some(state) => state.set(&key, &value).await,
        None => Err(Error::invalid_argument("`store_variable` needs a call in a session")),
    }
}

#[python_tool(adapter = "session_tools:SessionTools", timeout = "10s")]
trait SessionTools {
    /// The session and the process of this call.
    async fn whoami(&self) -> Result<(String, u32)>;
    /// Keeps a value, and tells its version.
    async fn store(&self, key: &str, value: &str) -> Result<u64>;
    /// Greets with what was kept. It may be repeated: one greeting more or less does no harm.
    #[py(idempotent)]
    async fn greet(&self, name: &str) -> Result<String>;
}

#[tokio::main]
async fn main() -> Result<()> {
    let bridge = Bridge::builder()
        .client::<SessionToolsClient>()
        .python_path(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/python")))
        .workers(2)
        .tools(tools![store_variable])
        .start()
        .await?;
    let session = bridge.session("demo_session").await?;
    let tools: SessionToolsClient = session.client()?;

    let mut processes = BTreeSet::new();
    for call in 1..=5 {
        let (id, pid) = tools.whoami().await?;
        println!("call {call}: session {id}, process {pid}, worker {:?}", session.last_worker());
        processes.insert(pid);
    }
    assert_eq!(processes.len(), 1, "a session's calls go to one worker while that is free");

    println!("stored as version {}", tools.store("greeting", "Good morning").await?);
    println!("{}", tools.greet("Ada").await?);

    let mut events = bridge.events();
    let worker = session.last_worker();
    kill(processes.into_iter().next().unwrap_or_default());
    while !matches!(events.recv().await, Ok(Event::WorkerLost { worker: lost, .. }) if Some(lost) == worker) {}
    println!("worker {worker:?} was killed");
    println!("{}", tools.greet("Grace").await?);
    println!("by worker {:?}", session.last_worker());
    assert_ne!(session.last_worker(), worker);
    assert_eq!(session.state().get::<u32>("greeted").await?, Some(2));

    for info in bridge.sessions() {
        println!("session {}: {} keys, {} bytes, expires in {:?}", info.id, info.keys, info.bytes, info.expires_in);
    }
    session.close().await?;
    bridge.shutdown().await
}

/// As the kernel does when memory runs out.
fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}
