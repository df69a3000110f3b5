//! Connections that break, stall or get out of step, and what is said of the mail
//! then.

use crate::peer::{
    FULL, PIPELINED, Shape, TLS, at, connect, end, envelope, good, hush, is_at, lines, mails, now,
    open, rules, say, scripted, send, server, shaped, try_now, write,
};
use smtp_session::{
    Body, Delivery, ErrorKind, Extension, Options, Outcome, Phase, Protocol, Security, Session,
    Timeouts,
};
use std::future::{pending, ready};
use std::io;
use std::time::Duration;

/// The end of the connection, at each reply.
#[test]
fn a_mail_may_be_sent_only_once_its_last_byte_was_offered() {
    for extensions in [&FULL[..], &PIPELINED, &[]] {
        for act in [
            end(),
            hush(),
            say("hello?"),
            say("354 what"),
            say("221 bye"),
        ] {
            for line in ["MAIL FROM:<>", "RCPT TO:<a@b>", "DATA", "."] {
                if act == say("354 what") && line == "DATA" {
                    continue;
                }
                let (stream, session) = open(&server(extensions, at(line, act.clone())));
                let expire = |_: Phase| Box::pin(ready(()));
                let mut session = session.with_deadlines(expire);
                let result = now(session.send(&envelope(&["a@b"]), Body::bytes("x")));
                let said = lines(&stream).iter().any(|said| is_at(said, line));
                if !said && line != "." {
                    assert!(result.is_ok());
                    continue;
                }
                let error = result.expect_err("it went wrong");
                let claim = match line {
                    "." => Delivery::MaybeSent,
                    _ => Delivery::NotSent,
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
        let (stream, mut session) = open(&good(extensions));
        assert!(send(&mut session, &["a@b"], "hello").is_ok());
        let whole = stream.see(|link| link.written);
        for broken_at in 0..whole {
            let shape = Shape {
                write_len: 1,
                broken_at: Some(broken_at),
                ..Shape::default()
            };
            let stream = shaped(&good(extensions), shape);
            let mut session = Session::new(stream.clone(), TLS);
            if now(session.hello("client.example")).is_err() {
                continue;
            }
            let error = send(&mut session, &["a@b"], "hello").expect_err("it broke");
            assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
            // What was offered at last had the end of the mail in it, or not.
            let offered = stream.see(|link| {
                let all = [&link.wire[..], &link.offered].concat();
                String::from_utf8_lossy(&all).into_owned()
            });
            let ended = offered.ends_with("LAST\r\nhello\r\n") || offered.ends_with("\r\n.\r\n");
            let claim = if ended {
                Delivery::MaybeSent
            } else {
                Delivery::NotSent
            };
            assert_eq!(error.delivery(), claim, "{broken_at}: {offered:?}");
            assert!(mails(&stream).is_empty());
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
    let stream = shaped(&server(&PIPELINED, going), shape);
    let mut session = Session::new(stream, TLS);
    now(session.hello("client.example")).expect("EHLO");
    let error = send(&mut session, &["a@b"], "x").expect_err("it broke");
    assert!(matches!(error.kind(), ErrorKind::Closing(_)), "{error:?}");
}

#[test]
fn a_reply_that_nobody_asked_for_ends_the_session() {
    let (stream, mut session) = open(&good(&FULL));
    stream.inject("250 surplus\r\n");
    let error = send(&mut session, &["a@b"], "x").expect_err("out of step");
    assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error:?}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(lines(&stream).len(), 1, "nothing was sent");
    assert!(!session.is_usable());

    let (stream, mut session) = open(&good(&FULL));
    stream.inject("421 4.4.2 idle for too long\r\n");
    let error = now(session.noop()).expect_err("closing");
    assert!(matches!(error.kind(), ErrorKind::Closing(_)));
    assert!(error.is_transient());
}

/// With one reply too many nobody knows which is the mail's.
#[test]
fn a_surplus_reply_behind_the_mails_makes_it_doubtful() {
    for (reply, sent) in [
        ("250 ok\r\n250 ok\r\n", false),
        ("250 ok\r\n421 going\r\n", true),
        ("250 ok\r\n42", true),
        ("250 ok\r\n421-going\r\n421 soon\r\n", true),
        ("250 ok\r\n421 going\r\n250 not yet\r\n", false),
        ("451 no\r\n421 going\r\n250 not yet\r\n", false),
    ] {
        let (_, mut session) = open(&server(&FULL, at(".", write(reply))));
        let result = send(&mut session, &["a@b"], "x");
        assert_eq!(result.is_ok(), sent, "{reply:?}");
        if let Err(error) = result {
            assert_eq!(error.delivery(), Delivery::MaybeSent);
        }
        assert!(!session.is_usable());
    }
}

/// Its place may be that of the reply to BDAT, which was not sent then.
#[test]
fn a_surplus_reply_before_the_content_is_out_of_step() {
    for line in ["MAIL FROM:<>", "RCPT TO:<a@b>"] {
        let surplus = write("250 ok\r\n250 ok\r\n");
        let (stream, mut session) = open(&server(&FULL, at(line, surplus)));
        let error = send(&mut session, &["a@b"], "x").expect_err("one too many");
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error:?}");
        let doubt = error.delivery() == Delivery::MaybeSent;
        assert_eq!(doubt, stream.see(|link| crate::peer::has_end(&link.wire)));
        assert!(!session.is_usable());
    }
}

#[test]
fn something_behind_the_reply_to_starttls_is_refused() {
    for extra in ["250 injected\r\n", "2", "421 going\r\n"] {
        let reply = write(&format!("220 go on\r\n{extra}"));
        let stream = connect(&server(&["STARTTLS"], at("STARTTLS", reply)));
        let mut session = Session::new(stream, Security::Plaintext);
        now(session.hello("client.example")).expect("EHLO");
        let error = now(session.starttls()).map(drop).expect_err("an injection");
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)));
        assert_eq!(error.phase(), Phase::StartTls);
    }
}

