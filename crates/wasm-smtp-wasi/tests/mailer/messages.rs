//! Where mails come from.

use crate::support::{ARRIVED, MAIL, builder, envelope, mailer, quickly};
use futures_util::io::{AsyncReadExt, Cursor};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasm_smtp_wasi::block_on;
use wasm_smtp_wasi::mailer::{LocalServer, MailerErrorKind, Message};
use wasm_smtp_wasi::smtp_session::{Delivery, Form};

const LONG: usize = 40_000;

/// Longer than what leaves at first.
fn long() -> String {
    MAIL.to_owned() + &"text\n".repeat(LONG)
}

#[test]
fn a_reader_is_read_while_it_is_sent() {
    for mail in [MAIL.to_owned(), long()] {
        let server = LocalServer::new();
        let sent = async {
            let message = Message::from_reader(Cursor::new(mail.clone())).await?;
            assert_eq!(message.len(), None);
            mailer(&server).send(message).await
        };
        let report = block_on(sent).expect("a report");
        assert_eq!(report.fates().count(), 3);
        let arrived = ARRIVED.len() + (mail.len() - MAIL.len()) / 5 * 6;
        assert_eq!(server.mails()[0].content.len(), arrived);
        assert!(server.mails()[0].content.starts_with(ARRIVED.as_bytes()));
    }
}

#[test]
fn a_reader_of_which_nothing_was_taken_is_tried_again() {
    let server = LocalServer::new();
    server.answer("EHLO", "421 4.3.2 going down", Some(1));
    let sent = async {
        let message = Message::from_reader(Cursor::new(long())).await?;
        mailer(&server).send(message).await
    };
    assert_eq!(block_on(sent).expect("a report").attempts(), 2);
    // Its first part leaves with MAIL and RCPT.
    let server = LocalServer::new();
    server.answer("RCPT", "451 4.3.0 later", Some(3));
    let sent = async {
        let message = Message::from_reader(Cursor::new(long())).await?;
        mailer(&server).send(message).await
    };
    let error = block_on(sent).unwrap_err();
    assert_eq!((error.attempts(), error.delivery()), (1, Delivery::NotSent));
    assert!(error.is_transient());
}

#[test]
fn what_can_be_opened_again_is_tried_again() {
    let server = LocalServer::new();
    server.answer("RCPT", "451 4.3.0 later", Some(2));
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let message = Message::stream(envelope(1), move || {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Cursor::new(long()))
    });
    let message = message.form(Form::default().len(long().len() as u64));
    let report = block_on(mailer(&server).send(message)).expect("a report");
    assert_eq!((report.attempts(), opened.load(Ordering::Relaxed)), (3, 3));
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert!(!String::from_utf8_lossy(&mails[0].content).contains("Bcc"));
}

#[test]
fn a_reader_that_fails_is_named_and_nothing_is_sent() {
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let server = LocalServer::new();
    let mailer = builder(&server)
        .retry(quickly(3))
        .build()
        .expect("a mailer");
    let message = Message::stream(envelope(1), move || Err::<Cursor<&[u8]>, _>(denied()));
    let error = block_on(mailer.send(message)).unwrap_err();
    assert!(
        matches!(error.kind(), MailerErrorKind::Read(_)),
        "{error:?}"
    );
    assert_eq!((error.attempts(), error.delivery()), (1, Delivery::NotSent));
    assert_eq!(
        mailer.idle_connections(),
        1,
        "the connection is as good as before"
    );
    // In the header, and behind it.
    struct Failing(usize);
    impl futures_io::AsyncRead for Failing {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buf: &mut [u8],
        ) -> std::task::Poll<io::Result<usize>> {
            let mail = b"From: a@b\nTo: c@d\n\ntext\n";
            let left = self.0;
            self.0 = left.saturating_sub(1);
            std::task::Poll::Ready(match left {
                0 => Err(io::ErrorKind::PermissionDenied.into()),
                _ => {
                    buf[..mail.len()].copy_from_slice(mail);
                    Ok(mail.len())
                }
            })
        }
    }
    let read = block_on(Message::from_reader(Failing(0)));
    assert!(matches!(read.unwrap_err().kind(), MailerErrorKind::Read(_)));
    let sent = async { mailer.send(Message::from_reader(Failing(1)).await?).await };
    let error = block_on(sent).unwrap_err();
    assert_eq!((error.attempts(), error.delivery()), (1, Delivery::NotSent));
    assert!(server.mails().is_empty());
}

