//! What an engine must do where rustls leaves the choice, one test each.

#![cfg(all(
    any(feature = "pure", feature = "ring"),
    feature = "server",
    feature = "tls12"
))]

use crate::common::pki::Version;
use crate::common::{BAD_RECORD, BOTH, Ca, NAME, Pair, TLS12, TLS13, inside, take};
use std::io;
use tls_pump::rustls::{self, AlertDescription, ProtocolVersion};
use tls_pump::{Ending, Engine, Error, Plaintext, State, TlsConfig, Wants};

#[test]
fn eof_without_close_notify() {
    for version in BOTH {
        let mut pair = Pair::settled(version);
        pair.server.say(b"250 half of an ans");
        pair.pipe.wire().eof = true;
        assert_eq!(pair.read_exact(18).unwrap(), b"250 half of an ans");
        let error = pair.read().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(matches!(inside(&error), Error::Truncated));
        pair.assert_stays(&error.to_string());
        pair.close().unwrap();
    }
    let (mut engine, mut server) = crate::common::engines(&TLS13);
    server.close();
    let close_notify = take(&mut server);
    engine.handle_ciphertext(&close_notify).unwrap();
    assert_eq!(engine.handle_eof(), Ending::Clean);
    let (mut engine, _server) = crate::common::engines(&TLS13);
    assert_eq!(engine.handle_eof(), Ending::Truncated);
    assert!(matches!(engine.write(b"x"), Err(Error::Truncated)));
}

