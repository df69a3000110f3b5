//! `TlsStream` over a stream that hesitates, gives little and takes little.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| tls_pump_fuzz::stream(script));
