//! A TLS server and a pipe in memory, with the faults that a test asks for.

#![allow(dead_code, unused_imports, reason = "each test crate uses its part")]

use futures_io::{AsyncRead, AsyncWrite};
use std::cell::{RefCell, RefMut};
use std::io::{self, Read as _, Write as _};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tls_pump::rustls::{self, ServerConfig, ServerConnection, SupportedProtocolVersion};
use tls_pump::{Engine, Error, TlsConfig, TlsStream};

pub(crate) mod pki;

pub(crate) use pki::{BOTH, Ca, Identity, NAME, TLS12, TLS13, provider};

/// A record that no key opens.
pub(crate) const BAD_RECORD: [u8; 25] = {
    let mut record = [0; 25];
    (record[0], record[1], record[2], record[4]) = (23, 3, 3, 20);
    record
};

/// More polls of the pipe than any test needs: beyond it is an endless loop.
const MOST_POLLS: usize = 1_000_000;

/// What lies between the two sides, and what the client did to it.
#[derive(Default)]
pub(crate) struct Wire {
    /// From the client, not yet flushed: the pipe gathers it.
    gathered: Vec<u8>,
    /// From the client, flushed, not yet taken by the server.
    pub(crate) to_server: Vec<u8>,
    /// From the server, not yet read by the client.
    pub(crate) to_client: Vec<u8>,
    /// Whether the server's side has ended.
    pub(crate) eof: bool,
    /// What each write took.
    pub(crate) writes: Vec<Vec<u8>>,
    /// What each flush sent on.
    pub(crate) flushes: Vec<Vec<u8>>,
    pub(crate) closes: usize,
    /// The most bytes that a read gives and a write takes; 0 for any number.
    pub(crate) segment: usize,
    /// Whether every second poll is `Pending`.
    pub(crate) hesitant: bool,
    /// Whether writes are `Pending`.
    pub(crate) blocked: bool,
    /// Whether flushes are `Pending`.
    pub(crate) blocked_flush: bool,
    /// What writes return instead.
    pub(crate) write_result: Option<Result<usize, io::ErrorKind>>,
    /// The poll, counted from 0, that is `Pending`.
    pub(crate) pending_at: Option<usize>,
    /// The poll that fails, and how.
    pub(crate) error_at: Option<(usize, io::ErrorKind)>,
    /// The poll from which on reads and writes move one byte.
    pub(crate) short_from: Option<usize>,
    polls: usize,
    /// Polls that came to a read, and that came to anything else.
    turns: [usize; 2],
    /// Whether a poll was answered by `Pending` since this was taken away.
    waited: bool,
    /// Whether that was by `pending_at`.
    interrupted: bool,
}

impl Wire {
    /// Counts a poll; whether it has to wait, or fails.
    fn hesitates(&mut self, direction: usize) -> io::Result<bool> {
        let poll = self.polls;
        self.polls += 1;
        assert!(self.polls < MOST_POLLS, "an endless loop");
        if self.short_from.is_some_and(|from| from <= poll) {
            self.segment = 1;
        }
        self.turns[direction] += 1;
        match self.error_at {
            Some((at, kind)) if at == poll => Err(kind.into()),
            _ if self.pending_at == Some(poll) => {
                self.interrupted = true;
                Ok(true)
            }
            _ => Ok(self.hesitant && self.turns[direction] % 2 == 1),
        }
    }

    /// How often the stream was polled.
    pub(crate) fn polls(&self) -> usize {
        self.polls
    }

    fn pending<T>(&mut self) -> Poll<T> {
        self.waited = true;
        Poll::Pending
    }

    fn len(&self, len: usize) -> usize {
        if self.segment == 0 {
            len
        } else {
            len.min(self.segment)
        }
    }
}

/// The client's end of the pipe.
#[derive(Clone, Default)]
pub(crate) struct Pipe(Rc<RefCell<Wire>>);

