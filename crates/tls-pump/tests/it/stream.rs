//! `TlsStream` over a pipe: what arrives, in how many writes, and when.

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::{BOTH, Ca, Pair, TLS13, records};
use futures_io::{AsyncRead, AsyncWrite};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The content types of records (RFC 8446 section 5.1, RFC 5246 section 6.2.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Bytes that do not repeat soon.
fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

#[test]
fn a_held_future_does_the_handshake_too() {
    let ca = Ca::new();
    let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut handshake = pin!(pair.stream.handshake());
        assert!(handshake.as_mut().poll(&mut cx).is_pending());
        assert!(pair.server.pump());
        assert!(matches!(handshake.poll(&mut cx), Poll::Ready(Ok(()))));
    }
    assert!(pair.stream.connection_info().is_some());
}

#[test]
fn alpn_is_agreed_on() {
    let ca = Ca::new();
    let client = tls_pump::TlsConfig::builder()
        .roots_pem(ca.pem())
        .alpn(["smtp", "other"])
        .build()
        .unwrap();
    let mut server = (*ca.server(&TLS13)).clone();
    server.alpn_protocols = vec![b"other".to_vec()];
    let mut pair = Pair::new(&client, &server.into());
    pair.handshake().unwrap();
    let info = pair.stream.connection_info().unwrap();
    assert_eq!(info.alpn.as_deref(), Some(&b"other"[..]));
}

#[test]
fn segments_of_one_byte_and_waits_at_every_second_poll_change_nothing() {
    let ca = Ca::new();
    for version in BOTH {
        let mut pair = Pair::new(&ca.client(), &ca.server(version));
        pair.pipe.wire().segment = 1;
        pair.pipe.wire().hesitant = true;
        // Also across the handshake, which the first write does not wait for.
        let said = text(20_000);
        pair.write_all(&said[..100]).unwrap();
        pair.handshake().unwrap();
        pair.write_all(&said[100..]).unwrap();
        pair.flush().unwrap();
        assert_eq!(pair.read_exact(said.len()).unwrap(), said);
        pair.server.close_notify();
        assert_eq!(pair.read().unwrap(), b"");
        pair.close().unwrap();
        pair.server.pump();
        assert!(pair.server.closed);
        assert_eq!(pair.server.error, None);
        assert_eq!(pair.server.received, said);
    }
}

#[test]
fn much_more_than_the_buffers_hold_arrives() {
    for version in BOTH {
        let mut pair = Pair::connected(version);
        pair.server.echo = false;
        let said = text(300_000);
        pair.write_all(&said).unwrap();
        pair.flush().unwrap();
        pair.server.pump();
        assert!(pair.server.received == said);
        for piece in said.chunks(16_000) {
            pair.server.say(piece);
        }
        assert!(pair.read_exact(said.len()).unwrap() == said);
    }
}

/// The engine takes none while it has 16 KiB to be read: the rest of what was
/// read from the stream below has to wait.
#[test]
fn ciphertext_that_the_engine_does_not_take_at_once_is_kept() {
    for version in BOTH {
        let mut pair = Pair::settled(version);
        while pair
            .once(|stream, cx| stream.poll_read(cx, &mut [0]))
            .is_ready()
        {}
        let said = text(16 * 1024 + 20_000);
        let (record, small) = said.split_at(16 * 1024);
        pair.server.say(record);
        // All but the last byte of a full record, then that and many small ones.
        let len = pair.pipe.wire().to_client.len();
        pair.pipe.wire().segment = len - 1;
        for piece in small.chunks(100) {
            pair.server.say(piece);
        }
        assert!(pair.read_exact(said.len()).unwrap() == said);
    }
}

#[test]
fn more_than_the_buffers_hold_is_written_before_the_handshake() {
    let ca = Ca::new();
    let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
    let said = text(100_000);
    pair.write_all(&said).unwrap();
    assert!(pair.stream.connection_info().is_some());
    assert!(pair.read_exact(said.len()).unwrap() == said);
}

#[test]
fn the_client_hello_leaves_in_one_write() {
    let ca = Ca::new();
    let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
    let polled = pair.once(|stream, cx| pin!(stream.get_mut().handshake()).poll(cx));
    assert!(polled.is_pending());
    let wire = pair.pipe.wire();
    assert_eq!(wire.writes.len(), 1);
    assert_eq!(records(&wire.writes[0]), [HANDSHAKE]);
    assert_eq!(wire.flushes, wire.writes);
}

