//! Secrets in files: a password, and an access token that another program renews.

use super::fixture::{Fixture, expect};
use super::folder::mail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_test_server::{Asked, Deviation};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

const USER: &str = "user@test.local";

/// Offers AUTH by these.
fn offer(asked: &Asked<'_>, mechanisms: &str) -> Option<Deviation> {
    let hello = asked.line.starts_with("EHLO");
    hello.then(|| Deviation::say(&format!("250-peer.test\r\n250 AUTH {mechanisms}")))
}

/// What a line of AUTH with its first response says, NULs as `|` and the byte 1
/// as `,`.
fn said(line: &str) -> String {
    let response = line.rsplit(' ').next().unwrap();
    let bytes = STANDARD.decode(response).expect("base64");
    let text = String::from_utf8(bytes).expect("text");
    text.replace('\0', "|").replace('\x01', ",")
}

#[tokio::test]
async fn a_password_file_is_its_first_line() {
    let fixture = Fixture::with(|asked| offer(asked, "PLAIN")).await;
    for content in ["p w:ü\n", "p w:ü\r\nanother line\n", "\u{feff}p w:ü"] {
        fixture.write("password", content);
        let guest = fixture.guest(&["-t", "--user", USER, "--password-file=/mails/password"]);
        guest.run().await.expect_success();
    }
    let seen = fixture.settled().await;
    let proofs: Vec<_> = seen.starting("AUTH PLAIN").into_iter().map(said).collect();
    assert_eq!(proofs, ["|user@test.local|p w:ü"; 3]);
}

#[tokio::test]
async fn a_password_file_wins_over_the_url_and_takes_its_user() {
    let fixture = Fixture::with(|asked| offer(asked, "PLAIN")).await;
    fixture.write("password", "right");
    let url = fixture.url().replace("//", "//bob:wrong@");
    let args = ["-t", "--password-file", "/mails/password"];
    fixture.guest_at(&url, &args).run().await.expect_success();
    let seen = fixture.settled().await;
    assert_eq!(said(seen.starting("AUTH")[0]), "|bob|right");
}

#[tokio::test]
async fn a_file_that_is_missing_empty_or_without_a_user_is_said() {
    let fixture = Fixture::with(|asked| offer(asked, "PLAIN XOAUTH2")).await;
    fixture.write("empty", "\nsecret-one\n");
    fixture.write("token", "secret-one\n");
    for (args, code, says) in [
        (
            ["--user=u", "--password-file=/mails/none"],
            66,
            "password file /mails/none",
        ),
        (["--user=u", "--password-file=/etc/hostname"], 66, "--dir"),
        (
            ["--user=u", "--password-file=/mails/empty"],
            78,
            "first line is empty",
        ),
        (
            ["--user=u", "--token-file=/mails/none"],
            66,
            "token file /mails/none",
        ),
        (
            ["--user=u", "--token-file=/mails/empty"],
            78,
            "first line is empty",
        ),
        (["-v", "--token-file=/mails/token"], 78, "--user"),
        (["--user=u", "-i"], 78, "--password-file"),
    ] {
        let outcome = fixture.guest(&[&["-t"], &args[..]].concat()).run().await;
        expect(&outcome, code, &[says]);
        assert!(!outcome.stderr.contains("secret-one"), "{}", outcome.stderr);
    }
    assert_eq!(fixture.server.seen().count("AUTH"), 0);
}

#[tokio::test]
async fn a_token_logs_in_by_what_the_server_offers() {
    for (mechanism, response) in [
        ("XOAUTH2", "user=user@test.local,auth=Bearer tok.en-1,,"),
        ("OAUTHBEARER", "n,a=user@test.local,,"),
    ] {
        let fixture = Fixture::with(move |asked| offer(asked, mechanism)).await;
        fixture.write("token", "tok.en-1\n");
        let guest = fixture.guest(&["-t", "--user", USER, "--token-file=/mails/token"]);
        guest.run().await.expect_success();
        let seen = fixture.settled().await;
        let auth = seen.starting("AUTH ");
        assert!(
            auth[0].starts_with(&format!("AUTH {mechanism} ")),
            "{auth:?}"
        );
        let said = said(auth[0]);
        assert!(said.starts_with(response), "{said}");
        assert!(said.contains("auth=Bearer tok.en-1,,"), "{said}");
    }
}

