//! A mail's header: whom it names, and what must not leave.
//!
//! Source: RFC 5322 sections 2.2, 3.6.2, 3.6.3 and 3.6.6.

use super::MailerError;
use super::addresses::parse_list;
use smtp_session::Address;
use std::ops::Range;

/// The longest header that is read.
pub(super) const MAX_LEN: usize = 1024 * 1024;

/// The addresses that a mail's header names.
///
/// `Debug` gives numbers only, so that addresses stay out of logs.
pub struct HeaderAddresses {
    /// Of `Sender`, or else the first of `From`.
    pub sender: Option<Address>,
    /// Of `To`, `Cc` and `Bcc`, in order and each once; of `Resent-To` and so on
    /// where the mail has those.
    pub recipients: Vec<Address>,
}

impl HeaderAddresses {
    /// Reads them out of a mail whose lines end by CR LF or LF.
    ///
    /// # Errors
    ///
    /// A field that can't be read whole, so that no recipient is lost without a
    /// word: [`MailerErrorKind::Message`](super::MailerErrorKind::Message).
    pub fn read(mail: &[u8]) -> Result<Self, MailerError> {
        let fields = Fields::new(mail).collect::<Vec<_>>();
        let any = |names: &[&str]| fields.iter().any(|field| field.is(names));
        let resent = any(&["resent-to", "resent-cc", "resent-bcc"]);
        let (senders, recipients) = match resent {
            true => (
                ["resent-sender", "resent-from"],
                ["resent-to", "resent-cc", "resent-bcc"],
            ),
            false => (["sender", "from"], ["to", "cc", "bcc"]),
        };
        let mut this = Self {
            sender: None,
            recipients: Vec::new(),
        };
        for name in senders {
            for field in fields.iter().filter(|field| field.is(&[name])) {
                this.sender = this.sender.or(field.addresses()?.into_iter().next());
            }
        }
        for field in fields.iter().filter(|field| field.is(&recipients)) {
            for address in field.addresses()? {
                if !this.recipients.contains(&address) {
                    this.recipients.push(address);
                }
            }
        }
        Ok(this)
    }
}

/// Reads a list of addresses as it stands in a header: names, groups and comments
/// are left out.
///
/// # Errors
///
/// A list that can't be read whole: [`MailerErrorKind::Message`](super::MailerErrorKind::Message).
///
/// Source: RFC 5322 section 3.4.
pub fn parse_addresses(list: &str) -> Result<Vec<Address>, MailerError> {
    addresses_in(list, "address list")
}

fn addresses_in(list: &str, what: &str) -> Result<Vec<Address>, MailerError> {
    let addresses = parse_list(list);
    addresses.map_err(|wrong| MailerError::message(format!("the {what} {wrong}")))
}

impl std::fmt::Debug for HeaderAddresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeaderAddresses")
            .field("sender", &self.sender.is_some())
            .field("recipients", &self.recipients.len())
            .finish()
    }
}

/// Takes out what must not leave: the Bcc fields, and the line by which mailboxes
/// part their mails, which is no part of them (RFC 4155).
pub(super) fn remove_secrets(mail: &mut Vec<u8>) {
    let fields = Fields::new(mail);
    let separator = 0..fields.at;
    let bcc = fields.filter(|field| field.is(&["bcc", "resent-bcc"]));
    let places: Vec<_> = bcc.map(|field| field.place).collect();
    for place in places.into_iter().rev().chain([separator]) {
        mail.drain(place);
    }
}

/// Whether the header has a field of this name.
pub(super) fn has_field(mail: &[u8], name: &str) -> bool {
    Fields::new(mail).any(|field| field.is(&[name]))
}

/// Whether the mail begins with a header: a field, or the empty line behind none.
pub(super) fn has_header(mail: &[u8]) -> bool {
    let mut fields = Fields::new(mail);
    let rest = &mail[fields.at..];
    rest.starts_with(b"\n") || rest.starts_with(b"\r\n") || fields.next().is_some()
}

/// Whether the header ends within `beginning`, so that all of it is there.
pub(super) fn is_whole(beginning: &[u8]) -> bool {
    let mut fields = Fields::new(beginning);
    while fields.next().is_some() {}
    // A line without its end may go on, and a field whose next line is not there.
    fields.at < beginning.len() && beginning[fields.at..].contains(&b'\n')
}

/// A field with its continuation lines.
struct Field<'a> {
    label: &'a str,
    /// Behind the colon, folded.
    value: &'a [u8],
    /// In the mail, its line end included.
    place: Range<usize>,
}