#[test]
fn finished_and_the_first_data_leave_together_below_a_stream_that_gathers() {
    let mut pair = Pair::connected(&TLS13);
    // The last flight is one write, not one for each of its records.
    assert_eq!(pair.pipe.wire().writes.len(), 2);
    assert_eq!(pair.pipe.wire().flushes.len(), 1);
    pair.write_all(b"EHLO client.example\r\n").unwrap();
    pair.flush().unwrap();
    let wire = pair.pipe.wire();
    assert_eq!(wire.writes.len(), 3);
    assert_eq!(wire.flushes.len(), 2);
    assert_eq!(
        records(&wire.flushes[1]),
        [CHANGE_CIPHER_SPEC, APPLICATION_DATA, APPLICATION_DATA]
    );
}

#[test]
fn several_writes_leave_in_one() {
    let mut pair = Pair::connected(&TLS13);
    pair.flush().unwrap();
    let before = pair.pipe.wire().writes.len();
    for command in ["MAIL\r\n", "RCPT\r\n", "DATA\r\n"] {
        pair.write_all(command.as_bytes()).unwrap();
    }
    assert_eq!(pair.pipe.wire().writes.len(), before);
    pair.flush().unwrap();
    let wire = pair.pipe.wire();
    assert_eq!(wire.writes.len(), before + 1);
    assert_eq!(records(&wire.writes[before]), [APPLICATION_DATA; 3]);
}

#[test]
fn futures_dropped_at_every_poll_lose_nothing() {
    for version in BOTH {
        let ca = Ca::new();
        let mut pair = Pair::new(&ca.client(), &ca.server(version));
        pair.pipe.wire().segment = 7;
        pair.pipe.wire().hesitant = true;
        let said = text(200_000);
        let (mut taken, mut heard) = (0, Vec::new());
        let mut turn = 0;
        // One operation is given up for another at every turn.
        while heard.len() < said.len() {
            turn += 1;
            let _ = pair.once(|stream, cx| pin!(stream.get_mut().handshake()).poll(cx));
            // A new write need not offer what the one that was dropped did.
            let offered = &said[taken..said.len().min(taken + turn % 5_000)];
            if let Poll::Ready(len) = pair.once(|stream, cx| stream.poll_write(cx, offered)) {
                taken += len.unwrap();
            }
            let mut buf = [0; 999];
            if let Poll::Ready(len) = pair.once(|stream, cx| stream.poll_read(cx, &mut buf)) {
                heard.extend_from_slice(&buf[..len.unwrap()]);
            }
            let _ = pair.once(AsyncWrite::poll_flush);
            pair.server.pump();
        }
        assert!(heard == said && pair.server.received == said);
    }
}

#[test]
fn a_read_that_waits_has_sent_what_was_written() {
    let mut pair = Pair::settled(&TLS13);
    let mut buf = [0; 100];
    // The tickets come first.
    assert!(
        pair.once(|stream, cx| stream.poll_read(cx, &mut buf))
            .is_pending()
    );
    pair.write_all(b"NOOP\r\n").unwrap();
    assert_eq!(pair.pipe.wire().to_server, b"");
    let flushes = pair.pipe.wire().flushes.len();
    assert!(
        pair.once(|stream, cx| stream.poll_read(cx, &mut buf))
            .is_pending()
    );
    assert_eq!(pair.pipe.wire().flushes.len(), flushes + 1);
    pair.server.pump();
    assert_eq!(pair.server.received, b"NOOP\r\n");
}

#[test]
fn a_read_goes_on_while_nothing_can_be_sent() {
    let mut pair = Pair::settled(&TLS13);
    pair.write_all(b"NOOP\r\n").unwrap();
    pair.pipe.wire().blocked = true;
    pair.server.say(b"421 bye\r\n");
    assert_eq!(pair.read_exact(9).unwrap(), b"421 bye\r\n");
    pair.pipe.wire().blocked = false;
    pair.flush().unwrap();
    pair.server.pump();
    assert_eq!(pair.server.received, b"NOOP\r\n");
}

