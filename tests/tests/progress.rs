//! How far calls are, as their tools tell it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::{Arc, Mutex};

use snakebridge::prelude::*;
use snakebridge::{Progress, ToolContext};
use snakebridge_tests::python_folder;

fn telling() -> snakebridge::Builder {
    Bridge::builder().adapter("telling_tools:TellingAdapter").python_path(python_folder()).workers(1)
}

/// Keeps what it hears.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Progress>>>);

impl Heard {
    fn hears(&self) -> impl FnMut(Progress) + Send + 'static {
        let heard = Arc::clone(&self.0);
        move |progress| heard.lock().unwrap().push(progress)
    }

    fn all(&self) -> Vec<Progress> {
        self.0.lock().unwrap().clone()
    }

    fn last(&self) -> Progress {
        self.all().pop().unwrap()
    }
}

#[tokio::test]
async fn the_last_step_is_always_heard_and_steps_come_in_order() -> Result<()> {
    let bridge = telling().start().await?;
    let heard = Heard::default();
    let call = bridge.call::<String>("come_on", args! { steps: 4, pause: 0.05 }).on_progress(heard.hears());
    assert_eq!(call.await?, "there");
    let all = heard.all();
    assert!(all.is_sorted_by(|one, next| one.fraction < next.fraction), "{all:?}");
    assert!(all.len() > 1, "while it runs, not only at its end: {all:?}");
    let last = heard.last();
    assert_eq!((last.done, last.total, last.fraction), (Some(4.0), Some(4.0), Some(1.0)));
    assert_eq!(last.message.as_deref(), Some("step 4"));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_hundred_thousand_steps_cost_no_record_and_no_worker_and_the_last_one_counts() -> Result<()> {
    let bridge = telling().start().await?;
    let heard = Heard::default();
    bridge.call::<String>("come_on", args! { steps: 100_000 }).on_progress(heard.hears()).await?;
    assert_eq!(heard.last().done, Some(100_000.0));
    assert_eq!(bridge.statistics().records_dropped, 0);
    assert_eq!(bridge.statistics().workers_lost, 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn it_is_told_on_the_loop_and_on_threads_as_well() -> Result<()> {
    let bridge = telling().start().await?;
    let heard = Heard::default();
    bridge.call::<()>("come_on_asynchronously", args! {}).on_progress(heard.hears()).await?;
    assert_eq!((heard.last().fraction, heard.last().message.as_deref()), (Some(0.75), Some("nearly")));
    bridge.call::<()>("come_on_in_a_thread", args! {}).on_progress(heard.hears()).await?;
    assert_eq!((heard.last().fraction, heard.last().done, heard.last().total), (None, Some(7.0), None));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_stream_tells_it_between_its_items() -> Result<()> {
    let bridge = telling().start().await?;
    let heard = Heard::default();
    let stream = bridge.stream::<i64>("come_on_item_by_item", args! { items: 3 }).on_progress(heard.hears());
    let items: Vec<_> = stream.map(|item| item.unwrap()).collect().await;
    assert_eq!((items, heard.last().done), (vec![0, 1, 2], Some(2.0)));
    bridge.shutdown().await
}

/// Works for Python, which waits.
#[tool]
fn host_works(context: &ToolContext) {
    context.progress(Progress::of(1.0, 2.0).with_message("in Rust"));
}

#[tokio::test]
async fn what_a_rust_tool_tells_is_heard_by_the_caller_of_its_caller() -> Result<()> {
    let bridge = telling().tools(tools![host_works]).start().await?;
    let heard = Heard::default();
    bridge.call::<()>("lets_the_host_work", args! {}).on_progress(heard.hears()).await?;
    assert_eq!((heard.last().fraction, heard.last().message.as_deref()), (Some(0.5), Some("in Rust")));
    bridge.shutdown().await
}

#[tokio::test]
async fn an_answered_call_tells_nothing_any_more() -> Result<()> {
    let bridge = telling().start().await?;
    bridge.call::<()>("keep_context", args! {}).await?;
    let heard = Heard::default();
    bridge.call::<()>("come_on_too_late", args! {}).on_progress(heard.hears()).await?;
    assert_eq!(heard.all(), []);
    bridge.shutdown().await
}
