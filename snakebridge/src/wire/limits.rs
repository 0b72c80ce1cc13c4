//! The limits both sides keep, checked before anything is allocated or recursed into.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::credit::MINIMUM_CHARGE;
use super::fragment::FRAGMENT;

/// The longest header array, in bytes.
pub const MAX_HEADER: usize = 16 * 1024;
/// The largest HELLO, READY or `$manifest` body, in bytes.
pub const MAX_HANDSHAKE: usize = 1024 * 1024;
/// The most tools one worker may announce.
pub const MAX_TOOLS: usize = 4096;
/// The longest tool name, in bytes.
pub const MAX_TARGET: usize = 128;
/// The longest session id, in bytes.
pub const MAX_SESSION: usize = 256;
/// The largest metadata map of a call, in bytes.
pub const MAX_META: usize = 4096;
/// The largest body of an EVENT, in bytes.
pub const MAX_EVENT: usize = 16 * 1024;
/// The most streams that one call brings as arguments.
pub const MAX_INPUTS: u64 = 16;
/// Room for a frame's header beside a full body, so that "body limit" and "frame limit" do not fight over one byte.
pub const HEADER_ROOM: usize = MAX_HEADER;

/// What one side accepts. Announced in HELLO; the other side keeps to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Largest frame in bytes, without its length prefix. Default 1 MiB. Bodies above 64 KiB travel in fragments, so it
    /// matters only below that.
    pub frame: u64,
    /// Largest body in bytes, over all its fragments, and the most bytes of large bodies that are under way to us at once:
    /// the memory that a peer can make us hold. Default 256 MiB.
    pub body: u64,
    /// Deepest nesting of arrays and maps in a body. Default 64; each level costs stack in every decoder.
    pub depth: u64,
    /// Most values (containers, scalars and keys) in a body. Default one million; each costs tens of bytes once decoded.
    pub items: u64,
    /// Bytes a stream may send before it waits for credit. Default 256 KiB. Lower: a fast producer stalls on each round
    /// trip; higher: a slow consumer holds more memory.
    pub window: u64,
    /// Calls that may be unanswered at once on one connection. Default 4096.
    pub calls: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frame: 1 << 20, body: 256 << 20, depth: 64, items: 1_000_000, window: 256 << 10, calls: 4096 }
    }
}

/// The windows that a host may ask for, in bytes. Credit comes for half a window at a time, and credits are counted
/// against floods; and what is beyond the largest is as good as none.
pub const WINDOWS: RangeInclusive<u64> = 64 << 10..=1 << 30;

impl Limits {
    /// The largest body that fits one frame to a peer with these limits. Only errors are ever that long: what is longer than
    /// [`fragment`](Self::fragment) travels in pieces.
    pub fn single_frame_body(&self) -> u64 {
        self.body.min(self.frame.saturating_sub(HEADER_ROOM as u64))
    }

    /// What an honest peer may still send of a stream whose call we have answered, as it is charged when it comes late: what
    /// its credit allows with one item beyond it, which for items in fragments is charged twice at most (their headers, and
    /// then every byte), and the end.
    pub(super) fn late_input(&self) -> u64 {
        let items = self.window.saturating_add(self.body.max(MINIMUM_CHARGE));
        items.saturating_mul(2).saturating_add(MINIMUM_CHARGE)
    }

    /// The largest body that travels in one frame to a peer with these limits, and the largest fragment.
    pub fn fragment(&self) -> usize {
        let room = self.frame.saturating_sub(HEADER_ROOM as u64).max(1);
        usize::try_from(room).unwrap_or(usize::MAX).min(FRAGMENT)
    }
}

/// Whether `name` may be a tool's name: `^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`.
pub fn is_tool_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let starts_well = bytes.first().is_some_and(|&b| b.is_ascii_alphabetic() || b == b'_');
    starts_well
        && bytes.len() <= MAX_TARGET
        && bytes.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Whether `target` may stand in a CALL: a tool name, or a system target (`$` and a tool name).
pub fn is_target(target: &str) -> bool {
    is_tool_name(target.strip_prefix('$').unwrap_or(target))
}

/// Whether `session` may be a session id: 1 to 256 bytes of text without control characters.
pub fn is_session_id(session: &str) -> bool {
    !session.is_empty() && session.len() <= MAX_SESSION && !session.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_names_follow_the_grammar() {
        for good in ["a", "_x", "parse_json", "ns.tool-2", &"a".repeat(128)] {
            assert!(is_tool_name(good), "{good}");
        }
        for bad in ["", "1a", "a b", "a/b", "é", "$manifest", "a\n", &"a".repeat(129)] {
            assert!(!is_tool_name(bad), "{bad}");
        }
        assert!(is_target("$tools.list") && is_target("ping") && !is_target("$") && !is_target("$$a"));
    }

    #[test]
    fn session_ids_are_short_printable_text() {
        assert!(is_session_id("demo session ß"));
        assert!(!is_session_id("") && !is_session_id("a\nb") && !is_session_id(&"x".repeat(257)));
    }
}
