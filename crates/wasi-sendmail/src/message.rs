//! One mail: made fit for submission, with its envelope.
//!
//! Source: RFC 5322 section 2; RFC 6409 section 8; sendmail's manual for -t, -i
//! and -f.

use crate::Failure;
use crate::flags::Flags;
use crate::settings::{Sender, Settings};
use std::collections::HashSet;
use std::io::{self, Read};
use std::time::SystemTime;
use wasm_smtp_wasi::mailer::{
    HeaderAddresses, MailerError, MailerErrorKind, Remedy, complete_header, complete_senders,
    remove_secrets,
};
use wasm_smtp_wasi::smtp_session::{
    Address, Body, BodyError, Envelope, ErrorKind, Form, Recipient,
};

/// The most that is read: larger than most servers take, and small enough for a
/// component of 2 GiB, even if all of it has to be encoded.
pub(crate) const MAIL_LEN: u64 = 128 * 1024 * 1024;

/// A mail that is ready to go.
pub(crate) struct Mail {
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
    pub(crate) form: Form,
    /// Some of its text did not go as it was.
    pub(crate) is_reencoded: bool,
    pub(crate) eight_bit: EightBit,
}

/// The user's first line beyond ASCII, of which only the server says whether it goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EightBit {
    line: Option<u64>,
}

impl EightBit {
    fn of(raw: &[u8]) -> Self {
        if raw.is_ascii() {
            return Self::default();
        }
        let (mut number, mut is_header, mut is_bcc) = (0, true, false);
        for line in raw.split(|b| *b == b'\n') {
            number += 1;
            is_header &= !line.trim_ascii().is_empty();
            if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                let is = |name: &[u8]| {
                    let start = line.get(..name.len());
                    start.is_some_and(|start| start.eq_ignore_ascii_case(name))
                };
                is_bcc = is_header && (is(b"bcc") || is(b"resent-bcc"));
            }
            if !is_bcc && !line.is_ascii() {
                return Self { line: Some(number) };
            }
        }
        Self::default()
    }

    /// The error's sentence, with the user's line.
    pub(crate) fn sentence(self, error: &MailerError) -> String {
        let sentence = error.to_string();
        let wrong = match error.kind() {
            MailerErrorKind::Session(error) => error.kind(),
            _ => return sentence,
        };
        match (wrong, self.line) {
            (
                ErrorKind::Body(BodyError::EightBit { line } | BodyError::Signed { line }),
                Some(users),
            ) => sentence.replacen(&format!("line {line} "), &format!("line {users} "), 1),
            _ => sentence,
        }
    }
}

impl Mail {
    /// Its size as the server counts it: each line ends by CRLF, the last one too.
    ///
    /// Source: RFC 1870 section 5.
    pub(crate) fn size(&self) -> usize {
        let mail = &self.content;
        let bare = |at: usize| mail[at] == b'\n' && (at == 0 || mail[at - 1] != b'\r');
        let added = (0..mail.len()).filter(|at| bare(*at)).count();
        let unended = !mail.is_empty() && !mail.ends_with(b"\n");
        mail.len() + added + if unended { 2 } else { 0 }
    }
}

/// Reads the mail on standard input.
pub(crate) fn read(
    input: &mut dyn Read,
    flags: &Flags,
    settings: &Settings,
) -> Result<Mail, Failure> {
    let unreadable = |error| Failure::io(format!("cannot read standard input: {error}"));
    let mut raw = read_whole(input, unreadable)?;
    if !flags.ignore_dots {
        cut_at_dot(&mut raw);
    }
    prepare(raw, flags, settings, SystemTime::now())
}

/// Reads a mail to its end, unless it is too long.
pub(crate) fn read_whole(
    input: impl Read,
    unreadable: impl FnOnce(io::Error) -> Failure,
) -> Result<Vec<u8>, Failure> {
    let mut raw = Vec::new();
    let read = input.take(MAIL_LEN + 1).read_to_end(&mut raw);
    read.map_err(unreadable)?;
    if raw.len() as u64 > MAIL_LEN {
        return Err(Failure::data(
            "the mail is larger than 128 MiB: send a link instead",
        ));
    }
    Ok(raw)
}

