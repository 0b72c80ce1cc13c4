//! The calls of a chaos run: their kinds, how often each comes, and what their callers saw.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt;
use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;

use super::sessions::{Counters, write_late};

/// What a call does. The numbers behind are shares of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Returns what it was given, up to a megabyte. 48.
    Echo,
    /// A stream to its end, a quarter of them longer than a window. 8.
    Stream,
    /// A stream that is dropped in the middle. 4.
    DroppedStream,
    /// Calls a Rust tool several times. 10.
    Callback,
    /// Is busy, some of them with the interpreter held in C. 10.
    Burn,
    /// Raises. 4.
    Raise,
    /// Is dropped at some moment. 6.
    Cancelled,
    /// Increments a counter in a session. 8.
    Increment,
    /// Writes into a session that is closed meanwhile. 2.
    WriteLate,
    /// Harms its worker: the injector makes it.
    Harm,
}

const SHARES: [(Kind, u32); 9] = [
    (Kind::Echo, 48),
    (Kind::Stream, 8),
    (Kind::DroppedStream, 4),
    (Kind::Callback, 10),
    (Kind::Burn, 10),
    (Kind::Raise, 4),
    (Kind::Cancelled, 6),
    (Kind::Increment, 8),
    (Kind::WriteLate, 2),
];

/// Bytes in an item of a long stream.
const LARGE_ITEM: usize = 4096;

/// How a call ended, as its caller saw it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ending {
    /// With the right answer.
    Right,
    /// With another answer than the one that belongs to the call.
    Wrong(String),
    /// With an error.
    Failed {
        /// Its code.
        code: String,
        /// Whether the call ran.
        executed: Executed,
        /// How often it was given to a worker.
        attempts: u32,
        /// The last worker that had it.
        worker: Option<u64>,
        /// The deadline passed before any worker had it.
        waiting: bool,
        /// Bytes that the error has of what the worker printed.
        printed: usize,
    },
    /// The caller gave up.
    Dropped,
}

/// One call, from its caller's side.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Its number, which the ledger has too.
    pub(super) call: u64,
    pub(super) kind: Kind,
    pub(super) idempotent: bool,
    pub(super) made: Instant,
    pub(super) answered: Instant,
    pub(super) deadline: Duration,
    pub(super) ending: Ending,
}

impl Record {
    /// By how much the answer came after the deadline.
    pub(super) fn late(&self) -> Duration {
        (self.answered - self.made).saturating_sub(self.deadline)
    }
}

/// What all callers saw so far.
#[derive(Debug, Default)]
pub(super) struct History {
    records: Mutex<Vec<Record>>,
    /// What they saw of the sessions' counters.
    pub(super) counters: Counters,
}

impl History {
    fn add(&self, record: Record) {
        self.records.lock().expect("nobody panics with it").push(record);
    }

    /// Everything.
    pub(super) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.records.lock().expect("nobody panics with it"))
    }
}

/// Double a number.
#[tool]
pub(super) fn twice(number: u64) -> u64 {
    number * 2 % 1_000_003
}

/// A call to be made.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) call: u64,
    pub(super) kind: Kind,
    pub(super) idempotent: bool,
    pub(super) deadline: Duration,
    /// How large, how many, how long: whatever the kind makes of it.
    size: u64,
    /// Bytes in each item of a stream.
    item: usize,
    /// When a call that is given up is.
    patience: Duration,
    /// How a harm is done.
    how: &'static str,
}

impl Order {
    /// The next call of the workload.
    pub(super) fn draw(call: u64, random: &mut fastrand::Rng) -> Self {
        let mut share = random.u32(0..100);
        let drawn = SHARES.iter().find(|(_, weight)| {
            let here = share < *weight;
            share = share.saturating_sub(*weight);
            here
        });
        let kind = drawn.map_or(Kind::Echo, |(kind, _)| *kind);
        let size = match kind {
            // Log-uniform up to a megabyte, most of them small.
            Kind::Echo | Kind::Cancelled => 1 << random.u32(0..=20),
            Kind::Stream | Kind::DroppedStream => random.u64(1..=500),
            Kind::Callback => random.u64(1..=4),
            Kind::Burn | Kind::WriteLate => random.u64(5..=50),
            Kind::Raise | Kind::Increment | Kind::Harm => 0,
        };
        let large = matches!(kind, Kind::Stream | Kind::DroppedStream) && random.u32(0..4) == 0;
        Self {
            call,
            kind,
            idempotent: kind == Kind::Echo && random.bool(),
            deadline: Duration::from_secs(random.u64(2..=20)),
            size,
            item: if large { LARGE_ITEM } else { 0 },
            patience: Duration::from_micros(random.u64(0..20_000)),
            how: "",
        }
    }

    /// A call that harms the worker it comes to. It is given up after two seconds, whatever it does.
    pub(super) fn harm(call: u64, how: &'static str) -> Self {
        let deadline = Duration::from_secs(2);
        let patience = Duration::ZERO;
        Self { call, kind: Kind::Harm, idempotent: false, deadline, size: 0, item: 0, patience, how }
    }

    /// Makes the call, and notes what its caller sees.
    pub(super) async fn carry_out(self, bridge: &Bridge, history: &History) {
        let made = Instant::now();
        let ending = self.make(bridge, history).await;
        let Self { call, kind, idempotent, deadline, .. } = self;
        history.add(Record { call, kind, idempotent, made, answered: Instant::now(), deadline, ending });
    }

