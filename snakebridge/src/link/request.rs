//! What a call asks for, kept for as long as it may have to be sent again.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::{PendingCall, ToolName};
use crate::body;
use crate::wire::Body;
use crate::wire::msgpack::{Reader, put_map, put_str};

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

/// Entries of a call's metadata.
const CORRELATION_ID: &str = "correlation_id";
const METADATA: &str = "metadata";

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

impl OwnedRequest {
    /// The encoded request metadata, without what belongs to one call alone.
    pub fn metadata(&self) -> Option<Bytes> {
        let meta = self.meta.as_ref()?;
        let mut reader = Reader::new(meta);
        for _ in 0..reader.map().ok()? {
            let is_it = reader.str().ok()? == METADATA;
            let value = reader.value(u64::MAX, u64::MAX).ok()?;
            if is_it {
                return Some(meta.slice_ref(value));
            }
        }
        None
    }
}

impl OwnedRequest {
    /// The metadata map with a correlation id, which it does not have.
    pub(super) fn meta_with(&self, correlation_id: &str) -> Bytes {
        let rest = self.meta.as_deref().and_then(|meta| {
            let mut reader = Reader::new(meta);
            let entries = u32::try_from(reader.map().ok()?).ok()?;
            Some((entries, &meta[reader.position()..]))
        });
        // What is no map says nothing.
        let (entries, rest) = rest.unwrap_or_default();
        let mut out = Vec::with_capacity(rest.len() + 64);
        put_map(&mut out, entries.saturating_add(1));
        put_str(&mut out, CORRELATION_ID);
        put_str(&mut out, correlation_id);
        out.extend_from_slice(rest);
        out.into()
    }
}

/// A metadata map of a correlation id and encoded request metadata, if there is any of them.
pub(super) fn put_meta(correlation_id: Option<&str>, metadata: Option<&[u8]>) -> Option<Bytes> {
    let entries = u32::from(correlation_id.is_some()) + u32::from(metadata.is_some());
    let mut out = Vec::new();
    put_map(&mut out, entries);
    if let Some(id) = correlation_id {
        put_str(&mut out, CORRELATION_ID);
        put_str(&mut out, id);
    }
    if let Some(metadata) = metadata {
        put_str(&mut out, METADATA);
        out.extend_from_slice(metadata);
    }
    (entries > 0).then(|| out.into())
}

/// The arguments of a call as a body that is kept by keeping the call: large ones are never copied.
pub(super) struct ArgumentsOf<'a>(pub(super) &'a Arc<PendingCall>);

impl Body for ArgumentsOf<'_> {
    fn bytes(&self) -> &[u8] {
        self.0.body()
    }

    fn keep(&self) -> Bytes {
        struct Kept(Arc<PendingCall>);
        impl AsRef<[u8]> for Kept {
            fn as_ref(&self) -> &[u8] {
                self.0.body()
            }
        }
        Bytes::from_owner(Kept(Arc::clone(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn the_metadata_of_a_request_is_found_and_written_again_as_it_was() {
        let metadata = body::encode(&Value::Map(vec![("tenant".into(), "a".into())])).unwrap();
        let request = |meta| OwnedRequest {
            target: ToolName::Declared("t"),
            stream: false,
            session: None,
            meta,
            body: Vec::new(),
            inputs: 0,
            tools: 0,
        };
        for id in [None, Some("one")] {
            let request = request(put_meta(id, Some(&metadata)));
            assert_eq!((request.metadata(), request.correlation_id().as_deref()), (Some(metadata.clone()), id));
        }
        assert_eq!(request(put_meta(Some("one"), None)).metadata(), None);
        for meta in [None, put_meta(None, Some(&metadata))] {
            let named = request(Some(request(meta.clone()).meta_with("late")));
            assert_eq!(named.metadata(), request(meta).metadata());
            assert_eq!(named.correlation_id().as_deref(), Some("late"));
        }
        assert_eq!(put_meta(None, None), None);
    }
}
