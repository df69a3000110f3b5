//! Handshakes in memory: what the client computes, and nothing else.

use crate::in_memory::NAME;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tls_pump::rustls::ServerConfig;
use tls_pump::{Engine, TlsConfig};

/// Gives one side all that the other has to send.
fn deliver(from: &mut Engine, to: &mut Engine) {
    let taken = to.handle_ciphertext(from.ciphertext()).unwrap();
    assert_eq!(taken, from.ciphertext().len(), "no plaintext is in the way");
    from.sent(taken);
}

/// How long the client took until it could speak.
///
/// # Panics
///
/// When the handshake fails, and when it is not the one asked for: a resumed one
/// or a full one.
#[must_use]
pub fn handshake(config: &TlsConfig, server: &Arc<ServerConfig>, resumed: bool) -> Duration {
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
    assert_eq!(client.connection_info().unwrap().resumed, resumed);
    time
}