/// Makes a mail's envelope, adds what it lacks, and encodes what does not go as it is.
pub(crate) fn prepare(
    mut raw: Vec<u8>,
    flags: &Flags,
    settings: &Settings,
    now: SystemTime,
) -> Result<Mail, Failure> {
    if let (Some(domain), false) = (&settings.domain, flags.raw) {
        complete_senders(&mut raw, domain);
    }
    let (envelope, of_header) = envelope(&raw, flags, settings)?;
    let form = flags.form();
    let eight_bit = EightBit::of(&raw);
    // In the user's lines, before others are added in front.
    let wrong_line = Body::bytes(&raw).form(form).check().err();
    let content = if flags.raw {
        let cut = remove_secrets(&mut raw);
        cut.map(|()| raw)
    } else {
        let sender = envelope.sender().or(of_header.as_ref());
        complete_header(raw, sender, flags.full_name.as_deref(), now)
    };
    let content = content.map_err(|error| Failure::data(error.to_string()))?;
    let wrong = |wrong| Failure::data(wrong_line.unwrap_or(wrong).to_string());
    let reencoded = Body::bytes(&content).form(form).reencoded();
    let reencoded = reencoded.map_err(wrong)?;
    let is_reencoded = reencoded.is_some();
    let content = reencoded.unwrap_or(content);
    Ok(Mail {
        envelope,
        content,
        form,
        is_reencoded,
        eight_bit,
    })
}

/// A mail's envelope, and the sender that its header names.
fn envelope(
    raw: &[u8],
    flags: &Flags,
    settings: &Settings,
) -> Result<(Envelope, Option<Address>), Failure> {
    let wrong = |error: MailerError| Failure::data(format!("{error}{}", Failure::flag_for(&error)));
    let header = HeaderAddresses::read(raw).map_err(wrong);
    let header = header.map(|header| match &settings.domain {
        Some(domain) => header.domain(domain),
        None => header,
    });
    let of_header = header.as_ref().map(HeaderAddresses::sender);
    // What can't be read is of no account where nothing is taken from it.
    let of_header = match (of_header, &settings.sender) {
        (Ok(sender), Sender::FromHeader) => sender.map_err(wrong_sender)?,
        (Ok(sender), _) => sender.ok().flatten(),
        (Err(_), _) => None,
    };
    let named = match header {
        Ok(header) if flags.recipients_from_headers => header.recipients().map_err(wrong)?,
        Err(failure) if flags.recipients_from_headers || settings.sender == Sender::FromHeader => {
            return Err(failure);
        }
        _ => Vec::new(),
    };
    let mut envelope = match &settings.sender {
        Sender::Null => Envelope::null_sender(),
        Sender::Address(address) => Envelope::new(address.clone()),
        Sender::FromHeader => {
            let sender = of_header.as_ref().or(settings.login_sender.as_ref());
            Envelope::new(sender.cloned().ok_or_else(no_sender)?)
        }
    };
    for address in recipients(named, flags, settings)? {
        let mut recipient = Recipient::new(address);
        if let Some(notify) = flags.notify {
            recipient = recipient.notify(notify);
        }
        envelope = envelope.to(recipient);
    }
    if let Some(ret) = flags.ret {
        envelope = envelope.ret(ret);
    }
    if let Some(id) = flags.envelope_id.clone() {
        envelope = envelope.envelope_id(id);
    }
    Ok((envelope, of_header))
}

/// The sender that the header names can't be read: another may be given.
fn wrong_sender(error: MailerError) -> Failure {
    let flag = match error.remedy() {
        Some(Remedy::FullAddress) => {
            " (--domain NAME or -f ADDRESS, or domain or from in the config file)"
        }
        _ => "",
    };
    Failure::data(format!("{error}{flag}"))
}

fn no_sender() -> Failure {
    Failure::usage(
        "no sender: give -f ADDRESS, or --domain NAME for LOGNAME or USER of the environment, or set from or domain in the config file, or write a From field into the mail (Resent-From in one with Resent fields)",
    )
}

/// Each once, those of the command line first.
fn recipients(
    named: Vec<Address>,
    flags: &Flags,
    settings: &Settings,
) -> Result<Vec<Address>, Failure> {
    let mut seen = HashSet::new();
    let given = settings.recipients.iter().cloned().chain(named);
    let recipients: Vec<Address> = given.filter(|to| seen.insert(to.mailbox())).collect();
    if recipients.is_empty() {
        return Err(Failure::usage(if flags.several() {
            "no recipient: the mail has no address in To, Cc or Bcc"
        } else if flags.recipients_from_headers {
            "no recipient: the mail has no address in To, Cc or Bcc, and the command line has none"
        } else {
            "no recipient: name one on the command line, or give -t to take them from the mail's header"
        }));
    }
    Ok(recipients)
}

/// A line with a single dot ends a mail that is typed.
fn cut_at_dot(raw: &mut Vec<u8>) {
    let mut start = 0;
    for line in raw.split_inclusive(|&b| b == b'\n') {
        if matches!(line, b".\n" | b".\r\n" | b".") {
            break;
        }
        start += line.len();
    }
    raw.truncate(start);
}

#[cfg(test)]
mod tests;
