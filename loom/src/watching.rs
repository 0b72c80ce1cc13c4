//! The main thread and its watcher: `activity.rs`.

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::activity::{Activity, Look};

/// The watcher's timer, or the notice that calls it off: set by one thread, waited for by the other.
#[derive(Default)]
struct Signal {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    fn raise(&self) {
        *self.set.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    fn take(&self) -> bool {
        std::mem::take(&mut *self.set.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Blocks. A wait that nobody ends is a deadlock, which loom reports.
    fn wait(&self) {
        let mut set = self.set.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while !std::mem::take(&mut *set) {
            set = self.changed.wait(set).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

#[derive(Default)]
struct Worker {
    activity: Activity,
    timer: Signal,
    call_off: Signal,
}

impl Worker {
    /// A worker whose main thread waits for calls and whose watcher sleeps.
    fn parked() -> Arc<Self> {
        let worker = Self::default();
        assert!(!worker.activity.begin_wait());
        assert_eq!(worker.activity.look(), Look::Park);
        Arc::new(worker)
    }

    /// A call begins on the main thread.
    fn begin_call(&self) {
        if self.activity.end_wait() {
            self.timer.raise();
        }
    }

    /// The main thread waits for the next one.
    fn end_call(&self) {
        if self.activity.begin_wait() {
            self.call_off.raise();
        }
    }

    /// The main thread takes up something else without a wait.
    fn move_on(&self) {
        if self.activity.move_on() {
            self.call_off.raise();
        }
    }

    /// The timer has gone off. Returns the epoch in which help is needed.
    fn look(&self) -> Option<u64> {
        match self.activity.look() {
            Look::Park => None,
            Look::Again => {
                self.timer.raise();
                None
            }
            Look::Help(epoch) => Some(epoch),
        }
    }

    /// Helps until it is called off, as the watcher's loop does.
    fn help(&self, epoch: u64) {
        self.activity.begin_help();
        while self.activity.needs_help(epoch) {
            self.call_off.wait();
        }
        self.activity.end_help();
        self.timer.raise();
    }
}

/// Calls come and go while the watcher looks; then one stays. However the two have met, the watcher finds it: its timer is
/// set, or it is about to be.
pub fn a_call_that_stays_is_always_found() {
    loom::model(|| {
        let worker = Worker::parked();
        let main = {
            let worker = Arc::clone(&worker);
            thread::spawn(move || {
                worker.begin_call();
                worker.end_call();
                worker.begin_call();
            })
        };
        // A tick may pass at any moment, as often as the timer is set.
        for _ in 0..2 {
            if worker.timer.take()
                && let Some(epoch) = worker.look()
            {
                // Help that ends at once; that it ends when it should is the next model.
                worker.activity.begin_help();
                if worker.activity.needs_help(epoch) {
                    // The call that it began for is over or still runs: seen from here it is the same.
                    thread::yield_now();
                }
                worker.activity.end_help();
                worker.timer.raise();
            }
        }
        main.join().expect("the main thread does not panic");
        // Now nothing moves any more but the watcher.
        for _ in 0..3 {
            assert!(worker.timer.take(), "the watcher sleeps and a call runs");
            if worker.look().is_some() {
                return;
            }
        }
        panic!("the call was never found to be long");
    });
}

/// Whoever helps is called off when the main thread waits again; it never sleeps through that.
pub fn help_ends_when_the_main_thread_waits() {
    help_ends(Worker::end_call);
}

/// Whoever helps is called off when the main thread takes up something else; it never sleeps through that.
pub fn help_ends_when_the_main_thread_moves_on() {
    help_ends(Worker::move_on);
}

/// A notice that is one too many does no harm.
pub fn help_ends_when_the_main_thread_moves_on_and_waits() {
    help_ends(|worker| {
        worker.move_on();
        worker.end_call();
    });
}

fn help_ends(how: fn(&Worker)) {
    loom::model(move || {
        let worker = Worker::parked();
        worker.begin_call();
        assert!(worker.timer.take());
        let Some(epoch) = worker.look() else { panic!("the call has outlived a tick") };
        let watcher = {
            let worker = Arc::clone(&worker);
            thread::spawn(move || worker.help(epoch))
        };
        how(&worker);
        watcher.join().expect("the watcher does not panic");
        assert!(!worker.activity.is_helped() && worker.timer.take());
    });
}
