//! Quoted-printable: of text, and of what is quoted-printable already in lines that are
//! too long.
//!
//! Source: RFC 2045 section 6.7.

use super::MAX_LINE_LEN;

/// A soft line break.
const SOFT_BREAK: &[u8] = b"=\r\n";

/// The text, with its own line breaks. A CR alone is none of them and becomes `=0D`.
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let mut lines = Lines::of(text);
    for line in text.split_inclusive(|b| *b == b'\n') {
        let content = without_end(line);
        for (at, octet) in content.iter().enumerate() {
            match octet {
                // Nothing that is said at the end of a line may be a space.
                b' ' | b'\t' if at + 1 == content.len() => lines.escape(*octet),
                b' ' | b'\t' | b'!'..=b'<' | b'>'..=b'~' => lines.push(&[*octet]),
                _ => lines.escape(*octet),
            }
        }
        lines.end(&line[content.len()..]);
    }
    lines.written
}

/// What is quoted-printable already, with soft breaks where lines are too long and what
/// has no place in it escaped; all else stays octet for octet. `None` if it is not
/// quoted-printable.
pub(super) fn shorten(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut lines = Lines::of(encoded);
    for line in encoded.split_inclusive(|b| *b == b'\n') {
        let content = without_end(line);
        let mut rest = content;
        while let [octet, after @ ..] = rest {
            rest = after;
            match (octet, after) {
                // What follows is padding on the way.
                (b'=', _) if after.trim_ascii().is_empty() => {
                    lines.written.push(b'=');
                    break;
                }
                (b'=', [a, b, after @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                    lines.push(&[b'=', *a, *b]);
                    rest = after;
                }
                (b'=', _) => return None,
                (b' ' | b'\t' | b'!'..=b'~', _) => lines.push(&[*octet]),
                _ => lines.escape(*octet),
            }
        }
        lines.end(&line[content.len()..]);
    }
    Some(lines.written)
}

fn without_end(line: &[u8]) -> &[u8] {
    let content = line.strip_suffix(b"\n").unwrap_or(line);
    content.strip_suffix(b"\r").unwrap_or(content)
}

/// Lines that are no longer than they may be.
struct Lines {
    written: Vec<u8>,
    /// Where the last one begins.
    start: usize,
}

impl Lines {
    /// None yet, with room for those of the text.
    fn of(text: &[u8]) -> Self {
        let escaped = text.iter().filter(|b| !b.is_ascii() || **b == b'=').count();
        let len = text.len() + 2 * escaped;
        Self {
            // With the soft breaks, and a few spaces at the ends of lines.
            written: Vec::with_capacity(len + len / 20),
            start: 0,
        }
    }

    fn push(&mut self, token: &[u8]) {
        // There stays room for a soft break's `=`.
        if self.written.len() - self.start + token.len() >= MAX_LINE_LEN {
            self.end(SOFT_BREAK);
        }
        self.written.extend_from_slice(token);
    }

    fn escape(&mut self, octet: u8) {
        let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value)];
        self.push(&[b'=', digit(octet >> 4), digit(octet & 15)]);
    }

    fn end(&mut self, line_break: &[u8]) {
        self.written.extend_from_slice(line_break);
        self.start = self.written.len();
    }
}
