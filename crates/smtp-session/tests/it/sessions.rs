//! Sessions in their good course, and what goes over the wire in them.

use crate::peer::{
    Shape, Stream, connect, end, good, lines, mails, now, rules, say, scripted, server, shaped,
    wire, write,
};
use futures_io::{AsyncRead, AsyncWrite};
use smtp_session::{
    Address, Body, Credentials, DeliverBy, Envelope, EnvelopeId, Error, ErrorKind, Extension, Form,
    Hold, LineEnds, Notify, Options, Outcome, Priority, Protocol, Receipt, Recipient, Ret,
    Security, Session, Speaker,
};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

const TLS: Security = Security::Tls { exporter: None };
const ALL: [&str; 13] = [
    "PIPELINING",
    "CHUNKING",
    "SIZE 1000000",
    "8BITMIME",
    "SMTPUTF8",
    "BINARYMIME",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "REQUIRETLS",
    "DELIVERBY",
    "FUTURERELEASE 86400 2027-01-31T08:00:00Z",
    "MT-PRIORITY",
    "AUTH PLAIN",
];

fn address(text: &str) -> Address {
    Address::new(text).expect("an address")
}

fn envelope(to: &[&str]) -> Envelope {
    to.iter()
        .fold(Envelope::new(address("me@example.com")), |envelope, to| {
            envelope.to(address(to))
        })
}

fn taken(receipt: Result<Receipt, Error>) {
    assert!(receipt.expect("a receipt").is_complete());
}

fn session(stream: &Stream) -> Session<Stream> {
    let mut session = Session::new(stream.clone(), TLS);
    now(session.hello("client.example")).expect("EHLO");
    session
}

#[test]
fn a_whole_session_takes_five_flights_and_a_mail_more_takes_two() {
    let stream = connect(&good(&ALL));
    let mut session = session(&stream);
    let user = Credentials::password("me", "secret").expect("credentials");
    now(session.authenticate(&user)).expect("AUTH");
    for round in 1..=3 {
        let receipt = now(session.send(&envelope(&["a@b", "c@d"]), Body::bytes("hello\r\n")));
        assert!(receipt.expect("a receipt").is_complete());
        assert_eq!(stream.see(|link| link.flights), 2 + 2 * round);
    }
    let last = now(session.send_and_quit(&envelope(&["a@b"]), Body::bytes("hello\r\n")));
    let receipt = last.expect("a receipt");
    assert_eq!(receipt.queue_id().as_deref(), Some("000004"));
    // EHLO and AUTH; for each mail its envelope and its content; QUIT went with the
    // last. TLS 1.3 has one more before, for its handshake.
    assert_eq!(
        stream.see(|link| (link.flights, link.is_closed)),
        (10, true)
    );
    assert_eq!(
        lines(&stream)[..8],
        [
            "EHLO client.example",
            "AUTH PLAIN AG1lAHNlY3JldA==",
            "MAIL FROM:<me@example.com> SIZE=7",
            "RCPT TO:<a@b>",
            "RCPT TO:<c@d>",
            "BDAT 7 LAST",
            "MAIL FROM:<me@example.com> SIZE=7",
            "RCPT TO:<a@b>",
        ]
    );
    assert_eq!(lines(&stream).last().map(String::as_str), Some("QUIT"));
}

#[test]
fn without_chunking_nothing_follows_the_final_dot() {
    let stream = connect(&good(&["PIPELINING"]));
    let session = session(&stream);
    let receipt = now(session.send_and_quit(&envelope(&["a@b"]), Body::bytes(".\r\n..\r\nx")));
    assert!(receipt.is_ok());
    assert_eq!(mails(&stream)[0].content, b".\r\n..\r\nx\r\n");
    // EHLO; MAIL, RCPT and DATA; the mail; QUIT.
    assert_eq!(stream.see(|link| link.flights), 4);
    let read = wire(&stream);
    let wire = String::from_utf8(read).expect("text");
    assert!(
        wire.ends_with("DATA\r\n..\r\n...\r\nx\r\n.\r\nQUIT\r\n"),
        "{wire}"
    );
}

#[test]
fn without_pipelining_each_command_waits_for_its_reply() {
    let stream = connect(&good(&["CHUNKING"]));
    let mut session = session(&stream);
    taken(now(
        session.send(&envelope(&["a@b", "c@d"]), Body::bytes("x"))
    ));
    // EHLO, MAIL, RCPT, RCPT, DATA, the mail.
    assert_eq!(stream.see(|link| link.flights), 6);
    now(session.quit()).expect("QUIT");
}

