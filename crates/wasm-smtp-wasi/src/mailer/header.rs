//! A mail's header: whom it names, and what must not leave.
//!
//! Source: RFC 5322 sections 2.2, 3.6.2, 3.6.3 and 3.6.6.

use super::MailerError;
use super::addresses::{List, parse_list};
use smtp_session::Address;
use std::collections::HashSet;
use std::ops::Range;

/// The longest header that is read.
pub(super) const MAX_LEN: usize = 1024 * 1024;

/// The fields that name a sender: of a mail, and of one that is sent again.
const SENDERS: [&str; 4] = ["sender", "from", "resent-sender", "resent-from"];

/// Those that name recipients.
const RECIPIENTS: [&str; 6] = ["to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"];

/// The addresses that a mail's header names.
///
/// Where a mail was sent again, its topmost Resent fields name them, and its own do not.
/// Those end with the first field that is none of them, or with a second one of a name
/// (RFC 5322 section 3.6.6).
///
/// `Debug` gives a number only, so that addresses stay out of logs.
pub struct HeaderAddresses<'a> {
    fields: Vec<Field<'a>>,
    /// It was sent again.
    resent: bool,
    domain: Option<&'a str>,
    /// Otherwise it is all text.
    has_header: bool,
}

impl<'a> HeaderAddresses<'a> {
    /// Looks for them in a mail whose lines end by CR LF or LF.
    ///
    /// # Errors
    ///
    /// A line that is no field after one that is, and in front of the first empty line:
    /// [`MailerErrorKind::Message`](super::MailerErrorKind::Message).
    pub fn read(mail: &'a [u8]) -> Result<Self, MailerError> {
        let mut read = Fields::new(mail);
        let mut fields: Vec<_> = read.by_ref().collect();
        let broken = read.broken();
        if let (Some(at), false) = (broken, fields.is_empty()) {
            return Err(no_field(mail, at));
        }
        let block = topmost_block(&fields);
        let resent = fields[block.clone()]
            .iter()
            .any(|field| field.is(&RECIPIENTS[3..]));
        if resent {
            fields = fields.drain(block).collect();
        }
        Ok(Self {
            fields,
            resent,
            domain: None,
            has_header: broken.is_none(),
        })
    }

