//! The writing half: what is pending, who writes it, and how far it has come.

use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncWrite;

use super::Link;

/// Room that an emptied output buffer keeps; a burst's buffer is given back.
const KEEP: usize = 256 * 1024;

/// Pending output and the stream it goes to. Lives under the link's lock.
pub(super) struct Output {
    writer: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    pending: Vec<u8>,
    /// How much of `pending` is written.
    offset: usize,
    /// Bytes written before `pending`.
    before: u64,
    /// The writer task, once it has looked for work. Also the context of direct writes: when the pipe is full, it is
    /// the writer task that is woken when there is room.
    task: Waker,
    /// The pipe was full at the last try, so the writer task has a wake-up coming.
    blocked: bool,
}

impl Output {
    pub(super) fn new(writer: Box<dyn AsyncWrite + Send + Unpin>) -> Self {
        Self {
            writer: Some(writer),
            pending: Vec::new(),
            offset: 0,
            before: 0,
            task: Waker::noop().clone(),
            blocked: false,
        }
    }

    /// Lets `write` append whole frames.
    pub(super) fn append<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let result = write(&mut self.pending);
        if self.writer.is_none() {
            self.pending.clear();
            self.offset = 0;
        }
        result
    }

    /// The position behind everything appended so far.
    pub(super) fn end(&self) -> u64 {
        self.before + self.pending.len() as u64
    }

    /// The position behind everything written so far.
    pub(super) fn written(&self) -> u64 {
        self.before + self.offset as u64
    }

    /// Sees to it that what is pending gets written: at once if `direct`, else by the writer task in its turn.
    pub(super) fn flush(&mut self, direct: bool) {
        if self.blocked || self.pending.len() == self.offset {
            return;
        }
        if direct {
            let task = self.task.clone();
            // Whether or not all could be written, the writer task goes on from here.
            let _ = self.poll_write(&mut Context::from_waker(&task));
        } else {
            self.task.wake_by_ref();
        }
    }

    pub(super) fn close(&mut self) {
        self.writer = None;
        self.task.wake_by_ref();
    }

    /// Writes until nothing is pending (ready), or the pipe is full (pending, with a wake-up for `context`).
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.blocked = false;
        while self.offset < self.pending.len() {
            let Some(writer) = &mut self.writer else { break };
            match Pin::new(writer).poll_write(context, &self.pending[self.offset..]) {
                Poll::Ready(Ok(count)) if count > 0 => self.offset += count,
                Poll::Pending => {
                    self.blocked = true;
                    return Poll::Pending;
                }
                // The worker is gone or going. The reader, which has still something to read, reports it.
                Poll::Ready(_) => self.writer = None,
            }
        }
        self.before += self.offset as u64;
        self.offset = 0;
        self.pending.clear();
        self.pending.shrink_to(KEEP);
        Poll::Ready(())
    }
}

/// The writer task: writes whatever direct writers left. Ends with the connection.
pub(super) async fn run(link: Weak<Link>) {
    std::future::poll_fn(move |context| {
        let Some(link) = link.upgrade() else { return Poll::Ready(()) };
        let mut state = link.lock();
        let output = &mut state.output;
        if !output.task.will_wake(context.waker()) {
            output.task = context.waker().clone();
        }
        // Idle or blocked, the next wake-up comes through `task`.
        let _ = output.poll_write(context);
        if output.writer.is_none() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
