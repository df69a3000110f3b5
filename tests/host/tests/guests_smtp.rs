//! Runs the mail guests of `tests/guests` inside wasmtime: one test each, of the
//! same name.

use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{Guest, Outcome};
use test_host::sendmail::CaFolder;
use test_host::smtp::{Security, SmtpServer};

async fn quick_start(mode: &str, security: Security, ca: &Ca) -> (SmtpServer, Outcome) {
    let server = SmtpServer::builder(security)
        .user("user@test.local", "secret")
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

#[tokio::test]
async fn smtp_quick_start() {
    for mode in ["smtps", "starttls"] {
        let ca = Ca::new();
        let config = ca.server_config(&LOCAL_NAMES);
        let security = if mode == "smtps" {
            Security::Implicit(config)
        } else {
            Security::StartTls(config)
        };
        let (server, outcome) = quick_start(mode, security, &ca).await;
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
            assert_eq!(
                mail.auth.as_ref().map(|auth| auth.mechanism),
                Some("SCRAM-SHA-256")
            );
        }
        assert_eq!(
            [received[0].tls_resumed, received[1].tls_resumed],
            [false, true]
        );
        if mode == "smtps" {
            assert!(outcome.stdout.contains("TLSv1.3") && outcome.stdout.contains("resumed"));
        }
        // SCRAM takes two round trips more than PLAIN; with STARTTLS there are
        // two before TLS, and Finished leaves with the second EHLO.
        let flights = if mode == "smtps" { 10 } else { 11 };
        for connection in &outcome.traffic.connections[..2] {
            assert_eq!(
                (connection.flights, connection.writes),
                (flights, flights),
                "{mode}"
            );
        }
    }
}
