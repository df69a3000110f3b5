//! `Engine`, `TlsConfig` and the errors, without any stream.

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::{Ca, NAME, TLS12, TLS13, records, take};
use std::io::{self, Read as _, Write as _};
use tls_pump::rustls::{self, RootCertStore, ServerConnection};
use tls_pump::{Ending, Engine, Error, Plaintext, State, TlsConfig};

/// Feeds all of `bytes`.
fn feed(engine: &mut Engine, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        let taken = engine.handle_ciphertext(bytes)?;
        assert!(taken > 0, "the engine takes no more");
        bytes = &bytes[taken..];
    }
    Ok(())
}

/// Carries bytes to and fro until neither side has any.
fn exchange(engine: &mut Engine, server: &mut ServerConnection) -> Result<(), Error> {
    loop {
        let ciphertext = take(engine);
        let mut rest = &ciphertext[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets().unwrap();
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        feed(engine, &answer)?;
        if ciphertext.is_empty() && answer.is_empty() {
            return Ok(());
        }
    }
}

fn connected() -> (Engine, ServerConnection) {
    let ca = Ca::new();
    let mut engine = Engine::new(&ca.client(), NAME).unwrap();
    let mut server = ServerConnection::new(ca.server(&TLS13)).unwrap();
    exchange(&mut engine, &mut server).unwrap();
    (engine, server)
}

#[test]
fn an_engine_carries_plaintext_both_ways() {
    let ca = Ca::new();
    for version in [&TLS13, &TLS12] {
        let mut engine = Engine::new(&ca.client(), NAME).unwrap();
        let mut server = ServerConnection::new(ca.server(version)).unwrap();
        let mut buf = [0; 100];
        assert!(engine.is_handshaking());
        assert_eq!(engine.read(&mut buf).unwrap(), Plaintext::Empty);
        // Waits for the handshake.
        assert_eq!(engine.write(b"EHLO\r\n").unwrap(), 6);
        exchange(&mut engine, &mut server).unwrap();
        assert!(!engine.is_handshaking());
        assert!(engine.connection_info().is_some());
        assert_eq!(server.reader().read(&mut buf).unwrap(), 6);

        server.writer().write_all(b"250 OK\r\n").unwrap();
        exchange(&mut engine, &mut server).unwrap();
        assert_eq!(engine.handle_ciphertext(b"").unwrap(), 0);
        assert_eq!(engine.read(&mut []).unwrap(), Plaintext::Data(0));
        assert_eq!(engine.read(&mut buf[..3]).unwrap(), Plaintext::Data(3));
        assert_eq!(engine.read(&mut buf[3..]).unwrap(), Plaintext::Data(5));
        assert_eq!(&buf[..8], b"250 OK\r\n");
        assert_eq!(engine.read(&mut buf).unwrap(), Plaintext::Empty);

        server.send_close_notify();
        exchange(&mut engine, &mut server).unwrap();
        assert_eq!(engine.read(&mut buf).unwrap(), Plaintext::Closed);
        assert_eq!(engine.handle_eof(), Ending::Clean);
        // Ignored, and all of it taken: a driver that feeds the rest would never end.
        feed(&mut engine, &[0; 10_000]).unwrap();
        assert_eq!(engine.read(&mut buf).unwrap(), Plaintext::Closed);
    }
}

#[test]
fn an_engine_takes_no_more_plaintext_than_its_buffer_holds() {
    let ca = Ca::new();
    let mut before = Engine::new(&ca.client(), NAME).unwrap();
    let (mut after, _server) = connected();
    for engine in [&mut before, &mut after] {
        let said = vec![0; 100_000];
        let taken = engine.write(&said).unwrap();
        assert_eq!(taken, 32 * 1024);
        assert_eq!(engine.write(&said).unwrap(), 0);
    }
    assert_eq!(records(&take(&mut after)), [23, 23]);
    assert!(after.write(b"NOOP\r\n").unwrap() > 0);
}

#[test]
fn an_engine_takes_no_more_ciphertext_than_is_read() {
    let (mut engine, mut server) = connected();
    let said: Vec<u8> = (0..100_000).map(|i| (i % 251) as u8).collect();
    server.set_buffer_limit(None);
    server.writer().write_all(&said).unwrap();
    let mut ciphertext = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut ciphertext).unwrap();
    }
    let (mut rest, mut heard, mut buf) = (&ciphertext[..], Vec::new(), vec![0; 200_000]);
    while heard.len() < said.len() {
        while let taken @ 1.. = engine.handle_ciphertext(rest).unwrap() {
            rest = &rest[taken..];
        }
        let Plaintext::Data(len) = engine.read(&mut buf).unwrap() else {
            panic!("after {} bytes", heard.len());
        };
        assert!(len < 40_000, "{len} bytes waited");
        heard.extend_from_slice(&buf[..len]);
    }
    assert!(heard == said && rest.is_empty());
}

