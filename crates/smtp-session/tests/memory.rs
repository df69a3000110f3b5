//! A long mail needs memory for a part of it only, however the stream takes it.

use futures_io::{AsyncRead, AsyncWrite};
use smtp_session::{Address, Body, Envelope, Options, Security, Session};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn heap() -> usize {
    let stats = GLOBAL.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
}

const LEN: usize = 4_000_000;

/// A mail that looks at the heap whenever it is read.
struct Source {
    left: usize,
    most: Arc<AtomicUsize>,
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.most.fetch_max(heap(), Ordering::Relaxed);
        let len = buf.len().min(self.left);
        buf[..len].fill(b'\n');
        self.left -= len;
        Poll::Ready(Ok(len))
    }
}

/// Takes a little at a time, and says what a server does that is content.
struct Sink {
    extensions: &'static str,
    write_len: usize,
    line: Vec<u8>,
    text: bool,
    chunk: usize,
    replies: Vec<u8>,
}

impl Sink {
    fn take(&mut self, b: u8) {
        if self.chunk > 0 {
            self.chunk -= 1;
            if self.chunk == 0 {
                self.replies.extend(b"250 chunk\r\n");
            }
            return;
        }
        self.line.push(b);
        if b != b'\n' {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let reply = match text.split([' ', '\r']).next() {
            _ if self.text && &*text != ".\r\n" => return,
            Some("BDAT") => {
                let len = text
                    .split([' ', '\r'])
                    .nth(1)
                    .and_then(|len| len.parse().ok());
                self.chunk = len.expect("a length");
                return;
            }
            Some("EHLO") => self.extensions,
            Some("DATA") => "354 go on\r\n",
            _ => "250 good\r\n",
        };
        self.text = &*text == "DATA\r\n";
        self.replies.extend(reply.as_bytes());
    }
}

impl AsyncRead for Sink {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let len = buf.len().min(self.replies.len());
        if len == 0 {
            return Poll::Pending;
        }
        buf[..len].copy_from_slice(&self.replies[..len]);
        self.replies.drain(..len);
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = buf.len().min(self.write_len);
        buf[..len].iter().for_each(|&b| self.take(b));
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_long_mail_needs_memory_for_a_part_of_it() {
    let extensions = "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
    for (chunking, write_len) in [
        (true, 10_000),
        (false, 10_000),
        (true, 70_000),
        (false, 33_000),
    ] {
        let sink = Sink {
            extensions,
            write_len,
            line: Vec::new(),
            text: false,
            chunk: 0,
            replies: b"220 hi\r\n".to_vec(),
        };
        let options = Options::default().chunking(chunking);
        let tls = Security::Tls { exporter: None };
        let mut session = Session::with_options(sink, tls, options);
        let most = Arc::new(AtomicUsize::new(0));
        let source = Source {
            left: LEN,
            most: most.clone(),
        };
        let to = Address::new("you@example.com").expect("an address");
        let envelope = Envelope::null_sender().to(to);
        let before = AtomicUsize::new(0);
        let mut whole = pin!(async {
            session.hello("client.example").await?;
            before.store(heap(), Ordering::Relaxed);
            session.send(&envelope, Body::stream(source)).await
        });
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(receipt) = whole.as_mut().poll(&mut cx) else {
            panic!("it waits")
        };
        assert!(receipt.is_ok_and(|receipt| receipt.is_complete()));
        let more = most.load(Ordering::Relaxed) - before.load(Ordering::Relaxed);
        assert!(
            more < 256 * 1024,
            "{more} bytes, chunking {chunking}, {write_len}"
        );
    }
}
