//! The byte stream that `wasm-smtp`'s client talks through.

use crate::dialogue::Dialogue;
use crate::drive::to_the_end;
use crate::stream::{Stream, Task};
use crate::{ConnectOptions, Phase, WasiSmtpError, WasiTarget};
use smtp_session::Timeouts;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use wasi_net::Deadline;
use wasm_smtp::{IoError, Transport};
#[cfg(feature = "tls")]
use {
    crate::stream::handshake,
    tls_pump::{ConnectionInfo, Engine, TlsConfig},
};

/// A connection over WASI, in plaintext or in TLS.
///
/// Writes are kept and leave together before the next read waits. It reads along
/// with the conversation:
///
/// - each reply has the time of its [`Phase`], however slowly it comes;
/// - in plaintext AUTH is taken out of the replies to EHLO, unless
///   [`ConnectOptions::allow_plaintext_auth`];
/// - a mail with a bare CR, a bare LF or a NUL is refused before its final dot;
/// - after a failure, or when the future of an operation was dropped half-way,
///   every later operation fails ([`WasiSmtpError::Poisoned`]): a stale reply
///   must not answer a new command;
/// - a connection that ends without TLS's close_notify is an error, except after
///   the reply to QUIT.
///
/// Dropping it ends the connection and does not wait.
pub struct WasiTransport {
    connection: Box<Connection>,
    /// An operation has begun and not succeeded.
    unfinished: bool,
}

struct Connection {
    stream: Stream,
    dialogue: Dialogue,
    /// What the client is still to see of what was read.
    unseen: Vec<u8>,
    /// The time of the reply being waited for runs.
    timed: bool,
    timeouts: Timeouts,
    #[cfg(feature = "tls")]
    host: String,
    #[cfg(feature = "tls")]
    options: ConnectOptions,
}

impl WasiTransport {
    /// Connects to `port` of `host` and does the TLS handshake (implicit TLS,
    /// RFC 8314).
    ///
    /// # Errors
    ///
    /// [`WasiSmtpError::Resolve`], [`WasiSmtpError::Connect`],
    /// [`WasiSmtpError::Tls`], [`WasiSmtpError::Timeout`].
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the connection.
    #[cfg(feature = "tls")]
    pub async fn connect_tls(
        host: &str,
        port: u16,
        options: &ConnectOptions,
    ) -> Result<Self, WasiSmtpError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        let connect = async {
            let mut connection = Connection::open(host, port, options).await?;
            connection.start_tls(Engine::new).await?;
            Ok(connection)
        };
        to_the_end(pin!(connect)).await.map(Self::new)
    }

    /// Connects to `port` of `host` in plaintext, to be upgraded by STARTTLS, or
    /// to stay so.
    ///
    /// # Errors
    ///
    /// [`WasiSmtpError::Resolve`], [`WasiSmtpError::Connect`],
    /// [`WasiSmtpError::Timeout`].
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the connection.
    pub async fn connect_plaintext(
        host: &str,
        port: u16,
        options: &ConnectOptions,
    ) -> Result<Self, WasiSmtpError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        let connect = Connection::open(host, port, options);
        to_the_end(pin!(connect)).await.map(Self::new)
    }

    fn new(connection: Box<Connection>) -> Self {
        Self {
            connection,
            unfinished: false,
        }
    }

    /// The address of this end; `None` once the connection failed or was closed.
    /// Its [`address_literal`] is what a client without a name says in EHLO.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.connection
            .stream
            .tcp()
            .map(wasi_net::TcpStream::local_addr)
    }

    /// The address of the other end; `None` once the connection failed or was
    /// closed.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.connection
            .stream
            .tcp()
            .map(wasi_net::TcpStream::peer_addr)
    }

    /// What the TLS handshake agreed on; `None` in plaintext.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn connection_info(&self) -> Option<ConnectionInfo> {
        match &self.connection.stream {
            Stream::Tls(stream) => stream.connection_info(),
            Stream::Plaintext(_) | Stream::None => None,
        }
    }

    /// Begins an operation, unless an earlier one has not succeeded.
    fn begin(&mut self) -> Result<(), IoError> {
        match std::mem::replace(&mut self.unfinished, true) {
            true => Err(WasiSmtpError::poisoned().into()),
            false => Ok(()),
        }
    }

    /// Ends it. Unless it succeeded the connection is over.
    fn end<T>(&mut self, result: Result<T, WasiSmtpError>) -> Result<T, IoError> {
        self.unfinished = result.is_err();
        if self.unfinished {
            self.connection.stream = Stream::None;
        }
        result.map_err(IoError::from)
    }

    /// Does one thing to its end.
    async fn run(&mut self, mut task: Task<'_>) -> Result<usize, IoError> {
        self.begin()?;
        let connection = &mut self.connection;
        let result = match connection.start(&task) {
            Ok(()) => to_the_end(pin!(poll_fn(|cx| connection.poll(cx, &mut task)))).await,
            Err(error) => Err(error),
        };
        self.end(result)
    }
}

