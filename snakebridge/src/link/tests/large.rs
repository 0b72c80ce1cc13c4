//! Bodies that travel in fragments.

use super::*;

/// The next thing that is said, but for the parts of a large body.
async fn meaning(worker: &mut Script) -> String {
    loop {
        let said = worker.next().await;
        if said != "something else" {
            return said;
        }
    }
}

#[tokio::test]
async fn a_large_call_arrives_whole_and_small_ones_pass_it() {
    let (link, mut worker) = open_link().await;
    let large = Arc::new(pending("large", false, vec![7; 300_000], 0));
    assert_eq!(link.send(&large, Instant::now()), Ok(true));
    let small = call("small", false);
    link.send(&small, Instant::now()).unwrap();
    assert_eq!(meaning(&mut worker).await, "call 3 small");
    assert_eq!(meaning(&mut worker).await, "call 1 large");
    assert_eq!(worker.body, vec![7; 300_000]);
}

#[tokio::test]
async fn a_call_whose_arguments_were_not_all_written_never_ran() {
    let (link, mut worker) = open_link().await;
    let large = Arc::new(pending("large", false, vec![7; 300_000], 0));
    link.send(&large, Instant::now()).unwrap();
    assert_eq!((worker.next().await, worker.next().await), ("something else".into(), "something else".into()));
    let Script { reader, writer, mut control, .. } = worker;
    drop((reader, writer));
    loop {
        if let Some(Control::Closed { unanswered, .. }) = control.recv().await {
            assert!(unanswered.len() == 1 && !unanswered[0].sent);
            return;
        }
    }
}

#[tokio::test]
async fn a_cancelled_result_that_goes_on_coming_has_reacted_and_one_that_stops_has_not() {
    let (link, mut worker) = open_link().await;
    let large = call("large", false);
    link.send(&large, Instant::now()).unwrap();
    assert_eq!(worker.next().await, "call 1 large");
    let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
    large.abandon();
    link.cancel(1, "dropped", long_ago);
    assert_eq!(worker.next().await, "cancel 1");
    let since = || {
        let mut since = None;
        link.for_each(|_, _, cancelled| since = cancelled);
        since.unwrap()
    };
    assert_eq!(since(), long_ago);
    let mut frames = Vec::new();
    codec::write(&mut frames, &crate::wire::Header::Reply { id: 1, total: Some(3 << 20) }, &[]);
    for _ in 0..20 {
        codec::write(&mut frames, &crate::wire::Header::Part { id: 1, stream: 0 }, &vec![7; 64 * 1024]);
    }
    worker.writer.write_all(&frames).await.unwrap();
    let patience = tokio::time::timeout(Duration::from_secs(20), async {
        while since() == long_ago {
            tokio::task::yield_now().await;
        }
    });
    patience.await.expect("it has come on by a megabyte");
    let then = since();
    assert_eq!(since(), then, "nothing has come since");
}