#[test]
fn a_handshake_message_that_fills_the_buffer_is_an_error() {
    let ca = Ca::new();
    let mut engine = Engine::new(&ca.client(), NAME).unwrap();
    // 0xfff0 bytes of a ServerHello, one in each record.
    let mut flight = vec![22, 3, 3, 0, 4, 2, 0, 0xff, 0xf0];
    for _ in 0..0xfff0 {
        flight.extend_from_slice(&[22, 3, 3, 0, 1, 0]);
    }
    let error = feed(&mut engine, &flight).unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    let again = engine.handle_ciphertext(&flight).unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
}

#[test]
fn the_fatal_error_stays_and_its_alert_is_still_to_be_taken() {
    let (mut engine, mut server) = connected();
    take(&mut engine);
    server.writer().write_all(b"421 bye\r\n").unwrap();
    let mut ciphertext = Vec::new();
    server.write_tls(&mut ciphertext).unwrap();
    ciphertext.extend_from_slice(&[23, 3, 3, 0, 20]);
    ciphertext.extend_from_slice(&[0; 20]);
    let text = feed(&mut engine, &ciphertext).unwrap_err().to_string();
    // First what came before it.
    let mut buf = [0; 100];
    assert_eq!(engine.read(&mut buf).unwrap(), Plaintext::Data(9));
    for _ in 0..2 {
        assert_eq!(engine.read(&mut buf).unwrap_err().to_string(), text);
        assert_eq!(engine.write(b"x").unwrap_err().to_string(), text);
        assert_eq!(
            engine.handle_ciphertext(b"x").unwrap_err().to_string(),
            text
        );
        assert_eq!(engine.handle_eof(), Ending::Truncated);
    }
    let mut alert = take(&mut engine);
    engine.close();
    alert.extend(take(&mut engine));
    let mut rest = &alert[..];
    server.read_tls(&mut rest).unwrap();
    assert!(rest.is_empty());
    assert!(matches!(
        server.process_new_packets(),
        Err(rustls::Error::AlertReceived(_))
    ));
}

#[test]
fn an_engine_closes_once() {
    let (mut engine, mut server) = connected();
    take(&mut engine);
    engine.close();
    engine.close();
    let ciphertext = take(&mut engine);
    assert_eq!(records(&ciphertext).len(), 1);
    server.read_tls(&mut &ciphertext[..]).unwrap();
    assert!(server.process_new_packets().unwrap().peer_has_closed());
    assert!(matches!(engine.write(b""), Err(Error::Closed)));
    assert_eq!(engine.state(), State::Closing);
    assert_eq!(engine.handle_eof(), Ending::Truncated);
    assert_eq!(engine.state(), State::Failed);
}

/// Checked by the compiler: whoever spawns tasks on threads moves these.
#[test]
fn all_types_go_from_thread_to_thread() {
    fn goes<T: Send + Sync + 'static>() {}
    goes::<Engine>();
    goes::<TlsConfig>();
    goes::<tls_pump::TlsConfigBuilder>();
    goes::<tls_pump::TlsStream<io::Empty>>();
    goes::<Error>();
}

#[test]
fn the_debug_text_of_an_engine_has_its_name_only() {
    let mut engine = Engine::new(&Ca::new().client(), NAME).unwrap();
    engine.write(b"AUTH PLAIN secret").unwrap();
    assert_eq!(
        format!("{engine:?}"),
        "Engine { peer: \"mail.example\", state: Handshaking, .. }"
    );
}