#[test]
fn write_after_our_close_notify() {
    for version in BOTH {
        let mut pair = Pair::settled(version);
        pair.close().unwrap();
        let error = pair.write(b"NOOP\r\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(matches!(inside(&error), Error::Closed));
        pair.server.pump();
        assert_eq!(pair.server.received, b"");
    }
}

#[test]
fn nothing_follows_our_close_notify() {
    for version in BOTH {
        let (mut engine, mut server) = crate::common::engines(version);
        engine.close();
        assert_eq!(crate::common::records(&take(&mut engine)).len(), 1);
        // The peer is still heard, but a breach is not answered.
        server.write(b"221 bye\r\n").unwrap();
        crate::common::deliver(&take(&mut server), &mut engine);
        assert_eq!(engine.read(&mut [0; 9]).unwrap(), Plaintext::Data(9));
        engine.handle_ciphertext(&BAD_RECORD).unwrap_err();
        assert_eq!(engine.ciphertext(), b"");

        // Closed while plaintext waits for the handshake, which it ends.
        let ca = Ca::new();
        let mut engine = Engine::new(&ca.client(), NAME).unwrap();
        let mut server = Engine::server(ca.server(version)).unwrap();
        engine.write(b"QUIT\r\n").unwrap();
        crate::common::deliver(&take(&mut engine), &mut server);
        engine.close();
        take(&mut engine);
        assert!(!engine.holds_plaintext());
        let refused = engine.handle_ciphertext(&take(&mut server));
        assert!(matches!(refused, Err(Error::Closed)));
        assert_eq!(engine.ciphertext(), b"");
        assert!(engine.connection_info().is_none() && engine.tls_exporter().is_none());
    }
}

#[test]
fn fatal_error() {
    for version in BOTH {
        let mut pair = Pair::settled(version);
        pair.server.say(b"421 bye\r\n");
        pair.pipe.wire().to_client.extend_from_slice(&BAD_RECORD);
        // What arrived before it comes first.
        assert_eq!(pair.read_exact(9).unwrap(), b"421 bye\r\n");
        let error = pair.read().unwrap_err();
        assert!(matches!(
            inside(&error),
            Error::Protocol(rustls::Error::DecryptError)
        ));
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        pair.assert_stays(&error.to_string());
        // The alert has left without being asked for.
        pair.server.pump();
        assert_eq!(
            pair.server.error,
            Some(rustls::Error::AlertReceived(AlertDescription::BadRecordMac))
        );
        pair.close().unwrap();
    }
}

#[test]
fn plaintext_instead_of_tls() {
    for (greeting, shown) in [
        ("220 mail.example ESMTP\r\n", "220 mail.example ESMTP\\r\\n"),
        ("* OK\r\n", "* OK\\r\\n"),
        ("H", "H"),
        ("\x1b[31m220", "\\x1b[31m220"),
    ] {
        let ca = Ca::new();
        let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
        pair.pipe.wire().to_client = greeting.into();
        let error = pair.handshake().unwrap_err();
        let Error::NotTls { first, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(first, shown);
        assert!(
            error.to_string().ends_with("upgrade by STARTTLS"),
            "{error}"
        );
        assert_eq!(error.io_kind(), io::ErrorKind::InvalidData);
        pair.assert_stays(&error.to_string());
    }
    // However much it says, little is shown.
    let ca = Ca::new();
    let mut engine = Engine::new(&ca.client(), NAME).unwrap();
    let error = engine.handle_ciphertext(&[b'2'; 10_000]).unwrap_err();
    assert!(matches!(error, Error::NotTls { first, .. } if first.len() == 64));
    // The advice to connect in plaintext would be wrong here.
    let mut pair = Pair::connected(&TLS13);
    pair.pipe.wire().to_client = b"220 mail.example ESMTP\r\n".to_vec();
    let error = pair.read().unwrap_err();
    assert!(matches!(inside(&error), Error::Protocol(_)), "{error}");
}

#[test]
fn bytes_before_the_upgrade() {
    let client = Ca::new().client();
    Engine::upgrade(&client, NAME, b"").unwrap();
    let error = Engine::upgrade(&client, NAME, b"250 injected\r\n").unwrap_err();
    assert!(
        matches!(error, Error::BytesBeforeTls { len: 14 }),
        "{error}"
    );
    assert_eq!(error.io_kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("give it up"));
}

#[test]
fn key_update_by_the_peer() {
    let mut pair = Pair::settled(&TLS13);
    for round in 0..3 {
        pair.server.connection.refresh_traffic_keys().unwrap();
        pair.server.say(b"250 OK\r\n");
        assert_eq!(pair.read_exact(8).unwrap(), b"250 OK\r\n");
        // It is answered by the next write, in the same one.
        let writes = pair.pipe.wire().writes.len();
        pair.server.received.clear();
        pair.write_all(b"NOOP\r\n").unwrap();
        pair.flush().unwrap();
        let records = crate::common::records(pair.pipe.wire().writes.last().unwrap());
        assert_eq!(pair.pipe.wire().writes.len(), writes + 1);
        assert_eq!(records, [23, 23], "round {round}");
        pair.server.echo = false;
        pair.server.pump();
        assert_eq!(
            (&pair.server.received[..], &pair.server.error),
            (&b"NOOP\r\n"[..], &None)
        );
    }
    // Without end it is an error, not work without end.
    for _ in 0..100 {
        pair.server.connection.refresh_traffic_keys().unwrap();
        pair.server.say(b"");
        if let Err(error) = pair.flush().and_then(|()| pair.once_read()) {
            assert!(matches!(inside(&error), Error::Protocol(_)), "{error}");
            return;
        }
        pair.write_all(b"x").unwrap();
    }
}

#[test]
fn full_buffer() {
    for version in BOTH {
        let (mut engine, _server) = crate::common::engines(version);
        let idle = engine.wants();
        assert!(matches!(
            idle,
            Wants {
                read: true,
                write: false,
                ..
            }
        ));
        let said = [0; 10_000];
        let mut taken = Vec::new();
        while let len @ 1.. = engine.write(&said).unwrap() {
            taken.push(len);
            assert!(taken.len() < 100, "it never says stop");
        }
        // First fewer, then none, and it says what it waits for.
        let last = taken.pop().unwrap();
        assert!(taken.iter().all(|len| *len == said.len()) && last < said.len());
        assert!(matches!(
            engine.wants(),
            Wants {
                read: true,
                write: true,
                ..
            }
        ));
        take(&mut engine);
        assert!(!engine.wants().write);
        // Two full records fit as they are: neither is cut.
        let record = [0; 16 * 1024];
        for fits in [record.len(), record.len(), 0] {
            assert_eq!(engine.write(&record).unwrap(), fits);
        }
        assert_eq!(crate::common::records(engine.ciphertext()), [23, 23]);
    }
}

/// The SNI extension of a ClientHello has the host name in it.
fn hello(client: &TlsConfig, name: &str) -> Vec<u8> {
    take(&mut Engine::new(client, name).unwrap())
}

#[test]
fn ip_addresses() {
    let ca = Ca::new();
    let names = ["192.0.2.1", "2001:db8::1", "a.example"].map(String::from);
    let identity = ca.issue(|params| {
        *params = rcgen::CertificateParams::new(names).unwrap();
    });
    let server = identity.server(&[&TLS13]);
    for name in [
        "192.0.2.1",
        "[192.0.2.1]",
        "2001:db8::1",
        "[2001:db8::1]",
        "a.example.",
    ] {
        let mut pair = Pair::with_name(&ca.client(), &server, name);
        pair.handshake().unwrap();
        let sni = pair.server.connection.server_name();
        assert_eq!(sni, name.strip_suffix('.'), "{name}");
    }
    let has = |hello: &[u8], name: &[u8]| hello.windows(name.len()).any(|part| part == name);
    assert!(has(&hello(&ca.client(), "a.example."), b"\0\x09a.example"));
    assert!(!has(&hello(&ca.client(), "[192.0.2.1]"), b"192.0.2.1"));
}

#[test]
fn resumption() {
    let ca = Ca::new();
    for version in BOTH {
        let (client, server) = (ca.client(), ca.server(version));
        let resumes = |client: &TlsConfig| {
            let mut pair = Pair::new(client, &server);
            pair.handshake().unwrap();
            pair.write_all(b"EHLO\r\n").unwrap();
            assert_eq!(pair.read_exact(6).unwrap(), b"EHLO\r\n");
            let info = pair.stream.connection_info().unwrap();
            assert_eq!(info.peer_certificates.len(), 1);
            info.resumed
        };
        assert_eq!([(); 3].map(|()| resumes(&client)), [false, true, true]);
        assert!(resumes(&client.clone()), "a clone has the sessions");
        assert!(!resumes(&ca.client()), "another config has none");
        let without = ca.client_with(|builder| builder.sessions(0));
        assert_eq!([(); 2].map(|()| resumes(&without)), [false, false]);
    }
}

#[test]
fn channel_binding() {
    let both_sides = |version: Version| {
        let (engine, server) = crate::common::engines(version);
        let key = |engine: &Engine, label: &[u8], context| {
            let mut key = [0; 20];
            engine
                .export_keying_material(label, context, &mut key)
                .unwrap();
            key
        };
        let ours = key(&engine, b"EXPERIMENTAL x", Some(&b"y"[..]));
        assert_eq!(ours, key(&server, b"EXPERIMENTAL x", Some(&b"y"[..])));
        assert_ne!(ours, key(&engine, b"EXPERIMENTAL y", Some(&b"y"[..])));
        assert_ne!(ours, key(&engine, b"EXPERIMENTAL x", Some(&b"z"[..])));
        let nothing = engine.export_keying_material(b"EXPERIMENTAL x", None, &mut []);
        assert!(matches!(nothing, Err(Error::Protocol(_))));
        (engine.tls_exporter(), server.tls_exporter())
    };
    let (ours, theirs) = both_sides(&TLS13);
    assert!(ours.is_some());
    assert_eq!(ours, theirs);
    // It belongs to one connection, and to TLS 1.3.
    assert_ne!(ours, both_sides(&TLS13).0);
    assert_eq!(both_sides(&TLS12), (None, None));

    let mut pair = Pair::new(&Ca::new().client(), &Ca::new().server(&TLS13));
    assert_eq!(pair.stream.tls_exporter(), None, "before the handshake");
    pair.handshake().unwrap_err();
    assert_eq!(pair.stream.tls_exporter(), None, "after a failure");

    // As another implementation derives it (RFC 9266 section 2).
    let pair = Pair::settled(&TLS13);
    let server = &pair.server.connection;
    let theirs = server.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None);
    assert_eq!(pair.stream.tls_exporter(), Some(theirs.unwrap()));
}

#[test]
fn the_states_of_a_connection() {
    for version in BOTH {
        let ca = Ca::new();
        let mut engine = Engine::new(&ca.client(), NAME).unwrap();
        assert_eq!(engine.state(), State::Handshaking);
        engine.handle_eof();
        assert_eq!(engine.state(), State::Failed);
        assert!(!engine.wants().read);

        let (mut engine, mut server) = crate::common::engines(version);
        assert_eq!((engine.state(), server.state()), (State::Open, State::Open));
        engine.close();
        server.handle_ciphertext(&take(&mut engine)).unwrap();
        assert_eq!(
            (engine.state(), server.state()),
            (State::Closing, State::PeerClosed)
        );
        assert!(!server.wants().read && engine.wants().read);
        server.close();
        engine.handle_ciphertext(&take(&mut server)).unwrap();
        assert_eq!(
            (engine.state(), server.state()),
            (State::Closed, State::Closed)
        );
    }
}

#[test]
fn versions_and_suites_are_as_asked_for() {
    let ca = Ca::new();
    let identity = ca.issue(|_| ());
    let agreed = |client: &TlsConfig, versions: &[Version]| {
        let mut pair = Pair::new(client, &identity.server(versions));
        pair.handshake()?;
        Ok::<_, Error>(pair.stream.connection_info().unwrap())
    };
    let strict = ca.client_with(|builder| builder.min_version(tls_pump::Version::Tls13));
    assert_eq!(agreed(&strict, &BOTH).unwrap().version, "TLSv1.3");
    let error = agreed(&strict, &[&TLS12]).unwrap_err();
    assert!(
        matches!(error, Error::Alert { .. } | Error::Incompatible(_)),
        "{error}"
    );
    assert_eq!(agreed(&ca.client(), &[&TLS12]).unwrap().version, "TLSv1.2");

    for first in [true, false] {
        let client = ca.client_with(|builder| builder.chacha20_first(first));
        let info = agreed(&client, &BOTH).unwrap();
        assert_eq!(
            info.cipher_suite == "CHACHA20_POLY1305_SHA256",
            first,
            "{info}"
        );
        // The hybrid group needs both sides; ring has none.
        let group = match cfg!(all(feature = "pure", not(feature = "ring"))) {
            true => "X25519MLKEM768",
            false => "X25519",
        };
        assert_eq!(info.group.as_deref(), Some(group));
        assert!(info.to_string().starts_with("TLSv1.3 ") && info.to_string().ends_with(group));
    }
    assert_eq!(ProtocolVersion::TLSv1_3, TLS13.version);
}
