//! Mails that no server takes as they are, or not this one: their text in another
//! encoding.
//!
//! Source: RFC 6152 section 3 (8BITMIME); RFC 5321 sections 2.3.8 and 4.5.3.1.6 (bare
//! CR, long lines); RFC 2045 sections 6.7 and 6.8.

use crate::body::{Form, look_through};
use crate::error::BodyError;
use base64ct::{Base64, Encoding as _};
use mail_parser::{Encoding, HeaderName, MessageParser, MessagePart, MimeHeaders, PartType};
use std::ops::Range;

mod quoted_printable;
mod structure;

/// No mail has as many mails within each other.
const MAX_DEPTH: usize = 16;

/// The longest line of base64 and of quoted-printable (RFC 2045 sections 6.7 and 6.8).
const MAX_LINE_LEN: usize = 76;

/// What servers take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// As the mail is looked at.
    pub(crate) form: Form,
    /// Octets beyond ASCII.
    pub(crate) eight_bit: bool,
}

/// Why a mail can't be encoded.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// What is not for an encoding of MIME: a header, what stands between parts.
    Impossible,
    /// A signature would not hold, or what is encrypted could not be read.
    Signed,
}

/// The mail with its text as quoted-printable where need be, and all else as base64;
/// `None` if it goes as it is. What goes as it is stays byte for byte.
///
/// # Errors
///
/// What is wrong and can't be told by an encoding of MIME: a NUL, a header, text beside
/// the parts, and all that is signed or encrypted.
pub(crate) fn reencode(mail: &[u8], limits: Limits) -> Result<Option<Vec<u8>>, BodyError> {
    let Some(wrong) = limits.wrong(mail) else {
        return Ok(None);
    };
    let line = match wrong {
        BodyError::BareCr { line }
        | BodyError::LineTooLong { line }
        | BodyError::EightBit { line } => line,
        wrong => return Err(wrong),
    };
    if let Some(at) = memchr::memchr(0, mail) {
        let ends = memchr::memchr_iter(b'\n', &mail[..at]).count() as u64;
        return Err(BodyError::Nul { line: ends + 1 });
    }
    match limits.within(mail, 0) {
        Ok(changed) if limits.wrong(&changed).is_none() => Ok(Some(changed)),
        Err(Stop::Signed) => Err(BodyError::Signed { line }),
        Ok(_) | Err(Stop::Impossible) => Err(wrong),
    }
}

impl Limits {
    fn wrong(self, text: &[u8]) -> Option<BodyError> {
        let mut lines = self.form.lines();
        if !self.eight_bit {
            lines.refuse_eight_bit();
        }
        look_through(lines, text).err()
    }

    fn within(self, mail: &[u8], depth: usize) -> Result<Vec<u8>, Stop> {
        if self.wrong(mail).is_none() {
            return Ok(mail.to_vec());
        }
        let message = MessageParser::new()
            .parse(mail)
            .filter(|_| depth < MAX_DEPTH)
            .ok_or(Stop::Impossible)?;
        let root = message.parts.first().ok_or(Stop::Impossible)?;
        if has_header(root, "DKIM-Signature") {
            return Err(Stop::Signed);
        }
        let mut edits = Vec::new();
        for part in &message.parts {
            self.edit(mail, part, depth, &mut edits)?;
        }
        if !edits.is_empty() {
            label(mail, root, &mut edits);
        }
        // It may be long.
        drop(message);
        Ok(apply(mail, edits))
    }

