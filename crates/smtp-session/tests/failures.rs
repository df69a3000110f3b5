//! What goes wrong, and what is said of the mail then.

mod peer;

use peer::{Act, Peer, Shape, Stream, now, say, try_now};
use smtp_session::{
    Address, Body, BodyError, Delivery, Envelope, Error, ErrorKind, Extension, Form, Options,
    Outcome, Phase, Protocol, Receipt, Security, Session, Timeouts,
};
use std::future::{pending, ready};
use std::io;
use std::time::Duration;

const TLS: Security = Security::Tls { exporter: None };
const FULL: [&str; 4] = ["PIPELINING", "CHUNKING", "SIZE 1000000", "8BITMIME"];
const PIPELINED: [&str; 1] = ["PIPELINING"];

fn envelope(to: &[&str]) -> Envelope {
    to.iter().fold(Envelope::null_sender(), |envelope, to| {
        envelope.to(Address::new(to).expect("an address"))
    })
}

/// Answers one line in another way.
fn at(line: &'static str, act: Act) -> impl FnMut(&str) -> Act + Send + 'static {
    move |said| match is_at(said, line) {
        true => act.clone(),
        false => Act::Good,
    }
}

/// Behind MAIL and RCPT there may be parameters.
fn is_at(said: &str, line: &str) -> bool {
    said == line || (line.ends_with('>') && said.starts_with(line))
}

fn open(peer: Peer) -> (Stream, Session<Stream>) {
    let stream = Stream::new(peer);
    let mut session = Session::new(stream.clone(), TLS);
    now(session.hello("client.example")).expect("EHLO");
    (stream, session)
}

fn send(session: &mut Session<Stream>, to: &[&str], body: &str) -> Result<Receipt, Error> {
    now(session.send(&envelope(to), Body::bytes(body)))
}

/// What is said of each refusal, whatever the server offers.
#[test]
fn each_refusal_is_named_and_the_session_goes_on() {
    type Case = (&'static str, &'static str, Phase, bool);
    let cases: [Case; 6] = [
        ("MAIL FROM:<>", "451 4.3.0 later", Phase::Mail, true),
        ("MAIL FROM:<>", "530 5.7.0 log in first", Phase::Mail, false),
        ("RCPT TO:<a@b>", "450 4.2.0 later", Phase::Rcpt, true),
        ("RCPT TO:<a@b>", "431 what", Phase::Rcpt, true),
        ("END", "554 5.6.0 no", Phase::DataTermination, false),
        ("END", "451 later", Phase::DataTermination, true),
    ];
    for extensions in [&FULL[..], &PIPELINED, &[]] {
        for (line, reply, phase, is_transient) in cases {
            let line = match (line, extensions.contains(&"CHUNKING")) {
                ("END", true) => "LAST",
                ("END", false) => ".",
                _ => line,
            };
            let mut first = true;
            let peer = Peer::new(extensions, move |said| match is_at(said, line) {
                true if std::mem::take(&mut first) => say(reply),
                _ => Act::Good,
            });
            let (stream, mut session) = open(peer);
            let error = send(&mut session, &["a@b"], "x").expect_err("a refusal");
            assert_eq!(error.delivery(), Delivery::NotSent, "{line} {reply}");
            assert_eq!(error.phase(), phase, "{line} {reply}");
            assert_eq!(error.is_transient(), is_transient, "{line} {reply}");
            let refusal = error.reply().expect("a reply");
            assert!(reply.starts_with(&refusal.code().to_string()));
            assert!(
                error.to_string().ends_with("; the mail was not sent"),
                "{error}"
            );
            assert!(session.is_usable());
            let next = send(&mut session, &["a@b"], "y");
            assert!(next.is_ok_and(|receipt| receipt.is_complete()));
            let reset = stream.lines().iter().filter(|line| *line == "RSET").count();
            assert_eq!(reset, 1);
            assert_eq!(
                stream.mails().last().map(|mail| mail.data.clone()),
                Some(b"y\r\n".to_vec())
            );
        }
    }
}

#[test]
fn when_all_recipients_are_refused_no_byte_of_the_mail_leaves_after_data() {
    for extensions in [&PIPELINED[..], &[]] {
        for data in ["503 no recipients", "354 go on"] {
            let peer = Peer::new(extensions, move |line| match line {
                "RCPT TO:<a@b>" => say("550 5.1.1 no"),
                "RCPT TO:<c@d>" => say("452 4.2.2 full"),
                "DATA" => say(data),
                "." => say("554 nobody"),
                _ => Act::Good,
            });
            let (stream, mut session) = open(peer);
            let error = send(&mut session, &["a@b", "c@d"], "secret").expect_err("refused");
            assert!(matches!(error.kind(), ErrorKind::NoRecipients));
            assert_eq!(error.delivery(), Delivery::NotSent);
            assert!(error.is_transient(), "one of them may be taken later");
            let codes: Vec<_> = error.refused().map(|(_, reply)| reply.code()).collect();
            assert_eq!(codes, [550, 452]);
            let read = stream.see(|link| link.peer.read.clone());
            assert!(!String::from_utf8_lossy(&read).contains("secret"));
            assert!(session.is_usable());
            now(session.noop()).expect("in step");
        }
    }
}

#[test]
fn a_mail_that_nobody_gets_but_the_server_takes_may_be_sent() {
    for extensions in [&FULL[..], &PIPELINED] {
        let peer = Peer::new(extensions, |line| match line {
            "RCPT TO:<a@b>" => say("550 no"),
            "LAST" => say("250 taken"),
            _ => Act::Good,
        });
        let (_, mut session) = open(peer);
        let error = send(&mut session, &["a@b"], "x").expect_err("refused");
        let chunked = extensions.len() > 1;
        let claim = if chunked {
            Delivery::MaybeSent
        } else {
            Delivery::NotSent
        };
        assert_eq!(error.delivery(), claim);
        assert_eq!(session.is_usable(), !chunked);
    }
}

/// An early 552 or 421 is heard while the mail is written.
#[test]
fn an_early_reply_ends_the_upload() {
    for (early, closing) in [("552 5.3.4 too big", false), ("421 4.3.2 going", true)] {
        for extensions in [&FULL[..3], &PIPELINED, &[]] {
            let chunked = extensions.contains(&"CHUNKING");
            let line = if chunked { "CHUNK" } else { "DATA" };
            let text = if chunked {
                early.to_owned()
            } else {
                format!("354 go on\r\n{early}")
            };
            let shape = Shape {
                buffer_len: 4096,
                ..Shape::default()
            };
            let stream = Stream::shaped(Peer::new(extensions, at(line, say(&text))), shape);
            let mut session = Session::new(stream.clone(), TLS);
            now(session.hello("client.example")).expect("EHLO");
            let line = "x".repeat(70) + "\r\n";
            let error = send(&mut session, &["a@b"], &line.repeat(12_000)).expect_err("refused");
            assert_eq!(error.delivery(), Delivery::NotSent, "{error:?}");
            assert_eq!(
                error.reply().map(|reply| reply.code()),
                early[..3].parse().ok()
            );
            assert_eq!(
                matches!(error.kind(), ErrorKind::Closing(_)),
                closing,
                "{error:?}"
            );
            let written = stream.see(|link| link.written);
            assert!(written < 200_000, "{written} bytes were written");
            assert!(!session.is_usable());
        }
    }
}

/// Between two chunks nothing is half said, and the session can go on.
#[test]
fn a_chunk_that_is_refused_while_nothing_is_under_way_leaves_a_session() {
    struct Stalls(usize);
    impl futures_io::AsyncRead for Stalls {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buf: &mut [u8],
        ) -> std::task::Poll<io::Result<usize>> {
            if self.0 == 0 {
                return std::task::Poll::Pending;
            }
            let len = buf.len().min(self.0);
            buf[..len].fill(b'\n');
            self.0 -= len;
            std::task::Poll::Ready(Ok(len))
        }
    }
    let (stream, mut session) = open(Peer::new(&FULL, at("CHUNK", say("552 5.3.4 too big"))));
    let body = Body::stream(Stalls(40_000));
    let error = now(session.send(&envelope(&["a@b"]), body)).expect_err("refused");
    assert_eq!(error.phase(), Phase::DataBlock);
    assert!(session.is_usable());
    assert!(send(&mut session, &["a@b"], "y").is_ok());
    assert_eq!(stream.mails().len(), 1);
}

