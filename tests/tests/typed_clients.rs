//! `#[python_tool]` traits against real workers.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge_tests::Ledger;

#[python_tool(adapter = "ledger_tools:LedgerAdapter")]
trait Tools {
    async fn work(&self, call: u64, seconds: Option<f64>) -> Result<u64>;

    #[py(idempotent, timeout = "5s")]
    async fn work_again(&self, call: u64, seconds: Option<f64>) -> Result<u64>;

    #[py(name = "echo")]
    async fn echo_text(&self, #[py(name = "value")] text: &str) -> Result<String>;

    async fn size(&self, data: Bytes) -> Result<usize>;

    async fn blob(&self, size: usize) -> Result<Bytes>;

    fn count(&self, n: u64) -> impl Stream<Item = Result<u64>>;
}

async fn client(ledger: &Ledger) -> Result<(Bridge, ToolsClient)> {
    let bridge = ledger.tools().client::<ToolsClient>().workers(1).start().await?;
    let client = bridge.client::<ToolsClient>()?;
    Ok((bridge, client))
}

#[tokio::test]
async fn methods_are_calls_with_types_defaults_and_options() -> Result<()> {
    let ledger = Ledger::new();
    let (bridge, tools) = client(&ledger).await?;
    assert_eq!(tools.work(7, None).await?, 49);
    let session = bridge.session("s").await?;
    assert_eq!(tools.echo_text("hello").session(&session).await?, "hello");
    assert_eq!(tools.size(Bytes::from_static(b"12345")).await?, 5);
    assert_eq!(tools.blob(3).await?[..], [0, 0, 0]);
    let error = tools.work(8, Some(60.0)).timeout(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(error.code(), "deadline_exceeded");
    bridge.shutdown().await
}

#[tokio::test]
async fn calls_are_futures_to_join_spawn_and_race() -> Result<()> {
    let ledger = Ledger::new();
    let (bridge, tools) = client(&ledger).await?;
    let (a, b) = tokio::try_join!(tools.work(2, None), tools.work(3, None))?;
    assert_eq!((a, b), (4, 9));
    assert_eq!(tokio::spawn(tools.work(4, None)).await.unwrap()?, 16);
    bridge.shutdown().await
}

#[tokio::test]
async fn streams_are_streams() -> Result<()> {
    let ledger = Ledger::new();
    let (bridge, tools) = client(&ledger).await?;
    let items: Vec<u64> = tools.count(5).collect::<Vec<_>>().await.into_iter().collect::<Result<_>>()?;
    assert_eq!(items, [0, 1, 2, 3, 4]);
    bridge.shutdown().await
}

/// Code written against the trait runs with the client and with a fake.
async fn sum_of_squares(tools: &impl Tools, n: u64) -> Result<u64> {
    let mut sum = 0;
    for call in 0..n {
        sum += tools.work(call, None).await?;
    }
    Ok(sum)
}

struct Fake;

impl Tools for Fake {
    async fn work(&self, call: u64, _: Option<f64>) -> Result<u64> {
        Ok(call * call)
    }
    async fn work_again(&self, call: u64, _: Option<f64>) -> Result<u64> {
        Ok(call * call)
    }
    async fn echo_text(&self, text: &str) -> Result<String> {
        Ok(text.to_owned())
    }
    async fn size(&self, data: Bytes) -> Result<usize> {
        Ok(data.len())
    }
    async fn blob(&self, size: usize) -> Result<Bytes> {
        Ok(vec![0; size].into())
    }
    fn count(&self, n: u64) -> impl Stream<Item = Result<u64>> + use<> {
        futures::stream::iter((0..n).map(Ok))
    }
}

#[tokio::test]
async fn a_fake_stands_in_for_the_client() -> Result<()> {
    let ledger = Ledger::new();
    let (bridge, tools) = client(&ledger).await?;
    assert_eq!(sum_of_squares(&tools, 4).await?, sum_of_squares(&Fake, 4).await?);
    bridge.shutdown().await
}

#[python_tool]
trait Misfit {
    async fn wrok(&self, call: u64) -> Result<u64>;
    async fn work(&self, call: u64, secnods: f64) -> Result<u64>;
    async fn count(&self, n: u64) -> Result<u64>;
    fn pid(&self) -> impl Stream<Item = Result<u32>>;
}

#[tokio::test]
async fn a_client_that_does_not_fit_the_adapter_is_refused_with_every_misfit() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let error = bridge.client::<MisfitClient>().unwrap_err();
    assert_eq!(error.code(), "manifest_mismatch");
    for part in [
        "`work` has no parameter `secnods`; did you mean `seconds`?",
        "no tool `wrok`; did you mean `work`?",
        "`count` is a stream in Python",
        "`pid` is no stream",
    ] {
        assert!(error.to_string().contains(part), "`{part}` in: {error}");
    }
    bridge.shutdown().await
}
