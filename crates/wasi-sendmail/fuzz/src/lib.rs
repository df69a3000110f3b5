//! What the fuzz target does.

/// A journal: it is refused, or a run goes on with it, and what it adds is understood.
pub fn journal(content: &[u8]) {
    wasi_sendmail::fuzz_journal(content);
}