impl Connection {
    async fn open(
        host: &str,
        port: u16,
        options: &ConnectOptions,
    ) -> Result<Box<Self>, WasiSmtpError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        let mut stream = options.connector().connect(host, port).await?;
        // A read's limit is its reply's deadline.
        stream.set_read_timeout(None);
        Ok(Box::new(Self {
            stream: Stream::Plaintext(Box::new(stream)),
            dialogue: Dialogue::new(!options.plaintext_auth),
            unseen: Vec::new(),
            timed: false,
            timeouts: options.timeouts,
            #[cfg(feature = "tls")]
            host: host.to_owned(),
            #[cfg(feature = "tls")]
            options: options.clone(),
        }))
    }

    fn time_of(&self, phase: Phase) -> Duration {
        self.timeouts.of(phase)
    }

    /// Looks at what is about to be done, and limits its time.
    fn start(&mut self, task: &Task<'_>) -> Result<(), WasiSmtpError> {
        match task {
            Task::Read(_) => {}
            Task::Write(buf) => self.note(buf)?,
            Task::Flush => self.limit_writes(self.dialogue.writes()),
            Task::Close => self.limit_writes(Phase::Quit),
        }
        Ok(())
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        task: &mut Task<'_>,
    ) -> Poll<Result<usize, WasiSmtpError>> {
        match task {
            Task::Read(buf) => self.poll_read(cx, buf),
            Task::Write(rest) => self.poll_write(cx, rest),
            Task::Flush => self.poll_stream(self.dialogue.writes(), cx, Task::Flush),
            Task::Close => self.poll_close(cx),
        }
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, WasiSmtpError>> {
        while self.unseen.is_empty() && !buf.is_empty() {
            let phase = self.dialogue.awaits();
            self.start_time(phase);
            let len = self.poll_stream(phase, cx, Task::Read(buf));
            let len = ready!(len)?;
            if len == 0 {
                return Poll::Ready(Ok(0));
            }
            if self.dialogue.receive(&buf[..len], &mut self.unseen) {
                self.stop_time();
            }
        }
        let len = self.unseen.len().min(buf.len());
        buf[..len].copy_from_slice(&self.unseen[..len]);
        self.unseen.drain(..len);
        Poll::Ready(Ok(len))
    }

    /// Takes note of what is about to be written, and of how long it may take.
    fn note(&mut self, buf: &[u8]) -> Result<(), WasiSmtpError> {
        if let Some(code) = self.dialogue.unasked() {
            return Err(WasiSmtpError::unasked(code));
        }
        self.dialogue.send(buf)?;
        self.limit_writes(self.dialogue.writes());
        Ok(())
    }

    /// Writes all of `rest`, which becomes shorter.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        rest: &mut &[u8],
    ) -> Poll<Result<usize, WasiSmtpError>> {
        let phase = self.dialogue.writes();
        while !rest.is_empty() {
            let len = self.poll_stream(phase, cx, Task::Write(rest));
            match ready!(len)? {
                0 => {
                    let error = io::ErrorKind::WriteZero.into();
                    return Poll::Ready(Err(self.failed(error, phase)));
                }
                len => *rest = &rest[len..],
            }
        }
        Poll::Ready(Ok(0))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, WasiSmtpError>> {
        let closed = self.poll_stream(Phase::Quit, cx, Task::Close);
        let closed = ready!(closed);
        self.stream = Stream::None;
        // All was said, so it does not matter who hung up first.
        if self.dialogue.is_over() {
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(closed)
    }

    /// Polls the stream, if there is one.
    fn poll_stream(
        &mut self,
        phase: Phase,
        cx: &mut Context<'_>,
        task: Task<'_>,
    ) -> Poll<Result<usize, WasiSmtpError>> {
        let polled = self.stream.poll(cx, task);
        polled.map_err(|error| self.failed(error, phase))
    }

    /// Starts the time of the reply that is waited for, unless it runs.
    fn start_time(&mut self, phase: Phase) {
        if !std::mem::replace(&mut self.timed, true) {
            let ends = Deadline::after(self.time_of(phase)).instant();
            if let Some(stream) = self.stream.tcp_mut() {
                stream.set_deadline(Some(ends));
            }
        }
    }

    fn stop_time(&mut self) {
        self.timed = false;
        if let Some(stream) = self.stream.tcp_mut() {
            stream.set_deadline(None);
        }
    }

    /// Gives each write that waits the time of `phase`, from now on.
    fn limit_writes(&mut self, phase: Phase) {
        let time = self.time_of(phase);
        if let Some(stream) = self.stream.tcp_mut() {
            stream.set_write_timeout(Some(time));
        }
    }

    fn failed(&self, error: io::Error, phase: Phase) -> WasiSmtpError {
        let mut error = WasiSmtpError::of_stream(error, phase);
        if let (
            Stream::Plaintext(_),
            WasiSmtpError::Timeout {
                phase: Phase::Greeting,
                remedy,
                ..
            },
        ) = (&self.stream, &mut error)
        {
            *remedy = Some("a port that speaks TLS at once, as 465 does, is for connect_smtps");
        }
        error
    }

    /// Does the handshake with an engine made by `new`, for the server's name.
    #[cfg(feature = "tls")]
    async fn start_tls(
        &mut self,
        new: impl FnOnce(&TlsConfig, &str) -> Result<Engine, tls_pump::Error>,
    ) -> Result<(), WasiSmtpError> {
        let config = self.options.tls_config().map_err(WasiSmtpError::of_tls)?;
        let name = self.options.server_name_for(&self.host);
        let engine = new(&config, name).map_err(WasiSmtpError::of_tls)?;
        let Stream::Plaintext(mut stream) = std::mem::replace(&mut self.stream, Stream::None)
        else {
            return Err(WasiSmtpError::poisoned());
        };
        stream.set_write_timeout(None);
        let stream = handshake(engine, *stream, self.time_of(Phase::Tls)).await?;
        self.stream = Stream::Tls(Box::new(stream));
        self.dialogue.secured();
        Ok(())
    }

    #[cfg(feature = "tls")]
    async fn upgrade(&mut self) -> Result<(), WasiSmtpError> {
        if matches!(self.stream, Stream::Tls(_)) {
            return Err(WasiSmtpError::already_tls());
        }
        if !self.dialogue.is_quiet() || !self.unseen.is_empty() {
            return Err(WasiSmtpError::ahead_of_tls());
        }
        self.start_tls(|config, name| Engine::upgrade(config, name, &[]))
            .await
    }
}

impl Transport for WasiTransport {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, IoError> {
        self.run(Task::Read(buf)).await
    }

    async fn write_all(&mut self, buf: &[u8]) -> Result<(), IoError> {
        self.run(Task::Write(buf)).await.map(drop)
    }

    async fn flush(&mut self) -> Result<(), IoError> {
        self.run(Task::Flush).await.map(drop)
    }

    /// Sends close_notify and ends the connection; a failed one is over already.
    async fn close(&mut self) -> Result<(), IoError> {
        if self.unfinished {
            self.connection.stream = Stream::None;
            return Ok(());
        }
        self.run(Task::Close).await.map(drop)
    }
}

#[cfg(feature = "tls")]
impl wasm_smtp::StartTlsCapable for WasiTransport {
    async fn upgrade_to_tls(&mut self) -> Result<(), IoError> {
        self.begin()?;
        let result = to_the_end(pin!(self.connection.upgrade())).await;
        self.end(result)
    }
}

impl fmt::Debug for WasiTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiTransport")
            .field("stream", &self.connection.stream)
            .field("unfinished", &self.unfinished)
            .finish_non_exhaustive()
    }
}

/// The address literal that stands for a client without a name in EHLO, as
/// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
///
/// Source: RFC 5321 sections 4.1.3 and 4.1.4.
#[must_use]
pub fn address_literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_literals_have_their_tag() {
        assert_eq!(address_literal("192.0.2.1".parse().unwrap()), "[192.0.2.1]");
        assert_eq!(
            address_literal("2001:db8::1".parse().unwrap()),
            "[IPv6:2001:db8::1]"
        );
    }
}
