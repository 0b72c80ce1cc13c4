//! How a bridge ends: in good order, at once, or when the program is asked to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Bridge;
use crate::error::{Error, Result};

/// What asks a program to end.
struct Requests {
    terminate: Signal,
    interrupt: Signal,
}

impl Requests {
    /// From now on they do nothing else.
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Bridge {
    /// Admits no more calls, answers those that wait with `ShuttingDown`, lets running ones finish for at most the
    /// drain time, then ends the workers and closes the session store. Calls and streams that still run then are cancelled
    /// and end with `ShuttingDown`. Can be called more than once.
    ///
    /// What runs may go on as before: a tool of the host that it calls is run, and may call Python again.
    ///
    /// # Errors
    /// When the session store has failed.
    pub async fn shutdown(&self) -> Result<()> {
        self.shared.shutdown().await
    }

    /// As [`shutdown`](Self::shutdown), waited for on this thread: see [`Call::wait`](crate::Call::wait) for where that is
    /// possible.
    ///
    /// # Errors
    /// As those of `shutdown`, and `InvalidArgument` where waiting is not possible.
    pub fn shutdown_blocking(&self) -> Result<()> {
        self.wait_for(self.shutdown())?
    }

    /// As [`shutdown`](Self::shutdown), without waiting for calls: workers are killed, and running calls end with
    /// `ShuttingDown`. A shutdown in good order that is under way ends by it.
    ///
    /// # Errors
    /// As those of `shutdown`.
    pub async fn shutdown_now(&self) -> Result<()> {
        self.shared.pools.kill();
        self.shutdown().await
    }

    /// Waits until the program is asked to end, by SIGTERM or by SIGINT (Ctrl-C), and then does a
    /// [`shutdown`](Self::shutdown); when it is asked again meanwhile, a [`shutdown_now`](Self::shutdown_now).
    ///
    /// Ctrl-C in a terminal reaches the host alone: workers are in process groups of their own.
    ///
    /// ```no_run
    /// use snakebridge::prelude::*;
    ///
    /// # async fn serve(bridge: &Bridge) -> Result<()> { std::future::pending().await }
    /// #[tokio::main]
    /// async fn main() -> Result<()> {
    ///     let bridge = Bridge::builder().adapter("snakebridge.adapters.showcase:ShowcaseAdapter").start().await?;
    ///     tokio::select! {
    ///         served = serve(&bridge) => served,
    ///         ended = bridge.shutdown_on_signal() => ended,
    ///     }
    /// }
    /// ```
    ///
    /// Both signals are this function's from its first poll on, and never again end the process by themselves: return from
    /// `main` when it has returned.
    ///
    /// # Errors
    /// As those of `shutdown`, and `Resource` when the signals cannot be listened to.
    pub async fn shutdown_on_signal(&self) -> Result<()> {
        let listening = {
            let _runtime = self.shared.runtime().enter();
            Requests::new()
        };
        let mut requests = listening.map_err(|error| Error::resource("cannot listen to signals", error))?;
        requests.next().await;
        tokio::select! {
            ended = self.shutdown() => return ended,
            () = requests.next() => {}
        }
        self.shutdown_now().await
    }
}