#[test]
fn a_stream_that_takes_nothing_holds_the_writer_back() {
    let mut pair = Pair::connected(&TLS13);
    pair.pipe.wire().blocked = true;
    let (said, mut taken, mut buf) = (text(1000), 0, [0; 100]);
    for _ in 0..1000 {
        match pair.once(|stream, cx| stream.poll_write(cx, &said)) {
            Poll::Ready(len) => taken += len.unwrap(),
            // Polled in vain, as by a `select` over a read and a write.
            Poll::Pending => {
                let polled = pair.once(|stream, cx| stream.poll_read(cx, &mut buf));
                assert!(polled.is_pending());
            }
        }
    }
    assert!((32_000..=72_000).contains(&taken), "{taken} bytes wait");
    pair.server.echo = false;
    pair.pipe.wire().blocked = false;
    pair.flush().unwrap();
    pair.server.pump();
    assert_eq!(pair.server.received.len(), taken);
}

#[test]
fn a_flush_does_the_handshake_when_data_waits_for_it() {
    let ca = Ca::new();
    let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
    pair.write_all(b"EHLO client.example\r\n").unwrap();
    assert_eq!(pair.pipe.wire().writes.len(), 0);
    pair.flush().unwrap();
    pair.server.pump();
    assert_eq!(pair.server.received, b"EHLO client.example\r\n");
}

#[test]
fn close_sends_what_waits_then_one_close_notify_and_closes_the_stream_below() {
    for version in BOTH {
        let mut pair = Pair::connected(version);
        pair.write_all(b"QUIT\r\n").unwrap();
        pair.close().unwrap();
        pair.server.pump();
        assert_eq!(pair.server.received, b"QUIT\r\n");
        assert!(pair.server.closed);
        let writes = pair.pipe.wire().writes.len();
        // A second alert would be a write, and one after close fails the test.
        pair.close().unwrap();
        assert_eq!(pair.pipe.wire().writes.len(), writes);
        assert!(pair.pipe.wire().closes >= 1);
        // The other direction is still open.
        pair.server.say(b"221 bye\r\n");
        assert!(pair.read().unwrap().ends_with(b"221 bye\r\n"));
        pair.server.close_notify();
        assert_eq!(pair.read().unwrap(), b"");
    }
}

#[test]
fn close_sends_what_was_written_before_the_handshake() {
    let ca = Ca::new();
    for version in BOTH {
        let mut pair = Pair::new(&ca.client(), &ca.server(version));
        pair.write_all(b"QUIT\r\n").unwrap();
        pair.close().unwrap();
        pair.server.pump();
        assert_eq!(pair.server.received, b"QUIT\r\n");
        assert!(pair.server.closed);
    }
}

#[test]
fn close_without_anything_said_waits_for_no_handshake() {
    let ca = Ca::new();
    let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
    assert!(matches!(
        pair.once(AsyncWrite::poll_close),
        Poll::Ready(Ok(()))
    ));
    assert_eq!(pair.pipe.wire().closes, 1);
}

#[test]
fn empty_buffers_give_nothing_and_wait_for_nothing() {
    let ca = Ca::new();
    let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
    let polled = pair.once(|stream, cx| stream.poll_read(cx, &mut []));
    assert!(matches!(polled, Poll::Ready(Ok(0))));
    let polled = pair.once(|stream, cx| stream.poll_write(cx, b""));
    assert!(matches!(polled, Poll::Ready(Ok(0))));
}

#[test]
fn nothing_said_and_no_key_is_in_the_debug_text() {
    let ca = Ca::new();
    let client = ca.client();
    let mut pair = Pair::new(&client, &ca.server(&TLS13));
    pair.write_all(b"AUTH PLAIN secret").unwrap();
    let text = |state| {
        format!(
            "TlsStream {{ engine: Engine {{ peer: \"mail.example\", state: {state}, .. }}, .. }}"
        )
    };
    assert_eq!(format!("{:?}", pair.stream), text("Handshaking"));
    pair.handshake().unwrap();
    pair.write_all(b"AUTH PLAIN secret").unwrap();
    assert_eq!(format!("{:?}", pair.stream), text("Open"));
    assert_eq!(format!("{client:?}"), "TlsConfig { .. }");
    let bundle = b"a private key may be in the same file";
    let builder = tls_pump::TlsConfig::builder().roots_pem(bundle);
    assert!(!format!("{builder:?}").contains("97, 32, 112, 114"));
}
