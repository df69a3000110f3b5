//! Runs the mail guests of `tests/guests` inside wasmtime: one test each, of the
//! same name.

use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{Guest, Outcome};
use test_host::sendmail::CaFolder;
use test_host::smtp::{Mechanism, Security, SmtpServer};

async fn quick_start(
    mode: &str,
    security: Security,
    mechanism: Mechanism,
    ca: &Ca,
) -> (SmtpServer, Outcome) {
    let server = SmtpServer::builder(security)
        .user("user@test.local", "secret")
        .mechanisms(&[mechanism])
        .start()
        .await
        .unwrap();
    let folder = CaFolder::new(ca).unwrap();
    let run = Guest::of_tests("smtp_quick_start")
        .allow_names()
        .folder(folder.path(), "/ca")
        .arg(mode)
        .arg(server.addr().port())
        .arg("user@test.local")
        .arg("secret")
        .arg("/ca/ca.pem");
    let outcome = run.run().await.expect_success();
    (server, outcome)
}

/// The flights of each session are a gate: with implicit TLS and PLAIN seven
/// (ClientHello, Finished, EHLO, AUTH, envelope, mail, QUIT), and close_notify.
/// SCRAM takes two round trips more; with STARTTLS there are two before TLS, and
/// Finished leaves with the second EHLO.
#[tokio::test]
async fn smtp_quick_start() {
    for (mode, mechanism, flights) in [
        ("smtps", Mechanism::Plain, 7),
        ("smtps", Mechanism::ScramSha256, 9),
        ("starttls", Mechanism::Plain, 8),
        ("starttls", Mechanism::ScramSha256, 10),
    ] {
        let ca = Ca::new();
        let config = ca.server_config(&LOCAL_NAMES);
        let security = match mode {
            "smtps" => Security::Implicit(config),
            _ => Security::StartTls(config),
        };
        let (server, outcome) = quick_start(mode, security, mechanism, &ca).await;
        let received = server.received();
        assert_eq!(received.len(), 2);
        for mail in &received {
            assert_eq!(mail.data, b"Subject: Hello\r\n\r\nBody.\r\n.\r\n");
            assert_eq!(
                (mail.ehlo.as_str(), mail.mail_from.as_str()),
                ("client.test", "user@test.local")
            );
            assert_eq!(mail.recipients, ["alice@test.local"]);
            assert_eq!(mail.tls_version.as_deref(), Some("TLSv1.3"));
            let auth = mail.auth.as_ref().map(|auth| auth.mechanism);
            assert_eq!(auth, Some(mechanism.name()));
        }
        assert_eq!(
            [received[0].tls_resumed, received[1].tls_resumed],
            [false, true]
        );
        if mode == "smtps" {
            assert!(outcome.stdout.contains("TLSv1.3") && outcome.stdout.contains("resumed"));
        }
        for connection in &outcome.traffic.connections[..2] {
            let flights = flights + 1;
            assert_eq!(
                (connection.flights, connection.writes),
                (flights, flights),
                "{mode} {mechanism:?}"
            );
        }
    }
}

/// The flights of smtp-session are a gate: with implicit TLS and PLAIN a session of
/// one mail takes five (ClientHello, Finished, EHLO, AUTH, all of the mail and
/// QUIT), and each mail more takes one.
#[tokio::test]
async fn smtp_session() {
    for (mode, mechanism, mails, flights) in [
        ("smtps", Mechanism::Plain, 1, 5),
        ("smtps", Mechanism::Plain, 3, 7),
        ("smtps", Mechanism::ScramSha256, 1, 7),
        ("starttls", Mechanism::Plain, 1, 6),
    ] {
        let ca = Ca::new();
        let config = ca.server_config(&LOCAL_NAMES);
        let security = match mode {
            "smtps" => Security::Implicit(config),
            _ => Security::StartTls(config),
        };
        let server = SmtpServer::builder(security)
            .user("user@test.local", "secret")
            .mechanisms(&[mechanism]);
        let server = server.start().await.unwrap();
        let folder = CaFolder::new(&ca).unwrap();
        let guest = Guest::of_tests("smtp_session").folder(folder.path(), "/ca");
        let guest = guest.arg(mode).arg(server.addr().port()).arg("/ca/ca.pem");
        let guest = guest.arg("user@test.local").arg("secret").arg(mails);
        let outcome = guest.run().await.expect_success();
        let received = server.received();
        assert_eq!(received.len(), mails, "{mode}");
        for mail in &received {
            assert_eq!(mail.data, b"Subject: Hello\r\n\r\nBody.\r\n.\r\n");
            assert_eq!(mail.recipients, ["alice@test.local", "bob@test.local"]);
            let auth = mail.auth.as_ref().map(|auth| auth.mechanism);
            assert_eq!(auth, Some(mechanism.name()));
        }
        let connection = &outcome.traffic.connections[0];
        // And close_notify.
        let flights = flights + 1;
        assert_eq!(
            (connection.flights, connection.writes),
            (flights, flights),
            "{mode} {mechanism:?}"
        );
    }
}

/// A program for wasm-smtp-wasi 0.18.0.
#[tokio::test]
async fn smtp_drop_in() {
    for mode in ["implicit", "starttls"] {
        let ca = Ca::new();
        let config = ca.server_config(&LOCAL_NAMES);
        let security = match mode {
            "implicit" => Security::Implicit(config),
            _ => Security::StartTls(config),
        };
        let server = SmtpServer::builder(security).user("user@test.local", "secret");
        let server = server.start().await.unwrap();
        let folder = CaFolder::new(&ca).unwrap();
        let guest = Guest::of_tests("smtp_drop_in")
            .allow_names()
            .folder(folder.path(), "/ca");
        let guest = guest.arg(mode).arg("localhost").arg(server.addr().port());
        let outcome = guest.arg("/ca/ca.pem").run().await.expect_success();
        let received = server.received();
        assert_eq!(received.len(), 3, "{mode}");
        assert!(received.iter().all(|mail| mail.tls_version.is_some()));
        let connection = &outcome.traffic.connections[0];
        assert_eq!(connection.writes, connection.flights, "{mode}");
    }
}
