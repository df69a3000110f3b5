//! A mail to a server that says anything, in any pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| smtp_session_fuzz::replies(script));
