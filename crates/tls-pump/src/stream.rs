//! The driver: a TLS stream over any `AsyncRead + AsyncWrite`.

use crate::{ConnectionInfo, Engine, Error, Plaintext, TlsConfig};
use futures_io::{AsyncRead, AsyncWrite};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How much ciphertext one read of the stream below asks for: a full record
/// (RFC 8446 section 5.2) with its header.
const READ_LEN: usize = 16 * 1024 + 256 + 5;

/// TLS over the byte stream `S`, client side.
///
/// All records that wait leave in one write to `S`. They leave when flushed,
/// before a read waits, and when 32 KiB wait. Errors are [`io::Error`]s with an
/// [`Error`] inside, or those of `S`.
///
/// An end without the peer's close_notify is [`Error::Truncated`], never an
/// end of file. `close` sends what was written, doing the handshake first if
/// that waits for it, then close_notify, and closes `S`; it does not wait for
/// the peer's close_notify.
///
/// # Cancellation
///
/// Dropping the future of any operation loses nothing: what was taken from
/// either side is in the stream, and the next operation goes on with it.
pub struct TlsStream<S> {
    stream: S,
    engine: Engine,
    /// Ciphertext from `stream`, not yet taken by the engine.
    received: Vec<u8>,
    /// Ciphertext for `stream`, and how much of it has left.
    sending: Vec<u8>,
    sent: usize,
    /// Written to `stream` since its last flush.
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// A connection over `stream` to the peer that [`Engine::new`] describes.
    /// Nothing is sent yet; [`handshake`](Self::handshake), the first read, or
    /// a flush starts it. What is written before that waits.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`].
    pub fn new(config: &TlsConfig, server_name: &str, stream: S) -> Result<Self, Error> {
        let engine = Engine::new(config, server_name)?;
        let (received, sending) = (Vec::new(), Vec::new());
        Ok(Self {
            stream,
            engine,
            received,
            sending,
            sent: 0,
            unflushed: false,
        })
    }

    /// Does the handshake; at once when it is done already. Waits as long as
    /// the stream below does.
    ///
    /// The last flight is written to the stream below but not flushed, so that
    /// a stream which gathers what is written sends it with the first data.
    ///
    /// # Errors
    ///
    /// What is wrong with the peer or its certificate, [`Error::Io`] from the
    /// stream below. The peer is told by an alert as far as the stream takes it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future keeps what was done; a later call goes on.
    pub async fn handshake(&mut self) -> Result<(), Error> {
        poll_fn(|cx| {
            self.engine.check()?;
            while self.engine.is_handshaking() {
                ready!(self.poll_receive(cx))?;
            }
            self.poll_write_out(cx)
        })
        .await
        .map_err(Error::from)
    }

    /// What the handshake agreed on; `None` until it is done.
    pub fn connection_info(&self) -> Option<ConnectionInfo> {
        self.engine.connection_info()
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
        Poll::Ready(Ok(()))
    }

    /// Hands all ciphertext to the stream below.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.sent == self.sending.len() {
                self.sending.clear();
                self.sent = 0;
                // Not before: while the stream takes nothing, the engine's
                // limit has to hold the writer back.
                self.engine.take_ciphertext(&mut self.sending);
            }
            let rest = &self.sending[self.sent..];
            if rest.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => self.sent += len,
            }
            self.unflushed = true;
        }
    }

    /// Sends what waits, then feeds the engine from the stream below.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A stream that takes no more may still have something to read, and
        // its reader may be what the peer waits for.
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        if self.received.is_empty() {
            let mut chunk = [0; READ_LEN];
            let len = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk))?;
            if len == 0 {
                return Poll::Ready(self.engine.receive_eof().map_err(Into::into));
            }
            self.received.extend_from_slice(&chunk[..len]);
        }
        match self.engine.receive(&self.received) {
            Ok(taken) => {
                self.received.drain(..taken);
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(self.tell(cx, error))),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.engine.read(buf)? {
                Plaintext::Data(len) => return Poll::Ready(Ok(len)),
                Plaintext::Closed => return Poll::Ready(Ok(0)),
                Plaintext::Empty => {}
            }
            if let Err(error) = ready!(self.poll_receive(cx)) {
                // What arrived before the error comes before it; the engine
                // gives the error again.
                return Poll::Ready(match self.engine.read(buf) {
                    Ok(Plaintext::Data(len)) => Ok(len),
                    _ => Err(error),
                });
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
        loop {
            let len = self.engine.write(buf)?;
            if len > 0 || buf.is_empty() {
                return Poll::Ready(Ok(len));
            }
            if self.engine.is_handshaking() {
                ready!(self.poll_receive(cx))?;
            } else {
                ready!(self.poll_write_out(cx))?;
            }
        }
    }

    /// Does the handshake first if data waits for it.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.engine.check().map_err(|error| self.tell(cx, error))?;
        while self.engine.holds_plaintext() {
            ready!(self.poll_receive(cx))?;
        }
        self.poll_send(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.engine.holds_plaintext() {
            ready!(self.poll_receive(cx))?;
        }
        self.engine.close();
        ready!(self.poll_send(cx))?;
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
