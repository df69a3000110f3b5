//! How often a mail is tried, and how long that may take.

use super::fixture::{Fixture, expect, lines};
use smtp_test_server::{Deviation, END, GREETING, Then};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A server that answers the first `times` lines that begin so by `reply`.
async fn at_first(beginning: &'static str, times: usize, reply: &'static str) -> Fixture {
    let count = AtomicUsize::new(0);
    Fixture::with(move |asked| {
        let fits = asked.line.starts_with(beginning);
        (fits && count.fetch_add(1, Ordering::Relaxed) < times).then(|| reply.into())
    })
    .await
}

#[tokio::test]
async fn a_server_that_is_busy_at_first_gets_the_mail_once() {
    for beginning in ["MAIL", "RCPT", END, GREETING] {
        let reply = if beginning == GREETING {
            "421 4.3.2 busy"
        } else {
            "451 4.3.0 busy"
        };
        let fixture = at_first(beginning, 1, reply).await;
        let outcome = fixture
            .guest(&["-t", "--tries", "3"])
            .run()
            .await
            .expect_success();
        assert_eq!(outcome.stderr, "", "{beginning}");
        let seen = fixture.settled().await;
        let taken = seen.mails.iter().filter(|mail| mail.is_taken()).count();
        assert_eq!(taken, 1, "{beginning}: {:?}", seen.connections);
    }
}

#[tokio::test]
async fn the_tries_are_counted_and_one_is_the_default() {
    for (args, tries) in [(&["-t", "--tries", "2"][..], 2), (&["-t"], 1)] {
        let fixture = at_first("MAIL", usize::MAX, "451 4.3.0 busy").await;
        let outcome = fixture.guest(args).run().await;
        expect(
            &outcome,
            75,
            &["451 4.3.0 busy", "was not sent", "try again later"],
        );
        assert_eq!(lines(&outcome).len(), 1);
        assert_eq!(fixture.settled().await.count("MAIL"), tries);
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    let fixture = at_first("MAIL", usize::MAX, "550 5.7.1 not you").await;
    let outcome = fixture.guest(&["-t", "--tries", "5"]).run().await;
    expect(&outcome, 69, &["550 5.7.1 not you"]);
    assert_eq!(fixture.settled().await.count("MAIL"), 1);
}

#[tokio::test]
async fn a_mail_ends_with_its_time() {
    let fixture = Fixture::with(|asked| {
        let held = asked.line.starts_with("MAIL");
        held.then_some(Deviation::only(Then::Hold))
    })
    .await;
    let outcome = fixture
        .guest(&["-t", "--timeout", "1", "--tries", "9"])
        .run()
        .await;
    expect(&outcome, 75, &["was not sent", "try again later"]);
    assert_eq!(fixture.server.seen().connections.len(), 1);
}

#[tokio::test]
async fn a_mail_whose_time_ends_before_the_last_reply_is_in_doubt() {
    let fixture = Fixture::with(|asked| {
        let held = asked.line == END;
        held.then_some(Deviation::only(Then::Hold))
    })
    .await;
    let outcome = fixture
        .guest(&["-t", "--timeout", "1", "--tries", "9"])
        .run()
        .await;
    expect(&outcome, 74, &["not known whether the mail was sent"]);
    assert_eq!(fixture.server.seen().mails.len(), 1);
}
