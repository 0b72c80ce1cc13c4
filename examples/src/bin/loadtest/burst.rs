//! Everything at once: a burst on a pool that had nothing to do, and one that is larger than its queue.

use futures::future::join_all;
use snakebridge::prelude::*;

use crate::report::{Report, account, memory};
use crate::sizes::Sizes;
use crate::tools::{closed_loop, start};

pub(crate) async fn run(sizes: &Sizes) -> Result<()> {
    let (bridge, tools) = start(sizes.workers, sizes.calls).await?;
    for round in 1..=3 {
        let report = closed_loop(sizes.calls, sizes.calls, |_| tools.echo(Bytes::from_static(b"burst"))).await;
        println!("burst {round}: {report}");
        assert_eq!(report.succeeded(), sizes.calls, "{:?}", report.errors());
    }
    println!("{}", memory(&bridge));
    account(&bridge, 3 * sizes.calls, 0);
    bridge.shutdown().await?;

    // Half of the calls find no room, and are told so at once: nothing piles up.
    let room = sizes.calls / 2;
    let (bridge, tools) = start(1, room).await?;
    let mut report = Report::begin();
    for outcome in join_all((0..sizes.calls).map(|_| tools.wait(0.2))).await {
        report.add(std::time::Duration::ZERO, &outcome);
    }
    let refused = report.errors().get("queue_full").copied().unwrap_or_default();
    println!(
        "beyond a queue of {room}: {} calls went well, {refused} were refused before they ran",
        report.succeeded()
    );
    assert_eq!(report.succeeded() + refused, sizes.calls, "{:?}", report.errors());
    assert!(refused > 0, "the queue has a limit");
    account(&bridge, sizes.calls, refused);
    bridge.shutdown().await
}