    /// Changes the encoding of one part, if it needs another.
    fn edit(
        self,
        mail: &[u8],
        part: &MessagePart<'_>,
        depth: usize,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Stop> {
        if !structure::is_certain(mail, part) {
            return Err(Stop::Impossible);
        }
        let body = part.offset_body as usize..part.offset_end as usize;
        let content = mail.get(body.clone()).ok_or(Stop::Impossible)?;
        if self.wrong(content).is_none() {
            return Ok(());
        }
        if is_signed(part, content) {
            return Err(Stop::Signed);
        }
        let (kind, _) = type_of(part);
        let is_text = part.content_type().is_none() || kind == "text";
        let (encoding, encoded) = match (&part.body, part.encoding) {
            // Its parts are edited by themselves.
            (PartType::Multipart(_), _) if self.eight_bit => return Ok(()),
            (PartType::Multipart(_), _) => ("7bit", None),
            (PartType::Message(_), Encoding::None) => {
                let inner = self.within(content, depth + 1)?;
                let kind = if inner.is_ascii() { "7bit" } else { "8bit" };
                (kind, Some(inner))
            }
            // Composite types have no other encoding (RFC 2045 section 6.4): this one
            // can't be read.
            _ if ["multipart", "message"].contains(&kind.as_str()) => return Err(Stop::Impossible),
            (_, Encoding::Base64) => ("base64", Some(base64_lines(content))),
            (_, Encoding::QuotedPrintable) => (
                "quoted-printable",
                Some(quoted_printable::shorten(content).ok_or(Stop::Impossible)?),
            ),
            (_, Encoding::None) if is_text => {
                ("quoted-printable", Some(quoted_printable::encode(content)))
            }
            (_, Encoding::None) => {
                let encoded = Base64::encode_string(content);
                ("base64", Some(base64_lines(encoded.as_bytes())))
            }
        };
        set_encoding(part, encoding, edits);
        if let Some(encoded) = encoded {
            edits.push((body, encoded));
        }
        Ok(())
    }
}

/// Type and subtype of a part, in lower case.
fn type_of(part: &MessagePart<'_>) -> (String, String) {
    let kind = part.content_type();
    let kind = kind.map(|kind| (kind.ctype(), kind.subtype().unwrap_or_default()));
    let (main, sub) = kind.unwrap_or_default();
    (main.to_ascii_lowercase(), sub.to_ascii_lowercase())
}

/// Whether a change would break a signature, or what is encrypted.
///
/// Source: RFC 1847; RFC 3156; RFC 8551; RFC 9580 section 7.
fn is_signed(part: &MessagePart<'_>, content: &[u8]) -> bool {
    let (main, sub) = type_of(part);
    match main.as_str() {
        "multipart" => ["signed", "encrypted"].contains(&sub.as_str()),
        "application" if sub.contains("pkcs7") || sub.starts_with("pgp-") => true,
        _ => {
            let armor: &[u8] = b"-----BEGIN PGP ";
            let mut lines = content.split(|b| *b == b'\n');
            !matches!(part.body, PartType::Multipart(_) | PartType::Message(_))
                && lines.any(|line| line.starts_with(armor))
        }
    }
}

fn has_header(part: &MessagePart<'_>, name: &str) -> bool {
    let mut headers = part.headers.iter();
    headers.any(|header| header.name.as_str().eq_ignore_ascii_case(name))
}

/// Base64 in lines of the length that it has to have.
fn base64_lines(base64: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = base64
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let mut lines = Vec::with_capacity(digits.len() + digits.len() / 32);
    for line in digits.chunks(MAX_LINE_LEN) {
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// A range of the mail, and what takes its place.
type Edit = (Range<usize>, Vec<u8>);

fn set_encoding(part: &MessagePart<'_>, encoding: &str, edits: &mut Vec<Edit>) {
    let named = part
        .headers
        .iter()
        .find(|header| header.name == HeaderName::ContentTransferEncoding);
    match named {
        Some(header) => {
            let value = header.offset_start as usize..header.offset_end as usize;
            edits.push((value, format!(" {encoding}\r\n").into_bytes()));
        }
        None => {
            let start = part.offset_header as usize;
            let line = format!("Content-Transfer-Encoding: {encoding}\r\n");
            edits.push((start..start, line.into_bytes()));
        }
    }
}

/// Says that the mail is MIME, and what its text is if that is not said: UTF-8, ASCII,
/// or nothing that is known.
///
/// Source: RFC 2045 section 4; RFC 1428 section 3.
fn label(mail: &[u8], root: &MessagePart<'_>, edits: &mut Vec<Edit>) {
    let start = root.offset_header as usize;
    let mut lines = String::new();
    if !has_header(root, "MIME-Version") {
        lines.push_str("MIME-Version: 1.0\r\n");
    }
    if root.content_type().is_none() {
        let body = root.offset_body as usize..root.offset_end as usize;
        let text = mail.get(body).unwrap_or_default();
        let charset = match (text.is_ascii(), std::str::from_utf8(text)) {
            (true, _) => "us-ascii",
            (_, Ok(_)) => "utf-8",
            _ => "unknown-8bit",
        };
        lines.push_str("Content-Type: text/plain; charset=");
        lines.push_str(charset);
        lines.push_str("\r\n");
    }
    edits.push((start..start, lines.into_bytes()));
}

fn apply(mail: &[u8], mut edits: Vec<Edit>) -> Vec<u8> {
    edits.sort_by_key(|(range, _)| range.start);
    let added: usize = edits.iter().map(|(_, bytes)| bytes.len()).sum();
    let removed: usize = edits.iter().map(|(range, _)| range.len()).sum();
    let mut changed = Vec::with_capacity((mail.len() + added).saturating_sub(removed));
    let mut copied = 0;
    for (range, bytes) in edits {
        // Those of parts that were changed as a whole are in there already.
        if range.start < copied {
            continue;
        }
        changed.extend_from_slice(&mail[copied..range.start]);
        changed.extend_from_slice(&bytes);
        copied = range.end;
    }
    changed.extend_from_slice(&mail[copied..]);
    changed
}

#[cfg(test)]
mod tests;
