//! A mail's content leaves after a recipient was accepted, and by a way that the server
//! knows.

use crate::peer::{
    Deviation, FULL, Server, connect, envelope, lines, mails, now, open, rules, send, server,
};
use proptest::prelude::*;
use smtp_session::{
    Address, Body, Delivery, Engine, Envelope, ErrorKind, Form, Options, Protocol, Security,
};

/// A mail's content is of these, and no command has one.
const CONTENT: u8 = b'~';

/// What a server may say to a command.
fn replies() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("250 ok"),
        1 => Just("251 elsewhere"),
        1 => Just("221 bye"),
        1 => Just("354 go on"),
        1 => Just("421 4.3.2 going"),
        1 => Just("450 4.2.0 later"),
        1 => Just("452 4.5.3 too many"),
        1 => Just("500 what"),
        1 => Just("503 not now"),
        3 => Just("550 5.1.1 no"),
        1 => Just("250-one\r\n550 two"),
    ]
}

#[derive(Clone, Debug)]
struct Case {
    /// What is said to the lines of a client, one after the other.
    replies: Vec<&'static str>,
    offers: Vec<&'static str>,
    recipients: usize,
    len: usize,
    /// How much of the output is taken, and of a reply is given, at a time.
    split: usize,
    lmtp: bool,
    last: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let offers = vec!["PIPELINING", "CHUNKING", "SIZE"];
    (
        proptest::collection::vec(replies(), 1..9),
        proptest::sample::subsequence(offers, 0..=3),
        1..5_usize,
        prop_oneof![3 => 1..50_usize, 1 => Just(3000)],
        prop_oneof![3 => Just(usize::MAX), 1 => 1..30_usize],
        any::<(bool, bool)>(),
    )
        .prop_map(
            |(replies, offers, recipients, len, split, (lmtp, last))| Case {
                replies,
                offers,
                recipients,
                len,
                split,
                lmtp,
                last,
            },
        )
}

impl Case {
    fn engine(&self) -> Engine {
        let protocol = match self.lmtp {
            true => Protocol::Lmtp,
            false => Protocol::Smtp,
        };
        let tls = Security::Tls { exporter: None };
        let mut engine = Engine::new(tls, Options::default().protocol(protocol));
        engine.hello("client.example");
        engine.handle_input(b"220 hi\r\n");
        let len = engine.output().len();
        engine.sent(len);
        let offers = self.offers.iter().map(|offer| format!("250-{offer}\r\n"));
        let offers = offers.collect::<String>() + "250 HELP\r\n";
        engine.handle_input(format!("250-hi\r\n{offers}").as_bytes());
        assert!(matches!(engine.outcome(), Some(Ok(None))));
        engine
    }

