//! Where some get the mail and others do not: never a code that makes a caller
//! send it again to those who have it.

use super::fixture::{Fixture, MAIL, expect, lines};
use smtp_test_server::{Asked, Deviation, END, Then};

const THREE: [&str; 3] = ["a@test.local", "b@test.local", "c@test.local"];

/// Refuses recipients.
fn refuse(
    refusals: &'static [(&'static str, &'static str)],
) -> impl Fn(&Asked<'_>) -> Option<Deviation> + Send + Sync {
    move |asked| {
        let of = |address: &str| asked.line == format!("RCPT TO:<{address}@test.local>");
        let found = refusals.iter().find(|(address, _)| of(address));
        found.map(|(_, reply)| (*reply).into())
    }
}

#[tokio::test]
async fn one_of_three_refused_for_good_is_named_alone() {
    let fixture = Fixture::with(refuse(&[("b", "550 5.1.1 no such user")])).await;
    let outcome = fixture.guest(&THREE).run().await;
    expect(&outcome, 67, &["1 of 3 recipients did not get the mail"]);
    let lines = lines(&outcome);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1], "  b@test.local: refused: 550 5.1.1 no such user");
    let seen = fixture.settled().await;
    assert_eq!((seen.mails.len(), seen.mails[0].recipients.len()), (1, 2));
}

#[tokio::test]
async fn one_of_three_refused_for_now_is_no_reason_to_try_all_again() {
    let fixture = Fixture::with(refuse(&[("c", "450 4.2.1 mailbox busy")])).await;
    let outcome = fixture.guest(&THREE).run().await;
    expect(&outcome, 69, &["1 of 3 recipients", "to them alone"]);
    assert_eq!(
        lines(&outcome)[1..],
        ["  c@test.local: refused: 450 4.2.1 mailbox busy"]
    );
    assert_eq!(fixture.settled().await.mails.len(), 1);
}

#[tokio::test]
async fn with_tries_those_alone_are_tried_again_that_were_refused_for_now() {
    let fixture = Fixture::with(refuse(&[
        ("b", "550 5.1.1 no such user"),
        ("c", "450 4.2.1 mailbox busy"),
    ]))
    .await;
    let outcome = fixture
        .guest(&[&["--tries", "2"], &THREE[..]].concat())
        .run()
        .await;
    expect(&outcome, 67, &["2 of 3 recipients"]);
    assert_eq!(lines(&outcome).len(), 3);
    let seen = fixture.settled().await;
    let counts = THREE.map(|to| seen.count(&format!("RCPT TO:<{to}>")));
    assert_eq!(counts, [1, 1, 2], "{:?}", seen.connections);
    assert_eq!(seen.mails.len(), 1);
}

#[tokio::test]
async fn all_refused_in_different_ways_is_told_alike_in_each_order() {
    let fixture = Fixture::with(refuse(&[
        ("a", "550 5.1.1 no such user"),
        ("b", "450 4.2.1 mailbox busy"),
        ("c", "554 5.7.1 not from you"),
    ]))
    .await;
    for order in [[0, 1, 2], [1, 2, 0], [2, 1, 0]] {
        let outcome = fixture.guest(&order.map(|at| THREE[at])).run().await;
        expect(
            &outcome,
            67,
            &["refused every recipient, not all for the same reason"],
        );
        let details = [
            "  a@test.local: refused: 550 5.1.1 no such user",
            "  b@test.local: refused: 450 4.2.1 mailbox busy",
            "  c@test.local: refused: 554 5.7.1 not from you",
        ];
        assert_eq!(lines(&outcome)[1..], order.map(|at| details[at]));
    }
    assert!(fixture.settled().await.mails.is_empty());
}

