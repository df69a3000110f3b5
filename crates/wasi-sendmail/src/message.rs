//! The mail: lines made fit for the wire, and the envelope out of the header.
//!
//! Source: RFC 5322 section 2 (lines, header fields); RFC 5321 section 4.5.3.1
//! (lengths); sendmail's manual for -t, -i and -f.

use crate::flags::Flags;
use crate::{Failure, addresses};
use std::io::Read;

/// The longest line, without its end. Source: RFC 5321 section 4.5.3.1.6.
const LINE_LEN: usize = 998;

/// The most that is read: larger than any server takes, small enough for a
/// component's memory.
const MAIL_LEN: u64 = 256 * 1024 * 1024;

/// A mail with its envelope.
pub(crate) struct Mail {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    /// The content, every line ended by CRLF.
    pub(crate) content: Vec<u8>,
}

/// Reads the mail and makes its envelope.
pub(crate) fn read(input: &mut dyn Read, flags: &Flags) -> Result<Mail, Failure> {
    let mut raw = Vec::new();
    input
        .take(MAIL_LEN + 1)
        .read_to_end(&mut raw)
        .map_err(|error| Failure::io(format!("cannot read standard input: {error}")))?;
    if raw.len() as u64 > MAIL_LEN {
        return Err(Failure::data(
            "the mail is larger than 256 MiB: send a link instead",
        ));
    }
    let lines = split_lines(&raw, flags.ignore_dots)?;
    let (header, body) = split_header(&lines);
    let mut envelope = Envelope::default();
    let mut content = Vec::with_capacity(raw.len() + lines.len());
    for field in &header {
        if !envelope.take(field, flags)? {
            push_lines(&mut content, &field.lines);
        }
    }
    push_lines(&mut content, body);
    envelope.into_mail(flags, content)
}

#[derive(Default)]
struct Envelope {
    from: Option<String>,
    recipients: Vec<String>,
}

impl Envelope {
    /// Learns from a field; `true` if it must not be sent.
    fn take(&mut self, field: &Field<'_>, flags: &Flags) -> Result<bool, Failure> {
        let recipients = ["to", "cc", "bcc"].contains(&field.name.as_str());
        let parse = || {
            addresses::parse_list(&field.value())
                .map_err(|wrong| Failure::data(format!("the {} field {wrong}", field.label)))
        };
        if recipients && flags.recipients_from_headers {
            self.recipients.extend(parse()?);
        } else if field.name == "from" && flags.sender.is_none() && self.from.is_none() {
            self.from = parse()?.into_iter().next();
        }
        Ok(field.name == "bcc")
    }

    fn into_mail(self, flags: &Flags, content: Vec<u8>) -> Result<Mail, Failure> {
        let sender = flags.sender.clone().or(self.from).ok_or_else(|| {
            Failure::usage("no sender: give -f ADDRESS, or a From field in the mail")
        })?;
        let mut recipients = Vec::new();
        for recipient in flags.recipients.iter().chain(&self.recipients) {
            if !recipients.contains(recipient) {
                recipients.push(recipient.clone());
            }
        }
        if recipients.is_empty() {
            return Err(Failure::usage(if flags.recipients_from_headers {
                "no recipient: the mail has no address in To, Cc or Bcc, and the command line has none"
            } else {
                "no recipient: name one on the command line, or give -t to take them from the mail's header"
            }));
        }
        let given = flags.recipients.iter().chain(&flags.sender);
        for address in given {
            addresses::check(address)
                .map_err(|wrong| Failure::usage(format!("the command line {wrong}")))?;
        }
        Ok(Mail {
            sender,
            recipients,
            content,
        })
    }
}

/// The lines without their ends, which may be CRLF or LF.
fn split_lines(raw: &[u8], ignore_dots: bool) -> Result<Vec<&[u8]>, Failure> {
    let mut lines: Vec<&[u8]> = raw.split(|&b| b == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    if !ignore_dots && let Some(end) = lines.iter().position(|line| matches!(*line, b"." | b".\r"))
    {
        lines.truncate(end);
    }
    for (number, line) in lines.iter_mut().enumerate() {
        *line = line.strip_suffix(b"\r").unwrap_or(line);
        let wrong = if line.contains(&b'\r') {
            "has a bare carriage return: end lines by LF or CRLF"
        } else if line.contains(&0) {
            "has a NUL byte: encode binary parts as base64"
        } else if line.len() > LINE_LEN {
            "is longer than 998 octets: encode the part as quoted-printable or base64"
        } else {
            continue;
        };
        return Err(Failure::data(format!(
            "line {} of the mail {wrong}",
            number + 1
        )));
    }
    Ok(lines)
}

/// A header field with its continuation lines.
struct Field<'a> {
    /// The name as written.
    label: String,
    /// The name in lower case.
    name: String,
    lines: Vec<&'a [u8]>,
}

impl Field<'_> {
    /// The value, unfolded. Bytes that are no UTF-8 can't be in an address.
    fn value(&self) -> String {
        let all = self.lines.concat();
        let colon = all.iter().position(|&b| b == b':').map_or(0, |at| at + 1);
        String::from_utf8_lossy(&all[colon..]).into_owned()
    }
}

