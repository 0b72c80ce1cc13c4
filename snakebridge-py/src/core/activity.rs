//! When the watcher looks, and when it helps. Pure atomics: the decisions without the timer that they set.
//!
//! The main thread publishes one number, the epoch: even while it waits for the host, odd while it runs something, one more
//! at each change. That is all it does for the watcher on the way through a short call. The watcher sleeps for as long as the
//! main thread waits; the first call after that sets the timer; and if the epoch is still the same one tick later, the
//! call is long and the watcher helps.
//!
//! The epoch counts reads, not calls: a batch of many calls that came in one read is one epoch, because nobody reads for
//! its whole length. What the watcher has read, and a round of turns of streams, count like a read of the main thread's
//! own; otherwise a worker that always has something to do would be helped for ever, and would write every frame alone.
//!
//! Every access is sequentially consistent. Each side writes one variable and then reads the other's (the epoch and the
//! phase), and at least one of them must see what the other wrote.

use crate::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// From here on a call is long. Helping starts one to two ticks into it.
const TICK: Duration = Duration::from_millis(1);
/// After a tick with more reads than this, calls are short, and the watcher looks half as often.
const MANY_READS: u64 = 32;
/// Looks are at most so many doublings of a tick apart.
const MAX_CALM: u32 = 3;

/// The timer is not set; whoever begins a call sets it.
const PARKED: u8 = 0;
/// The timer is set.
const WATCHING: u8 = 1;
/// The watcher reads and writes for the main thread.
const HELPING: u8 = 2;

/// What both threads know of each other.
#[derive(Debug)]
pub(super) struct Activity {
    epoch: AtomicU64,
    phase: AtomicU8,
    /// The epoch in which the timer was set.
    set_in: AtomicU64,
    calm: AtomicU32,
}

/// What the watcher does when the timer has gone off.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A long call: help while the epoch is this one, then set the timer again.
    Help(u64),
    /// A call that may become long: set the timer again.
    Again,
    /// Nothing runs: do not set the timer.
    Park,
}

impl Default for Activity {
    fn default() -> Self {
        // The main thread runs (it starts the interpreter), and the watcher begins by setting the timer.
        Self {
            epoch: AtomicU64::new(1),
            phase: AtomicU8::new(WATCHING),
            set_in: AtomicU64::new(1),
            calm: AtomicU32::new(0),
        }
    }
}

impl Activity {
    /// The main thread is about to wait for the host. True when the watcher helps and must be called off.
    pub(super) fn begin_wait(&self) -> bool {
        self.epoch.fetch_add(1, SeqCst);
        self.phase.load(SeqCst) == HELPING
    }

    /// The main thread is back. True when the timer must be set.
    pub(super) fn end_wait(&self) -> bool {
        let epoch = self.epoch.fetch_add(1, SeqCst) + 1;
        if self.phase.load(SeqCst) != PARKED {
            return false;
        }
        self.phase.store(WATCHING, SeqCst);
        self.set_in.store(epoch, SeqCst);
        true
    }

    /// The main thread takes up the next batch without a wait. True when the watcher helps and must be called off.
    pub(super) fn move_on(&self) -> bool {
        self.epoch.fetch_add(2, SeqCst);
        // Not helped from now on, however long the watcher takes to see it: it writes what is pending before it leaves.
        self.phase.compare_exchange(HELPING, WATCHING, SeqCst, SeqCst).is_ok()
    }

    /// The timer has gone off.
    pub(super) fn look(&self) -> Look {
        let (epoch, set_in) = (self.epoch.load(SeqCst), self.set_in.load(SeqCst));
        let reads = epoch.wrapping_sub(set_in) / 2;
        let calm = if reads > MANY_READS { (self.calm.load(SeqCst) + 1).min(MAX_CALM) } else { 0 };
        self.calm.store(calm, SeqCst);
        if epoch % 2 == 1 {
            self.set_in.store(epoch, SeqCst);
            return if epoch == set_in { Look::Help(epoch) } else { Look::Again };
        }
        self.phase.store(PARKED, SeqCst);
        // A call that began before it could see that is nobody's to watch, unless it is seen here.
        let moved = self.epoch.load(SeqCst) != epoch;
        if moved && self.phase.compare_exchange(PARKED, WATCHING, SeqCst, SeqCst).is_ok() {
            self.set_in.store(epoch, SeqCst);
            return Look::Again;
        }
        Look::Park
    }

