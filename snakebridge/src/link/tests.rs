//! One link against a scripted worker: the other end is the same peer, driven by hand over an in-memory pipe.

mod answers;
mod inputs;
mod large;

use std::io;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::error::{Error, Executed};
use crate::session::{Affinity, Tie};
use crate::wire::{Event, MAGIC, codec};

/// Bytes that are there at once, beside a pipe that the runtime watches.
struct TestSource {
    pipe: ReadHalf<DuplexStream>,
    at_once: Arc<Mutex<Vec<u8>>>,
    looks: Arc<AtomicUsize>,
}

impl AsyncRead for TestSource {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, buffer)
    }
}

impl Source for TestSource {
    fn read_now(&mut self, buffer: &mut BytesMut) -> bool {
        self.looks.fetch_add(1, SeqCst);
        let bytes = std::mem::take(&mut *self.at_once.lock().unwrap());
        buffer.extend_from_slice(&bytes);
        !bytes.is_empty()
    }
}

struct NoTools;

impl Service for NoTools {
    fn call(&self, link: &Arc<Link>, call: Incoming) {
        // Left to the test.
        if call.target == "stream" {
            return;
        }
        link.answer(call.id, &Err(Error::invalid_argument(format!("no `{}` here", call.target))));
    }
    fn cancel(&self, _: u64) {}
    fn arrived(&self, _: &Arc<PendingCall>) {}
    fn gave_up(&self) {}
    fn answering(&self, _: &Arc<PendingCall>) {}
    fn failed(&self, _: &Arc<PendingCall>, error: Error) -> Option<Error> {
        Some(error)
    }
    fn told(&self, _: Told) {}
    fn finished(&self, call: &Arc<PendingCall>, _: Answer) {
        assert_eq!(call.is_done(), call.tie.is_none(), "only the caller of a tied call goes on later");
    }
}

/// The worker's end.
struct Script {
    peer: Peer<()>,
    reader: ReadHalf<DuplexStream>,
    writer: WriteHalf<DuplexStream>,
    received: Vec<u8>,
    /// The body of what the host said last.
    body: Vec<u8>,
    /// What its last call named as its parent.
    parent: Option<u64>,
    at_once: Arc<Mutex<Vec<u8>>>,
    looks: Arc<AtomicUsize>,
    control: UnboundedReceiver<Control>,
}

/// A link whose worker has said HELLO and READY.
async fn open_link() -> (Arc<Link>, Script) {
    open_link_with(Limits::default()).await
}

/// The same with other limits of the worker.
async fn open_link_with(limits: Limits) -> (Arc<Link>, Script) {
    let (ours, theirs) = tokio::io::duplex(64);
    let (source, writer) = tokio::io::split(ours);
    let (reader, worker_writer) = tokio::io::split(theirs);
    let (at_once, looks) = (Arc::default(), Arc::default());
    let (sender, control) = unbounded_channel();
    let source = Box::new(TestSource { pipe: source, at_once: Arc::clone(&at_once), looks: Arc::clone(&looks) });
    let greeting = Greeting { limits: Limits::default(), nonce: "n", hello: b"\x80" };
    let link = Link::start(1, Pipes { writer: Box::new(writer), source }, &greeting, Arc::new(NoTools), sender);
    let peer = Peer::new(Role::Worker, limits, "n");
    let mut script = Script {
        peer,
        reader,
        writer: worker_writer,
        received: Vec::new(),
        body: Vec::new(),
        parent: None,
        at_once,
        looks,
        control,
    };
    assert_eq!(script.next().await, "hello");
    let mut bytes = MAGIC.to_vec();
    script.peer.hello(b"\x80", &mut bytes);
    script.peer.ready("hash", b"\x90", &mut bytes).unwrap();
    script.writer.write_all(&bytes).await.unwrap();
    assert!(matches!(script.control.recv().await, Some(Control::Hello(_))));
    assert!(matches!(script.control.recv().await, Some(Control::Ready { .. })));
    (link, script)
}

impl Script {
    /// What the host says next.
    async fn next(&mut self) -> String {
        loop {
            if let Some(parsed) = codec::parse(&self.received, 1 << 20).unwrap() {
                let body = self.received[parsed.body.clone()].to_vec();
                let whole;
                let event = match self.peer.receive(&parsed.header, &body, 0).unwrap() {
                    Event::Assembled(assembled) => {
                        whole = assembled;
                        self.body = whole.body;
                        self.peer.complete(&whole.header).unwrap()
                    }
                    event => {
                        self.body = body;
                        event
                    }
                };
                let said = match event {
                    Event::Hello => "hello".to_owned(),
                    Event::Call(call) => {
                        self.parent = call.parent;
                        format!("call {} {}", call.id, call.target)
                    }
                    Event::Item { id, .. } => format!("item {id}"),
                    Event::End { id, .. } => format!("end {id}"),
                    Event::Cancel { id, .. } => format!("cancel {id}"),
                    Event::Failed { code, .. } => format!("failed {code}"),
                    Event::Credit { id, .. } => format!("credit {id}"),
                    Event::Input { id, stream } => format!("input {id} {stream}"),
                    Event::InputEnd { id, stream } => format!("end of input {id} {stream}"),
                    _ => "something else".to_owned(),
                };
                let length = parsed.length;
                self.received.drain(..length);
                return said;
            }
            let mut bytes = [0; 100];
            let count = self.reader.read(&mut bytes).await.unwrap();
            assert!(count > 0, "the host says more");
            self.received.extend_from_slice(&bytes[..count]);
        }
    }

