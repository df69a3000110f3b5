//! `TlsStream` over a stream that hesitates, gives and takes little, and fails.

use super::certificates::{NAME, client_config, server_engine};
use super::script::Script;
use super::side::{Role, Side};
use super::wire::Wire;
use futures_io::{AsyncRead, AsyncWrite};
use std::cell::{RefCell, RefMut};
use std::future::{pending, ready};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tls_pump::{State, TlsStream};

/// More polls of the stream below than one call can need.
const MOST_POLLS: usize = 100_000;

pub(crate) fn run(script: &mut Script<'_>) {
    let choice = script.byte();
    let below = Below::default();
    let client = TlsStream::new(&client_config(choice), NAME, below.clone());
    let mut talk = Talk {
        client: client.expect("a host name"),
        below,
        server: Side::new(server_engine(choice), Role::Server),
        written: 0,
        read: 0,
        fatal: None,
        honest: true,
    };
    while let Some(step) = script.step() {
        talk.step(step, script);
        talk.check();
    }
    talk.finish();
}

/// A client's stream and the server that it talks to.
struct Talk {
    client: TlsStream<Below>,
    below: Below,
    server: Side,
    written: usize,
    read: usize,
    /// The text of the client's fatal error.
    fatal: Option<String>,
    /// Whether the server's bytes arrive as they were sent, and all of them.
    honest: bool,
}

impl Talk {
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let what = step >> 4;
        match step % 16 {
            0 | 1 => _ = self.read(script.len()),
            2 => _ = self.write(script.len()),
            3 => _ = self.poll(AsyncWrite::poll_flush),
            4 if what < 8 => {
                _ = self.poll(|client, cx| pin!(client.get_mut().handshake()).poll(cx))
            }
            4 => self.give_up(),
            5 if what == 0 => {
                self.begin_to_close();
                _ = self.poll(AsyncWrite::poll_close);
            }
            5 if what == 1 => {
                self.begin_to_close();
                _ = self.poll(|client, cx| pin!(client.get_mut().close_tls()).poll(cx));
            }
            5 | 6 => _ = self.server_turn(usize::MAX),
            7 => _ = self.server_turn(script.len()),
            8 | 9 => self.server.write(script.len()),
            10 if what == 0 => {
                self.server.close();
                self.honest &= !self.server.closed_early;
            }
            10 => _ = self.server.read(script.len()),
            11 => self.below.wire().segment = script.len(),
            // Some of eight polls are told to wait, but not all.
            12 => self.below.wire().rhythm = script.byte() & 0x7f,
            13 => self.below.wire().failure = what & 1 == 1,
            14 if what == 0 => {
                self.honest = false;
                self.below.wire().ended = true;
            }
            14 => {}
            _ => {
                self.honest = false;
                self.below.wire().to_client.tamper(what, script);
            }
        }
    }

    fn begin_to_close(&mut self) {
        // A close_notify within the handshake is an error to the server.
        // Without anything to send it does not wait for the end of that.
        let engine = self.client.engine();
        self.honest &= !engine.is_handshaking() || engine.holds_plaintext();
    }

    fn poll<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut TlsStream<Below>>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        {
            let mut wire = self.below.wire();
            (wire.waited, wire.polls) = (false, 0);
        }
        let mut cx = Context::from_waker(Waker::noop());
        let polled = poll(Pin::new(&mut self.client), &mut cx);
        let waited = self.below.wire().waited;
        assert!(polled.is_ready() || waited, "it waits for nothing");
        polled
    }

    /// A deadline that has passed, and one that never does.
    fn give_up(&mut self) {
        let given_up =
            self.poll(|client, cx| pin!(client.get_mut().handshake_until(ready(()))).poll(cx));
        assert!(given_up.is_ready());
        _ = self
            .poll(|client, cx| pin!(client.get_mut().handshake_until(pending::<()>())).poll(cx));
    }

    /// How much came; 0 for the end too.
    fn read(&mut self, len: usize) -> Poll<io::Result<usize>> {
        let mut buf = vec![0; len];
        let polled = self.poll(|client, cx| client.poll_read(cx, &mut buf));
        if let Poll::Ready(Ok(got)) = polled {
            let expected = Role::Server.plaintext(self.read, got);
            assert!(buf[..got] == expected, "it is not what the server wrote");
            self.read += got;
            if got == 0 && len > 0 {
                assert!(self.server.closed, "an end that nobody made");
                let all = self.read == self.server.committed;
                assert!(
                    all || self.client.engine().is_handshaking(),
                    "an unseen cut"
                );
            }
        }
        polled
    }

    fn write(&mut self, len: usize) -> Poll<io::Result<usize>> {
        let plaintext = Role::Client.plaintext(self.written, len);
        let polled = self.poll(|client, cx| client.poll_write(cx, &plaintext));
        if let Poll::Ready(Ok(taken)) = polled {
            assert!(taken <= len && (taken > 0 || len == 0));
            self.written += taken;
        }
        polled
    }

    /// The server takes all that has come and answers by up to `len` bytes.
    fn server_turn(&mut self, len: usize) -> bool {
        let arrived = std::mem::take(&mut self.below.wire().to_server);
        let mut rest = &arrived[..];
        while !rest.is_empty() {
            rest = &rest[self.server.feed(rest)..];
            self.server.read_all();
        }
        let answer = self.below.wire().to_client.put(&mut self.server, len);
        !arrived.is_empty() || answer > 0
    }

    /// The first fatal error stays.
    fn check(&mut self) {
        let engine = self.client.engine();
        if engine.state() == State::Failed {
            let error = engine.export_keying_material(b"x", None, &mut [0]);
            let text = error.expect_err("it has failed").to_string();
            assert!(!text.chars().any(char::is_control), "unescaped: {text:?}");
            assert!(!self.honest, "without cause: {text}");
            let first = self.fatal.get_or_insert(text.clone());
            assert_eq!(*first, text, "another error");
        }
        assert!(self.fatal.is_none() || engine.state() == State::Failed);
    }

    /// A stream that does not hesitate any more gives and takes the rest.
    fn finish(&mut self) {
        {
            let mut wire = self.below.wire();
            (wire.rhythm, wire.segment, wire.failure) = (0, 0, false);
        }
        for turn in 0.. {
            assert!(turn < 1000, "the two never come to rest");
            let flushed = self.poll(AsyncWrite::poll_flush);
            let read = self.read(usize::from(u16::MAX));
            let is_data = matches!(read, Poll::Ready(Ok(1..)));
            let failed = matches!(flushed, Poll::Ready(Err(_)));
            // A read that was a success keeps the failure to send for this.
            let is_late = failed && turn == 0;
            if !self.server_turn(usize::MAX) && !is_data && !is_late {
                assert!(!failed || !self.honest, "{flushed:?}");
                break;
            }
        }
        self.check();
        let (plaintext, _) = self.below.wire().to_client.arrived();
        assert!(self.read >= plaintext, "what came before is lost");
        let engine = self.client.engine();
        if self.honest {
            // Whoever closed his side has said everything and can still read.
            assert_eq!(self.read, self.server.committed);
            assert_eq!(self.server.read, self.written, "it was flushed");
            let closed = matches!(engine.state(), State::Closing | State::Closed);
            assert_eq!(self.server.read_all(), closed);
        }
        assert!(self.server.read <= self.written);
        self.server.check_info();
    }
}

