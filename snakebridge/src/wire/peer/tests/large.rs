//! Bodies that travel in fragments.

use super::*;
use crate::wire::limits::HEADER_ROOM;

/// Limits under which a fragment has 100 bytes and a body 1000.
fn small() -> Limits {
    Limits { frame: HEADER_ROOM as u64 + 100, body: 1_000, ..Limits::default() }
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|index| index.to_le_bytes()[0]).collect()
}

/// Everything that is in the outbox.
fn fragments(peer: &mut TestPeer) -> Vec<u8> {
    let mut out = Vec::new();
    while peer.fragment(&mut out).is_some() {}
    assert!(!peer.has_fragments());
    out
}

#[test]
fn a_large_argument_and_a_large_result_arrive_whole() {
    let (mut host, mut worker) = open_pair(small());
    let mut wire = Vec::new();
    let id = host.call(&request("echo"), &body(950), "", &mut wire).unwrap();
    assert_eq!(deliver(&mut worker, &wire), [Seen::Other], "announced, and not there yet");
    let seen = deliver(&mut worker, &fragments(&mut host));
    assert_eq!(seen.last(), Some(&Seen::Call(id, "echo".into(), body(950))));
    assert_eq!(seen.len(), 10);
    wire.clear();
    worker.reply(id, &body(1_000), &mut wire).unwrap();
    assert_eq!(deliver(&mut host, &wire), [Seen::Answering(id)], "its tool has ended");
    assert_eq!(deliver(&mut host, &fragments(&mut worker)).last(), Some(&Seen::Reply(id, body(1_000))));
    assert_eq!((host.in_flight(), worker.serving(), host.assembling, worker.assembling), (0, 0, 0, 0));
}

#[test]
fn small_calls_pass_between_the_fragments_of_a_large_one() {
    let (mut host, mut worker) = open_pair(small());
    let mut wire = Vec::new();
    let large = host.call(&request("large"), &body(250), "", &mut wire).unwrap();
    host.fragment(&mut wire).unwrap();
    let quick = host.call(&request("quick"), NONE, "", &mut wire).unwrap();
    assert_eq!(deliver(&mut worker, &wire).last(), Some(&Seen::Call(quick, "quick".into(), NONE.to_vec())));
    assert_eq!(deliver(&mut worker, &fragments(&mut host)).last(), Some(&Seen::Call(large, "large".into(), body(250))));
}

#[test]
fn a_large_item_is_followed_in_order_by_what_its_stream_does_next() {
    let (mut host, mut worker) = open_pair(small());
    let mut wire = Vec::new();
    let id = host.call(&Request { stream: true, ..request("rows") }, NONE, "", &mut wire).unwrap();
    deliver(&mut worker, &wire);
    wire.clear();
    worker.item(id, 0, &body(150), &mut wire).unwrap();
    assert!(!worker.may_send(id));
    assert_eq!(worker.item(id, 0, NONE, &mut wire), Err(Refused::NoCredit), "one after the other");
    worker.end(id, &body(120), &mut wire).unwrap();
    deliver(&mut host, &wire);
    let mut seen = deliver(&mut host, &fragments(&mut worker));
    seen.retain(|seen| *seen != Seen::Other);
    assert_eq!(seen, [Seen::Item(id, body(150)), Seen::Answering(id), Seen::End(id, 1)]);
}

#[test]
fn an_error_behind_a_large_item_does_not_overtake_it() {
    let (mut host, mut worker) = open_pair(small());
    let mut wire = Vec::new();
    let id = host.call(&Request { stream: true, ..request("rows") }, NONE, "", &mut wire).unwrap();
    deliver(&mut worker, &wire);
    wire.clear();
    worker.item(id, 0, &body(150), &mut wire).unwrap();
    worker.error(id, "tool", Executed::Yes, b"", &mut wire).unwrap();
    wire.extend(fragments(&mut worker));
    let mut seen = deliver(&mut host, &wire);
    seen.retain(|seen| *seen != Seen::Other);
    assert_eq!(seen, [Seen::Item(id, body(150)), Seen::Failed(id, "tool".into(), Executed::Yes)]);
}

#[test]
fn a_call_that_is_cancelled_half_way_never_ran() {
    let (mut host, mut worker) = open_pair(small());
    let mut wire = Vec::new();
    let id = host.call(&request("echo"), &body(950), "", &mut wire).unwrap();
    host.fragment(&mut wire).unwrap();
    host.cancel(id, "dropped", &mut wire);
    assert!(!host.has_fragments(), "the rest is not sent");
    assert_eq!(deliver(&mut worker, &wire).last(), Some(&Seen::Withdrawn(id)));
    wire.clear();
    worker.error(id, "cancelled", Executed::Never, b"", &mut wire).unwrap();
    assert_eq!(deliver(&mut host, &wire), [Seen::Failed(id, "cancelled".into(), Executed::Never)]);
    assert_eq!((host.in_flight(), worker.serving(), worker.assembling), (0, 0, 0));
}

