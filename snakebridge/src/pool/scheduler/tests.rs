//! What the scheduler promises, without a worker.

use proptest::prelude::*;

use super::seat::PREFETCH_CALLS;
use super::*;

#[derive(Debug, Clone)]
pub(super) struct TestCall {
    pub(super) key: usize,
    pub(super) tool: ToolName,
    pub(super) stream: bool,
    pub(super) large: bool,
    pub(super) bytes: u64,
    pub(super) priority: Priority,
    pub(super) admitted: Instant,
    pub(super) tie: Option<Tie>,
}

impl Task for TestCall {
    fn key(&self) -> u64 {
        self.key as u64
    }
    fn tool(&self) -> &ToolName {
        &self.tool
    }
    fn is_stream(&self) -> bool {
        self.stream
    }
    fn is_large(&self) -> bool {
        self.large
    }
    fn bytes(&self) -> u64 {
        self.bytes
    }
    fn priority(&self) -> Priority {
        self.priority
    }
    fn admitted(&self) -> Instant {
        self.admitted
    }
    fn tie(&self) -> Option<&Tie> {
        self.tie.as_ref()
    }
}

/// Room for everybody.
pub(super) const BOUNDS: Bounds =
    Bounds { calls: usize::MAX, bytes: u64::MAX, reserve: 0, wait: Duration::from_secs(10) };

/// A scheduler with so much room for calls that wait, and no limits of tools.
pub(super) fn scheduler(calls: usize) -> Scheduler<TestCall> {
    Scheduler::new(Bounds { calls, ..BOUNDS }, [])
}

pub(super) fn call(key: usize, tool: &'static str) -> TestCall {
    let (tool, priority) = (ToolName::Declared(tool), Priority::Normal);
    TestCall { key, tool, stream: false, large: false, bytes: 0, priority, admitted: Instant::now(), tie: None }
}

fn stream(key: usize) -> TestCall {
    TestCall { stream: true, ..call(key, "stream") }
}

pub(super) fn pool(workers: u64, queue_limit: usize) -> (Scheduler<TestCall>, Instant) {
    let mut scheduler = scheduler(queue_limit);
    (1..=workers).for_each(|worker| scheduler.add_worker(worker, Capacity::Serial(1000)));
    (scheduler, Instant::now())
}

/// Lets worker 1 answer a call of `tool` that takes `millis`.
fn teach(scheduler: &mut Scheduler<TestCall>, tool: &'static str, micros: u64, now: Instant) -> Instant {
    let call = call(usize::MAX, tool);
    let Ok(Placement::Worker(worker)) = scheduler.submit(call.clone(), now) else { panic!("no worker is free") };
    let later = now + Duration::from_micros(micros);
    scheduler.finished(worker, &call, later);
    later
}

fn large(key: usize) -> TestCall {
    TestCall { large: true, ..call(key, "large") }
}

#[test]
fn short_calls_go_past_a_call_whose_arguments_are_on_their_way() {
    let (mut scheduler, now) = pool(1, 10);
    let now = teach(&mut scheduler, "quick", 1, now);
    scheduler.submit(large(0), now).unwrap();
    assert_eq!(scheduler.submit(call(1, "quick"), now), Ok(Placement::Worker(1)));
    assert_eq!(scheduler.submit(call(2, "unknown"), now), Ok(Placement::Queued), "a long one would hold it up");
    scheduler.finished(1, &call(1, "quick"), now);
    scheduler.arrived(1, &large(0), now);
    scheduler.give_up(&call(2, "unknown"));
    assert_eq!(scheduler.submit(call(3, "quick"), now), Ok(Placement::Queued), "now it runs");
}

#[test]
fn a_call_whose_result_is_on_its_way_keeps_nobody_waiting() {
    let (mut scheduler, now) = pool(1, 10);
    scheduler.submit(call(0, "blob"), now).unwrap();
    assert_eq!(scheduler.submit(call(1, "next"), now), Ok(Placement::Queued));
    scheduler.answering(1, &call(0, "blob"), now + Duration::from_micros(100));
    assert_eq!(scheduler.next(now).map(|(_, call)| call.key), Some(1));
    assert_eq!(scheduler.assigned(), 2, "both are unanswered");
    scheduler.finished(1, &call(0, "blob"), now + Duration::from_secs(5));
    scheduler.finished(1, &call(1, "next"), now + Duration::from_secs(5));
    scheduler.submit(call(2, "blob"), now).unwrap();
    let behind = scheduler.submit(call(3, "next"), now);
    assert_eq!(behind, Ok(Placement::Worker(1)), "what its transfer took is not what it takes");
}

