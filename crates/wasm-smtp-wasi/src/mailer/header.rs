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
}

impl<'a> HeaderAddresses<'a> {
    /// Looks for them in a mail whose lines end by CR LF or LF.
    ///
    /// # Errors
    ///
    /// A line that is no field, by which recipients could be hidden:
    /// [`MailerErrorKind::Message`](super::MailerErrorKind::Message).
    pub fn read(mail: &'a [u8]) -> Result<Self, MailerError> {
        let mut fields = all_fields(mail)?;
        let block = topmost_block(&fields);
        let resent = fields[block.clone()]
            .iter()
            .any(|field| field.is(&RECIPIENTS[3..]));
        if resent {
            fields = fields.drain(block).collect();
        }
        let domain = None;
        Ok(Self {
            fields,
            resent,
            domain,
        })
    }

    /// Completes the addresses that have no domain.
    #[must_use]
    pub fn domain(mut self, domain: &'a str) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Of `Sender`, or else the first of `From`.
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
    /// word: [`MailerErrorKind::Message`](super::MailerErrorKind::Message).
    pub fn recipients(&self) -> Result<Vec<Address>, MailerError> {
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

/// The fields of a mail from which addresses are taken.
///
/// # Errors
///
/// A line that is no field, by which some end the header and others do not, and
/// which hides recipients from the former.
fn all_fields(mail: &[u8]) -> Result<Vec<Field<'_>>, MailerError> {
    let mut fields = Fields::new(mail);
    let all: Vec<_> = fields.by_ref().collect();
    let named = |field: &Field<'_>| field.is(&SENDERS) || field.is(&RECIPIENTS);
    let cut = all.last().filter(|field| named(field) && field.goes_on());
    let mut broken = cut.filter(|_| fields.skip_line()).map(|field| field.label);
    while broken.is_none() && fields.skip_line() {
        broken = fields.by_ref().find(named).map(|field| field.label);
    }
    match broken {
        None => Ok(all),
        Some(label) => Err(MailerError::message(format!(
            "the mail's header has a line that is no field at its {label} field: begin what goes on with a space",
        ))),
    }
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

/// Takes out of a mail what must not leave, as sending it does: the Bcc fields, and what stands in front of the
/// header: the line by which mailboxes part their mails, which is no part of them
/// (RFC 4155), and a byte order mark.
///
/// A line that is no field ends the header for some; for others it goes on to the
/// first empty line, and so does this.
pub fn remove_secrets(mail: &mut Vec<u8>) {
    let mut fields = Fields::new(mail);
    let mut places: Vec<_> = std::iter::once(0..fields.at).collect();
    loop {
        let bcc = |field: &Field<'_>| field.is(&["bcc", "resent-bcc"]);
        places.extend(fields.by_ref().filter(bcc).map(|field| field.place));
        let from = fields.at;
        if !fields.skip_line() {
            break;
        }
        // A list that goes on without a space in front.
        let list = places.last().filter(|place| place.end == from);
        if list.is_some_and(|place| has_more(&mail[place.clone()])) {
            places.push(from..fields.at);
        }
    }
    cut(mail, &places);
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

/// Whether a list of addresses ends by a comma.
fn has_more(list: &[u8]) -> bool {
    list.trim_ascii_end().ends_with(b",")
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

/// Looks for a header's end as the mail comes, at each byte once.
#[derive(Default)]
pub(super) struct HeaderEnd {
    /// Where the line begins that is not whole yet.
    line: usize,
    /// Up to where it was looked through.
    seen: usize,
    has_fields: bool,
}

impl HeaderEnd {
    /// Whether all of the header is in `beginning`, which is longer each time.
    pub(super) fn is_in(&mut self, beginning: &[u8]) -> bool {
        while let Some(len) = beginning[self.seen..]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            let line = &beginning[self.line..=self.seen + len];
            let line = match self.line {
                0 => line.strip_prefix(MARK).unwrap_or(line),
                _ => line,
            };
            self.seen += len + 1;
            self.line = self.seen;
            self.has_fields |= colon(line).is_some();
            if is_empty(line) || !(self.has_fields || is_separator(line)) {
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

    /// Whether its list goes on behind it.
    fn goes_on(&self) -> bool {
        has_more(self.value)
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

    /// Passes over a line of the header that is no field, with those that go on with
    /// it; false when the header ends here, or there is none.
    fn skip_line(&mut self) -> bool {
        if self.at == 0 || is_empty(self.line()) {
            return false;
        }
        self.at = self.folded_end(self.at);
        true
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