impl Pipe {
    pub(crate) fn wire(&self) -> RefMut<'_, Wire> {
        self.0.borrow_mut()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.wire();
        let len = wire.len(buf.len().min(wire.to_client.len()));
        if wire.hesitates(0)? || (len == 0 && !wire.eof) {
            return wire.pending();
        }
        buf[..len].copy_from_slice(&wire.to_client[..len]);
        wire.to_client.drain(..len);
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.wire();
        assert_eq!(wire.closes, 0, "written after close");
        if wire.hesitates(1)? || wire.blocked {
            return wire.pending();
        }
        if let Some(result) = wire.write_result {
            return Poll::Ready(result.map_err(io::Error::from));
        }
        let taken = &buf[..wire.len(buf.len())];
        wire.gathered.extend_from_slice(taken);
        wire.writes.push(taken.to_vec());
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.wire();
        if wire.hesitates(1)? || wire.blocked_flush {
            return wire.pending();
        }
        let gathered = std::mem::take(&mut wire.gathered);
        wire.to_server.extend_from_slice(&gathered);
        wire.flushes.push(gathered);
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.wire();
        if wire.hesitates(1)? {
            return wire.pending();
        }
        assert!(wire.gathered.is_empty(), "closed before the flush");
        wire.closes += 1;
        Poll::Ready(Ok(()))
    }
}

/// The server's end of the pipe.
pub(crate) struct Server {
    pipe: Pipe,
    pub(crate) connection: ServerConnection,
    /// What the client has said.
    pub(crate) received: Vec<u8>,
    /// Whether it is said back.
    pub(crate) echo: bool,
    /// Whether the client's close_notify has come.
    pub(crate) closed: bool,
    pub(crate) error: Option<rustls::Error>,
}

impl Server {
    /// Takes all that has arrived and answers it. `false` when there was nothing to do.
    pub(crate) fn pump(&mut self) -> bool {
        let arrived = std::mem::take(&mut self.pipe.wire().to_server);
        let mut rest = &arrived[..];
        while !rest.is_empty() && self.error.is_none() && !self.closed {
            self.connection.read_tls(&mut rest).unwrap();
            match self.connection.process_new_packets() {
                Ok(state) => self.closed = state.peer_has_closed(),
                Err(error) => self.error = Some(error),
            }
            let mut buf = Vec::new();
            // At its end it says WouldBlock.
            let _ = self.connection.reader().read_to_end(&mut buf);
            if self.echo {
                self.connection.writer().write_all(&buf).unwrap();
            }
            self.received.extend_from_slice(&buf);
        }
        let answers = self.connection.wants_write();
        self.send_out();
        !arrived.is_empty() || answers
    }

    pub(crate) fn say(&mut self, text: &[u8]) {
        self.connection.writer().write_all(text).unwrap();
        self.send_out();
    }

    pub(crate) fn close_notify(&mut self) {
        self.connection.send_close_notify();
        self.send_out();
    }

    fn send_out(&mut self) {
        while self.connection.wants_write() {
            let mut wire = self.pipe.wire();
            self.connection.write_tls(&mut wire.to_client).unwrap();
        }
    }
}

/// A client and its server.
pub(crate) struct Pair {
    pub(crate) pipe: Pipe,
    pub(crate) stream: TlsStream<Pipe>,
    pub(crate) server: Server,
}

impl Pair {
    pub(crate) fn new(client: &TlsConfig, server: &Arc<ServerConfig>) -> Self {
        Self::with_name(client, server, NAME)
    }

    pub(crate) fn with_name(client: &TlsConfig, server: &Arc<ServerConfig>, name: &str) -> Self {
        let pipe = Pipe::default();
        let mut connection = ServerConnection::new(server.clone()).unwrap();
        // An echo must not be lost.
        connection.set_buffer_limit(None);
        let server = Server {
            pipe: pipe.clone(),
            connection,
            received: Vec::new(),
            echo: true,
            closed: false,
            error: None,
        };
        Self {
            stream: TlsStream::new(client, name, pipe.clone()).unwrap(),
            pipe,
            server,
        }
    }

    /// A pair after its handshake, the last flight of which is not yet flushed.
    pub(crate) fn connected(version: &'static SupportedProtocolVersion) -> Self {
        let ca = Ca::new();
        let mut pair = Self::new(&ca.client(), &ca.server(version));
        pair.handshake().unwrap();
        pair
    }

    /// A pair after its handshake, which the server knows to be done.
    pub(crate) fn settled(version: &'static SupportedProtocolVersion) -> Self {
        let mut pair = Self::connected(version);
        pair.flush().unwrap();
        pair.server.pump();
        pair
    }

