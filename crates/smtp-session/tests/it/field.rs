//! What servers in the field do, each seen on a real one, and borne here. The
//! numbers are those of the list that the mail lab keeps of them.

use crate::peer::{
    FULL, PIPELINED, Shape, TLS, at, connect, end, envelope, good, hush, lines, mails, now, open,
    say, send, server, shaped, wire, write,
};
use smtp_session::{
    Address, Body, Credentials, Delivery, Envelope, ErrorKind, Extension, Form, LineEnds,
    Mechanism, Options, Ret, Security, Session,
};

fn password() -> Credentials {
    Credentials::password("user", "secret").expect("credentials")
}

/// Point 1. Capabilities change behind STARTTLS and AUTH, and a second EHLO in the same
/// phase is answered by 503.
#[test]
fn capabilities_of_each_phase() {
    let mut asked = 0;
    let peer = server(&["STARTTLS"], move |line| {
        if !line.starts_with("EHLO") {
            return None;
        }
        asked += 1;
        match asked {
            1 => None,
            2 => write("250-hi\r\n250 AUTH PLAIN\r\n"),
            3 => write("250-hi\r\n250-AUTH\r\n250-SMTPUTF8\r\n250 DSN\r\n"),
            _ => say("503 asked already"),
        }
    });
    let stream = connect(&peer);
    let mut plain = Session::new(stream.clone(), Security::Plaintext);
    now(plain.hello("client.example")).expect("EHLO");
    assert!(!plain.capabilities().has(Extension::Auth));
    let (tcp, upgrade) = now(plain.starttls()).expect("STARTTLS");
    let mut session = upgrade.resume(tcp, None);
    now(session.hello("client.example")).expect("EHLO");
    now(session.authenticate(&password())).expect("AUTH");
    let dsn = envelope(&["a@b"]).ret(Ret::Full);
    let receipt = now(session.send(&dsn, Body::bytes("x")));
    assert!(receipt.is_ok_and(|receipt| receipt.is_complete()));
    assert!(!session.capabilities().has_mechanism(Mechanism::Plain));
    now(session.hello("client.example")).expect("503 is not fatal");
    assert!(session.capabilities().has(Extension::Dsn));
}

/// Point 2. AUTH lines over 512 octets are refused.
#[test]
fn long_tokens_leave_behind_the_challenge() {
    let peer = server(&["AUTH XOAUTH2"], |line| match line {
        "AUTH XOAUTH2" => say("334 "),
        _ if line.starts_with("AUTH") => say("500 5.5.2 line too long"),
        _ => None,
    });
    let (_, mut session) = open(&peer);
    let token = Credentials::oauth_token("user", &"t".repeat(2000)).expect("credentials");
    now(session.authenticate(&token)).expect("AUTH");
}

/// Point 3. Prompts of LOGIN differ, an empty challenge has any number of spaces, and a
/// failed XOAUTH2 wants an empty line before it says so.
#[test]
fn prompts_of_any_kind() {
    let mut step = 0;
    let peer = server(&["AUTH LOGIN"], move |line| {
        if line == "GREETING" || line.starts_with("EHLO") {
            return None;
        }
        step += 1;
        match step {
            1 => say("334 VXNlciBOYW1lAA=="),
            2 => say("334  "),
            _ => say("235 in"),
        }
    });
    let (_, mut session) = open(&peer);
    now(session.authenticate(&password())).expect("AUTH");

    let peer = server(&["AUTH XOAUTH2"], |line| match line {
        "" => say("535 5.7.8 no"),
        _ if line.starts_with("AUTH") => say("334 eyJzdGF0dXMiOiI0MDAifQ=="),
        _ => None,
    });
    let (_, mut session) = open(&peer);
    let token = Credentials::oauth_token("user", "old").expect("credentials");
    let error = now(session.authenticate(&token)).expect_err("refused");
    assert_eq!(error.reply().map(|reply| reply.code()), Some(535));
    assert!(session.is_usable());
}