#[tokio::test]
async fn a_token_that_was_renewed_meanwhile_is_read_anew() {
    let file: Arc<OnceLock<PathBuf>> = Arc::default();
    let renewed = file.clone();
    // The server refuses by a challenge, as Google's does; the client's answer to
    // it is an empty line.
    let fixture = Fixture::with(move |asked| match asked.line {
        line if line.starts_with("AUTH") && said(line).contains("old") => {
            let file = renewed.get().expect("set before the run");
            std::fs::write(file, "new\n").unwrap();
            let challenge = STANDARD.encode(r#"{"status":"401"}"#);
            Some(Deviation::say(&format!("334 {challenge}")))
        }
        "" => Some("535 5.7.8 token expired".into()),
        _ => offer(asked, "XOAUTH2"),
    })
    .await;
    fixture.write("token", "old\n");
    file.set(fixture.path("token")).unwrap();
    let guest = fixture.guest(&["-t", "-v", "--user", USER, "--token-file=/mails/token"]);
    let outcome = guest.run().await.expect_success();
    let seen = fixture.settled().await;
    let tokens: Vec<_> = seen.starting("AUTH").into_iter().map(said).collect();
    assert!(
        tokens.len() == 2 && tokens[1].contains("Bearer new"),
        "{tokens:?}"
    );
    assert_eq!(seen.mails.len(), 1);
    for line in seen.starting("AUTH") {
        let secret = line.rsplit(' ').next().unwrap();
        assert!(!outcome.stderr.contains(secret), "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn a_token_that_stays_the_same_is_tried_once() {
    let fixture = Fixture::with(|asked| match asked.line.starts_with("AUTH") {
        true => Some("535 5.7.8 no".into()),
        false => offer(asked, "XOAUTH2"),
    })
    .await;
    fixture.write("token", "secret-one\n");
    let args = ["-t", "--tries=5", "--user=u", "--token-file=/mails/token"];
    let outcome = fixture.guest(&args).run().await;
    expect(&outcome, 77, &["535", "--token-file", "was not sent"]);
    assert_eq!(fixture.settled().await.count("AUTH"), 1);
}

/// Servers lock accounts: however many connections a run may have, it asks once whether
/// the password is right, and three times where it hears nothing of that.
#[tokio::test]
async fn a_run_ends_with_its_first_login_that_is_refused() {
    for (reply, code, tries) in [
        ("535 5.7.8 wrong", 77, 1),
        ("534 5.7.9 Application-specific password required", 77, 1),
        ("454 4.7.0 later", 75, 3),
    ] {
        let refuse = |asked: &Asked<'_>| {
            let is_auth = asked.line.starts_with("AUTH");
            let refused = is_auth.then(|| Deviation::say(reply));
            refused.or_else(|| offer(asked, "PLAIN"))
        };
        let fixture = Fixture::with(refuse).await;
        for number in 0..8 {
            let mail = mail(number, "r@test.local");
            fixture.write(&format!("out/{number}.eml"), mail);
        }
        fixture.write("password", "secret");
        let login = ["--user", USER, "--password-file", "/mails/password"];
        let guest = fixture.guest(&["--from-dir", "/mails/out", "--connections", "4"]);
        let outcome = login
            .iter()
            .fold(guest, |guest, arg| guest.arg(arg))
            .run()
            .await;
        expect(&outcome, code, &["AUTH by PLAIN"]);
        let seen = fixture.settled().await;
        assert_eq!(
            (seen.count("AUTH"), seen.mails.len()),
            (tries, 0),
            "{reply}"
        );
    }
}
