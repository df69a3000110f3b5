//! Flags, environment and config file together.

use super::fixture::{Fixture, MAIL, expect};
use smtp_test_server::listen::Security;
use smtp_test_server::{Rules, Server};
use test_host::guest::{Guest, Network};

/// A run whose only settings are those that a test gives.
fn bare(fixture: &Fixture) -> Guest {
    Guest::new(&fixture.component, "wasi-sendmail")
        .network(Network::Loopback)
        .allow_names()
        .folder(fixture.ca.path(), "/ca")
        .folder(fixture.path(""), "/mails")
        .stdin(MAIL)
        .arg("-t")
}

/// A config file with all that a run needs.
fn config(fixture: &Fixture) -> String {
    let url = fixture.url();
    format!(
        "# A comment\n\n  server = {url}\nca-file=/ca/ca.pem\nehlo = config.test\nfrom = config@test.local\n"
    )
}

#[tokio::test]
async fn a_config_file_is_enough() {
    let fixture = Fixture::new().await;
    fixture.write("config", config(&fixture).replace('\n', "\r\n"));
    let flag = bare(&fixture).arg("--config=/mails/config");
    let variable = bare(&fixture).env("WASI_SENDMAIL_CONFIG", "/mails/config");
    for guest in [flag, variable] {
        guest.run().await.expect_success();
    }
    let seen = fixture.settled().await;
    assert_eq!(seen.starting("EHLO"), ["EHLO config.test"; 2]);
    assert_eq!(seen.count("MAIL FROM:<config@test.local>"), 2);
}

#[tokio::test]
async fn flags_win_over_the_environment_and_that_over_the_file() {
    let fixture = Fixture::new().await;
    fixture.write("config", config(&fixture));
    let base = || bare(&fixture).arg("--config=/mails/config");
    let environment = |guest: Guest| {
        guest
            .env("WASI_SENDMAIL_EHLO", "env.test")
            .env("WASI_SENDMAIL_FROM", "env@test.local")
    };
    let with_flags = environment(base()).arg("--ehlo=flag.test").arg("-f<>");
    let empty = base()
        .env("WASI_SENDMAIL_EHLO", "")
        .env("WASI_SENDMAIL_FROM", "");
    let of_mail = environment(base()).arg("--read-envelope-from");
    for (guest, ehlo, from) in [
        (environment(base()), "env.test", "env@test.local"),
        (with_flags, "flag.test", ""),
        (empty, "config.test", "config@test.local"),
        (of_mail, "env.test", "user@test.local"),
    ] {
        guest.run().await.expect_success();
        let seen = fixture.settled().await;
        assert_eq!(
            *seen.starting("EHLO").last().unwrap(),
            format!("EHLO {ehlo}")
        );
        let mail = seen.mails.last().unwrap();
        assert_eq!(mail.sender, from);
    }
}

#[tokio::test]
async fn the_first_source_with_a_secret_decides_for_all_kinds() {
    let fixture = Fixture::with(|asked| {
        let hello = asked.line.starts_with("EHLO");
        hello.then(|| "250-peer.test\r\n250 AUTH PLAIN XOAUTH2".into())
    })
    .await;
    fixture.write(
        "config",
        format!("{}user=u\npassword=of-file\n", config(&fixture)),
    );
    fixture.write("token", "of-flag");
    let guest = bare(&fixture).arg("--config=/mails/config");
    guest.run().await.expect_success();
    let guest = bare(&fixture)
        .arg("--config=/mails/config")
        .arg("--token-file=/mails/token");
    guest.run().await.expect_success();
    let both = bare(&fixture)
        .env("WASI_SENDMAIL_PASSWORD", "secret-one")
        .env("WASI_SENDMAIL_TOKEN_FILE", "/mails/token");
    let outcome = both.run().await;
    expect(
        &outcome,
        78,
        &["WASI_SENDMAIL_TOKEN_FILE", "leave one of them out"],
    );
    assert!(!outcome.stderr.contains("secret-one"));
    let seen = fixture.settled().await;
    let auth = seen.starting("AUTH");
    assert!(auth[0].starts_with("AUTH PLAIN ") && auth[1].starts_with("AUTH XOAUTH2 "));
}

#[tokio::test]
async fn a_wrong_line_is_told_by_its_number_without_what_is_in_it() {
    let fixture = Fixture::new().await;
    for (line, says) in [
        ("pasword = secret-one", "has an unknown name"),
        ("secret-one", "has no ="),
        (
            "tries = secret-one",
            "tries has to be a whole number from 1 to 20",
        ),
        ("ehlo = a\nehlo = b", "has ehlo again"),
        ("from =", "write <> for nobody"),
        ("tries = 21", "from 1 to 20"),
    ] {
        fixture.write("config", format!("# one\n{line}\n"));
        let outcome = bare(&fixture).arg("--config=/mails/config").run().await;
        let number = if line.contains('\n') {
            "line 3"
        } else {
            "line 2"
        };
        expect(&outcome, 78, &[number, "/mails/config", says]);
        assert!(!outcome.stderr.contains("secret-one"), "{}", outcome.stderr);
    }
    let outcome = bare(&fixture).arg("--config=/mails/none").run().await;
    expect(&outcome, 66, &["config file /mails/none", "--dir"]);
    let outcome = bare(&fixture).env("WASI_SENDMAIL_TRIES", "x").run().await;
    expect(&outcome, 78, &["WASI_SENDMAIL_TRIES"]);
    let outcome = bare(&fixture).arg("--tries=x").run().await;
    expect(&outcome, 64, &["--tries"]);
    assert_eq!(fixture.server.seen().connections.len(), 0);
}

#[tokio::test]
async fn a_pinned_key_needs_no_ca_and_another_one_is_refused() {
    let fixture = Fixture::new().await;
    let guest = |pin: &str| {
        let guest = bare(&fixture).env("WASI_SENDMAIL_SERVER", fixture.url());
        guest.arg(format!("--pin={pin}"))
    };
    let wrong = guest(&"0".repeat(64)).run().await;
    expect(&wrong, 76, &["the key"]);
    let is_pin = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = wrong.stderr.split(|c: char| !c.is_ascii_alphanumeric());
    let pin = { words }.find(is_pin).expect("the key that was shown");
    guest(pin).run().await.expect_success();
    assert_eq!(fixture.server.mails().len(), 1);
}

#[tokio::test]
async fn plaintext_has_to_be_asked_for_and_takes_no_password() {
    let fixture = Fixture::new().await;
    let rules = Rules::default().user("u", "secret-one").needs_login(false);
    let server = Server::new(rules).listen(Security::Plaintext).unwrap();
    let url = format!("smtp://localhost:{}", server.addr().port());
    let outcome = fixture.guest_at(&url, &["-t"]).run().await;
    expect(&outcome, 69, &["STARTTLS"]);
    let never = format!("{url}?starttls=never");
    let login = never.replace("//", "//u:secret-one@");
    let outcome = fixture.guest_at(&login, &["-t"]).run().await;
    expect(&outcome, 78, &["plaintext"]);
    assert!(server.mails().is_empty());
    fixture
        .guest_at(&never, &["-t"])
        .run()
        .await
        .expect_success();
    assert_eq!(server.mails().len(), 1);
}
