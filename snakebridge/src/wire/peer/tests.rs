//! Two peers against each other, and one peer against a scripted liar.

mod large;
mod model;
mod streams_in;

use super::*;
use crate::wire::{Executed, Header, codec};

type TestPeer = Peer<&'static str>;

/// Arguments of a call that takes none.
const NONE: &[u8] = b"\x80";

/// Both peers after HELLO and READY.
fn open_pair(limits: Limits) -> (TestPeer, TestPeer) {
    let mut host = Peer::new(Role::Host, limits, "n");
    let mut worker = Peer::new(Role::Worker, limits, "n");
    let mut bytes = Vec::new();
    host.hello(b"\x80", &mut bytes);
    assert!(matches!(deliver(&mut worker, &bytes)[..], [Seen::Hello]));
    bytes.clear();
    worker.hello(b"\x80", &mut bytes);
    worker.ready("hash", b"\x90", &mut bytes).unwrap();
    assert!(matches!(deliver(&mut host, &bytes)[..], [Seen::Hello, Seen::Ready]));
    (host, worker)
}

/// An event without its borrows.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Hello,
    Ready,
    Call(u64, String, Vec<u8>),
    Reply(u64, Vec<u8>),
    Failed(u64, String, Executed),
    Item(u64, Vec<u8>),
    End(u64, u64),
    Credit(u64, u64),
    Input(u64, u64, Vec<u8>),
    InputEnd(u64, u64),
    Answering(u64),
    Withdrawn(u64),
    GoAway(u64),
    Cancel(u64),
    Other,
}

fn try_deliver(peer: &mut TestPeer, mut bytes: &[u8]) -> Result<Vec<Seen>, Violation> {
    let mut seen = Vec::new();
    while let Some(parsed) = codec::parse(bytes, peer.limits().frame)? {
        let mut body = bytes[parsed.body.clone()].to_vec();
        let header;
        let event = match peer.receive(&parsed.header, &body, 0)? {
            Event::Assembled(whole) => {
                (header, body) = (whole.header, whole.body);
                peer.complete(&header)?
            }
            event => event,
        };
        seen.push(match event {
            Event::Hello => Seen::Hello,
            Event::Ready { .. } => Seen::Ready,
            Event::Answering { id, .. } => Seen::Answering(id),
            Event::Call(call) => Seen::Call(call.id, call.target.to_owned(), body),
            Event::Reply { id, .. } => Seen::Reply(id, body),
            Event::Failed { id, code, executed, .. } => Seen::Failed(id, code.to_owned(), executed),
            Event::Item { id, .. } => Seen::Item(id, body),
            Event::End { id, count, .. } => Seen::End(id, count),
            Event::Credit { id, stream } => Seen::Credit(id, stream),
            Event::Input { id, stream } => Seen::Input(id, stream, body),
            Event::InputEnd { id, stream } => Seen::InputEnd(id, stream),
            Event::Withdrawn { id } => Seen::Withdrawn(id),
            Event::GoAway { last, .. } => Seen::GoAway(last),
            Event::Cancel { id, .. } => Seen::Cancel(id),
            _ => Seen::Other,
        });
        bytes = &bytes[parsed.length..];
    }
    assert!(bytes.is_empty(), "a peer writes whole frames");
    Ok(seen)
}

fn deliver(peer: &mut TestPeer, bytes: &[u8]) -> Vec<Seen> {
    try_deliver(peer, bytes).unwrap()
}

fn request(target: &str) -> Request<'_> {
    Request { target, ..Request::default() }
}

#[test]
fn a_call_travels_to_the_worker_and_its_reply_back() {
    let (mut host, mut worker) = open_pair(Limits::default());
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let id = host.call(&request("add"), NONE, "a", &mut there).unwrap();
    assert_eq!(deliver(&mut worker, &there), [Seen::Call(id, "add".into(), NONE.to_vec())]);
    worker.reply(id, b"\x04", &mut back).unwrap();
    assert_eq!(deliver(&mut host, &back), [Seen::Reply(id, vec![4])]);
    assert_eq!((host.in_flight(), worker.serving()), (0, 0));
    assert_eq!(worker.reply(id, b"\x04", &mut back), Err(Refused::NotServed), "one terminal frame, never two");
}

#[test]
fn the_worker_calls_the_host_with_the_same_frames() {
    let (mut host, mut worker) = open_pair(Limits::default());
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let id = worker.call(&request("$tools.list"), NONE, "t", &mut there).unwrap();
    assert_eq!(id % 2, 0);
    assert_eq!(deliver(&mut host, &there), [Seen::Call(id, "$tools.list".into(), NONE.to_vec())]);
    host.error(id, "tool_not_found", Executed::Never, b"\x80", &mut back).unwrap();
    assert_eq!(deliver(&mut worker, &back), [Seen::Failed(id, "tool_not_found".into(), Executed::Never)]);
}