impl Field<'_> {
    fn is(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| self.label.eq_ignore_ascii_case(name))
    }

    fn addresses(&self) -> Result<Vec<Address>, MailerError> {
        // Bytes that are no UTF-8 can't be in an address.
        let unfolded = self
            .value
            .iter()
            .filter(|byte| !matches!(byte, b'\r' | b'\n'));
        let unfolded: Vec<u8> = unfolded.copied().collect();
        let list = String::from_utf8_lossy(&unfolded);
        addresses_in(&list, &format!("{} field", self.label))
    }
}

/// The fields of a header, up to the first line that is none.
struct Fields<'a> {
    mail: &'a [u8],
    /// Where the next one begins; at the end, where the header ends.
    at: usize,
}

impl<'a> Fields<'a> {
    fn new(mail: &'a [u8]) -> Self {
        let mut this = Self { mail, at: 0 };
        if mail.starts_with(b"From ") || mail.starts_with(b">From ") {
            this.at = this.line_end(0);
        }
        this
    }

    /// Where the line that begins at `from` ends, its end included.
    fn line_end(&self, from: usize) -> usize {
        let line = self.mail[from..].iter().position(|byte| *byte == b'\n');
        line.map_or(self.mail.len(), |at| from + at + 1)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.at;
        let mut end = self.line_end(start);
        let line = &self.mail[start..end];
        let colon = line.iter().position(|byte| *byte == b':')?;
        // White space in front of the colon is obsolete and has to be understood,
        // or a Bcc could slip through (RFC 5322 section 4.5).
        let label = line[..colon].trim_ascii_end();
        if label.is_empty() || !label.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        while matches!(self.mail.get(end), Some(b' ' | b'\t')) {
            end = self.line_end(end);
        }
        self.at = end;
        Some(Field {
            label: std::str::from_utf8(label).expect("it is ASCII"),
            value: &self.mail[start + colon + 1..end],
            place: start..end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: Me <me@x.example>\nTo: a@b.example,\n\tc@d.example\nBcc : hidden@e.example,\n a@b.example\nSubject: s\n\nBcc: body@f.example\n";

    fn read(mail: &str) -> (Option<String>, Vec<String>) {
        let read = HeaderAddresses::read(mail.as_bytes()).expect("a header");
        let texts = read.recipients.iter().map(ToString::to_string);
        (
            read.sender.map(|address| address.to_string()),
            texts.collect(),
        )
    }

    #[test]
    fn the_header_names_sender_and_recipients() {
        for mail in [MAIL.to_owned(), MAIL.replace('\n', "\r\n")] {
            let (sender, recipients) = read(&mail);
            assert_eq!(sender.as_deref(), Some("me@x.example"));
            assert_eq!(
                recipients,
                ["a@b.example", "c@d.example", "hidden@e.example"]
            );
        }
        let (sender, recipients) = read("From: a@b.example, c@d.example\nSender: e@f.example\n");
        assert_eq!(
            (sender.as_deref(), recipients.len()),
            (Some("e@f.example"), 0)
        );
        assert_eq!(read("no header at all"), (None, Vec::new()));
    }

    #[test]
    fn a_mail_that_is_sent_again_goes_to_those_it_is_sent_again_to() {
        let again = format!("Resent-From: r@s.example\nResent-To: t@u.example\n{MAIL}");
        let (sender, recipients) = read(&again);
        assert_eq!(sender.as_deref(), Some("r@s.example"));
        assert_eq!(recipients, ["t@u.example"]);
    }

    #[test]
    fn bcc_goes_with_all_its_lines_and_nothing_else() {
        let mut mail = format!("RESENT-BCC: x@y.example\r\n{MAIL}").into_bytes();
        remove_secrets(&mut mail);
        let without = MAIL.replace("Bcc : hidden@e.example,\n a@b.example\n", "");
        assert_eq!(String::from_utf8(mail).unwrap(), without);
        let mut mail = format!("From me@x.example Thu Nov 26 2026\n{MAIL}").into_bytes();
        remove_secrets(&mut mail);
        assert_eq!(String::from_utf8(mail).unwrap(), without);
    }

    #[test]
    fn a_header_is_whole_once_the_line_behind_it_is() {
        let end = MAIL.find("\n\n").unwrap() + 2;
        for len in 0..MAIL.len() {
            assert_eq!(is_whole(&MAIL.as_bytes()[..len]), len >= end, "{len}");
        }
        assert!(is_whole(b"To: a@b.example\nno field\n"));
        assert!(!is_whole(b"To: a@b.example\nno fie"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_field() {
        for (mail, why) in [
            ("To: a@b.example c@d.example\n", "the To field has words"),
            ("CC: root\n", "the CC field has"),
            (
                "Bcc: a@b..example\n",
                "the Bcc field has no full address in place 1",
            ),
            ("From: <>\n", "the From field has"),
        ] {
            let error = HeaderAddresses::read(mail.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(why), "{error}");
        }
    }
}
