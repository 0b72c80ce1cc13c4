//! What a caller may say about one call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::{SessionUse, ToolDeclaration};
use crate::body;
use crate::error::{Error, Result};
use crate::link::Handling;
use crate::session::{Affinity, SessionName};
use crate::value::Value;
use crate::wire::frame::check_meta;
use crate::wire::limits::{MAX_META, WINDOWS};

/// Options of one call. Set through the methods of [`Call`](super::Call) and [`ToolStream`](super::ToolStream).
#[derive(Debug, Clone, Default)]
pub(crate) struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) session: Option<SessionName>,
    pub(crate) affinity: Option<Affinity>,
    pub(crate) session_use: SessionUse,
    pub(crate) idempotent: bool,
    pub(crate) handling: Handling,
    /// The pool that it goes to, if it is not the tool's.
    pub(crate) pool: Option<Arc<str>>,
    pub(crate) keep: Keep,
    /// Nobody waits for the result.
    pub(crate) notify: bool,
    /// It goes on when its caller stops waiting.
    pub(crate) no_cancel: bool,
    pub(crate) correlation_id: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) metadata: Vec<(Value, Value)>,
    /// What it is about, if it is a system call.
    pub(crate) subject: Option<Subject>,
}

/// What a system call is about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// As messages say it.
    pub(crate) name: Box<str>,
    /// It is in a module of Python, and not something that is kept.
    pub(crate) is_module: bool,
}

/// Whether the result of a call is kept, and one that is kept is good enough for it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Keep {
    /// As the tool says in Python.
    #[default]
    AsDeclared,
    /// For so long.
    For(Duration),
    /// It is not.
    Never,
}

#[derive(Serialize)]
struct Meta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Value::is_nil")]
    metadata: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<u64>,
}

impl CallOptions {
    /// Whether it is about a module of Python.
    pub(crate) fn is_about_a_module(&self) -> bool {
        self.subject.as_ref().is_some_and(|subject| subject.is_module)
    }

    pub(crate) fn declared(tool: &ToolDeclaration) -> Self {
        Self {
            timeout: tool.timeout,
            session_use: tool.session,
            idempotent: tool.idempotent,
            handling: Handling { priority: tool.priority, retries: tool.retries, window: tool.window },
            keep: tool.cache.map_or(Keep::AsDeclared, Keep::For),
            notify: tool.notify,
            no_cancel: tool.no_cancel,
            ..Self::default()
        }
    }

    /// What a stream cannot do, whatever its declaration says.
    pub(crate) fn check_stream(&self) -> Result<()> {
        match self {
            Self { keep: Keep::For(_), .. } => {
                Err(Error::invalid_argument("`cache` of a stream: only the results of calls are kept"))
            }
            Self { notify: true, .. } => {
                Err(Error::invalid_argument("`notify` of a stream: only calls are notifications; see `no_cancel`"))
            }
            Self { handling: Handling { window: Some(window), .. }, .. } if !WINDOWS.contains(window) => {
                let (least, most) = (WINDOWS.start(), WINDOWS.end());
                Err(Error::invalid_argument(format!("`window({window})`: expected {least} to {most} bytes")))
            }
            _ => Ok(()),
        }
    }

    /// The metadata map of the CALL header, if there is any metadata. `around` are the correlation id and the trace of the
    /// call inside which this one is made; `scope` is what objects are kept for.
    pub(crate) fn meta(&self, around: (Option<&str>, Option<&str>), scope: Option<u64>) -> Result<Option<Bytes>> {
        let correlation_id = self.correlation_id.as_deref().or(around.0);
        let traceparent = self.traceparent.as_deref().or(around.1);
        if let Some(given) = self.traceparent.as_deref().filter(|given| !is_traceparent(given)) {
            return Err(Error::invalid_argument(format!(
                "`traceparent` is `{}`: expected that of W3C Trace Context, as \
                 `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`",
                given.escape_debug()
            )));
        }
        if correlation_id.is_none() && traceparent.is_none() && self.metadata.is_empty() && scope.is_none() {
            return Ok(None);
        }
        let metadata = if self.metadata.is_empty() { Value::Nil } else { Value::Map(self.metadata.clone()) };
        let bytes = body::encode(&Meta { correlation_id, traceparent, metadata, scope })?;
        match check_meta(&bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(violation) => Err(Error::invalid_argument(format!(
                "request metadata of {} bytes: {violation}; the limits are {MAX_META} bytes, 1024 values and a depth \
                 of 16: pass large data as an argument",
                bytes.len()
            ))),
        }
    }
}

