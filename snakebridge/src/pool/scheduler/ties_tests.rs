//! What calls of sessions are promised about where they go, without a worker.

use std::sync::Arc;

use super::tests::{TestCall, call, pool, scheduler};
use super::*;
use crate::session::Affinity;
use crate::session::Binding;

type TestScheduler = Scheduler<TestCall>;

/// A session and how its calls go.
#[derive(Clone, Default)]
struct TestSession(Arc<Binding>);

impl TestSession {
    fn call(&self, key: usize, affinity: Affinity) -> TestCall {
        let tie = Tie { binding: Arc::clone(&self.0), affinity, exclusive: false, chain: None };
        TestCall { tie: Some(tie), ..call(key, "t") }
    }

    fn hint(&self, key: usize) -> TestCall {
        self.call(key, Affinity::Hint)
    }

    fn strict(&self, key: usize) -> TestCall {
        self.call(key, Affinity::StrictQueue)
    }

    fn fast(&self, key: usize) -> TestCall {
        self.call(key, Affinity::StrictFailFast)
    }

    /// A call that has the session to itself, of a chain if it is not the first.
    fn exclusive(&self, key: usize, chain: Option<u64>) -> TestCall {
        let mut call = self.strict(key);
        let tie = call.tie.as_mut().unwrap();
        (tie.exclusive, tie.chain) = (true, chain);
        call
    }
}

fn concurrent(workers: u64, calls: usize) -> (TestScheduler, Instant) {
    let mut scheduler = scheduler(100);
    (1..=workers).for_each(|worker| scheduler.add_worker(worker, Capacity::Concurrent(calls)));
    (scheduler, Instant::now())
}

fn next(scheduler: &mut TestScheduler, now: Instant) -> Option<(u64, usize)> {
    scheduler.next(now).map(|(worker, call)| (worker, call.key))
}

fn refused(scheduler: &mut TestScheduler) -> Vec<(usize, Refusal)> {
    scheduler.take_refused().into_iter().map(|(call, refusal)| (call.key, refusal)).collect()
}

const QUEUED: Result<Placement, Refusal> = Ok(Placement::Queued);

/// What a call is told that goes to this worker at once.
macro_rules! to {
    ($worker:expr) => {
        Ok(Placement::Worker($worker))
    };
}

#[test]
fn a_hint_prefers_the_sessions_worker_even_if_others_have_less_to_do() {
    let (mut scheduler, now) = concurrent(3, 4);
    let session = TestSession::default();
    assert_eq!(scheduler.submit(session.hint(0), now), to!(1));
    assert_eq!(scheduler.submit(session.hint(1), now), to!(1));
    assert_eq!(scheduler.submit(session.call(2, Affinity::None), now), to!(2), "it does not care");
    assert_eq!(scheduler.submit(session.hint(3), now), to!(1));
    assert_eq!(scheduler.submit(session.hint(4), now), to!(1));
    assert_eq!(scheduler.submit(session.hint(5), now), to!(3), "the worker is full");
    assert_eq!(scheduler.submit(session.hint(6), now), to!(3), "and that is the session's from now on");
    scheduler.remove_worker(3);
    assert_eq!(scheduler.submit(session.hint(7), now), to!(2), "it is gone: nothing was promised");
    assert!(scheduler.take_refused().is_empty());
}

#[test]
fn sessions_that_come_one_after_the_other_spread_over_idle_workers() {
    let (mut scheduler, now) = pool(3, 10);
    let sessions: [TestSession; 6] = Default::default();
    let mut places = [0; 6];
    for (session, place) in sessions.iter().zip(&mut places) {
        let Ok(Placement::Worker(worker)) = scheduler.submit(session.strict(0), now) else { panic!("they are idle") };
        scheduler.finished(worker, &session.strict(0), now);
        *place = worker;
    }
    assert_eq!(places, [1, 2, 3, 1, 2, 3]);
}

#[test]
fn a_strict_call_waits_for_its_worker_and_others_pass() {
    let (mut scheduler, now) = pool(2, 10);
    let session = TestSession::default();
    assert_eq!(scheduler.submit(session.strict(0), now), to!(1));
    assert_eq!(scheduler.submit(session.strict(1), now), QUEUED);
    assert_eq!(scheduler.submit(call(2, "t"), now), to!(2));
    scheduler.finished(2, &call(2, "t"), now);
    assert_eq!(next(&mut scheduler, now), None, "worker 2 is not the session's");
    assert_eq!(scheduler.submit(call(3, "t"), now), to!(2));
    scheduler.finished(1, &session.strict(0), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 1)));
    assert_eq!(scheduler.waiting().count(), 0);
}

