//! Runs the TLS guests of `tests/guests` inside wasmtime: one test each, of the
//! same name. (`tls_yamux` is in guests_peers.rs.)

use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::version::{TLS12, TLS13};
use std::path::Path;
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{EXECUTORS, Guest};
use test_host::peers::{Peer, PeerServer};
use test_host::sendmail::CaFolder;
use test_host::server_folder::ServerFolder;

/// A TLS echo, and the folder with what its clients have to trust.
async fn echo(versions: &[&'static SupportedProtocolVersion]) -> (PeerServer, CaFolder) {
    let ca = Ca::new();
    let config = ca.server_config_of(&LOCAL_NAMES, versions);
    let echo = PeerServer::start_tls(Peer::Echo, config).await.unwrap();
    (echo, CaFolder::new(&ca).unwrap())
}

/// A guest that is told where the echo is and whom to trust.
fn guest(name: &str, executor: &str, (echo, ca): &(PeerServer, CaFolder)) -> Guest {
    Guest::of_tests(name)
        .arg(executor)
        .arg(echo.port())
        .folder(ca.path(), "/ca")
        .arg("/ca/ca.pem")
}

/// Host writes and flights of the client: what it says first, then one for
/// each time that it has to hear something before it can go on.
const FLIGHTS: [(&str, [(u64, u64); 2]); 9] = [
    // TLS 1.3: ClientHello; Finished and data. TLS 1.2: ClientHello;
    // ClientKeyExchange to Finished; data.
    ("data behind the handshake", [(2, 2), (3, 3)]),
    ("data before the handshake", [(2, 2), (3, 3)]),
    // In TLS 1.2 the server's Finished came behind ours.
    ("Finished flushed by itself", [(3, 2), (3, 3)]),
    ("many small writes", [(2, 2), (3, 3)]),
    // Less than the host takes at once (64 KiB).
    ("40 KB", [(2, 2), (3, 3)]),
    // close_notify.
    ("closed after an echo", [(3, 3), (4, 4)]),
    // close_notify with the data.
    ("written and closed", [(2, 2), (3, 3)]),
    ("to be resumed", [(2, 2), (3, 3)]),
    // In TLS 1.2 the server finishes first then.
    ("resumed", [(2, 2), (2, 2)]),
];

#[tokio::test]
async fn tls_flights() {
    for (n, version) in [&TLS13, &TLS12].into_iter().enumerate() {
        let echo = echo(&[version]).await;
        for executor in EXECUTORS {
            let run = guest("tls_flights", executor, &echo).run().await;
            let run = run.expect_success();
            let counted: Vec<_> = run
                .stdout
                .lines()
                .zip(&run.traffic.connections)
                .map(|(name, connection)| (name, (connection.writes, connection.flights)))
                .collect();
            let expected = FLIGHTS.map(|(name, counts)| (name, counts[n]));
            assert_eq!(counted, expected, "{executor}, {:?}", version.version);
        }
    }
}

/// The most that an idle connection may keep, in bytes.
const MOST_MEMORY: usize = 20 * 1024;

#[tokio::test]
async fn tls_memory() {
    for version in [&TLS13, &TLS12] {
        let echo = echo(&[version]).await;
        let run = guest("tls_memory", "own", &echo).run().await;
        let stdout = run.expect_success().stdout;
        println!("{:?}: {stdout}", version.version);
        let mut count = 0;
        for line in stdout.lines() {
            for bytes in line.split(' ').skip(1) {
                let bytes: usize = bytes.parse().unwrap();
                assert!(bytes < MOST_MEMORY, "{:?}: {line}", version.version);
                count += 1;
            }
        }
        assert_eq!(count, 4);
    }
}

#[tokio::test]
async fn tls_native_roots() {
    let ca = Ca::new();
    let config = ca.server_config(&LOCAL_NAMES);
    let echo = PeerServer::start_tls(Peer::Echo, config).await.unwrap();
    let guest = || {
        let guest = Guest::of_tests("tls_native_roots").arg("own");
        guest.arg(echo.port())
    };
    let says = async |guest: Guest| guest.run().await.expect_success().stdout;
    let store = tempfile::tempdir().unwrap();
    let write = |name: &str| std::fs::write(store.path().join(name), ca.pem()).unwrap();

    // Nothing is opened, so the bundled roots hold.
    let text = says(guest()).await;
    assert!(text.starts_with("Some(IncompleteChain): "), "{text}");

    write("ca-certificates.crt");
    let text = says(guest().folder(store.path(), "/etc/ssl/certs")).await;
    assert_eq!(text, "trusted\n");

    let file = "/certs/missing.pem";
    let opened = guest().folder(store.path(), "/certs");
    let text = says(opened.env("SSL_CERT_FILE", file)).await;
    assert!(text.starts_with("InvalidRoots: "), "{text}");
    assert!(text.contains(file), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");

    // Links out of the sandbox are what most entries of such folders are.
    link_out_of(store.path());
    let opened = guest().folder(store.path(), "/certs");
    let text = says(opened.env("SSL_CERT_DIR", "/certs")).await;
    assert_eq!(text, "trusted\n");
}

/// Adds an absolute link to a file outside, which exists.
fn link_out_of(folder: &Path) {
    let outside = std::env::current_exe().unwrap();
    std::os::unix::fs::symlink(outside, folder.join("00000000.0")).unwrap();
}

/// A server's files for a guest that plays it, opened to the guest.
fn with_server(name: &str, folder: &ServerFolder) -> Guest {
    Guest::of_tests(name)
        .folder(folder.path(), "/server")
        .arg("/server")
}

#[tokio::test]
async fn tls_raw() {
    let folder = ServerFolder::short().unwrap();
    let guest = with_server("tls_raw", &folder).arg(1).arg(256 * 1024);
    let run = guest.run().await.expect_success();
    assert_eq!(run.stdout.lines().count(), 8);
}

#[tokio::test]
async fn tls_handshakes() {
    for folder in [ServerFolder::short(), ServerFolder::long()] {
        let folder = folder.unwrap();
        let guest = with_server("tls_handshakes", &folder).arg(1);
        let run = guest.run().await.expect_success();
        assert_eq!(run.stdout.lines().count(), 2);
    }
}

/// aws-lc-rs is a peer whose ML-KEM is not ours. One without the hybrid group
/// finds the share of X25519 beside it.
#[tokio::test]
async fn tls_group() {
    let hybrid_only = CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
        ..aws_lc_rs::default_provider()
    };
    for (provider, group) in [
        (hybrid_only, "X25519MLKEM768"),
        (aws_lc_rs::default_provider(), "X25519MLKEM768"),
        (ring::default_provider(), "X25519"),
    ] {
        let ca = Ca::new();
        let config = ca.server_config_by(&LOCAL_NAMES, &[&TLS13], provider);
        let echo = PeerServer::start_tls(Peer::Echo, config).await.unwrap();
        let echo = (echo, CaFolder::new(&ca).unwrap());
        let run = guest("tls_group", "own", &echo).run().await;
        let run = run.expect_success();
        assert_eq!(
            run.stdout.trim(),
            format!("TLSv1.3 CHACHA20_POLY1305_SHA256 {group}"),
        );
    }
}
