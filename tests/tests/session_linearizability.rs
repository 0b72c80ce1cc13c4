//! Ten clients read, compare and set keys of one session, from Rust and through workers that are killed meanwhile. What they
//! were told is held against what one register for each key would have told them.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, join_all, session_tools};

const CLIENTS: u64 = 10;
const KEYS: usize = 3;

/// What a client was told. Values are unique: each is written by one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The key has this version and value; 0 and 0 where it is not there.
    Read { version: u64, value: u64 },
    /// The value was written as this version.
    Written { version: u64, value: u64 },
    /// It was not, because the key has this version.
    Refused { version: u64 },
    /// Nobody knows if the value was written, then as the version behind `expected`.
    Unknown { expected: u64, value: u64 },
}

/// One operation on one key, on a clock that all clients share.
#[derive(Debug, Clone, Copy)]
struct Operation {
    begun: u64,
    ended: u64,
    outcome: Outcome,
}

/// Whether there is an order of all operations, each between its beginning and its end, in which one register would have
/// answered as told.
///
/// A register with versions makes that easy: version `v` begins at one moment, which is within the operation that wrote it;
/// not before any operation began that saw the version before it, and not after any ended that saw `v` itself. These
/// moments have to follow each other.
fn check(history: &[Operation]) -> Result<u64, String> {
    #[derive(Debug)]
    struct Version {
        value: Option<u64>,
        written: Option<Operation>,
        /// When operations began that saw it, at the latest, and ended, at the earliest.
        last_begun: u64,
        first_ended: u64,
    }
    let mut versions: BTreeMap<u64, Version> = BTreeMap::new();
    for operation in history {
        let (version, value, writes) = match operation.outcome {
            Outcome::Read { version, value } => (version, Some(value), false),
            Outcome::Written { version, value } => (version, Some(value), true),
            Outcome::Refused { version } => (version, None, false),
            Outcome::Unknown { .. } => continue,
        };
        let new = Version { value: None, written: None, last_begun: 0, first_ended: u64::MAX };
        let known = versions.entry(version).or_insert(new);
        if value.is_some() && known.value.is_some() && known.value != value {
            return Err(format!("version {version} has two values: {known:?}, {operation:?}"));
        }
        known.value = known.value.or(value);
        if writes {
            if let Some(other) = known.written.replace(*operation) {
                return Err(format!("version {version} was written twice: {other:?}, {operation:?}"));
            }
        } else {
            known.last_begun = known.last_begun.max(operation.begun);
            known.first_ended = known.first_ended.min(operation.ended);
        }
    }
    let last = versions.last_key_value().map_or(0, |(version, _)| *version);
    let mut moment = 0;
    let mut seen_before = versions.get(&0).map_or(0, |version| version.last_begun);
    for number in 1..=last {
        let version = versions.get(&number);
        let written = version.and_then(|version| version.written);
        let (begun, ended) = if let Some(written) = written {
            (written.begun, written.ended)
        } else {
            // Then it was one of those of which nobody knows, at whatever time after its beginning.
            let value = version.and_then(|version| version.value);
            let candidates = history.iter().filter(|operation| match operation.outcome {
                Outcome::Unknown { expected, value: written } => {
                    expected == number - 1 && value.is_none_or(|value| value == written)
                }
                _ => false,
            });
            let begun = candidates.map(|operation| operation.begun).min();
            (begun.ok_or_else(|| format!("nobody wrote version {number}: {version:?}"))?, u64::MAX)
        };
        moment = moment.max(begun).max(seen_before);
        let latest = ended.min(version.map_or(u64::MAX, |version| version.first_ended));
        if moment > latest {
            return Err(format!("version {number} begins at {moment} at the earliest, and at {latest} at the latest"));
        }
        seen_before = version.map_or(0, |version| version.last_begun);
    }
    Ok(last)
}

/// How an operation reaches the state.
#[derive(Clone, Copy)]
enum Way {
    Rust,
    Python,
}