#[test]
fn a_nested_call_that_is_bound_goes_to_whichever_waiting_worker_it_is_bound_to_and_waits_for_any_other() {
    let (mut scheduler, now) = pool(3, 10);
    let sessions = [TestSession::default(), TestSession::default(), TestSession::default()];
    for (key, session) in sessions.iter().enumerate() {
        assert_eq!(scheduler.submit(session.strict(key), now), to!(key as u64 + 1));
    }
    // A chain that is with worker 1 has led to worker 2.
    assert_eq!(scheduler.nest(sessions[0].strict(4), &[2, 1], false, now), to!(1));
    assert_eq!(scheduler.nest(sessions[1].strict(5), &[2, 1], false, now), to!(2));
    assert_eq!(scheduler.nest(call(6, "t"), &[2, 1], false, now), to!(2), "what is not bound stays with the innermost");
    assert_eq!(scheduler.nest(call(7, "t"), &[9, 1], false, now), to!(1), "worker 9 is gone");
    assert_eq!(scheduler.nest(sessions[2].strict(8), &[2, 1], false, now), QUEUED);
    assert_eq!(scheduler.nest(sessions[0].strict(9), &[], false, now), QUEUED);
}

#[test]
fn who_came_first_goes_first_whether_it_waits_for_one_worker_or_for_any() {
    for strict_first in [true, false] {
        let (mut scheduler, now) = pool(1, 10);
        let session = TestSession::default();
        scheduler.submit(session.strict(0), now).unwrap();
        let both = if strict_first { [session.strict(1), call(2, "t")] } else { [call(1, "t"), session.strict(2)] };
        for call in both.clone() {
            assert_eq!(scheduler.submit(call, now), QUEUED);
        }
        scheduler.finished(1, &session.strict(0), now);
        assert_eq!(next(&mut scheduler, now), Some((1, 1)));
        scheduler.finished(1, &both[0], now);
        assert_eq!(next(&mut scheduler, now), Some((1, 2)));
    }
}

#[test]
fn no_stream_of_short_calls_keeps_a_worker_from_those_who_wait_for_it() {
    let (mut scheduler, now) = concurrent(1, 2);
    let session = TestSession::default();
    scheduler.submit(session.strict(0), now).unwrap();
    scheduler.submit(call(1, "t"), now).unwrap();
    assert_eq!(scheduler.submit(session.strict(2), now), QUEUED);
    scheduler.finished(1, &call(1, "t"), now);
    assert_eq!(scheduler.submit(call(3, "t"), now), QUEUED, "it came later");
    assert_eq!(next(&mut scheduler, now), Some((1, 2)));
    assert_eq!(next(&mut scheduler, now), None);
}

#[test]
fn a_call_that_does_not_wait_is_told_that_the_worker_is_busy() {
    let (mut scheduler, now) = pool(2, 10);
    let session = TestSession::default();
    assert_eq!(scheduler.submit(session.fast(0), now), to!(1));
    assert_eq!(scheduler.submit(session.fast(1), now), Err(Refusal::WorkerBusy));
    scheduler.finished(1, &session.fast(0), now);
    assert_eq!(scheduler.submit(session.fast(2), now), to!(1));
}

#[test]
fn the_binding_is_made_at_the_first_dispatch_of_several_that_wait() {
    let (mut scheduler, now) = pool(0, 10);
    let session = TestSession::default();
    for call in [session.strict(0), session.strict(1), session.fast(2)] {
        assert_eq!(scheduler.submit(call, now), QUEUED);
    }
    scheduler.add_worker(1, Capacity::Serial(10));
    scheduler.add_worker(2, Capacity::Serial(10));
    assert_eq!(next(&mut scheduler, now), Some((1, 0)));
    assert_eq!(next(&mut scheduler, now), None, "worker 2 is free, and not the session's");
    assert_eq!(refused(&mut scheduler), [(2, Refusal::WorkerBusy)]);
    scheduler.finished(1, &session.strict(0), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 1)));
}