#[test]
fn the_rest_of_a_large_result_that_nobody_wants_any_more_is_dropped_as_it_comes() {
    let (mut host, mut worker) = open_pair(small());
    let mut wire = Vec::new();
    let id = host.call(&request("echo"), NONE, "", &mut wire).unwrap();
    deliver(&mut worker, &wire);
    wire.clear();
    worker.reply(id, &body(950), &mut wire).unwrap();
    worker.fragment(&mut wire).unwrap();
    deliver(&mut host, &wire);
    assert_eq!(host.assembling, 950);
    wire.clear();
    host.cancel(id, "dropped", &mut wire);
    assert_eq!(host.assembling, 0);
    assert_eq!(deliver(&mut worker, &wire), [Seen::Other], "it is answered");
    assert_eq!(deliver(&mut host, &fragments(&mut worker)).last(), Some(&Seen::Reply(id, Vec::new())));
    assert_eq!(host.in_flight(), 0);
}

#[test]
fn a_cancelled_stream_may_break_off_its_item() {
    let (mut host, mut worker) = open_pair(small());
    let mut wire = Vec::new();
    let id = host.call(&Request { stream: true, ..request("rows") }, NONE, "", &mut wire).unwrap();
    deliver(&mut worker, &wire);
    let mut back = Vec::new();
    worker.item(id, 0, &body(950), &mut back).unwrap();
    worker.fragment(&mut back).unwrap();
    wire.clear();
    host.cancel(id, "dropped", &mut wire);
    assert_eq!(deliver(&mut worker, &wire), [Seen::Cancel(id)]);
    assert!(!worker.has_fragments());
    worker.end(id, b"", &mut back).unwrap();
    assert_eq!(deliver(&mut host, &back).last(), Some(&Seen::End(id, 1)));
}

#[test]
fn bodies_beyond_the_receivers_budget_wait_for_one_another() {
    let (mut host, mut worker) = open_pair(small());
    let mut wire = Vec::new();
    for length in [600, 600, 300] {
        host.call(&request("echo"), &body(length), "", &mut wire).unwrap();
    }
    deliver(&mut worker, &wire);
    let mut arrived = Vec::new();
    wire.clear();
    while host.fragment(&mut wire).is_some() {
        for seen in deliver(&mut worker, &std::mem::take(&mut wire)) {
            assert!(worker.assembling <= 1_000);
            if let Seen::Call(id, ..) = seen {
                arrived.push(id);
            }
        }
    }
    assert_eq!(arrived, [1, 5, 3], "the second is begun when the first is there, and the third does not wait for it");
}

/// Fragments of a lying worker, each against a host with one unary call (1) and one stream call (3) in flight.
#[test]
fn lies_about_bodies_are_named() {
    let lie = |frames: &[(Header<'_>, usize)]| {
        let (mut host, mut worker) = open_pair(small());
        let mut wire = Vec::new();
        host.call(&request("add"), NONE, "unary", &mut wire).unwrap();
        host.call(&Request { stream: true, ..request("count") }, NONE, "stream", &mut wire).unwrap();
        deliver(&mut worker, &wire);
        let mut bytes = Vec::new();
        for (header, length) in frames {
            codec::write(&mut bytes, header, &body(*length));
        }
        try_deliver(&mut host, &bytes).map(drop)
    };
    let part = |id| Header::Part { id, stream: 0 };
    let reply = |total| Header::Reply { id: 1, total: Some(total) };
    let item = |sequence, total| Header::Item { id: 3, stream: 0, sequence, flags: 0, total };
    assert_eq!(lie(&[(reply(200), 0), (part(1), 100), (part(1), 100)]), Ok(()));
    assert_eq!(lie(&[(part(1), 100)]), Err(Violation::Fragment(1)), "of nothing");
    assert_eq!(lie(&[(reply(150), 0), (part(1), 100), (part(1), 100)]), Err(Violation::Fragment(1)), "too much");
    assert_eq!(lie(&[(reply(150), 0), (part(1), 0)]), Err(Violation::Fragment(1)), "an empty one");
    assert_eq!(lie(&[(reply(150), 10)]), Err(Violation::Fragment(1)), "a body in the header frame as well");
    assert_eq!(lie(&[(reply(0), 0)]), Err(Violation::Fragment(1)), "a body of nothing");
    assert_eq!(lie(&[(reply(1_001), 0)]), Err(Violation::FrameTooLarge { length: 1_001, limit: 1_000 }));
    assert_eq!(lie(&[(reply(150), 0), (reply(150), 0)]), Err(Violation::Fragment(1)), "two at once");
    assert_eq!(lie(&[(item(0, Some(150)), 0), (item(1, None), 1)]), Err(Violation::Fragment(3)), "the next too early");
    assert_eq!(lie(&[(part(7), 1)]), Err(Violation::Id(7)), "of a call that was never made");
    assert_eq!(
        lie(&[(reply(600), 0), (part(1), 1), (item(0, Some(600)), 0), (part(3), 1)]),
        Err(Violation::ReceiveBudget { limit: 1_000 })
    );
    assert_eq!(lie(&[(reply(150), 0), (Header::Part { id: 1, stream: 2 }, 1)]), Err(Violation::Fragment(1)));
}