    /// Completes the addresses that have no domain.
    #[must_use]
    pub fn domain(mut self, domain: &'a str) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Of `Sender`, or else the first of `From`. A mail that begins with text has none.
    ///
    /// # Errors
    ///
    /// A field that can't be read whole:
    /// [`MailerErrorKind::Message`](super::MailerErrorKind::Message).
    pub fn sender(&self) -> Result<Option<Address>, MailerError> {
        let senders = match self.resent {
            true => &SENDERS[2..],
            false => &SENDERS[..2],
        };
        let mut sender = None;
        for name in senders {
            for field in self.fields.iter().filter(|field| field.is(&[*name])) {
                sender = sender.or(field.list(self.domain)?.addresses.into_iter().next());
            }
        }
        Ok(sender)
    }

    /// Of `To`, `Cc` and `Bcc`, in order and each once.
    ///
    /// # Errors
    ///
    /// A field that can't be read whole, so that no recipient is lost without a
    /// word, or a mail that begins with text:
    /// [`MailerErrorKind::Message`](super::MailerErrorKind::Message).
    pub fn recipients(&self) -> Result<Vec<Address>, MailerError> {
        if !self.has_header {
            return Err(no_field(&[], 0));
        }
        let names = match self.resent {
            true => &RECIPIENTS[3..],
            false => &RECIPIENTS[..3],
        };
        let (mut seen, mut recipients) = (HashSet::new(), Vec::new());
        for field in self.fields.iter().filter(|field| field.is(names)) {
            let addresses = field.list(self.domain)?.addresses.into_iter();
            recipients.extend(addresses.filter(|address| seen.insert(address.mailbox())));
        }
        Ok(recipients)
    }
}

/// Where the topmost Resent fields are.
fn topmost_block(fields: &[Field<'_>]) -> Range<usize> {
    let is_resent = |field: &Field<'_>| {
        let start = field.label.as_bytes().get(..7);
        start.is_some_and(|start| start.eq_ignore_ascii_case(b"resent-"))
    };
    let start = fields.iter().position(is_resent).unwrap_or(fields.len());
    let mut names = HashSet::new();
    let block = fields[start..]
        .iter()
        .take_while(|field| is_resent(field) && names.insert(field.label.to_ascii_lowercase()));
    start..start + block.count()
}

/// Says where the header is none.
fn no_field(mail: &[u8], at: usize) -> MailerError {
    MailerError::message(format!(
        "line {} of the mail is no field of its header: begin what goes on with a space, and put an empty line in front of the text",
        line_number(mail, at)
    ))
}

fn line_number(mail: &[u8], at: usize) -> usize {
    mail[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Reads a list of addresses as it stands in a header: names, groups and comments
/// are left out. `domain` completes addresses without one.
///
/// # Errors
///
/// A list that can't be read whole: [`MailerErrorKind::Message`](super::MailerErrorKind::Message),
/// with [`Remedy::FullAddress`](super::Remedy::FullAddress) where a domain would complete it.
///
/// Source: RFC 5322 section 3.4.
pub fn parse_addresses(list: &str, domain: Option<&str>) -> Result<Vec<Address>, MailerError> {
    let list = parse_list(list, domain);
    list.map(|list| list.addresses)
        .map_err(|wrong| MailerError::addresses("address list", wrong))
}

/// Completes the addresses without a domain in the fields that name a sender: `From`,
/// `Sender` and their `Resent` forms. A field that can't be read stays as it is.
pub fn complete_senders(mail: &mut Vec<u8>, domain: &str) {
    let mut ends = Vec::new();
    for field in Fields::new(mail).filter(|field| field.is(&SENDERS)) {
        let start = field.place.end - field.value.len();
        let list = field.list(Some(domain)).unwrap_or_default();
        ends.extend(list.bare.into_iter().map(|end| start + end));
    }
    for end in ends.into_iter().rev() {
        mail.splice(end..end, format!("@{domain}").into_bytes());
    }
}

impl std::fmt::Debug for HeaderAddresses<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeaderAddresses")
            .field("fields", &self.fields.len())
            .field("resent", &self.resent)
            .finish()
    }
}

/// Takes out of a mail what must not leave, as sending it does: the `Bcc` fields, and what
/// stands in front of the header: the line by which mailboxes part their mails, which is
/// no part of them (RFC 4155), and a byte order mark.
///
/// # Errors
///
/// [`MailerErrorKind::Message`](super::MailerErrorKind::Message), and the mail is as it
/// was: it has a `Bcc` field and a line in front of its first empty one that is no field,
/// which may be part of a list; or a line there reads as `Bcc` to a person and is no such
/// field.
pub fn remove_secrets(mail: &mut Vec<u8>) -> Result<(), MailerError> {
    let mut fields = Fields::new(mail);
    let front = fields.at;
    let mut places: Vec<_> = std::iter::once(0..front).collect();
    let bcc = |field: &Field<'_>| field.is(&["bcc", "resent-bcc"]);
    places.extend(fields.by_ref().filter(bcc).map(|field| field.place));
    let hidden = hidden_bcc(mail, front, &places[1..]);
    let broken = fields.broken().filter(|at| *at > front);
    if let (Some(at), true) = (broken, hidden.is_some() || places.len() > 1) {
        return Err(no_field(mail, at));
    }
    if let Some(at) = hidden {
        return Err(MailerError::message(format!(
            "line {} of the mail reads as a Bcc field, but is none: begin it with Bcc, within the header, or put an empty line in front of the text",
            line_number(mail, at)
        )));
    }
    cut(mail, &places);
    Ok(())
}

/// Where a line from `at` to the first empty one reads as Bcc, and is in none of the
/// places, which are in order.
fn hidden_bcc(mail: &[u8], mut at: usize, places: &[Range<usize>]) -> Option<usize> {
    let mut places = places.iter().peekable();
    // A signature names the fields that it is of, over several lines.
    let mut is_signature = false;
    for line in mail[at..].split_inclusive(|byte| *byte == b'\n') {
        if is_empty(line) {
            return None;
        }
        while places.next_if(|place| place.end <= at).is_some() {}
        let is_taken = places.peek().is_some_and(|place| place.contains(&at));
        // For some readers a CR ends a line.
        let mut lines = std::iter::once(line).chain(line.split(|byte| *byte == b'\r'));
        if !matches!(line, [b' ' | b'\t', ..]) {
            let label = colon(line).map_or(&line[..0], |colon| line[..colon].trim_ascii_end());
            is_signature = label.to_ascii_lowercase().ends_with(b"-signature");
        }
        if !is_taken && !is_signature && lines.any(reads_as_bcc) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// Whether a person takes the line for a Bcc field: white space and what can't be seen
/// put aside.
fn reads_as_bcc(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let seen = line[..colon].iter().filter(|byte| byte.is_ascii_graphic());
    let seen = seen.map(u8::to_ascii_lowercase);
    seen.clone().eq(*b"bcc") || seen.eq(*b"resent-bcc")
}

/// Takes places, which are in order, out.
fn cut(mail: &mut Vec<u8>, places: &[Range<usize>]) {
    let (mut kept, mut from) = (0, 0);
    let end = mail.len()..mail.len();
    for place in places.iter().chain([&end]) {
        mail.copy_within(from..place.start, kept);
        kept += place.start - from;
        from = place.end;
    }
    mail.truncate(kept);
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

/// Looks for the first empty line as the mail comes, at each byte once.
#[derive(Default)]
pub(super) struct HeaderEnd {
    /// Where the line begins that is not whole yet.
    line: usize,
    /// Up to where it was looked through.
    seen: usize,
}

impl HeaderEnd {
    /// Whether all of the header is in `beginning`, which is longer each time.
    pub(super) fn is_in(&mut self, beginning: &[u8]) -> bool {
        while let Some(len) = beginning[self.seen..]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            let line = &beginning[self.line..=self.seen + len];
            self.seen += len + 1;
            self.line = self.seen;
            if is_empty(line) {
                return true;
            }
        }
        self.seen = beginning.len();
        false
    }
}

/// A byte order mark, which some editors put in front of a text.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Where the colon is of a line that begins a field.
fn colon(line: &[u8]) -> Option<usize> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    // White space in front of the colon is obsolete and has to be understood,
    // or a Bcc could slip through (RFC 5322 section 4.5).
    let label = line[..colon].trim_ascii_end();
    let fits = !label.is_empty() && label.iter().all(u8::is_ascii_graphic);
    fits.then_some(colon)
}

/// Whether it is a line between the mails of a mailbox.
fn is_separator(line: &[u8]) -> bool {
    (line.starts_with(b"From ") || line.starts_with(b">From ")) && colon(line).is_none()
}

fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"" | b"\n" | b"\r\n")
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