    /// Sends a mail, up to its content or its end: whether content was offered before
    /// the good reply to a recipient was given.
    fn leaves_too_early(&self) -> bool {
        let mut engine = self.engine();
        let to = (0..self.recipients).fold(Envelope::null_sender(), |to, n| {
            to.to(Address::new(&format!("r{n}@b")).expect("an address"))
        });
        match self.last {
            true => engine.send_last(&to, Form::default()),
            false => engine.send(&to, Form::default()),
        }
        engine.body(&[&[CONTENT; 60][..], b"\r\n"].concat().repeat(self.len));
        engine.end_body();
        let mut replies = self.replies.iter();
        let (mut accepted, mut line) = (false, Vec::new());
        while engine.has_output() {
            let len = engine.output().len().min(self.split);
            if engine.output().contains(&CONTENT) {
                return !accepted;
            }
            let taken = engine.output()[..len].to_vec();
            engine.sent(len);
            for byte in taken {
                line.push(byte);
                if byte != b'\n' {
                    continue;
                }
                let command = std::mem::take(&mut line);
                // A server that answers a chunk answers after its content.
                if command.starts_with(b"BDAT") {
                    continue;
                }
                let Some(reply) = replies.next() else {
                    return false;
                };
                let reply = format!("{reply}\r\n");
                for part in reply.as_bytes().chunks(self.split.min(reply.len())) {
                    engine.handle_input(part);
                }
                let is_good = reply.starts_with("25") && !reply.contains("550");
                accepted |= command.starts_with(b"RCPT") && is_good;
            }
        }
        false
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_content_leaves_before_a_recipient_was_accepted(case in cases()) {
        prop_assert!(!case.leaves_too_early());
    }
}

/// In any order, and in any combination.
#[test]
fn a_refusal_before_the_content_is_not_sent_and_leaves_a_session() {
    for extensions in [&FULL[..], &["PIPELINING"], &[]] {
        for (mail, first, second) in [
            ("550 5.7.1 no", "250 ok", "250 ok"),
            ("451 4.3.0 later", "503 no MAIL", "503 no MAIL"),
            ("250 ok", "550 5.1.1 no", "450 4.2.0 later"),
            ("250 ok", "452 4.5.3 too many", "452 4.5.3 too many"),
            ("250 ok", "550 5.1.1 no", "550 5.1.1 no"),
        ] {
            let mut mails = 0;
            let script = move |line: &str| {
                mails += usize::from(line.starts_with("MAIL"));
                let at = |start| mails == 1 && line.starts_with(start);
                match line {
                    _ if at("MAIL") => crate::peer::say(mail),
                    _ if at("RCPT TO:<a@b>") => crate::peer::say(first),
                    _ if at("RCPT TO:<c@d>") => crate::peer::say(second),
                    _ => None,
                }
            };
            let (stream, mut session) = open(&server(extensions, script));
            let error = send(&mut session, &["a@b", "c@d"], "~~~~\r\n").expect_err("refused");
            assert_eq!(error.delivery(), Delivery::NotSent, "{mail} {first}");
            let wire = stream.see(|link| [&link.wire[..], &link.offered].concat());
            assert!(!wire.contains(&CONTENT), "{mail} {first}");
            assert!(session.is_usable());
            let next = send(&mut session, &["a@b", "c@d"], "~~~~\r\n");
            assert!(next.is_ok_and(|receipt| receipt.is_complete()));
        }
    }
}

/// A filter that does not know BDAT answers each line of the content as well.
#[test]
fn nothing_after_bdat_that_nobody_knows_is_a_reply_or_is_answered() {
    for code in ["500", "502", "503"] {
        for (body, last) in [("one\r\n", true), ("two\r\nlines\r\n", false)] {
            for surplus in ["", "250 ok\r\n", "500 what\r\n500 what\r\n"] {
                let said = format!("{code} 5.5.1 what\r\n{surplus}");
                let peer = Server::with(rules(&FULL), move |asked| {
                    asked.is("BDAT").then(|| Deviation::write(said.clone()))
                });
                let (stream, mut session) = open(&peer);
                let to = envelope(&["a@b"]);
                let error = match last {
                    true => now(session.send_and_quit(&to, Body::bytes(body))),
                    false => {
                        let sent = now(session.send(&to, Body::bytes(body)));
                        assert!(!session.is_usable());
                        sent
                    }
                };
                let error = error.expect_err("refused");
                assert!(matches!(error.kind(), ErrorKind::BdatUnknown(_)));
                assert_eq!(error.delivery(), Delivery::NotSent, "{code} {surplus}");
                assert_eq!(
                    error.reply().map(|reply| reply.code().to_string()),
                    Some(code.into())
                );
                assert!(!error.is_transient());
                assert!(mails(&stream).is_empty());
                let lines = lines(&stream);
                let after = lines.iter().skip_while(|line| !line.starts_with("BDAT"));
                assert!(after.skip(1).all(|line| *line == "QUIT"), "{lines:?}");
            }
        }
    }
}

/// Behind a chunk that was refused the next is out of its place.
#[test]
fn bdat_that_is_refused_after_another_one_is_known() {
    let long = "a line\r\n".repeat(10_000);
    for (first, second) in [("452 4.3.1 full", "503 5.5.1 no"), ("250 ok", "552 no")] {
        let script = move |line: &str| match line {
            "CHUNK" => crate::peer::say(first),
            "." => crate::peer::say(second),
            _ => None,
        };
        let (_, mut session) = open(&server(&FULL, script));
        let error = send(&mut session, &["a@b"], &long).expect_err("refused");
        assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error:?}");
        assert_eq!(error.delivery(), Delivery::NotSent);
    }
}

/// Exim 4.100.1 does not answer `BDAT 0 LAST`.
#[test]
fn an_empty_mail_goes_by_data() {
    let stream = connect(&crate::peer::good(&FULL));
    let mut session = smtp_session::Session::new(stream.clone(), crate::peer::TLS);
    now(session.hello("client.example")).expect("EHLO");
    for body in [Body::bytes(""), Body::stream(&b""[..])] {
        let taken = now(session.send(&envelope(&["a@b"]), body));
        assert!(taken.is_ok_and(|receipt| receipt.is_complete()));
    }
    assert!(send(&mut session, &["a@b"], "x").is_ok());
    let lines = lines(&stream);
    assert_eq!(lines.iter().filter(|line| *line == "DATA").count(), 2);
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("BDAT")).count(),
        1
    );
    let contents: Vec<_> = mails(&stream)
        .into_iter()
        .map(|mail| mail.content)
        .collect();
    assert_eq!(contents, [&b""[..], b"", b"x\r\n"]);
}
