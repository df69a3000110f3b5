//! A server that speaks proper SMTP up to a moment, and then has a fault.
//!
//! It takes its connections one after the other, and each to its end: a client that does not let
//! go of one gets no other.

mod fault;
mod session;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

pub use fault::Fault;
use session::Session;

/// When a fault comes: in place of a reply, unless another thing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The greeting.
    Greeting,
    /// Behind the ClientHello.
    Tls,
    /// The (first) reply to EHLO.
    Ehlo,
    /// The reply to STARTTLS.
    StartTls,
    /// The reply to AUTH.
    Auth,
    /// The reply to MAIL.
    Mail,
    /// The reply to RCPT.
    Rcpt,
    /// The reply to DATA.
    Data,
    /// When some of a long mail was read.
    Block,
    /// The reply to the mail.
    Dot,
    /// The reply to QUIT.
    Quit,
    /// Behind the reply to QUIT.
    Over,
}

/// What a server saw of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The final dot was read.
    pub mail: bool,
    /// The bytes of the fault that the client's side took, as far as the buffers between let that
    /// be known.
    pub taken: usize,
    /// A line of the client that has no place where it came.
    pub unexpected: Option<String>,
}

/// A running server. Dropping it does not end it: its task ends with the last of its cases.
#[derive(Debug)]
pub struct FaultyServer {
    port: u16,
    serving: JoinHandle<io::Result<Vec<Seen>>>,
}

/// The buffers of the system: what fits in there counts as taken.
const BUFFER: u32 = 16 * 1024;

impl FaultyServer {
    /// Takes as many connections as there are cases at a free port of 127.0.0.1, in TLS from the
    /// first byte or, with `starttls`, after an upgrade. No fault is a session to its good end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn start(
        config: Arc<ServerConfig>,
        starttls: bool,
        cases: Vec<Option<(Moment, Fault)>>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(BUFFER)?;
        socket.set_send_buffer_size(BUFFER)?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(16)?;
        let port = listener.local_addr()?.port();
        let serving = tokio::spawn(serve(listener, config, starttls, cases.into()));
        Ok(Self { port, serving })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it saw, once the last connection is over. Has no timeout.
    ///
    /// # Errors
    ///
    /// The system's; a connection more than there are cases.
    ///
    /// # Panics
    ///
    /// When its task did.
    pub async fn seen(self) -> io::Result<Vec<Seen>> {
        self.serving.await.expect("the server has not panicked")
    }
}

async fn serve(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    starttls: bool,
    mut cases: VecDeque<Option<(Moment, Fault)>>,
) -> io::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    // A connection that stays open, unread, until all is over.
    let mut held = Vec::new();
    while let Some(case) = cases.pop_front() {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut session = Session::new(stream, case);
        session.run(config.clone(), starttls).await;
        seen.push(std::mem::take(&mut session.seen));
        held.extend(session.into_held());
    }
    match listener.into_std()?.accept() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(seen),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("a connection more than there are cases")),
    }
}
