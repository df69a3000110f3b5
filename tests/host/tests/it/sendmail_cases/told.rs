//! What is told: the conversation without secrets, what the server offers, what
//! would be submitted.

use super::fixture::{Fixture, MAIL, expect, lines};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_test_server::listen::Security;
use smtp_test_server::{Mechanism, Rules, Server};
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{Guest, build};
use test_host::sendmail::{self, CaFolder};

const USER: &str = "user@test.local";
const PASSWORD: &str = "Tr0ub4dor-and-3";

/// A run with `-v` against a server that logs in by this, and its conversation.
async fn conversation(mechanism: Mechanism, password: &str) -> String {
    let ca = Ca::new();
    let folder = CaFolder::new(&ca).unwrap();
    let rules = Rules::default().user(USER, PASSWORD);
    let server = Server::new(rules.mechanisms(&[mechanism]));
    let security = Security::StartTls(ca.server_config(&LOCAL_NAMES));
    let server = server.listen(security).unwrap();
    let component = build("wasi-sendmail", "wasi-sendmail");
    let url = format!("smtp://localhost:{}", server.addr().port());
    let guest = sendmail::guest(&component, &folder, &url)
        .env("WASI_SENDMAIL_PASSWORD", password)
        .arg("--user")
        .arg(USER)
        .arg("-tv")
        .stdin(MAIL.replace("body", "confidential"));
    let outcome = guest.run().await;
    let taken = server.mails().len();
    assert_eq!(
        taken,
        usize::from(password == PASSWORD),
        "{}",
        outcome.stderr
    );
    outcome.stderr
}

/// Every text that base64 may hide in this one.
fn hidden(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)));
    let decoded = words.filter_map(|word| STANDARD.decode(word).ok());
    decoded
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

