//! Tools that print more than anybody reads. Rows D1, D11 and D12 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::telemetry::Record;
use snakebridge_tests::{eventually, host_memory, python_folder};

async fn unruly() -> Result<Bridge> {
    let builder = Bridge::builder().adapter("unruly_tools:UnrulyAdapter").python_path(python_folder());
    builder.workers(1).start().await
}

/// Lines that were told, or counted as dropped.
fn counted(bridge: &Bridge) -> u64 {
    let statistics = bridge.statistics();
    statistics.records + statistics.records_dropped
}

// D1
#[tokio::test]
async fn ten_megabytes_of_print_are_told_or_counted() -> Result<()> {
    let bridge = unruly().await?;
    assert_eq!(bridge.call::<u64>("prints", args! { lines: 10_000, length: 1000 }).await?, 10_000);
    eventually("ten thousand lines", || (counted(&bridge) >= 10_000).then_some(())).await;
    // How many are told is a matter of how soon the host comes to read.
    assert!(bridge.statistics().records > 0, "{:?}", bridge.statistics());
    bridge.shutdown().await
}

// D11
#[tokio::test]
async fn a_flood_neither_stops_its_worker_nor_grows_the_host() -> Result<()> {
    /// Mebibytes: some in the gate, a thousand with `SNAKEBRIDGE_FLOOD=1000`.
    const FLOOD: u64 = 100;
    let mebibytes = std::env::var("SNAKEBRIDGE_FLOOD").map_or(FLOOD, |text| text.parse().unwrap());
    let bridge = unruly().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    let flood = |times: u64| {
        let lines = snakebridge::Value::Bytes([&[b'x'; 1023][..], b"\n"].concat().repeat(1024).into());
        bridge.call::<u64>("writes", args! { descriptor: 2, data: lines, times: times })
    };
    flood(2).await?;
    let before = host_memory("VmRSS");
    assert_eq!(flood(mebibytes).timeout(Duration::from_secs(600)).await?, mebibytes << 20);
    let after = host_memory("VmRSS");
    assert!(after <= before + (4 << 10), "{before} KiB before, {after} KiB after {mebibytes} MiB");
    eventually("all lines", || (counted(&bridge) >= (mebibytes + 2) * 1024).then_some(())).await;
    assert!(bridge.statistics().records_dropped > 0);
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
    bridge.shutdown().await
}

// D12
#[tokio::test]
async fn a_line_without_an_end_is_cut_and_bytes_that_are_no_text_are_shown_as_well_as_can_be() -> Result<()> {
    let bridge = unruly().await?;
    let mut records = bridge.records();
    let write = |data: &[u8], times: u64| {
        let data = snakebridge::Value::Bytes(data.to_vec().into());
        bridge.execute("writes", args! { descriptor: 2, data: data, times: times })
    };
    write(b"nul \0, no text \xff\xfe, \x1b[2J\x1b]8;;http://evil\x07, \r\nlevel=ERROR forged\n", 1).await?;
    for expected in
        ["nul \\u{0}, no text \u{fffd}\u{fffd}, \\u{1b}[2J\\u{1b}]8;;http://evil\\u{7}, ", "level=ERROR forged"]
    {
        loop {
            if let Record::Log(log) = records.recv().await.unwrap()
                && log.message == expected
            {
                break;
            }
        }
    }
    let before = counted(&bridge);
    write(&b"y".repeat(1 << 20), 20).await?;
    // 20 MiB in lines of 8 KiB.
    eventually("2560 lines", || (counted(&bridge) >= before + 2560).then_some(())).await;
    let longest = std::iter::from_fn(|| match records.try_recv() {
        Ok(Record::Log(log)) => Some(log.message.len()),
        // What is missed when too much comes is like what was told.
        Ok(_) | Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => Some(0),
        Err(_) => None,
    });
    assert_eq!(longest.max(), Some(8 << 10));
    bridge.shutdown().await
}
