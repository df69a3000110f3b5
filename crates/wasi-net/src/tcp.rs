//! TCP streams with deadlines, whose writes leave together and whose drop
//! never waits.
//!
//! WASI 0.2 has no `TCP_NODELAY`, so two host writes before a read cost the
//! peer's delayed acknowledgement. Writes are therefore kept ("written behind")
//! and leave in one host write: when they are flushed, before a read waits, and
//! before the reactor waits.

use crate::reactor::Event;
use crate::sys::SocketOption;
use crate::table::{Polled, Task};
use crate::waiting::Waiting;
use crate::{Error, ErrorKind, Operation, WasiTarget, ip, sys, table};
use futures_io::{AsyncRead, AsyncWrite};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use std::{fmt, io};

/// A TCP connection.
///
/// Reads and writes wait at most their timeouts ([`DEFAULT_TIMEOUT`](crate::DEFAULT_TIMEOUT) each until
/// set) and never past the overall deadline, and then fail with
/// [`io::ErrorKind::TimedOut`]; the stream lives on. Errors are
/// [`io::Error`]s with an [`Error`] inside.
///
/// What is written leaves with the next flush, with a read that waits, when
/// [`block_on`](crate::block_on) next waits, or with the next write once there
/// are 64 KiB, whichever comes first. (Under a foreign executor: with the next
/// flush, or when anything of this crate next waits.)
/// [`set_flush_on_wait`](Self::set_flush_on_wait) lets more of it leave together.
///
/// `close` (of `AsyncWriteExt`) sends what is written and ends the connection in
/// both directions; WASI hosts do not agree on half closes, so there is none.
/// Dropping the stream offers what is written to the host but does not wait:
/// what the host can't take at that moment is lost.
///
/// A stream that never has to wait yields to the other futures of its task all
/// the same, after 64 operations.
///
/// # Cancellation
///
/// Dropping a read or write future half-way loses nothing: bytes are taken from
/// the stream, or into it, only when the poll that says so returns. Its time
/// runs on for the next one in that direction, until one ends or a time limit is
/// set.
pub struct TcpStream {
    read: ReadHalf,
    write: WriteHalf,
}

/// The reading side of a [`TcpStream`], by [`TcpStream::into_split`].
pub struct ReadHalf {
    half: Half,
    /// The peer has ended its side.
    ended: bool,
}

/// The writing side of a [`TcpStream`], by [`TcpStream::into_split`].
pub struct WriteHalf {
    half: Half,
}

/// What one direction needs: the connection, what it waits for, and how long.
struct Half {
    connection: Arc<Handle>,
    event: Event,
    waiting: Waiting,
}

impl Half {
    fn new(connection: Arc<Handle>, event: Event) -> Self {
        Self {
            connection,
            event,
            waiting: Waiting::new(),
        }
    }

    /// One poll of an operation on the connection, within the time limits.
    fn poll(&mut self, cx: &Context<'_>, task: Task<'_>) -> Poll<io::Result<usize>> {
        let name = match task {
            Task::Read(_) => Operation::Read,
            Task::Write(_) | Task::Flush => Operation::Write,
        };
        let polled = if self.connection.is_closed() {
            Polled::Done(Err(ErrorKind::Closed))
        } else {
            match ready!(self.waiting.poll_turn(cx)) {
                Ok(()) => {
                    let poll =
                        |connection: &mut table::Connection| connection.poll(task, cx.waker());
                    table::with(self.connection.key, poll)
                }
                Err(kind) => Polled::Done(Err(kind)),
            }
        };
        let result = ready!(self.waiting.limit(polled, self.event, cx));
        Poll::Ready(result.map_err(|kind| self.connection.error(name, kind).into()))
    }
}

/// A connection in the thread's table, let go of with the last half.
struct Handle {
    key: usize,
    closed: AtomicBool,
    local_addr: SocketAddr,
    peer_addr: SocketAddr,
}

impl Handle {
    /// Lets the connection go, the first time.
    fn close(&self) {
        if !self.closed.swap(true, Ordering::Relaxed) {
            table::release(self.key);
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn error(&self, operation: Operation, kind: ErrorKind) -> Error {
        Error::new(operation, ip::to_text(self.peer_addr), kind)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
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
        let connector = crate::Connector::new();
        connector
            .connect_addresses(ip::to_text(address), vec![address])
            .await
    }

    pub(crate) fn new(socket: sys::Socket, peer_addr: SocketAddr) -> Result<Self, ErrorKind> {
        let local_addr = socket.local_addr()?;
        let (key, events) = table::insert(socket);
        let connection = Arc::new(Handle {
            key,
            closed: AtomicBool::new(false),
            local_addr,
            peer_addr,
        });
        Ok(Self {
            read: ReadHalf {
                half: Half::new(Arc::clone(&connection), events.readable),
                ended: false,
            },
            write: WriteHalf {
                half: Half::new(connection, events.writable),
            },
        })
    }

    /// The address of this end.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.read.half.connection.local_addr
    }

    /// The address of the other end.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.read.half.connection.peer_addr
    }