#[test]
fn a_large_call_that_is_answered_before_it_has_arrived_leaves_nothing_behind() {
    let (mut scheduler, now) = pool(1, 10);
    scheduler.submit(large(0), now).unwrap();
    scheduler.finished(1, &large(0), now);
    scheduler.arrived(1, &large(0), now);
    assert_eq!(scheduler.assigned(), 0);
    assert_eq!(scheduler.submit(call(1, "unknown"), now), Ok(Placement::Worker(1)));
}

#[test]
fn calls_go_to_the_worker_with_the_least_in_flight() {
    let (mut scheduler, now) = pool(3, 10);
    let placed: Vec<_> = (0..3).map(|key| scheduler.submit(call(key, "t"), now).unwrap()).collect();
    assert_eq!(placed, [Placement::Worker(1), Placement::Worker(2), Placement::Worker(3)]);
}

#[test]
fn nothing_waits_behind_a_tool_that_is_unknown_or_slow() {
    let (mut scheduler, now) = pool(1, 10);
    scheduler.submit(call(0, "unknown"), now).unwrap();
    assert_eq!(scheduler.submit(call(1, "quick"), now), Ok(Placement::Queued));
    let (mut scheduler, now) = pool(1, 10);
    let now = teach(&mut scheduler, "slow", 1_500, now);
    scheduler.submit(call(0, "slow"), now).unwrap();
    assert_eq!(scheduler.submit(call(1, "slow"), now), Ok(Placement::Queued));
}

#[test]
fn behind_short_tools_calls_wait_in_the_worker_up_to_a_bound() {
    let (mut scheduler, now) = pool(1, 1000);
    let now = teach(&mut scheduler, "quick", 1, now);
    let in_worker =
        (0..200).filter(|&key| scheduler.submit(call(key, "quick"), now) == Ok(Placement::Worker(1))).count();
    assert_eq!(in_worker, 1 + PREFETCH_CALLS);
    let (mut scheduler, now) = pool(1, 1000);
    let now = teach(&mut scheduler, "brief", 300, now);
    let in_worker =
        (0..200).filter(|&key| scheduler.submit(call(key, "brief"), now) == Ok(Placement::Worker(1))).count();
    assert_eq!(in_worker, 4, "three of them are expected within the budget, a fourth starts within it");
}

#[test]
fn an_open_stream_does_not_keep_calls_from_its_worker_but_a_free_one_is_preferred() {
    let (mut scheduler, now) = pool(2, 10);
    scheduler.submit(stream(0), now).unwrap();
    assert_eq!(scheduler.submit(call(1, "t"), now), Ok(Placement::Worker(2)));
    assert_eq!(scheduler.submit(call(2, "t"), now), Ok(Placement::Worker(1)));
    assert_eq!(scheduler.submit(call(3, "t"), now), Ok(Placement::Queued));
}

#[test]
fn a_stream_waits_for_a_free_worker_like_any_call() {
    let (mut scheduler, now) = pool(1, 10);
    scheduler.submit(call(0, "slow"), now).unwrap();
    assert_eq!(scheduler.submit(stream(1), now), Ok(Placement::Queued));
}

#[test]
fn a_worker_has_at_most_as_many_calls_as_it_takes() {
    let (mut scheduler, now) = pool(0, 10);
    scheduler.add_worker(1, Capacity::Serial(2));
    let placed: Vec<_> = (0..3).map(|key| scheduler.submit(stream(key), now).unwrap()).collect();
    assert_eq!(placed, [Placement::Worker(1), Placement::Worker(1), Placement::Queued]);
    scheduler.release(1, &stream(0));
    assert_eq!(scheduler.next(now).map(|(_, call)| call.key), Some(2));
}

#[test]
fn the_queue_is_first_in_first_out_and_those_who_left_do_not_run() {
    let (mut scheduler, now) = pool(1, 10);
    let running = call(0, "t");
    scheduler.submit(running.clone(), now).unwrap();
    let waiting: Vec<_> = (1..4).map(|key| call(key, "t")).collect();
    for call in &waiting {
        assert_eq!(scheduler.submit(call.clone(), now), Ok(Placement::Queued));
    }
    scheduler.give_up(&waiting[0]);
    scheduler.give_up(&waiting[1]);
    assert!(scheduler.next(now).is_none(), "the worker is busy");
    scheduler.finished(1, &running, now + Duration::from_millis(5));
    assert_eq!(scheduler.next(now).map(|(_, call)| call.key), Some(3));
}

#[test]
fn a_full_queue_refuses_and_those_who_leave_it_make_room() {
    let (mut scheduler, now) = pool(1, 2);
    scheduler.submit(call(0, "t"), now).unwrap();
    let left = call(1, "t");
    scheduler.submit(left.clone(), now).unwrap();
    scheduler.submit(call(2, "t"), now).unwrap();
    let refused = scheduler.submit(call(3, "t"), now);
    assert!(matches!(refused, Err(Refusal::QueueFull(QueueLimit::Calls(2), _))), "{refused:?}");
    scheduler.give_up(&left);
    assert_eq!(scheduler.submit(call(3, "t"), now), Ok(Placement::Queued));
}

