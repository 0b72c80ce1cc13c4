//! Tasks that last as long as their pool.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::watch;

use super::Life;
use crate::error::panic_message;

/// How long after a panic a task begins again: one that panics at once must not keep a core busy.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs what `begin` begins, and begins it again should it panic: a mistake of ours in one look at one worker must not
/// leave a pool for good without whoever asks idle workers whether they are there.
pub(super) async fn lasting<F: Future<Output = ()>>(
    task: &str,
    mut life: watch::Receiver<Life>,
    mut begin: impl FnMut() -> F,
) {
    while let Err(panic) = AssertUnwindSafe(begin()).catch_unwind().await {
        let panic = panic_message(&*panic);
        tracing::error!(task, panic, "a task of the pool panicked and begins again: please report it as a bug");
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = super::ending(&mut life) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_begins_again_until_it_ends_by_itself() {
        let life = watch::Sender::new(Life::Running);
        let (mut begun, started) = (0, tokio::time::Instant::now());
        lasting("looking", life.subscribe(), || {
            begun += 1;
            let this = begun;
            async move { assert!(this == 3, "on purpose") }
        })
        .await;
        assert_eq!((begun, started.elapsed()), (3, 2 * PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_begin_again_when_its_pool_ends() {
        let life = watch::Sender::new(Life::Ending);
        let mut begun = 0;
        lasting("looking", life.subscribe(), || {
            begun += 1;
            async { panic!("on purpose") }
        })
        .await;
        assert_eq!(begun, 1);
    }
}
