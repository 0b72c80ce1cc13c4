//! The calls of a chaos run: their kinds, how often each comes, and what their callers saw.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt;
use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;

/// What a call does. The numbers behind are shares of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Returns what it was given, up to a megabyte. 58.
    Echo,
    /// A stream to its end. 8.
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
    /// Harms its worker: the injector makes it.
    Harm,
}

const SHARES: [(Kind, u32); 7] = [
    (Kind::Echo, 58),
    (Kind::Stream, 8),
    (Kind::DroppedStream, 4),
    (Kind::Callback, 10),
    (Kind::Burn, 10),
    (Kind::Raise, 4),
    (Kind::Cancelled, 6),
];

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
pub(super) struct History(Mutex<Vec<Record>>);

impl History {
    fn add(&self, record: Record) {
        self.0.lock().expect("nobody panics with it").push(record);
    }

    /// Everything.
    pub(super) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics with it"))
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
            Kind::Burn => random.u64(5..=50),
            Kind::Raise | Kind::Harm => 0,
        };
        Self {
            call,
            kind,
            idempotent: kind == Kind::Echo && random.bool(),
            deadline: Duration::from_secs(random.u64(2..=20)),
            size,
            patience: Duration::from_micros(random.u64(0..20_000)),
            how: "",
        }
    }

    /// A call that harms the worker it comes to. It is given up after two seconds, whatever it does.
    pub(super) fn harm(call: u64, how: &'static str) -> Self {
        let deadline = Duration::from_secs(2);
        let nothing = Duration::ZERO;
        Self { call, kind: Kind::Harm, idempotent: false, deadline, size: 0, patience: nothing, how }
    }

    /// Makes the call, and notes what its caller sees.
    pub(super) async fn carry_out(self, bridge: &Bridge, history: &History) {
        let made = Instant::now();
        let ending = self.make(bridge).await;
        let Self { call, kind, idempotent, deadline, .. } = self;
        history.add(Record { call, kind, idempotent, made, answered: Instant::now(), deadline, ending });
    }

    async fn make(&self, bridge: &Bridge) -> Ending {
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
            Kind::Callback => {
                let expected = (0..size).fold(call % 1000, |number, _| number * 2 % 1_000_003);
                let asked = bridge.call::<u64>("ask", args! { call: call, times: size });
                match asked.timeout(self.deadline).await {
                    Ok(answer) => self.is_right(answer == expected, &answer),
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
        let counted = bridge.stream::<(u64, u64)>("count", args! { call: self.call, n: self.size });
        let mut items = counted.timeout(self.deadline);
        for expected in 0..self.size {
            if expected == wanted {
                return Ending::Dropped;
            }
            match items.next().await {
                Some(Ok(item)) if item == (self.call, expected) => {}
                Some(Ok(item)) => return Ending::Wrong(format!("item {item:?} where {expected} was due")),
                Some(Err(error)) => return failed(&error),
                None => return Ending::Wrong(format!("a clean end after {expected} of {} items", self.size)),
            }
        }
        match items.next().await {
            None => Ending::Right,
            Some(Err(error)) => failed(&error),
            Some(Ok(item)) => Ending::Wrong(format!("item {item:?} behind the last")),
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

fn failed(error: &Error) -> Ending {
    let waiting = matches!(error.kind(), ErrorKind::DeadlineExceeded { phase: snakebridge::error::Phase::Queue, .. });
    Ending::Failed {
        code: error.code().to_owned(),
        executed: error.executed(),
        attempts: error.attempts(),
        worker: error.worker(),
        waiting,
    }
}
