//! Any extensions, and a mail that uses them.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| smtp_session_fuzz::ehlo(script));