#[test]
fn options_turn_pipelining_and_chunking_off() {
    for (options, flights) in [
        (Options::default(), 3),
        (Options::default().chunking(false), 3),
        (Options::default().pipelining(false), 5),
    ] {
        let stream = connect(&good(&ALL));
        let mut session = Session::with_options(stream.clone(), TLS, options);
        now(session.hello("client.example")).expect("EHLO");
        taken(now(session.send(&envelope(&["a@b"]), Body::bytes("x"))));
        assert_eq!(stream.see(|link| link.flights), flights, "{options:?}");
        assert_eq!(mails(&stream)[0].content, b"x\r\n");
    }
}

#[test]
fn every_parameter_is_where_the_server_looks_for_it() {
    let stream = connect(&good(&ALL));
    let mut session = session(&stream);
    let all = envelope(&[])
        .to(Recipient::new(address("ü@example.com"))
            .notify(Notify::On {
                success: true,
                failure: true,
                delay: false,
            })
            .original(address("first@example.com")))
        .require_tls()
        .ret(Ret::Headers)
        .envelope_id(EnvelopeId::new("id 1").expect("an id"))
        .deliver_by(DeliverBy::new(600).expect("a time"))
        .hold(Hold::seconds(60).expect("a time"))
        .priority(Priority::new(3).expect("a priority"));
    taken(now(session.send(&all, Body::bytes("\u{e4}\n"))));
    assert_eq!(
        lines(&stream)[1..3],
        [
            "MAIL FROM:<me@example.com> SIZE=4 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=id+201 BY=600;N HOLDFOR=60 MT-PRIORITY=3",
            "RCPT TO:<ü@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first@example.com",
        ]
    );
}

#[test]
fn a_null_sender_and_an_empty_body_are_a_mail() {
    for extensions in [&["PIPELINING", "CHUNKING"][..], &[]] {
        let stream = connect(&good(extensions));
        let mut session = session(&stream);
        let null = Envelope::null_sender().to(address("a@b"));
        taken(now(session.send(&null, Body::bytes(""))));
        assert_eq!(lines(&stream)[1], "MAIL FROM:<>");
        assert_eq!(mails(&stream)[0].content, b"");
    }
}

#[test]
fn a_binary_body_goes_as_it_is() {
    let stream = connect(&good(&ALL));
    let mut session = session(&stream);
    let body = Body::bytes(b"\0\r\xff\n.").form(Form::default().binary());
    taken(now(session.send(&envelope(&["a@b"]), body)));
    assert!(lines(&stream)[1].ends_with("SIZE=5 BODY=BINARYMIME"));
    assert_eq!(mails(&stream)[0].content, b"\0\r\xff\n.");
}

/// Body and chunks are the same however the body came.
#[test]
fn a_streamed_body_is_the_same_on_the_wire_in_any_split() {
    let line = "x".repeat(70);
    let body: String = (0..4000).map(|n| format!("{n} {line}\n.{n}\r\n")).collect();
    let expected = body.replace("\r\n", "\n").replace('\n', "\r\n");
    for extensions in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"], &[]] {
        let mut wires = Vec::new();
        for part_len in [usize::MAX, 1, 7, 4096, 70_000] {
            let stream = connect(&good(extensions));
            let mut session = session(&stream);
            let parts = Parts {
                left: body.as_bytes(),
                part_len,
            };
            let body = match part_len {
                usize::MAX => Body::bytes(&body),
                _ => Body::stream(parts),
            };
            taken(now(session.send(&envelope(&["a@b"]), body)));
            assert_eq!(mails(&stream)[0].content, expected.as_bytes());
            let wire = wire(&stream);
            wires.push(wire);
        }
        wires.dedup();
        assert_eq!(wires.len(), 1, "{extensions:?}");
    }
}

struct Parts<'a> {
    left: &'a [u8],
    part_len: usize,
}

impl futures_io::AsyncRead for Parts<'_> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &mut [u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let len = buf.len().min(self.left.len()).min(self.part_len);
        buf[..len].copy_from_slice(&self.left[..len]);
        self.left = &self.left[len..];
        std::task::Poll::Ready(Ok(len))
    }
}