#[tokio::test]
async fn all_refused_for_now_in_different_ways_may_be_tried_again() {
    let fixture = Fixture::with(refuse(&[
        ("a", "450 4.2.1 mailbox busy"),
        ("b", "452 4.2.2 mailbox full"),
    ]))
    .await;
    let outcome = fixture.guest(&THREE[..2]).run().await;
    expect(
        &outcome,
        75,
        &["refused every recipient", "try again later"],
    );
    assert_eq!(lines(&outcome).len(), 3);
}

#[tokio::test]
async fn all_refused_alike_is_one_sentence() {
    let fixture = Fixture::with(|asked| {
        let to = asked.line.starts_with("RCPT");
        to.then(|| "550 5.1.1 no such user".into())
    })
    .await;
    let outcome = fixture.guest(&THREE).run().await;
    expect(&outcome, 67, &["refused every recipient", "550 5.1.1"]);
    assert_eq!(lines(&outcome).len(), 1);
}

#[tokio::test]
async fn the_mail_itself_refused_is_nobodys_fault_alone() {
    for (reply, code) in [("554 5.7.1 spam", 69), ("451 4.3.0 disk", 75)] {
        let fixture = Fixture::with(move |asked| {
            let end = asked.line == END;
            end.then(|| reply.into())
        })
        .await;
        let outcome = fixture.guest(&THREE).run().await;
        expect(&outcome, code, &[reply, "was not sent"]);
        assert_eq!(lines(&outcome).len(), 1);
    }
}

#[tokio::test]
async fn a_connection_cut_before_the_last_reply_is_never_tried_again() {
    let fixture = Fixture::with(|asked| {
        let end = asked.line == END;
        end.then_some(Deviation::only(Then::Close))
    })
    .await;
    let outcome = fixture
        .guest(&[&["--tries", "5"], &THREE[..]].concat())
        .run()
        .await;
    expect(&outcome, 74, &["not known whether the mail was sent"]);
    assert!(!outcome.stderr.contains("try again"), "{}", outcome.stderr);
    assert_eq!(lines(&outcome).len(), 1);
    let seen = fixture.settled().await;
    assert_eq!(
        (seen.mails.len(), seen.connections.len()),
        (1, 1),
        "nothing is repeated"
    );
    assert!(!seen.mails[0].is_taken());
}

#[tokio::test]
async fn a_cut_after_a_refusal_names_who_was_refused_and_of_whom_it_is_not_known() {
    let refuse = refuse(&[("b", "550 5.1.1 no such user")]);
    let fixture = Fixture::with(move |asked| match asked.line {
        END => Some(Deviation::only(Then::Close)),
        _ => refuse(asked),
    })
    .await;
    let outcome = fixture
        .guest(&[&["--tries", "3"], &THREE[..]].concat())
        .run()
        .await;
    expect(&outcome, 74, &["not known whether the mail was sent"]);
    let details = [
        "  a@test.local: it is not known whether it was sent",
        "  b@test.local: refused: 550 5.1.1 no such user",
        "  c@test.local: it is not known whether it was sent",
    ];
    assert_eq!(lines(&outcome)[1..], details);
    assert_eq!(fixture.settled().await.mails.len(), 1);
}

#[tokio::test]
async fn a_cut_in_a_later_attempt_does_not_undo_what_was_sent() {
    let fixture = Fixture::with(|asked| match asked.line {
        "RCPT TO:<c@test.local>" if asked.mail.recipients.len() == 2 => {
            Some("451 4.3.0 later".into())
        }
        END if asked.mail.recipients.len() == 1 => Some(Deviation::only(Then::Close)),
        _ => None,
    })
    .await;
    let outcome = fixture
        .guest(&[&["--tries", "4"], &THREE[..]].concat())
        .run()
        .await;
    expect(&outcome, 74, &["1 of 3 recipients"]);
    let details = ["  c@test.local: it is not known whether it was sent"];
    assert_eq!(lines(&outcome)[1..], details);
    let seen = fixture.settled().await;
    assert_eq!(seen.mails.len(), 2, "c alone is tried again, and once");
    assert_eq!(seen.mails[1].text(), MAIL.replace('\n', "\r\n"));
}
