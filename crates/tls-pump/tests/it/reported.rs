//! What users of other drivers report, one test each: here it does not happen.
//! (`64 KiB kept per idle connection` is in `idle_memory.rs`, which counts what
//! is allocated.)

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::{BOTH, Ca, Pair, Pipe, TLS13, inside, records};
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::future::{block_on, pending, poll_once, ready};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use tls_pump::{Error, TlsStream};

/// A stream that gathers what is written is flushed before each wait of the
/// handshake, also when the flush itself had to wait.
#[test]
fn a_flush_lost_between_polls_of_the_handshake() {
    let ca = Ca::new();
    for version in BOTH {
        let mut pair = Pair::new(&ca.client(), &ca.server(version));
        pair.pipe.wire().blocked_flush = true;
        let handshake = |stream: std::pin::Pin<&mut TlsStream<Pipe>>, cx: &mut Context<'_>| {
            pin!(stream.get_mut().handshake()).poll(cx)
        };
        assert!(pair.once(handshake).is_pending());
        assert_eq!(pair.pipe.wire().writes.len(), 1);
        assert_eq!(pair.pipe.wire().to_server, b"");
        pair.pipe.wire().blocked_flush = false;
        // The next poll has nothing to write, and flushes all the same.
        assert!(pair.once(handshake).is_pending());
        assert_eq!(pair.pipe.wire().writes.len(), 1);
        assert_ne!(pair.pipe.wire().to_server, b"");
        pair.handshake().unwrap();
    }
}

#[test]
fn ok_0_from_the_writer_loops_for_ever() {
    let ca = Ca::new();
    let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
    pair.pipe.wire().write_result = Some(Ok(0));
    let error = pair.handshake().unwrap_err();
    assert_eq!(error.io_kind(), io::ErrorKind::WriteZero);
    assert!(matches!(error, Error::Io(_)));

    let mut pair = Pair::connected(&TLS13);
    pair.write_all(b"NOOP\r\n").unwrap();
    pair.pipe.wire().write_result = Some(Ok(0));
    let zero = io::ErrorKind::WriteZero;
    assert_eq!(pair.flush().unwrap_err().kind(), zero);
    assert_eq!(pair.read().unwrap_err().kind(), zero);
    assert_eq!(pair.write_all(&[0; 100_000]).unwrap_err().kind(), zero);
    assert_eq!(pair.close().unwrap_err().kind(), zero);
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Who waits is woken by the stream below and by nobody else.
#[test]
fn a_self_waking_loop() {
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut cx = Context::from_waker(&waker);
    let mut pair = Pair::settled(&TLS13);
    pair.server.echo = false;
    for blocked in [false, true] {
        pair.pipe.wire().blocked = blocked;
        let said = [0; 1000];
        let mut stream = pin!(&mut pair.stream);
        while stream.as_mut().poll_write(&mut cx, &said).is_ready() && blocked {}
        for _ in 0..10 {
            assert!(stream.as_mut().poll_read(&mut cx, &mut [0]).is_pending());
            let flushed = stream.as_mut().poll_flush(&mut cx);
            assert_eq!(flushed.is_pending(), blocked);
        }
    }
    assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
}

/// What was written leaves when flushed, when read, and when closed.
#[test]
fn data_left_in_the_tls_buffer_without_a_flush() {
    for version in BOTH {
        for leave in [
            |pair: &mut Pair| pair.flush().unwrap(),
            |pair: &mut Pair| {
                let read = pair.once(|stream, cx| stream.poll_read(cx, &mut [0]));
                assert!(read.is_pending());
            },
            |pair: &mut Pair| pair.close().unwrap(),
        ] {
            let mut pair = Pair::settled(version);
            pair.server.echo = false;
            while pair
                .once(|stream, cx| stream.poll_read(cx, &mut [0; 9]))
                .is_ready()
            {}
            pair.write_all(b"NOOP\r\n").unwrap();
            assert_eq!(pair.pipe.wire().to_server, b"");
            leave(&mut pair);
            pair.server.pump();
            assert_eq!(pair.server.received, b"NOOP\r\n");
        }
    }
}

#[test]
fn no_handshake_deadline() {
    let ca = Ca::new();
    let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
    // The peer is silent.
    let error = block_on(pair.stream.handshake_until(ready(()))).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TimedOut {
                operation: "handshake"
            }
        ),
        "{error}"
    );
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
    // One that passes later, and one that never does.
    assert!(block_on(poll_once(pair.stream.handshake_until(pending::<()>()))).is_none());
    // Given up is not lost.
    pair.handshake().unwrap();
    // What is done needs no time.
    block_on(pair.stream.handshake_until(ready(()))).unwrap();
}

