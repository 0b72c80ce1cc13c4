//! Tools of which only so many calls run at a time. A wait for a place that could never end is refused when it begins.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::generated::stream;
use super::{Answer, Descriptor, HostTool, States, ToolContext};
use crate::deadlock::{Claim, Resource, Waits};
use crate::error::{Error, ErrorKind, Executed, Result};
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

tokio::task_local! {
    /// The place of the call that the current task runs.
    static PLACE: Arc<OwnedSemaphorePermit>;
}

/// `work`, which goes on when nobody waits for it any more: its call's place is not free before it ends.
pub(super) fn in_place<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let place = PLACE.try_with(Arc::clone).ok();
    move || {
        let result = work();
        drop(place);
        result
    }
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
        let limit = Arc::as_ptr(&self.places).addr();
        let waits = Arc::clone(&context.waits);
        let chain = context.chain.as_ref().map_or_else(|| waits.stranger(), Chain::key);
        Entrance {
            places: Arc::clone(&self.places),
            resource: Resource::Permit { limit, units: self.calls },
            name: Arc::clone(&self.name),
            waits,
            chain,
        }
    }
}

impl Entrance {
    /// Waits for a place, which is kept until what this returns is dropped. The claim is what other chains see of that: it
    /// ends with the caller, because the chain does not wait for a thread that it has left behind in its place.
    async fn enter(self) -> Result<(Arc<OwnedSemaphorePermit>, Option<Claim>)> {
        let Self { places, resource, name, waits, chain } = self;
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Ok((Arc::new(place), waits.hold(chain, resource, 1)));
        }
        let claim = waits.wait(chain, resource, 1, &format!("a place in tool `{name}`"))?;
        // Nobody closes the semaphore.
        let closed = |_| Error::new(ErrorKind::ShuttingDown, Executed::Never);
        let place = places.acquire_owned().await.map_err(closed)?;
        if let Some(claim) = &claim {
            claim.set_waiting(false);
        }
        Ok((Arc::new(place), claim))
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
                let (place, _claim) = entrance.enter().await?;
                PLACE.scope(place, value).await
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
    use std::sync::{Mutex, mpsc};
    use std::time::Duration;

    use futures::StreamExt;
    use futures::future::join_all;

    use super::*;
    use crate::tools::generated::blocking;

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

    /// Blocks its thread until it may go on.
    struct Blocking {
        running: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
        /// Closed when they may end.
        door: Arc<Mutex<mpsc::Receiver<()>>>,
    }

    impl HostTool for Blocking {
        fn descriptor(&self) -> Descriptor {
            let mut descriptor = Descriptor::new("blocking");
            descriptor.max_concurrency = Some(2);
            descriptor
        }

        fn call(&self, _: ToolContext, _: Bytes) -> Answer {
            let (running, most, door) = (Arc::clone(&self.running), Arc::clone(&self.most), Arc::clone(&self.door));
            Answer::Value(Box::pin(blocking(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Ends when the sender is dropped.
                let _ = door.lock().unwrap().recv();
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(Bytes::new())
            })))
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_thread_that_its_caller_has_left_keeps_its_place_until_it_ends() {
        let (running, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (open, door) = mpsc::channel();
        let door = Arc::new(Mutex::new(door));
        let tool = Arc::new(Blocking { running: Arc::clone(&running), most: Arc::clone(&most), door });
        let descriptor = tool.descriptor();
        let tool = limited(tool, &descriptor);
        let call = || match tool.call(ToolContext::default(), Bytes::new()) {
            Answer::Value(value) => tokio::spawn(value),
            Answer::Stream(_) => panic!("it answers with a value"),
        };
        let given_up = [call(), call()];
        while running.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        for call in given_up {
            call.abort();
            assert!(call.await.unwrap_err().is_cancelled());
        }
        let mut others: Vec<_> = (0..4).map(|_| call()).collect();
        // One of them alone would begin at once, had it a place.
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut others[0]).await.is_err());
        assert_eq!((running.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (2, 2));
        drop(open);
        for other in others {
            other.await.unwrap().unwrap();
        }
        // The threads that were left behind may be the last.
        while running.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
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
