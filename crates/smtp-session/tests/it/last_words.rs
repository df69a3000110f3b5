//! What servers say at last, or beside what was asked: it is told.

use crate::peer::{
    Act, FULL, PIPELINED, TLS, at, connect, envelope, good, is_at, now, open, say, send, server,
    write,
};
use smtp_session::{Body, Credentials, Delivery, Error, ErrorKind, Security, Session};
use std::sync::{Arc, Mutex};

/// Whatever the server said last is told by what follows.
#[test]
fn the_last_word_of_a_server_is_why_nothing_follows() {
    for (last, is_closing, shown) in [
        (
            "421 4.7.0 too many sessions\r\n",
            true,
            "4.7.0 too many sessions",
        ),
        ("421-going\r\n421 4.3.2 down\r\n", true, "4.3.2 down"),
        ("250 what\r\n421 4.3.2 down\r\n", true, "4.3.2 down"),
        ("250 SIZE\r\n", false, "250 SIZE"),
        ("SIZE\r\n", false, "SIZE"),
    ] {
        let said = Arc::new(Mutex::new(Vec::new()));
        let reply = write(&format!("250-hi\r\n250 PIPELINING\r\n{last}"));
        let stream = connect(&server(&FULL, at("EHLO client.example", reply)));
        let mut session = Session::new(stream, TLS);
        let log = said.clone();
        session.set_transcript(move |_, line| log.lock().expect("no panic").push(line.to_owned()));
        now(session.hello("client.example")).expect("EHLO");
        assert!(!session.is_usable());
        let error = send(&mut session, &["a@b"], "x").expect_err("over");
        assert_eq!(
            matches!(error.kind(), ErrorKind::Closing(_)),
            is_closing,
            "{error}"
        );
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(error.to_string().contains(shown), "{error}");
        let said = said.lock().expect("no panic");
        assert!(
            said.last().is_some_and(|line| line.contains(shown)),
            "{said:?}"
        );
        // Once.
        let error = now(session.noop()).expect_err("over");
        assert!(matches!(error.kind(), ErrorKind::Unusable));
    }
}

/// A reply too many shifts those that follow by one, and the reply to RCPT comes where
/// that to the mail is awaited. RFC 3463 section 3.2: x.1.y is about an address.
#[test]
fn a_good_reply_that_is_about_an_address_is_not_to_the_mail() {
    for (last, reply) in [
        ("250 2.1.5 recipient ok", "550 5.7.1 spam"),
        ("250 2.1.0 sender ok", "250 2.0.0 queued"),
    ] {
        let shifted = move |line: &str| match line {
            "." => write(&format!("{last}\r\n{reply}\r\n")),
            line if line.starts_with("MAIL") => write("250 stray\r\n250 2.1.0 ok\r\n"),
            // Its reply is late.
            line if line.starts_with("RCPT") => write(""),
            _ => None,
        };
        let (_, mut session) = open(&server(&FULL, shifted));
        let error = send(&mut session, &["a@b"], "x").expect_err("nobody knows");
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error}");
        assert_eq!(error.delivery(), Delivery::MaybeSent);
        assert!(!session.is_usable());
    }
    for taken in [
        "250 2.0.0 queued",
        "250 2.6.0 queued",
        "250 queued",
        "250 2.1 x",
    ] {
        let (_, mut session) = open(&server(&FULL, at(".", say(taken))));
        let _ = send(&mut session, &["a@b"], "x").expect("it was taken");
    }
}

/// Says `reply` at `line`.
macro_rules! at_once {
    ($line:literal, $reply:literal) => {
        |said| is_at(said, $line).then(|| say($reply)).flatten()
    };
}

/// The reply to the mail may have been that to another command, which shows only at what
/// follows.
#[test]
fn a_reply_too_many_makes_the_last_mail_doubtful() {
    type Script = fn(&str) -> Act;
    let cases: [(Script, bool); 4] = [
        (|_| None, true),
        (at_once!(".", "451 4.3.0 later"), true),
        // Of these there is no doubt.
        (at_once!("RCPT TO:<a@b>", "550 5.1.1 who"), false),
        (at_once!("MAIL FROM:<>", "550 5.7.1 no"), false),
    ];
    for (script, is_doubtful) in cases {
        for operation in ["NOOP", "QUIT", "MAIL"] {
            let (stream, mut session) = open(&server(&PIPELINED, script));
            let _ = send(&mut session, &["a@b"], "x");
            stream.inject("250 surplus\r\n");
            let error = match operation {
                "NOOP" => now(session.noop()).expect_err("surplus"),
                "QUIT" => now(session.quit()).expect_err("surplus"),
                _ => send(&mut session, &["c@d"], "y").expect_err("surplus"),
            };
            assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error}");
            assert_eq!(error.doubts_last_mail(), is_doubtful, "{operation}");
            assert_eq!(error.delivery(), Delivery::NotSent, "of the next one");
        }
    }
    // It stands as long as no other mail came to its end.
    let (stream, mut session) = open(&server(&FULL, at("RCPT TO:<c@d>", say("550 no"))));
    let _ = send(&mut session, &["a@b"], "x").expect("taken");
    now(session.noop()).expect("NOOP");
    let refused = send(&mut session, &["c@d"], "y").expect_err("refused");
    assert!(!refused.doubts_last_mail());
    stream.inject("250 surplus\r\n");
    assert!(now(session.noop()).expect_err("surplus").doubts_last_mail());
    // A server that goes is none that is out of step.
    let (stream, mut session) = open(&good(&FULL));
    let _ = send(&mut session, &["a@b"], "x").expect("taken");
    stream.inject("421 4.4.2 idle\r\n");
    assert!(!now(session.noop()).expect_err("over").doubts_last_mail());
}

