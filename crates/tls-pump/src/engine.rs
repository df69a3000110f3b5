//! TLS without I/O: ciphertext in and out, plaintext in and out.

use crate::connection::Connection;
use crate::{ConnectionInfo, Error, TlsConfig};
use rustls::pki_types::ServerName;

/// How much plaintext, or ciphertext, may wait for the stream before no more is
/// taken, in bytes. Two full records: enough to keep a stream busy, small
/// enough for many connections.
const BUFFER_LEN: usize = 32 * 1024;

/// What a buffer keeps when it is empty, in bytes: more is given back.
const IDLE_LEN: usize = 1024;

/// What a peer that speaks no TLS says, so much of it is kept for the error.
const FIRST_LEN: usize = 64;

/// The label of the `tls-exporter` channel binding (RFC 9266 section 2).
const CHANNEL_BINDING: &[u8] = b"EXPORTER-Channel-Binding";

/// What a read of plaintext gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plaintext {
    /// So many bytes were put into the buffer.
    Data(usize),
    /// The peer closed its side by close_notify: no more will come.
    Closed,
    /// None has arrived yet: feed ciphertext.
    Empty,
}

/// How the peer's side of the stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// After the peer's close_notify: all it sent has arrived.
    Clean,
    /// Without it: something may be missing (RFC 8446 section 6.1).
    Truncated,
}

/// What an engine waits for. Neither: for its user, or for nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wants {
    /// More ciphertext from the peer. False while plaintext waits to be read,
    /// after the peer's close_notify and after a failure.
    pub read: bool,
    /// That its ciphertext is sent.
    pub write: bool,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Becomes `Open`, or `Failed`, also by being closed.
    Handshaking,
    /// Both sides may speak.
    Open,
    /// We sent close_notify: only the peer may speak.
    Closing,
    /// The peer sent close_notify: only we may speak.
    PeerClosed,
    /// Both sent close_notify.
    Closed,
    /// A fatal error stands; whatever can fail gives it again.
    Failed,
}

/// One side of a TLS connection, without I/O.
///
/// After every call, send what [`ciphertext`](Self::ciphertext) gives and say
/// so by [`sent`](Self::sent). The first fatal error stays: all later calls give
/// it again, but the alert that tells the peer, if rustls has one, is still to be
/// sent.
///
/// ```
/// use tls_pump::{Engine, Error, Plaintext, TlsConfig};
/// # fn transfer(_: &[u8]) -> Vec<u8> { Vec::new() }
///
/// fn greeting(config: &TlsConfig) -> Result<Vec<u8>, Error> {
///     let mut engine = Engine::new(config, "mail.example")?;
///     let mut greeting = vec![0; 512];
///     loop {
///         // However bytes get to the peer and back.
///         let answer = transfer(engine.ciphertext());
///         engine.sent(engine.ciphertext().len());
///         if answer.is_empty() {
///             engine.handle_eof();
///         }
///         let mut rest = &answer[..];
///         loop {
///             let taken = engine.handle_ciphertext(rest)?;
///             rest = &rest[taken..];
///             match engine.read(&mut greeting)? {
///                 Plaintext::Data(len) => {
///                     greeting.truncate(len);
///                     return Ok(greeting);
///                 }
///                 // It has nothing to say.
///                 Plaintext::Closed => return Ok(Vec::new()),
///                 _ if rest.is_empty() => break,
///                 _ => {}
///             }
///         }
///     }
/// }
/// # let policy = tls_pump::Policy::PinnedSpki(vec![[0; 32]]);
/// # // Without any feature there is nothing to compute with.
/// # let Ok(config) = TlsConfig::builder().policy(policy).build() else { return };
/// # assert!(matches!(greeting(&config), Err(Error::EndedInHandshake)));
/// ```
pub struct Engine {
    connection: Connection,
    /// Whom the errors are about.
    peer: String,
    /// For the peer; the first `sent` bytes have left.
    ciphertext: Vec<u8>,
    sent: usize,
    /// How much plaintext was put in there since it was empty. The limit counts
    /// this: by the ciphertext, the last of two full records would be cut.
    queued: usize,
    /// Plaintext written before the handshake was done.
    early: Vec<u8>,
    /// What the peer said first, until it is known to be TLS.
    first: Vec<u8>,
    /// Whether plaintext was spoken before.
    upgraded: bool,
    failed: Option<Error>,
    /// Whether we sent close_notify.
    closed: bool,
}