#[test]
fn a_shutdown_that_never_sends_close_notify() {
    for version in BOTH {
        let mut pair = Pair::settled(version);
        pair.close().unwrap();
        pair.server.pump();
        assert!(pair.server.closed);
        assert_eq!(pair.pipe.wire().closes, 1);
        // It waits for no answer, and a second one sends nothing.
        let writes = pair.pipe.wire().writes.len();
        pair.close().unwrap();
        assert_eq!(pair.pipe.wire().writes.len(), writes);
    }
}

#[test]
fn a_shutdown_that_hangs() {
    let mut pair = Pair::settled(&TLS13);
    pair.pipe.wire().blocked = true;
    let is_late = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert!(
            matches!(error, Error::TimedOut { operation: "close" }),
            "{error}"
        );
    };
    is_late(block_on(pair.stream.close_tls_until(ready(()))));
    is_late(block_on(pair.stream.close_until(ready(()))));
    assert_eq!(pair.pipe.wire().closes, 0);
    pair.pipe.wire().blocked = false;
    block_on(pair.stream.close_until(ready(()))).unwrap();
    pair.server.pump();
    assert!(pair.server.closed);
    assert_eq!(pair.pipe.wire().closes, 1);
}

#[test]
fn the_raw_stream_lost_after_tls() {
    for version in BOTH {
        let mut pair = Pair::settled(version);
        pair.write_all(b"CCC\r\n").unwrap();
        block_on(pair.stream.close_tls()).unwrap();
        pair.server.pump();
        assert_eq!(pair.server.received, b"CCC\r\n");
        assert!(pair.server.closed);
        // The stream below is open, and plaintext goes on over it.
        assert_eq!(pair.pipe.wire().closes, 0);
        let error = pair.write(b"x").unwrap_err();
        assert!(matches!(inside(&error), Error::Closed));
        let mut raw = pair.stream.into_inner();
        assert_eq!(
            block_on(futures_lite::AsyncWriteExt::write(&mut raw, b"QUIT")).unwrap(),
            4
        );
    }
    // After a failure too.
    let ca = Ca::new();
    let mut pair = Pair::new(&Ca::named("another root").client(), &ca.server(&TLS13));
    pair.handshake().unwrap_err();
    drop(pair.stream.into_inner());
}

#[test]
fn a_dropped_handshake_future_loses_the_stream() {
    let ca = Ca::new();
    for version in BOTH {
        // Dropped at every wait: each poll of the pair makes a future anew.
        let mut pair = Pair::new(&ca.client(), &ca.server(version));
        pair.pipe.wire().segment = 3;
        pair.pipe.wire().hesitant = true;
        let mut dropped = 0;
        while pair.stream.connection_info().is_none() {
            let polled = pair.once(|stream, cx| pin!(stream.get_mut().handshake()).poll(cx));
            dropped += usize::from(polled.is_pending());
            pair.server.pump();
        }
        assert!(dropped > 100, "{dropped}");
        pair.write_all(b"EHLO\r\n").unwrap();
        assert_eq!(pair.read_exact(6).unwrap(), b"EHLO\r\n");
        // The hello was said once.
        let hellos = pair.pipe.wire().writes.concat();
        let hellos = records(&hellos).iter().filter(|kind| **kind == 22).count();
        assert!(hellos <= 3, "{hellos} handshake records");
    }
}

#[test]
fn errors_to_be_downcast_from_io_error() {
    // From the methods of the stream they come as they are.
    let ca = Ca::new();
    let mut pair = Pair::new(&Ca::named("another root").client(), &ca.server(&TLS13));
    assert!(matches!(pair.handshake(), Err(Error::Certificate { .. })));
    // And out of an I/O error by one `from`.
    let error = pair.read().unwrap_err();
    assert!(matches!(Error::from(error), Error::Certificate { .. }));
}