/// The header's fields and the rest, which begins with the empty line. Lines
/// that are no field begin the rest too.
fn split_header<'a, 'b>(lines: &'b [&'a [u8]]) -> (Vec<Field<'a>>, &'b [&'a [u8]]) {
    let mut fields: Vec<Field<'a>> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        match (fields.last_mut(), line) {
            (Some(field), [b' ' | b'\t', ..]) => field.lines.push(line),
            _ => match field_name(line) {
                Some(label) => {
                    let name = label.to_ascii_lowercase();
                    fields.push(Field {
                        label,
                        name,
                        lines: vec![line],
                    });
                }
                None => return (fields, &lines[at..]),
            },
        }
    }
    (fields, &[])
}

/// The name of the field that begins with this line. White space before the
/// colon is obsolete but must be understood, or a Bcc could slip through
/// (RFC 5322 section 4.5).
fn field_name(line: &[u8]) -> Option<String> {
    let colon = line.iter().position(|&b| b == b':')?;
    let name = line[..colon].trim_ascii_end();
    let plain = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    plain.then(|| String::from_utf8_lossy(name).into_owned())
}

fn push_lines(content: &mut Vec<u8>, lines: &[&[u8]]) {
    for line in lines {
        content.extend_from_slice(line);
        content.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(recipients_from_headers: bool) -> Flags {
        Flags {
            recipients_from_headers,
            ..Flags::default()
        }
    }

    fn read_text(text: &str, flags: &Flags) -> Result<Mail, Failure> {
        read(&mut text.as_bytes(), flags)
    }

    const MAIL: &str =
        "From: Me <me@x>\nTo: a@b,\n\tc@d\nBcc : hidden@e,\n a@b\nSubject: s\n\n.x\nbody";

    #[test]
    fn the_envelope_comes_from_the_header_and_bcc_goes() {
        let mail = read_text(MAIL, &flags(true)).unwrap();
        assert_eq!(mail.sender, "me@x");
        assert_eq!(mail.recipients, ["a@b", "c@d", "hidden@e"]);
        let expected = "From: Me <me@x>\r\nTo: a@b,\r\n\tc@d\r\nSubject: s\r\n\r\n.x\r\nbody\r\n";
        assert_eq!(mail.content, expected.as_bytes());
    }

    #[test]
    fn the_command_line_adds_to_the_header_and_f_wins() {
        let mut given = flags(true);
        given.recipients = vec!["z@y".into()];
        given.sender = Some("bounce@x".into());
        let mail = read_text(MAIL, &given).unwrap();
        assert_eq!(mail.sender, "bounce@x");
        assert_eq!(mail.recipients, ["z@y", "a@b", "c@d", "hidden@e"]);
    }

    #[test]
    fn a_dot_ends_the_mail_unless_told_otherwise() {
        let text = "From: me@x\r\nTo: a@b\r\n\r\none\r\n.\r\ntwo\r\n";
        let ended = read_text(text, &flags(true)).unwrap();
        assert!(ended.content.ends_with(b"\r\n\r\none\r\n"));
        let mut ignoring = flags(true);
        ignoring.ignore_dots = true;
        assert_eq!(read_text(text, &ignoring).unwrap().content, text.as_bytes());
    }

    #[test]
    fn what_cannot_go_on_the_wire_is_refused_by_line() {
        let long = format!("From: me@x\nTo: a@b\n\n{}\n", "x".repeat(999));
        for (text, wrong) in [
            (
                "From: me@x\nTo: a@b\n\none\rtwo\n",
                "line 4 of the mail has a bare carriage return",
            ),
            (
                "From: me@x\nTo: a@b\n\n\0\n",
                "line 4 of the mail has a NUL",
            ),
            (
                long.as_str(),
                "line 4 of the mail is longer than 998 octets",
            ),
        ] {
            let failure = read_text(text, &flags(true)).err().unwrap();
            assert_eq!(failure.exit_code(), 65);
            assert!(failure.to_string().starts_with(wrong), "{failure}");
        }
        let fits = long.replacen("xx", "x", 1);
        assert!(read_text(&fits, &flags(true)).is_ok());
    }

    #[test]
    fn a_missing_or_unreadable_envelope_is_said() {
        for (text, with_t, code, wrong) in [
            (
                "From: me@x\n\nbody",
                true,
                64,
                "no recipient: the mail has no address",
            ),
            (
                "From: me@x\nTo: a@b\n\nbody",
                false,
                64,
                "no recipient: name one",
            ),
            ("To: a@b\n\nbody", true, 64, "no sender"),
            ("just text", true, 64, "no sender"),
            (
                "From: me@x\nTo: a@b c@d\n\nbody",
                true,
                65,
                "the To field has words",
            ),
        ] {
            let failure = read_text(text, &flags(with_t)).err().unwrap();
            assert_eq!(failure.exit_code(), code, "{failure}");
            assert!(failure.to_string().starts_with(wrong), "{failure}");
        }
    }
}
