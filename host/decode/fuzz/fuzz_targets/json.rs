//! The JSON reader: any bytes as a file.
#![no_main]

mod reading;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reading::json(data));
