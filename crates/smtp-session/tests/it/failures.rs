//! What is refused, by either side, and what is said of the mail then.

use crate::peer::{
    FULL, PIPELINED, Shape, TLS, at, connect, envelope, good, is_at, lines, mails, now, open,
    rules, say, scripted, send, server, shaped, wire,
};
use smtp_session::{
    Body, BodyError, Delivery, ErrorKind, Extension, Form, Options, Phase, Protocol, Security,
    Session,
};
use std::io;

/// What is said of each refusal, whatever the server offers.
#[test]
fn each_refusal_is_named_and_the_session_goes_on() {
    type Case = (&'static str, &'static str, Phase, bool);
    let cases: [Case; 6] = [
        ("MAIL FROM:<>", "451 4.3.0 later", Phase::Mail, true),
        ("MAIL FROM:<>", "530 5.7.0 log in first", Phase::Mail, false),
        ("RCPT TO:<a@b>", "450 4.2.0 later", Phase::Rcpt, true),
        ("RCPT TO:<a@b>", "431 what", Phase::Rcpt, true),
        (".", "554 5.6.0 no", Phase::DataTermination, false),
        (".", "451 later", Phase::DataTermination, true),
    ];
    for extensions in [&FULL[..], &PIPELINED, &[]] {
        for (line, reply, phase, is_transient) in cases {
            let mut first = true;
            let peer = server(extensions, move |said| match is_at(said, line) {
                true if std::mem::take(&mut first) => say(reply),
                _ => None,
            });
            let (stream, mut session) = open(&peer);
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
            let reset = lines(&stream).iter().filter(|line| *line == "RSET").count();
            assert_eq!(reset, 1);
            assert_eq!(
                mails(&stream).last().map(|mail| mail.content.clone()),
                Some(b"y\r\n".to_vec())
            );
        }
    }
}

#[test]
fn when_all_recipients_are_refused_no_byte_of_the_mail_leaves_after_data() {
    for extensions in [&PIPELINED[..], &[]] {
        for data in ["503 no recipients", "354 go on"] {
            let peer = server(extensions, move |line| match line {
                "RCPT TO:<a@b>" => say("550 5.1.1 no"),
                "RCPT TO:<c@d>" => say("452 4.2.2 full"),
                "DATA" => say(data),
                "." => say("554 nobody"),
                _ => None,
            });
            let (stream, mut session) = open(&peer);
            let error = send(&mut session, &["a@b", "c@d"], "secret").expect_err("refused");
            assert!(matches!(error.kind(), ErrorKind::NoRecipients));
            assert_eq!(error.delivery(), Delivery::NotSent);
            assert!(error.is_transient(), "one of them may be taken later");
            let codes: Vec<_> = error.refused().map(|(_, reply)| reply.code()).collect();
            assert_eq!(codes, [550, 452]);
            let read = wire(&stream);
            assert!(!String::from_utf8_lossy(&read).contains("secret"));
            assert!(session.is_usable());
            now(session.noop()).expect("in step");
        }
    }
}

/// DATA is answered by 354 though nobody gets the mail: what is taken is nothing.
#[test]
fn a_mail_that_nobody_gets_is_not_sent_though_the_server_takes_something() {
    for extensions in [&FULL[..], &PIPELINED] {
        let peer = server(extensions, |line| match line {
            "RCPT TO:<a@b>" => say("550 no"),
            "." => say("250 taken"),
            _ => None,
        });
        let (_, mut session) = open(&peer);
        let error = send(&mut session, &["a@b"], "x").expect_err("refused");
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(session.is_usable());
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
            let stream = shaped(&server(extensions, at(line, say(&text))), shape);
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
    let (stream, mut session) = open(&server(&FULL, at("CHUNK", say("552 5.3.4 too big"))));
    let body = Body::stream(Stalls(40_000));
    let error = now(session.send(&envelope(&["a@b"]), body)).expect_err("refused");
    assert_eq!(error.phase(), Phase::DataBlock);
    assert!(session.is_usable());
    assert!(send(&mut session, &["a@b"], "y").is_ok());
    assert_eq!(mails(&stream).len(), 1);
}

/// What the server has then may be a part of the mail: neither a receipt nor
/// another attempt is safe.
#[test]
fn a_mail_that_is_taken_after_a_chunk_was_refused_may_be_sent() {
    for refusal in ["421 4.3.2 going", "452 4.3.1 full", "552 5.3.4 too big"] {
        for protocol in [Protocol::Smtp, Protocol::Lmtp] {
            let script = move |line: &str| match line {
                "CHUNK" => say(refusal),
                "." => say("250 2.0.0 ok"),
                _ => None,
            };
            let rules = match protocol {
                Protocol::Lmtp => rules(&FULL).lmtp(),
                _ => rules(&FULL),
            };
            let stream = connect(&scripted(rules, script));
            let options = Options::default().protocol(protocol);
            let mut session = Session::with_options(stream, TLS, options);
            now(session.hello("client.example")).expect("a greeting");
            let long = "a line\r\n".repeat(10_000);
            let error = send(&mut session, &["a@b"], &long).expect_err("a part is missing");
            assert_eq!(error.delivery(), Delivery::MaybeSent, "{refusal} {error:?}");
            assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error:?}");
            assert!(!session.is_usable());
        }
    }
}

