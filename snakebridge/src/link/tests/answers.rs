//! Streams that answer calls of the worker, and where nested calls say that they are.

use bytes::Bytes;
use futures::future::poll_immediate;

use super::*;

/// A call of the worker for a stream, which nobody has answered. `NoTools` leaves it to the test.
async fn asked(worker: &mut Script) -> u64 {
    let mut id = 0;
    let request = Request { target: "stream", stream: true, ..Request::default() };
    worker.say(|peer, out| id = peer.call(&request, b"\x80", (), out).unwrap()).await;
    id
}

/// Waits until the link has heard everything that the worker has said.
async fn heard(worker: &mut Script) {
    worker.say(|peer, out| peer.ping(7, out)).await;
    assert_eq!(worker.next().await, "something else", "the PONG");
}

#[tokio::test]
async fn a_stream_that_answers_a_call_waits_for_the_room_that_the_worker_gives() {
    let (link, mut worker) = open_link().await;
    let id = asked(&mut worker).await;
    heard(&mut worker).await;
    let answer = link.begin_stream(id);
    let item = Bytes::from(vec![0xc4; 64 * 1024]);
    for _ in 0..4 {
        answer.room().await;
        answer.send(&item).unwrap();
        assert_eq!(worker.next().await, format!("item {id}"));
    }
    assert!(poll_immediate(answer.room()).await.is_none(), "a window of them");
    assert_eq!(answer.send(&item), Err(Refused::NoCredit));
    worker.say(|peer, out| assert!(peer.consumed(id, 0, 200_000, out))).await;
    answer.room().await;
    answer.send(&item).unwrap();
    assert_eq!(worker.next().await, format!("item {id}"));
    answer.end();
    assert_eq!(worker.next().await, format!("end {id}"));
    assert!(link.lock().streams.is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn a_large_item_is_gone_before_there_is_room_for_the_next() {
    let (link, mut worker) = open_link().await;
    let id = asked(&mut worker).await;
    heard(&mut worker).await;
    let answer = link.begin_stream(id);
    answer.room().await;
    answer.send(&Bytes::from(vec![0xc4; 100_000])).unwrap();
    assert_eq!(answer.send(&Bytes::from_static(b"\x01")), Err(Refused::NoCredit), "it is on its way");
    // The announcement; then the item, when its last fragment has come.
    let item = async { while worker.next().await != format!("item {id}") {} };
    tokio::join!(item, answer.room());
    answer.send(&Bytes::from_static(b"\x01")).unwrap();
    assert_eq!(worker.next().await, format!("item {id}"));
}

#[tokio::test]
async fn a_nested_call_names_what_waits_for_it_and_only_where_that_waits() {
    let (link, mut worker) = open_link().await;
    let (elsewhere, mut other) = open_link().await;
    let outer = call("outer", false);
    link.send(&outer, Instant::now()).unwrap();
    assert_eq!(worker.next().await, "call 1 outer");
    let chain = Chain::new(Arc::clone(&outer), Arc::clone(&link), (2, None), None);
    let nested = || Arc::new(pending("inner", false, vec![0x80], 0).inside(Some(chain.clone())));
    let (here, there, late) = (nested(), nested(), nested());
    assert_eq!((outer.depth(), here.depth(), chain.is_served_by(&link)), (1, 2, false));
    link.send(&here, Instant::now()).unwrap();
    assert_eq!((worker.next().await, worker.parent), ("call 3 inner".to_owned(), Some(2)));
    assert!(chain.is_served_by(&link));
    elsewhere.send(&there, Instant::now()).unwrap();
    assert_eq!((other.next().await, other.parent), ("call 1 inner".to_owned(), None));
    here.abandon();
    assert!(!chain.is_served_by(&link), "the one elsewhere does not count");
    // What is made further down, elsewhere, comes back to the one that waits further up, and no more when that is over.
    let deeper = Chain::new(Arc::clone(&there), Arc::clone(&elsewhere), (4, None), None);
    let deeper_still = || Arc::new(pending("back", false, vec![0x80], 0).inside(Some(deeper.clone())));
    let (back, too_late) = (deeper_still(), deeper_still());
    assert_eq!((back.depth(), deeper.waiting().count(), deeper.is_served_by(&link)), (3, 2, false));
    link.send(&back, Instant::now()).unwrap();
    assert_eq!((worker.next().await, worker.parent), ("call 5 back".to_owned(), Some(2)));
    assert_eq!((chain.is_served_by(&link), deeper.is_served_by(&elsewhere)), (true, false));
    deeper.end();
    link.send(&too_late, Instant::now()).unwrap();
    assert_eq!((worker.next().await, worker.parent), ("call 7 back".to_owned(), None));
    chain.end();
    link.send(&late, Instant::now()).unwrap();
    assert_eq!((worker.next().await, worker.parent), ("call 9 inner".to_owned(), None));
}

#[tokio::test]
async fn calls_to_the_host_end_with_the_call_inside_which_they_are_made() {
    let over = |end: fn(&PendingCall)| {
        let (call, cancellation) = (pending("outer", false, vec![0x80], 0), tokio_util::sync::CancellationToken::new());
        call.begin_host_call((1, 2), &cancellation).unwrap();
        end(&call);
        let next = call.begin_host_call((1, 4), &cancellation).err().map(|error| error.code().to_owned());
        (cancellation.is_cancelled(), next)
    };
    let ended = (true, Some("call_ended".to_owned()));
    assert_eq!(over(|call| assert!(call.complete(Ok(Bytes::new())))), ended);
    assert_eq!(over(|call| drop(call.abandon())), ended);
    // One that begins anew elsewhere has all of its calls before it again.
    assert_eq!(over(|call| assert!(call.requeue(Executed::Maybe))), (true, None));
}