#[tokio::test]
async fn the_conversation_shows_neither_secrets_nor_the_mail() {
    for mechanism in Mechanism::ALL {
        for password in [PASSWORD, "wr0ng-and-l0ng"] {
            let text = conversation(mechanism, password).await;
            for shown in [
                "< 220 ",
                "> EHLO [127.0.0.1]",
                "> STARTTLS",
                mechanism.name(),
            ] {
                assert!(text.contains(shown), "{shown:?} is not in: {text}");
            }
            if password == PASSWORD {
                let taken = [
                    "> MAIL FROM:<user@test.local>",
                    "> RCPT TO:<alice@test.local>",
                ];
                assert!(taken.iter().all(|shown| text.contains(shown)), "{text}");
                assert!(text.contains("< 250 2.0.0 queued as 000001"), "{text}");
            } else {
                assert!(text.contains("< 535 "), "{text}");
            }
            for decoded in hidden(&text).iter().chain([&text]) {
                // SCRAM's proof lets others guess the password in peace.
                for secret in [password, "p=", "confidential", "Subject"] {
                    let is_capability = secret == "p=" && decoded == &text;
                    assert!(
                        is_capability || !decoded.contains(secret),
                        "{secret}: {text}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn the_conversation_stands_before_the_sentence_of_a_failure() {
    let fixture = Fixture::with(|asked| {
        let to = asked.line.starts_with("RCPT");
        to.then(|| "550 5.1.1 no such user\x1b[2J".into())
    })
    .await;
    let outcome = fixture.guest(&["-t", "-v"]).run().await;
    expect(&outcome, 67, &["< 550 5.1.1 no such user"]);
    let lines = lines(&outcome);
    let sentence = lines
        .iter()
        .position(|line| line.starts_with("wasi-sendmail: "))
        .unwrap();
    assert!(
        lines[..sentence]
            .iter()
            .all(|line| line.starts_with(['<', '>'])),
        "{lines:?}"
    );
    assert!(
        !outcome.stderr.contains('\x1b'),
        "no server moves the cursor: {:?}",
        outcome.stderr
    );
}

#[tokio::test]
async fn verify_logs_in_and_says_what_the_server_offers() {
    let fixture = Fixture::with(|asked| match asked.line.split(' ').next() {
        Some("EHLO") => Some(
            "250-peer.test\r\n250-SIZE 1000\r\n250-PIPELINING\r\n250-DSN\r\n250 AUTH PLAIN LOGIN"
                .into(),
        ),
        _ => None,
    })
    .await;
    let plain = fixture.guest(&["--verify"]).run().await.expect_success();
    assert!(
        plain.stdout.contains("logged in by: nothing"),
        "{}",
        plain.stdout
    );
    let url = fixture.url().replace("//", "//user:secret-one@");
    let outcome = fixture
        .guest_at(&url, &["--verify", "--ehlo=me.test"])
        .run()
        .await;
    let outcome = outcome.expect_success();
    assert_eq!(outcome.stderr, "");
    let expected = [
        ("TLS: ", "1.3"),
        ("EHLO name: ", "me.test"),
        ("offers: ", "SIZE 1000"),
        ("logins: ", "PLAIN, LOGIN"),
        ("logged in by: ", "PLAIN"),
    ];
    for ((begin, part), line) in expected.iter().zip(outcome.stdout.lines()) {
        assert!(
            line.starts_with(begin) && line.contains(part),
            "{}",
            outcome.stdout
        );
    }
    assert_eq!(outcome.stdout.lines().count(), expected.len());
    let seen = fixture.settled().await;
    assert_eq!(
        (seen.count("MAIL"), seen.count("AUTH"), seen.count("QUIT")),
        (0, 1, 2)
    );
}

#[tokio::test]
async fn verify_says_what_a_mail_would_meet() {
    let fixture = Fixture::with(|asked| match asked.line.split(' ').next() {
        Some("EHLO") => Some("250-peer.test\r\n250 AUTH PLAIN".into()),
        Some("AUTH") => Some("535 5.7.8 no".into()),
        _ => None,
    })
    .await;
    let url = fixture.url().replace("//", "//user:secret-one@");
    let outcome = fixture.guest_at(&url, &["--verify"]).run().await;
    expect(&outcome, 77, &["535", "check the user name"]);
    assert!(!outcome.stderr.contains("secret-one") && outcome.stdout.is_empty());
}

/// The server says nothing before TLS, and is asked after 10 s.
#[tokio::test]
async fn a_port_that_waits_for_tls_is_found_out_before_its_greeting_is_due() {
    let fixture = Fixture::new().await;
    let url = fixture.url().replace("smtps", "smtp");
    let outcome = fixture.guest_at(&url, &["-t", "--tries", "3"]).run().await;
    let says = [
        "does not greet on this port, and answers TLS there: use smtps://",
        "was not sent",
    ];
    expect(&outcome, 76, &says);
    // The second one came to ask, and said nothing but the handshake.
    let seen = fixture.settled().await;
    assert_eq!(seen.connections.len(), 2);
    assert!(seen.connections[1].lines.is_empty());
}

#[tokio::test]
async fn verify_takes_no_recipients_that_it_would_not_ask_about() {
    let fixture = Fixture::new().await;
    let outcome = fixture.guest(&["--verify", "bob@test.local"]).run().await;
    expect(&outcome, 64, &["--verify", "leave them out"]);
    assert_eq!(fixture.server.seen().connections.len(), 0);
}

#[tokio::test]
async fn a_dry_run_needs_no_server_and_says_who_would_get_what() {
    let component = build("wasi-sendmail", "wasi-sendmail");
    let guest = Guest::new(&component, "wasi-sendmail").stdin(MAIL);
    let guest = guest
        .arg("--dry-run")
        .arg("-t")
        .arg("-f<>")
        .arg("bob@test.local");
    let outcome = guest.run().await.expect_success();
    let size = MAIL.replace('\n', "\r\n").len();
    let expected =
        format!("from: <>\nto: <bob@test.local>\nto: <alice@test.local>\noctets: {size}\n");
    assert_eq!((outcome.stdout, outcome.stderr.as_str()), (expected, ""));
    let guest = Guest::new(&component, "wasi-sendmail")
        .arg("--dry-run")
        .stdin(MAIL);
    expect(&guest.run().await, 64, &["no recipient"]);
}

#[tokio::test]
async fn a_dry_run_over_a_folder_names_each_mail_and_leaves_no_journal() {
    let fixture = Fixture::new().await;
    fixture.write("out/1.eml", MAIL);
    fixture.write("out/2.eml", MAIL.replace("alice", "bob"));
    let args = ["--dry-run", "--from-dir", "/mails/out"];
    let outcome = fixture.guest(&args).run().await.expect_success();
    let (first, second) = outcome.stdout.split_once("\n\n").unwrap();
    assert!(
        first.starts_with("1.eml\n") && first.contains("to: <alice@"),
        "{first}"
    );
    assert!(
        second.starts_with("2.eml\n") && second.contains("to: <bob@"),
        "{second}"
    );
    fixture.write("out/3.eml", "To: nobody in particular\n\n");
    let outcome = fixture.guest(&args).run().await;
    expect(
        &outcome,
        65,
        &["1 of the mails can't go", "  3.eml: the To field"],
    );
    assert_eq!(fixture.server.seen().connections.len(), 0);
    assert!(!fixture.path("out/wasi-sendmail.journal").exists());
}

/// Whoever fills the folder names its files.
#[cfg(unix)]
#[tokio::test]
async fn names_of_files_write_no_lines_and_no_titles() {
    let fixture = Fixture::new().await;
    let name = "out/a\u{1b}]0;title\u{7}\nto: <x@y>\u{202e}.eml";
    let shown = r"a\u{1b}]0;title\u{7} / to: <x@y>\u{202e}.eml";
    for (mail, code) in [(MAIL, 0), ("To: nobody in particular\n\n", 65)] {
        fixture.write(name, mail);
        let args = ["--dry-run", "--from-dir", "/mails/out"];
        let outcome = fixture.guest(&args).run().await;
        let said = match code {
            0 => outcome.expect_success().stdout,
            _ => {
                expect(&outcome, code, &["the To field"]);
                outcome.stderr
            }
        };
        assert!(said.contains(shown), "{said:?}");
        assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
        assert!(!said.lines().any(|line| line.starts_with("to: <x@y>")));
    }
    // The journal and the report of a run have another way to write the same.
    let outcome = fixture.guest(&["--from-dir", "/mails/out"]).run().await;
    let said = outcome.stderr + &fixture.read("out/wasi-sendmail.journal");
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
    assert!(
        said.contains(r"a\u{1b}]0;title\u{7}\nto: <x@y>\u{202e}.eml"),
        "{said:?}"
    );
}

#[tokio::test]
async fn help_and_version_are_printed_and_nothing_is_read() {
    let component = build("wasi-sendmail", "wasi-sendmail");
    for (flag, begin) in [
        ("--help", "Submits the mail"),
        ("-h", "Submits the mail"),
        ("--version", "wasi-sendmail 0."),
    ] {
        let outcome = Guest::new(&component, "wasi-sendmail")
            .arg(flag)
            .run()
            .await;
        let outcome = outcome.expect_success();
        assert!(outcome.stdout.starts_with(begin), "{}", outcome.stdout);
        assert_eq!(outcome.stderr, "");
    }
}
