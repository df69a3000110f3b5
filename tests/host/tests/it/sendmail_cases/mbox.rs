//! Mails of an mbox: each as it was before it went in there, and each once.

use super::fixture::{Fixture, MAIL, expect, subject};
use super::folder::{each_once, events, mail};
use smtp_test_server::{Deviation, END, Then};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SEPARATOR: &str = "From user@test.local Thu Nov 26 10:00:00 2026\n";

/// Five mails; the third has lines that an mbox quotes.
fn five() -> String {
    let mails = (0..5).map(|number| {
        let quoted = if number == 2 {
            ">From here on\n>>From there\n> From no\n"
        } else {
            ""
        };
        let mail = mail(number, &format!("r{number}@test.local"));
        format!("{SEPARATOR}{mail}{quoted}\n")
    });
    mails.collect()
}

#[tokio::test]
async fn five_mails_arrive_as_they_were() {
    let fixture = Fixture::new().await;
    fixture.write("five", five());
    let args = ["--raw", "--mbox", "/mails/five"];
    let outcome = fixture.guest(&args).run().await.expect_success();
    assert_eq!(
        outcome.stdout,
        "sent: 5 recipients\njournal: /mails/five.journal\n"
    );
    let seen = fixture.settled().await;
    each_once(&seen, 5);
    for got in &seen.mails {
        let number = subject(got).parse().unwrap();
        let mut expected = mail(number, &format!("r{number}@test.local"));
        if number == 2 {
            expected.push_str("From here on\n>From there\n> From no\n");
        }
        assert_eq!(got.text(), expected.replace('\n', "\r\n"));
    }
    let journal = fixture.read("five.journal");
    assert_eq!(events(&journal, "sent").len(), 5);
    let outcome = fixture.guest(&args).run().await.expect_success();
    assert!(
        outcome.stdout.contains("sent by earlier runs: 5"),
        "{}",
        outcome.stdout
    );
    each_once(&fixture.settled().await, 5);
}

#[tokio::test]
async fn a_run_that_is_killed_goes_on() {
    let holding = Arc::new(AtomicBool::new(true));
    let held = holding.clone();
    let fixture = Fixture::with(move |asked| {
        let third = asked.line == END && subject(asked.mail) == "02";
        (third && held.load(Ordering::Relaxed)).then_some(Deviation::only(Then::Hold))
    })
    .await;
    fixture.write("five", five());
    let args = ["--mbox", "/mails/five", "--connections", "1"];
    tokio::select! {
        outcome = fixture.guest(&args).limit(None).run() => panic!("it ended: {}", outcome.stderr),
        _ = fixture.server.wait(|seen| seen.held() == 1) => {}
    }
    holding.store(false, Ordering::Relaxed);
    for sent in [2, 0] {
        let outcome = fixture.guest(&args).run().await;
        let sent = format!("  sent: {sent} recipients");
        expect(
            &outcome,
            74,
            &[&sent, "  maybe: 1 recipient ", "\n    mbox:3\n"],
        );
    }
    each_once(&fixture.server.seen(), 5);
}

#[tokio::test]
async fn what_is_no_mbox_or_unclear_is_refused_before_anything_is_sent() {
    let fixture = Fixture::new().await;
    let unclear = format!("{}From here on it is unclear\n", five());
    for (content, says) in [
        (MAIL.to_owned(), "is no mbox file"),
        (String::new(), "is no mbox file"),
        (unclear, "unclear whether a mail begins there"),
    ] {
        fixture.write("box", content);
        let outcome = fixture.guest(&["--mbox=/mails/box"]).run().await;
        expect(&outcome, 65, &["/mails/box", says]);
    }
    let outcome = fixture.guest(&["--mbox=/mails/none"]).run().await;
    expect(&outcome, 66, &["/mails/none", "--dir"]);
    assert_eq!(fixture.server.seen().connections.len(), 0);
}