/// The end of the connection, at each reply.
#[test]
fn a_mail_may_be_sent_only_once_its_last_byte_was_offered() {
    for extensions in [&FULL[..], &PIPELINED, &[]] {
        let chunked = extensions.contains(&"CHUNKING");
        for act in [
            Act::End,
            Act::Hush,
            say("hello?"),
            say("354 what"),
            say("221 bye"),
        ] {
            let lines = ["MAIL FROM:<>", "RCPT TO:<a@b>", "DATA", ".", "LAST"];
            for line in lines {
                if act == say("354 what") && line == "DATA" {
                    continue;
                }
                let (stream, session) = open(Peer::new(extensions, at(line, act.clone())));
                let expire = |_: Phase| Box::pin(ready(()));
                let mut session = session.with_deadlines(expire);
                let result = now(session.send(&envelope(&["a@b"]), Body::bytes("x")));
                if !stream.lines().iter().any(|said| is_at(said, line)) {
                    assert!(result.is_ok());
                    continue;
                }
                let error = result.expect_err("it went wrong");
                let offered = chunked || line == ".";
                let claim = if offered {
                    Delivery::MaybeSent
                } else {
                    Delivery::NotSent
                };
                assert_eq!(error.delivery(), claim, "{line} {act:?} {error:?}");
                assert!(error.is_transient());
                assert!(!session.is_usable());
                let unusable = now(session.noop()).expect_err("over");
                assert!(matches!(unusable.kind(), ErrorKind::Unusable));
            }
        }
    }
}