    async fn say(&mut self, write: impl FnOnce(&mut Peer<()>, &mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut self.peer, &mut bytes);
        self.writer.write_all(&bytes).await.unwrap();
    }
}

fn call(target: &'static str, stream: bool) -> Arc<PendingCall> {
    Arc::new(pending(target, stream, vec![0x80], 0))
}

fn pending(target: &'static str, stream: bool, body: Vec<u8>, inputs: u64) -> PendingCall {
    let target = ToolName::Declared(target);
    let request = OwnedRequest { target, stream, session: None, meta: None, body, inputs, tools: 0 };
    PendingCall::new(request, None, Duration::ZERO, false, Instant::now())
}

async fn outcome(call: &Arc<PendingCall>) -> Result<bytes::Bytes, Error> {
    std::future::poll_fn(|context| call.poll_outcome(context)).await
}

#[tokio::test]
async fn calls_are_answered_by_id_in_any_order() {
    let (link, mut worker) = open_link().await;
    let (first, second) = (call("a", false), call("b", false));
    assert_eq!(link.send(&first, Instant::now()), Ok(true), "alone");
    assert_eq!(link.send(&second, Instant::now()), Ok(false));
    assert_eq!((worker.next().await, worker.next().await), ("call 1 a".into(), "call 3 b".into()));
    worker.say(|peer, out| peer.reply(3, b"\x03", out).unwrap()).await;
    worker.say(|peer, out| peer.reply(1, b"\x01", out).unwrap()).await;
    assert_eq!(outcome(&first).await.unwrap()[..], [1]);
    assert_eq!(outcome(&second).await.unwrap()[..], [3]);
    assert_eq!(link.in_flight(), 0);
}

#[tokio::test]
async fn an_answer_that_is_there_already_is_fetched_without_the_runtime() {
    let (link, mut worker) = open_link().await;
    let quick = call("quick", false);
    link.send(&quick, Instant::now()).unwrap();
    assert_eq!(worker.next().await, "call 1 quick");
    worker.peer.reply(1, b"\x07", &mut worker.at_once.lock().unwrap()).unwrap();
    link.look_for_answers();
    assert!(quick.is_done());
    assert_eq!(outcome(&quick).await.unwrap()[..], [7]);
}

#[tokio::test]
async fn the_worker_of_a_call_that_is_tied_to_it_is_free_before_its_caller_goes_on() {
    let (link, mut worker) = open_link().await;
    let (binding, affinity) = (Arc::default(), Affinity::StrictFailFast);
    let mut tied = pending("tied", false, vec![0x80], 0);
    tied.tie = Some(Box::new(Tie { binding, affinity, exclusive: false, chain: None }));
    let tied = Arc::new(tied);
    link.send(&tied, Instant::now()).unwrap();
    assert_eq!(worker.next().await, "call 1 tied");
    worker.peer.reply(1, b"\x07", &mut worker.at_once.lock().unwrap()).unwrap();
    // Here, so that the service's complaint is this test's.
    link.look_for_answers();
    assert_eq!(outcome(&tied).await.unwrap()[..], [7]);
}

#[tokio::test]
async fn looks_in_vain_become_rare_and_a_hit_makes_them_frequent_again() {
    let (link, mut worker) = open_link().await;
    let looks = Arc::clone(&worker.looks);
    let look = |times| {
        let before = looks.load(SeqCst);
        (0..times).for_each(|_| link.look_for_answers());
        looks.load(SeqCst) - before
    };
    let in_vain = look(1000);
    assert!((7..30).contains(&in_vain), "1000 chances are a handful of looks: {in_vain}");
    let quick = call("quick", false);
    link.send(&quick, Instant::now()).unwrap();
    worker.next().await;
    worker.peer.reply(1, b"\x07", &mut worker.at_once.lock().unwrap()).unwrap();
    while !quick.is_done() {
        link.look_for_answers();
    }
    assert_eq!(look(2), 1, "after a hit the next chance is taken");
}

#[tokio::test]
async fn a_call_given_up_is_cancelled_once_and_its_late_answer_is_nobodys() {
    let (link, mut worker) = open_link().await;
    let dropped = call("slow", false);
    link.send(&dropped, Instant::now()).unwrap();
    assert_eq!(worker.next().await, "call 1 slow");
    dropped.abandon();
    link.cancel(1, "dropped", Instant::now());
    link.cancel(1, "dropped", Instant::now());
    assert_eq!(worker.next().await, "cancel 1");
    worker.say(|peer, out| peer.reply(1, b"\x01", out).unwrap()).await;
    let next = call("next", false);
    link.send(&next, Instant::now()).unwrap();
    assert_eq!(worker.next().await, "call 3 next", "one cancel, not two");
}

