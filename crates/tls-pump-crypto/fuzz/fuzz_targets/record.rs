//! Records of each cipher suite, as ring opens them.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| tls_pump_crypto_fuzz::record(script));