#[test]
fn mails_without_an_envelope_are_refused_here() {
    for (mail, why) in [
        ("To: a@b\n\n", "the mail names no sender"),
        ("From: a@b\n\n", "the mail names no recipient"),
        ("", "the mail names no sender"),
        ("From: a@b\nTo: c@d e@f\n\n", "the To field has words"),
    ] {
        let error = Message::from_bytes(mail).unwrap_err();
        assert!(matches!(error.kind(), MailerErrorKind::Message(_)));
        assert!(error.to_string().starts_with(why), "{error}");
    }
    let endless = futures_util::io::repeat(b'x').take(2 * 1024 * 1024);
    let error = block_on(Message::from_reader(endless)).unwrap_err();
    assert!(error.to_string().contains("longer than 1 MiB"), "{error}");
}

#[test]
fn a_mail_for_nobody_is_refused_before_anything_is_sent() {
    let server = LocalServer::new();
    let error = block_on(mailer(&server).send(Message::new(envelope(0), MAIL))).unwrap_err();
    assert!(matches!(error.kind(), MailerErrorKind::Message(_)));
    assert!(error.to_string().contains("add one"), "{error}");
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_body_that_cannot_be_sent_is_refused_before_anything_is() {
    let server = LocalServer::new();
    let message = Message::new(envelope(1), "x: y\n\na\rb\n");
    let error = block_on(mailer(&server).send(message)).unwrap_err();
    assert!(
        error.to_string().starts_with("line 3 of the mail has a CR"),
        "{error}"
    );
    assert_eq!((error.attempts(), error.delivery()), (0, Delivery::NotSent));
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_mail_of_mail_builder_goes_to_whom_it_names() {
    let server = LocalServer::new();
    let mail = mail_builder::MessageBuilder::new()
        .from(("Me", "me@a.example"))
        .to("one@b.example")
        .bcc("two@b.example")
        .subject("s")
        .text_body("text");
    let message = Message::try_from(mail).expect("a message");
    let report = block_on(mailer(&server).send(message)).expect("a report");
    assert_eq!(report.fates().count(), 2);
    assert!(!String::from_utf8_lossy(&server.mails()[0].content).contains("two@"));
}

#[cfg(not(target_os = "wasi"))]
#[test]
fn a_folder_holds_what_was_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 1..=2 {
        let server = LocalServer::in_folder(folder.path());
        crate::support::send(&mailer(&server));
        let name = folder.path().join(format!("{round:06}"));
        let mail = std::fs::read_to_string(name.with_extension("eml")).expect("a mail");
        assert_eq!(mail, ARRIVED);
        let envelope =
            std::fs::read_to_string(name.with_extension("envelope")).expect("an envelope");
        let lines: Vec<_> = envelope.lines().collect();
        assert_eq!(lines[0], "MAIL FROM:<me@a.example>");
        assert_eq!((lines.len(), lines[3]), (4, "RCPT TO:<three@b.example>"));
    }
    let server = LocalServer::in_folder(folder.path().join("absent"));
    let error = block_on(mailer(&server).send(crate::support::message())).unwrap_err();
    assert!(
        error.is_transient() && error.delivery() == Delivery::NotSent,
        "{error}"
    );
    assert!(!error.to_string().contains("absent"), "{error}");
}