    /// Polls until it is ready, and lets the server work in between.
    fn run<T>(
        &mut self,
        mut poll: impl FnMut(Pin<&mut TlsStream<Pipe>>, &mut Context<'_>) -> Poll<T>,
    ) -> T {
        loop {
            if let Poll::Ready(done) = self.once(&mut poll) {
                return done;
            }
            let progress = self.server.pump();
            let wire = self.pipe.wire();
            let waits = wire.hesitant || wire.interrupted;
            assert!(progress || waits, "both sides wait");
        }
    }

    /// Polls once.
    pub(crate) fn once<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut TlsStream<Pipe>>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        {
            let mut wire = self.pipe.wire();
            (wire.waited, wire.interrupted) = (false, false);
        }
        let mut cx = Context::from_waker(Waker::noop());
        let polled = poll(Pin::new(&mut self.stream), &mut cx);
        let waited = self.pipe.wire().waited;
        assert!(
            polled.is_ready() || waited,
            "it waits for nothing: its waker is lost"
        );
        polled
    }

    /// Its future is made anew for every poll.
    pub(crate) fn handshake(&mut self) -> Result<(), Error> {
        self.run(|stream, cx| pin!(stream.get_mut().handshake()).poll(cx))
    }

    /// The same error at every operation from now on.
    #[track_caller]
    pub(crate) fn assert_stays(&mut self, text: &str) {
        for _ in 0..2 {
            let error = self.handshake().unwrap_err();
            assert_eq!(error.to_string(), text, "handshake");
            let error = self.read().unwrap_err();
            assert_eq!(error.to_string(), text, "read");
            let error = self.write(b"NOOP\r\n").unwrap_err();
            assert_eq!(error.to_string(), text, "write");
            let error = self.flush().unwrap_err();
            assert_eq!(error.to_string(), text, "flush");
        }
    }

    /// Reads what has arrived, if anything has.
    pub(crate) fn once_read(&mut self) -> io::Result<()> {
        match self.once(|stream, cx| stream.poll_read(cx, &mut [0; 100])) {
            Poll::Ready(read) => read.map(|_| ()),
            Poll::Pending => Ok(()),
        }
    }

    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut buf = [0; 100];
        let len = self.run(|stream, cx| stream.poll_read(cx, &mut buf))?;
        Ok(buf[..len].to_vec())
    }

    pub(crate) fn read_exact(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < len {
            let more = self.read()?;
            assert!(!more.is_empty(), "the end after {} bytes", all.len());
            all.extend_from_slice(&more);
        }
        Ok(all)
    }

    pub(crate) fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.run(|stream, cx| stream.poll_write(cx, text))
    }

    pub(crate) fn write_all(&mut self, text: &[u8]) -> io::Result<()> {
        let mut rest = text;
        while !rest.is_empty() {
            rest = &rest[self.write(rest)?..];
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.run(AsyncWrite::poll_flush)
    }

    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.run(AsyncWrite::poll_close)
    }
}

/// Both sides of a connection after its handshake, with all delivered.
#[cfg(feature = "server")]
pub(crate) fn engines(version: pki::Version) -> (Engine, Engine) {
    let ca = Ca::new();
    let mut client = Engine::new(&ca.client(), NAME).unwrap();
    let mut server = Engine::server(ca.server(version)).unwrap();
    while client.wants().write || server.wants().write {
        deliver(&take(&mut client), &mut server);
        deliver(&take(&mut server), &mut client);
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    (client, server)
}

/// Feeds all of `ciphertext`, of which nothing may be refused.
pub(crate) fn deliver(ciphertext: &[u8], to: &mut Engine) {
    let taken = to.handle_ciphertext(ciphertext).unwrap();
    assert_eq!(taken, ciphertext.len());
}

/// All ciphertext that waits, as sent.
pub(crate) fn take(engine: &mut Engine) -> Vec<u8> {
    let ciphertext = engine.ciphertext().to_vec();
    engine.sent(ciphertext.len());
    ciphertext
}

/// This crate's error inside.
pub(crate) fn inside(error: &io::Error) -> &Error {
    error.get_ref().unwrap().downcast_ref().unwrap()
}

/// The content types of TLS records, which must be whole.
pub(crate) fn records(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        types.push(*kind);
        bytes = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    assert!(bytes.is_empty(), "a record in part");
    types
}
