//! A full handshake against a resumed one, in memory:
//! `tls_handshakes FOLDER ROUNDS`, with the server's PEM files in the folder.
//! Prints for each version of TLS the median time of a full handshake in
//! milliseconds and the median of the ratios full / resumed, made in turn. Only
//! what the client computes counts.

use std::sync::Arc;
use std::time::{Duration, Instant};
use test_guests::in_memory::{Identity, NAME};
use test_guests::{arg, median};
use tls_pump::rustls::ServerConfig;
use tls_pump::rustls::crypto::ring::default_provider;
use tls_pump::rustls::version::{TLS12, TLS13};
use tls_pump::{Engine, TlsConfig};

/// Gives one side all that the other has to send.
fn deliver(from: &mut Engine, to: &mut Engine) {
    let taken = to.handle_ciphertext(from.ciphertext()).unwrap();
    assert_eq!(taken, from.ciphertext().len(), "no plaintext is in the way");
    from.sent(taken);
}

/// How long the client took until it could speak, and the connection's kind.
fn handshake(config: &TlsConfig, server: &Arc<ServerConfig>) -> (Duration, bool) {
    let mut server = Engine::server(server.clone()).unwrap();
    let start = Instant::now();
    let mut client = Engine::new(config, NAME).unwrap();
    let mut time = start.elapsed();
    while client.is_handshaking() {
        deliver(&mut client, &mut server);
        let start = Instant::now();
        deliver(&mut server, &mut client);
        time += start.elapsed();
    }
    // Finished, and the tickets that answer it: the client may speak before.
    deliver(&mut client, &mut server);
    deliver(&mut server, &mut client);
    assert!(!server.is_handshaking());
    (time, client.connection_info().unwrap().resumed)
}

fn main() {
    let identity = Identity::read(arg::<String>(1));
    let client = || TlsConfig::builder().roots_pem(identity.root.clone());
    for (name, version) in [("TLS 1.3", &TLS13), ("TLS 1.2", &TLS12)] {
        let server = identity.server(version, default_provider().into());
        let without_sessions = client().sessions(0).build().unwrap();
        let sessions = client().build().unwrap();
        handshake(&sessions, &server);
        let (mut times, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..arg(2) {
            let (full, is_resumed) = handshake(&without_sessions, &server);
            assert!(!is_resumed);
            let (resumed, is_resumed) = handshake(&sessions, &server);
            assert!(is_resumed);
            times.push(full.as_secs_f64() * 1000.0);
            ratios.push(full.as_secs_f64() / resumed.as_secs_f64());
        }
        println!("{:.3} {:.2} {name}", median(times), median(ratios));
    }
}