#[test]
fn starttls_needs_an_offer_and_a_session_without_tls() {
    let (_, session) = open(&good(&["STARTTLS"]));
    let error = now(session.starttls()).map(drop).expect_err("TLS already");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)));
    for (extensions, reply) in [(&[][..], "220 go"), (&["STARTTLS"], "454 4.7.0 not now")] {
        let stream = connect(&server(extensions, at("STARTTLS", say(reply))));
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
        let (_, mut session) = open(&server(&[], at(line, hush())));
        assert_eq!(session.given_up(), None);
        let waits = try_now(session.send(&envelope(&["a@b"]), Body::bytes("x")));
        assert!(waits.is_none());
        assert_eq!(session.given_up(), Some(claim), "{line}");
        assert!(!session.is_usable());
        let error = send(&mut session, &["a@b"], "x").expect_err("over");
        assert!(matches!(error.kind(), ErrorKind::Unusable));
        assert_eq!(error.delivery(), Delivery::NotSent);
    }
    let (_, mut session) = open(&server(&[], at("NOOP", hush())));
    assert!(try_now(session.noop()).is_none());
    assert_eq!(session.given_up(), None);
    assert!(!session.is_usable());
    // One that was never polled has done nothing.
    let (_, mut session) = open(&good(&[]));
    drop(session.noop());
    now(session.noop()).expect("in step");
}

#[test]
fn times_begin_anew_at_each_phase_and_reply() {
    let stream = connect(&server(&PIPELINED, at(".", hush())));
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

/// A reply that is missing must not be made up for by that to QUIT.
#[test]
fn lmtp_says_quit_by_itself() {
    let script = |line: &str| match line {
        "." => say("250 one of two"),
        "QUIT" => say("250 bye"),
        _ => None,
    };
    let stream = connect(&scripted(rules(&FULL).lmtp(), script));
    let lmtp = Options::default().protocol(Protocol::Lmtp);
    let expire = |_: Phase| Box::pin(ready(()));
    let mut session = Session::with_options(stream, TLS, lmtp).with_deadlines(expire);
    now(session.hello("client.example")).expect("LHLO");
    let both = envelope(&["a@b", "c@d"]);
    let error = now(session.send_and_quit(&both, Body::bytes("x"))).expect_err("one is missing");
    assert_eq!(error.delivery(), Delivery::MaybeSent);
}

#[test]
fn the_greeting_may_be_a_refusal() {
    for (greeting, transient) in [("554 no", false), ("421 busy", true), ("450 later", true)] {
        let stream = connect(&server(&[], at("GREETING", say(greeting))));
        let mut session = Session::new(stream, TLS);
        let error = now(session.hello("client.example"))
            .map(drop)
            .expect_err("refused");
        assert_eq!(error.phase(), Phase::Greeting);
        assert_eq!(error.is_transient(), transient);
        assert!(!session.is_usable());
    }
    let stream = connect(&server(&[], at("GREETING", end())));
    let mut session = Session::new(stream, TLS);
    let error = now(session.hello("client.example"))
        .map(drop)
        .expect_err("closed");
    assert!(matches!(error.kind(), ErrorKind::Closed));
    let mut session = Session::new(connect(&good(&[])), TLS);
    for name in ["", "a b", "ü", "a\r\nMAIL", &"x".repeat(256)] {
        let error = now(session.hello(name)).map(drop).expect_err("no name");
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)));
    }
    now(session.hello("[192.0.2.1]")).expect("EHLO");
}

#[test]
fn lmtp_that_breaks_in_the_middle_tells_who_got_it() {
    let stream = connect(&scripted(
        rules(&PIPELINED).lmtp(),
        at(".", write("250 one\r\n450 two\r\n")),
    ));
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
