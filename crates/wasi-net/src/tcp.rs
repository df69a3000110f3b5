//! TCP streams with deadlines, whose writes leave together and whose drop
//! never waits.
//!
//! WASI 0.2 has no `TCP_NODELAY`, so two host writes before a read cost the
//! peer's delayed acknowledgement. Writes are therefore kept ("written behind")
//! and leave in one host write: when they are flushed, before a read waits, and
//! before the reactor waits.

use crate::reactor::Timer;
use crate::time::after;
use crate::{Error, ErrorKind, Operation, WasiTarget, sys, table};
use futures_io::{AsyncRead, AsyncWrite};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use std::{fmt, io};

/// How long one read or write may wait unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// A TCP connection.
///
/// Reads and writes wait at most their timeouts ([`DEFAULT_TIMEOUT`] each until
/// set) and never past the overall deadline, and then fail with
/// [`io::ErrorKind::TimedOut`]; the stream lives on. Errors are
/// [`io::Error`]s with an [`Error`] inside.
///
/// What is written leaves with the next flush, with a read that waits, or when
/// [`block_on`](crate::block_on) next waits, whichever comes first; at 64 KiB it
/// leaves at once.
///
/// `close` (of `AsyncWriteExt`) sends what is written and ends the connection.
/// Dropping the stream offers it to the host but does not wait: what the host
/// can't take at that moment is lost.
///
/// # Cancellation
///
/// Dropping a read or write future half-way loses nothing: bytes are taken from
/// the stream, or into it, only when the poll that says so returns.
pub struct TcpStream {
    /// Its place in the thread's table; `None` once closed.
    key: Option<usize>,
    events: table::Events,
    local_addr: SocketAddr,
    peer_addr: SocketAddr,
    reading: Waiting,
    writing: Waiting,
    deadline: Option<Instant>,
}

/// One direction's timeout, and the timer of the wait under way.
struct Waiting {
    timeout: Option<Duration>,
    timer: Option<Timer>,
}

impl Waiting {
    fn new() -> Self {
        Self {
            timeout: Some(DEFAULT_TIMEOUT),
            timer: None,
        }
    }

    /// Ready when the operation that waits has waited long enough.
    fn poll_expired(&mut self, deadline: Option<Instant>, cx: &Context<'_>) -> Poll<()> {
        if self.timer.is_none() {
            let ends = self.timeout.map(after).into_iter().chain(deadline).min();
            self.timer = ends.map(Timer::at);
        }
        match &mut self.timer {
            Some(timer) => timer.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl TcpStream {
    /// Connects to one address, waiting at most 30 s. [`Connector`](crate::Connector)
    /// takes names and tries all their addresses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NetworkDenied`] without the host's permission,
    /// [`ErrorKind::InvalidAddress`] for an address nobody can connect to, and
    /// what the network says.
    ///
    /// # Cancellation
    ///
    /// Dropping the future cancels the attempt.
    pub async fn connect(address: SocketAddr) -> Result<Self, Error>
    where
        for<'a> (): WasiTarget<'a>,
    {
        crate::Connector::new()
            .connect_addresses(address.to_string(), vec![address])
            .await
    }

    pub(crate) fn new(socket: sys::Socket) -> Result<Self, ErrorKind> {
        let (local_addr, peer_addr) = (socket.local_addr()?, socket.peer_addr()?);
        let (key, events) = table::insert(socket);
        let (reading, writing) = (Waiting::new(), Waiting::new());
        Ok(Self {
            key: Some(key),
            events,
            local_addr,
            peer_addr,
            reading,
            writing,
            deadline: None,
        })
    }

    /// The address of this end.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address of the other end.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer_addr
    }

    /// How long each read may wait; `None` for ever. Default: [`DEFAULT_TIMEOUT`].
    /// A read that waits already keeps the time it had.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.reading.timeout = timeout;
    }

    /// How long each write, flush or close may wait; `None` for ever. Default:
    /// [`DEFAULT_TIMEOUT`]. A write that waits already keeps the time it had.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.writing.timeout = timeout;
    }

    /// When every wait on this stream ends at the latest; `None` (the default)
    /// for no such moment.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
        (self.reading.timer, self.writing.timer) = (None, None);
    }

    fn error(&self, operation: Operation, kind: ErrorKind) -> io::Error {
        Error::new(operation, self.peer_addr, kind).into()
    }

    fn poll_write_side<T>(
        &mut self,
        cx: &mut Context<'_>,
        operation: impl FnOnce(&mut table::Connection) -> Poll<Result<T, ErrorKind>>,
    ) -> Poll<io::Result<T>> {
        let polled = match self.key {
            Some(key) => table::with(key, operation),
            None => Poll::Ready(Err(ErrorKind::Closed)),
        };
        let result = match polled {
            Poll::Ready(result) => result,
            Poll::Pending => {
                self.events.writable.wait(cx.waker());
                ready!(self.writing.poll_expired(self.deadline, cx));
                self.events.writable.cancel();
                Err(ErrorKind::TimedOut)
            }
        };
        self.writing.timer = None;
        Poll::Ready(result.map_err(|kind| self.error(Operation::Write, kind)))
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let this = &mut *self;
        let Some(key) = this.key else {
            return Poll::Ready(Ok(0));
        };
        let result = match table::with(key, |connection| connection.read(buf)) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                this.events.readable.wait(cx.waker());
                ready!(this.reading.poll_expired(this.deadline, cx));
                this.events.readable.cancel();
                Err(ErrorKind::TimedOut)
            }
        };
        this.reading.timer = None;
        Poll::Ready(result.map_err(|kind| this.error(Operation::Read, kind)))
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_side(cx, |connection| connection.write(buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_side(cx, table::Connection::flush)
    }

    /// Flushes, then ends the connection in both directions: reads give end of
    /// file from then on, writes [`ErrorKind::Closed`]. After a timeout the
    /// connection is still open.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(key) = self.key else {
            return Poll::Ready(Ok(()));
        };
        let result = ready!(self.as_mut().poll_flush(cx));
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::TimedOut) {
            self.key = None;
            table::release(key);
        }
        Poll::Ready(result)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("local_addr", &self.local_addr)
            .field("peer_addr", &self.peer_addr)
            .finish_non_exhaustive()
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            table::release(key);
        }
    }
}
