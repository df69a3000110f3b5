//! Any mail, in another encoding.
#![no_main]

libfuzzer_sys::fuzz_target!(|mail: &[u8]| smtp_session_fuzz::reencode(mail));
