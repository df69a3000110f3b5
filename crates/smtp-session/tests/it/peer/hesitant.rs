//! A stream that is ready every fourth time it is asked only, and wakes who asked.

use super::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(crate) struct Hesitant {
    pub(crate) stream: Stream,
    asked: [u8; 3],
}

impl Hesitant {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            asked: [0; 3],
        }
    }

    /// Whether it hesitates at that kind of call, this time.
    fn hesitates(&mut self, call: usize, cx: &Context<'_>) -> bool {
        self.asked[call] = (self.asked[call] + 1) % 4;
        if self.asked[call] != 0 {
            cx.waker().wake_by_ref();
        }
        self.asked[call] != 0
    }
}

impl AsyncRead for Hesitant {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.hesitates(0, cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Hesitant {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.hesitates(1, cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.hesitates(2, cx) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