#[test]
fn a_lost_worker_is_told_to_one_call_and_the_next_is_the_first_of_a_new_binding() {
    let (mut scheduler, now) = pool(2, 10);
    let (one, two) = (TestSession::default(), TestSession::default());
    scheduler.submit(one.strict(0), now).unwrap();
    scheduler.remove_worker(1);
    assert_eq!(scheduler.submit(one.strict(1), now), Err(Refusal::SessionLost));
    assert_eq!(scheduler.submit(one.strict(2), now), to!(2));
    // Of those that wait, the oldest of each session.
    scheduler.add_worker(3, Capacity::Concurrent(2));
    scheduler.submit(two.strict(3), now).unwrap();
    for call in [one.strict(4), two.strict(5), call(6, "t"), one.strict(7), two.strict(8), two.strict(9)] {
        let _ = scheduler.submit(call, now);
    }
    assert_eq!(scheduler.waiting().count(), 5, "4 and 7 for worker 2, 8 and 9 for worker 3, 6 for any");
    scheduler.close_worker(2);
    assert_eq!(refused(&mut scheduler), [(4, Refusal::SessionLost)]);
    scheduler.remove_worker(3);
    assert_eq!(refused(&mut scheduler), [(8, Refusal::SessionLost)]);
    scheduler.add_worker(4, Capacity::Concurrent(10));
    assert_eq!([next(&mut scheduler, now), next(&mut scheduler, now)], [Some((4, 6)), Some((4, 7))]);
    assert_eq!(scheduler.submit(one.strict(10), now), to!(4));
}

#[test]
fn a_hint_does_not_move_a_session_on_whose_place_others_rely() {
    let (mut scheduler, now) = pool(2, 10);
    let session = TestSession::default();
    scheduler.submit(session.strict(0), now).unwrap();
    assert_eq!(scheduler.submit(session.hint(1), now), to!(2), "it does not wait");
    scheduler.finished(1, &session.strict(0), now);
    assert_eq!(scheduler.submit(session.strict(2), now), to!(1));
}

#[test]
fn a_call_that_is_handed_back_waits_for_its_worker_before_others_or_learns_that_it_is_lost() {
    let (mut scheduler, now) = pool(1, 10);
    let session = TestSession::default();
    let [first, second] = [session.strict(0), session.strict(1)];
    scheduler.submit(first.clone(), now).unwrap();
    scheduler.submit(second, now).unwrap();
    scheduler.release(1, &first);
    scheduler.put_back(first.clone());
    assert_eq!(next(&mut scheduler, now), Some((1, 0)));
    scheduler.remove_worker(1);
    assert_eq!(refused(&mut scheduler), [(1, Refusal::SessionLost)]);
    scheduler.put_back(first);
    assert!(refused(&mut scheduler).is_empty(), "another was told");
    assert_eq!(scheduler.waiting().count(), 1);
}

#[test]
fn one_call_of_an_exclusive_session_runs_at_a_time_and_its_own_chain_passes() {
    let (mut scheduler, now) = concurrent(1, 10);
    let (session, other) = (TestSession::default(), TestSession::default());
    assert_eq!(scheduler.submit(session.exclusive(0, None), now), to!(1));
    assert_eq!(scheduler.submit(session.exclusive(1, None), now), QUEUED);
    assert_eq!(scheduler.submit(session.exclusive(2, None), now), QUEUED);
    assert_eq!(scheduler.submit(session.exclusive(3, Some(0)), now), to!(1), "it is called by the one that runs");
    assert_eq!(scheduler.submit(session.strict(4), now), to!(1), "its tool does not ask for it");
    assert_eq!(scheduler.submit(other.exclusive(5, None), now), to!(1));
    scheduler.finished(1, &session.exclusive(0, None), now);
    assert_eq!(next(&mut scheduler, now), None, "the chain still runs");
    scheduler.finished(1, &session.exclusive(3, Some(0)), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 1)));
    assert_eq!(next(&mut scheduler, now), None);
    scheduler.release(1, &session.exclusive(1, None));
    assert_eq!(next(&mut scheduler, now), Some((1, 2)), "it left without an answer");
    let fast = TestCall {
        tie: session.exclusive(6, None).tie.map(|tie| Tie { affinity: Affinity::StrictFailFast, ..tie }),
        ..call(6, "t")
    };
    assert_eq!(scheduler.submit(fast, now), Err(Refusal::WorkerBusy));
}

#[test]
fn who_has_a_session_to_itself_lets_go_of_it_with_its_worker() {
    let (mut scheduler, now) = concurrent(2, 10);
    let session = TestSession::default();
    scheduler.submit(session.exclusive(0, None), now).unwrap();
    scheduler.submit(session.exclusive(1, None), now).unwrap();
    scheduler.submit(session.exclusive(2, None), now).unwrap();
    scheduler.remove_worker(1);
    assert_eq!(refused(&mut scheduler), [(1, Refusal::SessionLost)]);
    assert_eq!(next(&mut scheduler, now), Some((2, 2)), "who is behind it begins anew");
}

