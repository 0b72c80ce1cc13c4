//! What runs for workers at this moment: what a CANCEL or the end of a worker stops, and how much it holds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::link::queue_full;

/// Bytes of large arguments that the running calls of one worker may hold together. The number of its calls is bounded,
/// but a worker that sends as many as it may, each as large as it may, would take all of the host's memory. As much as
/// it may leave unread of large answers.
const LARGE_ARGUMENTS: u64 = 1 << 30;
/// Arguments up to this are small: the bound on the number of calls bounds them, too.
const SMALL_ARGUMENTS: usize = 64 << 10;

/// Calls that run, by the connection's worker and the call's id.
#[derive(Default)]
pub(super) struct Running {
    calls: HashMap<(u64, u64), CancellationToken>,
    /// How many bytes of large arguments they hold, by worker.
    large: HashMap<u64, u64>,
}

impl Running {
    /// A call with arguments of `size` bytes begins; `cancellation` stops it.
    ///
    /// # Errors
    /// `queue_full` when its worker has too much of that running already.
    pub(super) fn begin(&mut self, key: (u64, u64), size: usize, cancellation: CancellationToken) -> Result<(), Error> {
        if size > SMALL_ARGUMENTS {
            let held = self.large.get(&key.0).copied().unwrap_or(0) + size as u64;
            if held > LARGE_ARGUMENTS {
                return Err(queue_full(format!(
                    "the arguments of running host tools are limited to {LARGE_ARGUMENTS} bytes for each worker; wait \
                     for some of them"
                )));
            }
            self.large.insert(key.0, held);
        }
        self.calls.insert(key, cancellation);
        Ok(())
    }

    /// A call that began has ended.
    pub(super) fn end(&mut self, key: (u64, u64), size: usize) {
        self.calls.remove(&key);
        if size > SMALL_ARGUMENTS
            && let Entry::Occupied(mut held) = self.large.entry(key.0)
        {
            *held.get_mut() -= size as u64;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }

    /// Stops a call, if it runs.
    pub(super) fn cancel(&self, key: (u64, u64)) {
        if let Some(cancellation) = self.calls.get(&key) {
            cancellation.cancel();
        }
    }

    /// Stops everything that runs for `worker`.
    pub(super) fn cancel_worker(&self, worker: u64) {
        for ((of, _), cancellation) in &self.calls {
            if *of == worker {
                cancellation.cancel();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Executed;

    #[test]
    fn large_arguments_of_one_worker_are_bounded_together_until_their_calls_end() {
        let mut running = Running::default();
        let half = 1 << 29;
        let mut begins = |key, size| running.begin(key, size, CancellationToken::new()).is_ok();
        assert!(begins((1, 2), half) && begins((1, 4), half), "as much as it may");
        assert!(!begins((1, 6), SMALL_ARGUMENTS + 1), "one more than it may");
        assert!(begins((1, 8), SMALL_ARGUMENTS), "small ones are bounded by their number");
        assert!(begins((2, 2), half), "another worker has its own");
        running.end((1, 8), SMALL_ARGUMENTS);
        let error = running.begin((1, 10), half, CancellationToken::new()).unwrap_err();
        assert_eq!((error.code(), error.executed()), ("queue_full", Executed::Never));
        running.end((1, 2), half);
        assert!(running.begin((1, 10), half, CancellationToken::new()).is_ok());
        for (key, size) in [((1, 4), half), ((1, 10), half), ((2, 2), half)] {
            running.end(key, size);
        }
        assert!(running.calls.is_empty() && running.large.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_call_is_stopped_alone_or_with_all_of_its_worker() {
        let mut running = Running::default();
        let tokens: Vec<_> = (0..4).map(|_| CancellationToken::new()).collect();
        for (key, token) in [(1, 2), (1, 4), (2, 2), (1, 6)].into_iter().zip(&tokens) {
            running.begin(key, 0, token.clone()).unwrap();
        }
        let stopped = || tokens.iter().map(CancellationToken::is_cancelled).collect::<Vec<_>>();
        running.cancel((1, 4));
        assert_eq!(stopped(), [false, true, false, false]);
        running.end((1, 6), 0);
        running.cancel_worker(1);
        assert_eq!(stopped(), [true, true, false, false]);
    }
}