#[tokio::test]
async fn what_the_worker_asks_is_answered() {
    let (_link, mut worker) = open_link().await;
    let request = Request { target: "tool", ..Request::default() };
    worker.say(|peer, out| assert_eq!(peer.call(&request, b"\x80", (), out), Ok(2))).await;
    assert_eq!(worker.next().await, "failed invalid_argument");
}

#[tokio::test]
async fn the_end_of_a_connection_hands_back_what_was_unanswered_and_says_what_was_written() {
    let (link, mut worker) = open_link().await;
    let calls: Vec<_> = (0..20).map(|_| call("a_tool_with_a_long_name", false)).collect();
    for call in &calls {
        // The pipe holds 64 bytes: the worker, which reads one call and dies, cannot have got them all.
        link.send(call, Instant::now()).unwrap();
    }
    assert_eq!(worker.next().await, "call 1 a_tool_with_a_long_name");
    worker.say(|peer, out| peer.reply(1, b"\x01", out).unwrap()).await;
    let Script { reader, writer, mut control, .. } = worker;
    drop((reader, writer));
    let unanswered = loop {
        match control.recv().await {
            Some(Control::Unwritable(WriteFailure::Refused)) => {}
            Some(Control::Closed { reason: CloseReason::Eof, unanswered }) => break unanswered,
            other => panic!("the end is reported, not {other:?}"),
        }
    };
    assert_eq!(outcome(&calls[0]).await.unwrap()[..], [1], "what was answered before the end is answered");
    assert_eq!(
        unanswered.iter().map(|call| call.id).collect::<Vec<_>>(),
        (1..20).map(|n| n * 2 + 1).collect::<Vec<_>>()
    );
    assert!(!unanswered.last().unwrap().sent, "the last call was never fully written");
    assert_eq!(link.send(&call("late", false), Instant::now()), Err(Refused::NotOpen));
}

#[tokio::test]
async fn answers_before_a_breach_of_the_protocol_are_delivered_and_the_connection_ends() {
    let (link, mut worker) = open_link().await;
    let (answered, lost) = (call("a", false), call("b", false));
    link.send(&answered, Instant::now()).unwrap();
    link.send(&lost, Instant::now()).unwrap();
    worker.next().await;
    worker.next().await;
    let mut bytes = Vec::new();
    worker.peer.reply(1, b"\x01", &mut bytes).unwrap();
    bytes.extend([0, 0, 0, 1, 0xc1]);
    worker.writer.write_all(&bytes).await.unwrap();
    let Some(Control::Closed { reason: CloseReason::Violation(_), unanswered }) = worker.control.recv().await else {
        panic!("the breach is reported")
    };
    assert!(outcome(&answered).await.is_ok());
    assert_eq!(unanswered.len(), 1);
}

#[tokio::test]
async fn a_worker_that_goes_away_hands_back_what_it_will_not_run() {
    let (link, mut worker) = open_link().await;
    let (accepted, refused) = (call("a", false), call("b", false));
    link.send(&accepted, Instant::now()).unwrap();
    assert_eq!(worker.next().await, "call 1 a");
    link.send(&refused, Instant::now()).unwrap();
    worker.say(|peer, out| assert_eq!(peer.go_away("recycled", out), 1)).await;
    let Some(Control::GoingAway { reason, never_ran }) = worker.control.recv().await else { panic!("it is reported") };
    assert_eq!(reason, "recycled");
    assert_eq!(never_ran.iter().map(|call| (call.id, call.sent)).collect::<Vec<_>>(), [(3, false)]);
    assert!(never_ran[0].call.requeue(Executed::Never));
    worker.say(|peer, out| peer.reply(1, b"\x01", out).unwrap()).await;
    assert!(outcome(&accepted).await.is_ok());
    assert_eq!(link.send(&call("late", false), Instant::now()), Err(Refused::NotOpen));
}

#[tokio::test]
async fn a_goaway_that_disowns_what_was_being_answered_is_a_lie() {
    let (link, mut worker) = open_link().await;
    let stream = call("count", true);
    link.send(&stream, Instant::now()).unwrap();
    assert_eq!(worker.next().await, "call 1 count");
    worker.say(|peer, out| peer.item(1, 0, b"\x01", out).unwrap()).await;
    let mut lie = Vec::new();
    codec::write(&mut lie, &crate::wire::Header::GoAway { last: 0, reason: "" }, &[]);
    worker.writer.write_all(&lie).await.unwrap();
    let Some(Control::Closed { reason: CloseReason::Violation(_), unanswered }) = worker.control.recv().await else {
        panic!("the breach is reported")
    };
    assert_eq!(unanswered.len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_into_an_output_that_is_closed() {
    let (link, _worker) = open_link().await;
    link.close_output();
    assert_eq!(link.send(&call("late", false), Instant::now()), Err(Refused::NotOpen));
}
