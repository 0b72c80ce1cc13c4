//! More and more calls at once, until more are only slower; then the same while tools fail and workers die.

use snakebridge::prelude::*;

use crate::report::{account, memory};
use crate::sizes::Sizes;
use crate::tools::{closed_loop, start};

/// One in so many calls fails, and one in so many kills its worker.
const FAILS: usize = 20;
const DIES: usize = 200;

pub(crate) async fn run(sizes: &Sizes) -> Result<()> {
    let workers = sizes.workers.min(16);
    let (bridge, tools) = start(workers, sizes.calls).await?;
    let data = Bytes::from(vec![7; 1024]);
    let mut made = 0;
    for at_once in std::iter::successors(Some(1), |at_once| Some(at_once * 4)).take_while(|&at_once| at_once <= 1024) {
        let report = closed_loop(sizes.calls, at_once, |_| tools.echo(data.clone())).await;
        println!("{at_once:>5} at once: {report}");
        assert_eq!(report.succeeded(), sizes.calls, "{:?}", report.errors());
        made += sizes.calls;
    }
    account(&bridge, made, 0);

    // A worker that dies takes one call with it, which may have run. The others go on elsewhere, and nobody notices.
    let (mut failing, mut dying) = (0, 0);
    let healthy = closed_loop(sizes.calls, workers * 4, |_| tools.echo(data.clone()));
    let failures = async {
        for number in 1..=sizes.calls / FAILS {
            let died = number % (DIES / FAILS) == 0;
            let outcome = if died { tools.die().await } else { tools.fail().await };
            let code = outcome.map_or_else(|error| error.code().to_owned(), |()| "ok".to_owned());
            match (died, code.as_str()) {
                // A tool that kills one worker after the other is refused after a while, before it runs.
                (true, "worker_lost" | "circuit_open" | "poison") => dying += 1,
                (false, "tool") => failing += 1,
                other => panic!("an unexpected end of a call: {other:?}"),
            }
        }
    };
    let (report, ()) = tokio::join!(healthy, failures);
    println!("with {failing} failures and {dying} deaths: {report}");
    println!("{}; {} were lost", memory(&bridge), bridge.statistics().workers_lost);
    assert_eq!(report.succeeded(), sizes.calls, "{:?}", report.errors());
    account(&bridge, made + sizes.calls + failing + dying, failing + dying);
    bridge.shutdown().await
}
