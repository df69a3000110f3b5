//! The envelope: sender, recipients, and what is asked of the server's reports.

use super::fixture::{Fixture, MAIL, expect};
use smtp_test_server::Seen;

async fn sent(args: &[&str]) -> Seen {
    let fixture = Fixture::new().await;
    fixture.guest(args).run().await.expect_success();
    fixture.server.seen()
}

/// The only line that begins so.
fn only<'a>(seen: &'a Seen, beginning: &str) -> &'a str {
    let lines = seen.starting(beginning);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0]
}

/// The words of a line.
fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[tokio::test]
async fn the_sender_is_named_or_nobody_or_in_the_mail() {
    for (args, sender) in [
        (&["-t"][..], "FROM:<user@test.local>"),
        (
            &["-t", "-f", "bounce@test.local"],
            "FROM:<bounce@test.local>",
        ),
        (&["-t", "-rbounce@test.local"], "FROM:<bounce@test.local>"),
        (&["-t", "-f", "<>"], "FROM:<>"),
        (&["-t", "-f", ""], "FROM:<>"),
    ] {
        let seen = sent(args).await;
        assert_eq!(words(only(&seen, "MAIL"))[1], sender, "{args:?}");
    }
}

#[tokio::test]
async fn who_really_sent_it_is_in_sender() {
    let fixture = Fixture::new().await;
    let guest = fixture.guest(&["-t", "--read-envelope-from"]);
    let mail = format!("Sender: carl@test.local\n{MAIL}");
    guest.stdin(mail).run().await.expect_success();
    let mail = fixture.server.mails().remove(0);
    assert_eq!(mail.sender, "carl@test.local");
    let resent = format!("Resent-To: dora@test.local\n{MAIL}");
    let outcome = fixture.guest(&["-t"]).stdin(resent).run().await;
    expect(&outcome, 64, &["no sender", "Resent-From"]);
}

#[tokio::test]
async fn recipients_come_from_both_sides_and_each_once() {
    let seen = sent(&[
        "-t",
        "bob@test.local,Carl <carl@test.local>",
        "alice@TEST.local",
    ])
    .await;
    let to = seen.mails[0].recipients.iter();
    let to: Vec<_> = to.map(|address| address.to_lowercase()).collect();
    assert_eq!(
        to,
        ["bob", "carl", "alice"].map(|name| format!("{name}@test.local"))
    );
}

#[tokio::test]
async fn reports_are_asked_for_in_mail_and_rcpt() {
    let args = [
        "-N",
        "success,delay",
        "-R",
        "hdrs",
        "-V",
        "id 1+=",
        "-t",
        "bob@test.local",
    ];
    let seen = sent(&args).await;
    let from = words(only(&seen, "MAIL"));
    assert!(from.contains(&"RET=HDRS"), "{from:?}");
    assert!(from.contains(&"ENVID=id+201+2B+3D"), "{from:?}");
    let all = seen.starting("RCPT");
    assert_eq!(all.len(), 2);
    for to in all {
        assert!(words(to).contains(&"NOTIFY=SUCCESS,DELAY"), "{to}");
    }
    let seen = sent(&["-N", "never", "--dsn-return=full", "-t"]).await;
    assert!(words(only(&seen, "MAIL")).contains(&"RET=FULL"));
    assert!(words(only(&seen, "RCPT")).contains(&"NOTIFY=NEVER"));
    let seen = sent(&["-N", "off", "-R", "off", "-t"]).await;
    for line in [only(&seen, "MAIL"), only(&seen, "RCPT")] {
        assert!(
            !line.contains("RET=") && !line.contains("NOTIFY="),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_server_without_reports_is_told_of() {
    let fixture = Fixture::with(|asked| {
        let hello = asked.line.starts_with("EHLO");
        hello.then(|| "250-peer.test\r\n250 8BITMIME".into())
    })
    .await;
    let outcome = fixture.guest(&["-t", "-N", "never"]).run().await;
    expect(&outcome, 69, &["DSN", "-N", "was not sent"]);
    assert_eq!(fixture.settled().await.count("MAIL"), 0);
    fixture.guest(&["-t"]).run().await.expect_success();
}
