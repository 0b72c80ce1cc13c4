//! Tools of which only so many calls run at a time. A wait for a place that could never end is refused when it begins.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::generated::stream;
use super::{Answer, Descriptor, HostTool, States, ToolContext};
use crate::deadlock::{Claim, Resource, Waits};
use crate::error::Result;
use crate::link::Chain;

/// A tool, and the places that its calls wait for, first come first served. Who is cancelled or too late leaves the queue.
struct Limited {
    tool: Arc<dyn HostTool>,
    places: Arc<Semaphore>,
    /// How many there are.
    calls: usize,
    /// What messages call it by.
    name: Arc<str>,
}

/// One call's way to its place.
struct Entrance {
    places: Arc<Semaphore>,
    resource: Resource,
    name: Arc<str>,
    waits: Arc<Waits>,
    chain: u64,
}

/// The tool, limited as its descriptor says.
pub(super) fn limited(tool: Arc<dyn HostTool>, descriptor: &Descriptor) -> Arc<dyn HostTool> {
    match descriptor.max_concurrency {
        Some(calls) => {
            let calls = calls.min(Semaphore::MAX_PERMITS);
            let name = Arc::from(&*descriptor.name);
            Arc::new(Limited { tool, places: Arc::new(Semaphore::new(calls)), calls, name })
        }
        None => tool,
    }
}

impl Limited {
    fn entrance(&self, context: &ToolContext) -> Entrance {
        let tool = Arc::as_ptr(&self.places).addr();
        let waits = Arc::clone(&context.waits);
        let chain = context.chain.as_ref().map_or_else(|| waits.stranger(), Chain::key);
        Entrance {
            places: Arc::clone(&self.places),
            resource: Resource::Permit { tool, units: self.calls },
            name: Arc::clone(&self.name),
            waits,
            chain,
        }
    }
}

impl Entrance {
    /// Waits for a place, which is kept until what this returns is dropped.
    async fn enter(self) -> Result<(Option<OwnedSemaphorePermit>, Option<Claim>)> {
        let Self { places, resource, name, waits, chain } = self;
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Ok((Some(place), waits.hold(chain, resource)));
        }
        let claim = waits.wait(chain, resource, &format!("a place in tool `{name}`"))?;
        // Nobody closes the semaphore, so there is a place in the end.
        let place = places.acquire_owned().await.ok();
        if let Some(claim) = &claim {
            claim.set_waiting(false);
        }
        Ok((place, claim))
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
        let entrance = self.entrance(&context);
        // The answer does nothing until it is polled.
        match self.tool.call(context, arguments) {
            Answer::Value(value) => Answer::Value(Box::pin(async move {
                let _place = entrance.enter().await?;
                value.await
            })),
            Answer::Stream(items) => Answer::Stream(Box::pin(stream(move |yielder| async move {
                let _place = entrance.enter().await?;
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
