//! How connections end: by the peer, by its certificate, by the stream below.

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::{BAD_RECORD, BOTH, Ca, Pair, TLS13, inside};
use futures_io::{AsyncRead, AsyncWrite};
use std::io;
use std::task::Poll;
use tls_pump::rustls::{self, AlertDescription};
use tls_pump::{Error, TlsConfig, TlsStream};

/// A close_notify in plaintext (RFC 8446 section 6.1).
const CLOSE_NOTIFY: [u8; 7] = [21, 3, 3, 0, 2, 1, 0];

fn new_pair(version: crate::common::pki::Version) -> Pair {
    let ca = Ca::new();
    Pair::new(&ca.client(), &ca.server(version))
}

/// The first flight of a server that has the ClientHello.
fn first_flight(pair: &mut Pair) -> Vec<u8> {
    let polled = pair.once(|stream, cx| std::pin::pin!(stream.get_mut().handshake()).poll(cx));
    assert!(polled.is_pending());
    assert!(pair.server.pump());
    std::mem::take(&mut pair.pipe.wire().to_client)
}

#[test]
fn close_notify_is_the_end() {
    for version in BOTH {
        let mut pair = Pair::settled(version);
        pair.server.say(b"421 bye\r\n");
        pair.server.close_notify();
        // What comes after it is of no interest (RFC 8446 section 6.1).
        pair.pipe.wire().to_client.extend_from_slice(&BAD_RECORD);
        assert_eq!(pair.read_exact(9).unwrap(), b"421 bye\r\n");
        for _ in 0..3 {
            assert_eq!(pair.read().unwrap(), b"");
        }
        pair.pipe.wire().eof = true;
        assert_eq!(pair.read().unwrap(), b"");
        // This side may still speak.
        pair.write_all(b"QUIT\r\n").unwrap();
        pair.close().unwrap();
        pair.server.pump();
        assert_eq!(pair.server.received, b"QUIT\r\n");
    }
}

#[test]
fn an_end_in_the_middle_of_a_record_is_an_error() {
    let mut pair = Pair::settled(&TLS13);
    pair.server.say(b"250 whole\r\n");
    pair.server.say(b"250 not whole\r\n");
    {
        let mut wire = pair.pipe.wire();
        wire.to_client.pop();
        wire.eof = true;
    }
    assert_eq!(pair.read_exact(11).unwrap(), b"250 whole\r\n");
    assert!(matches!(
        inside(&pair.read().unwrap_err()),
        Error::Truncated
    ));
}

#[test]
fn an_end_in_the_handshake_is_an_error() {
    for version in BOTH {
        for len in [0, 1, 5, 6, 300, usize::MAX] {
            let mut pair = new_pair(version);
            let flight = first_flight(&mut pair);
            pair.pipe.wire().to_client = flight[..len.min(flight.len() - 1)].to_vec();
            pair.pipe.wire().eof = true;
            let error = pair.handshake().unwrap_err();
            assert!(matches!(error, Error::EndedInHandshake), "{len}: {error}");
            assert_eq!(error.io_kind(), io::ErrorKind::UnexpectedEof);
            pair.assert_stays(&error.to_string());
        }
    }
}

#[test]
fn close_notify_before_the_server_hello_is_an_error() {
    let mut pair = new_pair(&TLS13);
    pair.pipe.wire().to_client = CLOSE_NOTIFY.to_vec();
    pair.pipe.wire().eof = true;
    let error = pair.handshake().unwrap_err();
    assert!(matches!(error, Error::EndedInHandshake), "{error}");
    pair.assert_stays(&error.to_string());
}

#[test]
fn close_notify_after_the_server_hello_is_an_error() {
    for version in BOTH {
        let mut pair = new_pair(version);
        let flight = first_flight(&mut pair);
        let len = 5 + usize::from(u16::from_be_bytes([flight[3], flight[4]]));
        {
            let mut wire = pair.pipe.wire();
            wire.to_client = [&flight[..len], &CLOSE_NOTIFY].concat();
            wire.eof = true;
        }
        let error = pair.handshake().unwrap_err();
        assert!(
            matches!(&error, Error::EndedInHandshake | Error::Alert { .. }),
            "{error}"
        );
        pair.assert_stays(&error.to_string());
        assert_eq!(pair.stream.connection_info(), None);
    }
}

#[test]
fn a_read_and_a_write_fail_as_the_handshake_does() {
    let mut pair = new_pair(&TLS13);
    pair.pipe.wire().eof = true;
    assert!(matches!(
        inside(&pair.read().unwrap_err()),
        Error::EndedInHandshake
    ));
    let mut pair = new_pair(&TLS13);
    pair.pipe.wire().eof = true;
    let error = pair.write_all(&[0; 100_000]).unwrap_err();
    assert!(matches!(inside(&error), Error::EndedInHandshake));
    let mut pair = new_pair(&TLS13);
    pair.pipe.wire().eof = true;
    pair.write_all(b"QUIT\r\n").unwrap();
    assert!(matches!(
        inside(&pair.close().unwrap_err()),
        Error::EndedInHandshake
    ));
    // What could not be sent was reported: now it closes.
    pair.close().unwrap();
    assert_eq!(pair.pipe.wire().closes, 1);
}

