//! What goes out and what comes in, counted.

use crate::reply::ReplyReader;
use zeroize::Zeroize;

/// Output that waits, and the reader of replies.
///
/// Positions are counts of bytes since the beginning of the session.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    out: Vec<u8>,
    /// Up to where `out` is written.
    start: usize,
    /// The position of `out`'s first byte.
    base: u64,
    /// Up to where output was offered to the stream.
    offered: u64,
    /// `out` has a secret in it.
    secret: bool,
    pub(crate) reader: ReplyReader,
    /// Up to where the stream had taken output when the reply that is read began.
    pub(crate) began: u64,
    /// Complete replies so far.
    pub(crate) replies: u64,
}

impl Wire {
    /// The end of what was queued.
    pub(crate) fn queued(&self) -> u64 {
        self.base + self.out.len() as u64
    }

    /// Up to where the stream took it.
    pub(crate) fn written(&self) -> u64 {
        self.base + self.start as u64
    }

    pub(crate) fn offered(&self) -> u64 {
        self.offered
    }

    pub(crate) fn unsent_len(&self) -> usize {
        self.out.len() - self.start
    }

    /// What waits; it counts as offered.
    pub(crate) fn output(&mut self) -> &[u8] {
        if self.unsent_len() > 0 {
            self.offered = self.queued();
        }
        &self.out[self.start..]
    }

    /// # Panics
    ///
    /// On more than waits.
    pub(crate) fn sent(&mut self, len: usize) {
        assert!(len <= self.unsent_len(), "more was sent than waits");
        self.start += len;
        if self.start == self.out.len() {
            self.base += self.out.len() as u64;
            self.wipe();
            self.out.clear();
            self.start = 0;
        }
    }

    /// The buffer to append to. What is written of it already makes room first.
    pub(crate) fn queue(&mut self) -> &mut Vec<u8> {
        if self.start > 0 {
            self.out.drain(..self.start);
            self.base += self.start as u64;
            self.start = 0;
        }
        &mut self.out
    }

    pub(crate) fn queue_line(&mut self, line: &str) {
        let out = self.queue();
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// Queues what must not stay in memory, in place of all that waits.
    pub(crate) fn queue_secret(&mut self, line: &[u8]) {
        debug_assert_eq!(self.unsent_len(), 0);
        // A buffer that grows leaves a copy behind.
        self.out.reserve_exact(line.len());
        self.out.extend_from_slice(line);
        self.secret = true;
    }

    /// Puts `bytes`, which stay behind empty, in place of an empty buffer.
    pub(crate) fn swap(&mut self, bytes: &mut Vec<u8>) {
        debug_assert!(self.out.is_empty() && !self.secret);
        std::mem::swap(&mut self.out, bytes);
    }

    /// Takes back what is queued from `position` on, of which nothing is written.
    pub(crate) fn take_back(&mut self, position: u64) {
        debug_assert!(position >= self.written());
        let len = usize::try_from(position - self.base).expect("within the buffer");
        self.out.truncate(len);
        self.offered = self.offered.min(position);
    }

    /// Forgets what waits.
    pub(crate) fn discard(&mut self) {
        let written = self.written();
        self.wipe();
        self.out.clear();
        self.start = 0;
        self.base = written;
        self.offered = self.offered.min(written);
    }

    fn wipe(&mut self) {
        if std::mem::take(&mut self.secret) {
            self.out.zeroize();
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.wipe();
    }
}
