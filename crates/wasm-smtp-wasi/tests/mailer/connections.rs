//! How connections are kept, checked, replaced and closed.

use crate::support::{builder, distant, envelope, mailer, message, once, quickly, send};
use futures_util::{StreamExt, stream};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use wasm_smtp_wasi::block_on;
use wasm_smtp_wasi::mailer::{LocalServer, MailerErrorKind, Message};
use wasm_smtp_wasi::smtp_session::Extension;
use wasm_smtp_wasi::wasi_net::join_all;

#[test]
fn one_connection_takes_mail_after_mail() {
    let server = LocalServer::new();
    let mailer = mailer(&server);
    (0..10).for_each(|_| send(&mailer));
    assert_eq!((server.mails().len(), server.connections()), (10, 1));
    assert_eq!(mailer.idle_connections(), 1);
}

#[test]
fn a_connection_takes_so_many_and_not_one_more() {
    let server = LocalServer::new();
    let mailer = builder(&server)
        .mails_per_connection(3)
        .build()
        .expect("a mailer");
    (0..10).for_each(|_| send(&mailer));
    assert_eq!((server.mails().len(), server.connections()), (10, 4));
    assert_eq!(mailer.idle_connections(), 1);
}

#[test]
fn old_and_idle_ones_are_replaced() {
    let server = LocalServer::new();
    let none = Duration::ZERO;
    let aged = builder(&server).max_age(none).build().expect("a mailer");
    let idle = builder(&server).max_idle(none).build().expect("a mailer");
    for mailer in [aged, idle] {
        let before = server.connections();
        (0..3).for_each(|_| send(&mailer));
        assert_eq!(server.connections() - before, 3);
    }
}