#[test]
fn a_bad_record_right_after_the_handshake_stays() {
    let mut pair = new_pair(&TLS13);
    let mut flight = first_flight(&mut pair);
    flight.extend_from_slice(&BAD_RECORD);
    pair.pipe.wire().to_client = flight;
    let error = pair.handshake().unwrap_err();
    pair.assert_stays(&error.to_string());
}

#[test]
fn the_peers_alert_is_named() {
    let ca = Ca::new();
    let client = TlsConfig::builder()
        .roots_pem(ca.pem())
        .alpn(["smtp"])
        .build()
        .unwrap();
    let mut server = (*ca.server(&TLS13)).clone();
    server.alpn_protocols = vec![b"other".to_vec()];
    let mut pair = Pair::new(&client, &server.into());
    let error = pair.handshake().unwrap_err();
    assert!(
        matches!(&error, Error::Alert { alert } if alert == "NoApplicationProtocol"),
        "{error}"
    );
    assert_eq!(error.io_kind(), io::ErrorKind::ConnectionAborted);
    pair.assert_stays(&error.to_string());
}

#[test]
fn a_stream_below_that_takes_no_alert_does_not_hide_the_reason() {
    let ca = Ca::new();
    let mut pair = Pair::new(&Ca::named("another root").client(), &ca.server(&TLS13));
    let flight = first_flight(&mut pair);
    {
        let mut wire = pair.pipe.wire();
        wire.to_client = flight;
        wire.write_result = Some(Err(io::ErrorKind::BrokenPipe));
    }
    let error = pair.handshake().unwrap_err();
    assert!(matches!(error, Error::Certificate { .. }), "{error}");
    pair.assert_stays(&error.to_string());
}

#[test]
fn an_alert_that_had_to_wait_leaves_later() {
    let ca = Ca::new();
    let mut pair = Pair::new(&Ca::named("another root").client(), &ca.server(&TLS13));
    let flight = first_flight(&mut pair);
    pair.pipe.wire().to_client = flight;
    pair.pipe.wire().blocked = true;
    let error = pair.handshake().unwrap_err();
    pair.pipe.wire().blocked = false;
    pair.assert_stays(&error.to_string());
    pair.server.pump();
    assert_eq!(
        pair.server.error,
        Some(rustls::Error::AlertReceived(AlertDescription::UnknownCA))
    );
}

#[test]
fn errors_of_the_stream_below_come_as_they_are_and_do_not_stay() {
    let mut pair = Pair::connected(&TLS13);
    pair.write_all(b"NOOP\r\n").unwrap();
    pair.pipe.wire().write_result = Some(Err(io::ErrorKind::TimedOut));
    let error = pair.flush().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.get_ref().is_none());
    pair.pipe.wire().write_result = None;
    pair.flush().unwrap();
    pair.server.pump();
    assert_eq!(pair.server.received, b"NOOP\r\n");
}

#[test]
fn names_that_no_certificate_carries_make_no_stream() {
    let client = Ca::new().client();
    let error = TlsStream::new(&client, "a b", crate::common::Pipe::default()).unwrap_err();
    assert!(matches!(error, Error::InvalidName { name } if name == "a b"));
}

#[test]
fn a_stream_that_was_never_polled_needs_no_peer() {
    let mut pair = new_pair(&TLS13);
    let polled = pair.once(AsyncWrite::poll_flush);
    assert!(matches!(polled, Poll::Ready(Ok(()))));
    let polled = pair.once(|stream, cx| stream.poll_read(cx, &mut [0]));
    assert!(polled.is_pending());
}

#[test]
fn a_peer_too_old_to_talk_to_is_told_what_it_lacks() {
    // A ServerHello of TLS 1.1, which the peer should not send at all.
    let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x2b, 0]);
    let mut pair = new_pair(&TLS13);
    pair.pipe.wire().to_client = hello;
    let error = pair.handshake().unwrap_err();
    assert!(matches!(error, Error::Incompatible(_)), "{error}");
    assert_eq!(error.io_kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("has to offer a newer version"));
    pair.assert_stays(&error.to_string());
    // One that refuses our versions says so by an alert.
    let mut pair = new_pair(&TLS13);
    pair.pipe.wire().to_client = vec![21, 3, 1, 0, 2, 2, 70];
    let error = pair.handshake().unwrap_err();
    assert!(matches!(&error, Error::Alert { alert } if alert == "ProtocolVersion"));
    assert!(error.to_string().contains("speaks neither TLS 1.2 nor 1.3"));
}
