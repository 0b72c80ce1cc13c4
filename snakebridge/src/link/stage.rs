//! Where a call is, and what comes of it on the way.

use std::sync::Arc;

use bytes::Bytes;

use super::{Link, PendingCall};
use crate::error::Error;

/// One item of a stream, still encoded.
#[derive(Debug)]
pub struct Item {
    /// See [`item_flag`](crate::wire::frame::item_flag).
    pub flags: u64,
    /// The encoded item.
    pub body: Bytes,
}

/// Where a call is.
#[derive(Debug, Clone)]
pub enum Stage {
    /// Waiting for a worker.
    Queued,
    /// Waiting for others of its kind, to go with them.
    Gathering,
    /// This call goes for it and for others.
    Together(Arc<PendingCall>),
    /// Under this id on this connection.
    Sent {
        /// The connection.
        link: Arc<Link>,
        /// The id there.
        id: u64,
    },
    /// Answered, or given up.
    Done,
}

/// What a consumer of a stream gets next.
#[derive(Debug)]
pub enum Next {
    /// An item; report its length back to `link` as consumed.
    Item(Item, Option<(Arc<Link>, u64)>),
    /// The end, with the generator's return value.
    End(Bytes),
    /// The error that ended it.
    Failed(Error),
}
