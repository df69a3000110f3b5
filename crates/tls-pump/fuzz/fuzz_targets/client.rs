//! The client's engine against raw bytes, a tampered wire and a peer with the keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| tls_pump_fuzz::client(script));