#[test]
fn who_gives_up_as_its_turn_comes_leaves_it_to_the_next() {
    for give_up in [true, false] {
        let (mut scheduler, now) = pool(1, 10);
        let session = TestSession::default();
        for key in 0..3 {
            scheduler.submit(session.exclusive(key, None), now).unwrap();
        }
        scheduler.submit(call(3, "t"), now).unwrap();
        scheduler.release(1, &session.exclusive(0, None));
        // It is the turn of 1, and it has not been sent.
        if give_up {
            scheduler.give_up(&session.exclusive(1, None));
        } else {
            assert_eq!(scheduler.take_waiting(|call| call.key == 1).len(), 1);
        }
        assert_eq!(next(&mut scheduler, now), Some((1, 2)));
    }
}

// K6
#[test]
fn one_workers_sessions_have_its_share_of_the_queue_and_leave_the_rest_to_others() {
    let mut scheduler = scheduler(6);
    let now = Instant::now();
    (1..=2).for_each(|worker| scheduler.add_worker(worker, Capacity::Serial(1000)));
    let (hot, other) = (TestSession::default(), TestSession::default());
    assert_eq!(scheduler.submit(hot.strict(0), now), to!(1));
    assert_eq!(scheduler.submit(other.exclusive(1, None), now), to!(2));
    for key in 10..13 {
        assert_eq!(scheduler.submit(hot.strict(key), now), QUEUED);
    }
    let refused = scheduler.submit(hot.strict(13), now);
    assert!(matches!(refused, Err(Refusal::QueueFull(QueueLimit::Worker(3), _))), "{refused:?}");
    assert_eq!(scheduler.submit(call(14, "t"), now), QUEUED);
    for key in 15..17 {
        assert_eq!(scheduler.submit(other.exclusive(key, None), now), QUEUED);
    }
    let refused = scheduler.submit(call(17, "t"), now);
    assert!(matches!(refused, Err(Refusal::QueueFull(QueueLimit::Calls(6), _))), "{refused:?}");
    // With fewer workers each has more of it.
    scheduler.finished(1, &hot.strict(0), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 10)));
    scheduler.remove_worker(2);
    assert_eq!(scheduler.submit(hot.strict(18), now), QUEUED);
}

#[test]
fn those_who_wait_aside_count_and_leave_like_all_others() {
    let (mut scheduler, now) = pool(1, 3);
    let session = TestSession::default();
    scheduler.submit(session.exclusive(0, None), now).unwrap();
    scheduler.submit(session.exclusive(1, None), now).unwrap();
    scheduler.submit(session.strict(2), now).unwrap();
    scheduler.submit(call(3, "t"), now).unwrap();
    for call in [call(4, "t"), session.strict(5), session.exclusive(6, None)] {
        let refused = scheduler.submit(call, now);
        assert!(matches!(refused, Err(Refusal::QueueFull(QueueLimit::Calls(_), _))), "{refused:?}");
    }
    let mut waiting: Vec<_> = scheduler.waiting().map(|call| call.key).collect();
    waiting.sort_unstable();
    assert_eq!(waiting, [1, 2, 3]);
    scheduler.give_up(&session.strict(2));
    assert_eq!(scheduler.take_waiting(|call| call.key == 1).len(), 1);
    assert_eq!((scheduler.aside, scheduler.turns.len(), scheduler.waiting().count()), (0, 0, 1));
}

#[test]
fn priorities_hold_between_a_line_and_the_queue_and_the_one_that_waits_longest_is_passed_by_eight() {
    let with = |call: TestCall, priority| TestCall { priority, ..call };
    for in_line in [true, false] {
        let (mut scheduler, now) = pool(1, 100);
        let session = TestSession::default();
        scheduler.submit(session.strict(0), now).unwrap();
        // The first waits in the line or in the queue, and all others in the other.
        let of = |key: usize| if in_line == (key == 1) { session.strict(key) } else { call(key, "t") };
        scheduler.submit(with(of(1), Priority::Low), now).unwrap();
        for key in 2..20 {
            scheduler.submit(with(of(key), Priority::High), now).unwrap();
        }
        let (mut order, mut running) = (Vec::new(), session.strict(0));
        while order.len() < 19 {
            scheduler.finished(1, &running, now);
            running = scheduler.next(now).expect("the worker is free").1;
            order.push(running.key);
        }
        assert_eq!(order[..10], [2, 3, 4, 5, 6, 7, 8, 9, 1, 10], "in line: {in_line}");
    }
}