#[test]
fn what_the_server_cannot_do_is_known_before_anything_is_sent() {
    let (stream, mut session) = open(&good(&["SIZE 100", "PIPELINING"]));
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
    assert_eq!(mails(&stream).len(), 1);
    let sent = lines(&stream)
        .iter()
        .filter(|line| line.starts_with("MAIL"))
        .count();
    assert_eq!(sent, 1);

    let stream = connect(&good(&["REQUIRETLS"]));
    let mut session = Session::new(stream, Security::Plaintext);
    now(session.hello("client.example")).expect("EHLO");
    let required = envelope(&["a@b"]).require_tls();
    let error = now(session.send(&required, Body::bytes("x"))).expect_err("no TLS");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)));
}

#[cfg(feature = "reencode")]
#[test]
fn a_mail_beyond_ascii_is_encoded_for_a_server_that_takes_none() {
    for (extensions, encoded) in [(&FULL[..3], true), (&FULL, false), (&[], true)] {
        let (stream, mut session) = open(&good(extensions));
        let body = "Subject: x\r\n\r\nf\u{fc}r\r\n";
        let body = Body::bytes(body).form(Form::default().reencode());
        let receipt = now(session.send(&envelope(&["a@b"]), body));
        assert!(receipt.is_ok_and(|receipt| receipt.is_complete()));
        let mail = &mails(&stream)[0].content;
        assert_eq!(mail.is_ascii(), encoded);
        assert_eq!(mail.ends_with(b"\r\n\r\nf=C3=BCr\r\n"), encoded);
        let line = &lines(&stream)[1];
        assert_eq!(line.contains("BODY=8BITMIME"), !encoded);
        let len = format!("SIZE={}", mail.len());
        assert_eq!(line.contains(&len), extensions.contains(&"SIZE 1000000"));
    }
    let (stream, mut session) = open(&good(&[]));
    let body = Body::bytes("Subject: \u{fc}\r\n\r\nx").form(Form::default().reencode());
    let error = now(session.send(&envelope(&["a@b"]), body)).expect_err("no encoding for it");
    assert!(matches!(
        error.kind(),
        ErrorKind::Body(BodyError::EightBit { line: 1 })
    ));
    assert_eq!(lines(&stream).len(), 1);
}

/// Behind what was looked at first, a fault ends the connection without a final
/// dot, so that nobody takes a part for the whole.
#[test]
fn a_fault_deep_in_a_stream_is_never_delivered() {
    for extensions in [&FULL[..3], &PIPELINED] {
        for fault in [&b"a\rb"[..], b"\0", b"\xff", &[b'x'; 999], b"TOO LONG"] {
            let (stream, mut session) = open(&good(extensions));
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
            assert!(mails(&stream).is_empty());
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
    let (stream, mut session) = open(&good(&FULL));
    let error = now(session.send(&envelope(&["a@b"]), Body::stream(Broken))).expect_err("broken");
    assert!(matches!(error.kind(), ErrorKind::BodyRead(_)));
    assert!(session.is_usable(), "nothing was sent");
    assert_eq!(lines(&stream).len(), 1);
}

#[test]
fn little_is_kept_of_each_refusal() {
    let long = format!("550 5.1.1 {}", "x".repeat(2000));
    let (_, mut session) = open(&server(&FULL, at("RCPT TO:<a@b>", say(&long))));
    let receipt = send(&mut session, &["a@b", "c@d"], "x").expect("one got it");
    let (_, reply) = receipt.refused().next().expect("the other did not");
    assert!((1..=512).contains(&reply.text().len()));
}

#[test]
fn no_error_shows_an_address_or_the_mail() {
    let refusal = say("550 5.1.1 <alice@example.com>: \u{1b}[2Junknown");
    let (_, mut session) = open(&server(&FULL, at("RCPT TO:<alice@example.com>", refusal)));
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
