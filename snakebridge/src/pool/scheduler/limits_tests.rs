//! What calls are promised that need what only so many may have at a time, and the others beside them, without a worker.

use std::sync::Arc;

use super::queue::OVERTAKES;
use super::tests::{BOUNDS, TestCall, call};
use super::*;
use crate::session::{Affinity, Binding, Need};

/// Limits of so many units, and tools with what they need of which.
fn needing(units: &[usize], tools: &[(&'static str, &[(usize, usize)])]) -> (Scheduler<TestCall>, Instant) {
    let mut scheduler = Scheduler::new(BOUNDS, units.iter().copied());
    for (tool, needs) in tools {
        scheduler.set_needs(tool, needs.iter().map(|&(limit, units)| Demand { limit, units }).collect());
    }
    (scheduler, Instant::now())
}

/// Workers that run ten calls at a time each, and a tool of which so many may run.
fn limited(workers: u64, tool: &'static str, calls: usize) -> (Scheduler<TestCall>, Instant) {
    let (mut scheduler, now) = needing(&[calls], &[(tool, &[(0, 1)])]);
    (1..=workers).for_each(|worker| scheduler.add_worker(worker, Capacity::Concurrent(10)));
    (scheduler, now)
}

fn next(scheduler: &mut Scheduler<TestCall>, now: Instant) -> Option<(u64, usize)> {
    scheduler.next(now).map(|(worker, call)| (worker, call.key))
}

fn tied(call: TestCall, binding: &Arc<Binding>, affinity: Affinity) -> TestCall {
    let tie = Tie { binding: Arc::clone(binding), affinity, exclusive: false, chain: None, need: Need::Nothing };
    TestCall { tie: Some(tie), ..call }
}

const QUEUED: Result<Placement, Refusal> = Ok(Placement::Queued);

#[test]
fn calls_beyond_the_limit_wait_in_order_and_others_pass() {
    let (mut scheduler, now) = limited(1, "slow", 2);
    let slow: Vec<_> = (0..5).map(|key| call(key, "slow")).collect();
    for call in &slow[..2] {
        assert_eq!(scheduler.submit(call.clone(), now), Ok(Placement::Worker(1)));
    }
    for call in &slow[2..] {
        assert_eq!(scheduler.submit(call.clone(), now), QUEUED);
    }
    for key in 10..18 {
        assert_eq!(scheduler.submit(call(key, "quick"), now), Ok(Placement::Worker(1)), "they do not care");
    }
    assert_eq!(scheduler.submit(call(18, "quick"), now), QUEUED, "the worker is full");
    scheduler.finished(1, &call(10, "quick"), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 18)), "those that came before it have no place");
    scheduler.finished(1, &slow[1], now);
    assert_eq!(next(&mut scheduler, now), Some((1, 2)));
    assert_eq!(next(&mut scheduler, now), None);
    assert_eq!(scheduler.waiting_calls(), 2);
}

#[test]
fn a_place_that_is_free_is_not_kept_by_who_waits_for_something_else() {
    let (mut scheduler, now) = limited(2, "slow", 1);
    let binding = Arc::default();
    // Worker 1 is the session's, and full.
    assert_eq!(scheduler.submit(tied(call(0, "t"), &binding, Affinity::StrictQueue), now), Ok(Placement::Worker(1)));
    for key in 1..10 {
        assert_eq!(
            scheduler.submit(tied(call(key, "t"), &binding, Affinity::StrictQueue), now),
            Ok(Placement::Worker(1))
        );
    }
    assert_eq!(scheduler.submit(tied(call(10, "slow"), &binding, Affinity::StrictQueue), now), QUEUED);
    assert_eq!(scheduler.submit(call(11, "slow"), now), Ok(Placement::Worker(2)), "it can use the place");
    assert_eq!(scheduler.submit(call(12, "slow"), now), QUEUED);
    scheduler.finished(1, &call(0, "t"), now);
    assert_eq!(next(&mut scheduler, now), None, "now its worker is free, and its place is not");
    assert_eq!(scheduler.submit(tied(call(13, "t"), &binding, Affinity::StrictQueue), now), Ok(Placement::Worker(1)));
    scheduler.finished(2, &call(11, "slow"), now);
    assert_eq!(next(&mut scheduler, now), Some((2, 12)), "the other one waits for its worker again");
    scheduler.finished(2, &call(12, "slow"), now);
    scheduler.finished(1, &call(13, "t"), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 10)));
}

