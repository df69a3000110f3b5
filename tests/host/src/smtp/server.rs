//! The listening server: its settings, its accept loop and what a test can ask of it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::record::{Entries, Log};
use super::session::Session;
use super::{Mechanism, Received, Security, SessionRecord};

/// What a session needs to know of its server.
///
/// No `Debug`: it holds passwords.
pub(super) struct Config {
    pub(super) security: Security,
    pub(super) users: Vec<(String, String)>,
    pub(super) mechanisms: Vec<Mechanism>,
    pub(super) pipelining: bool,
    pub(super) size: Option<u64>,
    pub(super) eight_bit_mime: bool,
    pub(super) chunking: bool,
    pub(super) enhanced_status_codes: bool,
    pub(super) refusals: Vec<(String, String)>,
    require_auth: Option<bool>,
}

impl Config {
    pub(super) fn require_auth(&self) -> bool {
        self.require_auth.unwrap_or(!self.users.is_empty())
    }
}

/// The settings of a server not yet started.
#[must_use]
pub struct Builder(Config);

impl Builder {
    /// Lets `user` log in with `password`; may be repeated. AUTH is offered once a user is set.
    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.0.users.push((user.to_owned(), password.to_owned()));
        self
    }

    /// The AUTH mechanisms to offer; all three by default.
    pub fn mechanisms(mut self, mechanisms: &[Mechanism]) -> Self {
        self.0.mechanisms = mechanisms.to_vec();
        self
    }

    /// PIPELINING, on by default. When off, a command sent ahead of a reply gets 503 and the
    /// connection closed.
    pub fn pipelining(mut self, on: bool) -> Self {
        self.0.pipelining = on;
        self
    }

    /// SIZE, and the largest message in octets; 50 MiB by default. `None` switches both off.
    pub fn size(mut self, limit: Option<u64>) -> Self {
        self.0.size = limit;
        self
    }

    /// 8BITMIME, on by default. When off, `BODY=` gets 555.
    pub fn eight_bit_mime(mut self, on: bool) -> Self {
        self.0.eight_bit_mime = on;
        self
    }

    /// CHUNKING, on by default. When off, BDAT gets 500.
    pub fn chunking(mut self, on: bool) -> Self {
        self.0.chunking = on;
        self
    }

    /// ENHANCEDSTATUSCODES, on by default. When off, no reply carries one.
    pub fn enhanced_status_codes(mut self, on: bool) -> Self {
        self.0.enhanced_status_codes = on;
        self
    }

    /// Whether MAIL needs AUTH first; by default when a user is set.
    pub fn require_auth(mut self, on: bool) -> Self {
        self.0.require_auth = Some(on);
        self
    }

    /// Answers RCPT for `address` with `reply`, such as `550 5.1.1 no such user`; may be repeated.
    ///
    /// A 421 also closes the connection.
    pub fn refuse(mut self, address: &str, reply: &str) -> Self {
        self.0.refusals.push((address.to_owned(), reply.to_owned()));
        self
    }

    /// Binds a free port of 127.0.0.1 and serves it in the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(self) -> io::Result<SmtpServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let log = Arc::new(Log::default());
        let accept = tokio::spawn(serve(listener, Arc::new(self.0), log.clone()));
        Ok(SmtpServer { addr, log, accept })
    }
}

/// Accepts until aborted. The set is this task's own, so aborting it ends every session too.
async fn serve(listener: TcpListener, config: Arc<Config>, log: Arc<Log>) {
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Else the greeting would wait for the acknowledgement of TLS's tickets.
        _ = stream.set_nodelay(true);
        sessions.spawn(Session::new(stream, config.clone(), log.clone()).run());
        while sessions.try_join_next().is_some() {}
    }
}

/// A running server; dropping it ends the accept loop and every session.
pub struct SmtpServer {
    addr: SocketAddr,
    log: Arc<Log>,
    accept: JoinHandle<()>,
}

impl SmtpServer {
    /// The settings of a server with this protection, every extension and no users.
    pub fn builder(security: Security) -> Builder {
        Builder(Config {
            security,
            users: Vec::new(),
            mechanisms: Mechanism::ALL.to_vec(),
            pipelining: true,
            size: Some(50 * 1024 * 1024),
            eight_bit_mime: true,
            chunking: true,
            enhanced_status_codes: true,
            refusals: Vec::new(),
            require_auth: None,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The messages accepted so far; a message is here before its client reads the 250.
    pub fn received(&self) -> Vec<Received> {
        self.log.read(|entries| entries.received.clone())
    }

    /// Waits until at least `n` messages were accepted, and returns all. Has no timeout.
    pub async fn wait_received(&self, n: usize) -> Vec<Received> {
        self.log
            .wait(
                |entries| entries.received.len() >= n,
                |entries| entries.received.clone(),
            )
            .await
    }

    /// The connections so far, in order of arrival, open ones included.
    pub fn sessions(&self) -> Vec<SessionRecord> {
        self.log.read(|entries| entries.sessions.clone())
    }

    /// Waits until at least `n` connections are over, and returns all. Has no timeout.
    pub async fn wait_sessions_closed(&self, n: usize) -> Vec<SessionRecord> {
        let closed = |entries: &Entries| entries.sessions.iter().filter(|s| s.closed).count();
        self.log
            .wait(
                |entries| closed(entries) >= n,
                |entries| entries.sessions.clone(),
            )
            .await
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accept.abort();
    }
}
