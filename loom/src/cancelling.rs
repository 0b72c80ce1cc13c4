//! A cancellation and the calls that run one after the other: `call_state.rs`.

use loom::sync::atomic::{AtomicU64, Ordering::SeqCst};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::call_state::CallState;

/// The state of the calls of one thread, under the lock that the product has around taking a call and acting on CANCEL.
#[derive(Default)]
struct Worker {
    call: CallState,
    state: Mutex<()>,
}

impl Worker {
    fn begin(&self, id: u64) {
        let _state = self.state.lock();
        self.call.begin(id);
    }

    /// CANCEL for call `id` has come. True when the thread is to be interrupted.
    fn cancel(&self, id: u64) -> bool {
        let _state = self.state.lock();
        let runs = self.call.runs(id);
        if runs {
            self.call.cancel(id);
        }
        runs
    }
}

/// A signal may be handled at any later moment. Whenever that is, only the call that was cancelled is told, and that once.
pub fn a_signal_never_hits_another_call() {
    loom::model(|| {
        let (worker, told) = (Arc::new(Worker::default()), Arc::new(AtomicU64::new(0)));
        worker.begin(1);
        let canceller = {
            let worker = Arc::clone(&worker);
            thread::spawn(move || worker.cancel(1))
        };
        let interrupted = |id| {
            if worker.call.take_cancellation() {
                assert_eq!((id, told.fetch_add(1, SeqCst)), (1, 0), "told in the wrong call, or twice");
            }
        };
        interrupted(1);
        interrupted(1);
        worker.call.end();
        interrupted(0);
        worker.begin(3);
        interrupted(3);
        let was_running = canceller.join().expect("the canceller does not panic");
        interrupted(3);
        assert!(was_running || told.load(SeqCst) == 0);
        assert!(!worker.call.is_cancelled(3));
    });
}

/// What comes while a section must finish is told when it has, and what comes behind it at once: never lost between the two.
pub fn a_cancellation_is_not_lost_at_the_end_of_a_shield() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        worker.begin(1);
        worker.call.begin_shield(1);
        let canceller = {
            let worker = Arc::clone(&worker);
            thread::spawn(move || assert!(worker.cancel(1)))
        };
        assert!(!worker.call.take_cancellation(), "inside");
        let at_the_end = worker.call.end_shield(1);
        canceller.join().expect("the canceller does not panic");
        // Who cancels repeats its signal until it is heard.
        let afterwards = worker.call.take_cancellation();
        assert!(at_the_end != afterwards, "told once, here or there");
    });
}

/// A cancellation that Python swallowed is raised again as long as its call runs, and not in the next one.
pub fn what_was_swallowed_is_told_again_in_the_same_call() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        worker.begin(1);
        assert!(worker.cancel(1) && worker.call.take_cancellation());
        let watcher = {
            let worker = Arc::clone(&worker);
            thread::spawn(move || worker.call.is_unacknowledged())
        };
        assert!(worker.call.forget_acknowledgement());
        assert!(worker.call.take_cancellation());
        worker.call.end();
        worker.begin(3);
        assert!(!worker.call.take_cancellation() && !worker.call.forget_acknowledgement());
        // Whatever it has seen meanwhile, a signal for it does nothing now.
        let _ = watcher.join().expect("the watcher does not panic");
        assert!(!worker.call.take_cancellation());
    });
}
