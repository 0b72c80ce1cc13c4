//! The writing half: what is pending, who writes it, and how far it has come.

use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncWrite;

use super::{Control, Link};

/// Room that an emptied output buffer keeps; a burst's buffer is given back.
const KEEP: usize = 256 * 1024;
/// Unread answers beyond this are a flood: a worker that asks and does not listen. Generous, because answers may be as
/// large as frames and a worker may have many calls to the host in flight.
const UNREAD_ANSWERS: usize = 32 * 1024 * 1024;

/// Pending output and the stream it goes to. Lives under the link's lock.
pub(super) struct Output {
    writer: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    pending: Vec<u8>,
    /// How much of `pending` is written.
    offset: usize,
    /// Bytes written before `pending`.
    before: u64,
    /// Bytes of answers to the worker since everything was last written.
    answers: usize,
    /// The writer task, once it has looked for work. Also the context of direct writes: when the pipe is full, it is
    /// the writer task that is woken when there is room.
    task: Waker,
    /// The pipe was full at the last try, so the writer task has a wake-up coming.
    blocked: bool,
    failed: Option<WriteFailure>,
}

/// Why nothing can be written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteFailure {
    /// The worker has closed its input, or is gone.
    Refused,
    /// It asks the host for more than it reads.
    Flood,
}

impl Output {
    pub(super) fn new(writer: Box<dyn AsyncWrite + Send + Unpin>) -> Self {
        Self {
            writer: Some(writer),
            pending: Vec::new(),
            offset: 0,
            before: 0,
            answers: 0,
            task: Waker::noop().clone(),
            blocked: false,
            failed: None,
        }
    }

    /// Lets `write` append whole frames.
    pub(super) fn append<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let result = write(&mut self.pending);
        if self.writer.is_none() {
            // They will never be written, and what was written stays so.
            self.pending.truncate(self.offset);
        }
        result
    }

    /// Lets `write` append what the worker asked for, which is bounded apart from everything else.
    pub(super) fn answer<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let before = self.pending.len();
        let result = self.append(write);
        self.answers += self.pending.len().saturating_sub(before);
        if self.answers > UNREAD_ANSWERS {
            self.fail(WriteFailure::Flood);
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

    /// Lets the writer task look for work, unless it will anyway.
    pub(super) fn wake_task(&self) {
        if !self.blocked {
            self.task.wake_by_ref();
        }
    }

    /// Whether nothing can be written any more.
    pub(super) fn is_closed(&self) -> bool {
        self.writer.is_none()
    }

    pub(super) fn close(&mut self) {
        self.writer = None;
        self.task.wake_by_ref();
    }

    pub(super) fn fail(&mut self, failure: WriteFailure) {
        self.failed.get_or_insert(failure);
        self.close();
    }

    /// Writes until nothing is pending (ready), or the pipe is full (pending, with a wake-up for `context`).
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.blocked = false;
        while self.offset < self.pending.len() {
            let Some(writer) = &mut self.writer else { break };
            match Pin::new(writer).poll_write(context, &self.pending[self.offset..]) {
                Poll::Ready(Ok(count)) if count > 0 => self.offset += count,
                Poll::Ready(_) => self.fail(WriteFailure::Refused),
                Poll::Pending => {
                    self.blocked = true;
                    self.forget_written(KEEP);
                    return Poll::Pending;
                }
            }
        }
        self.forget_written(0);
        if self.pending.is_empty() {
            self.answers = 0;
            self.pending.shrink_to(KEEP);
        }
        Poll::Ready(())
    }

    /// Makes room of what is written, once it is more than `worth_it`.
    fn forget_written(&mut self, worth_it: usize) {
        if self.offset > worth_it {
            self.before += self.offset as u64;
            self.pending.drain(..self.offset);
            self.offset = 0;
        }
    }
}

/// The writer task: writes whatever direct writers left. Ends with the connection, and reports if it was writing that
/// ended it.
pub(super) async fn run(link: Weak<Link>) {
    let failed = std::future::poll_fn(|context| {
        let Some(link) = link.upgrade() else { return Poll::Ready(None) };
        let mut state = link.lock();
        if !state.output.task.will_wake(context.waker()) {
            state.output.task.clone_from(context.waker());
        }
        // Idle or blocked, the next wake-up comes through `task`.
        let written = state.poll_write(context);
        let arrived = std::mem::take(&mut state.arrived);
        let held_back = if written.is_ready() { std::mem::take(&mut state.held_back) } else { Vec::new() };
        let ended = state.output.writer.is_none().then_some(state.output.failed);
        drop(state);
        for call in arrived {
            link.service.arrived(&call);
        }
        for sender in held_back {
            sender.tell();
        }
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    if let (Some(failure), Some(link)) = (failed, link.upgrade()) {
        link.report(Control::Unwritable(failure));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes, then is full.
    struct Narrow {
        room: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
            let count = bytes.len().min(self.room);
            self.room -= count;
            if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_was_written_stays_written_when_more_comes_after_the_end() {
        let mut output = Output::new(Box::new(Narrow { room: 15 }));
        output.append(|out| out.extend([1; 10]));
        let first = output.end();
        output.append(|out| out.extend([2; 10]));
        let second = output.end();
        output.flush(true);
        assert!(first <= output.written() && output.written() < second);
        output.close();
        output.append(|out| out.extend([3; 10]));
        assert!(first <= output.written() && output.written() < second, "{}", output.written());
    }

    #[test]
    fn a_worker_that_asks_and_does_not_read_is_stopped() {
        let mut output = Output::new(Box::new(Narrow { room: 0 }));
        for _ in 0..40 {
            output.answer(|out| out.resize(out.len() + 1_000_000, 0));
        }
        assert_eq!(output.failed, Some(WriteFailure::Flood));
        assert!(output.pending.len() <= UNREAD_ANSWERS + 1_000_000);
    }

    #[test]
    fn what_is_written_is_not_kept() {
        let mut output = Output::new(Box::new(Narrow { room: 50_000_000 }));
        output.append(|out| out.resize(60_000_000, 0));
        output.flush(true);
        assert_eq!((output.pending.len(), output.written()), (10_000_000, 50_000_000));
    }
}
