//! What goes over the wire between a 354 and the final dot.

use std::fmt;

/// Reads along with a mail as it is written, and finds its end.
///
/// Source: RFC 5321 sections 2.3.8 (bare CR and LF are no line ends), 4.1.1.4
/// and 4.5.2 (the final dot).
#[derive(Debug)]
pub(crate) struct Body {
    last: u8,
    line: Line,
    number: u64,
}

/// How the current line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Empty,
    Dot,
    Other,
}

/// Why a mail can't be sent: a server that ends lines in another way would read
/// another mail, or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidBody {
    what: &'static str,
    line: u64,
}

impl fmt::Display for InvalidBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, line } = self;
        write!(
            f,
            "line {line} of the mail has {what}: end every line by CR LF, and encode what is no text; the mail was not sent"
        )
    }
}

impl Body {
    pub(crate) fn new() -> Self {
        // A mail begins as if a line had ended before it.
        Self {
            last: b'\n',
            line: Line::Empty,
            number: 1,
        }
    }

    /// Whether the final dot is the last of `bytes`, which come next.
    ///
    /// # Errors
    ///
    /// At the first byte that must not be sent: a bare CR or LF, a NUL,
    /// anything behind the final dot.
    pub(crate) fn check(&mut self, bytes: &[u8]) -> Result<bool, InvalidBody> {
        let mut ended = false;
        for part in bytes.chunks(8) {
            if !self.is_plain(part) {
                for &byte in part {
                    if ended {
                        return Err(self.invalid("a line with only a dot in its middle"));
                    }
                    ended = self.byte(byte)?;
                }
            } else if ended {
                return Err(self.invalid("a line with only a dot in its middle"));
            } else {
                (self.last, self.line) = (b' ', Line::Other);
            }
        }
        Ok(ended)
    }

    /// Whether `part` has none of the bytes that matter, and stands where none of
    /// its own would: in the middle of a line. Most of a mail does.
    fn is_plain(&self, part: &[u8]) -> bool {
        const ONES: u64 = u64::from_le_bytes([1; 8]);
        let Ok(eight) = <[u8; 8]>::try_from(part) else {
            return false;
        };
        let eight = u64::from_le_bytes(eight);
        // The high bit of each byte below 14; of one above it only behind one
        // below.
        let low = eight.wrapping_sub(14 * ONES) & !eight & (128 * ONES);
        low == 0 && self.line == Line::Other && self.last != b'\r'
    }

    fn byte(&mut self, byte: u8) -> Result<bool, InvalidBody> {
        let last = std::mem::replace(&mut self.last, byte);
        match (last, byte) {
            (b'\r', b'\n') => {
                let line = std::mem::replace(&mut self.line, Line::Empty);
                self.number += 1;
                return Ok(line == Line::Dot);
            }
            (b'\r', _) => return Err(self.invalid("a bare CR")),
            (_, b'\n') => return Err(self.invalid("a bare LF")),
            (_, 0) => return Err(self.invalid("a NUL")),
            (_, b'\r') => {}
            (_, b'.') if self.line == Line::Empty => self.line = Line::Dot,
            _ => self.line = Line::Other,
        }
        Ok(false)
    }

    fn invalid(&self, what: &'static str) -> InvalidBody {
        let line = self.number;
        InvalidBody { what, line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict, which is the same however the bytes are split.
    fn check(bytes: &[u8]) -> Result<bool, String> {
        let mut whole = Body::new();
        let verdict = whole.check(bytes).map_err(|error| error.to_string());
        for size in 1..bytes.len().min(20) {
            let (mut body, mut in_parts) = (Body::new(), Ok(false));
            for part in bytes.chunks(size) {
                if in_parts == Ok(true) {
                    in_parts = Err("more behind the dot".into());
                    break;
                }
                in_parts = body.check(part).map_err(|error| error.to_string());
                if in_parts.is_err() {
                    break;
                }
            }
            if !verdict
                .as_ref()
                .is_err_and(|text| text.contains("a dot in its middle"))
            {
                assert_eq!(in_parts, verdict, "in parts of {size}");
            }
        }
        verdict
    }

    #[test]
    fn proper_mails_end_with_their_dot() {
        for body in [
            ".\r\n",
            "\r\n.\r\n",
            "Subject: x\r\n\r\nA body with some length.\r\n.\r\n",
            "..\r\n...\r\n.. x\r\n\r\n\r\n0123456789\r\n.\r\n",
            "01234567\r\n0123456\r\n012345\r\n.\r\n",
        ] {
            assert_eq!(check(body.as_bytes()), Ok(true), "{body:?}");
            let without = body.strip_suffix(".\r\n").unwrap();
            assert_eq!(check(without.as_bytes()), Ok(false), "{body:?}");
        }
        assert_eq!(
            check(b"8-bit \xc3\xa4 \xff \x01\x0b\x0c\t\x0e\r\n.\r\n"),
            Ok(true)
        );
    }

    #[test]
    fn what_ends_lines_elsewhere_is_refused_with_its_line() {
        for (body, line, what) in [
            ("a\r\nb\nc\r\n", 2, "a bare LF"),
            ("a\r\nb\rc\r\n", 2, "a bare CR"),
            ("a\r\n\r\r\n", 2, "a bare CR"),
            ("\n", 1, "a bare LF"),
            ("a\r\nb\r\n0123456789\0", 3, "a NUL"),
            ("a\n.\r\nMAIL FROM:<x@y>\r\n", 1, "a bare LF"),
            ("a\r\n.\nMAIL FROM:<x@y>\r\n", 2, "a bare LF"),
            ("a\r\n.\rMAIL FROM:<x@y>\r\n", 2, "a bare CR"),
            ("a\r.\r\nMAIL FROM:<x@y>\r\n", 1, "a bare CR"),
            ("0123456789012345\r01234567890123456\r\n", 1, "a bare CR"),
            (
                "a\r\n.\r\nMAIL FROM:<x@y>\r\n",
                3,
                "a line with only a dot in its middle",
            ),
            (
                "a\r\n.\r\n0123456701234567",
                3,
                "a line with only a dot in its middle",
            ),
        ] {
            let text = check(body.as_bytes()).unwrap_err();
            let expected = format!("line {line} of the mail has {what}:");
            assert!(text.starts_with(&expected), "{body:?}: {text}");
        }
    }

    #[test]
    fn every_byte_matters_at_every_place_of_a_word() {
        for place in 0..40 {
            for byte in [0, b'\r', b'\n'] {
                let mut body = [b'x'; 40];
                body[place] = byte;
                // At the very end a CR may still become a line's end.
                let verdict = check(&body);
                assert_eq!(
                    verdict.is_err(),
                    byte != b'\r' || place < 39,
                    "{byte} at {place}"
                );
            }
        }
    }
}
