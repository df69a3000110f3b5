//! What may have been sent, and servers that say two things at once.

use crate::support::{builder, envelope, mailer, message, quickly};
use wasm_smtp_wasi::block_on;
use wasm_smtp_wasi::mailer::{Fate, LocalServer, Message};
use wasm_smtp_wasi::smtp_session::Delivery;

#[test]
fn a_mail_that_was_refused_and_taken_is_not_sent_again() {
    let reply = "451 4.3.0 later\r\n250 2.0.0 taken";
    let server = LocalServer::new();
    server.answer(".", reply, None);
    let error = block_on(mailer(&server).send(text())).unwrap_err();
    assert_eq!((error.attempts(), server.connections()), (1, 1));
    assert_eq!(error.delivery(), Delivery::MaybeSent, "{error}");
    assert!(error.fates().all(|(_, fate)| *fate == Fate::MaybeSent));
    // Of a mail of which nothing had left there is no doubt.
    let server = LocalServer::new();
    server.answer("RCPT", reply, None);
    let error = block_on(mailer(&server).send(text())).unwrap_err();
    assert_eq!((error.attempts(), server.connections()), (3, 3));
    assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
}

fn text() -> Message {
    Message::new(envelope(1), "x: y\n\ntext\n")
}

#[test]
fn a_refusal_is_believed_where_the_connection_broke() {
    let server = LocalServer::new();
    server.answer("RCPT TO:<r0@", "450 4.2.0 later", None);
    server.answer(".", "", None);
    let message = Message::new(envelope(2), "x: y\n\ntext\n");
    let error = block_on(mailer(&server).send(message)).unwrap_err();
    assert_eq!((error.attempts(), server.connections()), (1, 1));
    let fates: Vec<_> = error.fates().map(|(_, fate)| fate).collect();
    assert!(matches!(fates[..], [Fate::Refused(_), Fate::MaybeSent]));
}

#[test]
fn the_error_in_a_report_tells_of_the_rest() {
    let server = LocalServer::new();
    server.answer("RCPT TO:<two@b.example>", "451 4.3.0 later", Some(1));
    server.answer(".", "250 2.0.0 ok", Some(1));
    server.answer(".", "", None);
    let report = block_on(mailer(&server).send(message())).expect("two got it");
    let error = report.error().expect("the last attempt failed");
    assert_eq!(error.delivery(), Delivery::MaybeSent);
    assert_eq!(error.attempts(), 2);
    let rest: Vec<_> = error.fates().collect();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].0.as_str(), "two@b.example");
    assert_eq!(*rest[0].1, Fate::MaybeSent);
    assert!(error.to_string().contains("not known whether"), "{error}");
}

#[test]
fn a_refused_chunk_is_refused_by_the_server_in_memory() {
    let server = LocalServer::new();
    server.answer("BDAT", "451 4.3.0 later", Some(1));
    let mailer = builder(&server)
        .retry(quickly(2))
        .build()
        .expect("a mailer");
    let report = block_on(mailer.send(message())).expect("a report");
    assert_eq!((report.attempts(), server.mails().len()), (2, 1));
}
