//! What a received frame means to the driver.

use crate::wire::fragment::Whole;
use crate::wire::frame::CallHeader;
use crate::wire::{Executed, Millis};

/// What a frame means. Its body, where it has one, stays with the driver, which knows where the bytes are.
#[derive(Debug)]
pub enum Event<'p, 'f, T> {
    /// The other side said HELLO; the body says who it is.
    Hello,
    /// The worker is ready; the body is the array of its tools' names.
    Ready {
        /// Hex SHA-256 of its manifest.
        manifest_hash: &'f str,
    },
    /// The worker cannot start; the body says why.
    StartFailed,
    /// The peer wants a tool to run. The driver owes exactly one of reply, error, or (for a stream) end.
    Call(CallHeader<'f>),
    /// A call of ours succeeded; the body is the result. The call is out of the table.
    Reply {
        /// Its id.
        id: u64,
        /// What the driver kept with it.
        call: T,
    },
    /// The result of a call of ours is large and has begun to come: its tool has ended.
    Answering {
        /// Its id.
        id: u64,
        /// What the driver kept with it.
        call: &'p mut T,
    },
    /// A call of ours failed; the body says how. The call is out of the table.
    Failed {
        /// Its id.
        id: u64,
        /// What the driver kept with it.
        call: T,
        /// The stable code.
        code: &'f str,
        /// Whether it ran.
        executed: Executed,
    },
    /// An item of a stream that we receive. Report it with [`Peer::consumed`](super::Peer::consumed) once the consumer
    /// has taken it.
    Item {
        /// The call's id.
        id: u64,
        /// What the driver kept with the call.
        call: &'p mut T,
        /// See [`item_flag`](crate::wire::frame::item_flag).
        flags: u64,
    },
    /// A stream that we receive ended well; the body is a return value, or empty. The call is out of the table.
    End {
        /// The call's id.
        id: u64,
        /// What the driver kept with it.
        call: T,
        /// How many items came.
        count: u64,
    },
    /// An item of a stream that is an argument of a call of the peer. Report it with
    /// [`Peer::consumed`](super::Peer::consumed) once the tool has taken it.
    Input {
        /// The call.
        id: u64,
        /// Which of its streams, from 1.
        stream: u64,
    },
    /// A stream that is an argument of a call of the peer ended well.
    InputEnd {
        /// The call.
        id: u64,
        /// Which of its streams, from 1.
        stream: u64,
    },
    /// A body that came in fragments is complete: give its header to [`Peer::complete`](super::Peer::complete), which
    /// says what it means.
    Assembled(Whole),
    /// A stream that we send has credit again.
    Credit {
        /// The call.
        id: u64,
        /// 0 for the answer to a call of the peer, else which of the streams among the arguments of a call of ours.
        stream: u64,
    },
    /// A call was cancelled before all of its arguments had come. The driver answers ERROR, executed never.
    Withdrawn {
        /// The call.
        id: u64,
    },
    /// The peer takes no more calls: take those above `last`, which never ran, by
    /// [`Peer::take_above`](super::Peer::take_above).
    GoAway {
        /// The last call that it answers.
        last: u64,
        /// Why, for the log.
        reason: &'f str,
    },
    /// The peer does not want the answer to its call any more. We still owe it a terminal frame.
    Cancel {
        /// The call.
        id: u64,
        /// Why, for the log.
        reason: &'f str,
    },
    /// The driver answers with a PONG, at once.
    Ping {
        /// To be returned.
        nonce: u64,
    },
    /// The peer lives.
    Pong {
        /// Of our PING.
        nonce: u64,
        /// Calls it has finished.
        finished: u64,
        /// The call that it runs, or 0.
        running: u64,
        /// For how long.
        running_for: Millis,
    },
    /// Something that the worker tells beside the answers to its calls; the body says what.
    Told {
        /// See [`event_class`](crate::wire::frame::event_class).
        class: u64,
        /// The call of ours inside which it is told, which may have been answered; 0 for none.
        id: u64,
        /// So many events were dropped before it.
        dropped: u64,
    },
    /// Nothing to do: an item of a cancelled stream, a cancel that crossed the answer, an optional frame.
    Ignored,
}
