//! An address that answers nothing, for clients that must not wait for ever.
//!
//! It depends on Linux, seen on 6.18: `listen(0)` makes an accept queue for one connection, and
//! while that is full the kernel drops every further SYN (as long as `tcp_abort_on_overflow` is 0,
//! its default). A client sends its SYN again, for about two minutes, and hears nothing. Other
//! systems make longer queues or send a reset; there no black hole can be made.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// The most connections that a queue is tried to be filled with.
const FILLERS: usize = 8;
/// How long a connection to the full queue is waited for, in vain.
const IN_VAIN: Duration = Duration::from_millis(100);

/// A listening address on which `connect` neither succeeds nor fails, until this is dropped.
///
/// Dropped, it refuses: what is still connecting fails when it next sends its SYN.
pub struct BlackHole {
    addr: SocketAddr,
    _listener: TcpListener,
    /// The connections that fill the queue.
    _fillers: Vec<TcpStream>,
}

impl BlackHole {
    /// On a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound, and where the system is not Linux.
    pub async fn new() -> io::Result<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// On a free port of `::1`.
    ///
    /// # Errors
    /// As [`new`](Self::new), and on a machine without `::1`.
    pub async fn new_v6() -> io::Result<Self> {
        Self::at((Ipv6Addr::LOCALHOST, 0).into()).await
    }

    /// One name's two addresses, of which the first is dead: a black hole on `::1`, and a listener
    /// on the same port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`new_v6`](Self::new_v6), and when no port is free in both families.
    pub async fn with_live_v4() -> io::Result<(Self, TcpListener)> {
        let mut tries = 16;
        loop {
            let live = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let port = live.local_addr()?.port();
            tries -= 1;
            match Self::at((Ipv6Addr::LOCALHOST, port).into()).await {
                Ok(dead) => return Ok((dead, live)),
                Err(error) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn at(addr: SocketAddr) -> io::Result<Self> {
        let socket = match addr {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind(addr)?;
        let listener = socket.listen(0)?;
        let addr = listener.local_addr()?;
        let mut fillers = vec![TcpStream::connect(addr).await?];
        // A connection is in the queue only a moment after its client knows of it; what gets in
        // meanwhile is one filler more.
        while let Ok(connected) = timeout(IN_VAIN, TcpStream::connect(addr)).await {
            fillers.push(connected?);
            if fillers.len() == FILLERS {
                let message = "this system's accept queues take more than was asked for";
                return Err(io::Error::new(ErrorKind::Unsupported, message));
            }
        }
        Ok(Self {
            addr,
            _listener: listener,
            _fillers: fillers,
        })
    }

    /// The address to connect to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
