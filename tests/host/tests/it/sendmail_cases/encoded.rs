//! Mails and addresses that do not go as they are: what the server gets instead, and
//! what is said of it.

use super::fixture::{Fixture, expect, lines};
use super::folder::{JOURNAL, events, mail};

const PLAIN: &[&str] = &["PIPELINING", "SIZE 1000000"];

/// A mail with this text.
fn with_text(text: &str) -> String {
    format!("From: user@test.local\nTo: alice@test.local\nSubject: s\n\n{text}\n")
}

#[tokio::test]
async fn what_cron_jobs_print_arrives() {
    for text in [
        &"x".repeat(5000),
        " 10%\r 50%\r100% done",
        "Gr\u{fc}\u{df}e",
    ] {
        let fixture = Fixture::offering(PLAIN, |_| None).await;
        let guest = fixture.guest(&["-t", "-v"]).stdin(with_text(text));
        let outcome = guest.run().await.expect_success();
        let said = "the mail was re-encoded, since its text does not go as it is\n";
        assert!(outcome.stdout.contains(said), "{}", outcome.stdout);
        let seen = fixture.settled().await;
        let arrived = seen.mails[0].text();
        assert!(arrived.is_ascii() && arrived.lines().all(|line| line.len() < 80));
        assert_eq!(arrived.matches("quoted-printable").count(), 1, "{arrived}");
        assert_eq!(arrived.matches("MIME-Version: 1.0").count(), 1);

        let guest = fixture.guest(&["-t", "--strict"]).stdin(with_text(text));
        expect(&guest.run().await, 65, &["line 5 of the mail"]);
        assert_eq!(fixture.settled().await.mails.len(), 1);
    }
}

#[tokio::test]
async fn a_server_with_8bitmime_gets_the_text_as_it_is() {
    let fixture = Fixture::new().await;
    let text = with_text("Gr\u{fc}\u{df}e");
    let outcome = fixture.guest(&["-t", "-v"]).stdin(text).run().await;
    let outcome = outcome.expect_success();
    assert!(!outcome.stdout.contains("re-encoded"), "{}", outcome.stdout);
    let seen = fixture.settled().await;
    assert!(
        seen.mails[0]
            .text()
            .ends_with("\r\n\r\nGr\u{fc}\u{df}e\r\n")
    );
}

#[tokio::test]
async fn what_is_signed_is_refused_with_the_reason() {
    let fixture = Fixture::offering(PLAIN, |_| None).await;
    for text in ["x".repeat(999), "Gr\u{fc}\u{df}e".into()] {
        let mail = format!("DKIM-Signature: v=1\n{}", with_text(&text));
        let outcome = fixture.guest(&["-t"]).stdin(mail).run().await;
        expect(
            &outcome,
            65,
            &["of the mail does not go as it is", "signed"],
        );
    }
    assert_eq!(fixture.settled().await.mails.len(), 0);
}

#[tokio::test]
async fn a_dry_run_and_a_report_say_it_too() {
    let fixture = Fixture::offering(PLAIN, |_| None).await;
    let cr = with_text("a\rb");
    for (text, says) in [
        (cr.as_str(), "\nre-encoded: yes\n"),
        (
            &with_text("\u{fc}"),
            "\nre-encoded: for a server without 8BITMIME\n",
        ),
    ] {
        let guest = fixture.guest(&["-t", "--dry-run"]).stdin(text);
        let outcome = guest.run().await.expect_success();
        assert!(outcome.stdout.ends_with(says), "{}", outcome.stdout);
    }
    fixture.write("out/0.eml", &cr);
    fixture.write("out/1.eml", with_text("\u{fc}"));
    fixture.write("out/2.eml", with_text("plain"));
    let outcome = fixture.guest(&["--from-dir", "/mails/out"]).run().await;
    let outcome = outcome.expect_success();
    let says = "sent: 3 recipients\nre-encoded: 2 mails, whose text does not go as it is; --strict refuses it\n";
    assert!(outcome.stdout.starts_with(says), "{}", outcome.stdout);
}

#[tokio::test]
async fn international_domains_go_as_a_labels() {
    let fixture = Fixture::offering(PLAIN, |_| None).await;
    let args = ["-f", "info@b\u{fc}cher.example", "you@b\u{fc}cher.example"];
    fixture.guest(&args).run().await.expect_success();
    let seen = fixture.settled().await;
    let mail = &seen.mails[0];
    assert_eq!(mail.sender, "info@xn--bcher-kva.example");
    assert_eq!(mail.recipients, ["you@xn--bcher-kva.example"]);

    let fixture = Fixture::offering(&["SMTPUTF8", "8BITMIME", "PIPELINING"], |_| None).await;
    fixture.guest(&args).run().await.expect_success();
    let seen = fixture.settled().await;
    assert_eq!(seen.mails[0].recipients, ["you@b\u{fc}cher.example"]);
}

#[tokio::test]
async fn who_needs_smtputf8_alone_stays_without_the_mail() {
    let fixture = Fixture::offering(PLAIN, |_| None).await;
    let (odd, plain) = ("j\u{f6}rg@test.local", "plain@test.local");
    let outcome = fixture
        .guest(&["-f", "me@test.local", odd, plain])
        .run()
        .await;
    let line = format!("  {odd}: the server does not offer SMTPUTF8, which this address needs");
    expect(
        &outcome,
        69,
        &["1 of 2 recipients did not get the mail", &line],
    );
    assert_eq!(lines(&outcome).len(), 2);
    let seen = fixture.settled().await;
    assert_eq!(seen.mails[0].recipients, [plain]);
    // Alone, it is the mail that needs it.
    let outcome = fixture.guest(&["-f", "me@test.local", odd]).run().await;
    expect(&outcome, 69, &["does not offer SMTPUTF8"]);

    // The header has it too, which takes 8BITMIME.
    let fixture = Fixture::new().await;
    fixture.write("out/0.eml", mail(0, &format!("{odd}, {plain}")));
    let outcome = fixture.guest(&["--from-dir", "/mails/out"]).run().await;
    expect(
        &outcome,
        69,
        &["  sent: 1 recipient", "  refused: 1 recipient"],
    );
    let journal = fixture.read(JOURNAL);
    let refused = events(&journal, "refused");
    assert!(refused[0].contains("SMTPUTF8"), "{journal}");
}
