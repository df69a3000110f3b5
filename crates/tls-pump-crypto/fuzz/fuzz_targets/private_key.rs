//! Private keys in each of their formats, as ring judges them.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| tls_pump_crypto_fuzz::private_key(script));
