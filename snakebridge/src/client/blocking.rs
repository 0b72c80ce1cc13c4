//! Waiting on a thread, for programs that are not asynchronous.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::error::{Error, Result};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Parks this thread until `future` is ready. Works on every thread, inside other executors too.
fn park_until<F: Future>(future: F) -> F::Output {
    // Outside a task there are no turns to take with others, and nobody to give the next one.
    let mut future = pin!(tokio::task::coop::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Waits for `future`, which others drive on `runtime`. Refused where they might be waiting for this very thread.
pub(crate) fn wait_for<F: Future>(runtime: &Handle, future: F) -> Result<F::Output> {
    if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
        return Err(Error::invalid_argument(
            "waiting on a thread for a bridge whose runtime has one thread, which may be this one: `.await` it, or start \
             the bridge with `.own_runtime()` or `.start_blocking()`",
        ));
    }
    let in_many_threads =
        Handle::try_current().is_ok_and(|current| current.runtime_flavor() == RuntimeFlavor::MultiThread);
    // There, other tasks are moved away from this thread first.
    Ok(if in_many_threads { tokio::task::block_in_place(|| park_until(future)) } else { park_until(future) })
}
