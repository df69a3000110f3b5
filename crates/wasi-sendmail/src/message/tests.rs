//! Mails as programs give them, and what goes to the server.

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
        variable: &|name| (name == "LOGNAME").then(|| "ann".into()),
        read: &|_, _| Err(std::io::ErrorKind::NotFound.into()),
    };
    let settings = Settings::new(&flags, &sources)?;
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
    let rest = "From: Me <me@x.example>\nTo: a@b.example,\n\tc@d.example\nSubject: s\n\n.x\nbody";
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

/// As cron of Fedora, Arch and Gentoo calls it.
const CRON: &str = "From: \"(Cron Daemon)\" <root>\nTo: admin\nSubject: s\n\nx\n";

#[test]
fn a_domain_completes_the_envelope_and_the_senders_in_the_header() {
    let given = ["-t", "--domain", "x.example", "-i", "bo"];
    for (args, sender) in [
        (&given[..], "root@x.example"),
        (&[&given[..], &["-f", "ann"]].concat(), "ann@x.example"),
        (
            &[&given[..], &["-f", "me@a.example"]].concat(),
            "me@a.example",
        ),
    ] {
        let mail = read_text(CRON, args).unwrap();
        let everybody = vec!["bo@x.example", "admin@x.example"];
        assert_eq!(parts(&mail), (sender.into(), everybody));
        let text = String::from_utf8(mail.content).unwrap();
        let sent = CRON.replace("<root>", "<root@x.example>");
        assert!(text.ends_with(&sent), "{text}");
    }
    let raw = read_text(CRON, &[&given[..], &["--raw"]].concat()).unwrap();
    assert_eq!(raw.content, CRON.as_bytes());
    assert_eq!(parts(&raw).0, "root@x.example");
}

#[test]
fn without_a_domain_or_an_address_both_settings_are_named() {
    let from = CRON.replace("To: admin", "To: a@b.example");
    for (text, args, code) in [
        (from.as_str(), &["-t"][..], 65),
        (&from, &["-t", "-f", "root"], 64),
        ("To: a@b.example\n\nx\n", &["-t"], 64),
    ] {
        let failure = read_text(text, args).err().unwrap();
        assert_eq!(failure.exit_code(), code, "{failure}");
        let failure = failure.to_string();
        let names = ["from", "--domain NAME", "in the config file"];
        assert!(names.iter().all(|name| failure.contains(name)), "{failure}");
    }
    let failure = read_text(CRON, &["-t", "-f", "me@x.example"])
        .err()
        .unwrap();
    let expected = "the To field has no full address in place 1: write name@domain (--domain NAME, or domain in the config file)";
    assert_eq!(failure.to_string(), expected);
}

/// As bsd-mailx calls it.
#[test]
fn a_mail_that_names_no_sender_is_from_who_logged_in() {
    let mail = "To: a@b.example\nSubject: s\n\nx\n";
    let sent = read_text(mail, &["-i", "-t", "--domain", "x.example"]).unwrap();
    assert_eq!(parts(&sent).0, "ann@x.example");
    let text = String::from_utf8(sent.content).unwrap();
    assert!(text.contains("\r\nFrom: <ann@x.example>\r\n"), "{text}");
    let args = ["-t", "--domain", "x.example", "--read-envelope-from"];
    assert_eq!(read_text(mail, &args).err().unwrap().exit_code(), 64);
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
            form: Form::default(),
            is_reencoded: false,
            eight_bit: EightBit::default(),
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
    let long = "x".repeat(999);
    for (text, wrong, is_encoded) in [
        ("\none\rtwo\n", "line 4 of the mail has a CR", true),
        (&format!("\n{long}\n"), "line 4 of the mail is longer", true),
        ("\n\0\n", "line 4 of the mail has a NUL", false),
        (
            &format!("X: {long}\n\nx\n"),
            "line 3 of the mail is longer",
            false,
        ),
        (
            &format!("DKIM-Signature: v=1\n\n{long}\n"),
            "line 5 of the mail does not go as it is",
            false,
        ),
    ] {
        let text = format!("From: me@x.example\nTo: a@b.example\n{text}");
        // What is added in front does not count.
        for args in [&["-t", "--raw"][..], &["-t", "--strict"], &["-t"]] {
            let is_strict = args.len() == 2;
            match read_text(&text, args) {
                Ok(mail) => assert!(is_encoded && !is_strict && mail.is_reencoded, "{text}"),
                Err(failure) => {
                    assert!(!is_encoded || is_strict, "{failure}");
                    assert_eq!(failure.exit_code(), 65);
                    let is_signed = wrong.contains("does not go") && is_strict;
                    let said = failure.to_string().starts_with(wrong);
                    assert!(said || is_signed, "{failure}");
                }
            }
        }
    }
}

#[test]
fn what_cron_printed_goes_encoded_and_other_mails_as_they_are() {
    let mail = "From: me@x.example\nTo: a@b.example\n\n 10%\r100% done\n";
    let sent = read_text(mail, &["-t"]).unwrap();
    let text = String::from_utf8(sent.content.clone()).unwrap();
    assert!(
        text.contains("Content-Transfer-Encoding: quoted-printable\r\n"),
        "{text}"
    );
    assert!(text.ends_with("\n 10%=0D100% done\n"), "{text}");
    assert_eq!(
        sent.size(),
        text.replace("\r\n", "\n").replace('\n', "\r\n").len()
    );
    for (mail, args) in [
        (MAIL, &["-t"][..]),
        ("From: a@b\nTo: a@b\n\n\u{fc}\n", &["-t"]),
    ] {
        assert!(!read_text(mail, args).unwrap().is_reencoded);
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
        ("just text", &["-t"], 65, "line 1 of the mail is no field"),
        ("just text", &["a@b.example"], 64, "no sender"),
        (
            "From: me@x.example\njust text\n",
            &["a@b.example"],
            65,
            "line 2 of the mail is no field",
        ),
        (
            "From: me@x.example\nBcc: a@b.example\nc@d.example\n",
            &["-f", "me@x.example", "a@b.example"],
            65,
            "line 3 of the mail is no field",
        ),
        (
            "123\nBcc: a@b.example\n\n",
            &["-f", "me@x.example", "--raw", "a@b.example"],
            65,
            "line 2 of the mail reads as a Bcc field",
        ),
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

#[test]
fn the_first_line_beyond_ascii_is_the_users() {
    for (mail, line) in [
        ("A: b\n\nx\n", None),
        ("A: \u{e4}\n\n\u{e4}\n", Some(1)),
        (
            "BCC : \u{e4}\n \u{e4}\nResent-Bcc: \u{e4}\nA: b\n\nBcc: \u{e4}\n",
            Some(6),
        ),
        ("A: b\r\n\r\n\r\n\u{e4}\r\n", Some(4)),
    ] {
        assert_eq!(EightBit::of(mail.as_bytes()).line, line, "{mail}");
    }
}
