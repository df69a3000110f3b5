//! The log of secrets has what a reader needs, and nobody gets it unasked.

#![cfg(all(
    any(feature = "pure", feature = "ring"),
    feature = "tls12",
    feature = "keylog"
))]

use crate::common::{BOTH, Ca, Pair, TLS12};
use std::io;
use std::sync::{Arc, Mutex};
use tls_pump::rustls::{KeyLog, ServerConfig};

/// What a test's side wrote.
#[derive(Clone, Debug, Default)]
struct Written(Arc<Mutex<Vec<String>>>);

impl io::Write for Written {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8(line.to_vec()).unwrap();
        self.0.lock().unwrap().push(text);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl KeyLog for Written {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        self.0.lock().unwrap().push(line);
    }
}

#[test]
fn both_sides_log_the_same_secrets_a_line_each() {
    let ca = Ca::new();
    for version in BOTH {
        let (ours, theirs) = (Written::default(), Written::default());
        let client = ca.client_with(|builder| builder.key_log(ours.clone()));
        let mut server = ServerConfig::clone(&ca.server(version));
        server.key_log = Arc::new(theirs.clone());
        let mut pair = Pair::new(&client, &server.into());
        pair.handshake().unwrap();
        pair.flush().unwrap();
        pair.server.pump();
        let [mut ours, mut theirs] = [ours, theirs].map(|log| log.0.lock().unwrap().clone());
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs);
        let expected = if version.version == TLS12.version {
            1
        } else {
            5
        };
        assert_eq!(ours.len(), expected);
        for line in &ours {
            assert!(line.ends_with('\n') && line.split(' ').count() == 3);
        }
    }
}

#[test]
fn a_log_that_fails_harms_no_connection() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let ca = Ca::new();
    let client = ca.client_with(|builder| builder.key_log(Full));
    let mut pair = Pair::new(&client, &ca.server(&TLS12));
    pair.handshake().unwrap();
}
