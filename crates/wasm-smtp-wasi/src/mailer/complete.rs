//! What a mail has to have and a submitter may add.

use super::header::{has_field, has_header, remove_secrets};
use super::{MailerError, random};
use mail_builder::headers::Header as _;
use mail_builder::headers::address::EmailAddress;
use mail_builder::headers::date::Date;
use smtp_session::Address;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// Adds `Date`, `Message-ID` and, if there is a sender, `From` to a mail that lacks
/// them. `name` is the sender's own, any text; it stands in front of the address.
/// A mail without a header gets one.
///
/// Like [`Message::new`](super::Message::new) it takes the `Bcc` fields out: read
/// [`HeaderAddresses`](super::HeaderAddresses) first.
///
/// # Errors
///
/// As of [`remove_secrets`](super::remove_secrets).
///
/// Source: RFC 6409 section 8; RFC 5322 sections 3.6.1, 3.6.2 and 3.6.4.
pub fn complete_header(
    mut mail: Vec<u8>,
    sender: Option<&Address>,
    name: Option<&str>,
    now: SystemTime,
) -> Result<Vec<u8>, MailerError> {
    remove_secrets(&mut mail)?;
    let mut added = Vec::new();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    if !has_field(&mail, "date") {
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        push(&mut added, "Date", &Date::new(seconds).to_rfc822());
    }
    if !has_field(&mail, "message-id") {
        let random = random();
        let domain = sender.and_then(|sender| sender.as_str().rsplit_once('@'));
        let domain = domain.map_or("localhost.invalid", |(_, domain)| domain);
        let id = format!("<{:x}.{random:016x}@{domain}>", since.as_nanos());
        push(&mut added, "Message-ID", &id);
    }
    if let (Some(sender), false) = (sender, has_field(&mail, "from")) {
        push(&mut added, "From", &mailbox(sender, name));
    }
    if !has_header(&mail) {
        added.extend(b"\r\n");
    }
    mail.splice(..0, added);
    Ok(mail)
}

fn push(header: &mut Vec<u8>, name: &str, value: &str) {
    header.extend(format!("{name}: {value}\r\n").bytes());
}

/// As it stands in From.
fn mailbox(address: &Address, name: Option<&str>) -> String {
    // A line end would begin another field.
    let name = name.map(|name| name.replace(char::is_control, " "));
    let write = || -> io::Result<String> {
        let mailbox = EmailAddress {
            name: name.map(Into::into),
            email: address.as_str().into(),
        };
        let mut written = Vec::new();
        mailbox.write_header(&mut written, "From: ".len())?;
        String::from_utf8(written).map_err(io::Error::other)
    };
    // Writing into memory does not fail, and what is written is ASCII or was UTF-8.
    let written = write().unwrap_or_else(|_| format!("<{address}>"));
    written.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::HeaderAddresses;
    use super::*;
    use std::time::Duration;

    fn complete(mail: &str, sender: &str, name: Option<&str>) -> String {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_687_445);
        let sender = Address::new(sender).expect("an address");
        let mail = complete_header(mail.into(), Some(&sender), name, now);
        let mail = mail.expect("a mail");
        String::from_utf8(mail).expect("text")
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_there_stays() {
        let whole = "DATE: today\nMessage-Id: <x@y>\nFrom: a@b\nSubject: s\n\nbody\n";
        assert_eq!(complete(whole, "c@d", Some("C")), whole);
        let added = complete("Subject: s\n\nbody\n", "me@a.example", None);
        let (header, body) = added.split_once("\n\n").expect("a header");
        assert_eq!(body, "body\n");
        let lines: Vec<_> = header.lines().collect();
        assert_eq!(lines[0], "Date: Thu, 26 Nov 2026 10:04:05 +0000");
        let id = lines[1].strip_prefix("Message-ID: <").expect("an id");
        assert!(id.ends_with("@a.example>") && id.is_ascii(), "{id}");
        assert_eq!((lines[2], lines[3]), ("From: <me@a.example>", "Subject: s"));
        let other = complete("Subject: s\n\nbody\n", "me@a.example", None);
        assert_ne!(added, other, "no two have the same name");
    }

    #[test]
    fn a_mail_without_a_header_gets_one() {
        for (mail, body) in [
            ("hello\n", "hello\n"),
            ("\nhello: x\n", "hello: x\n"),
            ("", ""),
        ] {
            let added = complete(mail, "me@a.example", None);
            let (header, rest) = added
                .split_once("\r\n\r\n")
                .or_else(|| added.split_once("\r\n\n"))
                .expect("a header");
            assert_eq!((header.lines().count(), rest), (3, body), "{added:?}");
        }
    }

    #[test]
    fn any_name_is_written_so_that_it_can_be_read() {
        for name in [
            "Ann Other",
            "Doe, John <x>",
            "J\u{f6} \"the\" \u{4f60}\u{597d}",
            "x\r\nBcc: them@b.example",
            &"x".repeat(300),
        ] {
            let added = complete("x: y\n\n", "me@a.example", Some(name));
            assert!(added.is_ascii() && added.lines().all(|line| line.len() <= 998));
            let read = HeaderAddresses::read(added.as_bytes()).expect("a header");
            let sender = read.sender().expect("a sender");
            assert_eq!(
                sender.map(|sender| sender.to_string()).as_deref(),
                Some("me@a.example")
            );
        }
    }
}
