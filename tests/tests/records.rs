//! What Python logs, prints and measures, as records with the call they belong to.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::telemetry::{Event, Level, Log, Record, ToolEvent};
use snakebridge_tests::{eventually, host_memory, python_folder};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

fn telling() -> snakebridge::Builder {
    let builder = Bridge::builder().adapter("telling_tools:TellingAdapter").python_path(python_folder());
    builder.workers(1).create_sessions()
}

/// What was told since, up to now: a call's records come before its answer.
fn told(records: &mut Receiver<Record>) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        match records.try_recv() {
            Ok(record) => all.push(record),
            Err(TryRecvError::Lagged(_)) => {}
            Err(_) => return all,
        }
    }
}

fn logs(records: &mut Receiver<Record>) -> Vec<Log> {
    let told = told(records).into_iter();
    told.filter_map(|record| if let Record::Log(log) = record { Some(log) } else { None }).collect()
}

fn messages(records: &mut Receiver<Record>) -> Vec<String> {
    logs(records).into_iter().map(|log| log.message).collect()
}

#[tokio::test]
async fn logs_come_before_the_answer_with_level_logger_source_and_call() -> Result<()> {
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    let call = bridge.call::<()>("log", args! {}).session("demo").correlation_id("trace-1");
    call.await?;

    let logs = logs(&mut records);
    let [debug, info, warning, error] = &logs[..] else { panic!("{logs:#?}") };
    for log in &logs {
        assert_eq!((&*log.origin.pool, log.origin.worker), ("default", 1));
        assert_eq!(log.origin.tool.as_deref(), Some("log"));
        assert_eq!(log.origin.session.as_deref(), Some("demo"));
        assert_eq!(log.origin.correlation_id.as_deref(), Some("trace-1"));
        assert!(log.file.as_deref().unwrap().ends_with("telling_tools.py") && log.line.unwrap() > 1);
        assert_eq!((log.function.as_deref(), log.is_output, &log.thread), (Some("log"), false, &None));
        assert!(log.time.unwrap().elapsed().is_ok_and(|age| age < Duration::from_secs(600)));
    }
    assert_eq!((debug.level, &*debug.logger, &*debug.message), (Level::Debug, "shop.deep", "looked for tea"));
    assert_eq!((info.level, &*info.logger, &*info.message), (Level::Info, "shop", "sold 3"));
    assert_eq!((&info.fields["item"], &info.fields["customer"]), (&Value::from("tea"), &Value::from("<object>")));
    assert_eq!((warning.level, &*warning.message), (Level::Warn, "no tea left"));
    assert_eq!((error.level, &*error.message), (Level::Error, "cannot sell"));
    let exception = error.exception.as_ref().unwrap();
    assert_eq!((&*exception.type_name, &*exception.message), ("KeyError", "'TEA'"));
    assert!(exception.traceback.as_deref().unwrap().contains("os.environ[\"TEA\"]"));
    bridge.shutdown().await
}

