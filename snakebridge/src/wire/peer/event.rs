//! What a received frame means to the driver.

use crate::wire::Executed;
use crate::wire::Millis;
use crate::wire::frame::CallHeader;

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
    /// A stream that we send has credit again.
    Credit {
        /// The call it answers.
        id: u64,
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
    /// Nothing to do: an item of a cancelled stream, a cancel that crossed the answer, an optional frame.
    Ignored,
}
