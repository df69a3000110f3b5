//! A run that is killed in the middle, and the same command again: nothing goes
//! twice, and what is in doubt is named and left alone.

use super::fixture::{Fixture, expect, lines, subject, subjects};
use super::folder::{JOURNAL, each_once, events, fill};
use smtp_test_server::{Asked, Deviation, END, Then};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Holds the answer to what `which` says back, as long as `holding`.
fn hold(
    holding: &Arc<AtomicBool>,
    which: fn(&Asked<'_>) -> bool,
) -> impl Fn(&Asked<'_>) -> Option<Deviation> + Send + Sync + use<> {
    let holding = holding.clone();
    move |asked| {
        (holding.load(Ordering::Relaxed) && which(asked)).then_some(Deviation::only(Then::Hold))
    }
}

/// Runs until the server holds so many answers back, and kills the run there.
async fn kill(fixture: &Fixture, args: &[&str], held: usize) {
    tokio::select! {
        outcome = fixture.guest(args).limit(None).run() => panic!("it ended: {}", outcome.stderr),
        _ = fixture.server.wait(|seen| seen.held() == held) => {}
    }
}

fn is_end_of_05(asked: &Asked<'_>) -> bool {
    asked.line == END && subject(asked.mail) == "05"
}

#[tokio::test]
async fn a_mail_whose_last_reply_was_awaited_is_named_and_not_sent_again() {
    let holding = Arc::new(AtomicBool::new(true));
    let fixture = Fixture::with(hold(&holding, is_end_of_05)).await;
    fill(&fixture, 12);
    let args = ["--from-dir", "/mails/out", "--connections", "1"];
    kill(&fixture, &args, 1).await;
    let journal = fixture.read(JOURNAL);
    assert_eq!(events(&journal, "begin").len(), 6, "{journal}");
    assert_eq!(events(&journal, "sent").len(), 5, "{journal}");
    holding.store(false, Ordering::Relaxed);
    for sent in [6, 0] {
        let outcome = fixture.guest(&args).run().await;
        expect(
            &outcome,
            74,
            &[
                "ask the recipients",
                &format!("  sent: {sent} recipients\n"),
            ],
        );
        let lines = lines(&outcome);
        let maybe = lines
            .iter()
            .position(|line| line.starts_with("  maybe: 1 recipient "));
        let maybe = maybe.expect("a line about what is in doubt");
        assert_eq!(lines[maybe + 1], "    05.eml", "{lines:?}");
    }
    each_once(&fixture.server.seen(), 12);
}

#[tokio::test]
async fn a_doubt_that_is_settled_lets_a_script_end() {
    for (flag, said, sent) in [
        ("--settle-sent", "sent", 11),
        ("--settle-unsent", "not sent", 12),
    ] {
        let holding = Arc::new(AtomicBool::new(true));
        let before_the_mail = |asked: &Asked<'_>| asked.line.starts_with("RCPT TO:<r5@");
        let fixture = Fixture::with(hold(&holding, before_the_mail)).await;
        fill(&fixture, 12);
        let args = ["--from-dir", "/mails/out", "--connections", "1"];
        kill(&fixture, &args, 1).await;
        holding.store(false, Ordering::Relaxed);
        expect(&fixture.guest(&args).run().await, 74, &[flag, "    05.eml"]);
        if sent == 12 {
            // The killed run might still be there: it is a quarter of an hour ago.
            let settle = [flag, "all", "--from-dir", "/mails/out"];
            let wait = ["wait until none is under way"];
            expect(&fixture.guest(&settle).run().await, 75, &wait);
            let journal = fixture.read(JOURNAL);
            let aged = journal.replace("\n20", "\n19");
            fixture.write(JOURNAL, aged);
        }
        let settle = [flag, "05.eml", "--from-dir", "/mails/out"];
        let outcome = fixture.guest(&settle).run().await.expect_success();
        assert_eq!(outcome.stdout, format!("settled: 1 mail, as {said}\n"));
        expect(
            &fixture.guest(&settle).run().await,
            64,
            &["has no mail 05.eml"],
        );
        let outcome = fixture.guest(&args).run().await.expect_success();
        assert!(!outcome.stdout.contains("maybe"), "{}", outcome.stdout);
        assert_eq!(subjects(&fixture.settled().await).len(), sent);
    }
}

#[tokio::test]
async fn with_several_connections_as_many_are_in_doubt() {
    let holding = Arc::new(AtomicBool::new(true));
    let late = |asked: &Asked<'_>| asked.line == END && *subject(asked.mail) >= *"08";
    let fixture = Fixture::with(hold(&holding, late)).await;
    fill(&fixture, 20);
    let args = ["--from-dir", "/mails/out", "--connections", "3"];
    kill(&fixture, &args, 3).await;
    holding.store(false, Ordering::Relaxed);
    let outcome = fixture.guest(&args).run().await;
    expect(
        &outcome,
        74,
        &[
            "  maybe: 3 recipients ",
            "  sent: 9 recipients",
            "earlier runs: 8 ",
        ],
    );
    expect(&outcome, 74, &["    08.eml\n    09.eml\n    10.eml\n"]);
    each_once(&fixture.server.seen(), 20);
}

#[tokio::test]
async fn killed_before_the_mail_left_it_is_in_doubt_all_the_same() {
    let holding = Arc::new(AtomicBool::new(true));
    let rcpt = |asked: &Asked<'_>| asked.line == "RCPT TO:<r2@test.local>";
    let fixture = Fixture::with(hold(&holding, rcpt)).await;
    fill(&fixture, 4);
    let args = ["--from-dir", "/mails/out", "--connections", "1"];
    kill(&fixture, &args, 1).await;
    holding.store(false, Ordering::Relaxed);
    let outcome = fixture.guest(&args).run().await;
    expect(&outcome, 74, &["  sent: 1 recipient\n", "    02.eml"]);
    let seen = fixture.server.seen();
    assert_eq!(subjects(&seen), ["00", "01", "03"]);
}

#[tokio::test]
async fn a_lost_connection_within_a_run_is_in_doubt_too() {
    let cutting = Arc::new(AtomicBool::new(true));
    let cut = cutting.clone();
    let fixture = Fixture::with(move |asked| {
        let now = cut.load(Ordering::Relaxed) && is_end_of_05(asked);
        now.then_some(Deviation::only(Then::Close))
    })
    .await;
    fill(&fixture, 9);
    let args = ["--from-dir", "/mails/out", "--connections", "2"];
    for sent in [8, 0] {
        let outcome = fixture.guest(&args).run().await;
        expect(&outcome, 74, &["ask the recipients", "    05.eml"]);
        expect(&outcome, 74, &[&format!("  sent: {sent} recipients")]);
        cutting.store(false, Ordering::Relaxed);
    }
    let journal = fixture.read(JOURNAL);
    assert!(
        events(&journal, "maybe")[0].contains("\t05.eml\t"),
        "{journal}"
    );
    each_once(&fixture.settled().await, 9);
}

#[tokio::test]
async fn a_second_run_beside_one_that_hangs_sends_nothing_twice() {
    let fixture =
        Fixture::with(|asked| is_end_of_05(asked).then_some(Deviation::only(Then::Hold))).await;
    fill(&fixture, 9);
    let args = ["--from-dir", "/mails/out", "--connections", "1"];
    let second = async {
        fixture.server.wait(|seen| seen.held() == 1).await;
        fixture.guest(&args).run().await
    };
    let outcome = tokio::select! {
        first = fixture.guest(&args).limit(None).run() => panic!("it ended: {}", first.stderr),
        outcome = second => outcome,
    };
    expect(
        &outcome,
        74,
        &["  sent: 3 recipients", "earlier runs: 5 ", "    05.eml"],
    );
    each_once(&fixture.server.seen(), 9);
}

#[tokio::test]
async fn a_torn_last_line_of_the_journal_is_no_hindrance() {
    let fixture = Fixture::new().await;
    fill(&fixture, 3);
    let args = ["--from-dir", "/mails/out"];
    fixture.guest(&args).run().await.expect_success();
    let journal = fixture.read(JOURNAL);
    fixture.write(JOURNAL, &journal[..journal.len() - 7]);
    // What the torn line said is lost, so that its mail is in doubt.
    let outcome = fixture.guest(&args).run().await;
    expect(
        &outcome,
        74,
        &["  maybe: 1 recipient ", "earlier runs: 2 recipients"],
    );
    each_once(&fixture.settled().await, 3);
}
