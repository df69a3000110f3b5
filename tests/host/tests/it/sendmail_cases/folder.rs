//! Mails of a folder: what a run says, what its journal keeps, and that the next
//! one sends what is left and nothing else.

use super::fixture::{Fixture, expect, lines, subjects};
use smtp_test_server::{Asked, Deviation, Mail, Seen};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(crate) const JOURNAL: &str = "out/wasi-sendmail.journal";

pub(crate) fn mail(number: usize, to: &str) -> String {
    format!("From: user@test.local\nTo: {to}\nSubject: {number:02}\n\nbody {number}\n.\nend\n")
}

/// Writes `count` mails, each to a recipient of its own.
pub(crate) fn fill(fixture: &Fixture, count: usize) {
    for number in 0..count {
        let name = format!("out/{number:02}.eml");
        fixture.write(&name, mail(number, &format!("r{number}@test.local")));
    }
}

/// Every mail of so many came to its end exactly once.
#[track_caller]
pub(crate) fn each_once(seen: &Seen, count: usize) {
    let all: Vec<_> = (0..count).map(|number| format!("{number:02}")).collect();
    assert_eq!(subjects(seen), all);
}

/// The events of the journal with this name.
pub(crate) fn events<'a>(journal: &'a str, name: &str) -> Vec<&'a str> {
    let lines = journal.lines();
    let lines = lines.filter(|line| line.split('\t').nth(1) == Some(name));
    lines.collect()
}

/// Refuses `gone@` for good, and `later@` for as long as `busy`.
fn refuse(busy: Arc<AtomicBool>) -> impl Fn(&Asked<'_>) -> Option<Deviation> + Send + Sync {
    move |asked| match asked.line {
        "RCPT TO:<gone@test.local>" => Some("550 5.1.1 no such user".into()),
        "RCPT TO:<later@test.local>" if busy.load(Ordering::Relaxed) => {
            Some("450 4.2.1 mailbox busy".into())
        }
        _ => None,
    }
}

const ARGS: [&str; 6] = [
    "--from-dir",
    "/mails/out",
    "--tries",
    "1",
    "--connections",
    "3",
];

/// The journal of the run over thirty mails.
fn has_what_went_wrong(journal: &str) {
    assert_eq!(events(journal, "sent").len(), 27);
    let refused = events(journal, "refused").join("\n");
    assert!(
        refused.contains("gone@test.local\tfor good\t550 5.1.1"),
        "{refused}"
    );
    assert!(
        refused.contains("later@test.local\tfor now\t450 4.2.1"),
        "{refused}"
    );
    assert!(
        events(journal, "failed")[0].contains("\t07.eml\t"),
        "{journal}"
    );
}

#[tokio::test]
async fn thirty_mails_of_which_three_have_trouble_and_then_the_rest() {
    let busy = Arc::new(AtomicBool::new(true));
    let fixture = Fixture::with(refuse(busy.clone())).await;
    fill(&fixture, 30);
    fixture.write("out/07.eml", mail(7, "no address here"));
    fixture.write("out/11.eml", mail(11, "gone@test.local"));
    fixture.write("out/13.eml", mail(13, "later@test.local"));
    fixture.write("out/notes.txt", "not a mail");

    let outcome = fixture.guest(&ARGS).run().await;
    expect(
        &outcome,
        75,
        &[
            "not everybody got everything",
            "run the same command again later",
        ],
    );
    let summary = [
        "  sent: 27 recipients",
        "  refused: 2 recipients; the journal says why, and the same command tries again",
        "  failed: 1 mail, not sent; the journal says why, and the same command tries again",
        "  journal: /mails/out/wasi-sendmail.journal",
    ];
    assert_eq!(lines(&outcome)[1..], summary);
    assert_eq!(outcome.stdout, "");
    let seen = fixture.settled().await;
    assert_eq!((seen.mails.len(), seen.connections.len()), (27, 3));
    // A single dot ends a mail that is typed, and no other.
    let whole = |mail: &Mail| mail.text().ends_with("\r\n.\r\nend\r\n");
    assert!(seen.mails.iter().all(whole));
    has_what_went_wrong(&fixture.read(JOURNAL));

    busy.store(false, Ordering::Relaxed);
    fixture.write("out/07.eml", mail(7, "r7@test.local"));
    fixture.write("out/11.eml", mail(11, "r11@test.local"));
    let outcome = fixture.guest(&ARGS).run().await.expect_success();
    let summary = "sent: 3 recipients\nsent by earlier runs: 27 recipients\njournal: /mails/out/wasi-sendmail.journal\n";
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        (summary, "")
    );
    each_once(&fixture.settled().await, 30);

    let outcome = fixture.guest(&ARGS).run().await.expect_success();
    assert!(
        outcome
            .stdout
            .starts_with("sent: 0 recipients\nsent by earlier runs: 30 ")
    );
    let again = fixture.settled().await;
    assert_eq!(again.mails.len(), 30);
    assert_eq!(
        again.connections.len(),
        seen.connections.len() + 3,
        "the third run needed none"
    );
}

