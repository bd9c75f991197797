//! The protobuf reader: any bytes as the payload of a sound log.
#![no_main]

mod reading;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reading::entity(data));
