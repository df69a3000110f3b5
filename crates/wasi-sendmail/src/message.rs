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
use wasm_smtp_wasi::mailer::{HeaderAddresses, MailerError, complete_header, remove_secrets};
use wasm_smtp_wasi::smtp_session::{Address, Body, Envelope, Recipient};

/// The most that is read: larger than any server takes, small enough for a
/// component's memory.
pub(crate) const MAIL_LEN: u64 = 256 * 1024 * 1024;

/// A mail that is ready to go.
pub(crate) struct Mail {
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
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
            "the mail is larger than 256 MiB: send a link instead",
        ));
    }
    Ok(raw)
}

/// Makes a mail's envelope, and adds what it lacks.
pub(crate) fn prepare(
    raw: Vec<u8>,
    flags: &Flags,
    settings: &Settings,
    now: SystemTime,
) -> Result<Mail, Failure> {
    let wrong = |error: MailerError| Failure::data(error.to_string());
    let header = HeaderAddresses::read(&raw).map_err(wrong);
    let of_header = header.as_ref().map(HeaderAddresses::sender);
    // What can't be read is of no account where nothing is taken from it.
    let of_header = match (of_header, &settings.sender) {
        (Ok(sender), Sender::FromHeader) => sender.map_err(wrong)?,
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
    let envelope = match &settings.sender {
        Sender::Null => Envelope::null_sender(),
        Sender::Address(address) => Envelope::new(address.clone()),
        Sender::FromHeader => Envelope::new(of_header.clone().ok_or_else(|| {
            Failure::usage("no sender: give -f ADDRESS, or a From field in the mail (Resent-From in one with Resent fields)")
        })?),
    };
    let recipients = recipients(named, flags)?;
    let envelope = recipients.into_iter().fold(envelope, |envelope, address| {
        let mut recipient = Recipient::new(address);
        if let Some(notify) = flags.notify {
            recipient = recipient.notify(notify);
        }
        envelope.to(recipient)
    });
    let envelope = match flags.ret {
        Some(ret) => envelope.ret(ret),
        None => envelope,
    };
    let envelope = match flags.envelope_id.clone() {
        Some(id) => envelope.envelope_id(id),
        None => envelope,
    };
    // In the user's lines, before others are added in front.
    let wrong_line = Body::bytes(&raw).check().err();
    let content = if flags.raw {
        let mut raw = raw;
        remove_secrets(&mut raw);
        raw
    } else {
        let sender = envelope.sender().or(of_header.as_ref());
        complete_header(raw, sender, flags.full_name.as_deref(), now)
    };
    if let Err(wrong) = Body::bytes(&content).check() {
        return Err(Failure::data(wrong_line.unwrap_or(wrong).to_string()));
    }
    Ok(Mail { envelope, content })
}

/// Each once, those of the command line first.
fn recipients(named: Vec<Address>, flags: &Flags) -> Result<Vec<Address>, Failure> {
    let mut seen = HashSet::new();
    let given = flags.recipients.iter().cloned().chain(named);
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
mod tests {
    use super::*;
    use crate::flags::Action;
    use crate::settings::Sources;
    use std::ffi::OsString;

    const MAIL: &str = "From: Me <me@x.example>\nTo: a@b.example,\n\tc@d.example\nBcc : hidden@e.example,\n a@b.example\nSubject: s\n\n.x\nbody";

    fn read_text(text: &str, args: &[&str]) -> Result<Mail, Failure> {
        let args = ["wasi-sendmail"].iter().chain(args).map(OsString::from);
        let Ok(Action::Submit(flags)) = Flags::parse(args) else {
            panic!("wrong flags");
        };
        let sources = Sources {
            variable: &|_| None,
            read: &|_, _| Err(std::io::ErrorKind::NotFound.into()),
        };
        let settings = Settings::new(&flags, &sources).unwrap();
        read(&mut text.as_bytes(), &flags, &settings)
    }

    fn parts(mail: &Mail) -> (String, Vec<&str>) {
        let sender = mail.envelope.sender().map(ToString::to_string);
        let to = mail.envelope.recipients().iter();
        let to = to.map(|to| to.address().as_str());
        (sender.unwrap_or_default(), to.collect())
    }

    #[test]
    fn the_envelope_comes_from_the_header_and_bcc_goes() {
        let mail = read_text(MAIL, &["-t", "--raw"]).unwrap();
        let everybody = vec!["a@b.example", "c@d.example", "hidden@e.example"];
        assert_eq!(parts(&mail), ("me@x.example".into(), everybody));
        let mail = read_text(MAIL, &["-t"]).unwrap();
        let text = String::from_utf8(mail.content).unwrap();
        let rest =
            "From: Me <me@x.example>\nTo: a@b.example,\n\tc@d.example\nSubject: s\n\n.x\nbody";
        let (added, kept) = text.split_at(text.len() - rest.len());
        assert_eq!(kept, rest);
        assert!(added.starts_with("Date: ") && added.contains("\r\nMessage-ID: <"));
    }

    #[test]
    fn the_command_line_adds_to_the_header_and_f_wins() {
        let mail = read_text(MAIL, &["-t", "-f", "bounce@x.example", "z@y.example"]).unwrap();
        let everybody = vec![
            "z@y.example",
            "a@b.example",
            "c@d.example",
            "hidden@e.example",
        ];
        assert_eq!(parts(&mail), ("bounce@x.example".into(), everybody));
        let mail = read_text(MAIL, &["-t", "-f", "<>"]).unwrap();
        assert!(mail.envelope.sender().is_none());
    }

    #[test]
    fn what_the_header_says_is_of_no_account_where_nothing_is_taken_from_it() {
        let odd = "From: root\nTo: everybody here\n\nx\n";
        let mail = read_text(odd, &["-f", "me@x.example", "a@b.example"]).unwrap();
        assert_eq!(parts(&mail), ("me@x.example".into(), vec!["a@b.example"]));
        assert_eq!(
            read_text(odd, &["a@b.example"]).err().unwrap().exit_code(),
            65
        );
    }

    #[test]
    fn a_from_that_cannot_be_read_is_of_no_account_behind_f() {
        let odd = "From: \"(Cron Daemon)\" <root>\nTo: a@b.example\n\nx\n";
        let mail = read_text(odd, &["-t", "-f", "me@x.example"]).unwrap();
        assert_eq!(parts(&mail), ("me@x.example".into(), vec!["a@b.example"]));
        let failure = read_text(odd, &["-t"]).err().unwrap();
        assert!(
            failure.to_string().starts_with("the From field"),
            "{failure}"
        );
    }

    #[test]
    fn a_raw_mail_is_checked_and_counted_as_it_is_sent() {
        let many = "person@list.example, ".repeat(60);
        let mail = |bcc: &str| {
            let text = format!("From: me@x.example\nTo: a@b.example\nBcc: {bcc}\n\nx\n");
            read_text(&text, &["-t", "--raw"]).unwrap()
        };
        let (long, short) = (mail(&many), mail("y@z.example"));
        assert_eq!(long.size(), short.size());
        assert_eq!(long.content, b"From: me@x.example\nTo: a@b.example\n\nx\n");
    }

    #[test]
    fn a_text_without_a_header_gets_one() {
        let mail = read_text(
            "hello\n",
            &["-f", "me@x.example", "-F", "Me", "a@b.example"],
        )
        .unwrap();
        let text = String::from_utf8(mail.content).unwrap();
        assert!(text.contains("\r\nFrom: "), "{text}");
        assert!(text.ends_with("<me@x.example>\r\n\r\nhello\n"), "{text}");
    }

    #[test]
    fn the_size_is_that_on_the_wire() {
        for (content, size) in [("", 0), ("a", 3), ("\n", 2), ("a\r\nb\n\nc", 11)] {
            let mail = Mail {
                envelope: Envelope::null_sender(),
                content: content.into(),
            };
            assert_eq!(mail.size(), size, "{content:?}");
        }
    }

    #[test]
    fn nobody_gets_it_twice_because_of_capitals() {
        let args = ["-t", "a@B.Example", "A@b.example"];
        let mail = read_text("From: me@x.example\nTo: a@b.example\n\nx\n", &args).unwrap();
        assert_eq!(parts(&mail).1, ["a@B.Example", "A@b.example"]);
    }

    #[test]
    fn a_dot_ends_the_mail_unless_told_otherwise() {
        for text in [
            "From: me@x.example\r\n\r\none\r\n.\r\ntwo\r\n",
            "From: me@x.example\n\none\n.\ntwo\n",
        ] {
            let ended = read_text(text, &["--raw", "a@b.example"]).unwrap().content;
            assert!(String::from_utf8_lossy(&ended).trim_end().ends_with("one"));
            let whole = read_text(text, &["--raw", "-i", "a@b.example"])
                .unwrap()
                .content;
            assert_eq!(whole, text.as_bytes());
        }
    }

    #[test]
    fn what_cannot_go_on_the_wire_is_refused_by_line() {
        let long = format!(
            "From: me@x.example\nTo: a@b.example\n\n{}\n",
            "x".repeat(999)
        );
        for (text, wrong) in [
            (
                "From: me@x.example\nTo: a@b.example\n\none\rtwo\n",
                "line 4 of the mail has a CR",
            ),
            (
                "From: me@x.example\nTo: a@b.example\n\n\0\n",
                "line 4 of the mail has a NUL",
            ),
            (long.as_str(), "line 4 of the mail is longer than 998"),
        ] {
            // What is added in front does not count.
            for args in [&["-t", "--raw"][..], &["-t"]] {
                let failure = read_text(text, args).err().unwrap();
                assert_eq!(failure.exit_code(), 65);
                assert!(failure.to_string().starts_with(wrong), "{failure}");
            }
        }
    }

    #[test]
    fn a_missing_or_unreadable_envelope_is_said() {
        for (text, args, code, wrong) in [
            (
                "From: me@x.example\n\nbody",
                &["-t"][..],
                64,
                "no recipient: the mail has no address",
            ),
            (
                "From: me@x.example\nTo: a@b.example\n\nbody",
                &[],
                64,
                "no recipient: name one",
            ),
            ("To: a@b.example\n\nbody", &["-t"], 64, "no sender"),
            ("just text", &["-t"], 64, "no sender"),
            (
                "From: me@x.example\nTo: a@b c@d\n\nbody",
                &["-t"],
                65,
                "the To field has words",
            ),
        ] {
            let failure = read_text(text, args).err().unwrap();
            assert_eq!(failure.exit_code(), code, "{failure}");
            assert!(failure.to_string().starts_with(wrong), "{failure}");
        }
    }
}
