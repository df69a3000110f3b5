//! Public keys and signatures of each algorithm, as ring judges them.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| tls_pump_crypto_fuzz::verify(script));
