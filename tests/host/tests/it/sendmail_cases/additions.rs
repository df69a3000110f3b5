//! What is added to a mail, what is taken out of it, and that nothing else of it
//! changes.

use super::fixture::{Fixture, MAIL};

/// What the server got, given this input.
async fn sent(input: &str, args: &[&str]) -> String {
    let fixture = Fixture::new().await;
    let guest = fixture.guest(args).stdin(input);
    guest.run().await.expect_success();
    let seen = fixture.settled().await;
    assert_eq!(seen.mails.len(), 1);
    seen.mails[0].text().to_owned()
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// The lines of a header.
fn header(text: &str) -> Vec<&str> {
    let (header, _) = text.split_once("\r\n\r\n").expect("a header");
    header.split("\r\n").collect()
}

#[tokio::test]
async fn a_missing_date_message_id_and_from_are_added_in_front() {
    let rest = "To: alice@test.local\nSubject: s\n\nbody\n";
    let text = sent(rest, &["-t", "-f", "user@test.local", "-F", "Ann Other"]).await;
    let added = text
        .strip_suffix(&crlf(rest))
        .expect("the rest is as it was");
    let lines: Vec<_> = added.lines().collect();
    assert_eq!(lines.len(), 3, "{added}");
    assert!(
        lines[0].starts_with("Date: ") && lines[0].ends_with(" +0000"),
        "{added}"
    );
    assert!(lines[1].starts_with("Message-ID: <"), "{added}");
    assert!(lines[1].ends_with("@test.local>"), "{added}");
    assert_eq!(lines[2], "From: \"Ann Other\" <user@test.local>");
}

#[tokio::test]
async fn a_name_that_is_no_ascii_is_encoded_and_no_name_is_none() {
    let text = sent(
        "Subject: s\n\nx\n",
        &["-fuser@test.local", "-FJörg Ä", "a@test.local"],
    )
    .await;
    let from = header(&text)
        .into_iter()
        .find(|line| line.starts_with("From: "))
        .unwrap();
    assert!(from.is_ascii() && from.contains("=?utf-8?"), "{from}");
    assert!(from.ends_with(" <user@test.local>"), "{from}");
    let text = sent("Subject: s\n\nx\n", &["-fuser@test.local", "a@test.local"]).await;
    assert!(header(&text).contains(&"From: <user@test.local>"), "{text}");
}

#[tokio::test]
async fn what_is_there_stays_even_with_a_name() {
    let text = sent(MAIL, &["-t", "-F", "Somebody Else"]).await;
    assert_eq!(text, crlf(MAIL));
}

#[tokio::test]
async fn raw_adds_nothing() {
    let mail = "Subject: s\n\nbody\n";
    let text = sent(
        mail,
        &["--raw", "-F", "Ann", "-fuser@test.local", "a@test.local"],
    )
    .await;
    assert_eq!(text, crlf(mail));
}

#[tokio::test]
async fn a_text_without_a_header_gets_one() {
    for body in ["hello\n", "\nhello: x\n"] {
        let text = sent(body, &["-fuser@test.local", "a@test.local"]).await;
        let (header, rest) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(header.lines().count(), 3, "{text}");
        assert_eq!(rest, crlf(body.trim_start()));
    }
}

#[tokio::test]
async fn nobody_as_sender_leaves_from_out() {
    let text = sent("Subject: s\n\nx\n", &["-f", "<>", "a@test.local"]).await;
    assert!(!text.contains("From:"), "{text}");
    assert!(header(&text).len() == 3, "{text}");
}

#[tokio::test]
async fn bcc_goes_with_t_and_without() {
    let mail = MAIL.replace(
        "Subject",
        "BCC : eve@test.local,\n\tbob@test.local\nSubject",
    );
    for args in [&["-t"][..], &["alice@test.local"], &["-t", "--raw"]] {
        let text = sent(&mail, args).await;
        assert_eq!(text, crlf(MAIL), "{args:?}");
    }
}

#[tokio::test]
async fn a_mail_that_is_sent_again_goes_to_the_resent_fields_alone() {
    let again = format!(
        "Resent-From: carl@test.local\nResent-To: dora@test.local\nResent-Bcc: eve@test.local\n{MAIL}"
    );
    let fixture = Fixture::new().await;
    let guest = fixture
        .guest(&["-t", "bob@test.local"])
        .stdin(again.clone());
    guest.run().await.expect_success();
    let mail = fixture.server.seen().mails.remove(0);
    assert_eq!(mail.sender, "carl@test.local");
    let to = ["bob", "dora", "eve"].map(|name| format!("{name}@test.local"));
    assert_eq!(mail.recipients, to);
    let without = again.replace("Resent-Bcc: eve@test.local\n", "");
    assert_eq!(mail.text(), crlf(&without));
}

#[tokio::test]
async fn lines_that_begin_with_a_dot_and_other_scripts_arrive_as_they_are() {
    let mail = format!("{MAIL}.\n..x\n.y\nGrüße\nno end of line");
    let text = sent(&mail, &["-t", "-i"]).await;
    assert_eq!(text, crlf(&format!("{mail}\n")));
    let ended = sent(&format!("{MAIL}.\nmore\n"), &["-t"]).await;
    assert_eq!(ended, crlf(MAIL), "a dot ends it without -i");
}
