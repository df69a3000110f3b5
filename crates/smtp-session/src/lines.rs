//! Bodies in their wire form: lines of at most 998 octets, ended by CR LF and,
//! after DATA, with dots doubled.

use crate::error::BodyError;
use memchr::memchr;

/// The longest line of a mail without its line end (RFC 5321 section 4.5.3.1.6).
pub(crate) const MAX_LINE_LEN: usize = 998;

/// How much is looked at and copied at once: it stays in the cache in between.
const BLOCK_LEN: usize = 16 * 1024;

/// Turns a body into its wire form, in parts of any length.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    /// LF alone is a line end too.
    normalize: bool,
    /// Bytes beyond ASCII are let pass.
    eight_bit: bool,
    /// Nothing is looked at or changed (BINARYMIME).
    binary: bool,
    /// A dot in front of a line is doubled.
    stuff: bool,
    /// The first line with a byte beyond ASCII.
    pub(crate) eight_bit_line: Option<u64>,
    /// Of the whole body so far, without the dots that were put in.
    pub(crate) len: u64,
    /// Octets of the current line, without a CR that is held back.
    column: usize,
    /// Line ends so far.
    ends: u64,
    /// The last byte was a CR. It goes out with its LF only.
    holds_cr: bool,
}

impl Lines {
    pub(crate) fn new(normalize: bool) -> Self {
        Self {
            normalize,
            eight_bit: true,
            binary: false,
            stuff: false,
            eight_bit_line: None,
            len: 0,
            column: 0,
            ends: 0,
            holds_cr: false,
        }
    }

    pub(crate) fn binary() -> Self {
        Self {
            binary: true,
            ..Self::new(false)
        }
    }

    /// Refuses bytes beyond ASCII from now on.
    pub(crate) fn refuse_eight_bit(&mut self) {
        self.eight_bit = self.binary;
    }

    /// Doubles dots from now on: call it at the beginning.
    pub(crate) fn stuff_dots(&mut self) {
        debug_assert!(!self.binary && self.len == 0);
        self.stuff = true;
    }

    /// Appends the wire form of `input` to `out`. After an error `out` has a
    /// part of it, which must not be sent.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        let before = out.len();
        let mut dots = 0;
        if self.binary {
            out.extend_from_slice(input);
        } else {
            for block in input.chunks(BLOCK_LEN) {
                dots += self.block(block, out)?;
            }
        }
        self.len += (out.len() - before - dots) as u64;
        Ok(())
    }

    /// Ends the last line, if it has no end.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), BodyError> {
        if self.holds_cr {
            return Err(BodyError::BareCr { line: self.line() });
        }
        if self.column > 0 {
            out.extend_from_slice(b"\r\n");
            self.len += 2;
            self.column = 0;
            self.ends += 1;
        }
        Ok(())
    }

    /// The number of the current line.
    fn line(&self) -> u64 {
        self.ends + 1
    }

    /// Gives how many dots it put in.
    fn block(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<usize, BodyError> {
        if self.holds_cr && block[0] != b'\n' {
            return Err(BodyError::BareCr { line: self.line() });
        }
        let held = self.holds_cr;
        self.holds_cr = block.ends_with(b"\r");
        let block = &block[..block.len() - usize::from(self.holds_cr)];
        let survey = Survey::of(block);
        if survey.eight_bit && self.eight_bit_line.is_none() {
            let at = block.iter().position(|b| !b.is_ascii()).unwrap_or(0);
            let ends = memchr::memchr_iter(b'\n', &block[..at]).count();
            self.eight_bit_line = Some(self.line() + ends as u64);
        }
        if survey.nul || (survey.eight_bit && !self.eight_bit) {
            return Err(self.fault(block));
        }
        if held {
            out.push(b'\r');
        }
        // Up to where `block` is copied; where the current line begins.
        let (mut copied, mut start) = (0, 0);
        let (mut crs, mut dots) = (0, 0);
        loop {
            let rest = &block[start..];
            if self.stuff && self.column == 0 && rest.first() == Some(&b'.') {
                out.extend_from_slice(&block[copied..start]);
                out.push(b'.');
                copied = start;
                dots += 1;
            }
            let Some(len) = memchr(b'\n', rest) else {
                self.column += rest.len();
                self.check_len(self.column)?;
                break;
            };
            let end = start + len;
            if len > 0 && block[end - 1] == b'\r' {
                crs += 1;
                self.check_len(self.column + len - 1)?;
            } else {
                self.check_len(self.column + len)?;
                if !(held && end == 0) {
                    if !self.normalize {
                        return Err(BodyError::BareLf { line: self.line() });
                    }
                    out.extend_from_slice(&block[copied..end]);
                    out.extend_from_slice(b"\r\n");
                    copied = end + 1;
                }
            }
            self.column = 0;
            self.ends += 1;
            start = end + 1;
        }
        if crs != survey.crs {
            return Err(self.bare_cr(block));
        }
        out.extend_from_slice(&block[copied..]);
        Ok(dots)
    }

    fn check_len(&self, len: usize) -> Result<(), BodyError> {
        if len > MAX_LINE_LEN {
            return Err(BodyError::LineTooLong { line: self.line() });
        }
        Ok(())
    }

    /// Which line of `block`, none of which is taken yet, has what it must not.
    fn fault(&self, block: &[u8]) -> BodyError {
        let mut line = self.line();
        for &b in block {
            match b {
                0 => return BodyError::Nul { line },
                0x80.. if !self.eight_bit => return BodyError::EightBit { line },
                b'\n' => line += 1,
                _ => {}
            }
        }
        unreachable!("the survey has seen one")
    }

    /// Which line of `block`, all of which was counted, has a bare CR.
    fn bare_cr(&self, block: &[u8]) -> BodyError {
        let ends = |block: &[u8]| memchr::memchr_iter(b'\n', block).count() as u64;
        let before = self.ends - ends(block);
        let bare = block
            .iter()
            .enumerate()
            .position(|(at, &b)| b == b'\r' && block.get(at + 1) != Some(&b'\n'));
        let line = before + bare.map_or(0, |at| ends(&block[..at])) + 1;
        BodyError::BareCr { line }
    }
}

/// What a block has in it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Survey {
    crs: usize,
    nul: bool,
    eight_bit: bool,
}

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

impl Survey {
    /// Eight bytes at a time, which any optimization keeps fast.
    fn of(block: &[u8]) -> Self {
        let (words, tail) = block.as_chunks::<8>();
        let (mut high, mut nuls, mut crs) = (0, 0, 0);
        // Each byte of the sum counts for itself and must not overflow.
        for words in words.chunks(255) {
            let mut sum = 0;
            for word in words {
                let word = u64::from_le_bytes(*word);
                high |= word;
                nuls |= zeros(word);
                sum += zeros(word ^ (ONES * u64::from(b'\r'))) >> 7;
            }
            crs += sum
                .to_le_bytes()
                .iter()
                .map(|&n| usize::from(n))
                .sum::<usize>();
        }
        Self {
            crs: crs + tail.iter().filter(|&&b| b == b'\r').count(),
            nul: nuls != 0 || tail.contains(&0),
            eight_bit: high & HIGH != 0 || !tail.is_ascii(),
        }
    }
}

/// The high bit of each byte that is 0, and no other.
fn zeros(word: u64) -> u64 {
    !(((word & !HIGH) + !HIGH) | word) & HIGH
}

#[cfg(test)]
mod tests;
