//! The client's end of a connection in memory, with buffers of any size and faults at
//! any byte.

use crate::server::lock;
use crate::{Conversation, Server, Then};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// How a stream behaves. By default nothing is limited and nothing breaks.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The most bytes that wait in either direction.
    pub buffer_len: usize,
    /// The most bytes that a read gives.
    pub read_len: usize,
    /// The most bytes that a write takes.
    pub write_len: usize,
    /// After so many bytes, writes fail.
    pub broken_at: Option<usize>,
    /// What the client writes is kept, for [`Link::wire`] and [`Link::offered`].
    pub keep_wire: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            buffer_len: usize::MAX,
            read_len: usize::MAX,
            write_len: usize::MAX,
            broken_at: None,
            keep_wire: false,
        }
    }
}

/// The client's end of a connection to a [`Server`] in memory. A clone is the same end.
///
/// The server works while the client reads and writes: what has to wait then waits for
/// the client. With the feature `futures-io` it has that crate's traits.
#[derive(Clone, Debug)]
pub struct Stream(Arc<Mutex<Link>>);

/// What goes through a [`Stream`].
#[derive(Debug)]
pub struct Link {
    conversation: Conversation,
    shape: Shape,
    /// From the client, not read yet.
    up: VecDeque<u8>,
    /// What the client wrote, if that is kept.
    pub wire: Vec<u8>,
    /// How many bytes the client wrote.
    pub written: usize,
    /// The last buffer that was offered, as far as it was not taken, if that is kept.
    pub offered: Vec<u8>,
    /// How often the client began to write after it had read.
    pub flights: usize,
    /// The client closed it.
    pub is_closed: bool,
    is_reading: bool,
    is_broken: bool,
    waiting: [Option<Waker>; 2],
}

impl Stream {
    /// A new connection.
    #[must_use]
    pub fn new(server: &Server) -> Self {
        Self::shaped(server, Shape::default())
    }

    /// A new connection through such a stream.
    #[must_use]
    pub fn shaped(server: &Server, shape: Shape) -> Self {
        Self(Arc::new(Mutex::new(Link {
            conversation: server.open(),
            shape,
            up: VecDeque::new(),
            wire: Vec::new(),
            written: 0,
            offered: Vec::new(),
            flights: 0,
            is_closed: false,
            is_reading: true,
            is_broken: false,
            waiting: [None, None],
        })))
    }

    /// Looks at what went through.
    pub fn see<T>(&self, look: impl FnOnce(&mut Link) -> T) -> T {
        look(&mut lock(&self.0))
    }

    /// The server at the other end.
    #[must_use]
    pub fn server(&self) -> Server {
        self.see(|link| link.conversation.server().clone())
    }

    /// Says what nobody asked for.
    pub fn inject(&self, text: &str) {
        self.see(|link| {
            link.conversation.inject(text);
            link.wake();
        });
    }

    /// Reads into `buf`; 0 at the end of the connection.
    ///
    /// # Errors
    ///
    /// `ConnectionReset` after a [`Then::Reset`].
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.see(|link| link.poll_read(cx, buf))
    }

    /// Writes from `buf`.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` once the server closed the connection or hung up, `ConnectionReset`
    /// from [`Shape::broken_at`] on.
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.see(|link| link.poll_write(cx, buf))
    }

    /// Ends the connection.
    pub fn close(&self) {
        self.see(|link| {
            link.is_closed = true;
            link.conversation.close();
        });
    }
}

impl Link {
    /// The server reads as long as what it says finds room.
    fn work(&mut self) {
        while !self.up.is_empty() && self.conversation.output().len() < self.shape.buffer_len {
            match self.conversation.next() {
                Then::StartTls => self.conversation.tls_started(None),
                Then::Stop | Then::Repeat(..) => return,
                _ => {}
            }
            let len = self.up.len().min(self.shape.buffer_len).min(8192);
            let bytes: Vec<u8> = self.up.drain(..len).collect();
            self.conversation.handle(&bytes);
            self.wake();
        }
    }

    fn wake(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.work();
        self.refill();
        let output = self.conversation.output();
        let len = buf.len().min(output.len()).min(self.shape.read_len);
        if len > 0 || buf.is_empty() {
            self.is_reading = true;
            buf[..len].copy_from_slice(&output[..len]);
            self.conversation.written(len);
            self.work();
            return Poll::Ready(Ok(len));
        }
        match self.conversation.next() {
            Then::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Then::End | Then::HalfClose | Then::Close => return Poll::Ready(Ok(0)),
            _ => {}
        }
        // Who is to be woken is known before it is looked whether the server is there.
        match self.waits(0, cx) || self.is_broken {
            true => Poll::Ready(Ok(0)),
            false => Poll::Pending,
        }
    }

    /// Notes who reads or writes; gives whether the connection is over.
    fn waits(&mut self, side: usize, cx: &Context<'_>) -> bool {
        self.waiting[side] = Some(cx.waker().clone());
        self.conversation.server().wake_later(cx.waker());
        self.conversation.is_over()
    }

    /// What is said again and again is said again.
    fn refill(&mut self) {
        if let (Then::Repeat(bytes, _), []) = (self.conversation.next(), self.conversation.output())
        {
            let text = bytes.clone();
            self.conversation.repeated(text.len());
            self.conversation.inject(text);
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.work();
        if self.shape.keep_wire {
            self.offered = buf.to_vec();
        }
        let is_gone = matches!(self.conversation.next(), Then::Close | Then::Reset);
        if is_gone || self.conversation.is_over() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = self.shape.buffer_len.saturating_sub(self.up.len());
        let mut len = buf.len().min(room).min(self.shape.write_len);
        if let Some(at) = self.shape.broken_at {
            len = len.min(at.saturating_sub(self.written));
            self.is_broken = self.written >= at;
            if self.is_broken {
                self.wake();
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
        }
        if len == 0 && !buf.is_empty() {
            return match self.waits(1, cx) {
                true => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                false => Poll::Pending,
            };
        }
        self.flights += usize::from(std::mem::take(&mut self.is_reading));
        self.up.extend(&buf[..len]);
        if self.shape.keep_wire {
            self.wire.extend_from_slice(&buf[..len]);
        }
        self.written += len;
        self.offered.drain(..len.min(self.offered.len()));
        self.work();
        Poll::Ready(Ok(len))
    }
}

#[cfg(feature = "futures-io")]
mod traits {
    use super::Stream;
    use futures_io::{AsyncRead, AsyncWrite};
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    impl AsyncRead for Stream {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Self::poll_read(&self, cx, buf)
        }
    }

    impl AsyncWrite for Stream {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Self::poll_write(&self, cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.close();
            Poll::Ready(Ok(()))
        }
    }
}