#[test]
fn a_host_may_give_up_any_number_of_calls_at_once_and_a_worker_may_not() {
    let limits = Limits { calls: 50_000, ..Limits::default() };
    let (mut host, mut worker) = open_pair(limits);
    let give_up = |from: &mut TestPeer, to: &mut TestPeer| {
        let mut bytes = Vec::new();
        let ids: Vec<u64> = (0..25_000).map(|_| from.call(&request("add"), NONE, "a", &mut bytes).unwrap()).collect();
        for id in ids {
            assert!(from.cancel(id, "dropped", &mut bytes));
        }
        try_deliver(to, &bytes).map(|seen| seen.len())
    };
    assert_eq!(give_up(&mut host, &mut worker), Ok(50_000));
    assert_eq!(give_up(&mut worker, &mut host), Err(Violation::Flood("control frames")));
}

#[test]
fn a_cancel_that_crosses_the_reply_is_ignored_and_the_reply_is_still_known() {
    let (mut host, mut worker) = open_pair(Limits::default());
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let id = host.call(&request("add"), NONE, "a", &mut there).unwrap();
    deliver(&mut worker, &there);
    worker.reply(id, b"\x04", &mut back).unwrap();
    there.clear();
    assert!(host.cancel(id, "dropped", &mut there));
    assert!(!host.cancel(id, "again", &mut there), "a second cancel is a no-op");
    assert_eq!(deliver(&mut worker, &there), [Seen::Other]);
    assert_eq!(deliver(&mut host, &back), [Seen::Reply(id, vec![4])]);
    assert_eq!(host.in_flight(), 0);
}

#[test]
fn a_stream_may_have_a_window_of_its_own_and_its_neighbours_keep_theirs() {
    let (mut host, mut worker) = open_pair(Limits { window: 200, ..Limits::default() });
    let mut wire = Vec::new();
    let windows = [Some(64), Some(1000), None];
    let ids = windows
        .map(|window| host.call(&Request { stream: true, window, ..request("count") }, NONE, "s", &mut wire).unwrap());
    deliver(&mut worker, &wire);
    wire.clear();
    let sent = ids.map(|id| (0..100).take_while(|_| worker.item(id, 0, b"x", &mut wire).is_ok()).count());
    assert_eq!(sent, [1, 16, 4], "64 bytes an item");
    assert_eq!(deliver(&mut host, &wire).len(), sent.iter().sum::<usize>(), "each is within its own window");
    for (id, half) in ids.iter().zip([1, 8, 2]) {
        wire.clear();
        let granted = (1..100).find(|_| host.consumed(*id, 0, 1, &mut wire));
        assert_eq!(granted, Some(half), "credit comes for half of its own window");
    }
}

#[test]
fn a_stream_pauses_without_credit_and_goes_on_with_it() {
    let limits = Limits { window: 200, ..Limits::default() };
    let (mut host, mut worker) = open_pair(limits);
    let mut wire = Vec::new();
    let id = host.call(&Request { stream: true, ..request("count") }, NONE, "s", &mut wire).unwrap();
    deliver(&mut worker, &wire);
    wire.clear();
    let mut sent = 0;
    while worker.item(id, 0, &[sent], &mut wire).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 4, "200 bytes of window at 64 bytes an item, the last one on credit below zero");
    assert_eq!(worker.item(id, 0, &[sent], &mut wire), Err(Refused::NoCredit));
    assert_eq!(deliver(&mut host, &wire).len(), 4);
    wire.clear();
    assert!(!host.consumed(id, 0, 1, &mut wire), "credit is granted for half a window at a time");
    assert!(host.consumed(id, 0, 1, &mut wire));
    assert_eq!(deliver(&mut worker, &wire), [Seen::Credit(id, 0)]);
    wire.clear();
    worker.item(id, 0, &[sent], &mut wire).unwrap();
    worker.end(id, b"", &mut wire).unwrap();
    assert_eq!(deliver(&mut host, &wire), [Seen::Item(id, vec![4]), Seen::End(id, 5)]);
}

#[test]
fn a_body_over_the_peers_limit_is_refused_before_anything_is_written() {
    let (mut host, _) = open_pair(Limits { body: 20_000, ..Limits::default() });
    let mut wire = Vec::new();
    let (refused, data) = host.call(&request("echo"), &vec![0; 20_001], "x", &mut wire).unwrap_err();
    assert_eq!((refused, data), (Refused::TooLarge { size: 20_001, limit: 20_000 }, "x"));
    assert!(wire.is_empty() && host.in_flight() == 0);
}

