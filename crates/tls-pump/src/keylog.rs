//! Secrets for those who debug (feature `keylog`).

use crate::policy::hex;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Writes secrets as RFC 9850 has them.
pub(crate) struct Log<W>(pub(crate) Mutex<W>);

impl<W: Write + Send> rustls::KeyLog for Log<W> {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A connection is worth more than its log.
        let _ = log.write_all(line.as_bytes()).and_then(|()| log.flush());
    }
}

impl<W> std::fmt::Debug for Log<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyLog")
    }
}
