//! Runs every program of `tests/guests` inside wasmtime: one test each, of the
//! same name.

use std::net::Ipv6Addr;
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{Guest, Network, Outcome, build};
use test_host::sendmail::CaFolder;
use test_host::smtp::{Security, SmtpServer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

fn guest(name: &str) -> Guest {
    Guest::new(&build("test-guests", name), name).network(Network::Loopback)
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn net_round_trips() {
    let (listener, port) = listener().await;
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap()
    });
    let run = guest("net_round_trips")
        .arg(port)
        .arg(100)
        .run()
        .await
        .expect_success();
    assert_eq!(
        echo.await.unwrap(),
        1200,
        "the server saw the end after every byte"
    );
    let [connection] = run.traffic.connections.as_slice() else {
        panic!("one connection")
    };
    assert_eq!(connection.writes, 100, "one host write for each round trip");
    assert_eq!(
        (
            connection.flights,
            connection.bytes_written,
            connection.bytes_read
        ),
        (100, 1200, 1200)
    );
}

#[tokio::test]
async fn net_written_behind() {
    let (listener, port) = listener().await;
    let server = tokio::spawn(async move {
        let (mut writer, _) = listener.accept().await.unwrap();
        let (other, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 5];
        writer.read_exact(&mut bytes).await.unwrap();
        drop(other);
        bytes
    });
    guest("net_written_behind")
        .arg(port)
        .run()
        .await
        .expect_success();
    assert_eq!(&server.await.unwrap(), b"bytes");
}

#[tokio::test]
async fn net_stalled_peer() {
    let (listener, port) = listener().await;
    let accepted = tokio::spawn(async move { listener.accept().await.unwrap() });
    // The peer is kept open, and never reads, until the guest has ended.
    let run = guest("net_stalled_peer")
        .arg(port)
        .run()
        .await
        .expect_success();
    drop(accepted.await.unwrap());
    assert_eq!(run.stdout, "dropped\n");
}

#[tokio::test]
async fn net_errors() {
    let (listener, closed) = listener().await;
    drop(listener);
    let flag = "-S inherit-network";
    let cases = [
        (
            Network::Loopback,
            "127.0.0.1",
            closed,
            "ConnectionRefused: ",
            "check the port",
        ),
        (Network::None, "127.0.0.1", closed, "NetworkDenied: ", flag),
        (
            Network::NoSockets,
            "127.0.0.1",
            closed,
            "NetworkDenied: ",
            flag,
        ),
        (
            Network::Loopback,
            "localhost",
            closed,
            "NamesDenied: ",
            "-S allow-ip-name-lookup",
        ),
        (
            Network::Loopback,
            "127.1",
            closed,
            "InvalidName: ",
            "full IP address",
        ),
        (
            Network::Loopback,
            "127.0.0.1",
            0,
            "InvalidAddress: ",
            "can't be connected to",
        ),
    ];
    for (network, host, port, kind, remedy) in cases {
        let run = guest("net_errors")
            .network(network)
            .arg(host)
            .arg(port)
            .run()
            .await;
        let text = run.expect_success().stdout;
        assert!(
            text.starts_with(kind) && text.contains(remedy) && text.contains(host),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1, "no backtrace of the host: {text}");
    }
    let run = guest("net_errors")
        .allow_names()
        .arg("no-such-name.invalid")
        .arg(25)
        .run()
        .await;
    let text = run.expect_success().stdout;
    assert!(text.starts_with("NameUnresolvable: "), "{text}");
}

#[tokio::test]
async fn net_two_families() {
    let run = async |host: &str, port: u16| {
        let guest = guest("net_two_families").allow_names().arg(host).arg(port);
        guest.run().await.expect_success().stdout
    };
    let (_ipv4, port) = listener().await;
    // The name's IPv6 address, where it has one, refuses.
    assert_eq!(run("localhost", port).await, "127.0.0.1\n");
    assert_eq!(run("127.0.0.1", port).await, "127.0.0.1\n");
    if let Ok(ipv6) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await {
        let port = ipv6.local_addr().unwrap().port();
        assert_eq!(run("[::1]", port).await, "::1\n");
        assert_eq!(run("::1", port).await, "::1\n");
    }
}

async fn quick_start(mode: &str, security: Security, ca: &Ca) -> (SmtpServer, Outcome) {
    let server = SmtpServer::builder(security)
        .user("user@test.local", "secret")
        .start()
        .await
        .unwrap();
    let folder = CaFolder::new(ca).unwrap();
    let run = guest("smtp_quick_start")
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

/// A guest without a test proves nothing.
#[test]
fn every_guest_has_a_test_of_its_name() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../guests/src/bin");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file
            .unwrap()
            .file_name()
            .into_string()
            .unwrap()
            .replace(".rs", "");
        assert!(
            include_str!("guests.rs").contains(&format!("async fn {name}()")),
            "{name}"
        );
        count += 1;
    }
    assert!(count > 0);
}
