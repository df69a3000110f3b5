//! One connection of a faulty server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Fault, Moment, Seen};

/// How much of a long mail is read before a fault in its middle.
const BLOCK: usize = 64 * 1024;
/// Between the bytes of a drip.
const DRIP: Duration = Duration::from_millis(4);

pub(super) struct Session {
    stream: Stream,
    input: Vec<u8>,
    case: Option<(Moment, Fault)>,
    held: bool,
    pub(super) seen: Seen,
}

enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Closed,
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

impl Stream {
    fn get(&mut self) -> io::Result<&mut dyn Duplex> {
        match self {
            Self::Tcp(stream) => Ok(stream),
            Self::Tls(stream) => Ok(stream.as_mut()),
            Self::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn tcp(&mut self) -> io::Result<&mut TcpStream> {
        match self {
            Self::Tcp(stream) => Ok(stream),
            Self::Tls(stream) => Ok(stream.get_mut().0),
            Self::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Session {
    pub(super) fn new(stream: TcpStream, case: Option<(Moment, Fault)>) -> Self {
        Self {
            stream: Stream::Tcp(stream),
            input: Vec::new(),
            case,
            held: false,
            seen: Seen::default(),
        }
    }

    /// The connection to its end.
    pub(super) async fn run(&mut self, config: Arc<ServerConfig>, starttls: bool) {
        // Which error ends it does not matter: the client tells.
        _ = self.talk(config, starttls).await;
        if !self.held {
            self.drain().await;
        }
    }

    /// The connection, if it is to stay open.
    pub(super) fn into_held(self) -> Option<impl Sized + Send> {
        self.held.then_some(self.stream)
    }

    async fn talk(&mut self, config: Arc<ServerConfig>, starttls: bool) -> io::Result<()> {
        use Moment::{Auth, Data, Dot, Ehlo, Greeting, Mail, Over, Quit, Rcpt, StartTls};
        const EXTENSIONS: &str = "250-faulty.test\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n";
        if !starttls {
            self.start_tls(config.clone()).await?;
        }
        self.say(Greeting, "220 faulty.test ESMTP\r\n").await?;
        self.command("EHLO ").await?;
        if starttls {
            let extensions = EXTENSIONS.replace("PIPELINING", "STARTTLS");
            self.say(Ehlo, &extensions).await?;
            self.command("STARTTLS").await?;
            self.say(StartTls, "220 go ahead\r\n").await?;
            self.start_tls(config).await?;
            self.command("EHLO ").await?;
            self.write(EXTENSIONS.as_bytes()).await?;
        } else {
            self.say(Ehlo, EXTENSIONS).await?;
        }
        self.command("AUTH PLAIN ").await?;
        self.say(Auth, "235 2.7.0 welcome\r\n").await?;
        self.command("MAIL FROM:<").await?;
        self.say(Mail, "250 2.1.0 fine\r\n").await?;
        self.command("RCPT TO:<").await?;
        self.say(Rcpt, "250 2.1.5 fine\r\n").await?;
        self.command("DATA").await?;
        self.say(Data, "354 go ahead\r\n").await?;
        self.mail().await?;
        self.seen.mail = true;
        self.say(Dot, "250 2.0.0 queued\r\n").await?;
        self.command("QUIT").await?;
        self.say(Quit, "221 2.0.0 bye\r\n").await?;
        self.say(Over, "").await?;
        self.stream.get()?.shutdown().await
    }

    /// The handshake; with a fault there, the ClientHello only.
    async fn start_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        if let Some((Moment::Tls, fault)) = self.case {
            let mut header = [0; 5];
            let stream = self.stream.get()?;
            stream.read_exact(&mut header).await?;
            let len = u16::from_be_bytes([header[3], header[4]]);
            stream.read_exact(&mut vec![0; len.into()]).await?;
            return self.fail(fault, "").await;
        }
        let Stream::Tcp(stream) = std::mem::replace(&mut self.stream, Stream::Closed) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        self.stream = Stream::Tls(Box::new(stream));
        Ok(())
    }

    /// A reply, or the fault in its place.
    async fn say(&mut self, moment: Moment, reply: &str) -> io::Result<()> {
        match self.case {
            Some((at, fault)) if at == moment => self.fail(fault, reply).await,
            _ => self.write(reply.as_bytes()).await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.get()?;
        stream.write_all(bytes).await?;
        stream.flush().await
    }

    /// Has the fault. Never comes back with `Ok`.
    async fn fail(&mut self, fault: Fault, reply: &str) -> io::Result<()> {
        let in_handshake = matches!(self.case, Some((Moment::Tls, _)));
        self.write(&fault.first(reply)).await?;
        if let Some(bytes) = fault.endless(in_handshake) {
            let (step, pause) = match fault {
                Fault::Drip => (1, Some(DRIP)),
                _ => (bytes.len(), None),
            };
            return self.endless(&bytes, step, pause).await;
        }
        match fault {
            Fault::Stall => self.held = matches!(self.case, Some((Moment::Block, _))),
            Fault::Drop => self.stream = Stream::Closed,
            Fault::Reset => {
                self.stream.tcp()?.set_zero_linger()?;
                self.stream = Stream::Closed;
            }
            Fault::HalfClose => self.stream.tcp()?.shutdown().await?,
            fault if fault.ends() => self.stream.get()?.shutdown().await?,
            _ => {}
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Writes the bytes again and again, until the client has enough.
    async fn endless(
        &mut self,
        bytes: &[u8],
        step: usize,
        pause: Option<Duration>,
    ) -> io::Result<()> {
        for part in bytes.chunks(step).cycle() {
            self.write(part).await?;
            self.seen.taken += part.len();
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }

    /// The next line, which begins by `verb`.
    async fn command(&mut self, verb: &str) -> io::Result<()> {
        let end = loop {
            if let Some(end) = self.input.windows(2).position(|two| two == b"\r\n") {
                break end + 2;
            }
            self.fill().await?;
        };
        let line: Vec<u8> = self.input.drain(..end).collect();
        if line.starts_with(verb.as_bytes()) {
            return Ok(());
        }
        // No mail and no secret is in there: those come where they should, or not at all.
        self.seen.unexpected = Some(String::from_utf8_lossy(&line).into_owned());
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Reads a mail to its final dot, or up to the fault in its middle.
    async fn mail(&mut self) -> io::Result<()> {
        const DOT: &[u8] = b"\r\n.\r\n";
        let mut read = 0;
        while !self.input.ends_with(DOT) {
            if let Some((Moment::Block, fault)) = self.case
                && read >= BLOCK
            {
                self.fail(fault, "").await?;
            }
            let start = self.input.len().saturating_sub(DOT.len());
            self.input.drain(..start);
            read += self.fill().await?;
        }
        self.input.clear();
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.input.reserve(16 * 1024);
        match self.stream.get()?.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            len => Ok(len),
        }
    }

    /// Reads to the client's end.
    async fn drain(&mut self) {
        loop {
            self.input.clear();
            if self.fill().await.is_err() {
                return;
            }
        }
    }
}
