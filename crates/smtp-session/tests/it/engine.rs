//! The engine by itself: what a driver's stream took, and when.

use smtp_session::{Address, Delivery, Engine, Envelope, ErrorKind, Form, Options, Security};

fn open(extensions: &str) -> Engine {
    let tls = Security::Tls { exporter: None };
    let mut engine = Engine::new(tls, Options::default());
    engine.hello("client.example");
    engine.handle_input(b"220 hi\r\n");
    assert_eq!(write(&mut engine), b"EHLO client.example\r\n");
    engine.handle_input(format!("250-hi\r\n{extensions}").as_bytes());
    assert!(matches!(engine.outcome(), Some(Ok(None))));
    engine
}

const BOTH: &str = "250-PIPELINING\r\n250 CHUNKING\r\n";

/// The stream takes all.
fn write(engine: &mut Engine) -> Vec<u8> {
    let mut all = Vec::new();
    while engine.has_output() {
        all.extend_from_slice(engine.output());
        let len = engine.output().len();
        engine.sent(len);
    }
    all
}

fn start(engine: &mut Engine, mail: &[u8]) {
    let to = Address::new("a@b").expect("an address");
    engine.send(&Envelope::null_sender().to(to), Form::default());
    assert!(engine.wants_body());
    engine.body(mail);
    engine.end_body();
}

fn error(engine: &mut Engine) -> smtp_session::Error {
    engine.outcome().expect("an end").expect_err("a failure")
}

/// What the server says before it can have read a command answers another.
#[test]
fn a_reply_to_a_part_of_a_command_is_out_of_step() {
    let envelope = b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n";
    for sent in 0..envelope.len() {
        let mut engine = open(BOTH);
        start(&mut engine, b"mail\r\n");
        assert_eq!(engine.output(), envelope);
        engine.sent(sent);
        engine.handle_input(b"250 a\r\n250 b\r\n250 c\r\n");
        let error = error(&mut engine);
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{sent}");
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(!engine.is_usable());
    }
    let chunk = b"BDAT 6 LAST\r\nmail\r\n";
    for sent in 0..chunk.len() {
        let mut engine = open(BOTH);
        start(&mut engine, b"mail\r\n");
        write(&mut engine);
        engine.handle_input(b"250 a\r\n250 b\r\n");
        assert_eq!(engine.output(), chunk);
        engine.sent(sent);
        engine.handle_input(b"250 c\r\n");
        let error = error(&mut engine);
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{sent}");
        // All of it was offered.
        assert_eq!(error.delivery(), Delivery::MaybeSent);
        assert!(!engine.is_usable());
    }
    let mut engine = open(BOTH);
    engine.noop();
    assert_eq!(engine.output(), b"NOOP\r\n");
    engine.sent(5);
    engine.handle_input(b"250 early\r\n");
    assert!(matches!(error(&mut engine).kind(), ErrorKind::Protocol(_)));
}

/// What was offered and not taken is gone when it is taken back.
#[test]
fn a_chunk_that_was_taken_back_was_not_sent() {
    let mut engine = open(BOTH);
    start(&mut engine, &b"mail\r\n".repeat(11_000));
    write(&mut engine);
    engine.handle_input(b"250 ok\r\n250 ok\r\n");
    assert!(engine.output().starts_with(b"BDAT 65532\r\n"));
    write(&mut engine);
    engine.end_body();
    assert!(engine.output().starts_with(b"BDAT 468 LAST\r\n"));
    engine.handle_input(b"552 5.3.4 too big\r\n");
    let refused = error(&mut engine);
    assert!(matches!(refused.kind(), ErrorKind::Refused(_)));
    assert_eq!(refused.delivery(), Delivery::NotSent);
    assert!(engine.is_usable() && !engine.has_output());
    // The next one is not even offered.
    start(&mut engine, b"mail\r\n");
    engine.handle_eof();
    let broken = error(&mut engine);
    assert!(matches!(broken.kind(), ErrorKind::Closed));
    assert_eq!(broken.delivery(), Delivery::NotSent);
}

#[test]
fn an_operation_amid_another_ends_the_session() {
    let mut engine = open(BOTH);
    engine.noop();
    engine.reset();
    assert!(matches!(error(&mut engine).kind(), ErrorKind::Unusable));
    assert!(!engine.is_usable());
    engine.handle_input(b"250 ok\r\n");
    engine.noop();
    assert!(matches!(error(&mut engine).kind(), ErrorKind::Unusable));
}

/// Calls that ask for nothing do nothing.
#[test]
fn a_body_that_nobody_wants_is_passed_over() {
    let mut engine = open(BOTH);
    engine.body(b"x");
    engine.end_body();
    engine.fail_body(std::io::ErrorKind::Other.into());
    assert!(engine.outcome().is_none() && engine.is_usable());
    start(&mut engine, b"mail\r\n");
    engine.end_body();
    engine.body(b"more");
    write(&mut engine);
    engine.handle_input(b"250 a\r\n250 b\r\n");
    assert_eq!(write(&mut engine), b"BDAT 6 LAST\r\nmail\r\n");
    engine.handle_input(b"250 c\r\n");
    assert!(engine.outcome().is_some_and(|outcome| outcome.is_ok()));
    assert!(engine.outcome().is_none());
}

#[test]
#[should_panic(expected = "more was sent than waits")]
fn more_than_waits_cannot_be_sent() {
    let mut engine = open(BOTH);
    engine.noop();
    engine.sent(7);
}