#[test]
fn a_call_that_does_not_wait_for_its_worker_is_refused_when_its_turn_comes_and_that_is_busy() {
    let (mut scheduler, now) = limited(2, "slow", 1);
    let binding = Arc::default();
    let fast = |key| tied(call(key, "slow"), &binding, Affinity::StrictFailFast);
    assert_eq!(scheduler.submit(fast(0), now), Ok(Placement::Worker(1)));
    assert_eq!(scheduler.submit(fast(1), now), QUEUED, "it is the tool that holds it up");
    for key in 10..19 {
        assert_eq!(scheduler.submit(tied(call(key, "t"), &binding, Affinity::Hint), now), Ok(Placement::Worker(1)));
    }
    scheduler.submit(call(20, "t"), now).unwrap();
    scheduler.finished(1, &fast(0), now);
    scheduler.submit(tied(call(21, "t"), &binding, Affinity::Hint), now).unwrap();
    let refused: Vec<_> = scheduler.take_refused().into_iter().map(|(call, refusal)| (call.key, refusal)).collect();
    let placed = next(&mut scheduler, now);
    assert!(placed == Some((1, 1)) || refused == [(1, Refusal::WorkerBusy)], "{placed:?} {refused:?}");
}

#[test]
fn a_high_priority_takes_the_place_before_a_low_one_that_is_back_in_the_queue() {
    let (mut scheduler, now) = limited(0, "slow", 1);
    scheduler.add_worker(1, Capacity::Concurrent(1));
    let low = TestCall { priority: Priority::Low, ..call(1, "slow") };
    scheduler.submit(call(0, "other"), now).unwrap();
    assert_eq!(scheduler.submit(low, now), QUEUED);
    let high = TestCall { priority: Priority::High, ..call(2, "slow") };
    assert_eq!(scheduler.submit(high.clone(), now), QUEUED);
    scheduler.finished(1, &call(0, "other"), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 2)));
    scheduler.finished(1, &high, now);
    assert_eq!(next(&mut scheduler, now), Some((1, 1)));
}

/// K1. Whatever else is wanted of a tool and of its pool, a call of it is not passed by for ever.
#[test]
fn a_low_priority_has_its_turn_at_a_tool_that_high_ones_always_want() {
    let (mut scheduler, now) = limited(0, "slow", 1);
    scheduler.add_worker(1, Capacity::Concurrent(2));
    let high = |key, tool| TestCall { priority: Priority::High, ..call(key, tool) };
    let mut running = vec![high(2, "slow"), high(3, "other")];
    for call in running.iter().cloned().chain([high(4, "other")]) {
        scheduler.submit(call, now).unwrap();
    }
    scheduler.submit(TestCall { priority: Priority::Low, ..call(1, "slow") }, now).unwrap();
    for round in 3..5000 {
        // Calls of the tool run for fifty times as long as others. Of both kinds some always wait.
        let kind = if round % 50 == 0 { "slow" } else { "other" };
        let ends = running.iter().position(|call| &*call.tool == kind).unwrap_or(0);
        let ended = running.remove(ends);
        scheduler.submit(high(2 * round, "slow"), now).unwrap();
        if &*ended.tool == "other" {
            scheduler.submit(high(2 * round + 1, "other"), now).unwrap();
        }
        scheduler.finished(1, &ended, now);
        while let Some((_, next)) = scheduler.next(now) {
            if next.key == 1 {
                assert!(round < 1000, "{round} others went first");
                return;
            }
            running.push(next);
        }
    }
    panic!("it never ran");
}

#[test]
fn who_leaves_the_queue_leaves_the_place_to_the_next() {
    let (mut scheduler, now) = limited(0, "slow", 1);
    scheduler.add_worker(1, Capacity::Concurrent(2));
    scheduler.submit(stream_of("other", 0), now).unwrap();
    scheduler.submit(stream_of("other", 1), now).unwrap();
    let first = call(2, "slow");
    assert_eq!(scheduler.submit(first.clone(), now), QUEUED);
    scheduler.finished(1, &stream_of("other", 0), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 2)));
    for key in 3..6 {
        assert_eq!(scheduler.submit(call(key, "slow"), now), QUEUED);
    }
    scheduler.give_up(&call(3, "slow"));
    scheduler.remove_worker(1);
    scheduler.add_worker(2, Capacity::Concurrent(5));
    assert_eq!(next(&mut scheduler, now), Some((2, 4)), "the place went with the worker");
    assert_eq!(next(&mut scheduler, now), None);
    scheduler.put_back(first);
    scheduler.release(2, &call(4, "slow"));
    assert_eq!(next(&mut scheduler, now), Some((2, 2)), "it came first");
    assert_eq!(next(&mut scheduler, now), None);
    assert_eq!(scheduler.take_waiting(|_| true).len(), 1);
    assert_eq!((scheduler.waiting_calls(), scheduler.aside), (0, 0));
}

