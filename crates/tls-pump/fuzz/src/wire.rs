//! Bytes on their way, and how much of them arrives as it was sent.

use super::script::Script;
use super::side::Side;

/// The way to one side.
#[derive(Default)]
pub(crate) struct Wire {
    bytes: Vec<u8>,
    /// So many of them, from the front, are what was sent.
    honest: usize,
    /// Whether somebody was at it.
    pub(crate) tampered: bool,
    /// How many honest bytes were put in, and taken out.
    put: usize,
    taken: usize,
    /// What has arrived once so many bytes are out: plaintext, and whether
    /// close_notify comes behind it.
    marks: Vec<(usize, usize, bool)>,
}

impl Wire {
    /// Takes up to `len` bytes from `from`; how many.
    pub(crate) fn put(&mut self, from: &mut Side, len: usize) -> usize {
        let bytes = from.send(len);
        self.bytes.extend_from_slice(&bytes);
        if !self.tampered {
            self.put += bytes.len();
            self.honest = self.bytes.len();
            if from.engine.ciphertext().is_empty() {
                let closed = from.closed && !from.closed_early;
                self.marks.push((self.put, from.committed, closed));
            }
        }
        bytes.len()
    }

    /// What is on its way.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first `len` bytes are there.
    pub(crate) fn take(&mut self, len: usize) {
        self.bytes.drain(..len);
        let honest = len.min(self.honest);
        self.taken += honest;
        self.honest -= honest;
    }

    /// Nobody looks at what is still on its way.
    pub(crate) fn cut(&mut self) {
        self.tampered = true;
        self.honest = 0;
    }

    /// How much plaintext has arrived, and whether close_notify has, if all
    /// that came out was looked at.
    pub(crate) fn arrived(&self) -> (usize, bool) {
        let mut marks = self.marks.iter().rev();
        let last = marks.find(|(at, ..)| *at <= self.taken);
        last.map_or((0, false), |(_, plaintext, closed)| (*plaintext, *closed))
    }

    /// Changes, inserts, drops or repeats up to 64 KiB.
    pub(crate) fn tamper(&mut self, how: u8, script: &mut Script<'_>) {
        let at = script.len().min(self.bytes.len());
        let len = script.len();
        let end = (at + len).min(self.bytes.len());
        match how % 4 {
            0 => self.bytes[at..end]
                .iter_mut()
                .for_each(|byte| *byte ^= script.byte()),
            1 => drop(self.bytes.splice(at..at, script.bytes(len).iter().copied())),
            2 => drop(self.bytes.drain(at..end)),
            _ => self.bytes.extend_from_within(at..end),
        }
        self.honest = self.honest.min(at);
        self.tampered = true;
    }
}