/// A write that fails, at each byte.
#[test]
fn what_a_broken_stream_leaves_behind_at_each_byte() {
    for extensions in [&FULL[..2], &PIPELINED, &[]] {
        let (stream, mut session) = open(Peer::good(extensions));
        assert!(send(&mut session, &["a@b"], "hello").is_ok());
        let whole = stream.see(|link| link.written);
        for broken_at in 0..whole {
            let shape = Shape {
                write_len: 1,
                broken_at: Some(broken_at),
                ..Shape::default()
            };
            let stream = Stream::shaped(Peer::good(extensions), shape);
            let mut session = Session::new(stream.clone(), TLS);
            if now(session.hello("client.example")).is_err() {
                continue;
            }
            let error = send(&mut session, &["a@b"], "hello").expect_err("it broke");
            assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
            // What was offered at last had the end of the mail in it, or not.
            let offered = stream.see(|link| {
                let mut all = link.peer.read.clone();
                all.extend(&link.offered);
                String::from_utf8_lossy(&all).into_owned()
            });
            let ended = offered.ends_with("LAST\r\nhello\r\n") || offered.ends_with("\r\n.\r\n");
            let claim = if ended {
                Delivery::MaybeSent
            } else {
                Delivery::NotSent
            };
            assert_eq!(error.delivery(), claim, "{broken_at}: {offered:?}");
            assert!(stream.mails().is_empty());
        }
    }
}

#[test]
fn why_the_server_went_is_read_though_the_write_failed() {
    // MAIL is read, and a part of RCPT.
    let shape = Shape {
        write_len: 5,
        broken_at: Some(40),
        ..Shape::default()
    };
    let going = at("MAIL FROM:<>", say("421 4.3.2 shutting down"));
    let stream = Stream::shaped(Peer::new(&PIPELINED, going), shape);
    let mut session = Session::new(stream, TLS);
    now(session.hello("client.example")).expect("EHLO");
    let error = send(&mut session, &["a@b"], "x").expect_err("it broke");
    assert!(matches!(error.kind(), ErrorKind::Closing(_)), "{error:?}");
}

