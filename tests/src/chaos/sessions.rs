//! Sessions in a chaos run: counters that many callers increment at once, and sessions that are closed under a call that
//! writes late.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use snakebridge::prelude::*;

/// Sessions that have a counter.
const COUNTERS: u64 = 8;

/// What callers were told of the counters, and how often they may have been incremented.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<BTreeMap<u64, Counter>>);

/// What is known of one.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter {
    /// What each caller that had an answer was told.
    pub(super) told: Vec<u64>,
    /// Callers that had none, whose call may have written.
    pub(super) unknown: u64,
    /// Where it stood in the end, once that was read.
    pub(super) last: u64,
}

fn name(counter: u64) -> String {
    format!("counter {counter}")
}

impl Counters {
    fn with(&self, counter: u64, change: impl FnOnce(&mut Counter)) {
        change(self.0.lock().expect("nobody panics with it").entry(counter).or_default());
    }

    /// Says whose each session is, so that a call that reads another one's state is found out.
    pub(super) async fn open(&self, bridge: &Bridge) -> Result<()> {
        for counter in 0..COUNTERS {
            let session = bridge.session(name(counter)).await?;
            session.state().set("owner", session.id()).await?;
            self.with(counter, |_| {});
        }
        Ok(())
    }

    /// Increments one of them in Python. The answer is wrong when it is that of another session.
    pub(super) async fn increment(&self, bridge: &Bridge, call: u64, deadline: Duration) -> Result<Option<String>> {
        let counter = call % COUNTERS;
        let session = bridge.session(name(counter)).await?;
        match session.call::<(String, u64)>("increment", args! { call: call }).timeout(deadline).await {
            Ok((owner, count)) if owner == session.id() => {
                self.with(counter, |counter| counter.told.push(count));
                Ok(None)
            }
            Ok((owner, _)) => Ok(Some(format!("the state of `{owner}` in session `{}`", session.id()))),
            Err(error) => {
                if error.executed() != snakebridge::error::Executed::Never {
                    self.with(counter, |counter| counter.unknown += 1);
                }
                Err(error)
            }
        }
    }

    /// Reads where all of them stand, and hands over what is known.
    pub(super) async fn take(&self, bridge: &Bridge) -> Result<BTreeMap<u64, Counter>> {
        let mut counters = std::mem::take(&mut *self.0.lock().expect("nobody panics with it"));
        for (number, counter) in &mut counters {
            counter.last = bridge.session(name(*number)).await?.state().get("count").await?.unwrap_or_default();
        }
        Ok(counters)
    }
}

/// Closes a session under a call that writes into it, and begins another one of the same id: what it keeps of the first is
/// wrong.
pub(super) async fn write_late(bridge: &Bridge, call: u64, wait: u64, deadline: Duration) -> Result<Option<String>> {
    let id = format!("short {call}");
    let session = bridge.session(&id).await?;
    let mut writing = session.call::<()>("write_late", args! { call: call, milliseconds: wait }).timeout(deadline);
    // Sent, or queued.
    let early = futures::future::poll_immediate(&mut writing).await;
    tokio::time::sleep(Duration::from_millis(wait / 2)).await;
    session.close().await?;
    let successor = bridge.session(&id).await?;
    let ended = match early {
        Some(ended) => ended,
        None => writing.await,
    };
    let late = successor.state().get::<u64>("late").await?;
    successor.close().await?;
    match late {
        Some(_) => Ok(Some("a late write came back in the session's successor".to_owned())),
        None => ended.map(|()| None),
    }
}
