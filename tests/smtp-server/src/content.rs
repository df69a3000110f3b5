//! The content after DATA: finding its end and undoing the dot-stuffing (RFC 5321, 4.5.2).
//!
//! A byte-wise state machine, because lines may be split anywhere between two reads and a line
//! end is only ever CR LF: taking a bare LF for one is how mail is smuggled.

/// What is wrong with the lines of a content (RFC 5321 sections 2.3.8 and 4.5.3.1.6).
#[derive(Default)]
pub(crate) struct Lines {
    /// A CR or LF stood alone anywhere.
    pub(crate) bare_line_end: bool,
    /// A line had more than 1,000 octets with its end.
    pub(crate) too_long: bool,
    /// An octet was beyond ASCII.
    pub(crate) eight_bit: bool,
    after_cr: bool,
    len: usize,
}

impl Lines {
    pub(crate) fn feed(&mut self, byte: u8) {
        self.bare_line_end |= self.after_cr != (byte == b'\n');
        self.eight_bit |= !byte.is_ascii();
        self.len += 1;
        self.too_long |= self.len > 1000;
        if byte == b'\n' {
            self.len = 0;
        }
        self.after_cr = byte == b'\r';
    }
}

/// The content of a DATA command while it arrives.
pub(crate) struct Dotted {
    pub(crate) content: Vec<u8>,
    pub(crate) lines: Lines,
    /// More than `limit` octets came; the rest is not kept.
    pub(crate) too_big: bool,
    pub(crate) ended: bool,
    limit: u64,
    at: At,
}

/// What the preceding bytes were.
#[derive(Clone, Copy)]
enum At {
    LineStart,
    Dot,
    DotCr,
    Inside,
}

impl Dotted {
    /// `limit` is the largest content in octets.
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            content: Vec::new(),
            lines: Lines::default(),
            too_big: false,
            ended: false,
            limit,
            at: At::LineStart,
        }
    }

    /// Takes in `input` up to the end of the content, and returns how many bytes it used.
    pub(crate) fn feed(&mut self, input: &[u8]) -> usize {
        for (index, &byte) in input.iter().enumerate() {
            match (self.at, byte) {
                (At::LineStart, b'.') => self.at = At::Dot,
                (At::Dot, b'\r') => self.at = At::DotCr,
                (At::DotCr, b'\n') => {
                    self.ended = true;
                    return index + 1;
                }
                (At::DotCr, _) => {
                    self.inside(b'\r');
                    self.inside(byte);
                }
                _ => self.inside(byte),
            }
        }
        input.len()
    }

    /// A byte that is content.
    fn inside(&mut self, byte: u8) {
        let is_end = self.lines.after_cr && byte == b'\n';
        self.at = if is_end { At::LineStart } else { At::Inside };
        self.lines.feed(byte);
        if (self.content.len() as u64) < self.limit {
            self.content.push(byte);
        } else {
            self.too_big = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds one byte at a time, so that every state is met across a read.
    fn read(input: &[u8]) -> (Dotted, usize) {
        let mut dotted = Dotted::new(100);
        let mut used = 0;
        while !dotted.ended && used < input.len() {
            used += dotted.feed(&input[used..=used]);
        }
        (dotted, used)
    }

    #[test]
    fn dots_are_removed_only_where_they_were_stuffed() {
        let (dotted, used) = read(b"..a\r\nb.\r\n...\r\n.c\r\n.\r\nQUIT\r\n");
        assert!(dotted.ended && !dotted.lines.bare_line_end);
        assert_eq!(dotted.content, b".a\r\nb.\r\n..\r\nc\r\n");
        assert_eq!(used, 21);
        assert_eq!(read(b".\r\n").0.content, b"");
    }

    #[test]
    fn only_crlf_dot_crlf_ends_the_content() {
        for input in [
            &b"a\n.\r\n"[..],
            b"a\r\n.\n",
            b"a\r\n.\r\r\n",
            b"a\r.\r\n",
            b"a\n.\n",
            b"a\r\n.\rb\r\n",
        ] {
            let (dotted, _) = read(input);
            assert!(!dotted.ended, "{input:?} ended");
            assert!(dotted.lines.bare_line_end, "{input:?} passed");
        }
    }

    #[test]
    fn what_exceeds_the_limit_is_not_kept() {
        let mut dotted = Dotted::new(3);
        dotted.feed(b"ab\r\n.\r\n");
        assert!(dotted.ended && dotted.too_big);
        assert_eq!(dotted.content, b"ab\r");
    }
}