#[test]
fn a_reply_that_nobody_asked_for_ends_the_session() {
    let (stream, mut session) = open(Peer::good(&FULL));
    stream.inject("250 surplus\r\n");
    let error = send(&mut session, &["a@b"], "x").expect_err("out of step");
    assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error:?}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(stream.lines().len(), 1, "nothing was sent");
    assert!(!session.is_usable());

    let (stream, mut session) = open(Peer::good(&FULL));
    stream.inject("421 4.4.2 idle for too long\r\n");
    let error = now(session.noop()).expect_err("closing");
    assert!(matches!(error.kind(), ErrorKind::Closing(_)));
    assert!(error.is_transient());
}

/// With one reply too many nobody knows which is the mail's.
#[test]
fn a_surplus_reply_behind_the_mails_makes_it_doubtful() {
    for (line, reply, sent) in [
        ("MAIL FROM:<>", "250 ok\r\n250 ok\r\n", false),
        ("LAST", "250 ok\r\n250 ok\r\n", false),
        ("LAST", "250 ok\r\n421 going\r\n", true),
        ("LAST", "250 ok\r\n42", true),
    ] {
        let (_, mut session) = open(Peer::new(&FULL, at(line, Act::Say(reply.to_owned()))));
        let result = send(&mut session, &["a@b"], "x");
        assert_eq!(result.is_ok(), sent, "{reply:?}");
        if let Err(error) = result {
            assert_eq!(error.delivery(), Delivery::MaybeSent);
        }
        assert!(!session.is_usable());
    }
}

#[test]
fn something_behind_the_reply_to_starttls_is_refused() {
    for extra in ["250 injected\r\n", "2", "421 going\r\n"] {
        let reply = Act::Say(format!("220 go on\r\n{extra}"));
        let stream = Stream::new(Peer::new(&["STARTTLS"], at("STARTTLS", reply)));
        let mut session = Session::new(stream, Security::Plaintext);
        now(session.hello("client.example")).expect("EHLO");
        let error = now(session.starttls()).map(drop).expect_err("an injection");
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)));
        assert_eq!(error.phase(), Phase::StartTls);
    }
}

#[test]
fn starttls_needs_an_offer_and_a_session_without_tls() {
    let (_, session) = open(Peer::good(&["STARTTLS"]));
    let error = now(session.starttls()).map(drop).expect_err("TLS already");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)));
    for (extensions, reply) in [(&[][..], "220 go"), (&["STARTTLS"], "454 4.7.0 not now")] {
        let stream = Stream::new(Peer::new(extensions, at("STARTTLS", say(reply))));
        let mut session = Session::new(stream, Security::Plaintext);
        now(session.hello("client.example")).expect("EHLO");
        let error = now(session.starttls()).map(drop).expect_err("refused");
        match error.kind() {
            ErrorKind::Unsupported(Extension::StartTls) => assert!(extensions.is_empty()),
            ErrorKind::Refused(reply) => assert_eq!(reply.code(), 454),
            kind => panic!("{kind:?}"),
        }
    }
}

#[test]
fn a_dropped_future_ends_the_session_and_tells_what_became_of_the_mail() {
    for (line, claim) in [
        ("MAIL FROM:<>", Delivery::NotSent),
        ("DATA", Delivery::NotSent),
        (".", Delivery::MaybeSent),
    ] {
        let (_, mut session) = open(Peer::new(&[], at(line, Act::Hush)));
        assert_eq!(session.given_up(), None);
        let waits = try_now(session.send(&envelope(&["a@b"]), Body::bytes("x")));
        assert!(waits.is_none());
        assert_eq!(session.given_up(), Some(claim), "{line}");
        assert!(!session.is_usable());
        let error = send(&mut session, &["a@b"], "x").expect_err("over");
        assert!(matches!(error.kind(), ErrorKind::Unusable));
        assert_eq!(error.delivery(), Delivery::NotSent);
    }
    let (_, mut session) = open(Peer::new(&[], at("NOOP", Act::Hush)));
    assert!(try_now(session.noop()).is_none());
    assert_eq!(session.given_up(), None);
    assert!(!session.is_usable());
    // One that was never polled has done nothing.
    let (_, mut session) = open(Peer::good(&[]));
    drop(session.noop());
    now(session.noop()).expect("in step");
}

