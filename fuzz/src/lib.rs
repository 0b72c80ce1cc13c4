//! What the fuzzer runs, as plain functions from an input to nothing: they panic when the wire breaks a promise.
//!
//! Without the feature `libfuzzer` the crate builds with the project's own compiler, and `tests/replay.rs` runs every
//! input under `corpus/` (what reaches all the code that was ever reached), under `regressions/` (what once found a
//! mistake) and from the golden vectors through the same functions. `cargo xtask fuzz` looks for new ones.
//!
//! Reading order: [`input`] (how bytes become choices), the four targets, [`seeds`] (the vectors in that form, and
//! `scenarios` of what a peer lives through).

pub mod frame_decoder;
pub mod handshake;
pub mod input;
pub mod peer;
mod scenarios;
mod script;
pub mod seeds;
pub mod value_decode;

/// One thing that is fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: of its program, of its module, and of its folders under `corpus/` and `regressions/`.
    pub name: &'static str,
    /// Runs one input.
    pub run: fn(&[u8]),
}

/// Everything that is fuzzed.
pub const TARGETS: [Target; 4] = [
    Target { name: "frame_decoder", run: frame_decoder::run },
    Target { name: "value_decode", run: value_decode::run },
    Target { name: "handshake", run: handshake::run },
    Target { name: "peer", run: peer::run },
];
