//! Streams that are arguments of a call, and going away.

use super::*;

fn open_call(limits: Limits, inputs: u64) -> (TestPeer, TestPeer, u64) {
    let (mut host, mut worker) = open_pair(limits);
    let mut wire = Vec::new();
    let id = host.call(&Request { inputs, ..request("sum") }, NONE, "", &mut wire).unwrap();
    deliver(&mut worker, &wire);
    (host, worker, id)
}

#[test]
fn a_stream_that_is_an_argument_travels_beside_its_call() {
    let (mut host, mut worker, id) = open_call(Limits::default(), 2);
    let mut wire = Vec::new();
    host.input_item(id, 2, b"\x01", &mut wire).unwrap();
    host.input_item(id, 1, b"\x02", &mut wire).unwrap();
    host.end_input(id, 2, &mut wire).unwrap();
    assert_eq!(host.input_item(id, 2, b"\x03", &mut wire), Err(Refused::NotServed), "it has ended");
    assert_eq!(host.input_item(id, 3, b"\x03", &mut wire), Err(Refused::NotServed), "there are only two");
    assert_eq!(
        deliver(&mut worker, &wire),
        [Seen::Input(id, 2, vec![1]), Seen::Input(id, 1, vec![2]), Seen::InputEnd(id, 2)]
    );
}

#[test]
fn an_argument_stream_pauses_without_credit_and_goes_on_with_it() {
    let (mut host, mut worker, id) = open_call(Limits { window: 128, ..Limits::default() }, 1);
    let (mut wire, mut back) = (Vec::new(), Vec::new());
    host.input_item(id, 1, b"\x01", &mut wire).unwrap();
    host.input_item(id, 1, b"\x02", &mut wire).unwrap();
    assert!(!host.may_send_input(id, 1));
    assert_eq!(host.input_item(id, 1, b"\x03", &mut wire), Err(Refused::NoCredit));
    deliver(&mut worker, &wire);
    assert!(worker.consumed(id, 1, 1, &mut back));
    assert_eq!(deliver(&mut host, &back), [Seen::Credit(id, 1)]);
    assert!(host.may_send_input(id, 1));
}

#[test]
fn what_crosses_the_answer_is_forgiven_within_what_credit_allows() {
    let limits = Limits { window: 640, body: 1_000, ..Limits::default() };
    let (mut host, mut worker, id) = open_call(limits, 1);
    let (mut wire, mut back) = (Vec::new(), Vec::new());
    while host.input_item(id, 1, b"\x01", &mut wire).is_ok() {}
    host.end_input(id, 1, &mut wire).unwrap();
    worker.reply(id, b"\x01", &mut back).unwrap();
    assert!(deliver(&mut worker, &wire).iter().all(|seen| *seen == Seen::Other));
    deliver(&mut host, &back);
    assert_eq!(host.input_item(id, 1, b"\x01", &mut wire), Err(Refused::NotServed), "the call is answered");
    let mut lies = Vec::new();
    for sequence in 0..100 {
        codec::write(&mut lies, &Header::Item { id, stream: 1, sequence, flags: 0, total: None }, b"\x01");
    }
    assert_eq!(try_deliver(&mut worker, &lies), Err(Violation::Flow(id)), "but not for ever");
}

#[test]
fn cancelling_the_call_ends_its_streams() {
    let (mut host, mut worker, id) = open_call(Limits::default(), 1);
    let mut wire = Vec::new();
    host.cancel(id, "dropped", &mut wire);
    assert_eq!(host.input_item(id, 1, b"\x01", &mut wire), Err(Refused::NotServed));
    assert_eq!(deliver(&mut worker, &wire), [Seen::Cancel(id)]);
}

#[test]
fn lies_about_argument_streams_are_named() {
    let lie = |frames: &[Header<'_>]| {
        let (_, mut worker, _) = open_call(Limits { window: 64, ..Limits::default() }, 1);
        let mut bytes = Vec::new();
        for header in frames {
            let body: &[u8] = if matches!(header, Header::End { .. }) { b"" } else { b"\x01" };
            codec::write(&mut bytes, header, body);
        }
        try_deliver(&mut worker, &bytes).map(drop)
    };
    let item = |id, stream, sequence| Header::Item { id, stream, sequence, flags: 0, total: None };
    let end = |count| Header::End { id: 1, stream: 1, count, total: None };
    assert_eq!(lie(&[item(1, 1, 0), end(1)]), Ok(()));
    assert_eq!(lie(&[item(1, 2, 0)]), Err(Violation::UnexpectedItem(1)), "a stream that the call does not have");
    assert_eq!(lie(&[item(3, 1, 0)]), Err(Violation::Id(3)), "a call that was never made");
    assert_eq!(lie(&[item(2, 1, 0)]), Err(Violation::Id(2)), "wrong parity");
    assert_eq!(lie(&[item(1, 1, 1)]), Err(Violation::StreamSequence { expected: 0, got: 1 }));
    assert_eq!(lie(&[item(1, 1, 0), item(1, 1, 1)]), Err(Violation::Flow(1)), "without credit");
    assert_eq!(lie(&[end(1)]), Err(Violation::StreamSequence { expected: 0, got: 1 }));
    assert_eq!(lie(&[end(0), item(1, 1, 0)]), Err(Violation::UnexpectedItem(1)), "after its end");
    let returning = Header::End { id: 1, stream: 1, count: 0, total: Some(70_000) };
    assert_eq!(lie(&[returning]), Err(Violation::Fragment(1)), "it has nothing to return");
}

#[test]
fn calls_behind_a_goaway_never_ran_and_are_handed_back() {
    let (mut host, mut worker) = open_pair(Limits::default());
    let (mut wire, mut back) = (Vec::new(), Vec::new());
    let first = host.call(&request("a"), NONE, "a", &mut wire).unwrap();
    deliver(&mut worker, &wire);
    assert_eq!(worker.go_away("recycled", &mut back), first);
    wire.clear();
    let crossing = host.call(&Request { inputs: 1, ..request("b") }, NONE, "b", &mut wire).unwrap();
    host.input_item(crossing, 1, b"\x01", &mut wire).unwrap();
    host.cancel(crossing, "dropped", &mut wire);
    assert!(deliver(&mut worker, &wire).iter().all(|seen| *seen == Seen::Other), "nothing of it is served");
    assert_eq!(deliver(&mut host, &back), [Seen::GoAway(first)]);
    assert_eq!(host.take_above(first), [(crossing, "b")]);
    assert!(!host.is_open() && matches!(host.call(&request("c"), NONE, "c", &mut wire), Err((Refused::NotOpen, "c"))));
    back.clear();
    worker.reply(first, b"\x01", &mut back).unwrap();
    assert_eq!(deliver(&mut host, &back), [Seen::Reply(first, vec![1])], "what was accepted is answered");
}

#[test]
fn a_goaway_that_names_a_call_that_was_never_made_is_a_lie() {
    let (mut host, _) = open_pair(Limits::default());
    let mut bytes = Vec::new();
    codec::write(&mut bytes, &Header::GoAway { last: 99, reason: "" }, &[]);
    assert_eq!(try_deliver(&mut host, &bytes), Err(Violation::Id(99)));
}
