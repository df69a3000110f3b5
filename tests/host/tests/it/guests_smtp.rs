//! Runs the mail guests of `tests/guests` inside wasmtime: one test each, of the
//! same name.

use smtp_test_server::listen::{Listener, Security};
use smtp_test_server::{Mechanism, Rules, Server};
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{EXECUTORS, Guest, Outcome, build};
use test_host::sendmail::CaFolder;
use test_host::soak::soak;

async fn quick_start(
    mode: &str,
    security: Security,
    mechanism: Mechanism,
    ca: &Ca,
) -> (Listener, Outcome) {
    let server = Server::new(
        Rules::default()
            .user("user@test.local", "secret")
            .mechanisms(&[mechanism]),
    )
    .listen(security)
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
        let received = server.mails();
        assert_eq!(received.len(), 2);
        for mail in &received {
            assert_eq!(mail.content, b"Subject: Hello\r\n\r\nBody.\r\n.\r\n");
            assert_eq!(
                (mail.ehlo.as_str(), mail.sender.as_str()),
                ("client.test", "user@test.local")
            );
            assert_eq!(mail.recipients, ["alice@test.local"]);
            assert_eq!(
                mail.tls.as_ref().map(|tls| tls.version.as_str()),
                Some("TLSv1.3")
            );
            let auth = mail.login.as_ref().map(|login| login.mechanism.as_str());
            assert_eq!(auth, Some(mechanism.name()));
        }
        assert_eq!(
            [0, 1].map(|mail| received[mail].tls.as_ref().is_some_and(|tls| tls.resumed)),
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
/// one mail takes six (ClientHello, Finished, EHLO, AUTH, the envelope, the content and
/// QUIT), and each mail more takes two.
#[tokio::test]
async fn smtp_session() {
    for (mode, mechanism, mails, flights) in [
        ("smtps", Mechanism::Plain, 1, 6),
        ("smtps", Mechanism::Plain, 3, 10),
        ("smtps", Mechanism::ScramSha256, 1, 8),
        ("starttls", Mechanism::Plain, 1, 7),
    ] {
        let ca = Ca::new();
        let config = ca.server_config(&LOCAL_NAMES);
        let security = match mode {
            "smtps" => Security::Implicit(config),
            _ => Security::StartTls(config),
        };
        let server = Server::new(
            Rules::default()
                .user("user@test.local", "secret")
                .mechanisms(&[mechanism]),
        )
        .listen(security);
        let server = server.unwrap();
        let folder = CaFolder::new(&ca).unwrap();
        let guest = Guest::of_tests("smtp_session").folder(folder.path(), "/ca");
        let guest = guest.arg(mode).arg(server.addr().port()).arg("/ca/ca.pem");
        let guest = guest.arg("user@test.local").arg("secret").arg(mails);
        let outcome = guest.run().await.expect_success();
        let received = server.mails();
        assert_eq!(received.len(), mails, "{mode}");
        for mail in &received {
            assert_eq!(mail.content, b"Subject: Hello\r\n\r\nBody.\r\n.\r\n");
            assert_eq!(mail.recipients, ["alice@test.local", "bob@test.local"]);
            let auth = mail.login.as_ref().map(|login| login.mechanism.as_str());
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
        let server =
            Server::new(Rules::default().user("user@test.local", "secret")).listen(security);
        let server = server.unwrap();
        let folder = CaFolder::new(&ca).unwrap();
        let guest = Guest::of_tests("smtp_drop_in")
            .allow_names()
            .folder(folder.path(), "/ca");
        let guest = guest.arg(mode).arg("localhost").arg(server.addr().port());
        let outcome = guest.arg("/ca/ca.pem").run().await.expect_success();
        let received = server.mails();
        assert_eq!(received.len(), 3, "{mode}");
        assert!(received.iter().all(|mail| mail.tls.is_some()));
        let connection = &outcome.traffic.connections[0];
        assert_eq!(connection.writes, connection.flights, "{mode}");
    }
}

/// The mailer, under each executor: six flights and the close_notify for a connection
/// with one mail, and two for each mail more.
#[tokio::test]
async fn smtp_mailer() {
    for (scheme, executor) in [("smtps", "own"), ("smtp", "own")]
        .into_iter()
        .chain(EXECUTORS.map(|executor| ("smtps", executor)))
    {
        let ca = Ca::new();
        let config = ca.server_config(&LOCAL_NAMES);
        let security = match scheme {
            "smtps" => Security::Implicit(config),
            _ => Security::StartTls(config),
        };
        let server = Server::new(
            Rules::default()
                .user("user@test.local", "p:ss@")
                .mechanisms(&[Mechanism::Plain]),
        )
        .listen(security);
        let server = server.unwrap();
        let folder = CaFolder::new(&ca).unwrap();
        let port = server.addr().port();
        let url = format!("{scheme}://user%40test.local:p%3Ass%40@localhost:{port}");
        let guest = Guest::of_tests("smtp_mailer").allow_names();
        let guest = guest.folder(folder.path(), "/ca").arg(executor).arg(url);
        let outcome = guest.arg("/ca/ca.pem").arg(3).run().await.expect_success();
        let received = server.mails();
        assert_eq!(received.len(), 3, "{executor}");
        for mail in &received {
            let arrived = b"From: user@test.local\r\nTo: alice@test.local\r\n\r\nBody.\r\n";
            assert_eq!(mail.content, arrived);
            assert_eq!(mail.recipients, ["alice@test.local", "bob@test.local"]);
            assert_eq!(mail.ehlo, "[127.0.0.1]");
        }
        let [_, connection] = outcome.traffic.connections.as_slice() else {
            panic!("{executor}: one connection to look, one for the mails");
        };
        let flights = 6 + 4 + 1 + u64::from(scheme == "smtp");
        assert_eq!(connection.flights, flights, "{scheme} {executor}");
        assert_eq!(connection.writes, flights, "{scheme} {executor}");
    }
}

/// A mailer in a wasi:http handler: its connection outlives the request.
#[tokio::test]
async fn smtp_http_handler() {
    let ca = Ca::new();
    let security = Security::Implicit(ca.server_config(&LOCAL_NAMES));
    let server = Server::new(Rules::default().user("user@test.local", "secret")).listen(security);
    let server = server.unwrap();
    let folder = CaFolder::new(&ca).unwrap();
    let guest = Guest::of_tests("smtp_http_handler").folder(folder.path(), "/ca");
    let mut handler = guest.serve().await;
    for _ in 0..3 {
        let answer = handler
            .get(&format!("/?port={}", server.addr().port()))
            .await;
        assert_eq!(answer, (200, "sent: true, idle: 1".into()));
    }
    assert_eq!(server.mails().len(), 3);
    assert_eq!(server.seen().connections.len(), 1);
    assert_eq!(handler.end().connections.len(), 1);
}

/// Every mail ends as one thing, and the server's record agrees: `cargo xtask soak`
/// does this with ten times as many.
#[tokio::test]
async fn smtp_soak() {
    let soaked = soak(&build("test-guests", "smtp_soak"), 1_000, 8).await;
    let soaked = soaked.unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(soaked.sent + soaked.not_sent + soaked.maybe, 1_000);
    assert!(soaked.not_sent > 0 && soaked.maybe > 0, "{soaked}");
    assert_eq!(soaked.faults.len(), 12, "{soaked}");
}