#[test]
fn no_more_connections_than_allowed_and_first_come_first_served() {
    let server = LocalServer::new();
    let mailer = distant(&server, 2);
    let sends = (0..10).map(|number| {
        let message = Message::new(envelope(1), format!("x: {number}\n\n"));
        mailer.send(message)
    });
    let reports = block_on(join_all(sends));
    assert!(reports.iter().all(Result::is_ok));
    assert_eq!(server.connections(), 2);
    let mails = server.mails();
    let order: Vec<_> = mails.iter().map(|mail| mail.content[3] - b'0').collect();
    assert_eq!(order, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_stale_connection_is_replaced_and_not_reported() {
    // It is gone; the first to notice is the read in front of MAIL.
    let server = LocalServer::new();
    let mailer = once(&server);
    send(&mailer);
    server.hang_up();
    send(&mailer);
    assert_eq!((server.mails().len(), server.connections()), (2, 2));
    // It says so, or breaks, when it is asked.
    for reply in ["421 4.4.2 timeout", "", "500 what"] {
        let server = LocalServer::new();
        let mailer = builder(&server)
            .retry(quickly(1))
            .check_after(Duration::ZERO);
        let mailer = mailer.build().expect("a mailer");
        send(&mailer);
        server.answer("NOOP", reply, Some(1));
        send(&mailer);
        assert_eq!(
            (server.mails().len(), server.connections()),
            (2, 2),
            "{reply}"
        );
    }
    // It goes in the middle of a mail of which it knows too little.
    let server = LocalServer::new();
    let mailer = once(&server);
    send(&mailer);
    server.answer("MAIL", "421 4.4.2 timeout", Some(1));
    let long = "x: y\n\n".to_owned() + &"text\n".repeat(40_000);
    let report = block_on(mailer.send(Message::new(envelope(1), long))).expect("a report");
    assert_eq!((report.attempts(), server.connections()), (1, 2));
}

#[test]
fn one_that_ends_without_a_word_at_the_first_flight_costs_nothing() {
    for command in ["MAIL", "RCPT"] {
        let server = LocalServer::new();
        let mailer = once(&server);
        send(&mailer);
        server.answer(command, "", Some(1));
        let report = block_on(mailer.send(message())).expect("by another connection");
        assert!(report.is_complete() && report.attempts() == 1, "{command}");
        assert_eq!((server.mails().len(), server.connections()), (2, 2));
    }
}

#[test]
fn all_idle_ones_may_be_stale() {
    let server = LocalServer::new();
    let mailer = distant(&server, 4);
    let sends = (0..4).map(|_| mailer.send(message()));
    assert!(block_on(join_all(sends)).iter().all(Result::is_ok));
    assert_eq!(mailer.idle_connections(), 4);
    server.hang_up();
    send(&mailer);
    assert_eq!((server.connections(), mailer.idle_connections()), (5, 1));
}

#[test]
fn a_refusal_leaves_the_connection_in_the_pool() {
    let server = LocalServer::new();
    server.answer("RCPT", "550 5.1.1 nobody", Some(3));
    let mailer = mailer(&server);
    block_on(mailer.send(message())).expect_err("nobody");
    assert_eq!(mailer.idle_connections(), 1);
    send(&mailer);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_dropped_mail_gives_its_place_back_and_ends_its_connection() {
    let server = LocalServer::new();
    let mailer = distant(&server, 1);
    send(&mailer);
    for _ in 0..3 {
        let before = server.connections();
        let mut sending = Box::pin(mailer.send(message()));
        block_on(poll_fn(|cx| {
            assert!(sending.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        }));
        assert_eq!(mailer.idle_connections(), 0);
        drop(sending);
        send(&mailer);
        assert_eq!(server.connections(), before + 1);
    }
}

#[test]
fn a_mail_may_be_dropped_at_any_poll() {
    let server = LocalServer::new();
    let mailer = distant(&server, 1);
    for polls in 1..40 {
        let before = server.mails().len();
        let mut sending = Box::pin(mailer.send(message()));
        let mut left = polls;
        let done = block_on(poll_fn(|cx| {
            left -= 1;
            cx.waker().wake_by_ref();
            match sending.as_mut().poll(cx) {
                Poll::Ready(sent) => Poll::Ready(Some(sent.is_ok())),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        }));
        drop(sending);
        let taken = server.mails().len() - before;
        assert!(taken <= 1 && (done.is_none() || (done, taken) == (Some(true), 1)));
        send(&mailer);
        assert_eq!(mailer.idle_connections(), 1);
    }
}

#[test]
fn closing_says_good_bye_and_ends_the_mailer() {
    let server = LocalServer::new();
    let mailer = distant(&server, 3);
    let sends = (0..3).map(|_| mailer.send(message()));
    assert!(block_on(join_all(sends)).iter().all(Result::is_ok));
    server.answer("QUIT", "221 2.0.0 good-bye", Some(3));
    let other = mailer.clone();
    block_on(mailer.close());
    assert_eq!(mailer.idle_connections(), 0);
    assert_eq!(server.answers_left(), 0, "each connection said QUIT");
    let error = block_on(other.send(message())).unwrap_err();
    assert!(matches!(error.kind(), MailerErrorKind::Closed));
    assert!(!error.is_transient() && error.attempts() == 0);
    let error = block_on(other.verify()).unwrap_err();
    assert!(matches!(error.kind(), MailerErrorKind::Closed));
    block_on(other.close());
}

#[test]
fn a_mail_under_way_goes_on_when_the_mailer_is_closed() {
    let server = LocalServer::new();
    let mailer = distant(&server, 1);
    let mut sending = Box::pin(mailer.send(message()));
    let report = block_on(async {
        assert!(poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx).is_pending())).await);
        mailer.close().await;
        sending.await
    });
    assert!(report.expect("a report").is_complete());
    assert_eq!(mailer.idle_connections(), 0);
}

#[test]
fn the_last_mail_closes() {
    let server = LocalServer::new();
    let mailer = mailer(&server);
    let report = block_on(mailer.send_and_close(message())).expect("a report");
    assert!(report.is_complete());
    assert_eq!(mailer.idle_connections(), 0);
    let error = block_on(mailer.send(message())).unwrap_err();
    assert!(matches!(error.kind(), MailerErrorKind::Closed));
}

#[test]
fn what_is_sent_while_others_wait_for_it_goes() {
    // A stream of mails that sends one itself, and a `done` that keeps notes only.
    let server = LocalServer::new();
    let mailer = distant(&server, 1);
    let inner = mailer.clone();
    let mails = stream::iter(0..20).then(move |number| {
        let inner = inner.clone();
        async move {
            if number % 5 == 0 {
                assert!(inner.send(message()).await.is_ok());
            }
            (number, message())
        }
    });
    let mut done = Vec::new();
    block_on(mailer.send_many(mails, |number, result| {
        assert!(result.is_ok());
        done.push(number);
    }));
    done.sort_unstable();
    assert_eq!(done, (0..20).collect::<Vec<_>>());
    assert_eq!((server.mails().len(), server.connections()), (24, 1));
}

#[test]
fn verifying_sends_nothing_and_says_what_there_is() {
    let server = LocalServer::new();
    let builder = builder(&server).password("me", "secret").ehlo("me.example");
    let mailer = builder.build().expect("a mailer");
    let verified = block_on(mailer.verify()).expect("it works");
    assert!(verified.capabilities.has(Extension::Chunking));
    assert_eq!(
        verified.mechanism.map(|by| by.to_string()).as_deref(),
        Some("PLAIN")
    );
    assert_eq!(verified.ehlo, "me.example");
    assert!(verified.tls.is_none());
    assert!(server.mails().is_empty());
    server.answer("NOOP", "421 4.3.2 going down", None);
    let error = block_on(mailer.verify()).unwrap_err();
    assert!(error.is_transient(), "{error}");
}
