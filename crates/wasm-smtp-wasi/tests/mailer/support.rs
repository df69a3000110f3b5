//! What the tests have in common.

use futures_io::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use wasm_smtp_wasi::mailer::{
    BoxFuture, ByteStream, Connect, Connection, Event, LocalServer, Mailer, MailerBuilder, Message,
    Retry,
};
use wasm_smtp_wasi::smtp_session::{Address, Envelope};
use wasm_smtp_wasi::{WasiSmtpError, block_on};

pub(crate) const MAIL: &str = "From: me@a.example\nTo: one@b.example, two@b.example\nBcc: three@b.example\nSubject: s\n\n.text\n";
/// As the server gets it.
pub(crate) const ARRIVED: &str =
    "From: me@a.example\r\nTo: one@b.example, two@b.example\r\nSubject: s\r\n\r\n.text\r\n";

pub(crate) fn message() -> Message {
    Message::from_bytes(MAIL).expect("a message")
}

pub(crate) fn envelope(recipients: usize) -> Envelope {
    let sender = Address::new("me@a.example").expect("an address");
    (0..recipients).fold(Envelope::new(sender), |envelope, number| {
        let to = Address::new(&format!("r{number}@b.example"));
        envelope.to(to.expect("an address"))
    })
}

/// Tries again at once.
pub(crate) fn quickly(attempts: u32) -> Retry {
    Retry::default()
        .attempts(attempts)
        .wait(Duration::ZERO, Duration::ZERO)
}

/// A mailer for `server` that tries a mail three times.
pub(crate) fn builder(server: &LocalServer) -> MailerBuilder {
    let builder = Mailer::over(server.clone()).password("me", "secret");
    builder.retry(quickly(3))
}

pub(crate) fn mailer(server: &LocalServer) -> Mailer {
    builder(server).build().expect("a mailer")
}

/// A mailer for `server` that tries a mail once.
pub(crate) fn once(server: &LocalServer) -> Mailer {
    builder(server).retry(quickly(1)).build().expect("a mailer")
}

/// Sends one, which has to work.
pub(crate) fn send(mailer: &Mailer) {
    let report = block_on(mailer.send(message())).expect("a report");
    assert!(report.is_complete(), "{report:?}");
}

/// Collects what happens to a mail.
pub(crate) fn watched(message: Message) -> (Message, Arc<Mutex<Vec<Event>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&events);
    let message = message.on_event(move |event| log.lock().expect("no panic").push(event));
    (message, events)
}

/// Connects to nothing, and never ends.
pub(crate) struct Never;

impl Connect for Never {
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        Box::pin(std::future::pending())
    }
}

/// Fails at first, by errors of this kind, then connects to the server.
pub(crate) struct Late(
    pub(crate) LocalServer,
    pub(crate) Mutex<Vec<std::io::ErrorKind>>,
);

impl Connect for Late {
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        match self.1.lock().expect("no panic").pop() {
            Some(kind) => Box::pin(async move { Err(WasiSmtpError::Connect(kind.into())) }),
            None => self.0.connect(),
        }
    }
}

/// What a connection does to what the server says.
#[derive(Clone, Copy)]
pub(crate) enum Path {
    /// Each reply takes a turn, as beyond a network.
    Distant,
    /// Nothing comes any more once the client has written this.
    StalledBehind(&'static str),
}

/// A server at the end of such a path.
pub(crate) struct Behind<C>(pub(crate) C, pub(crate) Path);

impl<C: Connect> Connect for Behind<C> {
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        Box::pin(async {
            let mut connection = self.0.connect().await?;
            connection.stream = Box::new(PathStream {
                stream: connection.stream,
                path: self.1,
                turn: 0,
                waits: false,
            });
            Ok(connection)
        })
    }
}

struct PathStream {
    stream: Box<dyn ByteStream>,
    path: Path,
    /// How many reads are to come before there is something.
    turn: u8,
    waits: bool,
}

impl AsyncRead for PathStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let Path::Distant = self.path {
            self.waits = self.turn > 0;
            self.turn = self.turn.saturating_sub(1);
            cx.waker().wake_by_ref();
        }
        if self.waits {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for PathStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // One comes in the same turn as the write.
        self.turn = 2;
        if let Path::StalledBehind(text) = self.path {
            self.waits |= buf.windows(text.len()).any(|part| part == text.as_bytes());
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// A mailer for `server`, with `connections` that take their time.
pub(crate) fn distant(server: &LocalServer, connections: usize) -> Mailer {
    let builder = Mailer::over(Behind(server.clone(), Path::Distant)).retry(quickly(1));
    let builder = builder.connections(connections).check_after(Duration::ZERO);
    builder.build().expect("a mailer")
}
