//! Two peers against each other, and one peer against a scripted liar.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::wire::{Violation, codec};

type TestPeer = Peer<&'static str>;

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
    Call(u64, String),
    Reply(u64, Vec<u8>),
    Failed(u64, String, Executed),
    Item(u64, Vec<u8>),
    End(u64, u64),
    Credit(u64),
    Cancel(u64),
    Other,
}

fn try_deliver(peer: &mut TestPeer, mut bytes: &[u8]) -> Result<Vec<Seen>, Violation> {
    let mut seen = Vec::new();
    while let Some(parsed) = codec::parse(bytes, peer.limits().frame)? {
        let body = bytes[parsed.body.clone()].to_vec();
        seen.push(match peer.receive(&parsed.header, body.len(), 0)? {
            Event::Hello => Seen::Hello,
            Event::Ready { .. } => Seen::Ready,
            Event::Call(call) => Seen::Call(call.id, call.target.to_owned()),
            Event::Reply { id, .. } => Seen::Reply(id, body),
            Event::Failed { id, code, executed, .. } => Seen::Failed(id, code.to_owned(), executed),
            Event::Item { id, .. } => Seen::Item(id, body),
            Event::End { id, count, .. } => Seen::End(id, count),
            Event::Credit { id } => Seen::Credit(id),
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
    Request { target, body: b"\x80", ..Request::default() }
}

#[test]
fn a_call_travels_to_the_worker_and_its_reply_back() {
    let (mut host, mut worker) = open_pair(Limits::default());
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let id = host.call(&request("add"), "a", &mut there).unwrap();
    assert_eq!(deliver(&mut worker, &there), [Seen::Call(id, "add".into())]);
    worker.reply(id, b"\x04", &mut back).unwrap();
    assert_eq!(deliver(&mut host, &back), [Seen::Reply(id, vec![4])]);
    assert_eq!((host.in_flight(), worker.serving()), (0, 0));
    assert_eq!(worker.reply(id, b"\x04", &mut back), Err(Refused::NotServed), "one terminal frame, never two");
}

#[test]
fn the_worker_calls_the_host_with_the_same_frames() {
    let (mut host, mut worker) = open_pair(Limits::default());
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let id = worker.call(&request("$tools.list"), "t", &mut there).unwrap();
    assert_eq!(id % 2, 0);
    assert_eq!(deliver(&mut host, &there), [Seen::Call(id, "$tools.list".into())]);
    host.error(id, "tool_not_found", Executed::Never, b"\x80", &mut back).unwrap();
    assert_eq!(deliver(&mut worker, &back), [Seen::Failed(id, "tool_not_found".into(), Executed::Never)]);
}

#[test]
fn a_cancel_that_crosses_the_reply_is_ignored_and_the_reply_is_still_known() {
    let (mut host, mut worker) = open_pair(Limits::default());
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let id = host.call(&request("add"), "a", &mut there).unwrap();
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
fn a_stream_pauses_without_credit_and_goes_on_with_it() {
    let limits = Limits { window: 200, ..Limits::default() };
    let (mut host, mut worker) = open_pair(limits);
    let mut wire = Vec::new();
    let id = host.call(&Request { stream: true, ..request("count") }, "s", &mut wire).unwrap();
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
    assert!(!host.consumed(id, 1, &mut wire), "credit is granted for half a window at a time");
    assert!(host.consumed(id, 1, &mut wire));
    assert_eq!(deliver(&mut worker, &wire), [Seen::Credit(id)]);
    wire.clear();
    worker.item(id, 0, &[sent], &mut wire).unwrap();
    worker.end(id, &[], &mut wire).unwrap();
    assert_eq!(deliver(&mut host, &wire), [Seen::Item(id, vec![4]), Seen::End(id, 5)]);
}

#[test]
fn a_body_over_the_peers_limit_is_refused_before_anything_is_written() {
    let (mut host, _) = open_pair(Limits { frame: 20_000, ..Limits::default() });
    let body = vec![0; 20_000];
    let mut wire = Vec::new();
    let (refused, data) = host.call(&Request { body: &body, ..request("echo") }, "x", &mut wire).unwrap_err();
    assert_eq!((refused, data), (Refused::TooLarge { size: 20_000, limit: 20_000 - 16_384 }, "x"));
    assert!(wire.is_empty() && host.in_flight() == 0);
}

#[test]
fn closing_hands_back_every_unanswered_call_oldest_first() {
    let (mut host, _) = open_pair(Limits::default());
    let mut wire = Vec::new();
    for name in ["a", "b", "c"] {
        host.call(&request("echo"), name, &mut wire).unwrap();
    }
    assert_eq!(host.close(), [(1, "a"), (3, "b"), (5, "c")]);
    assert!(host.call(&request("echo"), "late", &mut wire).is_err());
}

/// Frames of a lying worker, each against a host with one unary call (1) and one stream call (3) in flight.
#[test]
fn lies_of_a_worker_are_named() {
    let lie = |frames: &[Header<'_>]| {
        let (mut host, mut worker) = open_pair(Limits { window: 100, ..Limits::default() });
        let mut wire = Vec::new();
        host.call(&request("add"), "unary", &mut wire).unwrap();
        host.call(&Request { stream: true, ..request("count") }, "stream", &mut wire).unwrap();
        deliver(&mut worker, &wire);
        let mut bytes = Vec::new();
        for header in frames {
            codec::write(&mut bytes, header, b"\x01");
        }
        try_deliver(&mut host, &bytes).map(drop)
    };
    let item = |id, sequence| Header::Item { id, stream: 0, sequence, flags: 0 };
    assert_eq!(lie(&[Header::Reply { id: 1 }, item(3, 0), Header::End { id: 3, stream: 0, count: 1 }]), Ok(()));
    assert_eq!(lie(&[Header::Reply { id: 2 }]), Err(Violation::Id(2)), "wrong parity");
    assert_eq!(lie(&[Header::Reply { id: 5 }]), Err(Violation::Id(5)), "an id that was never given out");
    assert_eq!(lie(&[item(1, 0)]), Err(Violation::UnexpectedItem(1)));
    assert_eq!(lie(&[Header::Reply { id: 3 }]), Err(Violation::UnexpectedItem(3)));
    assert_eq!(lie(&[item(3, 1)]), Err(Violation::StreamSequence { expected: 0, got: 1 }));
    assert_eq!(lie(&[item(3, 0), item(3, 1), item(3, 2)]), Err(Violation::Flow(3)), "sending without credit");
    assert_eq!(
        lie(&[item(3, 0), Header::End { id: 3, stream: 0, count: 2 }]),
        Err(Violation::StreamSequence { expected: 1, got: 2 })
    );
    assert_eq!(lie(&[Header::Reply { id: 1 }, Header::Reply { id: 1 }]), Ok(()), "a second answer is dropped");
    assert_eq!(
        lie(&vec![Header::Reply { id: 1 }; 102]),
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
        host.receive(&hello((2, 3), "n"), 1, 0).unwrap_err(),
        Violation::Version { ours: (1, 1), theirs: (2, 3) }
    );
    assert_eq!(host.receive(&hello((1, 3), "other"), 1, 0).unwrap_err(), Violation::Nonce);
    assert_eq!(host.receive(&Header::Reply { id: 1 }, 1, 0).unwrap_err().kind(), "phase");
    assert!(host.receive(&hello((0, 1), "n"), 1, 0).is_ok(), "the ranges overlap at 1");
}

/// One step of the model below.
#[derive(Debug, Clone)]
enum Step {
    Call {
        stream: bool,
    },
    Cancel(usize),
    /// Deliver so many pending bytes to the worker, then to the host.
    Deliver(usize, usize),
    Answer(usize),
    Item(usize, usize),
    Consume(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(|stream| Step::Call { stream }),
        any::<usize>().prop_map(Step::Cancel),
        (0usize..300, 0usize..300).prop_map(|(there, back)| Step::Deliver(there, back)),
        any::<usize>().prop_map(Step::Answer),
        (any::<usize>(), 0usize..300).prop_map(|(which, size)| Step::Item(which, size)),
        any::<usize>().prop_map(Step::Consume),
    ]
}

proptest! {
    /// However calls, cancels, items and partial deliveries interleave: no honest peer is taken for a liar, every call
    /// is answered exactly once or handed back at the end, and streams arrive whole and in order.
    #[test]
    fn every_call_ends_exactly_once(steps in proptest::collection::vec(step(), 1..150)) {
        let (mut host, mut worker) = open_pair(Limits { window: 300, ..Limits::default() });
        let (mut there, mut back) = (Vec::new(), Vec::new());
        let mut asked: Vec<(u64, bool)> = Vec::new();
        let mut owed: Vec<(u64, bool)> = Vec::new();
        let mut ended: Vec<u64> = Vec::new();
        let mut items: HashMap<u64, Vec<Vec<u8>>> = HashMap::new();
        let mut unconsumed: Vec<(u64, usize)> = Vec::new();
        for step in steps {
            let pick = |which: usize, list: &Vec<(u64, bool)>| (!list.is_empty()).then(|| which % list.len());
            match step {
                Step::Call { stream } => {
                    let id = host.call(&Request { stream, ..request("t") }, "", &mut there).unwrap();
                    asked.push((id, stream));
                }
                Step::Cancel(which) => if let Some(index) = pick(which, &asked) {
                    host.cancel(asked[index].0, "model", &mut there);
                },
                Step::Answer(which) => if let Some(index) = pick(which, &owed) {
                    let (id, stream) = owed.swap_remove(index);
                    if stream { worker.end(id, &[], &mut back).unwrap(); } else { worker.reply(id, b"\x01", &mut back).unwrap(); }
                },
                Step::Item(which, size) => if let Some(index) = pick(which, &owed) {
                    let (id, stream) = owed[index];
                    if stream && worker.may_send(id) { worker.item(id, 0, &vec![7; size], &mut back).unwrap(); }
                },
                Step::Consume(which) => if !unconsumed.is_empty() {
                    let (id, size) = unconsumed.remove(which % unconsumed.len());
                    host.consumed(id, size, &mut there);
                },
                Step::Deliver(to_worker, to_host) => {
                    for seen in deliver(&mut worker, &whole_frames(&mut there, to_worker)) {
                        if let Seen::Call(id, _) = seen {
                            let stream = asked.iter().any(|&(call, stream)| call == id && stream);
                            owed.push((id, stream));
                        }
                    }
                    for seen in deliver(&mut host, &whole_frames(&mut back, to_host)) {
                        match seen {
                            Seen::Reply(id, _) | Seen::End(id, _) | Seen::Failed(id, ..) => ended.push(id),
                            Seen::Item(id, body) => {
                                unconsumed.push((id, body.len()));
                                items.entry(id).or_default().push(body);
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        let returned: Vec<u64> = host.close().into_iter().map(|(id, _)| id).collect();
        let mut all: Vec<u64> = ended.iter().chain(&returned).copied().collect();
        all.sort_unstable();
        prop_assert_eq!(all, asked.iter().map(|&(id, _)| id).collect::<Vec<_>>());
    }
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