/// What lies below.
#[derive(Default)]
struct Wires {
    /// From the client, not yet flushed.
    gathered: Vec<u8>,
    to_server: Vec<u8>,
    to_client: Wire,
    ended: bool,
    /// The most bytes that a call moves; 0 for any number.
    segment: usize,
    /// A bit for each of eight polls, set for those that wait.
    rhythm: u8,
    /// Whether the next poll fails, once.
    failure: bool,
    /// Polls during this call and in all.
    polls: usize,
    turns: usize,
    /// Whether this call was told to wait.
    waited: bool,
}

impl Wires {
    /// What any poll may end by.
    fn hindrance(&mut self) -> Option<Poll<io::Error>> {
        self.polls += 1;
        assert!(self.polls < MOST_POLLS, "an endless loop");
        self.turns += 1;
        if std::mem::take(&mut self.failure) {
            return Some(Poll::Ready(io::ErrorKind::Other.into()));
        }
        if self.rhythm >> (self.turns % 8) & 1 == 1 {
            self.waited = true;
            return Some(Poll::Pending);
        }
        None
    }

    fn len(&self, len: usize) -> usize {
        match self.segment {
            0 => len,
            most => len.min(most),
        }
    }
}

#[derive(Clone, Default)]
struct Below(Rc<RefCell<Wires>>);

impl Below {
    fn wire(&self) -> RefMut<'_, Wires> {
        self.0.borrow_mut()
    }
}

impl AsyncRead for Below {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.wire();
        if let Some(hindrance) = wire.hindrance() {
            return hindrance.map(Err);
        }
        let len = wire.len(buf.len().min(wire.to_client.bytes().len()));
        if len == 0 && !wire.ended {
            wire.waited = true;
            return Poll::Pending;
        }
        buf[..len].copy_from_slice(&wire.to_client.bytes()[..len]);
        wire.to_client.take(len);
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Below {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.wire();
        if let Some(hindrance) = wire.hindrance() {
            return hindrance.map(Err);
        }
        let len = wire.len(buf.len());
        wire.gathered.extend_from_slice(&buf[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.wire();
        if let Some(hindrance) = wire.hindrance() {
            return hindrance.map(Err);
        }
        let gathered = std::mem::take(&mut wire.gathered);
        wire.to_server.extend_from_slice(&gathered);
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.wire();
        if let Some(hindrance) = wire.hindrance() {
            return hindrance.map(Err);
        }
        assert!(wire.gathered.is_empty(), "closed before the flush");
        Poll::Ready(Ok(()))
    }
}