/// Point 4. AUTH is listed before TLS: by a server that refuses it then, and by one that
/// takes a password in clear. Only the client can keep it to itself.
#[test]
fn a_password_is_kept_before_tls() {
    let stream = connect(&good(&["AUTH PLAIN LOGIN"]));
    let mut session = Session::new(stream.clone(), Security::Plaintext);
    now(session.hello("client.example")).expect("EHLO");
    let error = now(session.authenticate(&password())).expect_err("plaintext");
    assert!(matches!(error.kind(), ErrorKind::PlaintextAuth));
    assert_eq!(lines(&stream).len(), 1);

    let refuse = |line: &str| match line.starts_with("AUTH") {
        true => say("538 5.7.11 encryption required"),
        false => None,
    };
    let stream = connect(&server(&["AUTH PLAIN"], refuse));
    let allowed = Options::default().allow_plaintext_auth(true);
    let mut session = Session::with_options(stream, Security::Plaintext, allowed);
    now(session.hello("client.example")).expect("EHLO");
    let error = now(session.authenticate(&password())).expect_err("refused");
    assert_eq!(error.reply().map(|reply| reply.code()), Some(538));
}

/// Point 5. Behind a final dot nothing may be sent before its reply, nor with EHLO, nor
/// ahead of a reply without PIPELINING.
#[test]
fn nothing_is_sent_too_early() {
    for extensions in [&PIPELINED[..], &[]] {
        // One byte is read at a time, so that what is early would be seen.
        let shape = Shape {
            write_len: 1,
            ..Shape::default()
        };
        let stream = shaped(&server(extensions, at(".", hush())), shape);
        let expire = |_| Box::pin(std::future::ready(()));
        let mut session = Session::new(stream.clone(), TLS).with_deadlines(expire);
        now(session.hello("client.example")).expect("EHLO");
        let last = now(session.send_and_quit(&envelope(&["a@b"]), Body::bytes("x")));
        assert_eq!(last.expect_err("no reply").delivery(), Delivery::MaybeSent);
        let wire = wire(&stream);
        assert!(wire.ends_with(b"x\r\n.\r\n"), "{extensions:?}");
    }
}

/// Point 6. A bare LF is refused with 421, 451, 521 or 550, or taken for a line end, so
/// that LF, dot, CR LF ends the mail.
#[test]
fn no_server_sees_a_bare_lf() {
    let (stream, mut session) = open(&good(&[]));
    assert!(send(&mut session, &["a@b"], "one\n.\r\ntwo\n").is_ok());
    assert_eq!(mails(&stream)[0].content, b"one\r\n.\r\ntwo\r\n");
    let strict = Form::default().line_ends(LineEnds::Crlf);
    let body = Body::bytes("one\n.\r\ntwo\r\n").form(strict);
    let error = now(session.send(&envelope(&["a@b"]), body)).expect_err("a bare LF");
    assert!(matches!(error.kind(), ErrorKind::Body(_)));
    assert_eq!(mails(&stream).len(), 1);
}

/// Point 7. Lines over 992 or 998 octets are broken or refused (500, 534).
#[test]
fn long_lines_do_not_leave() {
    let (stream, mut session) = open(&good(&FULL));
    let error = send(&mut session, &["a@b"], &"x".repeat(999)).expect_err("too long");
    assert!(
        error
            .to_string()
            .starts_with("line 1 of the mail is longer than 998")
    );
    assert_eq!(lines(&stream).len(), 1);
    let refuse = server(&FULL, at(".", say("534 5.3.4 line too long")));
    let (_, mut session) = open(&refuse);
    let error = send(&mut session, &["a@b"], &"x".repeat(995)).expect_err("refused");
    assert_eq!(error.delivery(), Delivery::NotSent);
}

/// Point 8. A server takes 1, 100 or 1,000 recipients, then says 452, 451 or 431.
#[test]
fn recipients_beyond_the_servers_limit_are_named() {
    for (most, refusal) in [
        (1, "452 4.5.3 too many"),
        (100, "451 4.5.3 x"),
        (1000, "431 x"),
    ] {
        for extensions in [&["PIPELINING", "CHUNKING", "LIMITS RCPTMAX=1"][..], &[]] {
            let mut seen = 0;
            let peer = server(extensions, move |line| {
                seen += usize::from(line.starts_with("RCPT"));
                match line.starts_with("RCPT") && seen > most {
                    true => say(refusal),
                    false => None,
                }
            });
            let (stream, mut session) = open(&peer);
            let to = (0..most + 7).fold(Envelope::null_sender(), |envelope, n| {
                envelope.to(Address::new(&format!("r{n}@example.com")).expect("an address"))
            });
            let receipt = now(session.send(&to, Body::bytes("x"))).expect("a receipt");
            assert_eq!(receipt.refused().count(), 7);
            assert!(receipt.refused().all(|(_, reply)| reply.is_transient()));
            assert_eq!(mails(&stream)[0].recipients.len(), most);
        }
    }
}