#[test]
fn a_refusal_takes_no_longer_when_more_wait() {
    let refusals_after = |waiting: usize| {
        let (mut scheduler, now) = pool(1, waiting);
        for key in 0..=waiting {
            scheduler.submit(call(key, "t"), now).unwrap();
        }
        let begun = Instant::now();
        for key in 0..10_000 {
            assert!(matches!(scheduler.submit(call(waiting + 1 + key, "t"), now), Err(Refusal::QueueFull(..))));
        }
        begun.elapsed()
    };
    let (few, many) = (refusals_after(10), refusals_after(100_000));
    assert!(
        many < few * 50,
        "ten thousand refusals take {few:?} when ten wait, and {many:?} when a hundred thousand do"
    );
}

#[test]
fn a_call_that_comes_back_is_the_first_to_go_again() {
    let (mut scheduler, now) = pool(1, 1);
    let first = call(0, "t");
    scheduler.submit(first.clone(), now).unwrap();
    scheduler.submit(call(1, "t"), now).unwrap();
    scheduler.remove_worker(1);
    scheduler.put_back(first);
    scheduler.add_worker(2, Capacity::Serial(1000));
    assert_eq!(scheduler.next(now).map(|(worker, call)| (worker, call.key)), Some((2, 0)));
}

#[test]
fn a_worker_that_runs_many_at_once_takes_its_number_and_no_more_however_short_they_are() {
    let mut scheduler = scheduler(10);
    let now = Instant::now();
    scheduler.add_worker(1, Capacity::Concurrent(3));
    let calls: Vec<_> = [call(0, "slow"), stream(1), call(2, "slow")].into();
    for call in &calls {
        assert_eq!(scheduler.submit(call.clone(), now), Ok(Placement::Worker(1)), "nothing is known of `slow`");
    }
    assert_eq!(scheduler.submit(call(3, "slow"), now), Ok(Placement::Queued), "the stream counts");
    scheduler.finished(1, &calls[1], now);
    assert_eq!(scheduler.next(now).map(|(_, call)| call.key), Some(3));
    for call in [&calls[0], &calls[2]] {
        scheduler.finished(1, call, now);
    }
    let in_worker =
        (10..20).filter(|&key| scheduler.submit(call(key, "slow"), now) == Ok(Placement::Worker(1))).count();
    assert_eq!(in_worker, 2, "quick answers do not raise the number");
}

#[test]
fn of_workers_that_run_many_at_once_the_one_with_the_least_in_flight_wins() {
    let mut scheduler = scheduler(10);
    let now = Instant::now();
    scheduler.add_worker(1, Capacity::Concurrent(100));
    scheduler.add_worker(2, Capacity::Concurrent(100));
    for key in 0..50 {
        scheduler.submit(call(key, "t"), now).unwrap();
    }
    assert_eq!((scheduler.assigned_to(1), scheduler.assigned_to(2)), (25, 25));
}

#[test]
fn a_closed_worker_takes_no_more_and_is_still_counted_until_it_has_finished() {
    let (mut scheduler, now) = pool(1, 10);
    let running = stream(0);
    scheduler.submit(running.clone(), now).unwrap();
    scheduler.close_worker(1);
    assert_eq!(scheduler.submit(call(1, "t"), now), Ok(Placement::Queued));
    assert!(scheduler.next(now).is_none());
    assert_eq!((scheduler.assigned(), scheduler.assigned_to(1)), (1, 1));
    assert!(scheduler.finished(1, &running, now), "that was its last");
    assert_eq!((scheduler.assigned(), scheduler.assigned_to(1)), (0, 0));
    scheduler.add_worker(2, Capacity::Serial(1000));
    assert_eq!(scheduler.next(now).map(|(worker, call)| (worker, call.key)), Some((2, 1)));
}

#[test]
fn a_closed_worker_is_drained_by_the_late_answer_of_a_call_that_was_written_off() {
    let (mut scheduler, now) = pool(1, 10);
    scheduler.submit(call(0, "t"), now).unwrap();
    scheduler.close_worker(1);
    scheduler.release(1, &call(0, "t"));
    assert!(scheduler.finished(1, &call(0, "t"), now));
}

