//! Hands libFuzzer's inputs to [`snakebridge_fuzz::handshake`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| snakebridge_fuzz::handshake::run(input));
