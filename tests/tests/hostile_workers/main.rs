//! Workers that break the protocol: their own calls get an error that names the breach, they are replaced, and the host
//! neither panics nor hangs nor grows. Rows E1 to E23, F4 to F6, F11 and G9 of the fault catalogue.
//!
//! Each lie is told beside another worker that has a call in hand, and that call must end well.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod answers;
mod bodies;
mod floods;
mod framing;
mod greeting;
mod leaving;
mod objects;
mod requests;
mod sessions;
mod streams;
mod values;

use std::time::Duration;

use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::eventually;
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;

/// Generous: nothing that is answered at all takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

fn hostile(lie: &str) -> snakebridge::Builder {
    Bridge::builder()
        .python(env!("CARGO_BIN_EXE_hostile_worker"))
        .adapter("lies")
        .env("LIE", lie)
        .workers(1)
        .start_timeout(PATIENCE)
}

/// Two workers, one of which has a call in hand that ends when it is allowed to.
struct Scene {
    bridge: Bridge,
    events: Receiver<Event>,
    folder: TempDir,
    bystander: JoinHandle<Result<i64>>,
}

impl Scene {
    async fn of(lie: &str) -> Self {
        Self::with(lie, |builder| builder).await
    }

    async fn with(lie: &str, adjust: impl FnOnce(snakebridge::Builder) -> snakebridge::Builder) -> Self {
        let folder = TempDir::new().unwrap();
        let gate = folder.path().join("gate");
        let bridge = adjust(hostile(lie).workers(2).env("GATE", &gate)).start().await.unwrap();
        let both = || (bridge.workers().len() == 2).then_some(());
        eventually("two workers", both).await;
        let events = bridge.events();
        let bystander = tokio::spawn(bridge.call::<i64>("slow", args! {}).timeout(PATIENCE * 3).into_future());
        let waiting = folder.path().join("gate.waiting");
        eventually("the other worker's call", || waiting.exists().then_some(())).await;
        Self { bridge, events, folder, bystander }
    }

    fn lie(&self) -> Call<i64> {
        self.bridge.call("lie", args! {}).timeout(PATIENCE)
    }

    /// Whether both workers of the beginning are still there.
    fn is_whole(&self) -> bool {
        self.bridge.workers().iter().filter(|worker| worker.number <= 2).count() == 2
    }

    /// Waits until the liar is gone.
    async fn replaced(&self, lie: &str) {
        eventually(&format!("{lie}: the end of the liar"), || (!self.is_whole()).then_some(())).await;
    }

    /// The pool serves on, and the call of the other worker, which nobody touched, ends well.
    async fn end(mut self, lie: &str) {
        let honest = self.bridge.call::<i64>("honest", args! {}).timeout(PATIENCE);
        assert_eq!(honest.await.unwrap(), 7, "{lie}: the pool goes on");
        std::fs::File::create(self.folder.path().join("gate")).unwrap();
        assert_eq!(self.bystander.await.unwrap().unwrap(), 7, "{lie}: the other worker goes on");
        let lost = std::iter::from_fn(|| self.events.try_recv().ok());
        let lost = lost.filter(|event| matches!(event, Event::WorkerLost { .. })).count();
        assert!(lost <= 1, "{lie}: {lost} workers were lost");
        self.bridge.shutdown().await.unwrap();
    }
}

fn breach(error: &Error) -> &'static str {
    let ErrorKind::Protocol(violation) = error.kind() else { panic!("{error}") };
    violation.kind()
}

/// Each lie costs the call, with the breach's name, and its worker, and nobody else.
async fn assert_breaches(lies: &[(&str, &str)]) {
    for (lie, kind) in lies {
        let scene = Scene::of(lie).await;
        let error = scene.lie().await.expect_err(lie);
        assert_eq!((breach(&error), error.executed()), (*kind, Executed::Maybe), "{lie}: {error}");
        scene.replaced(lie).await;
        scene.end(lie).await;
    }
}

/// Each of these is answered with 7, and costs nobody anything.
async fn assert_taken(lies: &[&str]) {
    for lie in lies {
        let scene = Scene::of(lie).await;
        assert_eq!(scene.lie().await.expect(lie), 7, "{lie}");
        assert!(scene.is_whole(), "{lie}: the worker stays");
        scene.end(lie).await;
    }
}

/// Like [`assert_breaches`], in a stream: so many items come, then the breach.
async fn assert_broken_streams(lies: &[(&str, &str, usize)]) {
    for (lie, kind, good) in lies {
        let scene = Scene::of(lie).await;
        let mut items: Vec<_> = scene.bridge.stream::<Value>("count", args! {}).timeout(PATIENCE).collect().await;
        let error = items.pop().expect(lie).expect_err(lie);
        assert_eq!((breach(&error), items.len()), (*kind, *good), "{lie}: {error}");
        assert!(items.iter().all(Result::is_ok), "{lie}: the breach is the last item");
        scene.replaced(lie).await;
        scene.end(lie).await;
    }
}

async fn items_of(lie: &str) -> Vec<Result<Value>> {
    let scene = Scene::of(lie).await;
    let items = scene.bridge.stream::<Value>("count", args! {}).timeout(PATIENCE).collect().await;
    scene.end(lie).await;
    items
}

async fn lost(events: &mut Receiver<Event>) {
    while !matches!(events.recv().await.unwrap(), Event::WorkerLost { .. }) {}
}

/// Memory of this process that is more than an idea, in bytes.
fn resident_bytes() -> u64 {
    snakebridge_tests::host_memory("VmRSS") << 10
}

/// Memory that this process has laid claim to, in bytes.
fn claimed_bytes() -> u64 {
    snakebridge_tests::host_memory("VmSize") << 10
}
