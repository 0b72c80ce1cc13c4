//! Hands libFuzzer's inputs to [`snakebridge_fuzz::value_decode`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| snakebridge_fuzz::value_decode::run(input));
