#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| xoff_fuzz::configs(data));