    async fn make(&self, bridge: &Bridge, history: &History) -> Ending {
        let Self { call, size, .. } = *self;
        match self.kind {
            Kind::Echo => match self.echo(bridge).await {
                Ok(answer) => self.is_right(answer == (call, self.data()), &answer.0),
                Err(error) => failed(&error),
            },
            Kind::Cancelled => match tokio::time::timeout(self.patience, self.echo(bridge)).await {
                Ok(Ok(answer)) => self.is_right(answer == (call, self.data()), &answer.0),
                Ok(Err(error)) => failed(&error),
                Err(_) => Ending::Dropped,
            },
            Kind::Stream => self.stream(bridge, size).await,
            Kind::DroppedStream => self.stream(bridge, size / 2).await,
            Kind::Increment => ended(history.counters.increment(bridge, call, self.deadline).await),
            Kind::WriteLate => ended(write_late(bridge, call, size, self.deadline).await),
            Kind::Callback => {
                let expected = (0..size).fold(call % 1000, |number, _| number * 2 % 1_000_003);
                let asked = bridge.call::<(u64, Option<f64>)>("ask", args! { call: call, times: size });
                match asked.timeout(self.deadline).await {
                    Ok((answer, left)) => {
                        let left_is_right = left.is_some_and(|left| left <= self.deadline.as_secs_f64());
                        self.is_right(answer == expected && left_is_right, &(answer, left))
                    }
                    Err(error) => failed(&error),
                }
            }
            Kind::Burn => {
                let burnt = bridge.call::<u64>("burn", args! { call: call, milliseconds: size, gil: call % 2 == 0 });
                match burnt.timeout(self.deadline).await {
                    Ok(answer) => self.is_right(answer == call, &answer),
                    Err(error) => failed(&error),
                }
            }
            Kind::Raise => {
                let raised = bridge.call::<()>("fail", args! { call: call }).timeout(self.deadline).await;
                match raised {
                    Ok(()) => Ending::Wrong("it did not raise".to_owned()),
                    // What it was to say, which another call would not.
                    Err(error) if error.to_string().contains(&format!("ValueError: call {call}")) => Ending::Right,
                    Err(error) if matches!(error.kind(), ErrorKind::Tool(_)) => Ending::Wrong(error.to_string()),
                    Err(error) => failed(&error),
                }
            }
            Kind::Harm => {
                let harmed = bridge.call::<String>("harm", args! { call: call, how: self.how });
                match harmed.timeout(self.deadline).await {
                    Ok(_) => Ending::Right,
                    Err(error) => failed(&error),
                }
            }
        }
    }

    async fn echo(&self, bridge: &Bridge) -> Result<(u64, Bytes)> {
        let call = bridge.call("echo", args! { call: self.call, data: self.data() }).timeout(self.deadline);
        if self.idempotent { call.idempotent().await } else { call.await }
    }

    /// Reads a stream of `size` items; drops it when `wanted` have come.
    async fn stream(&self, bridge: &Bridge, wanted: u64) -> Ending {
        let counted =
            bridge.stream::<(u64, u64, Bytes)>("count", args! { call: self.call, n: self.size, size: self.item });
        let mut items = counted.timeout(self.deadline);
        for expected in 0..self.size {
            if expected == wanted {
                return Ending::Dropped;
            }
            match items.next().await {
                Some(Ok((call, i, data))) if (call, i, data.len()) == (self.call, expected, self.item) => {}
                Some(Ok((call, i, _))) => {
                    return Ending::Wrong(format!("item {i} of {call} where {expected} was due"));
                }
                Some(Err(error)) => return failed(&error),
                None => return Ending::Wrong(format!("a clean end after {expected} of {} items", self.size)),
            }
        }
        match items.next().await {
            None => Ending::Right,
            Some(Err(error)) => failed(&error),
            Some(Ok((call, i, _))) => Ending::Wrong(format!("item {i} of {call} behind the last")),
        }
    }

    /// Bytes that no other call has.
    fn data(&self) -> Bytes {
        let mut random = fastrand::Rng::with_seed(self.call);
        let mut data = vec![0; usize::try_from(self.size).unwrap_or(0)];
        random.fill(&mut data);
        data.into()
    }

    fn is_right(&self, right: bool, answer: &dyn std::fmt::Debug) -> Ending {
        if right { Ending::Right } else { Ending::Wrong(format!("{answer:?} for {:?} {}", self.kind, self.call)) }
    }
}

/// What became of a call that says itself what was wrong with its answer.
fn ended(outcome: Result<Option<String>>) -> Ending {
    match outcome {
        Ok(None) => Ending::Right,
        Ok(Some(wrong)) => Ending::Wrong(wrong),
        Err(error) => failed(&error),
    }
}

fn failed(error: &Error) -> Ending {
    let printed = match error.kind() {
        ErrorKind::WorkerLost { stderr_tail, .. } => stderr_tail.len(),
        _ => 0,
    };
    let waiting = matches!(error.kind(), ErrorKind::DeadlineExceeded { phase: snakebridge::error::Phase::Queue, .. });
    Ending::Failed {
        code: error.code().to_owned(),
        executed: error.executed(),
        attempts: error.attempts(),
        worker: error.worker(),
        waiting,
        printed,
    }
}
