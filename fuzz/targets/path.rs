//! libFuzzer's door to [`usher_fuzz::path`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| usher_fuzz::path(data));