impl Engine {
    /// The client's side of a connection to `server_name`, which the peer's
    /// certificate must carry: a host name (a dot at its end is dropped), or an
    /// IPv4 or IPv6 address, with or without brackets. A host name is sent as
    /// SNI, an address is not (RFC 6066 section 3).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] for anything else.
    pub fn new(config: &TlsConfig, server_name: &str) -> Result<Self, Error> {
        let (name, parsed) = parse_name(server_name)?;
        let mut ciphertext = Vec::new();
        let connection = Connection::client(&config.inner, parsed, &mut ciphertext);
        let connection = connection.map_err(Error::Protocol)?;
        Ok(Self::over(connection, name.to_owned(), ciphertext))
    }

    /// The client's side of a connection that was plaintext until now, as after
    /// STARTTLS (RFC 3207). `unread` is what was read from the peer before and
    /// is not used up: it must be empty, since a server says nothing between
    /// its consent and TLS. What stands there was put in by somebody else.
    ///
    /// # Errors
    ///
    /// [`Error::BytesBeforeTls`] when `unread` is not empty, and as
    /// [`new`](Self::new).
    pub fn upgrade(config: &TlsConfig, server_name: &str, unread: &[u8]) -> Result<Self, Error> {
        if !unread.is_empty() {
            return Err(Error::BytesBeforeTls { len: unread.len() });
        }
        let mut engine = Self::new(config, server_name)?;
        engine.upgraded = true;
        Ok(engine)
    }

    /// The server's side of a connection, for tests and peers (feature
    /// `server`). Its errors name the peer as `the client`.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when rustls does not take the configuration.
    #[cfg(feature = "server")]
    pub fn server(config: std::sync::Arc<rustls::ServerConfig>) -> Result<Self, Error> {
        let connection = Connection::server(config).map_err(Error::Protocol)?;
        Ok(Self::over(connection, "the client".into(), Vec::new()))
    }

    fn over(connection: Connection, peer: String, ciphertext: Vec<u8>) -> Self {
        Self {
            connection,
            peer,
            ciphertext,
            sent: 0,
            queued: 0,
            early: Vec::new(),
            first: Vec::new(),
            upgraded: false,
            failed: None,
            closed: false,
        }
    }

    /// Takes ciphertext from the peer, in pieces of any length, and returns how
    /// much of it: it stops once there is plaintext to be read, so feed the rest
    /// after that. Nothing is taken while more than 16 KiB of plaintext wait. An
    /// empty `ciphertext` is no end of stream; for that there is
    /// [`handle_eof`](Self::handle_eof).
    ///
    /// # Errors
    ///
    /// What is wrong with the peer, its certificate or its bytes. What came
    /// before that can still be read.
    pub fn handle_ciphertext(&mut self, ciphertext: &[u8]) -> Result<usize, Error> {
        self.check()?;
        if self.is_handshaking() {
            let room = FIRST_LEN.saturating_sub(self.first.len());
            let first = &ciphertext[..ciphertext.len().min(room)];
            self.first.extend_from_slice(first);
        }
        // Nothing follows our close_notify, not even an alert.
        let mut nowhere = Vec::new();
        let answers = match self.closed {
            true => &mut nowhere,
            false => &mut self.ciphertext,
        };
        match self.connection.process(ciphertext, answers) {
            Ok(taken) => {
                if !self.is_handshaking() {
                    self.first = Vec::new();
                    self.write_early()?;
                }
                Ok(taken)
            }
            Err(failure) => {
                let first = std::mem::take(&mut self.first);
                let error = Error::from_rustls(failure, &self.peer, &first, self.upgraded);
                Err(self.fail(error))
            }
        }
    }

