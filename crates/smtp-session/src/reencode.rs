//! Mails for servers without 8BITMIME: parts beyond ASCII in another encoding.
//!
//! Source: RFC 6152 section 3, RFC 2045 sections 6.7 and 6.8.

use crate::error::BodyError;
use mail_builder::encoders::{Base64Encoder, QuotedPrintableEncoder};
use mail_parser::{Encoding, HeaderName, MessageParser, MessagePart, MimeHeaders, PartType};
use std::ops::Range;

/// No mail has as many mails within each other.
const MAX_DEPTH: usize = 16;

/// The mail in ASCII: text as quoted-printable, all else as base64. What is ASCII
/// already stays byte for byte.
///
/// # Errors
///
/// Something beyond ASCII that can't be told by an encoding of MIME: in a header,
/// beside the parts, in a signed part, or in text of an unknown character set.
pub(crate) fn to_seven_bit(mail: &[u8]) -> Result<Vec<u8>, BodyError> {
    within(mail, 0).ok_or_else(|| {
        let at = mail.iter().position(|b| !b.is_ascii()).unwrap_or(0);
        let ends = memchr::memchr_iter(b'\n', &mail[..at]).count();
        BodyError::EightBit {
            line: ends as u64 + 1,
        }
    })
}

fn within(mail: &[u8], depth: usize) -> Option<Vec<u8>> {
    if mail.is_ascii() {
        return Some(mail.to_vec());
    }
    let message = MessageParser::new()
        .parse(mail)
        .filter(|_| depth < MAX_DEPTH)?;
    let mut edits = Vec::new();
    for part in &message.parts {
        edit(mail, part, depth, &mut edits)?;
    }
    let root = message.parts.first()?;
    if !edits.is_empty() && root.content_type().is_none() {
        label(mail, root, &mut edits)?;
    }
    let changed = apply(mail, edits);
    changed.is_ascii().then_some(changed)
}

/// A range of the mail, and what takes its place.
type Edit = (Range<usize>, Vec<u8>);

/// Changes the encoding of one part, if it needs another.
fn edit(mail: &[u8], part: &MessagePart<'_>, depth: usize, edits: &mut Vec<Edit>) -> Option<()> {
    let body = part.offset_body as usize..part.offset_end as usize;
    let content = mail.get(body.clone())?;
    let kind = part.content_type();
    let is = |name: &str| kind.is_some_and(|kind| kind.ctype().eq_ignore_ascii_case(name));
    if content.is_ascii() || part.encoding != Encoding::None {
        return Some(());
    }
    let (encoding, encoded) = match &part.body {
        // Its parts are edited by themselves; a signature would not hold.
        PartType::Multipart(_) => {
            let signed = kind.and_then(|kind| kind.subtype());
            if signed.is_some_and(|subtype| subtype.eq_ignore_ascii_case("signed")) {
                return None;
            }
            ("7bit", None)
        }
        PartType::Message(_) => ("7bit", Some(within(content, depth + 1)?)),
        _ if kind.is_none() || is("text") => {
            let encoder = QuotedPrintableEncoder::new().preserve_line_breaks();
            ("quoted-printable", Some(encoder.encode(content).ok()?))
        }
        _ => {
            let encoder = Base64Encoder::new().wrap_lines();
            ("base64", Some(encoder.encode(content).ok()?))
        }
    };
    set_encoding(part, encoding, edits);
    if let Some(encoded) = encoded {
        edits.push((body, encoded));
    }
    Some(())
}

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

/// Says what the text of a mail without MIME is: UTF-8, or nothing that is known.
fn label(mail: &[u8], root: &MessagePart<'_>, edits: &mut Vec<Edit>) -> Option<()> {
    let text = mail.get(root.offset_body as usize..root.offset_end as usize)?;
    std::str::from_utf8(text).ok()?;
    let start = root.offset_header as usize;
    let mut lines = b"Content-Type: text/plain; charset=utf-8\r\n".to_vec();
    if !root
        .headers
        .iter()
        .any(|header| header.name == HeaderName::MimeVersion)
    {
        lines.splice(..0, *b"MIME-Version: 1.0\r\n");
    }
    edits.push((start..start, lines));
    Some(())
}

fn apply(mail: &[u8], mut edits: Vec<Edit>) -> Vec<u8> {
    edits.sort_by_key(|(range, _)| range.start);
    let mut changed = Vec::with_capacity(mail.len() + mail.len() / 2);
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