#[test]
fn times_begin_anew_at_each_phase_and_reply() {
    let stream = Stream::new(Peer::new(&PIPELINED, at(".", Act::Hush)));
    let (started, phases) = std::sync::mpsc::channel();
    let deadlines = move |phase: Phase| {
        started.send(phase).expect("the test listens");
        match phase {
            Phase::DataTermination => {
                Box::pin(ready(())) as std::pin::Pin<Box<dyn Future<Output = ()>>>
            }
            _ => Box::pin(pending()),
        }
    };
    let mut session = Session::new(stream, TLS).with_deadlines(deadlines);
    now(session.hello("client.example")).expect("EHLO");
    let error = now(session.send(&envelope(&["a@b"]), Body::bytes("x"))).expect_err("too long");
    assert!(matches!(error.kind(), ErrorKind::TimedOut));
    assert_eq!(error.phase(), Phase::DataTermination);
    assert_eq!(error.delivery(), Delivery::MaybeSent);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
    assert_eq!(
        phases.try_iter().collect::<Vec<_>>(),
        [Phase::DataTermination]
    );
    assert_eq!(
        Timeouts::default().of(Phase::DataTermination),
        Duration::from_secs(600)
    );
}

#[test]
fn the_greeting_may_be_a_refusal() {
    for (greeting, transient) in [("554 no", false), ("421 busy", true), ("450 later", true)] {
        let stream = Stream::new(Peer::new(&[], at("GREETING", say(greeting))));
        let mut session = Session::new(stream, TLS);
        let error = now(session.hello("client.example"))
            .map(drop)
            .expect_err("refused");
        assert_eq!(error.phase(), Phase::Greeting);
        assert_eq!(error.is_transient(), transient);
        assert!(!session.is_usable());
    }
    let stream = Stream::new(Peer::new(&[], at("GREETING", Act::End)));
    let mut session = Session::new(stream, TLS);
    let error = now(session.hello("client.example"))
        .map(drop)
        .expect_err("closed");
    assert!(matches!(error.kind(), ErrorKind::Closed));
    let mut session = Session::new(Stream::new(Peer::good(&[])), TLS);
    for name in ["", "a b", "ü", "a\r\nMAIL", &"x".repeat(256)] {
        let error = now(session.hello(name)).map(drop).expect_err("no name");
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)));
    }
    now(session.hello("[192.0.2.1]")).expect("EHLO");
}

#[test]
fn what_the_server_cannot_do_is_known_before_anything_is_sent() {
    let (stream, mut session) = open(Peer::good(&["SIZE 100", "PIPELINING"]));
    let long = "x".repeat(98) + "\r\n";
    assert!(
        send(&mut session, &["a@b"], &long).is_ok(),
        "just short enough"
    );
    for (body, too_long) in [
        (Body::bytes("y\r\n".repeat(40).leak()), true),
        (Body::bytes("y\r\n".repeat(40_000).leak()), true),
        (Body::stream(&b"x"[..]).form(Form::default().len(101)), true),
        (Body::bytes("\u{e4}"), false),
        (Body::bytes(b"a\rb"), false),
        (Body::bytes("x").form(Form::default().binary()), false),
    ] {
        let error = now(session.send(&envelope(&["a@b"]), body)).expect_err("refused");
        assert_eq!(
            matches!(error.kind(), ErrorKind::TooLarge { limit: 100 }),
            too_long,
            "{error:?}"
        );
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(session.is_usable());
    }
    let error = send(&mut session, &["ü@b"], "x").expect_err("no SMTPUTF8");
    assert!(matches!(
        error.kind(),
        ErrorKind::Unsupported(Extension::SmtpUtf8)
    ));
    let error = send(&mut session, &[], "x").expect_err("nobody");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)));
    assert_eq!(stream.mails().len(), 1);
    let sent = stream
        .lines()
        .iter()
        .filter(|line| line.starts_with("MAIL"))
        .count();
    assert_eq!(sent, 1);

    let stream = Stream::new(Peer::good(&["REQUIRETLS"]));
    let mut session = Session::new(stream, Security::Plaintext);
    now(session.hello("client.example")).expect("EHLO");
    let required = envelope(&["a@b"]).require_tls();
    let error = now(session.send(&required, Body::bytes("x"))).expect_err("no TLS");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)));
}

