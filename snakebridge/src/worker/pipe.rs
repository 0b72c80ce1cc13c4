//! The worker's end of our reading pipe, with an end that comes when the worker ends.
//!
//! A process that the worker started may hold the pipe open for as long as it likes, so the end of the file is not the
//! end of the worker. Once the worker has exited, everything that it wrote is in the pipe; this source then reads what
//! is there without waiting, and says end of file.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::error::Exit;
use crate::link::Source;
use crate::seeded::{self, Bug};

/// Reads from a worker until it, or the pipe, ends.
pub(super) struct Output {
    pipe: pipe::Receiver,
    /// Ends when the process has ended.
    exited: Option<BoxFuture<'static, ()>>,
}

impl Output {
    pub(super) fn new(stdout: OwnedFd, mut exit: watch::Receiver<Option<Exit>>) -> io::Result<Self> {
        let exited = async move {
            // An error is the end of the watching task: nobody will report the exit, so the pipe alone decides.
            if exit.wait_for(Option::is_some).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        Ok(Self { pipe: pipe::Receiver::from_owned_fd(stdout)?, exited: Some(exited.boxed()) })
    }
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if seeded::has(Bug::EndBeforeDrain)
            && self.exited.as_mut().is_some_and(|exited| exited.poll_unpin(context).is_ready())
        {
            return Poll::Ready(Ok(()));
        }
        if self.exited.is_some()
            && let Poll::Ready(result) = Pin::new(&mut self.pipe).poll_read(context, buffer)
        {
            return Poll::Ready(result);
        }
        if let Some(exited) = &mut self.exited {
            ready!(exited.poll_unpin(context));
            self.exited = None;
        }
        // tokio remembers that the pipe was empty and would wait for news of it; the system knows better.
        let spare = buffer.initialize_unfilled();
        match rustix::io::read(&self.pipe, spare) {
            Ok(count) => {
                buffer.advance(count);
                Poll::Ready(Ok(()))
            }
            Err(rustix::io::Errno::AGAIN) => Poll::Ready(Ok(())),
            Err(rustix::io::Errno::INTR) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}

/// An answer that is there already is short, or it would not be.
const GLANCE: usize = 4 * 1024;

impl Source for Output {
    fn read_now(&mut self, buffer: &mut BytesMut) -> bool {
        let mut bytes = [0; GLANCE];
        // Past the runtime, which remembers that the pipe was empty. It will hear of what is read here, and find nothing.
        match rustix::io::read(&self.pipe, &mut bytes) {
            Ok(count) if count > 0 => {
                buffer.extend_from_slice(&bytes[..count]);
                true
            }
            // The end, and errors, are the reader task's to find.
            _ => false,
        }
    }
}