#[test]
fn closing_hands_back_every_unanswered_call_oldest_first() {
    let (mut host, _) = open_pair(Limits::default());
    let mut wire = Vec::new();
    for name in ["a", "b", "c"] {
        host.call(&request("echo"), NONE, name, &mut wire).unwrap();
    }
    assert_eq!(host.close(), [(1, "a"), (3, "b"), (5, "c")]);
    assert!(host.call(&request("echo"), NONE, "late", &mut wire).is_err());
}

/// Frames of a lying worker, each against a host with one unary call (1) and one stream call (3) in flight.
#[test]
fn lies_of_a_worker_are_named() {
    let lie = |frames: &[Header<'_>]| {
        let (mut host, mut worker) = open_pair(Limits { window: 100, ..Limits::default() });
        let mut wire = Vec::new();
        host.call(&request("add"), NONE, "unary", &mut wire).unwrap();
        host.call(&Request { stream: true, ..request("count") }, NONE, "stream", &mut wire).unwrap();
        deliver(&mut worker, &wire);
        let mut bytes = Vec::new();
        for header in frames {
            codec::write(&mut bytes, header, b"\x01");
        }
        try_deliver(&mut host, &bytes).map(drop)
    };
    let item = |id, sequence| Header::Item { id, stream: 0, sequence, flags: 0, total: None };
    assert_eq!(
        lie(&[
            Header::Reply { id: 1, total: None },
            item(3, 0),
            Header::End { id: 3, stream: 0, count: 1, total: None }
        ]),
        Ok(())
    );
    assert_eq!(lie(&[Header::Reply { id: 2, total: None }]), Err(Violation::Id(2)), "wrong parity");
    assert_eq!(lie(&[Header::Reply { id: 5, total: None }]), Err(Violation::Id(5)), "an id that was never given out");
    assert_eq!(lie(&[item(1, 0)]), Err(Violation::UnexpectedItem(1)));
    assert_eq!(lie(&[Header::Reply { id: 3, total: None }]), Err(Violation::UnexpectedItem(3)));
    assert_eq!(lie(&[item(3, 1)]), Err(Violation::StreamSequence { expected: 0, got: 1 }));
    assert_eq!(lie(&[item(3, 0), item(3, 1), item(3, 2)]), Err(Violation::Flow(3)), "sending without credit");
    assert_eq!(
        lie(&[item(3, 0), Header::End { id: 3, stream: 0, count: 2, total: None }]),
        Err(Violation::StreamSequence { expected: 1, got: 2 })
    );
    assert_eq!(
        lie(&[Header::Reply { id: 1, total: None }, Header::Reply { id: 1, total: None }]),
        Ok(()),
        "a second answer is dropped"
    );
    assert_eq!(
        lie(&vec![Header::Reply { id: 1, total: None }; 102]),
        Err(Violation::Flood("answers to unknown calls")),
        "but not for ever"
    );
    assert_eq!(lie(&vec![Header::Ping { nonce: 1 }; 20_001]), Err(Violation::Flood("control frames")));
    assert_eq!(lie(&[Header::Unknown { kind: 200 }]), Ok(()), "optional kinds are ignored");
    assert_eq!(lie(&[Header::Ready { manifest_hash: "x" }]).unwrap_err().kind(), "phase");
}

#[test]
fn a_handshake_with_another_version_or_nonce_ends_with_both_sides_values() {
    let mut host: TestPeer = Peer::new(Role::Host, Limits::default(), "n");
    let hello = |versions, nonce| Header::Hello { versions, limits: Limits::default(), nonce };
    assert_eq!(
        host.receive(&hello((2, 3), "n"), &[0x80], 0).unwrap_err(),
        Violation::Version { ours: (1, 1), theirs: (2, 3) }
    );
    assert_eq!(host.receive(&hello((1, 3), "other"), &[0x80], 0).unwrap_err(), Violation::Nonce);
    assert_eq!(host.receive(&Header::Reply { id: 1, total: None }, &[1], 0).unwrap_err().kind(), "phase");
    assert!(host.receive(&hello((0, 1), "n"), &[0x80], 0).is_ok(), "the ranges overlap at 1");
}

/// Takes as many whole frames as begin within the first `bytes` bytes: what a driver's buffer would release.
fn whole_frames(pending: &mut Vec<u8>, bytes: usize) -> Vec<u8> {
    let mut end = 0;
    while end < bytes {
        match codec::frame_length(&pending[end..], u64::MAX) {
            Ok(Some(length)) => end += length,
            _ => break,
        }
    }
    pending.drain(..end).collect()
}