/// Point 9. Without AUTH: 530, 535, 550, 503 at MAIL, or 554 at RCPT. After some bad
/// commands the connection ends, with 421 or without a word.
#[test]
fn refusals_of_strangers() {
    for extensions in [&FULL[..], &[]] {
        for reply in ["530 5.7.0 x", "535 x", "550 x", "503 x"] {
            let (_, mut session) = open(&server(extensions, at("MAIL FROM:<>", say(reply))));
            let error = send(&mut session, &["a@b"], "x").expect_err("refused");
            assert!(matches!(error.kind(), ErrorKind::Refused(_)));
            assert!(!error.is_transient() && session.is_usable());
        }
        let (_, mut session) = open(&server(extensions, at("RCPT TO:<a@b>", say("554 x"))));
        let error = send(&mut session, &["a@b"], "x").expect_err("refused");
        assert!(matches!(error.kind(), ErrorKind::NoRecipients));
        for (act, closing) in [(say("421 too many errors"), true), (end(), false)] {
            let (_, mut session) = open(&server(&[], at("RSET", act)));
            let error = now(session.reset()).expect_err("over");
            assert_eq!(matches!(error.kind(), ErrorKind::Closing(_)), closing);
            assert_eq!(matches!(error.kind(), ErrorKind::Closed), !closing);
        }
    }
}

/// Point 10. Codes outside the book are judged by their first digit. Enhanced codes are
/// often missing, SIZE has no number, or is not checked at MAIL.
#[test]
fn codes_outside_the_book() {
    for (reply, transient) in [
        ("431 x", true),
        ("521 x", false),
        ("524 x", false),
        ("540", false),
    ] {
        let (_, mut session) = open(&server(&["SIZE", "PIPELINING"], at(".", say(reply))));
        assert_eq!(session.capabilities().size_limit(), None);
        let error = send(&mut session, &["a@b"], "x").expect_err("refused");
        assert_eq!(error.is_transient(), transient, "{reply}");
        assert_eq!(error.reply().and_then(|reply| reply.enhanced()), None);
    }
    // Too long, said behind the mail only.
    let (_, mut session) = open(&server(&["SIZE 9"], at(".", say("552 5.3.4 too big"))));
    let stream = Body::stream(&b"12345"[..]);
    let error = now(session.send(&envelope(&["a@b"]), stream)).expect_err("refused");
    assert_eq!(error.reply().map(|reply| reply.code()), Some(552));
}

/// Point 11. No close_notify behind QUIT, which is the stream's affair: with the 221 the
/// session is well over.
#[test]
fn an_end_without_ceremony() {
    for act in [None, say("221-bye\r\n221 now")] {
        let (_, session) = open(&server(&[], at("QUIT", act)));
        now(session.quit()).expect("QUIT");
    }
    let (_, session) = open(&server(&[], at("QUIT", end())));
    let error = now(session.quit()).expect_err("no reply");
    assert!(matches!(error.kind(), ErrorKind::Closed));
}

/// Point 12. The server's signature comes in a 334, then wants an empty line, then 235:
/// `auth.rs` has such a server. One that leaves it out is not believed.
#[cfg(feature = "scram")]
#[test]
fn the_servers_signature_has_a_challenge_of_its_own() {
    let peer = server(&["AUTH SCRAM-SHA-256"], |line| {
        match line.starts_with("AUTH") {
            true => say("235 2.7.0 in"),
            false => None,
        }
    });
    let (_, mut session) = open(&peer);
    let error = now(session.authenticate(&password())).expect_err("no signature");
    assert!(matches!(error.kind(), ErrorKind::Auth(_)));
    assert_eq!(session.mechanism(), None);
}
