//! The driver: a TLS stream over any `AsyncRead + AsyncWrite`.

use crate::halves::{Half, Halves};
use crate::{ConnectionInfo, Ending, Engine, Error, Plaintext, TlsConfig};
use futures_io::{AsyncRead, AsyncWrite};
use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

/// How much ciphertext one read of the stream below asks for: about a full record
/// (RFC 8446 section 5.2).
const READ_LEN: usize = 16 * 1024;

/// TLS over the byte stream `S`.
///
/// All records that wait leave in one write to `S`. They leave when flushed,
/// before a read waits, and when 32 KiB wait. Errors are [`io::Error`]s with an
/// [`Error`] inside (`Error::from` takes it out), or those of `S` as they are.
///
/// An end without the peer's close_notify is [`Error::Truncated`], never an
/// end of file. `close` sends what was written, doing the handshake first if
/// that waits for it, then close_notify, and closes `S`;
/// [`close_tls`](Self::close_tls) leaves `S` open. Neither waits for the peer's
/// close_notify. When closing fails, `S` is left as it is: drop it, or try again.
///
/// It keeps no buffer while it is idle, and no task or timer: every poll does
/// all it can and then waits for `S`. One poll goes on as long as `S` has
/// something to give that is no plaintext, so `S` should yield now and then, as
/// sockets of `wasi-net` and tokio do. Halves of it, as by `io::split`, may be
/// used by two tasks: both are woken by whatever either may wait for.
///
/// # Cancellation
///
/// Dropping the future of any operation loses nothing: what was taken from
/// either side is in the stream, and the next operation goes on with it.
pub struct TlsStream<S> {
    stream: S,
    engine: Engine,
    /// Ciphertext from `stream`, of which `left` is still to be taken by the
    /// engine.
    received: Chunk,
    left: Range<usize>,
    /// Written to `stream` since its last flush.
    unflushed: bool,
    /// Why `stream` took no more, while there was still something to be read.
    write_error: Option<io::Error>,
    halves: Halves,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// A connection over `stream` to the peer that [`Engine::new`] describes.
    /// Nothing is sent yet; [`handshake`](Self::handshake), the first read, or
    /// a flush starts it. What is written before that waits.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`]; `stream` is dropped then. To keep it, make the
    /// engine first: [`with_engine`](Self::with_engine).
    pub fn new(config: &TlsConfig, server_name: &str, stream: S) -> Result<Self, Error> {
        Ok(Self::with_engine(Engine::new(config, server_name)?, stream))
    }

    /// A connection over `stream` by an engine that was made before: by
    /// [`Engine::upgrade`] after STARTTLS, or by `Engine::server`.
    pub fn with_engine(engine: Engine, stream: S) -> Self {
        Self {
            stream,
            engine,
            received: Chunk::default(),
            left: 0..0,
            unflushed: false,
            write_error: None,
            halves: Halves::default(),
        }
    }

