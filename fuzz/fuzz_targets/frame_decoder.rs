//! Hands libFuzzer's inputs to [`snakebridge_fuzz::frame_decoder`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| snakebridge_fuzz::frame_decoder::run(input));