/// In the place of QUIT's, that is.
#[test]
fn a_reply_of_the_mail_may_come_in_quits_place() {
    let good_bye = "221 2.0.0 bye";
    for extensions in [&FULL[..], &PIPELINED, &[]] {
        for (mail, quit, claim) in [
            ("250 2.0.0 ok", good_bye, Delivery::Sent),
            ("250 2.0.0 ok", "421 4.3.2 bye", Delivery::Sent),
            ("250 2.0.0 ok", "250 2.0.0 bye", Delivery::Sent),
            ("250 2.0.0 ok", "550 5.7.1 spam", Delivery::MaybeSent),
            ("250 2.0.0 ok", "451 4.7.1 later", Delivery::MaybeSent),
            ("550 5.7.1 spam", good_bye, Delivery::NotSent),
            ("550 5.7.1 spam", "421 4.3.2 bye", Delivery::NotSent),
            ("550 5.7.1 spam", "502 5.5.1 what", Delivery::NotSent),
            ("451 4.7.1 later", "250 2.0.0 queued", Delivery::MaybeSent),
        ] {
            let script = move |line: &str| match line {
                "." => say(mail),
                "QUIT" => say(quit),
                _ => None,
            };
            let (_, session) = open(&server(extensions, script));
            let sent = now(session.send_and_quit(&envelope(&["a@b"]), Body::bytes("x")));
            let delivery = sent.map_or_else(|error| error.delivery(), |_| Delivery::Sent);
            assert_eq!(delivery, claim, "{extensions:?} {mail} {quit}");
        }
    }
}

/// What EHLO comes to after such a greeting.
fn greeted(greeting: Act) -> Error {
    let stream = connect(&server(&FULL, at("GREETING", greeting)));
    let mut session = Session::new(stream, TLS);
    now(session.hello("client.example")).expect_err("no good greeting")
}

/// As of a server that looks its clients up while it greets them.
#[test]
fn lines_with_different_codes_count_by_the_last() {
    let greeting = "220-mx.test ESMTP\r\n521 5.7.1 client blocked using list.example\r\n";
    let error = greeted(write(greeting));
    assert!(matches!(error.kind(), ErrorKind::Refused(reply) if reply.code() == 521));
    assert!(error.to_string().contains("blocked using"), "{error}");
    // Of a mail nobody knows then, but what was said is told.
    let reply = write("250-one\r\n550 5.7.1 two\r\n");
    let (_, mut session) = open(&server(&FULL, at(".", reply)));
    let error = send(&mut session, &["a@b"], "x").expect_err("what");
    assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error}");
    assert_eq!(error.delivery(), Delivery::MaybeSent);
    assert!(error.to_string().contains("5.7.1 two"), "{error}");
}

#[test]
fn a_line_that_is_no_reply_is_shown_but_not_amid_auth() {
    let odd = "HTTP/1.1 400 Bad Request";
    let error = greeted(say(odd));
    assert!(error.to_string().contains(odd), "{error}");
    let script = |line: &str| {
        line.starts_with("AUTH")
            .then(|| say("AUTH PLAIN AG1lAHNlY3JldA=="))
            .flatten()
    };
    let stream = connect(&server(&["AUTH PLAIN"], script));
    let mut session = Session::new(stream, TLS);
    now(session.hello("client.example")).expect("EHLO");
    let user = Credentials::password("me", "secret").expect("credentials");
    let error = now(session.authenticate(&user)).expect_err("no reply");
    assert!(!error.to_string().contains("AG1l"), "{error}");
}

/// HELO is taken then, and offers nothing.
#[test]
fn a_refusal_of_ehlo_is_told_where_something_is_missing() {
    let refusal = "550 5.7.1 address literals are not welcome";
    for extensions in [&FULL[..], &["STARTTLS", "AUTH PLAIN"]] {
        let peer = server(extensions, at("EHLO client.example", say(refusal)));
        let mut session = Session::new(connect(&peer), Security::Plaintext);
        now(session.hello("client.example")).expect("HELO");
        let error = now(session.starttls()).map(drop).expect_err("missing");
        assert!(matches!(error.kind(), ErrorKind::Unsupported(_)));
        assert!(error.to_string().contains(refusal), "{error}");
        let mut session = Session::new(connect(&peer), TLS);
        now(session.hello("client.example")).expect("HELO");
        let user = Credentials::password("me", "secret").expect("credentials");
        let error = now(session.authenticate(&user)).expect_err("missing");
        assert_eq!(
            error.ehlo_refusal().map(ToString::to_string),
            Some(refusal.into())
        );
        // Who needs nothing is not told.
        assert!(send(&mut session, &["a@b"], "x").is_ok());
    }
}