    /// Does the handshake; when it is done already, only sends what waits. Waits
    /// as long as the stream below does: see
    /// [`handshake_until`](Self::handshake_until).
    ///
    /// The last flight is written to the stream below but not flushed, so that
    /// a stream which gathers what is written sends it with the first data.
    ///
    /// # Errors
    ///
    /// What is wrong with the peer or its certificate, [`Error::Io`] from the
    /// stream below, [`Error::Closed`] when it was closed before it was done. The
    /// peer is told by an alert, as far as the stream takes it and rustls has one.
    ///
    /// # Cancellation
    ///
    /// Dropping the future keeps what was done; a later call goes on.
    pub async fn handshake(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_handshake(cx)).await
    }

    /// [`handshake`](Self::handshake), given up when `deadline` is ready first:
    /// any future does, such as a runtime's sleep.
    ///
    /// # Errors
    ///
    /// As `handshake`; [`Error::TimedOut`], after which the handshake can go on
    /// by another call.
    ///
    /// # Cancellation
    ///
    /// As `handshake`.
    pub async fn handshake_until<D: Future>(&mut self, deadline: D) -> Result<(), Error> {
        until(deadline, "handshake", |cx| self.poll_handshake(cx)).await
    }

    /// Sends what was written and close_notify, and leaves the stream below
    /// open. Afterwards only reading goes on: read until 0 before
    /// [`into_inner`](Self::into_inner), or the peer's close_notify is still to
    /// come on the stream below. A handshake that nothing written waits for is
    /// given up.
    ///
    /// # Errors
    ///
    /// Those of the stream below; of the handshake, when what was written waits
    /// for it. After a fatal error it only sends the alert.
    ///
    /// # Cancellation
    ///
    /// Dropping the future keeps what was done; a later call goes on.
    ///
    /// Source: RFC 8446 section 6.1.
    pub async fn close_tls(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_close_tls(cx))
            .await
            .map_err(Error::from)
    }

    /// [`close_tls`](Self::close_tls), given up when `deadline` is ready first,
    /// as when the peer takes no data.
    ///
    /// # Errors
    ///
    /// As `close_tls`; [`Error::TimedOut`], after which closing can go on by
    /// another call.
    ///
    /// # Cancellation
    ///
    /// As `close_tls`.
    pub async fn close_tls_until<D: Future>(&mut self, deadline: D) -> Result<(), Error> {
        let close = |cx: &mut Context<'_>| self.poll_close_tls(cx).map_err(Error::from);
        until(deadline, "close", close).await
    }

    /// Closes TLS and the stream below, as `AsyncWriteExt::close` does, given up
    /// when `deadline` is ready first.
    ///
    /// # Errors
    ///
    /// As [`close_tls`](Self::close_tls); [`Error::TimedOut`], after which
    /// closing can go on by another call.
    ///
    /// # Cancellation
    ///
    /// As `close_tls`.
    pub async fn close_until<D: Future>(&mut self, deadline: D) -> Result<(), Error> {
        let close = |cx: &mut Context<'_>| Pin::new(&mut *self).poll_close(cx).map_err(Error::from);
        until(deadline, "close", close).await
    }

    /// What the handshake agreed on; `None` until it is done.
    pub fn connection_info(&self) -> Option<ConnectionInfo> {
        self.engine.connection_info()
    }

    /// The engine, for what else it tells: its state, exported keys.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The channel binding `tls-exporter`: see [`Engine::tls_exporter`].
    pub fn tls_exporter(&self) -> Option<[u8; 32]> {
        self.engine.tls_exporter()
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream below, to set its options. Reading or writing it breaks the
    /// connection.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream below, also after a failure. What was written and not yet
    /// flushed is lost, and so is what the peer sent right behind its
    /// close_notify: it may have been read together with it.
    pub fn into_inner(self) -> S {
        self.stream
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let waker = self.halves.join(Half::Writer, cx.waker());
        let cx = &mut Context::from_waker(&waker);
        self.engine.check()?;
        while self.engine.is_handshaking() {
            ready!(self.poll_receive(cx))?;
        }
        self.poll_write_out(cx).map_err(Error::from)
    }

    /// Does the handshake as long as plaintext waits for it.
    fn poll_early(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.engine.holds_plaintext() {
            ready!(self.poll_receive(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close_tls(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waker = self.halves.join(Half::Writer, cx.waker());
        let cx = &mut Context::from_waker(&waker);
        ready!(self.poll_early(cx))?;
        self.engine.close();
        self.poll_send(cx)
    }

    /// What can be read without the stream below; `None` for nothing yet.
    fn read_now(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        match self.engine.read(buf) {
            Ok(Plaintext::Data(len)) => {
                // All that has come; the next read may be far away.
                if self.engine.wants().read {
                    self.engine.shrink();
                }
                Some(Ok(len))
            }
            Ok(Plaintext::Closed) => Some(Ok(0)),
            Ok(Plaintext::Empty) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Tells the peer by the alert of the engine's `error`, as far as the stream
    /// takes it now; the reason matters more than whether the peer learns it.
    fn tell(&mut self, cx: &mut Context<'_>, error: Error) -> io::Error {
        let _ = self.poll_send(cx);
        error.into()
    }

    /// Sends what waits and flushes the stream below.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_out(cx))?;
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        self.engine.shrink();
        Poll::Ready(Ok(()))
    }

    /// Hands all ciphertext to the stream below.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.write_error.take() {
            return Poll::Ready(Err(error));
        }
        while !self.engine.ciphertext().is_empty() {
            let stream = Pin::new(&mut self.stream);
            match ready!(stream.poll_write(cx, self.engine.ciphertext()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => self.engine.sent(len),
            }
            self.unflushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what waits, then feeds the engine from the stream below.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A stream that takes no more may still have something to read, and
        // its reader may be what the peer waits for; also when it failed, since
        // the peer's last words come before that.
        let sent = self.poll_send(cx);
        if self.left.is_empty() {
            let mut chunk = Chunk::take();
            let len = match Pin::new(&mut self.stream).poll_read(cx, &mut chunk.0) {
                Poll::Ready(Ok(len @ 1..)) => len,
                read => {
                    if let Poll::Ready(Err(error)) = sent {
                        return Poll::Ready(Err(error));
                    }
                    ready!(read)?;
                    return Poll::Ready(match self.engine.handle_eof() {
                        Ending::Clean => Ok(()),
                        Ending::Truncated => self.engine.check().map_err(Into::into),
                    });
                }
            };
            self.received = chunk;
            self.left = 0..len;
        }
        if let Poll::Ready(Err(error)) = sent {
            self.write_error = Some(error);
        }
        let rest = &self.received.0[self.left.clone()];
        Poll::Ready(match self.engine.handle_ciphertext(rest) {
            Ok(taken) => {
                self.left.start += taken;
                if self.left.is_empty() {
                    self.received = Chunk::default();
                }
                Ok(())
            }
            Err(error) => Err(self.tell(cx, error)),
        })
    }
}

/// A buffer for one read. It is the thread's, since an idle connection is to
/// keep none and a fresh one would have to be zeroed for each read.
#[derive(Default)]
struct Chunk(Vec<u8>);

thread_local! {
    static CHUNK: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Chunk {
    /// A fresh one where the stream below is another of this kind.
    fn take() -> Self {
        // While the thread ends there is none any more.
        let mut chunk = CHUNK.try_with(Cell::take).unwrap_or_default();
        chunk.resize(READ_LEN, 0);
        Self(chunk)
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let chunk = std::mem::take(&mut self.0);
        if !chunk.is_empty() {
            let _ = CHUNK.try_with(|kept| kept.set(chunk));
        }
    }
}

/// Polls `operation`, and gives up when `deadline` is ready and it is not.
async fn until<T>(
    deadline: impl Future,
    name: &'static str,
    mut operation: impl FnMut(&mut Context<'_>) -> Poll<Result<T, Error>>,
) -> Result<T, Error> {
    let mut deadline = pin!(deadline);
    poll_fn(|cx| match operation(cx) {
        Poll::Pending => {
            ready!(deadline.as_mut().poll(cx));
            Poll::Ready(Err(Error::TimedOut { operation: name }))
        }
        done => done,
    })
    .await
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(read) = self.read_now(buf) {
            return Poll::Ready(read);
        }
        let waker = self.halves.join(Half::Reader, cx.waker());
        let cx = &mut Context::from_waker(&waker);
        loop {
            let received = ready!(self.poll_receive(cx));
            match (self.read_now(buf), received) {
                // What arrived before an error comes before it; the engine gives
                // the error again.
                (Some(Ok(len @ 1..)), Err(_)) => return Poll::Ready(Ok(len)),
                (_, Err(error)) => return Poll::Ready(Err(error)),
                (Some(read), Ok(())) => return Poll::Ready(read),
                (None, Ok(())) => {}
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut written = self.engine.write(buf);
        if let Ok(len) = written
            && (len > 0 || buf.is_empty())
        {
            return Poll::Ready(Ok(len));
        }
        let waker = self.halves.join(Half::Writer, cx.waker());
        let cx = &mut Context::from_waker(&waker);
        loop {
            match written {
                Ok(0) if self.engine.is_handshaking() => ready!(self.poll_receive(cx))?,
                Ok(0) => ready!(self.poll_write_out(cx))?,
                Ok(len) => return Poll::Ready(Ok(len)),
                Err(error) => return Poll::Ready(Err(self.tell(cx, error))),
            }
            written = self.engine.write(buf);
        }
    }

    /// Does the handshake first if data waits for it.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waker = self.halves.join(Half::Writer, cx.waker());
        let cx = &mut Context::from_waker(&waker);
        self.engine.check().map_err(|error| self.tell(cx, error))?;
        ready!(self.poll_early(cx))?;
        self.poll_send(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_close_tls(cx))?;
        let waker = self.halves.join(Half::Writer, cx.waker());
        let cx = &mut Context::from_waker(&waker);
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}
