//! What a call asks for, kept for as long as it may have to be sent again.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::{PendingCall, ToolName};
use crate::body;
use crate::wire::Body;

/// What a call asks for, owned, so that it can be sent again.
#[derive(Debug, Clone)]
pub struct OwnedRequest {
    /// The tool.
    pub target: ToolName,
    /// Whether items are wanted instead of one reply.
    pub stream: bool,
    /// The session it runs in.
    pub session: Option<Arc<str>>,
    /// An encoded metadata map.
    pub meta: Option<Bytes>,
    /// The encoded arguments.
    pub body: Vec<u8>,
    /// How many of them are streams.
    pub inputs: u64,
    /// The generation of the host's tools that it may use.
    pub tools: u64,
}

/// What a call's metadata is asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    correlation_id: Option<String>,
    traceparent: Option<String>,
}

impl Meta {
    /// What is no such map says nothing.
    fn decode(meta: &[u8]) -> Self {
        body::decode(meta).unwrap_or_default()
    }
}

/// The span of a trace that encoded metadata names.
pub(super) fn traceparent_of(meta: &[u8]) -> Option<String> {
    Meta::decode(meta).traceparent
}

impl OwnedRequest {
    /// The correlation id that its caller gave it, or that of the call inside which it is made.
    pub fn correlation_id(&self) -> Option<String> {
        Meta::decode(self.meta.as_ref()?).correlation_id
    }

    /// The span of a trace in which its caller made it.
    pub fn traceparent(&self) -> Option<String> {
        traceparent_of(self.meta.as_ref()?)
    }
}

/// The arguments of a call as a body that is kept by keeping the call: large ones are never copied.
pub(super) struct ArgumentsOf<'a>(pub(super) &'a Arc<PendingCall>);

impl Body for ArgumentsOf<'_> {
    fn bytes(&self) -> &[u8] {
        &self.0.request.body
    }

    fn keep(&self) -> Bytes {
        struct Kept(Arc<PendingCall>);
        impl AsRef<[u8]> for Kept {
            fn as_ref(&self) -> &[u8] {
                &self.0.request.body
            }
        }
        Bytes::from_owner(Kept(Arc::clone(self.0)))
    }
}