    /// The peer's side of the stream has ended. Unless that is
    /// [`Ending::Clean`], it is [`Error::Truncated`] from now on, or
    /// [`Error::EndedInHandshake`], once what arrived has been read; an earlier
    /// error stays.
    pub fn handle_eof(&mut self) -> Ending {
        let handshaking = self.connection.is_handshaking();
        let error = match (handshaking, self.connection.peer_has_closed()) {
            (false, true) => return Ending::Clean,
            (false, false) => Error::Truncated,
            (true, _) => Error::EndedInHandshake,
        };
        if self.failed.is_none() {
            self.fail(error);
        }
        Ending::Truncated
    }

    /// Reads plaintext into `buf`, as much as is there and fits. An empty `buf`
    /// gives `Data(0)`.
    ///
    /// # Errors
    ///
    /// The fatal error, once what arrived before it has been read.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<Plaintext, Error> {
        match self.connection.read(buf) {
            Some(0) if !buf.is_empty() => Ok(Plaintext::Closed),
            Some(len) => Ok(Plaintext::Data(len)),
            None => self.check().map(|()| Plaintext::Empty),
        }
    }

    /// Takes plaintext to send and returns how much of it; 0 when ciphertext
    /// has to be sent first ([`Wants::write`]), or while the handshake goes on
    /// and 32 KiB wait for its end.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close), and the fatal error.
    pub fn write(&mut self, plaintext: &[u8]) -> Result<usize, Error> {
        self.check()?;
        if self.closed {
            return Err(Error::Closed);
        }
        let handshaking = self.is_handshaking();
        let waiting = match handshaking {
            true => self.early.len(),
            // Many small records are more than their plaintext.
            false if self.ciphertext().len() >= BUFFER_LEN => BUFFER_LEN,
            false => self.queued,
        };
        let len = plaintext.len().min(BUFFER_LEN - waiting);
        let plaintext = &plaintext[..len];
        if handshaking {
            self.early.extend_from_slice(plaintext);
            return Ok(len);
        }
        let written = self.connection.write_tls(plaintext, &mut self.ciphertext);
        written.map_err(|error| self.fail(Error::Protocol(error)))?;
        self.queued += len;
        Ok(len)
    }

    fn write_early(&mut self) -> Result<(), Error> {
        let early = std::mem::take(&mut self.early);
        self.queued += early.len();
        let written = self.connection.write_tls(&early, &mut self.ciphertext);
        written.map_err(|error| self.fail(Error::Protocol(error)))
    }

    /// Queues close_notify: nothing can be written after it, but the peer can
    /// still be heard. Once is enough.
    ///
    /// While the handshake goes on that gives it up: it fails with
    /// [`Error::Closed`], and what was written and waits for it is lost; see
    /// [`holds_plaintext`](Self::holds_plaintext).
    ///
    /// Where rustls is built with debug assertions it panics if the peer then
    /// breaks the protocol (rustls issue 959). Debug builds that read on after
    /// closing want this in their `Cargo.toml`:
    ///
    /// ```toml
    /// [profile.dev.package.rustls]
    /// debug-assertions = false
    /// ```
    ///
    /// Source: RFC 8446 section 6.1.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) {
            self.connection.send_close_notify(&mut self.ciphertext);
            if self.is_handshaking() {
                self.fail(Error::Closed);
            }
        }
    }

    /// What is to be sent: whole records, except for the part of the first one
    /// that has left. At most 32 KiB of plaintext are in there.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext[self.sent..]
    }

    /// The first `len` bytes of [`ciphertext`](Self::ciphertext) have left.
    ///
    /// # Panics
    ///
    /// When there are fewer.
    pub fn sent(&mut self, len: usize) {
        assert!(
            len <= self.ciphertext().len(),
            "more was sent than there was"
        );
        self.sent += len;
        if self.sent == self.ciphertext.len() {
            self.ciphertext.clear();
            (self.sent, self.queued) = (0, 0);
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        self.connection.shrink();
        if self.ciphertext.is_empty() && self.ciphertext.capacity() > IDLE_LEN {
            self.ciphertext = Vec::new();
        }
    }

    /// What it waits for.
    #[must_use]
    pub fn wants(&self) -> Wants {
        Wants {
            read: self.failed.is_none() && self.connection.wants_read(),
            write: !self.ciphertext().is_empty(),
        }
    }

    /// Where the connection stands.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.closed, self.connection.peer_has_closed()) {
            _ if self.failed.is_some() => State::Failed,
            (false, _) if self.is_handshaking() => State::Handshaking,
            (false, false) => State::Open,
            (true, false) => State::Closing,
            (false, true) => State::PeerClosed,
            (true, true) => State::Closed,
        }
    }

    /// Whether the handshake is still going on; not when it has failed.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking() && self.failed.is_none()
    }

    /// Whether plaintext waits for the end of the handshake, which may come.
    #[must_use]
    pub fn holds_plaintext(&self) -> bool {
        !self.early.is_empty() && self.failed.is_none()
    }

    /// What the handshake agreed on; `None` until it is done.
    #[must_use]
    pub fn connection_info(&self) -> Option<ConnectionInfo> {
        let done = !self.connection.is_handshaking();
        done.then(|| ConnectionInfo::of(&self.connection)).flatten()
    }

    /// Key material that both sides have and nobody else: `output` is filled
    /// with what they share under `label` and `context`.
    ///
    /// In TLS 1.2 no context and an empty one give different material; in TLS
    /// 1.3 they give the same.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] before the handshake is done, for an empty `output`, a
    /// label over 249 bytes and a context over 65,535, and then `output` holds
    /// nothing of use; the fatal error.
    ///
    /// Source: RFC 5705, RFC 8446 section 7.5.
    pub fn export_keying_material(
        &self,
        label: &[u8],
        context: Option<&[u8]>,
        output: &mut [u8],
    ) -> Result<(), Error> {
        self.check()?;
        // Lengths that their fields can't hold (RFC 8446 section 7.1, RFC 5705
        // section 4).
        if label.len() > 249 || context.is_some_and(|context| context.len() > 0xffff) {
            let error = rustls::Error::General("the label or the context is too long".into());
            return Err(Error::Protocol(error));
        }
        let exported = self.connection.exporter(label, context, output);
        exported.map_err(Error::Protocol)
    }

    /// The channel binding `tls-exporter`, as SCRAM-SHA-256-PLUS wants it. The
    /// same on both sides of this connection, and on no other. `None` until the
    /// handshake is done, after a failure, and in TLS 1.2, where it binds only
    /// sessions with an extension that can't be told from here.
    ///
    /// Source: RFC 9266.
    #[must_use]
    pub fn tls_exporter(&self) -> Option<[u8; 32]> {
        if self.connection.version() != Some(rustls::ProtocolVersion::TLSv1_3) {
            return None;
        }
        let mut output = [0; 32];
        let exported = self.export_keying_material(CHANNEL_BINDING, Some(&[]), &mut output);
        exported.is_ok().then_some(output)
    }

    /// # Errors
    ///
    /// The fatal error, if there was one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: Error) -> Error {
        self.early = Vec::new();
        self.failed.insert(error).clone()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("peer", &self.peer)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// The name to show, and the name as certificates and SNI have it.
fn parse_name(given: &str) -> Result<(&str, ServerName<'static>), Error> {
    // The parser drops a dot too, and two are no host name.
    let name = given
        .strip_suffix('.')
        .filter(|name| !name.ends_with('.'))
        .unwrap_or(given);
    let bracketed = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let parsed = match (bracketed, ServerName::try_from(bracketed.unwrap_or(name))) {
        // Only addresses stand in brackets.
        (Some(_), Ok(ServerName::DnsName(_))) | (_, Err(_)) => {
            let name = given.escape_debug().to_string();
            return Err(Error::InvalidName { name });
        }
        (_, Ok(parsed)) => parsed,
    };
    Ok((bracketed.unwrap_or(name), parsed.to_owned()))
}
