//! Whether every MIME reader sees a part where ours does.
//!
//! Ours makes the best of what it gets: it passes over lines of a header that are no
//! fields, takes a boundary amid a line for a delimiter, and what it can't decode for
//! text. To show a mail that is right; to change one, it takes certainty.
//!
//! Source: RFC 2045 section 6.1; RFC 2046 section 5.1.1; RFC 5322 section 2.2.

use mail_parser::{Encoding, HeaderName, MessagePart, MimeHeaders as _, PartType};

/// Whether the part's header is made of fields, its delimiters are lines, and it says
/// once at most what its type and its encoding are, in words that are known.
pub(super) fn is_certain(mail: &[u8], part: &MessagePart<'_>) -> bool {
    let types = part.headers.iter();
    let types = types.filter(|field| field.name == HeaderName::ContentType);
    !part.is_encoding_problem
        && has_fields_only(mail, part)
        && is_delimited(mail, part)
        && is_encoding_known(mail, part)
        && types.count() == usize::from(part.content_type().is_some())
}

fn has_fields_only(mail: &[u8], part: &MessagePart<'_>) -> bool {
    let mut at = part.offset_header;
    for field in &part.headers {
        let name = slice(mail, field.offset_field, field.offset_start);
        let name = name.strip_suffix(b":").unwrap_or_default().trim_ascii_end();
        if field.offset_field != at || name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return false;
        }
        at = field.offset_end;
    }
    matches!(slice(mail, at, part.offset_body), b"\n" | b"\r\n")
}

fn is_delimited(mail: &[u8], part: &MessagePart<'_>) -> bool {
    let starts = part.offset_header == 0 || {
        let before = slice(mail, 0, part.offset_header);
        let line = before.strip_suffix(b"\n").unwrap_or_default();
        let start = memchr::memrchr(b'\n', line).map_or(0, |at| at + 1);
        before.ends_with(b"\n") && line[start..].starts_with(b"--")
    };
    let after = slice(mail, part.offset_end, mail.len() as u32);
    let ends = match after {
        // What follows the last delimiter is in no part.
        _ if matches!(part.body, PartType::Multipart(_)) => true,
        [] | [b'\n', b'-', b'-', ..] | [b'\r', b'\n', b'-', b'-', ..] => true,
        [b'-', b'-', ..] => slice(mail, 0, part.offset_end).ends_with(b"\n"),
        _ => false,
    };
    starts && ends
}

fn is_encoding_known(mail: &[u8], part: &MessagePart<'_>) -> bool {
    let name = HeaderName::ContentTransferEncoding;
    let mut named = part.headers.iter().filter(|field| field.name == name);
    let Some(field) = named.next() else {
        return true;
    };
    let value = slice(mail, field.offset_start, field.offset_end).trim_ascii();
    let known: &[&str] = match part.encoding {
        Encoding::None => &["", "7bit", "8bit", "binary"],
        Encoding::Base64 => &["base64"],
        Encoding::QuotedPrintable => &["quoted-printable"],
    };
    let is_known = |name: &&str| value.eq_ignore_ascii_case(name.as_bytes());
    named.next().is_none() && known.iter().any(is_known)
}

fn slice(mail: &[u8], start: u32, end: u32) -> &[u8] {
    mail.get(start as usize..end as usize).unwrap_or_default()
}