    /// How long to wait before the next look.
    pub(super) fn interval(&self) -> Duration {
        TICK * (1 << self.calm.load(SeqCst))
    }

    /// Whether the watcher helps. It then sleeps until something arrives, so who has something to write writes it.
    pub(super) fn is_helped(&self) -> bool {
        self.phase.load(SeqCst) == HELPING
    }

    /// The watcher begins to help.
    pub(super) fn begin_help(&self) {
        self.phase.store(HELPING, SeqCst);
    }

    /// Whether the main thread is still in the epoch in which it needed help.
    pub(super) fn needs_help(&self, epoch: u64) -> bool {
        self.epoch.load(SeqCst) == epoch
    }

    /// The watcher has stopped helping and will set the timer.
    pub(super) fn end_help(&self) {
        self.phase.store(WATCHING, SeqCst);
        self.set_in.store(self.epoch.load(SeqCst), SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An activity whose main thread waits and whose watcher sleeps.
    fn parked() -> Activity {
        let activity = Activity::default();
        assert!(!activity.begin_wait());
        assert_eq!(activity.look(), Look::Park);
        activity
    }

    #[test]
    fn the_first_call_after_a_pause_sets_the_timer_and_the_next_ones_do_not() {
        let activity = parked();
        assert!(activity.end_wait());
        assert!(!activity.begin_wait());
        assert!(!activity.end_wait());
    }

    #[test]
    fn a_call_that_outlives_a_tick_is_helped() {
        let activity = parked();
        activity.end_wait();
        assert_eq!(activity.look(), Look::Help(3));
        activity.begin_help();
        assert!(activity.needs_help(3));
        assert!(activity.begin_wait(), "the helper must be called off");
        assert!(!activity.needs_help(3));
    }

    #[test]
    fn a_batch_that_follows_without_a_wait_is_helped_only_when_it_is_long_itself() {
        let activity = parked();
        activity.end_wait();
        activity.begin_help();
        assert!(activity.move_on(), "the helper must be called off");
        assert!(!activity.needs_help(3) && !activity.is_helped() && !activity.move_on());
        activity.end_help();
        assert_eq!(activity.look(), Look::Help(7));
    }

    #[test]
    fn a_call_that_began_during_the_tick_is_given_a_tick_of_its_own() {
        let activity = parked();
        activity.end_wait();
        activity.begin_wait();
        activity.end_wait();
        assert_eq!(activity.look(), Look::Again);
        assert_eq!(activity.look(), Look::Help(5));
    }

    #[test]
    fn many_short_calls_are_looked_at_less_often_and_a_long_one_ends_that() {
        let activity = parked();
        activity.end_wait();
        for doubled in [2, 4, 8, 8] {
            for _ in 0..100 {
                activity.begin_wait();
                activity.end_wait();
            }
            assert_eq!(activity.look(), Look::Again);
            assert_eq!(activity.interval(), TICK * doubled);
        }
        assert!(matches!(activity.look(), Look::Help(_)));
        assert_eq!(activity.interval(), TICK);
    }

    /// Both threads run freely: a main thread that stays in a call is always found by the watcher, whatever the two did to
    /// the phase at the same time. A lost arming would leave the watcher parked for ever.
    #[test]
    fn no_interleaving_leaves_a_long_call_unwatched() {
        use std::sync::atomic::AtomicBool;
        use std::thread;
        use std::time::Instant;

        let (activity, timer, done) = (Activity::default(), AtomicBool::new(true), AtomicBool::new(false));
        let helped = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    if !timer.swap(false, SeqCst) {
                        thread::yield_now();
                        continue;
                    }
                    match activity.look() {
                        Look::Park => continue,
                        Look::Again => {}
                        Look::Help(epoch) => {
                            activity.begin_help();
                            helped.store(epoch, SeqCst);
                            while activity.needs_help(epoch) && !done.load(SeqCst) {
                                thread::yield_now();
                            }
                            activity.end_help();
                        }
                    }
                    timer.store(true, SeqCst);
                }
            });
            let mut epoch = 1;
            for _ in 0..2_000 {
                for _ in 0..3 {
                    activity.begin_wait();
                    if activity.end_wait() {
                        timer.store(true, SeqCst);
                    }
                    activity.move_on();
                    epoch += 4;
                }
                let patience = Instant::now();
                while helped.load(SeqCst) != epoch {
                    assert!(patience.elapsed() < Duration::from_secs(20), "epoch {epoch} was never helped");
                    thread::yield_now();
                }
            }
            done.store(true, SeqCst);
        });
    }
}