fn stream_of(tool: &'static str, key: usize) -> TestCall {
    TestCall { stream: true, ..call(key, tool) }
}

#[test]
fn what_is_nested_in_a_worker_that_waits_runs_whatever_the_limit() {
    let (mut scheduler, now) = limited(2, "slow", 1);
    assert_eq!(scheduler.submit(call(0, "slow"), now), Ok(Placement::Worker(1)));
    assert_eq!(scheduler.nest(call(1, "slow"), &[1], false, now), Ok(Placement::Worker(1)));
    assert_eq!(scheduler.nest(call(2, "slow"), &[1], true, now), Ok(Placement::Worker(1)), "not in the idle worker");
    assert_eq!(scheduler.submit(call(3, "slow"), now), QUEUED);
    scheduler.finished(1, &call(1, "slow"), now);
    assert_eq!(next(&mut scheduler, now), None, "it had no place");
    scheduler.finished(1, &call(0, "slow"), now);
    assert_eq!(next(&mut scheduler, now), Some((2, 3)));
}

/// A tool that needs one unit of each of two limits, and two that need one of them.
const BOTH: &[(&str, &[(usize, usize)])] = &[("both", &[(0, 1), (1, 1)]), ("gpu", &[(0, 1)]), ("license", &[(1, 1)])];

#[test]
fn a_call_has_all_that_it_needs_or_nothing_of_it() {
    let (mut scheduler, now) = needing(&[1, 1], BOTH);
    scheduler.add_worker(1, Capacity::Concurrent(10));
    assert_eq!(scheduler.submit(call(0, "license"), now), Ok(Placement::Worker(1)));
    assert_eq!(scheduler.submit(call(1, "both"), now), QUEUED);
    assert_eq!(scheduler.submit(call(2, "gpu"), now), Ok(Placement::Worker(1)), "nobody has it yet");
    scheduler.finished(1, &call(0, "license"), now);
    assert_eq!(next(&mut scheduler, now), None, "now it is the other one that is taken");
    assert_eq!(scheduler.submit(call(3, "license"), now), Ok(Placement::Worker(1)));
    scheduler.finished(1, &call(2, "gpu"), now);
    assert_eq!(next(&mut scheduler, now), None);
    scheduler.finished(1, &call(3, "license"), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 1)));
    assert_eq!(scheduler.submit(call(4, "gpu"), now), QUEUED);
    assert_eq!(scheduler.submit(call(5, "license"), now), QUEUED, "it has both");
    scheduler.finished(1, &call(1, "both"), now);
    assert_eq!([next(&mut scheduler, now), next(&mut scheduler, now)], [Some((1, 4)), Some((1, 5))]);
}

/// K1. Neither of what a call needs is kept from it for ever by those who need the one or the other.
#[test]
fn a_call_that_needs_two_things_has_its_turn_however_much_each_of_them_is_wanted() {
    let (mut scheduler, now) = needing(&[1, 1], BOTH);
    scheduler.add_worker(1, Capacity::Concurrent(10));
    let mut running = vec![call(0, "gpu"), call(1, "license")];
    for call in &running {
        assert_eq!(scheduler.submit(call.clone(), now), Ok(Placement::Worker(1)));
    }
    // Two, so that they would keep each other back if any two did.
    for key in 2..4 {
        assert_eq!(scheduler.submit(call(key, "both"), now), QUEUED);
    }
    let (mut key, mut went) = (4, Vec::new());
    while went.len() < 2 {
        assert!(key < 100, "{went:?} of two went, and {key} others");
        // One ends when another of its kind waits already, and they never end at the same moment.
        for tool in ["gpu", "license"] {
            scheduler.submit(call(key, tool), now).unwrap();
            key += 1;
        }
        if !running.is_empty() {
            scheduler.finished(1, &running.remove(0), now);
        }
        while let Some((_, call)) = scheduler.next(now) {
            went.extend((&*call.tool == "both").then_some(call.key));
            running.push(call);
        }
    }
    assert_eq!(went, [2, 3]);
}

