//! Replies, read from any split of the input.

use crate::printable;
use std::fmt;
use wasm_smtp::protocol::parse_reply_line;

pub use wasm_smtp::protocol::EnhancedStatus;

/// The longest line of a reply, its line end included: what a challenge of AUTH
/// may have (RFC 4954 section 4), 24 times what others may (RFC 5321 section
/// 4.5.3.1.5).
pub const MAX_REPLY_LINE_LEN: usize = 12_288;

/// The most lines of a reply.
pub const MAX_REPLY_LINES: usize = 128;

/// The longest text of a reply, all its lines together.
pub const MAX_REPLY_LEN: usize = 16_384;

/// What the server answered to a command: a code of three digits, and text.
///
/// `Display` gives the code and the text on one line, with control characters
/// escaped and addresses masked; [`text`](Self::text) is what was received.
/// `Debug` leaves the text out.
///
/// Source: RFC 5321 section 4.2.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    text: String,
}

impl Reply {
    pub(crate) fn new(code: u16, text: String) -> Self {
        Self { code, text }
    }

    /// For tests.
    #[cfg(test)]
    pub(crate) fn of(code: u16, text: &str) -> Self {
        Self::new(code, text.to_owned())
    }

    /// The code, 200 to 599. Judge by its first digit: servers use codes that no
    /// document names.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code at the beginning of the text. It is taken whether
    /// the server announces ENHANCEDSTATUSCODES or not; one of another class than
    /// the reply's own is not (RFC 2034 section 4).
    pub fn enhanced(&self) -> Option<EnhancedStatus> {
        enhanced(self.code, &self.text)
    }

    /// The text of all lines, joined by `\n`, without codes in front but with the
    /// enhanced status code. At most [`MAX_REPLY_LEN`] octets; what is no UTF-8
    /// became U+FFFD. It may hold addresses and control characters: escape it
    /// before it reaches a log.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// 2xx: done.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3xx: go on.
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4xx: the same may succeed later.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx: the same will fail again.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// 452, without a status or with 4.5.3: one transaction has too many recipients, and
    /// those that it did not take can follow in another. With any other status it is
    /// about one recipient, such as 4.2.2 for a full mailbox.
    ///
    /// Source: RFC 5321 section 4.5.3.1.10; RFC 3463 section 3.6 (X.5.3).
    pub fn is_too_many_recipients(&self) -> bool {
        let status = self.enhanced();
        self.code == 452 && status.is_none_or(|status| (status.subject, status.detail) == (5, 3))
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Code and text, as they came.
    pub(crate) fn to_text(&self) -> String {
        format!("{} {}", self.code, self.text)
    }

    /// Leaves out the middle of a text that is longer: what it is about comes first, and
    /// the link that explains it last.
    pub(crate) fn shorten(&mut self, len: usize) {
        const GAP: &str = " ... ";
        if self.text.len() <= len {
            return;
        }
        let kept = len.saturating_sub(GAP.len());
        let (mut end, mut start) = (kept - kept / 3, self.text.len() - kept / 3);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        while !self.text.is_char_boundary(start) {
            start += 1;
        }
        // Between words, so that no half of an address is left.
        let (before, after) = (&self.text[..end], &self.text[start..]);
        let end = before.rfind(char::is_whitespace).unwrap_or(end);
        let after = after.split_once(char::is_whitespace);
        let start = after.map_or(start, |(_, rest)| self.text.len() - rest.len());
        self.text.replace_range(end..start, GAP);
        self.text.shrink_to_fit();
    }

    /// Puts `***` in place of each word that has a secret, or six characters of
    /// one, in it: servers that repeat a line may cut it. White space counts on neither
    /// side, since passwords of several words are shown with it and taken without.
    pub(crate) fn redact(&mut self, secrets: &[&str]) {
        const TELLING_LEN: usize = 6;
        let words: Vec<_> = self.text.split_inclusive(char::is_whitespace).collect();
        let bare: Vec<_> = words.iter().map(|word| word.trim_end()).collect();
        let joined = bare.concat();
        let mut tells = vec![false; joined.len()];
        for secret in secrets {
            let secret: String = secret.split_whitespace().collect();
            let len = secret.len().clamp(1, TELLING_LEN);
            for part in secret.as_bytes().windows(len) {
                for at in memchr::memmem::find_iter(joined.as_bytes(), part) {
                    tells[at..at + len].fill(true);
                }
            }
        }
        let mut at = 0;
        let shown = words.iter().zip(bare).map(|(word, bare)| {
            let range = at..at + bare.len();
            at = range.end;
            let is_secret = tells[range].contains(&true);
            [if is_secret { "***" } else { bare }, &word[bare.len()..]].concat()
        });
        self.text = shown.collect();
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.text.is_empty() {
            f.write_str(" ")?;
            write_printable(f, &self.text)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}", self.code)?;
        if let Some(enhanced) = self.enhanced() {
            write!(f, " {enhanced}")?;
        }
        f.write_str(", ..)")
    }
}

/// How much of a reply an error shows.
const SHOWN_LEN: usize = 512;

/// Writes a server's text so that it can't do harm in a terminal or a log, nor
/// tell to whom a mail goes.
pub(crate) fn write_printable(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut text = Reply::new(0, mask(text));
    text.shorten(SHOWN_LEN);
    write!(f, "{}", printable(&text.text))
}

/// With `***` for each address.
fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at);
        masked.push_str(&before[..address_start(before)]);
        masked.push_str("***");
        let apart = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"'()".contains(c);
        let len = after[1..].find(apart).map_or(after.len(), |len| len + 1);
        rest = &after[len..];
    }
    masked + rest
}

