//! Mails that the server refuses for now: the others of the run go meanwhile, and they
//! come last.

use super::fixture::{Fixture, expect, lines, subject};
use super::folder::{JOURNAL, each_once, events, mail};
use smtp_test_server::{Asked, Deviation};
use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const FOR_A_SECOND: &str = "451 4.7.1 Greylisted, try again in 1 second";
const FOR_LONG: &str = "451 4.7.1 Greylisted, try again in 20 minutes";

/// The first four of twelve go to addresses that are greylisted.
fn recipient(number: usize) -> String {
    match number {
        0..4 => format!("grey{number}@test.local"),
        _ => format!("r{number}@test.local"),
    }
}

fn fill(fixture: &Fixture) {
    for number in 0..12 {
        fixture.write(
            &format!("out/{number:02}.eml"),
            mail(number, &recipient(number)),
        );
    }
}

fn mbox() -> String {
    let mails = (0..12).map(|number| mail(number, &recipient(number)));
    mails
        .map(|mail| format!("From x Thu Nov 26 10:00:00 2026\n{mail}\n"))
        .collect()
}

fn is_grey(asked: &Asked<'_>) -> bool {
    asked.line.starts_with("RCPT TO:<grey")
}

/// Refuses each of them once.
fn greylisting() -> impl FnMut(&Asked<'_>) -> Option<Deviation> + Send {
    let mut seen = HashSet::new();
    move |asked| {
        let is_new = is_grey(asked) && seen.insert(asked.line.to_owned());
        is_new.then(|| FOR_A_SECOND.into())
    }
}

#[tokio::test]
async fn greylisted_mails_come_last_and_once() {
    for args in [["--from-dir", "/mails/out"], ["--mbox", "/mails/all"]] {
        let fixture = Fixture::with(greylisting()).await;
        fill(&fixture);
        fixture.write("all", mbox());
        let guest = fixture.guest(&args).arg("--connections").arg("3");
        let outcome = guest.arg("--tries").arg("2").run().await.expect_success();
        assert!(outcome.stdout.starts_with("sent: 12 recipients\njournal: "));
        let seen = fixture.settled().await;
        each_once(&seen, 12);
        let order: Vec<_> = seen.mails.iter().map(subject).collect();
        let mut last = order[8..].to_vec();
        last.sort();
        assert_eq!(last, ["00", "01", "02", "03"], "{order:?}");
    }
}

#[tokio::test]
async fn who_was_refused_for_good_is_not_asked_again_when_others_are() {
    let fixture = Fixture::with({
        let mut greylisting = greylisting();
        move |asked| match asked.line.starts_with("RCPT TO:<gone@") {
            true => Some("550 5.1.1 no such user".into()),
            false => greylisting(asked),
        }
    })
    .await;
    let to = "gone@test.local, grey@test.local, r@test.local";
    fixture.write("out/00.eml", mail(0, to));
    let args = ["--from-dir", "/mails/out", "--tries", "3"];
    let outcome = fixture.guest(&args).run().await;
    expect(&outcome, 69, &["mend what the journal says"]);
    let summary = [
        "  sent: 2 recipients",
        "  refused: 1 recipient; the journal",
    ];
    for (line, start) in lines(&outcome)[1..].iter().zip(summary) {
        assert!(line.starts_with(start), "{line}");
    }
    let seen = fixture.settled().await;
    assert_eq!((seen.mails.len(), seen.count("RCPT TO:<gone@")), (2, 1));
}

#[tokio::test]
async fn a_mail_that_went_encoded_in_two_attempts_is_one() {
    let fixture = Fixture::with(greylisting()).await;
    let bars = mail(0, "grey@test.local, r@test.local") + "10%\r100%\n";
    fixture.write("out/00.eml", bars);
    let args = ["--from-dir", "/mails/out", "--tries", "3"];
    let outcome = fixture.guest(&args).run().await.expect_success();
    let says = "sent: 2 recipients\nre-encoded: 1 mail, ";
    assert!(outcome.stdout.starts_with(says), "{}", outcome.stdout);
    assert_eq!(fixture.settled().await.mails.len(), 2);
}

#[tokio::test]
async fn a_run_that_is_killed_while_mails_wait_leaves_them_not_sent() {
    let greylists = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&greylists);
    let fixture = Fixture::with(move |asked| {
        (is_grey(asked) && still.load(Ordering::Relaxed)).then(|| FOR_LONG.into())
    })
    .await;
    fill(&fixture);
    let args = ["--from-dir", "/mails/out", "--connections", "1"];
    tokio::select! {
        outcome = fixture.guest(&args).limit(None).run() => panic!("it ended: {}", outcome.stderr),
        () = async {
            fixture.server.wait(|seen| seen.mails.len() == 8).await;
            while events(&fixture.read(JOURNAL), "sent").len() < 8 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    greylists.store(false, Ordering::Relaxed);
    let outcome = fixture.guest(&args).run().await.expect_success();
    let sent = "sent: 4 recipients\nsent by earlier runs: 8 recipients\n";
    assert!(outcome.stdout.starts_with(sent), "{}", outcome.stdout);
    each_once(&fixture.settled().await, 12);
}

#[tokio::test]
async fn a_run_that_stops_does_not_wait_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let path = journal.clone();
    let fixture = Fixture::with(move |asked| {
        if asked.line.starts_with("RCPT TO:<r5@") {
            // Another run begins.
            let mut other = std::fs::OpenOptions::new()
                .append(true)
                .open(&path)
                .unwrap();
            other.write_all(b"x\n").unwrap();
        }
        is_grey(asked).then(|| FOR_LONG.into())
    })
    .await;
    fill(&fixture);
    let args = [
        "--from-dir",
        "/mails/out",
        "--connections",
        "1",
        "--journal",
        "/j/journal",
    ];
    let guest = fixture.guest(&args).folder(folder.path(), "/j");
    let outcome = guest.run().await;
    let says = [
        "another run writes",
        "sent: 2 recipients",
        "refused: 4 recipients",
        "not begun: 6 mails",
    ];
    expect(&outcome, 75, &says);
}

#[tokio::test]
async fn a_mail_that_changed_while_it_waited_is_left_to_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("00.eml");
    std::fs::write(&file, mail(0, "grey@test.local")).unwrap();
    let mut greylisting = greylisting();
    let changed = file.clone();
    let fixture = Fixture::with(move |asked| {
        let deviation = greylisting(asked);
        if deviation.is_some() {
            std::fs::write(&changed, mail(1, "grey@test.local")).unwrap();
        }
        deviation
    })
    .await;
    let args = ["--from-dir", "/w", "--tries", "2"];
    let outcome = fixture.guest(&args).folder(folder.path(), "/w").run().await;
    expect(
        &outcome,
        75,
        &["run the same command again", "failed: 1 mail, not sent"],
    );
    let journal = std::fs::read_to_string(folder.path().join("wasi-sendmail.journal")).unwrap();
    assert!(
        journal.contains("\tthe mail was changed while it waited"),
        "{journal}"
    );
    assert_eq!(fixture.settled().await.mails.len(), 0);
    let outcome = fixture.guest(&args).folder(folder.path(), "/w").run().await;
    outcome.expect_success();
    let seen = fixture.settled().await;
    assert_eq!(seen.mails.iter().map(subject).collect::<Vec<_>>(), ["01"]);
}
