//! Calls whose tool says that trying again may help, and may be repeated: they are, after a pause.

use std::sync::Arc;
use std::time::Duration;

use super::Pool;
use super::slot::jitter;
use crate::error::{Error, ErrorKind, Executed};
use crate::link::{Answer, PendingCall};
use crate::telemetry::Event;

/// The first pause, and the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_millis(1_600);

/// How long to wait after so many attempts, with a random number from 0 to 50: a quarter more or less.
fn pause(attempts: u32, jitter: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(10);
    (PAUSE * 2u32.pow(doublings)).min(LONGEST) * (75 + jitter) / 100
}

impl Pool {
    /// A call of `worker` failed. Gives the error back where the caller is to be told; otherwise the call waits, and runs once
    /// more.
    pub(super) fn try_again(self: &Arc<Self>, worker: u64, call: &Arc<PendingCall>, error: Error) -> Option<Error> {
        if !matches!(error.kind(), ErrorKind::Tool(exception) if exception.retryable) {
            return Some(error);
        }
        let may_be = {
            let mut state = self.lock();
            let worker = state.workers.get(&worker).cloned();
            let has_time = call.deadline.is_none_or(|deadline| deadline.elapsed().is_zero());
            has_time
                && !state.draining
                && worker.is_some_and(|worker| self.may_repeat(&mut state, &worker, call, Executed::Yes))
        };
        if !may_be || !call.requeue() {
            return Some(error);
        }
        // Its place is free; and it is nowhere until the pause is over.
        self.finished(worker, call, Answer::Raised);
        let (attempts, pause) = (call.attempts(), pause(call.attempts(), jitter()));
        self.events.emit(Event::CallRetried {
            pool: self.name(),
            tool: call.request.target.to_string(),
            worker,
            attempts,
            pause,
            error: error.to_string(),
        });
        let (pool, call) = (Arc::clone(self), Arc::clone(call));
        self.runtime.spawn(async move {
            let mut life = pool.life.subscribe();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // Nothing runs any more after it.
                () = super::ending(&mut life) => {}
            }
            let is_back = {
                let mut state = pool.lock();
                pool.put_back(&mut state, &call)
            };
            if is_back {
                pool.dispatch();
            } else {
                call.complete(Err(error.on_worker(worker)));
            }
        });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_vary_by_a_quarter() {
        let pauses = [1, 2, 3, 5, 6, 40].map(|attempts| pause(attempts, 25).as_millis());
        assert_eq!(pauses, [100, 200, 400, 1_600, 1_600, 1_600]);
        assert_eq!((pause(1, 0).as_millis(), pause(1, 50).as_millis()), (75, 125));
    }
}
