//! The envelope: sender, recipients, and what is asked of the server's reports.

use super::fixture::{Fixture, MAIL, expect};
use super::peer::Mail;

async fn sent(args: &[&str]) -> Mail {
    let fixture = Fixture::new().await;
    fixture.guest(args).run().await.expect_success();
    fixture.peer.seen().mails.remove(0)
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
        let mail = sent(args).await;
        assert_eq!(words(&mail.from)[1], sender, "{args:?}");
    }
}

#[tokio::test]
async fn who_really_sent_it_is_in_sender() {
    let fixture = Fixture::new().await;
    let guest = fixture.guest(&["-t", "--read-envelope-from"]);
    let mail = format!("Sender: carl@test.local\n{MAIL}");
    guest.stdin(mail).run().await.expect_success();
    let mail = fixture.peer.seen().mails.remove(0);
    assert_eq!(words(&mail.from)[1], "FROM:<carl@test.local>");
    let resent = format!("Resent-To: dora@test.local\n{MAIL}");
    let outcome = fixture.guest(&["-t"]).stdin(resent).run().await;
    expect(&outcome, 64, &["no sender", "Resent-From"]);
}

#[tokio::test]
async fn recipients_come_from_both_sides_and_each_once() {
    let mail = sent(&[
        "-t",
        "bob@test.local,Carl <carl@test.local>",
        "alice@TEST.local",
    ])
    .await;
    let to: Vec<_> = mail
        .to
        .iter()
        .map(|line| words(line)[1].to_lowercase())
        .collect();
    let all = ["bob", "carl", "alice"].map(|name| format!("to:<{name}@test.local>"));
    assert_eq!(to, all);
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
    let mail = sent(&args).await;
    let from = words(&mail.from);
    assert!(from.contains(&"RET=HDRS"), "{from:?}");
    assert!(from.contains(&"ENVID=id+201+2B+3D"), "{from:?}");
    assert_eq!(mail.to.len(), 2);
    for to in &mail.to {
        assert!(words(to).contains(&"NOTIFY=SUCCESS,DELAY"), "{to}");
    }
    let mail = sent(&["-N", "never", "--dsn-return=full", "-t"]).await;
    assert!(words(&mail.from).contains(&"RET=FULL"));
    assert!(words(&mail.to[0]).contains(&"NOTIFY=NEVER"));
    let mail = sent(&["-N", "off", "-R", "off", "-t"]).await;
    for line in [&mail.from, &mail.to[0]] {
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
    assert_eq!(fixture.peer.settled().await.count("MAIL"), 0);
    fixture.guest(&["-t"]).run().await.expect_success();
}