#[test]
fn ten_thousand_recipients_fit_through_small_buffers() {
    for extensions in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"]] {
        let refuse = |line: &str| match line {
            "RCPT TO:<r77@example.com>" => say("550 5.1.1 no such user here, and a long text"),
            _ => None,
        };
        let shape = Shape {
            buffer_len: 4096,
            ..Shape::default()
        };
        let stream = shaped(&server(extensions, refuse), shape);
        let mut session = session(&stream);
        let to = (0..10_000).fold(Envelope::null_sender(), |envelope, n| {
            envelope.to(address(&format!("r{n}@example.com")))
        });
        let body = "y".repeat(900) + "\r\n";
        let receipt = now(session.send(&to, Body::bytes(&body.repeat(200))));
        let receipt = receipt.expect("a receipt");
        let refused: Vec<_> = receipt.refused().map(|(to, _)| to.to_string()).collect();
        assert_eq!(refused, ["r77@example.com"]);
        assert_eq!(receipt.outcomes().len(), 10_000);
        assert_eq!(mails(&stream)[0].recipients.len(), 9_999);
        assert_eq!(mails(&stream)[0].content.len(), 902 * 200);
    }
}

#[test]
fn one_refused_recipient_does_not_keep_the_mail_from_the_others() {
    for extensions in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"], &[]] {
        let refuse = |line: &str| match line {
            "RCPT TO:<no@b>" => say("550 5.1.1 <no@b>: unknown"),
            _ => None,
        };
        let stream = connect(&server(extensions, refuse));
        let mut session = session(&stream);
        let receipt = now(session.send(&envelope(&["a@b", "no@b", "c@d"]), Body::bytes("x")));
        let receipt = receipt.expect("a receipt");
        assert!(!receipt.is_complete());
        let outcomes: Vec<_> = receipt.outcomes().map(|(_, outcome)| outcome).collect();
        assert_eq!(*outcomes[0], Outcome::Delivered);
        assert!(matches!(outcomes[1], Outcome::Refused(reply) if reply.code() == 550));
        assert_eq!(*outcomes[2], Outcome::Delivered);
        assert_eq!(mails(&stream)[0].recipients, ["a@b", "c@d"]);
        assert!(session.is_usable());
    }
}

#[test]
fn starttls_gives_the_stream_and_forgets_what_was_said() {
    let stream = connect(&good(&["STARTTLS", "PIPELINING"]));
    let mut plain = Session::new(stream.clone(), Security::Plaintext);
    now(plain.hello("client.example")).expect("EHLO");
    let (tcp, upgrade) = now(plain.starttls()).expect("STARTTLS");
    let mut session = upgrade.resume(tcp, Some([1; 32]));
    assert!(!session.capabilities().has(Extension::Pipelining));
    now(session.hello("client.example")).expect("EHLO again");
    assert!(session.capabilities().has(Extension::Pipelining));
    assert_eq!(
        lines(&stream),
        ["EHLO client.example", "STARTTLS", "EHLO client.example"]
    );
}

#[test]
fn an_old_server_is_greeted_by_helo() {
    for refusal in ["500 what", "502 no", "504 no", "550 no"] {
        let old = move |line: &str| match line.starts_with("EHLO") {
            true => say(refusal),
            false => None,
        };
        let stream = connect(&server(&ALL, old));
        let mut session = session(&stream);
        assert!(!session.capabilities().has(Extension::Size));
        taken(now(session.send(&envelope(&["a@b"]), Body::bytes("x"))));
        assert_eq!(
            lines(&stream)[1..3],
            ["HELO client.example", "MAIL FROM:<me@example.com>"]
        );
    }
}

#[test]
fn lmtp_has_a_reply_for_each_recipient() {
    for extensions in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"]] {
        let refuse = |line: &str| match line {
            "." => write("250 one\r\n452 4.2.2 full\r\n250 three\r\n"),
            "RCPT TO:<no@b>" => say("550 no"),
            _ => None,
        };
        let stream = connect(&scripted(rules(extensions).lmtp(), refuse));
        let lmtp = Options::default().protocol(Protocol::Lmtp);
        let mut session = Session::with_options(stream.clone(), TLS, lmtp);
        now(session.hello("client.example")).expect("LHLO");
        let to = envelope(&["a@b", "no@b", "full@b", "c@d"]);
        let receipt = now(session.send(&to, Body::bytes("x"))).expect("a receipt");
        let codes: Vec<_> = receipt.refused().map(|(_, reply)| reply.code()).collect();
        assert_eq!(codes, [550, 452]);
        assert_eq!(receipt.reply().text(), "three");
        assert_eq!(lines(&stream)[0], "LHLO client.example");
        assert!(session.is_usable());
    }
}

