//! Streams among the arguments of a call.

use futures::StreamExt as _;

use super::*;

fn numbers(count: u64) -> Vec<crate::body::InputStream> {
    let items = (0..count).map(|number| Ok(crate::body::encode(&number).unwrap()));
    vec![Box::pin(futures::stream::iter(items))]
}

#[tokio::test]
async fn a_stream_among_the_arguments_is_pulled_and_ended() {
    let (link, mut worker) = open_link().await;
    let call = Arc::new(pending("total", false, vec![0x80], 1).with_inputs(numbers(3)));
    link.send(&call, Instant::now()).unwrap();
    let said = [worker.next().await, worker.next().await, worker.next().await, worker.next().await];
    assert_eq!(said, ["call 1 total", "input 1 1", "input 1 1", "input 1 1"]);
    assert_eq!(worker.body, [2]);
    assert_eq!(worker.next().await, "end of input 1 1");
    assert!(call.is_committed() && !call.requeue(Executed::Maybe), "what was pulled cannot be pulled again");
}

#[tokio::test]
async fn a_stream_among_the_arguments_waits_for_room_and_ends_with_its_call() {
    let (link, mut worker) = open_link().await;
    let (pulled, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
    let (count, alive) = (Arc::clone(&pulled), Arc::clone(&dropped));
    let endless = futures::stream::repeat(()).map(move |()| {
        let _ = (&alive, count.fetch_add(1, SeqCst));
        Ok(bytes::Bytes::from(vec![0xc4; 64 * 1024]))
    });
    let call = Arc::new(pending("total", false, vec![0x80], 1).with_inputs(vec![Box::pin(endless)]));
    link.send(&call, Instant::now()).unwrap();
    for expected in ["call 1 total", "input 1 1", "input 1 1", "input 1 1", "input 1 1"] {
        assert_eq!(worker.next().await, expected);
    }
    assert_eq!(pulled.load(SeqCst), 4, "a window of them");
    worker.say(|peer, out| assert!(peer.consumed(1, 1, 200_000, out))).await;
    for _ in 0..3 {
        assert_eq!(worker.next().await, "input 1 1");
    }
    worker.say(|peer, out| peer.reply(1, b"\x01", out).unwrap()).await;
    outcome(&call).await.unwrap();
    let ended = async {
        while Arc::strong_count(&dropped) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the stream is dropped with its call");
}

#[tokio::test]
async fn an_item_that_cannot_be_encoded_fails_the_call() {
    let (link, mut worker) = open_link().await;
    let bad = futures::stream::iter([Err(Error::invalid_argument("no such form"))]);
    let call = Arc::new(pending("total", false, vec![0x80], 1).with_inputs(vec![Box::pin(bad)]));
    link.send(&call, Instant::now()).unwrap();
    assert_eq!((worker.next().await, worker.next().await), ("call 1 total".into(), "cancel 1".into()));
    let error = outcome(&call).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Maybe));
    assert!(error.to_string().contains("no such form"), "{error}");
}

#[tokio::test]
async fn an_item_that_is_too_large_fails_the_call_and_is_not_left_out() {
    let (link, mut worker) = open_link().await;
    let huge = (Limits::default().body + 1).try_into().unwrap();
    let items = [Ok(bytes::Bytes::from_static(&[1])), Ok(bytes::Bytes::from(vec![0; huge]))];
    let call =
        Arc::new(pending("total", false, vec![0x80], 1).with_inputs(vec![Box::pin(futures::stream::iter(items))]));
    link.send(&call, Instant::now()).unwrap();
    for expected in ["call 1 total", "input 1 1", "cancel 1"] {
        assert_eq!(worker.next().await, expected);
    }
    assert_eq!(outcome(&call).await.unwrap_err().code(), "payload_too_large");
}

#[tokio::test]
async fn a_stream_that_panics_fails_its_call() {
    let (link, mut worker) = open_link().await;
    let panicking = futures::stream::poll_fn(|_| panic!("inside of the user's stream"));
    let call = Arc::new(pending("total", false, vec![0x80], 1).with_inputs(vec![Box::pin(panicking)]));
    link.send(&call, Instant::now()).unwrap();
    assert_eq!((worker.next().await, worker.next().await), ("call 1 total".into(), "cancel 1".into()));
    assert!(outcome(&call).await.unwrap_err().to_string().contains("panicked"));
}

#[tokio::test]
async fn a_worker_that_does_not_read_holds_argument_streams_back_whatever_it_announced() {
    let (link, _worker) = open_link_with(Limits { window: 1 << 39, ..Limits::default() }).await;
    let pulled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&pulled);
    let endless = futures::stream::repeat(()).map(move |()| {
        count.fetch_add(1, SeqCst);
        Ok(bytes::Bytes::from(vec![0xc0; 32 * 1024]))
    });
    let call = Arc::new(pending("total", false, vec![0x80], 1).with_inputs(vec![Box::pin(endless)]));
    link.send(&call, Instant::now()).unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!((20..40).contains(&pulled.load(SeqCst)), "{} items of 32 KiB", pulled.load(SeqCst));
}
