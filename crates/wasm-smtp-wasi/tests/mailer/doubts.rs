//! What may have been sent, and servers that say two things at once.

use crate::support::{builder, envelope, mailer, message, quickly, send};
use std::time::Duration;
use wasm_smtp_wasi::block_on;
use wasm_smtp_wasi::mailer::{Fate, LocalServer, MailerErrorKind, Message};
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

const SURPLUS: &str = "250 2.0.0 ok\r\n250 2.0.0 what";

/// Its reply may have been that to another command: then it was taken, or not.
#[test]
fn a_mail_that_comes_into_doubt_while_it_waits_is_not_sent_again() {
    let server = LocalServer::new();
    let checking = builder(&server).check_after(Duration::ZERO);
    let mailer = checking.build().expect("a mailer");
    server.answer(".", "451 4.3.0 later", Some(1));
    server.answer("NOOP", SURPLUS, None);
    let error = block_on(mailer.send(text())).unwrap_err();
    assert!(
        matches!(error.kind(), MailerErrorKind::OutOfStep),
        "{error}"
    );
    assert_eq!(error.delivery(), Delivery::MaybeSent);
    assert!(error.fates().all(|(_, fate)| *fate == Fate::MaybeSent));
    // Another mail may find it out.
    server.answer(".", "451 4.3.0 later", Some(1));
    let error = block_on(mailer.send_or_defer(text())).unwrap_err();
    let deferred = error.deferred().expect("it waits");
    send(&mailer);
    let before = server.mails().len();
    let error = block_on(mailer.send_or_defer(text().deferred(deferred))).unwrap_err();
    assert_eq!(error.delivery(), Delivery::MaybeSent);
    assert_eq!(server.mails().len(), before);
}

/// The first of several transactions, by what comes in the next one.
#[test]
fn a_transaction_comes_into_doubt_by_the_next_one() {
    let server = LocalServer::new();
    server.answer(
        "EHLO",
        "250-x\r\n250-AUTH PLAIN\r\n250 LIMITS RCPTMAX=1",
        None,
    );
    server.answer("RCPT TO:<r1@", "550 5.1.1 who\r\n250 2.0.0 what", None);
    let error = block_on(mailer(&server).send(Message::new(envelope(3), "x: y\n\ntext\n")));
    let error = error.unwrap_err();
    let fates: Vec<_> = error.fates().map(|(_, fate)| fate).collect();
    let [Fate::MaybeSent, Fate::Refused(_), Fate::NotSent] = fates[..] else {
        panic!("{fates:?}");
    };
    assert_eq!((server.connections(), error.attempts()), (1, 1));
    // Of several that were taken the last one only.
    let server = LocalServer::new();
    server.answer(
        "EHLO",
        "250-x\r\n250-AUTH PLAIN\r\n250 LIMITS RCPTMAX=1",
        None,
    );
    server.answer("RCPT TO:<r2@", "550 5.1.1 who\r\n250 2.0.0 what", None);
    let report = block_on(mailer(&server).send(Message::new(envelope(3), "x: y\n\ntext\n")));
    let report = report.expect("one got it");
    let fates: Vec<_> = report.fates().map(|(_, fate)| fate).collect();
    assert!(matches!(
        fates[..],
        [Fate::Sent, Fate::MaybeSent, Fate::Refused(_)]
    ));
    assert_eq!(report.receipts().len(), 1);
    assert!(matches!(
        report.error().expect("a doubt").kind(),
        MailerErrorKind::OutOfStep
    ));
}

#[test]
fn the_last_mail_of_a_mailer_may_come_into_doubt_by_the_good_bye() {
    for (extensions, is_last) in [
        ("PIPELINING", true),
        ("8BITMIME", true),
        ("8BITMIME", false),
    ] {
        let server = LocalServer::new();
        server.answer(
            "EHLO",
            &format!("250-x\r\n250-AUTH PLAIN\r\n250 {extensions}"),
            None,
        );
        server.answer("QUIT", "550 5.7.1 spam", None);
        let mailer = builder(&server).mails_per_connection(1).build();
        let mailer = mailer.expect("a mailer");
        let sent = block_on(async {
            match is_last {
                true => mailer.send_and_close(text()).await,
                false => mailer.send(text()).await,
            }
        });
        let error = sent.unwrap_err();
        assert_eq!(error.delivery(), Delivery::MaybeSent, "{error}");
        assert_eq!(server.mails().len(), 1);
    }
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
