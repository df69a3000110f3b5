//! Two tasks with a half of the stream each: either is woken for what it waits
//! for, although the other polls the stream below too.

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::{Ca, NAME, Pair, Pipe, TLS13};
use futures_io::{AsyncRead, AsyncWrite};
use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tls_pump::TlsStream;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counted() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (wakes.clone(), Waker::from(wakes))
}

/// A pipe that keeps the last waker of each direction, as sockets do.
#[derive(Clone)]
struct Woken {
    pipe: Pipe,
    wakers: Rc<RefCell<[Option<Waker>; 2]>>,
}

impl Woken {
    fn keep<T>(&self, direction: usize, cx: &Context<'_>, polled: Poll<T>) -> Poll<T> {
        if polled.is_pending() {
            self.wakers.borrow_mut()[direction] = Some(cx.waker().clone());
        }
        polled
    }

    fn wake(&self, direction: usize) {
        let waker = self.wakers.borrow_mut()[direction].take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl AsyncRead for Woken {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.pipe.clone()).poll_read(cx, buf);
        self.keep(0, cx, polled)
    }
}

impl AsyncWrite for Woken {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.pipe.clone()).poll_write(cx, buf);
        self.keep(1, cx, polled)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.pipe.clone()).poll_flush(cx);
        self.keep(1, cx, polled)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.pipe.clone()).poll_close(cx);
        self.keep(1, cx, polled)
    }
}

/// A reading task waits; a writing task's flush does the handshake, and polls
/// for the answer too.
#[test]
fn a_flush_that_does_the_handshake_leaves_no_reader_asleep() {
    let ca = Ca::new();
    let client = ca.client();
    let Pair {
        pipe, mut server, ..
    } = Pair::new(&client, &ca.server(&TLS13));
    let below = Woken {
        pipe,
        wakers: Rc::default(),
    };
    let stream = TlsStream::new(&client, NAME, below.clone()).unwrap();
    let (mut reading, mut writing) = futures_lite::io::split(stream);
    let (reader_wakes, reader) = counted();
    let (writer_wakes, writer) = counted();
    let mut buf = [0; 100];
    let polled = Pin::new(&mut reading).poll_read(&mut Context::from_waker(&reader), &mut buf);
    assert!(polled.is_pending());
    let mut cx = Context::from_waker(&writer);
    assert!(
        Pin::new(&mut writing)
            .poll_write(&mut cx, b"NOOP\r\n")
            .is_ready()
    );
    let mut flushed = Pin::new(&mut writing).poll_flush(&mut cx);
    while flushed.is_pending() {
        assert!(server.pump(), "both sides wait");
        below.wake(0);
        assert!(writer_wakes.0.load(Ordering::Relaxed) > 0);
        flushed = Pin::new(&mut writing).poll_flush(&mut cx);
    }
    assert!(server.pump());
    assert_eq!(server.received, b"NOOP\r\n");
    // The echo is there.
    assert!(!below.pipe.wire().to_client.is_empty());
    below.wake(0);
    assert!(
        reader_wakes.0.load(Ordering::Relaxed) > 0,
        "what the reader waits for has come, and nobody tells it"
    );
}

/// A writing task waits for room; a reading task's poll sends as well.
#[test]
fn a_read_leaves_no_writer_asleep() {
    let ca = Ca::new();
    let client = ca.client();
    let Pair {
        pipe, mut server, ..
    } = Pair::new(&client, &ca.server(&TLS13));
    server.echo = false;
    let below = Woken {
        pipe,
        wakers: Rc::default(),
    };
    let mut stream = TlsStream::new(&client, NAME, below.clone()).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    while pin!(stream.handshake()).poll(&mut cx).is_pending() {
        assert!(server.pump());
    }
    let (mut reading, mut writing) = futures_lite::io::split(stream);
    let (reader_wakes, reader) = counted();
    let (writer_wakes, writer) = counted();
    below.pipe.wire().blocked = true;
    let mut cx = Context::from_waker(&writer);
    while Pin::new(&mut writing)
        .poll_write(&mut cx, &[0; 1000])
        .is_ready()
    {}
    let mut cx = Context::from_waker(&reader);
    let polled = Pin::new(&mut reading).poll_read(&mut cx, &mut [0; 100]);
    assert!(polled.is_pending());
    below.pipe.wire().blocked = false;
    below.wake(1);
    if reader_wakes.0.load(Ordering::Relaxed) > 0 {
        // It sends what waits, and waits on.
        let polled = Pin::new(&mut reading).poll_read(&mut cx, &mut [0; 100]);
        assert!(polled.is_pending());
    }
    assert!(
        writer_wakes.0.load(Ordering::Relaxed) > 0,
        "there is room, and nobody tells the writer"
    );
}
