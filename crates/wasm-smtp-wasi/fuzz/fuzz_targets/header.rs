//! Any header: no Bcc leaves, and all is one reading.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wasm_smtp_wasi_fuzz::header(input));
