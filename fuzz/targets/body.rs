//! libFuzzer's door to [`usher_fuzz::body`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| usher_fuzz::body(data));