/// Whether it is a `traceparent` of W3C Trace Context, of this version or a later one.
fn is_traceparent(text: &str) -> bool {
    let is_hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let mut parts = text.splitn(5, '-');
    let (Some(version), Some(trace), Some(span), Some(flags)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let is_known = version == "00" && parts.next().is_none();
    let is_later = is_hex(version, 2) && version != "00" && version != "ff";
    (is_known || is_later)
        && text.len() <= 512
        && is_hex(trace, 32)
        && !is_zero(trace)
        && is_hex(span, 16)
        && !is_zero(span)
        && is_hex(flags, 2)
}

/// The option methods, the same on a call and on a stream.
macro_rules! option_methods {
    ($($options:ident).+) => {
        /// How long to wait for the whole call, the time in the queue included. Counted from when the call was made.
        #[must_use]
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.$($options).+.timeout = Some(timeout);
            self
        }

        /// The session the call runs in: one that is at hand, or the id of one. Python's `session_context.session_id` shows
        /// the id. A session that is not there is `session_not_found`, and nothing runs, unless
        /// [`create_on_use`](crate::session::SessionConfig::create_on_use) says otherwise.
        #[must_use]
        pub fn session(mut self, session: impl Into<$crate::session::SessionName>) -> Self {
            self.$($options).+.session = Some(session.into());
            self
        }

        /// Where the call goes within its session, instead of what the tool and the bridge say. Means nothing without a
        /// session.
        #[must_use]
        pub fn affinity(mut self, affinity: $crate::session::Affinity) -> Self {
            self.$($options).+.affinity = Some(affinity);
            self
        }

        /// Declares that repeating this call does no harm: when its worker is lost, it is given to another one, as often as
        /// [`retries`](Self::retries) or the pool says.
        #[must_use]
        pub fn idempotent(mut self) -> Self {
            self.$($options).+.idempotent = true;
            self
        }

        /// The pool it goes to, of several. Default: the one of its client; for a call by name the pool `default`, or where
        /// that has no such tool, the one that has.
        #[must_use]
        pub fn pool(mut self, pool: impl Into<std::sync::Arc<str>>) -> Self {
            self.$($options).+.pool = Some(pool.into());
            self
        }

        /// How often the call is repeated when its worker is lost and nobody knows if it ran. Only for calls that may be
        /// repeated: [`idempotent`](Self::idempotent), or declared so in Python; others are refused. A call that did not run
        /// goes to another worker in any case. Default: the pool's, which is once.
        #[must_use]
        pub fn retries(mut self, retries: u32) -> Self {
            self.$($options).+.handling.retries = Some(retries);
            self
        }

        /// Lets the tool go on when this is dropped: its result is dropped too, and a stream's generator runs to its end. The
        /// deadline still cancels it.
        #[must_use]
        pub fn no_cancel(mut self) -> Self {
            self.$($options).+.no_cancel = true;
            self
        }

        /// Who goes first when calls wait for a worker. Among equals it is first come, first served, and even `Low` gets its
        /// turn. Default: `Normal`.
        #[must_use]
        pub fn priority(mut self, priority: $crate::client::Priority) -> Self {
            self.$($options).+.handling.priority = priority;
            self
        }

        /// An id that Python's logs and context carry too, and the call's events and errors. Without one the call has that of
        /// the call inside which it is made, or a name that is made up.
        #[must_use]
        pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
            self.$($options).+.correlation_id = Some(id.into());
            self
        }

        /// The span of a trace in which the call runs, as W3C Trace Context writes it: Python's `session_context.traceparent`,
        /// and [`ToolContext::traceparent`](crate::ToolContext::traceparent) of the Rust tools that it calls.
        #[must_use]
        pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
            self.$($options).+.traceparent = Some(traceparent.into());
            self
        }

        /// An entry of the request metadata, as Python's `session_context.request_metadata` shows it.
        #[must_use]
        pub fn metadata(mut self, key: impl Into<String>, value: impl Into<$crate::value::Value>) -> Self {
            self.$($options).+.metadata.push(($crate::value::Value::Str(key.into()), value.into()));
            self
        }
    };
}
pub(super) use option_methods;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_what_the_standard_says() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good) && is_traceparent(&good.replace("00-4", "cc-4")));
        assert!(is_traceparent(&format!("{}-more", good.replace("00-4", "cc-4"))), "of a later version");
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n",
        ] {
            assert!(!is_traceparent(bad), "{bad:?}");
        }
    }
}
