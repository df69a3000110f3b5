//! tls-pump-crypto against *ring*, the client's part, in memory and in turn:
//! `tls_providers WHAT FOLDER ROUNDS` with the server's PEM files in the folder,
//! where WHAT is `handshakes` (TLS 1.3, X25519 on both sides; then resumed; then
//! X25519MLKEM768, which *ring* has not) or `bulk` (ROUNDS times 8 MiB down).
//! Prints the median time by *ring* in milliseconds, the median of the ratios
//! tls-pump-crypto / *ring*, and what it is about.

use std::sync::Arc;
use std::time::{Duration, Instant};
use test_guests::clients::{Client, Driver, Setup};
use test_guests::handshakes::handshake;
use test_guests::in_memory::{Identity, Server};
use test_guests::{arg, median};
use tls_pump::TlsConfig;
use tls_pump::rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use tls_pump::rustls::version::TLS13;

const MIB: usize = 1024 * 1024;

fn main() {
    let identity = Identity::read(arg::<String>(2));
    match arg::<String>(1).as_str() {
        "handshakes" => handshakes(&identity, arg(3)),
        _ => bulk(&identity, arg(3)),
    }
}

/// In turn, so that what else the machine does meets both.
fn compare(
    rounds: usize,
    name: &str,
    mut pure: impl FnMut() -> Duration,
    mut ring: impl FnMut() -> Duration,
) {
    let (mut times, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let [pure, ring] = [pure(), ring()].map(|time| time.as_secs_f64());
        times.push(ring * 1000.0);
        ratios.push(pure / ring);
    }
    println!("{:.3} {:.3} {name}", median(times), median(ratios));
}

fn handshakes(identity: &Identity, rounds: usize) {
    let client = |provider: CryptoProvider, group: &'static dyn SupportedKxGroup, sessions| {
        let provider = CryptoProvider {
            kx_groups: vec![group],
            ..provider
        };
        let config = TlsConfig::builder().roots_pem(identity.root.clone());
        let config = config.provider(Arc::new(provider)).sessions(sessions);
        config.build().unwrap()
    };
    let pure = |sessions| {
        let group = tls_pump_crypto::kx_group::X25519;
        client(tls_pump_crypto::provider(), group, sessions)
    };
    let ring = |sessions| client(ring::default_provider(), ring::kx_group::X25519, sessions);

    // An RSA key signs by ring only.
    let server = identity.server(&TLS13, ring::default_provider().into());
    let (full, by_ring) = (pure(0), ring(0));
    compare(
        rounds,
        "full",
        || handshake(&full, &server, false),
        || handshake(&by_ring, &server, false),
    );
    let (resuming, ring_resuming) = (pure(1), ring(1));
    let _ = handshake(&resuming, &server, false);
    let _ = handshake(&ring_resuming, &server, false);
    compare(
        rounds,
        "resumed",
        || handshake(&resuming, &server, true),
        || handshake(&ring_resuming, &server, true),
    );
    let group = tls_pump_crypto::kx_group::X25519MLKEM768;
    let hybrid = client(tls_pump_crypto::provider(), group, 0);
    let both = CryptoProvider {
        kx_groups: vec![group],
        ..ring::default_provider()
    };
    let hybrid_server = identity.server(&TLS13, both.into());
    compare(
        rounds,
        "full with X25519MLKEM768 / ring with X25519",
        || handshake(&hybrid, &hybrid_server, false),
        || handshake(&by_ring, &server, false),
    );
}

fn bulk(identity: &Identity, rounds: usize) {
    use {ring::cipher_suite as ring_suite, tls_pump_crypto::cipher_suite};
    for (name, suite, ring_suite) in [
        (
            "ChaCha20-Poly1305",
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            ring_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ),
        (
            "AES-128-GCM",
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            ring_suite::TLS13_AES_128_GCM_SHA256,
        ),
        (
            "AES-256-GCM",
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            ring_suite::TLS13_AES_256_GCM_SHA384,
        ),
    ] {
        let pure = Setup::by(identity, suite, tls_pump_crypto::provider());
        let ring = Setup::by(identity, ring_suite, ring::default_provider());
        let (mut pure, mut ring) = (pure.connect::<Driver>(), ring.connect::<Driver>());
        compare(rounds, name, || receive(&mut pure), || receive(&mut ring));
    }
}

/// How long the client takes for 8 MiB.
fn receive((client, server): &mut (Driver, Server)) -> Duration {
    let plaintext = vec![7; MIB];
    let mut time = Duration::ZERO;
    for _ in 0..8 {
        server.send(&plaintext);
        let start = Instant::now();
        client.receive(MIB);
        time += start.elapsed();
    }
    time
}