/// Where the local part begins that `before` ends with.
fn address_start(before: &str) -> usize {
    if let Some(quoted) = before.strip_suffix('"') {
        // A quotation mark behind a backslash is a part of it.
        let mut quotes = quoted.rmatch_indices('"').map(|(at, _)| at);
        return quotes
            .find(|at| !quoted[..*at].ends_with('\\'))
            .unwrap_or(0);
    }
    let apart = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()[]".contains(c);
    before
        .char_indices()
        .rfind(|&(_, c)| apart(c))
        .map_or(0, |(at, c)| at + c.len_utf8())
}

/// Source: RFC 3463 section 2, RFC 2034 section 4.
fn enhanced(code: u16, text: &str) -> Option<EnhancedStatus> {
    let status = text.split([' ', '\t', '\n']).next()?;
    let mut parts = status.split('.').map(|part| {
        let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<u16>().ok()).flatten()
    });
    let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
    let fits = class == code / 100 && matches!(class, 2 | 4 | 5) && parts.next().is_none();
    fits.then_some(EnhancedStatus {
        class: u8::try_from(class).ok()?,
        subject,
        detail,
    })
}

/// Why what a server sent is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The line.
    Line(String),
    /// All of it, with the last line's code.
    Codes(Reply),
    LineLen,
    Len,
}

impl Malformed {
    pub(crate) fn text(&self) -> &'static str {
        match self {
            Self::Line(_) => "a line that is no reply",
            Self::Codes(_) => "a reply with different codes in its lines",
            Self::LineLen => "a reply line longer than 12288 octets",
            Self::Len => "a reply of more than 128 lines or 16384 octets",
        }
    }

    /// What was said, as far as it is known.
    pub(crate) fn said(self) -> Option<String> {
        match self {
            Self::Line(line) => Some(line),
            Self::Codes(reply) => Some(reply.to_text()),
            Self::LineLen | Self::Len => None,
        }
    }
}

/// Reads replies out of a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct ReplyReader {
    /// The beginning of a line, when it came in parts.
    line: Vec<u8>,
    code: u16,
    text: Vec<u8>,
    lines: usize,
    has_other_codes: bool,
}

impl ReplyReader {
    /// Takes what belongs to one reply off `input`. `Some` when that was its end.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Reply>, Malformed> {
        while let Some(end) = memchr::memchr(b'\n', input) {
            let (line, rest) = input.split_at(end + 1);
            *input = rest;
            if self.line.len() + line.len() > MAX_REPLY_LINE_LEN {
                return Err(Malformed::LineLen);
            }
            let last = if self.line.is_empty() {
                self.line(line)?
            } else {
                self.line.extend_from_slice(line);
                let line = std::mem::take(&mut self.line);
                self.line(&line)?
            };
            if last {
                self.lines = 0;
                let text = std::mem::take(&mut self.text);
                let text = String::from_utf8_lossy(&text).into_owned();
                let mut reply = Reply::new(self.code, text);
                // What is no UTF-8 may have grown.
                reply.shorten(MAX_REPLY_LEN);
                if std::mem::take(&mut self.has_other_codes) {
                    return Err(Malformed::Codes(reply));
                }
                return Ok(Some(reply));
            }
        }
        if self.line.len() + input.len() > MAX_REPLY_LINE_LEN {
            return Err(Malformed::LineLen);
        }
        self.line.extend_from_slice(input);
        *input = &[];
        Ok(None)
    }

    /// Whether a reply has begun.
    pub(crate) fn is_amid(&self) -> bool {
        self.lines > 0 || !self.line.is_empty()
    }

    /// Takes a line with its line end, which some servers write without its CR.
    fn line(&mut self, line: &[u8]) -> Result<bool, Malformed> {
        let line = &line[..line.len() - 1];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let whole = line;
        let parsed = parse_reply_line(line).ok();
        let line = parsed.filter(|parsed| (200..600).contains(&parsed.code));
        let line = line.ok_or_else(|| malformed(whole))?;
        if self.lines > 0 {
            self.has_other_codes |= line.code != self.code;
            self.text.push(b'\n');
        }
        self.code = line.code;
        self.lines += 1;
        if self.lines > MAX_REPLY_LINES || self.text.len() + line.text.len() > MAX_REPLY_LEN {
            return Err(Malformed::Len);
        }
        self.text.extend_from_slice(line.text);
        Ok(line.is_last)
    }
}

fn malformed(line: &[u8]) -> Malformed {
    let mut said = Reply::new(0, String::from_utf8_lossy(line).into_owned());
    said.shorten(SHOWN_LEN);
    Malformed::Line(said.text)
}

#[cfg(test)]
mod tests;