/// Behind what was looked at first, a fault ends the connection without a final
/// dot, so that nobody takes a part for the whole.
#[test]
fn a_fault_deep_in_a_stream_is_never_delivered() {
    for extensions in [&FULL[..3], &PIPELINED] {
        for fault in [&b"a\rb"[..], b"\0", b"\xff", &[b'x'; 999], b"TOO LONG"] {
            let (stream, mut session) = open(Peer::good(extensions));
            let mut body = b"line\r\n".repeat(20_000);
            if fault == b"TOO LONG" {
                body = b"line\r\n".repeat(200_000);
                if extensions.len() == 1 {
                    continue;
                }
            }
            body.extend(fault);
            body.extend(b"\r\nend\r\n");
            let error = now(session.send(&envelope(&["a@b"]), Body::stream(&body[..])));
            let error = error.expect_err("a fault");
            assert_eq!(error.delivery(), Delivery::NotSent);
            assert!(matches!(
                error.kind(),
                ErrorKind::Body(_) | ErrorKind::TooLarge { .. }
            ));
            assert!(!session.is_usable());
            assert!(stream.mails().is_empty());
        }
    }
    struct Broken;
    impl futures_io::AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut [u8],
        ) -> std::task::Poll<io::Result<usize>> {
            std::task::Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
        }
    }
    let (stream, mut session) = open(Peer::good(&FULL));
    let error = now(session.send(&envelope(&["a@b"]), Body::stream(Broken))).expect_err("broken");
    assert!(matches!(error.kind(), ErrorKind::BodyRead(_)));
    assert!(session.is_usable(), "nothing was sent");
    assert_eq!(stream.lines().len(), 1);
}

#[test]
fn lmtp_that_breaks_in_the_middle_tells_who_got_it() {
    let stream = Stream::new(
        Peer::new(
            &PIPELINED,
            at(".", Act::Say("250 one\r\n450 two\r\n".to_owned())),
        )
        .lmtp(),
    );
    let lmtp = Options::default().protocol(Protocol::Lmtp);
    let expire = |_: Phase| Box::pin(ready(()));
    let mut session = Session::with_options(stream, TLS, lmtp).with_deadlines(expire);
    now(session.hello("client.example")).expect("LHLO");
    let error = now(session.send(&envelope(&["a@b", "c@d", "e@f"]), Body::bytes("x")));
    let error = error.expect_err("one reply is missing");
    assert_eq!(error.delivery(), Delivery::MaybeSent);
    let outcomes: Vec<_> = error
        .outcomes()
        .map(|(_, outcome)| outcome.clone())
        .collect();
    assert_eq!(outcomes[0], Outcome::Delivered);
    assert!(matches!(&outcomes[1], Outcome::Refused(reply) if reply.code() == 450));
    assert_eq!(outcomes[2], Outcome::Accepted);
}

#[test]
fn no_error_shows_an_address_or_the_mail() {
    let refusal = say("550 5.1.1 <alice@example.com>: \u{1b}[2Junknown");
    let (_, mut session) = open(Peer::new(&FULL, at("RCPT TO:<alice@example.com>", refusal)));
    let error = send(&mut session, &["alice@example.com"], "private").expect_err("refused");
    for shown in [
        error.to_string(),
        format!("{error:?}"),
        format!("{session:?}"),
    ] {
        assert!(!shown.contains("alice"), "{shown}");
        assert!(
            !shown.contains("private") && !shown.contains('\u{1b}'),
            "{shown}"
        );
    }
    assert_eq!(
        error.to_string(),
        "the server refused every recipient: 550 5.1.1 <***>: \\u{1b}[2Junknown; the mail was not sent"
    );
    assert!(
        error
            .reply()
            .expect("a reply")
            .text()
            .contains("alice@example.com")
    );
    let body = BodyError::BareCr { line: 7 };
    assert!(body.to_string().starts_with("line 7"));
}
