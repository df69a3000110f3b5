//! The mails of an mbox file, one after the other, with one in memory at a time.
//!
//! Before each mail stands a line that begins with `From `; after each stands an
//! empty line. A line of a mail that begins with `From `, or with some `>` and
//! `From `, has one more `>` in the file (mboxrd). mboxo puts `>` before `From `
//! alone, and is read alike: its `>>From ` loses one `>`, which nothing in the
//! file can tell from mboxrd's.
//!
//! Some writers quote nothing. Cutting a mail in two sends a torn one; taking two
//! for one sends the second to the recipients of the first. So nothing is
//! guessed: where it isn't clear whether a mail begins, the file is refused.
//! - The first line of the file has a date, as all writers but a few do: then a
//!   `From ` line after an empty line begins a mail if it has one too, and is
//!   refused if it has none ("From here on, ...").
//! - The first line has no date: then each `From ` line after an empty line begins
//!   a mail.
//! - A `From ` line after a line of text belongs to the mail; but one with a date is
//!   refused, since qmail's readers begin a mail there.
//!
//! The variants that count on `Content-Length` instead (mboxcl2) are not known.
//!
//! Source: qmail's mbox(5); RFC 4155 appendix A.

use crate::Failure;
use std::io::{BufRead, Read as _};

/// One mail of an mbox file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MboxMail {
    pub(crate) start: Start,
    /// The mail, unquoted, with the line ends that it has in the file.
    pub(crate) raw: Vec<u8>,
}

impl MboxMail {
    /// What the journal calls it.
    pub(crate) fn name(&self) -> String {
        format!("mbox:{}", self.start.mails + 1)
    }
}

/// Where a mail begins, so that it can be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The octets, lines and mails before it.
    octets: u64,
    lines: u64,
    mails: u64,
    /// The first line of the file has a date.
    dated: bool,
}

impl Start {
    /// The octets of the file before it.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }
}

/// Gives the mails of an mbox file. After an error it gives nothing more.
pub(crate) struct Mbox<R> {
    input: R,
    /// The file, for sentences.
    file: String,
    place: Place,
    /// What was read so far.
    read: Start,
    mail_len: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    /// After the line that begins a mail.
    Mail,
    End,
}

/// The largest mail, as on standard input.
const MAIL_LEN: usize = crate::message::MAIL_LEN as usize;

/// What is read beyond a mail's length, to see that a mail ends: the line that
/// begins the next one.
const MARGIN_LEN: usize = 4096;

impl<R: BufRead> Mbox<R> {
    /// Reads `input`; sentences call it `file`.
    pub(crate) fn new(input: R, file: &str) -> Self {
        Self {
            input,
            file: file.escape_debug().to_string(),
            place: Place::Start,
            read: Start {
                octets: 0,
                lines: 0,
                mails: 0,
                dated: false,
            },
            mail_len: MAIL_LEN,
        }
    }

    /// Goes on at the beginning of a mail, where `input` is.
    pub(crate) fn from(self, start: Start) -> Self {
        Self {
            place: Place::Mail,
            read: start,
            ..self
        }
    }

    fn mail(&mut self) -> Result<Option<MboxMail>, Failure> {
        match self.place {
            Place::Start => self.first_line()?,
            Place::Mail => {}
            Place::End => return Ok(None),
        }
        let start = self.read;
        self.read.mails += 1;
        let mut raw = Vec::new();
        let mut after_empty = false;
        loop {
            let at = raw.len();
            if !self.line(&mut raw)? {
                self.place = Place::End;
                break;
            }
            let line = &raw[at..];
            if line.starts_with(FROM) && self.begins_mail(line, after_empty)? {
                raw.truncate(at);
                break;
            }
            if is_quoted(line) {
                raw.remove(at);
            }
            after_empty = is_empty(&raw[at..]);
        }
        if after_empty {
            let end = if raw.ends_with(b"\r\n") { 2 } else { 1 };
            raw.truncate(raw.len() - end);
        }
        if raw.len() > self.mail_len {
            return Err(self.too_large());
        }
        Ok(Some(MboxMail { start, raw }))
    }

    fn first_line(&mut self) -> Result<(), Failure> {
        let mut line = Vec::new();
        self.line(&mut line)?;
        if !line.starts_with(FROM) {
            return Err(Failure::data(format!(
                "{} is no mbox file, since it does not begin with `From `: send a single mail through standard input, or a folder of them by --from-dir",
                self.file
            )));
        }
        self.read.dated = has_date(&line);
        self.place = Place::Mail;
        Ok(())
    }

    /// Appends the next line with its end; `false` at the end of the file.
    fn line(&mut self, raw: &mut Vec<u8>) -> Result<bool, Failure> {
        let most = self.mail_len + MARGIN_LEN - raw.len();
        let count = (&mut self.input)
            .take(most as u64)
            .read_until(b'\n', raw)
            .map_err(|error| {
                Failure::io(format!(
                    "cannot read {} ({error}): run the same command again once it can be read",
                    self.file
                ))
            })?;
        self.read.octets += count as u64;
        self.read.lines += u64::from(count > 0);
        if count == most {
            return Err(self.too_large());
        }
        Ok(count > 0)
    }

    /// Whether a mail begins with this line, which begins with `From `.
    fn begins_mail(&self, line: &[u8], after_empty: bool) -> Result<bool, Failure> {
        let dated = has_date(line);
        let unclear = match (after_empty, dated) {
            (true, false) if self.read.dated => "has no date",
            (false, true) => "has no empty line before it",
            (after_empty, _) => return Ok(after_empty),
        };
        Err(Failure::data(format!(
            "line {} of {} begins with `From ` but {unclear}, so that it is unclear whether a mail begins there: write > before it if not, otherwise an empty line and `From x Thu Jan  1 00:00:00 1970`",
            self.read.lines, self.file
        )))
    }

    fn too_large(&self) -> Failure {
        Failure::data(format!(
            "mail {} of {} is larger than {} MiB: take it out and send a link instead",
            self.read.mails.max(1),
            self.file,
            self.mail_len / (1024 * 1024)
        ))
    }
}

impl<R: BufRead> Iterator for Mbox<R> {
    type Item = Result<MboxMail, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mail = self.mail();
        if mail.is_err() {
            self.place = Place::End;
        }
        mail.transpose()
    }
}

const FROM: &[u8] = b"From ";

fn is_quoted(line: &[u8]) -> bool {
    let quotes = line.iter().take_while(|&&b| b == b'>').count();
    quotes > 0 && line[quotes..].starts_with(FROM)
}

fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

/// Whether the line has a weekday and a time of day, as asctime writes them: the
/// rest differs between writers.
fn has_date(line: &[u8]) -> bool {
    let words = || line.split(u8::is_ascii_whitespace);
    let weekday = |word: &[u8]| {
        let word = word.strip_suffix(b",").unwrap_or(word);
        WEEKDAYS.iter().any(|day| day.as_slice() == word)
    };
    words().any(weekday) && words().any(is_time)
}

const WEEKDAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// `1:05`, `01:05` or `01:05:34`.
fn is_time(word: &[u8]) -> bool {
    let parts: Vec<&[u8]> = word.split(|&b| b == b':').take(4).collect();
    let digits = |part: &&[u8]| matches!(part.len(), 1 | 2) && part.iter().all(u8::is_ascii_digit);
    matches!(parts.len(), 2 | 3) && parts.iter().all(digits)
}

#[cfg(test)]
mod tests;