#[tokio::test]
async fn loggers_without_a_level_have_that_of_the_builder() -> Result<()> {
    for (level, count) in [(None, 1), (Some(Level::Info), 2), (Some(Level::Debug), 3)] {
        let builder = match level {
            Some(level) => telling().log_level(level),
            None => telling(),
        };
        let bridge = builder.start().await?;
        let mut records = bridge.records();
        bridge.call::<()>("log_by_root", args! {}).await?;
        let told = logs(&mut records).into_iter().filter(|log| log.logger == "plain").count();
        assert_eq!(told, count, "{level:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn handlers_of_pythons_own_write_to_files_and_say_nothing_twice() -> Result<()> {
    let bridge = telling().start().await?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.log");
    let mut records = bridge.records();
    bridge.call::<()>("log_with_handlers", args! { path: path.to_str().unwrap() }).await?;
    assert_eq!(messages(&mut records), ["everywhere"]);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "everywhere\n");
    bridge.shutdown().await
}

#[tokio::test]
async fn warnings_are_records_with_their_place() -> Result<()> {
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    bridge.call::<()>("warn", args! {}).await?;
    let logs = logs(&mut records);
    let [odd] = &logs[..] else { panic!("{logs:#?}") };
    assert_eq!((odd.level, &*odd.logger, &*odd.message), (Level::Warn, "py.warnings", "RuntimeWarning: odd"));
    assert!(odd.file.as_deref().unwrap().ends_with("telling_tools.py") && odd.line.is_some());
    bridge.shutdown().await
}

#[tokio::test]
async fn what_is_printed_is_a_record_a_line_with_its_call() -> Result<()> {
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    bridge.call::<()>("say", args! { text: "two\nlines" }).correlation_id("trace-2").await?;
    let logs = logs(&mut records);
    let lines: Vec<_> = logs.iter().map(|log| (&*log.logger, &*log.message)).collect();
    assert_eq!(lines, [("stdout", "two"), ("stdout", "lines"), ("stdout", "in pieces"), ("stderr", "to stderr")]);
    for log in &logs {
        assert!(log.is_output && log.level == Level::Info);
        assert_eq!(log.origin.tool.as_deref(), Some("say"));
        assert_eq!(log.origin.correlation_id.as_deref(), Some("trace-2"));
    }

    bridge.call::<()>("say_past_python", args! {}).await?;
    for line in ["written to 1", "written to 2", "from C"] {
        let log = eventually(line, || logs_with(&mut records, line)).await;
        assert_eq!((&*log.logger, log.is_output, log.origin.tool), ("stderr", true, None), "of no known call");
    }
    bridge.shutdown().await
}

fn logs_with(records: &mut Receiver<Record>, message: &str) -> Option<Log> {
    loop {
        match records.try_recv() {
            Ok(Record::Log(log)) if log.message == message => return Some(log),
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            Err(_) => return None,
        }
    }
}

#[tokio::test]
async fn tools_that_take_turns_on_a_loop_are_told_apart() -> Result<()> {
    let bridge = telling().profile(snakebridge::Profile::Async).start().await?;
    let mut records = bridge.records();
    let call = |word: &'static str| bridge.call::<()>("say_slowly", args! { word: word }).correlation_id(word);
    tokio::try_join!(call("one"), call("two"), call("three"))?;
    let logs = logs(&mut records);
    assert_eq!(logs.len(), 9, "{logs:#?}");
    for log in logs {
        let word = log.message.split(' ').next().unwrap();
        assert_eq!(log.origin.correlation_id.as_deref(), Some(word), "{}", log.message);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn what_belongs_to_no_call_is_told_of_the_worker_alone() -> Result<()> {
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    bridge.call::<()>("say_in_thread", args! {}).await?;
    let log = logs_with(&mut records, "from nowhere").unwrap();
    assert_eq!((log.origin.worker, log.origin.tool, log.origin.correlation_id), (1, None, None));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_forked_child_prints_and_logs_to_the_workers_standard_error() -> Result<()> {
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    assert_eq!(bridge.call::<String>("say_in_a_fork", args! {}).await?, "0");
    for line in ["a child prints", "a child logs"] {
        eventually(line, || logs_with(&mut records, line)).await;
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_without_a_correlation_id_has_one_that_is_made_up_and_keeps_it_when_it_is_repeated() -> Result<()> {
    let folder = tempfile::TempDir::new().unwrap();
    let ids = folder.path().join("ids");
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    let error = bridge.execute("die_and_fail", args! { ids: ids.to_str().unwrap() }).await.unwrap_err();
    assert_eq!((error.code(), error.attempts(), error.worker()), ("tool", 2, Some(2)));
    let made_up = error.correlation_id().unwrap();
    let log = logs(&mut records).into_iter().find(|log| log.message == "it goes wrong").unwrap();
    assert_eq!(log.origin.correlation_id.as_deref(), Some(made_up));
    assert_eq!(std::fs::read_to_string(&ids).unwrap(), format!("{made_up}\n").repeat(2));

    let error = bridge.execute("no_such_tool", args! {}).correlation_id("mine").await.unwrap_err();
    assert_eq!(error.correlation_id(), Some("mine"), "also where no worker saw the call");
    bridge.shutdown().await
}

#[tokio::test]
async fn events_of_telemetry_have_any_name_and_the_call_they_were_told_in() -> Result<()> {
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    let seen: Option<String> = bridge.call("measure", args! {}).session("demo").correlation_id("trace-3").await?;
    assert_eq!(seen.as_deref(), Some("trace-3"));
    let told = told(&mut records).into_iter();
    let events: Vec<ToolEvent> =
        told.filter_map(|record| if let Record::Event(event) = record { Some(event) } else { None }).collect();
    let [start, inner, stop, other] = &events[..] else { panic!("{events:#?}") };
    assert_eq!((&*start.name, &*stop.name), ("shop.sale.start", "shop.sale.stop"));
    assert!(stop.measurements["duration"].as_i64().unwrap() > 0);
    assert_eq!(stop.metadata["item"], Value::from("tea"));
    assert_eq!(inner.name, "any.name at all");
    assert_eq!((inner.measurements["count"].as_i64(), &inner.metadata["object"]), (Some(2), &Value::from("<object>")));
    assert_eq!(inner.origin.correlation_id.as_deref(), Some("trace-3"));
    assert_eq!(other.origin.correlation_id.as_deref(), Some("of my own"));
    for event in &events {
        assert_eq!((event.origin.tool.as_deref(), event.origin.session.as_deref()), (Some("measure"), Some("demo")));
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn the_last_words_of_a_worker_that_crashes_are_told_and_stand_in_the_error() -> Result<()> {
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    let error = bridge.call::<()>("say_and_die", args! {}).await.unwrap_err();
    let text = error.to_string();
    for words in ["last words", "last log", "Fatal Python error: Segmentation fault", "in say_and_die"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(messages(&mut records).iter().any(|message| message == "last words"));
    bridge.shutdown().await
}

// E17: the worker bounds itself, and so does the host.
#[tokio::test]
async fn a_tool_that_says_too_much_is_heard_in_part_and_neither_slowed_nor_replaced() -> Result<()> {
    let bridge = telling().start().await?;
    let mut events = bridge.events();
    for kind in ["log", "print", "telemetry"] {
        bridge.call::<()>("flood", args! { lines: 20_000, kind: kind }).await?;
        bridge.call::<()>("say", args! {}).await?;
    }
    let statistics = bridge.statistics();
    assert!(statistics.records_dropped > 0, "{statistics:?}");
    // Each was told, or counted as dropped; and `initialize` told one.
    assert_eq!(statistics.records + statistics.records_dropped, 3 * (20_000 + 3) + 1);
    let lost = std::iter::from_fn(|| events.try_recv().ok()).any(|event| matches!(event, Event::WorkerLost { .. }));
    assert!(!lost, "a worker that talks is a healthy one");
    assert!(host_memory("VmRSS") < 400 << 10);
    bridge.shutdown().await
}

// D11
#[tokio::test]
async fn a_flood_of_standard_error_is_read_to_its_end_and_told_in_part() -> Result<()> {
    let bridge = telling().start().await?;
    bridge.call::<()>("say", args! {}).await?;
    let before = host_memory("VmRSS");
    // 32 MB: half a million lines.
    bridge.call::<()>("flood", args! { lines: 5_000, kind: "descriptor" }).await?;
    let statistics = eventually("the end of the flood", || {
        let statistics = bridge.statistics();
        (statistics.records + statistics.records_dropped >= 500_000).then_some(statistics)
    });
    assert!(statistics.await.records_dropped > 400_000);
    let grown = host_memory("VmRSS").saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB");
    bridge.shutdown().await
}

// M9
#[tokio::test]
async fn a_full_disk_under_a_log_fails_no_call_and_silences_no_record() -> Result<()> {
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    bridge.call::<()>("log_with_handlers", args! { path: "/dev/full" }).await?;
    let messages = messages(&mut records);
    assert_eq!(messages[0], "everywhere");
    assert!(messages.iter().any(|message| message.contains("No space left on device")), "{messages:#?}");
    bridge.shutdown().await
}

#[tokio::test]
async fn drops_are_told_also_when_the_worker_says_no_more() -> Result<()> {
    let bridge = telling().health_interval(Duration::from_millis(50)).start().await?;
    let mut records = bridge.records();
    // The first drop is told at once, and those that follow within a second not yet. Again and again: a flood may have ended
    // with records that were taken, the first of which told of the drops before it.
    let rest = loop {
        bridge.call::<()>("flood", args! { lines: 20_000 }).await?;
        told(&mut records);
        if let Ok(rest) = tokio::time::timeout(Duration::from_secs(3), records.recv()).await {
            break rest.unwrap();
        }
    };
    let Record::Dropped { worker: 1, count, .. } = rest else { panic!("{rest:#?}") };
    assert!(0 < count && count < bridge.statistics().records_dropped);
    bridge.shutdown().await
}

#[tokio::test]
async fn drops_are_told_with_their_number() -> Result<()> {
    let bridge = telling().start().await?;
    let mut records = bridge.records();
    let mut listener = tokio::spawn(async move {
        loop {
            match records.recv().await {
                Ok(Record::Dropped { pool, worker, count, .. }) => return (pool, worker, count),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => panic!("no drop was told"),
            }
        }
    });
    // Again and again: whoever lags behind may have lost the very record that tells of it.
    let (pool, worker, count) = loop {
        bridge.call::<()>("flood", args! { lines: 20_000 }).await?;
        if let Ok(told) = tokio::time::timeout(Duration::from_millis(300), &mut listener).await {
            break told.unwrap();
        }
    };
    assert_eq!((&*pool, worker), ("default", 1));
    assert!(0 < count && count <= bridge.statistics().records_dropped);
    bridge.shutdown().await
}
