//! A server at a loopback port, in tokio, with TLS.

use crate::{Conversation, Server, Then, TlsFacts};
use rustls::server::Acceptor;
use rustls::{HandshakeKind, ServerConfig};
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// How connections are protected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Security {
    /// TLS from the first byte, as at port 465.
    Implicit(Arc<ServerConfig>),
    /// Plaintext until STARTTLS, which is offered whatever the rules say.
    StartTls(Arc<ServerConfig>),
    /// Never TLS, whatever the rules say.
    Plaintext,
}

/// How a server listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The size of the sockets' buffers in bytes; the system's by default.
    pub socket_buffer_len: Option<u32>,
    /// Each connection goes to its end before the next one is accepted: a client that
    /// does not let go of one gets no other.
    pub one_at_a_time: bool,
}

/// A server that listens. Dropping it ends its connections.
///
/// It is also the [`Server`] itself.
#[derive(Debug)]
pub struct Listener {
    server: Server,
    addr: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens at a free port of 127.0.0.1, in the current tokio runtime.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn listen(&self, security: Security) -> io::Result<Listener> {
        self.listen_with(security, Settings::default())
    }

    /// The same with settings.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn listen_with(&self, security: Security, settings: Settings) -> io::Result<Listener> {
        let socket = TcpSocket::new_v4()?;
        if let Some(len) = settings.socket_buffer_len {
            socket.set_recv_buffer_size(len)?;
            socket.set_send_buffer_size(len)?;
        }
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(1024)?;
        let addr = listener.local_addr()?;
        let accepting = accept(listener, self.clone(), security, settings.one_at_a_time);
        Ok(Listener {
            server: self.clone(),
            addr,
            accepting: tokio::spawn(accepting),
        })
    }
}

impl Listener {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The port where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addr.port()
    }
}

impl Deref for Listener {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts until it is aborted, which ends every connection too: they are its own.
async fn accept(listener: TcpListener, server: Server, security: Security, one_at_a_time: bool) {
    let mut sessions = JoinSet::new();
    // Those that are not read any more stay open.
    let mut stopped = Vec::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open, or the client is gone already.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Else the greeting would wait for the acknowledgement of TLS's tickets.
        _ = stream.set_nodelay(true);
        let (conversation, config) = match &security {
            Security::Implicit(config) => (server.open_before_tls(), Some(config.clone())),
            Security::StartTls(config) => (server.open_with_starttls(), Some(config.clone())),
            Security::Plaintext => (server.open_with(false), None),
        };
        let session = Session {
            stream: Stream::Tcp(stream),
            conversation,
            config,
        };
        sessions.spawn(session.run());
        let mut ended = match one_at_a_time {
            true => sessions.join_next().await,
            false => sessions.try_join_next(),
        };
        while let Some(session) = ended {
            stopped.extend(session.ok().flatten());
            ended = sessions.try_join_next();
        }
    }
}

struct Session {
    stream: Stream,
    conversation: Conversation,
    config: Option<Arc<ServerConfig>>,
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
    /// The connection to its end; gives its stream where that is to stay open.
    async fn run(mut self) -> Option<impl Sized + Send> {
        let (server, number) = (
            self.conversation.server().clone(),
            self.conversation.number(),
        );
        tokio::select! {
            // An error is the peer gone or its TLS refused; the record shows that no
            // QUIT came.
            _ = self.talk() => {}
            () = server.over(number) => return None,
        }
        self.conversation.close();
        if *self.conversation.next() == Then::Stop {
            return Some(self.stream);
        }
        // A socket dropped with unread input is reset, and the peer might lose the
        // last reply.
        let mut rest = [0; 16 * 1024];
        while let Ok(stream) = self.stream.get()
            && stream.read(&mut rest).await.is_ok_and(|len| len > 0)
        {}
        None
    }

    async fn talk(&mut self) -> io::Result<()> {
        let mut input = vec![0; 16 * 1024];
        loop {
            self.write().await?;
            match self.conversation.next().clone() {
                Then::GoOn | Then::Hold => {
                    let len = self.stream.get()?.read(&mut input).await?;
                    if len == 0 {
                        return Ok(());
                    }
                    self.conversation.handle(&input[..len]);
                }
                Then::StartTls => self.start_tls().await?,
                Then::Stop => return Ok(()),
                Then::End => return self.stream.get()?.shutdown().await,
                Then::HalfClose => return self.stream.tcp()?.shutdown().await,
                Then::Close => {
                    self.stream = Stream::Closed;
                    return Ok(());
                }
                Then::Reset => {
                    self.stream.tcp()?.set_zero_linger()?;
                    self.stream = Stream::Closed;
                    return Ok(());
                }
                Then::Repeat(bytes, pause) if pause.is_zero() => {
                    self.conversation.inject(bytes);
                    self.conversation.repeated(self.conversation.output().len());
                }
                Then::Repeat(bytes, pause) => {
                    for byte in bytes {
                        self.conversation.inject([byte]);
                        self.write().await?;
                        self.conversation.repeated(1);
                        tokio::time::sleep(pause).await;
                    }
                }
            }
        }
    }

    /// Writes all output.
    async fn write(&mut self) -> io::Result<()> {
        let output = self.conversation.output();
        let len = output.len();
        if len > 0 {
            let stream = self.stream.get()?;
            stream.write_all(output).await?;
            stream.flush().await?;
            self.conversation.written(len);
        }
        Ok(())
    }

    /// Shakes hands, unless a test wants something else.
    async fn start_tls(&mut self) -> io::Result<()> {
        let stream = std::mem::replace(&mut self.stream, Stream::Closed);
        let (Stream::Tcp(stream), Some(config)) = (stream, &self.config) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        if !self.conversation.client_hello() {
            self.stream = Stream::Tcp(hello.io);
            return Ok(());
        }
        let stream = hello.into_stream(config.clone()).await?;
        let session = stream.get_ref().1;
        let facts = TlsFacts {
            // rustls spells them TLSv1_3 and TLS13_AES_128_GCM_SHA256.
            version: session
                .protocol_version()
                .and_then(|version| Some(version.as_str()?.replace('_', ".")))
                .unwrap_or_default(),
            cipher: session
                .negotiated_cipher_suite()
                .and_then(|suite| Some(suite.suite().as_str()?.replace("TLS13_", "TLS_")))
                .unwrap_or_default(),
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        };
        self.conversation.tls_started(Some(facts));
        self.stream = Stream::Tls(Box::new(stream));
        Ok(())
    }
}
