//! Any journal, and a run that goes on with it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wasi_sendmail_fuzz::journal(input));