#[test]
fn names_are_hosts_and_addresses() {
    let config = Ca::new().client();
    for name in [
        "mail.example",
        "mail.example.",
        "a_b.example",
        "127.0.0.1",
        "::1",
        "[::1]",
        "[2001:db8::1]",
        "[192.0.2.1]",
    ] {
        Engine::new(&config, name).unwrap();
    }
    for name in [
        "",
        ".",
        "a b",
        "a..",
        "a..b",
        "-a",
        "[]",
        "[::1",
        "::1]",
        "[a.example]",
        "a:25",
        "[::1]:25",
        "256.1.1.1",
        "[256.1.1.1]",
        "b\u{fc}cher.example",
        "a\0b",
        "*.example",
    ] {
        let error = Engine::new(&config, name).unwrap_err();
        assert!(matches!(error, Error::InvalidName { .. }), "{name}");
        assert_eq!(error.io_kind(), io::ErrorKind::InvalidInput);
    }
    // What came from outside reaches no terminal as it is.
    let error = Engine::new(&config, "a\x1b[31m").unwrap_err();
    assert!(!error.to_string().contains('\x1b'));
}

#[test]
fn roots_are_read_strictly() {
    let pem = Ca::new().pem();
    let refused = |pem: String| {
        let error = TlsConfig::builder().roots_pem(pem).build().unwrap_err();
        assert_eq!(error.io_kind(), io::ErrorKind::InvalidInput);
        let Error::InvalidRoots { reason } = error else {
            panic!("{error}");
        };
        reason
    };
    assert!(refused(String::new()).contains("no `BEGIN CERTIFICATE`"));
    assert!(refused("no PEM at all".into()).contains("no `BEGIN CERTIFICATE`"));
    assert!(refused(pem.replace("MII", "*+*")).contains("PEM text is damaged"));
    let (head, _) = pem.split_once("-----END").unwrap();
    assert!(refused(head.into()).contains("PEM text is damaged"));
    assert!(refused(pem.replace("MII", "AAA")).contains("certificate is damaged"));
    // A good one does not excuse a bad one.
    refused(format!("{pem}{head}"));
    TlsConfig::builder()
        .roots_pem(format!("issued by\r\n{pem}and\n{}", Ca::new().pem()))
        .build()
        .unwrap();

    let error = TlsConfig::builder()
        .roots(RootCertStore::empty())
        .build()
        .unwrap_err();
    assert!(matches!(error, Error::InvalidRoots { .. }), "{error}");
    // Without any given, the bundled ones.
    let bundled = TlsConfig::builder().build();
    if !cfg!(feature = "native-roots") {
        assert_eq!(bundled.is_ok(), cfg!(feature = "webpki-roots"));
    }
}

#[test]
fn errors_go_through_io_errors_and_come_back() {
    for (error, kind) in [
        (
            Error::NotTls {
                first: "220".into(),
                upgraded: false,
            },
            io::ErrorKind::InvalidData,
        ),
        (Error::Truncated, io::ErrorKind::UnexpectedEof),
        (Error::Closed, io::ErrorKind::BrokenPipe),
        (Error::NoProvider, io::ErrorKind::Unsupported),
    ] {
        let text = error.to_string();
        let io = io::Error::from(error);
        assert_eq!((io.kind(), io.to_string()), (kind, text.clone()));
        assert_eq!(crate::common::inside(&io).to_string(), text);
        let back = Error::from(io);
        assert!(!matches!(back, Error::Io(_)));
        assert_eq!((back.io_kind(), back.to_string()), (kind, text));
    }
}

#[test]
fn errors_of_the_stream_below_keep_their_kind_and_what_is_inside() {
    let below = || io::Error::new(io::ErrorKind::HostUnreachable, "no route");
    let error = Error::from(below());
    assert!(matches!(error, Error::Io(_)));
    assert_eq!(error.io_kind(), io::ErrorKind::HostUnreachable);
    assert_eq!(error.to_string(), "no route");
    let clone = error.clone();
    // The last owner gives the error itself, another one a copy of its kind.
    for error in [clone, error] {
        let io = io::Error::from(error);
        assert_eq!(io.kind(), io::ErrorKind::HostUnreachable);
        assert_eq!(io.to_string(), "no route");
        assert_eq!(Error::from(io).io_kind(), io::ErrorKind::HostUnreachable);
    }
    let os = io::Error::from(Error::from(io::Error::from_raw_os_error(104)));
    assert_eq!(os.raw_os_error(), Some(104));
}
