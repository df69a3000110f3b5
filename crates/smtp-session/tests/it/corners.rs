//! Places that are easy to get wrong: what is left of an operation, which reply is
//! whose, and what is shown.

use crate::peer::{
    FULL, PIPELINED, Server, Shape, Stream, TLS, at, connect, envelope, good, hush, lines, mails,
    now, open, say, send, server, shaped, try_now, wire, write,
};
use futures_io::{AsyncRead, AsyncWrite};
use smtp_session::{
    Address, Body, BodyError, Delivery, Engine, Envelope, ErrorKind, MAX_REPLY_LEN, Options, Phase,
    Recipient, Reply, Security, Session,
};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

fn take(engine: &mut Engine) {
    let len = engine.output().len();
    engine.sent(len);
}

/// A poisoned session goes on sending the mail that was given up.
#[test]
fn a_mail_that_was_given_up_is_not_sent_by_the_next_operation() {
    let (stream, mut session) = open_shaped(good(&PIPELINED), 4096);
    // Two parts: behind the first, the second and the dot wait in the engine.
    let mail = ("x".repeat(70) + "\r\n").repeat(1300);
    // The server reads nothing any more once it has asked for the mail.
    stream
        .stall
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let sent = try_now(session.send(&envelope(&["a@b"]), Body::bytes(&mail)));
    assert!(sent.is_none(), "it waits");
    assert_eq!(session.given_up(), Some(Delivery::NotSent));
    stream
        .stall
        .store(false, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..100 {
        let result = now(session.hello("no name"));
        assert!(result.is_err());
    }
    let wire = wire(&stream.inner);
    assert!(!crate::peer::has_end(&wire), "the dot is out all the same");
    assert_eq!(session.given_up(), Some(Delivery::NotSent));
}

fn open_shaped(server: Server, buffer_len: usize) -> (Stalling, Session<Stalling>) {
    let shape = Shape {
        buffer_len,
        ..Shape::default()
    };
    let stream = Stalling {
        inner: shaped(&server, shape),
        stall: Default::default(),
        budget: Default::default(),
    };
    let mut session = Session::new(stream.clone(), TLS);
    now(session.hello("client.example")).expect("EHLO");
    stream
        .budget
        .store(2000, std::sync::atomic::Ordering::Relaxed);
    (stream, session)
}

#[derive(Clone)]
struct Stalling {
    inner: Stream,
    stall: std::sync::Arc<std::sync::atomic::AtomicBool>,
    budget: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl AsyncRead for Stalling {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stalling {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        use std::sync::atomic::Ordering::Relaxed;
        if !self.stall.load(Relaxed) {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        }
        let left = self.budget.load(Relaxed).min(buf.len());
        if left == 0 {
            return Poll::Pending;
        }
        match Pin::new(&mut self.inner).poll_write(cx, &buf[..left]) {
            Poll::Ready(Ok(len)) => {
                self.budget.fetch_sub(len, Relaxed);
                Poll::Ready(Ok(len))
            }
            other => other,
        }
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The engine's side of it.
#[test]
fn an_operation_that_is_refused_while_another_runs_ends_the_session() {
    for start in [
        |engine: &mut Engine| engine.hello(""),
        |engine: &mut Engine| engine.starttls(),
    ] {
        let mut engine = Engine::new(Security::Plaintext, Options::default());
        engine.hello("x");
        engine.handle_input(b"220 hi\r\n");
        take(&mut engine);
        engine.handle_input(b"250 hi\r\n");
        engine.outcome().expect("over").expect("good");
        engine.noop();
        take(&mut engine);
        start(&mut engine);
        engine.outcome().expect("over").expect_err("refused");
        engine.handle_input(b"250 noop\r\n");
        assert!(!engine.is_usable(), "two operations were running");
        assert!(engine.outcome().is_none(), "a second outcome");
    }
}

/// Half of a surplus reply is there before the command.
#[test]
fn a_surplus_reply_that_comes_in_parts_ends_the_session() {
    let shape = Shape {
        read_len: 5,
        ..Shape::default()
    };
    let stream = shaped(&good(&[]), shape);
    let mut session = Session::new(stream.clone(), TLS);
    now(session.hello("client.example")).expect("EHLO");
    stream.inject("250 surplus\r\n");
    assert!(now(session.noop()).is_err(), "it was there before NOOP");
}

/// A reply too many behind a refusal.
#[test]
fn a_reply_too_many_behind_a_refusal_is_distrusted_too() {
    let peer = server(
        &FULL,
        at(".", write("554 5.0.0 for something else\r\n250 queued\r\n")),
    );
    let (_, mut session) = open(&peer);
    let error = send(&mut session, &["a@b"], "x").expect_err("refused");
    assert!(!session.is_usable());
    assert_eq!(error.delivery(), Delivery::MaybeSent, "{error:?}");
}

/// Doubt belongs to the mail, not to what follows it.
#[test]
fn a_reply_too_many_behind_another_operation_says_nothing_of_a_mail() {
    let script = |line: &str| match line {
        "." => say("554 5.6.0 no"),
        "NOOP" => write("500 what\r\n250 surplus\r\n"),
        _ => None,
    };
    let (_, mut session) = open(&server(&FULL, script));
    let error = send(&mut session, &["a@b"], "x").expect_err("refused");
    assert_eq!(error.delivery(), Delivery::NotSent);
    let error = now(session.noop()).expect_err("refused");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(!session.is_usable());
}

/// The time of that phase is over at once, that of others never.
fn over_in(over: Phase) -> impl FnMut(Phase) -> Pin<Box<dyn Future<Output = ()>>> {
    move |phase| match phase == over {
        true => Box::pin(std::future::ready(())),
        false => Box::pin(std::future::pending()),
    }
}

fn mail_refused_then_silent(reply: &'static str) -> Server {
    let mut said = false;
    server(&FULL, move |line| {
        if said {
            return hush();
        }
        if line.starts_with("MAIL") {
            said = true;
            return say(reply);
        }
        None
    })
}

/// The server says 421 and waits for the client to go.
#[test]
fn a_421_or_a_refusal_is_the_reason_though_no_more_replies_come() {
    let stream = connect(&mail_refused_then_silent("421 4.3.2 going"));
    let mut session = Session::new(stream, TLS).with_deadlines(over_in(Phase::Quit));
    now(session.hello("client.example")).expect("EHLO");
    let error = now(session.send(&envelope(&["a@b"]), Body::bytes("x"))).expect_err("closing");
    assert!(matches!(error.kind(), ErrorKind::Closing(_)));
}

#[test]
fn a_time_that_is_over_behind_a_refusal_keeps_the_refusal() {
    let stream = connect(&mail_refused_then_silent("552 5.3.4 too big"));
    let mut session = Session::new(stream, TLS).with_deadlines(over_in(Phase::Rcpt));
    now(session.hello("client.example")).expect("EHLO");
    let error = now(session.send(&envelope(&["a@b"]), Body::bytes("x"))).expect_err("refused");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(error.reply().map(Reply::code), Some(552), "{error:?}");
    assert!(!error.is_transient());
}

/// The greeting is nobody's reply.
#[test]
fn the_greeting_is_not_taken_for_a_reply_to_a_command() {
    let peer = server(&[], |line| match line {
        "GREETING" => write(""),
        "NOOP" => write("220 mail.example\r\n"),
        _ => None,
    });
    let stream = connect(&peer);
    let mut session = Session::new(stream, TLS);
    let result = now(session.noop());
    assert!(result.is_err(), "a greeting passed for the reply to NOOP");
}

/// A body in memory.
#[test]
fn a_body_in_memory_is_looked_through_before_anything_is_sent() {
    for extensions in [&FULL[..3], &PIPELINED] {
        let (stream, mut session) = open(&good(extensions));
        let mail = ("x".repeat(70) + "\r\n").repeat(2000) + "\u{e4}\r\n";
        let error = send(&mut session, &["a@b"], &mail).expect_err("no 8BITMIME");
        assert!(
            matches!(error.kind(), ErrorKind::Body(BodyError::EightBit { .. })),
            "{error:?}"
        );
        assert_eq!(lines(&stream).len(), 1, "{:?}", lines(&stream));
        assert!(session.is_usable());
    }
}

/// ORCPT.
#[test]
fn orcpt_beyond_ascii_needs_smtputf8_or_is_encoded() {
    let (stream, mut session) = open(&good(&["DSN"]));
    let to = Recipient::new(Address::new("a@b").expect("an address"))
        .original(Address::new("\u{fc}@b").expect("an address"));
    let result = now(session.send(&Envelope::null_sender().to(to), Body::bytes("x")));
    let read = wire(&stream);
    assert!(read.is_ascii(), "{result:?} {:?}", lines(&stream));
}

/// Reply texts.
#[test]
fn a_reply_text_is_no_longer_than_promised() {
    let mut engine = Engine::new(TLS, Options::default());
    engine.hello("x");
    let mut greeting = b"554 ".to_vec();
    greeting.extend([0xff; 12_000]);
    greeting.extend(b"\r\n");
    engine.handle_input(&greeting);
    let error = engine.outcome().expect("over").expect_err("refused");
    let len = error.reply().map_or(0, |reply| reply.text().len());
    assert!(len <= MAX_REPLY_LEN, "{len}");
}

#[test]
fn addresses_are_masked_in_every_form() {
    for text in [
        "550 5.1.1 <\"al\\\"ice\"@example.com> no".to_owned(),
        format!("550 {}alice.liddell@example.com", "x ".repeat(250)),
    ] {
        let mut engine = Engine::new(TLS, Options::default());
        engine.hello("x");
        engine.handle_input(format!("{text}\r\n").as_bytes());
        let error = engine.outcome().expect("over").expect_err("refused");
        let shown = error.to_string();
        assert!(
            !shown.contains("al\\") && !shown.contains("alice"),
            "{shown}"
        );
    }
}

/// QUIT.
#[test]
fn send_and_quit_quits_behind_a_refusal_too() {
    let (stream, session) = open(&server(
        &PIPELINED,
        at("RCPT TO:<a@b>", say("550 5.1.1 no")),
    ));
    let _ = now(session.send_and_quit(&envelope(&["a@b"]), Body::bytes("x"))).expect_err("refused");
    assert_eq!(
        lines(&stream).last().map(String::as_str),
        Some("QUIT"),
        "{:?}",
        lines(&stream)
    );
}

/// What became of it is known for good.
#[test]
fn given_up_is_remembered() {
    let (_, mut session) = open(&server(&FULL, at(".", hush())));
    assert!(try_now(session.send(&envelope(&["a@b"]), Body::bytes("x"))).is_none());
    assert_eq!(session.given_up(), Some(Delivery::MaybeSent));
    now(session.noop()).expect_err("unusable");
    assert_eq!(session.given_up(), Some(Delivery::MaybeSent));
}

/// An early refusal while the dot is offered but not taken.
#[test]
fn an_early_refusal_of_a_short_mail_is_a_refusal() {
    for extensions in [&FULL[..], &PIPELINED] {
        let (stream, mut session) = open_shaped(good(extensions), usize::MAX);
        let mail = ("x".repeat(70) + "\r\n").repeat(800);
        stream
            .stall
            .store(true, std::sync::atomic::Ordering::Relaxed);
        let to = envelope(&["a@b"]);
        let mut future = std::pin::pin!(session.send(&to, Body::bytes(&mail)));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(future.as_mut().poll(&mut cx).is_pending());
        stream.inner.inject("552 5.3.4 too big\r\n");
        let Poll::Ready(result) = future.as_mut().poll(&mut cx) else {
            panic!("it is heard")
        };
        let error = result.expect_err("refused");
        assert!(matches!(error.kind(), ErrorKind::Refused(_)));
        assert!(!crate::peer::has_end(&wire(&stream.inner)));
        assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
    }
}

/// Streams and bodies that wait again and again.
struct Lazy<T>(T, u32);
impl<T> Lazy<T> {
    fn waits(&mut self, cx: &Context<'_>) -> bool {
        self.1 = self.1.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let waits = self.1 >> 30 != 0;
        if waits {
            cx.waker().wake_by_ref();
        }
        waits
    }
}
impl<T: AsyncRead + Unpin> AsyncRead for Lazy<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.waits(cx) {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.0).poll_read(cx, buf);
        if polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled
    }
}
impl<T: AsyncWrite + Unpin> AsyncWrite for Lazy<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.waits(cx) {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.0).poll_write(cx, buf);
        if polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waits(cx) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waits(cx) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

#[test]
fn lazy_streams() {
    for extensions in [&FULL[..], &PIPELINED, &[]] {
        for seed in 0..20 {
            let shape = Shape {
                buffer_len: 500,
                read_len: 7,
                write_len: 300,
                ..Shape::default()
            };
            let stream = shaped(&good(extensions), shape);
            let mut session = Session::new(Lazy(stream.clone(), seed), TLS);
            let mail = ("x".repeat(70) + "\r\n").repeat(3000);
            futures_lite::future::block_on(async {
                session.hello("x").await.expect("EHLO");
                let body = Body::stream(Lazy(mail.as_bytes(), seed));
                let _ = session
                    .send(&envelope(&["a@b", "c@d"]), body)
                    .await
                    .expect("sent");
                session.quit().await.expect("quit");
            });
            assert_eq!(mails(&stream)[0].content, mail.as_bytes());
        }
    }
}

/// RFC 5321 section 3.1: the server waits for it.
#[test]
fn quit_alone_follows_a_greeting_that_is_a_refusal() {
    for greeting in ["554 5.3.2 no service here", "450 4.3.2 not now"] {
        let stream = connect(&server(&FULL, at("GREETING", say(greeting))));
        let mut session = Session::new(stream.clone(), TLS);
        let error = now(session.hello("client.example")).expect_err("a refusal");
        assert_eq!(error.phase(), Phase::Greeting);
        assert!(!session.is_usable());
        let error = now(session.noop()).expect_err("not now");
        assert!(matches!(error.kind(), ErrorKind::Unusable));
        now(session.quit()).expect("QUIT");
        assert_eq!(lines(&stream), ["QUIT"]);
    }
}