    fn list(&self, domain: Option<&str>) -> Result<List, MailerError> {
        // Octets that are no UTF-8 can't be in an address. A control character in the
        // place of each makes it one that is none, and moves nothing.
        let mut list = String::new();
        for chunk in self.value.utf8_chunks() {
            list.push_str(chunk.valid());
            list.extend(chunk.invalid().iter().map(|_| '\u{1a}'));
        }
        let wrong = |wrong| MailerError::addresses(&format!("{} field", self.label), wrong);
        parse_list(&list, domain).map_err(wrong)
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
        if mail.starts_with(MARK) {
            this.at = MARK.len();
        }
        while is_separator(this.line()) {
            this.at = this.line_end(this.at);
        }
        // In front of anything else it is text.
        if colon(this.line()).is_none() {
            this.at = 0;
        }
        this
    }

    /// The next line, its end included.
    fn line(&self) -> &'a [u8] {
        &self.mail[self.at..self.line_end(self.at)]
    }

    /// Where the header ends with a line that is no field.
    fn broken(&self) -> Option<usize> {
        (!is_empty(self.line())).then_some(self.at)
    }

    /// Where the line that begins at `from`, and those that go on with it, end.
    fn folded_end(&self, from: usize) -> usize {
        let mut end = self.line_end(from);
        while matches!(self.mail.get(end), Some(b' ' | b'\t')) {
            end = self.line_end(end);
        }
        end
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
        let colon = colon(self.line())?;
        let label = self.mail[start..start + colon].trim_ascii_end();
        let end = self.folded_end(start);
        self.at = end;
        Some(Field {
            label: std::str::from_utf8(label).expect("it is ASCII"),
            value: &self.mail[start + colon + 1..end],
            place: start..end,
        })
    }
}

#[cfg(test)]
mod tests;