#[test]
fn calls_that_may_not_have_run_teach_nothing() {
    let (mut scheduler, now) = pool(1, 100);
    let now = teach(&mut scheduler, "quick", 10, now);
    scheduler.submit(call(0, "quick"), now).unwrap();
    for key in 1..50 {
        assert_eq!(scheduler.submit(call(key, "quick"), now), Ok(Placement::Worker(1)), "they wait in the worker");
    }
    // From now on it is slow: the one that runs takes a second, and those behind it are given up just before its end.
    let late = now + Duration::from_millis(999);
    for key in 1..50 {
        scheduler.give_up(&call(key, "quick"));
        scheduler.finished(1, &call(key, "quick"), late);
    }
    let now = now + Duration::from_secs(1);
    scheduler.finished(1, &call(0, "quick"), now);
    scheduler.submit(call(50, "quick"), now).unwrap();
    assert_eq!(scheduler.submit(call(51, "quick"), now), Ok(Placement::Queued), "it is known to be slow");
    scheduler.finished(1, &call(50, "quick"), now + Duration::from_secs(1));
    assert_eq!(scheduler.next(now).map(|(_, call)| call.key), Some(51));
    // Refused before its arguments have arrived: it cannot have run.
    let (mut scheduler, now) = pool(1, 100);
    scheduler.submit(large(0), now).unwrap();
    scheduler.finished(1, &large(0), now);
    scheduler.submit(call(1, "large"), now).unwrap();
    assert_eq!(scheduler.submit(call(2, "large"), now), Ok(Placement::Queued), "nothing is known of it");
}

#[test]
fn what_a_worker_has_answered_is_counted_and_what_was_taken_from_it_is_not() {
    let (mut scheduler, now) = pool(2, 10);
    scheduler.submit(call(0, "t"), now).unwrap();
    scheduler.submit(call(1, "t"), now).unwrap();
    scheduler.release(1, &call(0, "t"));
    scheduler.finished(2, &call(1, "t"), now);
    assert_eq!([1, 2, 3].map(|worker| scheduler.answered_by(worker)), [0, 1, 0]);
}

#[test]
fn ten_thousand_that_wait_or_run_come_and_go_in_any_order_and_leave_nothing_behind() {
    let mut scheduler = scheduler(10_000);
    let now = Instant::now();
    scheduler.add_worker(1, Capacity::Concurrent(10_000));
    let calls: Vec<_> = (0..20_000).map(|key| call(key, "t")).collect();
    for call in &calls {
        scheduler.submit(call.clone(), now).unwrap();
    }
    let refused = scheduler.submit(call(20_000, "t"), now);
    assert!(matches!(refused, Err(Refusal::QueueFull(QueueLimit::Calls(10_000), _))), "{refused:?}");
    // From behind, which a search from the front would find last.
    for call in calls.iter().rev() {
        scheduler.give_up(call);
        scheduler.finished(1, call, now);
    }
    assert_eq!((scheduler.assigned(), scheduler.waiting().count()), (0, 0));
    assert_eq!(scheduler.submit(call(20_000, "t"), now), Ok(Placement::Worker(1)));
}

#[test]
fn those_who_leave_the_middle_of_the_queue_change_nothing_for_the_others() {
    let (mut scheduler, now) = pool(0, 10);
    let oldest = call(9, "t");
    for key in 0..6 {
        scheduler.submit(call(key, "t"), now).unwrap();
    }
    scheduler.put_back(oldest);
    scheduler.give_up(&call(2, "t"));
    let taken: Vec<_> = scheduler.take_waiting(|call| call.key % 2 == 1).iter().map(|call| call.key).collect();
    assert_eq!(taken, [9, 1, 3, 5]);
    assert_eq!(scheduler.waiting().map(|call| call.key).collect::<Vec<_>>(), [0, 4]);
}

proptest! {
    /// Whatever happens, no call is lost, doubled, or overtaken in the queue.
    #[test]
    fn every_call_is_assigned_once_and_in_order(steps in proptest::collection::vec((0u8..4, any::<usize>()), 1..300)) {
        let (mut scheduler, mut now) = pool(2, usize::MAX);
        let (mut submitted, mut with, mut started) = (0, Vec::<(u64, TestCall)>::new(), Vec::new());
        for (step, which) in steps {
            now += Duration::from_micros(50);
            match step {
                0 | 1 => {
                    let call = call(submitted, if which % 3 == 0 { "a" } else { "b" });
                    submitted += 1;
                    if let Ok(Placement::Worker(worker)) = scheduler.submit(call.clone(), now) {
                        started.push(call.key);
                        with.push((worker, call));
                    }
                }
                _ => if !with.is_empty() {
                    let (worker, call) = with.swap_remove(which % with.len());
                    scheduler.finished(worker, &call, now);
                },
            }
            while let Some((worker, call)) = scheduler.next(now) {
                started.push(call.key);
                with.push((worker, call));
            }
            prop_assert_eq!(scheduler.assigned(), with.len());
            prop_assert!(with.len() >= 2 || scheduler.waiting().next().is_none(), "nobody waits for a free worker");
        }
        prop_assert!(started.is_sorted());
        prop_assert_eq!(started.len() + scheduler.waiting().count(), submitted);
    }
}
