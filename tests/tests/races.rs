//! Calls that are given up around the moment at which they end, with another call right behind them: row H3 of the fault
//! catalogue, and "never hitting the next call".
//!
//! A few thousand pairs for each profile by default; `SNAKEBRIDGE_RACES=100000` runs so many. The seed is printed; `SNAKEBRIDGE_SEED`
//! repeats it, as far as races repeat.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, poll_immediate};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{eventually, python_folder};

const PAIRS: u64 = 3_000;
const TOOLS: [&str; 5] = ["spins", "sleeps", "dozes", "guards", "counts"];

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: expected a number")))
}

/// Marsaglia's xorshift: random enough to pick moments.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn races() -> snakebridge::Builder {
    Bridge::builder()
        .adapter("race_tools:RaceAdapter")
        .python_path(python_folder())
        // A machine that is busy elsewhere must not look like a call that does not let go.
        .cancel_grace(Duration::from_secs(60))
        .workers(1)
}

/// A call of `tool`, and whether what it answers is what it alone answers.
fn call(bridge: &Bridge, tool: &'static str, number: u64, micros: u64) -> BoxFuture<'static, Result<()>> {
    let arguments = args! { number: number, micros: micros };
    let expected = number * 7 + 1;
    if tool == "counts" {
        let mut items = bridge.stream::<u64>(tool, arguments);
        Box::pin(async move {
            let mut seen = 0;
            while let Some(item) = items.next().await {
                assert_eq!(item?, expected + seen, "an item of another call, or out of order");
                seen += 1;
            }
            assert_eq!(seen, 4, "a stream ends after its last item");
            Ok(())
        })
    } else {
        let answer = bridge.call::<u64>(tool, arguments);
        Box::pin(async move {
            assert_eq!(answer.await?, expected, "the answer of another call");
            Ok(())
        })
    }
}

/// Awaits `call` until `moment` at the latest; `None` when it was given up.
async fn until(moment: Instant, mut call: BoxFuture<'static, Result<()>>) -> Option<Result<()>> {
    std::future::poll_fn(|context| {
        if let Poll::Ready(answer) = call.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        if Instant::now() >= moment {
            return Poll::Ready(None);
        }
        // The clock of the runtime is too coarse for what is raced with here.
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[tokio::test]
async fn a_cancel_around_the_end_of_its_call_hits_that_call_and_no_other() -> Result<()> {
    race(Profile::Process).await
}

#[tokio::test]
async fn on_threads_it_hits_no_other_either() -> Result<()> {
    race(Profile::Threads(2)).await
}

#[tokio::test]
async fn on_a_loop_it_hits_no_other_either() -> Result<()> {
    race(Profile::Async).await
}

async fn race(profile: Profile) -> Result<()> {
    let seed = setting("SNAKEBRIDGE_SEED").unwrap_or_else(|| {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(0) | 1
    });
    let pairs = setting("SNAKEBRIDGE_RACES").unwrap_or(PAIRS);
    println!("{profile:?}: SNAKEBRIDGE_SEED={seed} SNAKEBRIDGE_RACES={pairs}");
    let mut dice = Dice(seed);
    let bridge = races().profile(profile).start().await?;
    let mut events = bridge.events();
    let (mut answered, mut given_up) = (0u64, 0u64);
    for pair in 0..pairs {
        let mut pick = || TOOLS[usize::try_from(dice.roll(TOOLS.len() as u64)).unwrap()];
        let (first, second) = (pick(), pick());
        let micros = dice.roll(200);
        let mut cancelled = call(&bridge, first, pair * 2, micros);
        // Around the end: a call's way there and back takes about as long as the calls do.
        let moment = Instant::now() + Duration::from_micros(dice.roll(micros * 2 + 200));
        let early = poll_immediate(&mut cancelled).await;
        let mut kept = pin!(call(&bridge, second, pair * 2 + 1, dice.roll(50)));
        let kept_early = poll_immediate(&mut kept).await;
        match if early.is_some() { early } else { until(moment, cancelled).await } {
            Some(answer) => {
                answer?;
                answered += 1;
            }
            None => given_up += 1,
        }
        let kept = match kept_early {
            Some(answer) => answer,
            None => kept.await,
        };
        kept.unwrap_or_else(|error| panic!("pair {pair}, `{first}` then `{second}`: nobody gave this up: {error:?}"));
    }
    println!("{profile:?}: {answered} answered, {given_up} given up");
    assert!(answered > 0 && given_up > 0, "{answered} answered, {given_up} given up: nothing was raced");
    eventually("every call to be settled", || (bridge.workers()[0].in_flight == 0).then_some(())).await;
    let lost = std::iter::from_fn(|| events.try_recv().ok()).find(|event| matches!(event, Event::WorkerLost { .. }));
    assert_eq!(lost, None);
    bridge.shutdown().await
}
