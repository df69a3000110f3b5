//! TCP streams with deadlines, whose writes leave together and whose drop
//! never waits.
//!
//! WASI 0.2 has no `TCP_NODELAY`, so two host writes before a read cost the
//! peer's delayed acknowledgement. Writes are therefore kept here ("written
//! behind") and leave in one host write: when they are flushed, before a read
//! waits, and before the reactor waits. That last rule needs every stream
//! within reach of the reactor, so the connections live in a table of the
//! thread and [`TcpStream`] is a key into it.

use crate::reactor::{Registration, Timer};
use crate::time::after;
use crate::{Error, ErrorKind, Operation, WasiTarget, sys};
use futures_io::{AsyncRead, AsyncWrite};
use slab::Slab;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{fmt, io};

/// How long one read or write may wait unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// How many bytes are kept before a write waits for the host: the most that a
/// host takes at once.
const WRITE_BEHIND_LEN: usize = 64 * 1024;

/// The most that one host read asks for: the host allocates and zeroes that
/// much at every call.
const READ_LEN: usize = 32 * 1024;

/// How many stalled connections each call looks at.
const REAPED_AT_ONCE: usize = 4;

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
    key: usize,
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
        let connection = Connection {
            readable: Registration::new(socket.subscribe_read()),
            writable: Registration::new(socket.subscribe_write()),
            socket,
            behind: Vec::new(),
            queued: false,
            failed: None,
        };
        let key = TABLE.with_borrow_mut(|table| table.connections.insert(connection));
        let (reading, writing) = (Waiting::new(), Waiting::new());
        Ok(Self {
            key,
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

    /// Ends one poll of a write-side operation.
    fn finish_write<T>(
        &mut self,
        polled: Poll<Result<T, ErrorKind>>,
        cx: &Context<'_>,
    ) -> Poll<io::Result<T>> {
        let result = match polled {
            Poll::Ready(result) => result,
            Poll::Pending => {
                std::task::ready!(self.writing.poll_expired(self.deadline, cx));
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
        let result = match with(this.key, |connection| connection.poll_read(buf, cx)) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                std::task::ready!(this.reading.poll_expired(this.deadline, cx));
                with(this.key, |connection| connection.readable.cancel());
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
        let polled = with(self.key, |connection| connection.poll_write(buf, cx));
        self.finish_write(polled, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = with(self.key, |connection| connection.poll_flush(cx));
        self.finish_write(polled, cx)
    }

    /// Flushes, then ends the connection in both directions: reads give end of
    /// file from then on, writes [`ErrorKind::Closed`].
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = with(self.key, |connection| connection.poll_close(cx));
        self.finish_write(polled, cx)
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
        let connection = TABLE.with_borrow_mut(|table| {
            let mut connection = table.connections.remove(self.key);
            connection.send();
            // The host's drop waits for a write in flight: such a connection
            // goes to the graveyard until its peer lets go.
            if connection.socket.permit() == Ok(0) {
                connection.socket.shutdown();
                connection.behind = Vec::new();
                table.graveyard.push_back(ManuallyDrop::new(connection));
                return None;
            }
            Some(connection)
        });
        drop(connection);
        reap();
    }
}

/// A connection and what was written behind on it.
struct Connection {
    /// Children of the socket's streams: dropped before them.
    readable: Registration,
    writable: Registration,
    socket: sys::Socket,
    behind: Vec<u8>,
    /// In the table's list of connections with something written behind.
    queued: bool,
    /// Why nothing can be written any more.
    failed: Option<ErrorKind>,
}

impl Connection {
    fn poll_read(&mut self, buf: &mut [u8], cx: &Context<'_>) -> Poll<Result<usize, ErrorKind>> {
        if self.failed == Some(ErrorKind::Closed) {
            return Poll::Ready(Ok(0));
        }
        // Read first: readiness is often spurious, and an empty read no end.
        match self.socket.read(buf.len().min(READ_LEN)) {
            Ok(None) => Poll::Ready(Ok(0)),
            Ok(Some(bytes)) if bytes.is_empty() => {
                self.send();
                self.readable.wait(cx.waker());
                Poll::Pending
            }
            Ok(Some(bytes)) => {
                buf[..bytes.len()].copy_from_slice(&bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            Err(kind) => Poll::Ready(Err(kind)),
        }
    }

    fn poll_write(&mut self, buf: &[u8], cx: &Context<'_>) -> Poll<Result<usize, ErrorKind>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.behind.len() == WRITE_BEHIND_LEN {
            self.send();
        }
        if let Some(kind) = self.failed {
            return Poll::Ready(Err(kind));
        }
        let taken = buf.len().min(WRITE_BEHIND_LEN - self.behind.len());
        if taken == 0 {
            self.writable.wait(cx.waker());
            return Poll::Pending;
        }
        self.behind.extend_from_slice(&buf[..taken]);
        Poll::Ready(Ok(taken))
    }

    /// Ready once the host has sent everything, so that its errors show.
    fn poll_flush(&mut self, cx: &Context<'_>) -> Poll<Result<(), ErrorKind>> {
        self.send();
        if let Some(kind) = self.failed {
            return Poll::Ready(Err(kind));
        }
        match self.socket.permit() {
            Ok(0) => {
                self.writable.wait(cx.waker());
                Poll::Pending
            }
            Ok(_) => Poll::Ready(Ok(())),
            Err(kind) => Poll::Ready(Err(self.fail(kind))),
        }
    }

    fn poll_close(&mut self, cx: &Context<'_>) -> Poll<Result<(), ErrorKind>> {
        if self.failed.is_some() {
            return Poll::Ready(Ok(()));
        }
        std::task::ready!(self.poll_flush(cx))?;
        self.socket.shutdown();
        self.fail(ErrorKind::Closed);
        Poll::Ready(Ok(()))
    }

    /// Offers what was written behind to the host, without waiting.
    fn send(&mut self) {
        while self.failed.is_none() && !self.behind.is_empty() {
            match self.socket.permit() {
                Ok(0) => return,
                Ok(permit) => {
                    let len = permit.min(self.behind.len());
                    match self.socket.write(&self.behind[..len]) {
                        Ok(()) => drop(self.behind.drain(..len)),
                        Err(kind) => drop(self.fail(kind)),
                    }
                }
                Err(kind) => drop(self.fail(kind)),
            }
        }
    }

    fn fail(&mut self, kind: ErrorKind) -> ErrorKind {
        self.behind = Vec::new();
        *self.failed.insert(kind)
    }
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
}

#[derive(Default)]
struct Table {
    connections: Slab<Connection>,
    /// Keys of the connections with something written behind; a key may be out
    /// of date, which costs a look.
    queue: Vec<usize>,
    /// Dropped with a write in flight. Never in a poll list, since a host that
    /// cannot finish would slow every poll; forgotten at exit, which would wait
    /// for them otherwise.
    graveyard: VecDeque<ManuallyDrop<Connection>>,
}

/// Runs `operation` on a live stream's connection.
fn with<T>(key: usize, operation: impl FnOnce(&mut Connection) -> T) -> T {
    TABLE.with_borrow_mut(|table| {
        let connection = &mut table.connections[key];
        let result = operation(connection);
        if !connection.behind.is_empty() && !std::mem::replace(&mut connection.queued, true) {
            table.queue.push(key);
        }
        result
    })
}

/// Sends what was written behind on any stream. What the host can't take yet is
/// sent as soon as it can: the reactor wakes for it.
pub(crate) fn flush_written_behind() {
    TABLE.with_borrow_mut(|table| {
        let connections = &mut table.connections;
        table.queue.retain(|&key| {
            let Some(connection) = connections.get_mut(key) else {
                return false;
            };
            connection.send();
            connection.queued = !connection.behind.is_empty();
            if connection.queued {
                connection.writable.wait_at_least();
            }
            connection.queued
        });
    });
}

/// Lets go of stalled connections whose peer has let go, a few at each call.
pub(crate) fn reap() {
    let ready = TABLE.with_borrow_mut(|table| {
        let mut ready = Vec::new();
        for _ in 0..REAPED_AT_ONCE.min(table.graveyard.len()) {
            let connection = table.graveyard.pop_front().expect("counted above");
            if connection.writable.is_ready() {
                ready.push(connection);
            } else {
                table.graveyard.push_back(connection);
            }
        }
        ready
    });
    ready
        .into_iter()
        .for_each(|connection| drop(ManuallyDrop::into_inner(connection)));
}
