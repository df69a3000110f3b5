//! Any list of addresses.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wasm_smtp_wasi_fuzz::addresses(input));
