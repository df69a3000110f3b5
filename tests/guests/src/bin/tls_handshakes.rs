//! A full handshake against a resumed one, in memory:
//! `tls_handshakes FOLDER ROUNDS`, with the server's PEM files in the folder.
//! Prints for each version of TLS the median time of a full handshake in
//! milliseconds and the median of the ratios full / resumed, made in turn. Only
//! what the client computes counts.

use test_guests::handshakes::handshake;
use test_guests::in_memory::Identity;
use test_guests::{arg, median};
use tls_pump::TlsConfig;
use tls_pump::rustls::version::{TLS12, TLS13};

fn main() {
    let identity = Identity::read(arg::<String>(1));
    let client = || TlsConfig::builder().roots_pem(identity.root.clone());
    for (name, version) in [("TLS 1.3", &TLS13), ("TLS 1.2", &TLS12)] {
        let server = identity.server(version, tls_pump_crypto::provider().into());
        let without_sessions = client().sessions(0).build().unwrap();
        let sessions = client().build().unwrap();
        let _ = handshake(&sessions, &server, false);
        let (mut times, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..arg(2) {
            let full = handshake(&without_sessions, &server, false);
            let resumed = handshake(&sessions, &server, true);
            times.push(full.as_secs_f64() * 1000.0);
            ratios.push(full.as_secs_f64() / resumed.as_secs_f64());
        }
        println!("{:.3} {:.2} {name}", median(times), median(ratios));
    }
}
