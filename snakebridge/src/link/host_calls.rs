//! The calls to the host that Python makes inside one call of ours: how many they may be, and that they end with it.

use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Exception, Executed};

/// How many calls to the host may be made inside one call, and how many of them at once. An honest tool that needs more
/// passes a list.
const IN_ALL: u32 = 10_000;
const AT_ONCE: usize = 16;

/// The calls to the host inside one call.
#[derive(Debug, Default)]
pub(super) struct HostCalls {
    begun: u32,
    /// By worker and id, because a call that is repeated elsewhere may meet the same ids there.
    running: Vec<((u64, u64), CancellationToken)>,
}

impl HostCalls {
    /// Another one begins.
    pub(super) fn begin(&mut self, key: (u64, u64), cancellation: CancellationToken) -> Result<(), Error> {
        if self.running.len() >= AT_ONCE {
            return Err(queue_full(format!("{AT_ONCE} calls to the host run inside this call: wait for some of them")));
        }
        if self.begun >= IN_ALL {
            return Err(queue_full(format!(
                "{IN_ALL} calls to the host were made inside this call: pass it more at a time"
            )));
        }
        self.begun += 1;
        self.running.push((key, cancellation));
        Ok(())
    }

    /// One has ended.
    pub(super) fn end(&mut self, key: (u64, u64)) {
        self.running.retain(|(running, _)| *running != key);
    }

    /// The call inside which they run is over.
    pub(super) fn cancel(&self) {
        for (_, cancellation) in &self.running {
            cancellation.cancel();
        }
    }
}

/// The error for a worker that asks for too much.
pub(crate) fn queue_full(message: String) -> Error {
    let exception = Box::new(Exception::new("queue_full", message));
    Error::new(ErrorKind::Other { code: "queue_full".to_owned(), exception }, Executed::Never)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(calls: &mut HostCalls, id: u64) -> bool {
        match calls.begin((1, id), CancellationToken::new()) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!((error.code(), error.executed()), ("queue_full", Executed::Never));
                false
            }
        }
    }

    #[test]
    fn so_many_run_at_once_and_one_that_has_ended_makes_room() {
        let mut calls = HostCalls::default();
        assert!((0..16).all(|id| begins(&mut calls, id)) && !begins(&mut calls, 16));
        calls.end((2, 0));
        assert!(!begins(&mut calls, 16), "that was another worker's");
        calls.end((1, 0));
        assert!(begins(&mut calls, 16));
    }

    #[test]
    fn so_many_are_made_in_all_however_soon_they_end() {
        let mut calls = HostCalls::default();
        for id in 0..10_000 {
            assert!(begins(&mut calls, id));
            calls.end((1, id));
        }
        assert!(!begins(&mut calls, 10_000));
    }

    #[test]
    fn those_that_run_end_with_the_call() {
        let mut calls = HostCalls::default();
        let (ended, running) = (CancellationToken::new(), CancellationToken::new());
        calls.begin((1, 2), ended.clone()).unwrap();
        calls.begin((1, 4), running.clone()).unwrap();
        calls.end((1, 2));
        calls.cancel();
        assert!(running.is_cancelled() && !ended.is_cancelled());
    }
}