    /// How long each read may wait; `None` for ever. Default:
    /// [`DEFAULT_TIMEOUT`](crate::DEFAULT_TIMEOUT).
    /// A read that waits already has it from its next poll on.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read.half.waiting.set_timeout(timeout);
    }

    /// How long each write, flush or close may wait; `None` for ever. Default:
    /// [`DEFAULT_TIMEOUT`](crate::DEFAULT_TIMEOUT). A write that waits already has it from its next poll
    /// on.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write.half.waiting.set_timeout(timeout);
    }

    /// When every wait on this stream ends at the latest; `None` (the default)
    /// for no such moment. An operation that waits already has it from its next
    /// poll on.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.read.half.waiting.set_deadline(deadline);
        self.write.half.waiting.set_deadline(deadline);
    }

    /// Has the host probe an idle connection: first after `idle`, then every
    /// `interval`, and give it up after `count` probes without an answer; `None`
    /// (the host's default) for no probes. The host rounds times to whole
    /// seconds and clamps them (wasmtime: 1 to 32,767 s).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidOption`] for zero, [`ErrorKind::Unsupported`] when
    /// the host can't.
    ///
    /// Source: WIT `wasi:sockets/tcp.tcp-socket.set-keep-alive-enabled` and its
    /// neighbours.
    pub fn set_keep_alive(&self, keep_alive: Option<KeepAlive>) -> Result<(), Error> {
        if let Some(KeepAlive {
            idle,
            interval,
            count,
        }) = keep_alive
        {
            self.set(SocketOption::KeepAliveIdle(idle))?;
            self.set(SocketOption::KeepAliveInterval(interval))?;
            self.set(SocketOption::KeepAliveCount(count))?;
        }
        self.set(SocketOption::KeepAlive(keep_alive.is_some()))
    }

    /// Whether what is written leaves only when the component waits, though it was
    /// flushed or a read was polled: then small writes in turn leave together, as the
    /// frames of HTTP/2 do, where else each but the first waits for the peer's delayed
    /// acknowledgement (about 40 ms). A flush is pending until then. A component that
    /// does not wait for a while sends all the same. Default: off, and a flush sends at
    /// once. It counts in [`block_on`](crate::block_on) and in `raw::drive`; elsewhere
    /// nobody knows when the component waits.
    ///
    /// Source: RFC 9293 section 3.7.4 (Nagle), RFC 1122 section 4.2.3.2; WASI 0.2 has no
    /// `TCP_NODELAY`.
    pub fn set_flush_on_wait(&mut self, on: bool) {
        self.write.set_flush_on_wait(on);
    }

    /// How many routers a packet may pass (the IPv4 TTL, the IPv6 hop limit),
    /// 1 to 255. Default: the host's, mostly 64.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidOption`] for 0.
    ///
    /// Source: WIT `wasi:sockets/tcp.tcp-socket.set-hop-limit`.
    pub fn set_hop_limit(&self, hops: u8) -> Result<(), Error> {
        self.set(SocketOption::HopLimit(hops))
    }

    /// How many bytes the host keeps for a reader that is late. A hint: the host
    /// rounds and clamps it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidOption`] for 0.
    ///
    /// Source: WIT `wasi:sockets/tcp.tcp-socket.set-receive-buffer-size`.
    pub fn set_receive_buffer_len(&self, len: usize) -> Result<(), Error> {
        self.set(SocketOption::ReceiveBuffer(len))
    }

    /// How many bytes the host keeps for a peer that is late. A hint: the host
    /// rounds and clamps it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidOption`] for 0.
    ///
    /// Source: WIT `wasi:sockets/tcp.tcp-socket.set-send-buffer-size`.
    pub fn set_send_buffer_len(&self, len: usize) -> Result<(), Error> {
        self.set(SocketOption::SendBuffer(len))
    }

    fn set(&self, option: SocketOption) -> Result<(), Error> {
        let connection = &self.read.half.connection;
        let result = if connection.is_closed() {
            Err(ErrorKind::Closed)
        } else {
            table::with(connection.key, |connection| connection.set(option))
        };
        result.map_err(|kind| connection.error(Operation::SetOption, kind))
    }

    /// The two directions, to be used by two tasks. The connection ends when
    /// both are dropped, or the writing half is closed. What the writer wrote
    /// leaves also when only the reader waits.
    #[must_use]
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        (self.read, self.write)
    }
}

/// When to probe an idle connection; see [`TcpStream::set_keep_alive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Idle time before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Probes without an answer before the connection is given up.
    pub count: u32,
}

impl ReadHalf {
    /// As [`TcpStream::set_read_timeout`].
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.half.waiting.set_timeout(timeout);
    }

    /// As [`TcpStream::set_deadline`], for this half.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.half.waiting.set_deadline(deadline);
    }
}

impl WriteHalf {
    /// As [`TcpStream::set_write_timeout`].
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.half.waiting.set_timeout(timeout);
    }

    /// As [`TcpStream::set_deadline`], for this half.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.half.waiting.set_deadline(deadline);
    }

    /// As [`TcpStream::set_flush_on_wait`].
    pub fn set_flush_on_wait(&mut self, on: bool) {
        let connection = &self.half.connection;
        if !connection.is_closed() {
            table::with(connection.key, |connection| {
                connection.set_flush_on_wait(on);
            });
        }
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() || self.ended {
            return Poll::Ready(Ok(0));
        }
        let result = ready!(self.half.poll(cx, Task::Read(buf)));
        self.ended = matches!(result, Ok(0));
        Poll::Ready(result)
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.half.poll(cx, Task::Write(buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.poll(cx, Task::Flush).map_ok(drop)
    }

    /// Flushes, then ends the connection in both directions: writes fail with
    /// [`ErrorKind::Closed`] from then on, and so do reads unless the peer had
    /// ended its side before. After a timeout the connection is still open.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.half.connection.is_closed() {
            return Poll::Ready(Ok(()));
        }
        let result = ready!(self.as_mut().poll_flush(cx));
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::TimedOut) {
            self.half.connection.close();
        }
        Poll::Ready(result)
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    /// As the writing half does it: flushes, then ends both directions.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_close(cx)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.local_addr, self.peer_addr)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpStream")
            .field(&self.read.half.connection)
            .finish()
    }
}

impl fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadHalf")
            .field(&self.half.connection)
            .finish()
    }
}

impl fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteHalf")
            .field(&self.half.connection)
            .finish()
    }
}
