//! Peers over TCP and over TLS: an echo, a source and a sink.

use crate::guest::{Guest, Outcome};
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What a peer does with each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Sends back what it reads.
    Echo,
    /// Sends so many bytes, and closes.
    Source(usize),
    /// Reads to the end, and closes.
    Sink,
    /// Sends for ever, and takes all.
    Flood,
}

/// A peer that serves every connection on a port of 127.0.0.1 as long as this
/// lives.
#[derive(Debug)]
pub struct PeerServer {
    addr: SocketAddr,
    _accepting: JoinSet<()>,
}

impl PeerServer {
    /// Starts it on a free port.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn start(peer: Peer) -> io::Result<Self> {
        Self::start_over(peer, None).await
    }

    /// The same over TLS from the first byte.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn start_tls(peer: Peer, config: Arc<ServerConfig>) -> io::Result<Self> {
        Self::start_over(peer, Some(config.into())).await
    }

    async fn start_over(peer: Peer, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let tls = tls.clone();
                // A client that resets has had enough.
                sessions.spawn(async move {
                    match tls {
                        None => peer.serve(stream).await,
                        Some(tls) => peer.serve(tls.accept(stream).await?).await,
                    }
                });
            }
        });
        Ok(Self {
            addr,
            _accepting: accepting,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The port of that.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addr.port()
    }
}

impl Peer {
    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        match self {
            Self::Echo => {
                // A full record of TLS.
                let mut buf = vec![0; 16 * 1024];
                loop {
                    match stream.read(&mut buf).await? {
                        0 => break,
                        len => stream.write_all(&buf[..len]).await?,
                    }
                    stream.flush().await?;
                }
            }
            Self::Source(len) => {
                let chunk = vec![7; 256 * 1024];
                let mut left = len;
                while left > 0 {
                    let part = left.min(chunk.len());
                    stream.write_all(&chunk[..part]).await?;
                    left -= part;
                }
            }
            Self::Flood => {
                let (mut read, mut write) = tokio::io::split(&mut stream);
                let send = async {
                    let chunk = vec![7; 256 * 1024];
                    while write.write_all(&chunk).await.is_ok() {}
                };
                let mut nowhere = tokio::io::sink();
                tokio::join!(send, tokio::io::copy(&mut read, &mut nowhere)).1?;
            }
            Self::Sink => {
                let mut buf = vec![0; 256 * 1024];
                while stream.read(&mut buf).await? > 0 {}
            }
        }
        stream.shutdown().await
    }
}

/// Runs the guest `net_graveyard` with `count` peers that never read, and that
/// are closed once the guest has dropped its streams and made `trips` round
/// trips beside them.
///
/// # Errors
///
/// The system's.
pub async fn stalling(guest: Guest, count: usize, trips: usize) -> io::Result<Outcome> {
    let echo = PeerServer::start(Peer::Echo).await?;
    let socket = TcpSocket::new_v4()?;
    // A thousand stalled peers would hold gigabytes with the kernel's default.
    socket.set_recv_buffer_size(4096)?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let stalled = socket.listen(1024)?;
    let control = TcpListener::bind("127.0.0.1:0").await?;
    let ports = [stalled.local_addr()?, echo.addr(), control.local_addr()?];
    let guest = ports
        .iter()
        .fold(guest, |guest, addr| guest.arg(addr.port()));
    let guest = tokio::spawn(guest.arg(count).arg(trips).run());
    let (mut control, _) = control.accept().await?;
    let mut peers = Vec::new();
    for _ in 0..count {
        peers.push(stalled.accept().await?);
    }
    control.read_exact(&mut [0]).await?;
    drop(peers);
    control.shutdown().await?;
    Ok(guest.await?)
}