/// What all clients share.
struct Clients {
    session: Session,
    began: Instant,
    values: AtomicU64,
    stop: AtomicBool,
    histories: [Mutex<Vec<Operation>>; KEYS],
}

impl Clients {
    fn clock(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap()
    }

    async fn run(&self, mut random: fastrand::Rng) {
        let mut known = [0; KEYS];
        while !self.stop.load(Ordering::Relaxed) {
            let (key, way) = (random.usize(..KEYS), if random.bool() { Way::Rust } else { Way::Python });
            let name = format!("key-{key}");
            let begun = self.clock();
            let outcome = if random.u8(..3) == 0 {
                self.read(way, &name).await
            } else {
                let value = self.values.fetch_add(1, Ordering::Relaxed) + 1;
                self.write(way, &name, known[key], value).await
            };
            // An operation that never ran, or a reading that was lost, says nothing.
            let Some(outcome) = outcome else { continue };
            match outcome {
                Outcome::Read { version, .. } | Outcome::Written { version, .. } | Outcome::Refused { version } => {
                    known[key] = version;
                }
                Outcome::Unknown { .. } => {}
            }
            let operation = Operation { begun, ended: self.clock(), outcome };
            self.histories[key].lock().unwrap().push(operation);
            tokio::task::yield_now().await;
        }
    }

    async fn python(&self, operation: &str, arguments: BTreeMap<&str, Value>) -> Result<Value> {
        self.session.call("state", args! { operation: operation, arguments: &arguments }).await
    }

    async fn read(&self, way: Way, key: &str) -> Option<Outcome> {
        let found: Option<(u64, u64)> = match way {
            Way::Rust => self.session.state().get_versioned(key).await.unwrap(),
            Way::Python => match self.python("get", BTreeMap::from([("key", key.into())])).await {
                Ok(found) => found.to().unwrap(),
                Err(error) => {
                    lost(&error);
                    return None;
                }
            },
        };
        let (version, value) = found.unwrap_or_default();
        Some(Outcome::Read { version, value })
    }

    async fn write(&self, way: Way, key: &str, expected: u64, value: u64) -> Option<Outcome> {
        let conflict = |version| Some(Outcome::Refused { version });
        match way {
            Way::Rust => match self.session.state().compare_and_set(key, expected, &value).await {
                Ok(version) => Some(Outcome::Written { version, value }),
                Err(error) => match error.kind() {
                    ErrorKind::Conflict { version } => conflict(*version),
                    _ => panic!("{error}"),
                },
            },
            Way::Python => {
                let arguments =
                    BTreeMap::from([("key", key.into()), ("expected", expected.into()), ("value", value.into())]);
                match self.python("cas", arguments).await {
                    Ok(answer) => match answer.as_u64() {
                        Some(version) => Some(Outcome::Written { version, value }),
                        None if answer["code"].as_str() == Some("conflict") => {
                            conflict(answer["data"]["version"].as_u64().unwrap())
                        }
                        None => panic!("{answer}"),
                    },
                    Err(error) => {
                        lost(&error);
                        (error.executed() != Executed::Never).then_some(Outcome::Unknown { expected, value })
                    }
                }
            }
        }
    }
}

/// How long a worker is spared.
const NEWBORN: Duration = Duration::from_millis(300);

