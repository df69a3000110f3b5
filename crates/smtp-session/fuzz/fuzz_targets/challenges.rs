//! AUTH by each mechanism, with any challenges.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| smtp_session_fuzz::challenges(script));