#[test]
fn those_that_need_less_pass_one_that_needs_more_than_is_free_so_often_and_no_more() {
    let (mut scheduler, now) = needing(&[2], &[("small", &[(0, 1)]), ("large", &[(0, 2)])]);
    scheduler.add_worker(1, Capacity::Concurrent(10));
    assert_eq!(scheduler.submit(call(0, "small"), now), Ok(Placement::Worker(1)));
    assert_eq!(scheduler.submit(call(1, "large"), now), QUEUED);
    let mut last = 0;
    let passing = (2..100).take_while(|&key| {
        let passes = scheduler.submit(call(key, "small"), now) == Ok(Placement::Worker(1));
        if passes {
            scheduler.finished(1, &call(last, "small"), now);
            assert_eq!(next(&mut scheduler, now), None, "of two units one is always taken");
            last = key;
        }
        passes
    });
    assert_eq!(passing.count(), OVERTAKES as usize);
    scheduler.finished(1, &call(last, "small"), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 1)));
    assert_eq!(next(&mut scheduler, now), None, "and it has both of them");
    scheduler.finished(1, &call(1, "large"), now);
    assert_eq!(next(&mut scheduler, now), Some((1, last + 1)));
}

#[test]
fn one_that_came_before_the_one_whose_turn_it_is_is_not_kept_back_for_it() {
    let (mut scheduler, now) = needing(&[2], &[("small", &[(0, 1)]), ("large", &[(0, 2)])]);
    scheduler.add_worker(1, Capacity::Concurrent(1));
    let binding = Arc::default();
    let busy = tied(call(0, "other"), &binding, Affinity::StrictQueue);
    assert_eq!(scheduler.submit(busy.clone(), now), Ok(Placement::Worker(1)));
    assert_eq!(scheduler.submit(tied(call(1, "small"), &binding, Affinity::StrictQueue), now), QUEUED);
    scheduler.add_worker(2, Capacity::Concurrent(20));
    assert_eq!(scheduler.submit(call(2, "small"), now), Ok(Placement::Worker(2)));
    assert_eq!(scheduler.submit(call(3, "large"), now), QUEUED);
    for key in 4..4 + OVERTAKES as usize {
        assert_eq!(scheduler.submit(call(key, "small"), now), Ok(Placement::Worker(2)));
        scheduler.finished(2, &call(key, "small"), now);
    }
    assert_eq!(scheduler.submit(call(50, "small"), now), QUEUED);
    scheduler.finished(1, &busy, now);
    assert_eq!(next(&mut scheduler, now), Some((1, 1)), "it only waited for its worker");
    scheduler.finished(1, &call(1, "small"), now);
    assert_eq!(next(&mut scheduler, now), None, "the turn of the large one is no further off than before");
    scheduler.finished(2, &call(2, "small"), now);
    assert_eq!(next(&mut scheduler, now), Some((1, 3)));
}

#[test]
fn when_one_leaves_for_whom_others_were_kept_back_they_go_on() {
    for leaves_by_itself in [true, false] {
        let (mut scheduler, now) = needing(&[2], &[("small", &[(0, 1)]), ("large", &[(0, 2)])]);
        scheduler.add_worker(1, Capacity::Concurrent(20));
        scheduler.submit(call(0, "small"), now).unwrap();
        let large = call(1, "large");
        assert_eq!(scheduler.submit(large.clone(), now), QUEUED);
        for key in 2..2 + OVERTAKES as usize {
            scheduler.submit(call(key, "small"), now).unwrap();
            scheduler.finished(1, &call(key, "small"), now);
        }
        assert_eq!(scheduler.submit(call(50, "small"), now), QUEUED, "it is the turn of the large one");
        assert_eq!(next(&mut scheduler, now), None);
        if leaves_by_itself {
            scheduler.give_up(&large);
        } else {
            assert_eq!(scheduler.take_waiting(|call| call.key == 1).len(), 1);
        }
        assert_eq!(next(&mut scheduler, now), Some((1, 50)));
    }
}