/// The one thing that may go wrong.
fn lost(error: &Error) {
    assert_eq!(error.code(), "worker_lost", "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_are_told_is_what_one_register_would_tell_while_workers_are_killed() -> Result<()> {
    let seconds = std::env::var("SNAKEBRIDGE_LINEARIZABILITY").map_or(3, |seconds| seconds.parse().unwrap());
    let seed = std::env::var("SNAKEBRIDGE_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("SNAKEBRIDGE_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(2).queue_timeout(Duration::from_secs(60)).start().await?;
    let clients = std::sync::Arc::new(Clients {
        session: bridge.session("s").await?,
        began: Instant::now(),
        values: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        histories: std::array::from_fn(|_| Mutex::default()),
    });
    let running = (0..CLIENTS).map(|_| {
        let (clients, random) = (std::sync::Arc::clone(&clients), random.fork());
        async move { clients.run(random).await }
    });
    let running = tokio::spawn(join_all(running.collect::<Vec<_>>()));
    let mut kills = 0;
    while clients.began.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(Duration::from_millis(random.u64(20..120))).await;
        // Those that have only just begun are spared: a pool whose workers die of their start rightly refuses calls.
        let workers: Vec<_> =
            bridge.workers().into_iter().filter(|worker| worker.calls > 0 && worker.age > NEWBORN).collect();
        if let Some(worker) = workers.get(random.usize(..workers.len().max(1))) {
            // It may just have ended for another reason.
            let pid = Pid::from_raw(worker.pid.try_into().unwrap()).unwrap();
            kills += u32::from(kill_process(pid, Signal::KILL).is_ok());
        }
    }
    clients.stop.store(true, Ordering::Relaxed);
    running.await.unwrap();
    let (mut operations, mut unknown) = (0, 0);
    for (key, history) in clients.histories.iter().enumerate() {
        let history = std::mem::take(&mut *history.lock().unwrap());
        operations += history.len();
        unknown += history.iter().filter(|operation| matches!(operation.outcome, Outcome::Unknown { .. })).count();
        let versions = check(&history).unwrap_or_else(|why| panic!("key-{key}: {why}"));
        let last: Option<(u64, u64)> = clients.session.state().get_versioned(&format!("key-{key}")).await?;
        let last = last.map_or(0, |(version, _)| version);
        assert!(last >= versions, "key-{key}: version {versions} was seen, and the last is {last}");
    }
    println!("{operations} operations, {unknown} of them of unknown outcome, {kills} workers killed");
    assert!(kills > 5 && operations > 100, "{kills} workers killed, {operations} operations");
    bridge.shutdown().await
}

#[test]
fn the_check_takes_what_a_register_may_tell_and_nothing_else() {
    let history = |operations: &[(u64, u64, Outcome)]| {
        let operations = operations.iter().map(|&(begun, ended, outcome)| Operation { begun, ended, outcome });
        check(&operations.collect::<Vec<_>>())
    };
    let read = |version, value| Outcome::Read { version, value };
    let written = |version, value| Outcome::Written { version, value };
    let unknown = |expected, value| Outcome::Unknown { expected, value };
    let good: [&[_]; 5] = [
        &[(0, 1, read(0, 0)), (2, 5, written(1, 7)), (3, 4, read(0, 0)), (3, 4, read(1, 7))],
        &[(0, 9, written(1, 7)), (1, 8, written(2, 8)), (2, 3, read(2, 8))],
        &[(0, 1, unknown(0, 7)), (5, 6, read(0, 0)), (7, 8, read(1, 7))],
        &[(0, 1, unknown(0, 7)), (0, 1, unknown(1, 8)), (5, 6, written(3, 9))],
        &[(0, 1, written(1, 7)), (2, 3, Outcome::Refused { version: 1 }), (2, 4, written(2, 8))],
    ];
    for operations in good {
        assert!(history(operations).is_ok(), "{operations:?}: {:?}", history(operations));
    }
    let bad: [(&[_], &str); 7] = [
        (&[(0, 1, written(1, 7)), (2, 3, read(0, 0))], "begins at 2 at the earliest"),
        (&[(0, 1, written(1, 7)), (0, 1, written(1, 8))], "two values"),
        (&[(0, 1, written(1, 7)), (2, 3, written(1, 7))], "written twice"),
        (&[(0, 1, written(1, 7)), (2, 3, read(1, 8))], "two values"),
        (&[(0, 1, written(2, 7))], "nobody wrote version 1"),
        (&[(5, 6, unknown(0, 7)), (1, 2, read(1, 7))], "begins at 5 at the earliest"),
        (&[(0, 1, written(1, 7)), (2, 3, written(2, 8)), (4, 5, Outcome::Refused { version: 1 })], "begins at 4"),
    ];
    for (operations, why) in bad {
        let told = history(operations).unwrap_err();
        assert!(told.contains(why), "`{why}` in: {told}");
    }
}