#[tokio::test]
async fn a_mail_that_some_got_goes_to_the_others_alone() {
    let busy = Arc::new(AtomicBool::new(true));
    let fixture = Fixture::with(refuse(busy.clone())).await;
    fixture.write("out/00.eml", mail(0, "a@test.local, later@test.local"));
    let outcome = fixture.guest(&ARGS).run().await;
    expect(
        &outcome,
        75,
        &["run the same command again later", "refused: 1 recipient;"],
    );
    busy.store(false, Ordering::Relaxed);
    fixture.guest(&ARGS).run().await.expect_success();
    let seen = fixture.settled().await;
    let to: Vec<_> = seen.mails.iter().map(|mail| &mail.recipients[..]).collect();
    assert_eq!(to, [["a@test.local"], ["later@test.local"]]);
}

#[tokio::test]
async fn what_is_refused_for_good_alone_is_no_matter_of_time() {
    let fixture = Fixture::with(refuse(Arc::default())).await;
    fill(&fixture, 3);
    fixture.write("out/01.eml", mail(1, "gone@test.local"));
    let outcome = fixture.guest(&ARGS).run().await;
    expect(&outcome, 69, &["mend what the journal says"]);
    assert_eq!(fixture.settled().await.mails.len(), 2);
}

#[tokio::test]
async fn what_is_refused_at_first_is_tried_again_without_being_told() {
    let count = AtomicUsize::new(0);
    let fixture = Fixture::with(move |asked| {
        let second = asked.line == "RCPT TO:<r1@test.local>";
        (second && count.fetch_add(1, Ordering::Relaxed) == 0).then(|| "451 4.3.0 busy".into())
    })
    .await;
    fill(&fixture, 3);
    let args = ["--from-dir", "/mails/out"];
    fixture.guest(&args).run().await.expect_success();
    each_once(&fixture.settled().await, 3);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_whatever_the_connections() {
    let wrong = Arc::new(AtomicBool::new(true));
    let is_wrong = wrong.clone();
    let fixture = Fixture::with(move |asked| match asked.line.split(' ').next() {
        Some("EHLO") => Some("250-peer.test\r\n250-PIPELINING\r\n250 AUTH PLAIN".into()),
        Some("AUTH") if is_wrong.load(Ordering::Relaxed) => Some("535 5.7.8 no".into()),
        _ => None,
    })
    .await;
    fill(&fixture, 30);
    let url = fixture.url().replace("//", "//user:secret-one@");
    let args = ["--from-dir", "/mails/out", "--connections", "3"];
    let outcome = fixture.guest_at(&url, &args).run().await;
    expect(
        &outcome,
        77,
        &[
            "535",
            "check the user name",
            "  sent: 0 recipients",
            "  failed: 3 mails",
            "  not begun: 27 mails, since the run stopped",
        ],
    );
    assert!(!outcome.stderr.contains("secret-one"));
    let seen = fixture.settled().await;
    assert_eq!((seen.count("AUTH"), seen.count("MAIL")), (1, 0));
    wrong.store(false, Ordering::Relaxed);
    fixture.guest_at(&url, &args).run().await.expect_success();
    each_once(&fixture.settled().await, 30);
}

#[tokio::test]
async fn without_a_journal_nothing_is_begun() {
    let fixture = Fixture::new().await;
    fill(&fixture, 2);
    for (journal, code, says) in [
        ("/mails/none/j", 66, "cannot open the journal /mails/none/j"),
        ("/mails/out/00.eml/j", 66, "cannot open the journal"),
        ("/elsewhere/j", 66, "--dir"),
        ("/mails/out/00.eml", 65, "is no journal of wasi-sendmail"),
        ("/mails/out", 66, "journal /mails/out"),
    ] {
        let outcome = fixture
            .guest(&[&ARGS[..], &["--journal", journal]].concat())
            .run()
            .await;
        expect(&outcome, code, &[says]);
        assert_eq!(lines(&outcome).len(), 1);
    }
    assert_eq!(fixture.server.seen().connections.len(), 0);
    assert_eq!(fixture.read("out/00.eml"), mail(0, "r0@test.local"));
}

#[tokio::test]
async fn a_server_that_is_gone_stops_the_run() {
    let fixture = Fixture::new().await;
    fill(&fixture, 9);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "smtps://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    drop(listener);
    let outcome = fixture.guest_at(&url, &ARGS).run().await;
    let says = [
        "connection refused",
        "  failed: 3 mails",
        "  not begun: 6 mails",
    ];
    expect(&outcome, 75, &says);
    fixture.guest(&ARGS).run().await.expect_success();
    each_once(&fixture.settled().await, 9);
}

#[tokio::test]
async fn what_one_mail_alone_takes_is_refused_with_several() {
    let fixture = Fixture::new().await;
    fill(&fixture, 1);
    let outcome = fixture
        .guest(&["--from-dir=/mails/out", "bob@test.local"])
        .run()
        .await;
    expect(&outcome, 64, &["recipients in its own header"]);
    let outcome = fixture.guest(&["--from-dir=/mails/empty"]).run().await;
    expect(&outcome, 66, &["/mails/empty"]);
    for flag in ["--journal=/mails/j", "--connections=2", "--rate=9"] {
        let outcome = fixture.guest(&["-t", flag]).run().await;
        expect(&outcome, 64, &["--from-dir or --mbox"]);
    }
    assert_eq!(fixture.server.seen().connections.len(), 0);
}
