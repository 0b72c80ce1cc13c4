//! Tools of which only so many calls run at a time.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::generated::stream;
use super::{Answer, Descriptor, HostTool, States, ToolContext};

/// A tool, and the places that its calls wait for, first come first served. Who is cancelled or too late leaves the queue.
struct Limited {
    tool: Arc<dyn HostTool>,
    places: Arc<Semaphore>,
}

/// The tool, limited as its descriptor says.
pub(super) fn limited(tool: Arc<dyn HostTool>, descriptor: &Descriptor) -> Arc<dyn HostTool> {
    match descriptor.max_concurrency {
        Some(calls) => Arc::new(Limited { tool, places: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))) }),
        None => tool,
    }
}

impl HostTool for Limited {
    fn descriptor(&self) -> Descriptor {
        self.tool.descriptor()
    }

    fn missing_states(&self, states: &States) -> Vec<&'static str> {
        self.tool.missing_states(states)
    }

    fn call(&self, context: ToolContext, arguments: Bytes) -> Answer {
        let places = Arc::clone(&self.places);
        // Nobody closes the semaphore, so there is a place in the end. The answer does nothing until it is polled.
        match self.tool.call(context, arguments) {
            Answer::Value(value) => Answer::Value(Box::pin(async move {
                let _place = places.acquire_owned().await;
                value.await
            })),
            Answer::Stream(items) => Answer::Stream(Box::pin(stream(move |yielder| async move {
                let _place = places.acquire_owned().await;
                yielder.pass(items, |item| item).await
            }))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::StreamExt;
    use futures::future::join_all;

    use super::*;

    /// Counts how many of its calls run.
    struct Counting {
        streams: bool,
        running: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    impl HostTool for Counting {
        fn descriptor(&self) -> Descriptor {
            let mut descriptor = Descriptor::new("counting");
            descriptor.max_concurrency = Some(2);
            descriptor
        }

        fn call(&self, _: ToolContext, _: Bytes) -> Answer {
            let (running, most) = (Arc::clone(&self.running), Arc::clone(&self.most));
            let run = async move {
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                running.fetch_sub(1, Ordering::Relaxed);
                Ok(Bytes::new())
            };
            if self.streams {
                Answer::Stream(Box::pin(futures::stream::once(run)))
            } else {
                Answer::Value(Box::pin(run))
            }
        }
    }

    #[tokio::test]
    async fn no_more_calls_run_than_the_tool_says_and_all_run_in_the_end() {
        for streams in [false, true] {
            let most = Arc::new(AtomicUsize::new(0));
            let tool = Arc::new(Counting { streams, running: Arc::default(), most: Arc::clone(&most) });
            let descriptor = tool.descriptor();
            let tool = limited(tool, &descriptor);
            let calls = (0..7).map(|_| async {
                match tool.call(ToolContext::default(), Bytes::new()) {
                    Answer::Value(value) => value.await.is_ok(),
                    Answer::Stream(items) => items.all(async |item| item.is_ok()).await,
                }
            });
            assert_eq!(join_all(calls).await, [true; 7]);
            assert_eq!(most.load(Ordering::Relaxed), 2);
        }
    }
}
