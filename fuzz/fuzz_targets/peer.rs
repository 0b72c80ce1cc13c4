//! Hands libFuzzer's inputs to [`snakebridge_fuzz::peer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| snakebridge_fuzz::peer::run(input));