/// Some servers show what they offer behind AUTH only, and some answer 503 when
/// they are asked twice.
#[test]
fn what_is_missing_is_asked_for_again_once_behind_auth() {
    for again in ["250-hi\r\n250 DSN\r\n", "503 asked already\r\n"] {
        let mut asked = 0;
        let stream = connect(&server(&["AUTH PLAIN", "PIPELINING"], move |line| {
            asked += usize::from(line.starts_with("EHLO"));
            match asked {
                2 if line.starts_with("EHLO") => write(again),
                _ => None,
            }
        }));
        let mut session = session(&stream);
        let user = Credentials::password("me", "secret").expect("credentials");
        now(session.authenticate(&user)).expect("AUTH");
        taken(now(session.send(&envelope(&["a@b"]), Body::bytes("x"))));
        let dsn = envelope(&["a@b"]).ret(Ret::Full);
        let first = now(session.send(&dsn, Body::bytes("x")));
        let second = now(session.send(&dsn, Body::bytes("x")));
        assert_eq!(first.is_ok(), again.starts_with("250"));
        assert_eq!(second.is_ok(), again.starts_with("250"));
        assert!(session.is_usable());
        let lines = lines(&stream);
        assert!(!lines.iter().any(|line| line.starts_with("HELO")));
        if again.starts_with("503") {
            assert!(session.capabilities().has(Extension::Pipelining));
        }
        let asked = lines.iter().filter(|line| line.starts_with("EHLO")).count();
        assert_eq!(asked, 2);
    }
}

#[test]
fn line_ends_are_normalized_or_refused_as_asked() {
    let stream = connect(&good(&[]));
    let mut session = session(&stream);
    let strict = Form::default().line_ends(LineEnds::Crlf);
    let refused = now(session.send(&envelope(&["a@b"]), Body::bytes("a\nb").form(strict)));
    assert!(refused.is_err() && session.is_usable());
    assert_eq!(lines(&stream).len(), 1);
    taken(now(session.send(&envelope(&["a@b"]), Body::bytes("a\nb"))));
    taken(now(session.send(
        &envelope(&["a@b"]),
        Body::bytes("a\r\nb\r\n").form(strict),
    )));
    assert!(
        mails(&stream)
            .iter()
            .all(|mail| mail.content == b"a\r\nb\r\n")
    );
}

/// A stream whose other side is gone when this one closes: after 221 a server
/// closes first, and sockets say so.
struct Gone(Stream);

impl AsyncRead for Gone {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Gone {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }
}

#[test]
fn a_server_that_closes_first_behind_quit_breaks_nothing() {
    let mut session = Session::new(Gone(connect(&good(&ALL))), TLS);
    now(session.hello("client.example")).expect("EHLO");
    now(session.quit()).expect("QUIT was answered");
    // The end in place of a reply is no answer.
    let peer = server(&ALL, |line| match line {
        "QUIT" => end(),
        _ => None,
    });
    let mut session = Session::new(Gone(connect(&peer)), TLS);
    now(session.hello("client.example")).expect("EHLO");
    let error = now(session.quit()).expect_err("no answer");
    assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
}

#[test]
fn a_transcript_has_no_secrets_and_no_mail() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let stream = connect(&good(&ALL));
    let mut session = Session::new(stream, TLS);
    let log = said.clone();
    session.set_transcript(move |speaker, line| {
        let mark = if speaker == Speaker::Client { 'C' } else { 'S' };
        log.lock()
            .expect("no panic")
            .push(format!("{mark}: {line}"));
    });
    now(session.hello("client.example")).expect("EHLO");
    let user = Credentials::password("me", "secret").expect("credentials");
    now(session.authenticate(&user)).expect("AUTH");
    taken(now(
        session.send(&envelope(&["a@b"]), Body::bytes("private\r\n"))
    ));
    now(session.quit()).expect("QUIT");
    let said = said.lock().expect("no panic");
    assert_eq!(said[0], "S: 220 smtp.test ESMTP");
    assert_eq!(
        said[3..],
        [
            "C: AUTH PLAIN ***",
            "S: 235 ***",
            "C: MAIL FROM:<me@example.com> SIZE=9",
            "C: RCPT TO:<a@b>",
            "S: 250 2.1.0 sender ok",
            "S: 250 2.1.5 recipient ok",
            "C: BDAT 9 LAST",
            "C: [9 octets]",
            "S: 250 2.0.0 queued as 000001",
            "C: QUIT",
            "S: 221 2.0.0 bye",
        ]
    );
}

#[test]
fn rset_and_noop_are_commands_of_their_own() {
    let stream = connect(&good(&[]));
    let mut session = session(&stream);
    now(session.noop()).expect("NOOP");
    now(session.reset()).expect("RSET");
    assert_eq!(lines(&stream)[1..], ["NOOP", "RSET"]);
}
