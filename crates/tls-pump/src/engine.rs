//! TLS without I/O: ciphertext in and out, plaintext in and out.
//!
//! rustls' buffered API stands behind it. Nothing outside this file touches a
//! rustls connection, so that another version of rustls changes one file.

use crate::{ConnectionInfo, Error, TlsConfig};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, InvalidMessage};
use std::io::{Read as _, Write as _};

/// The most plaintext that waits for the stream, in bytes. Two full records:
/// enough to keep a stream busy, small enough for many connections.
const BUFFER_LEN: usize = 32 * 1024;

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

/// The client side of one TLS connection.
///
/// After every call, send what [`take_ciphertext`](Self::take_ciphertext)
/// gives. The first fatal error stays: all later calls give it again, but the
/// alert that tells the peer is still to be taken and sent.
pub struct Engine {
    connection: ClientConnection,
    server_name: String,
    failed: Option<Error>,
    /// Whether we sent close_notify.
    closed: bool,
    /// Whether plaintext was written before the handshake was done.
    early: bool,
}

impl Engine {
    /// A connection to `server_name`, which the peer's certificate must carry:
    /// a host name (a dot at its end is dropped), an IPv4 address, or an IPv6
    /// address with or without brackets.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] for anything else.
    pub fn new(config: &TlsConfig, server_name: &str) -> Result<Self, Error> {
        // The parser drops a dot too, and two are no host name.
        let name = server_name
            .strip_suffix('.')
            .filter(|n| !n.ends_with('.'))
            .unwrap_or(server_name);
        let name = name
            .strip_prefix('[')
            .and_then(|n| n.strip_suffix(']'))
            .filter(|n| n.contains(':'))
            .unwrap_or(name);
        let invalid = || Error::InvalidName {
            name: server_name.escape_debug().to_string(),
        };
        let parsed = ServerName::try_from(name.to_owned()).map_err(|_| invalid())?;
        let mut connection =
            ClientConnection::new(config.inner.clone(), parsed).map_err(Error::Protocol)?;
        connection.set_buffer_limit(Some(BUFFER_LEN));
        Ok(Self {
            connection,
            server_name: name.to_owned(),
            failed: None,
            closed: false,
            early: false,
        })
    }

    /// Takes ciphertext from the peer and returns how much of it: feed the rest
    /// after reading plaintext. An empty `ciphertext` is no end of stream; for
    /// that there is [`receive_eof`](Self::receive_eof).
    ///
    /// # Errors
    ///
    /// What is wrong with the peer, its certificate or its bytes. What came
    /// before that can still be read.
    pub fn receive(&mut self, ciphertext: &[u8]) -> Result<usize, Error> {
        self.check()?;
        if ciphertext.is_empty() {
            return Ok(0);
        }
        let mut rest = ciphertext;
        let read = self.connection.read_tls(&mut rest);
        let error = match (self.connection.process_new_packets(), read) {
            (Err(error), _) => error,
            // What follows close_notify is ignored (RFC 8446 section 6.1).
            (Ok(state), _) if state.peer_has_closed() => return Ok(ciphertext.len()),
            (Ok(_), Ok(_)) => return Ok(ciphertext.len() - rest.len()),
            // rustls takes no more while plaintext waits to be read.
            (Ok(state), Err(_)) if state.plaintext_bytes_to_read() > 0 => return Ok(0),
            // A handshake message fills rustls' buffer and is not whole: it
            // never will be, and a driver would offer the rest forever.
            (Ok(_), Err(_)) => InvalidMessage::HandshakePayloadTooLarge.into(),
        };
        let spoke_tls = self.connection.protocol_version().is_some();
        let error = Error::from_rustls(error, &self.server_name, spoke_tls);
        Err(self.fail(error))
    }

    /// The peer's side of the stream has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] unless the handshake is done and the peer's
    /// close_notify came before.
    pub fn receive_eof(&mut self) -> Result<(), Error> {
        self.check()?;
        if !self.is_handshaking() && self.peer_has_closed() {
            return Ok(());
        }
        Err(self.fail(Error::Truncated))
    }

    /// Reads plaintext. An empty `buf` gives `Data(0)`.
    ///
    /// # Errors
    ///
    /// The fatal error, once what arrived before it has been read.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<Plaintext, Error> {
        match self.connection.reader().read(buf) {
            Ok(0) if !buf.is_empty() => Ok(Plaintext::Closed),
            Ok(len) => Ok(Plaintext::Data(len)),
            Err(_) => self.check().map(|()| Plaintext::Empty),
        }
    }

    /// Takes plaintext to send and returns how much of it; 0 when ciphertext
    /// has to be taken first. Before the handshake is done it waits for that.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close), and the fatal error.
    pub fn write(&mut self, plaintext: &[u8]) -> Result<usize, Error> {
        self.check()?;
        if self.closed {
            return Err(Error::Closed);
        }
        // Writing to memory cannot fail.
        let len = self.connection.writer().write(plaintext).unwrap_or(0);
        self.early |= len > 0 && self.is_handshaking();
        Ok(len)
    }

    /// Queues close_notify: nothing can be written after it. Once is enough.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) {
            self.connection.send_close_notify();
        }
    }

    /// Appends all ciphertext that waits to be sent.
    pub fn take_ciphertext(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            self.connection
                .write_tls(out)
                .expect("writing to memory cannot fail");
        }
    }

    /// Whether the handshake is still going on.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// What the handshake agreed on; `None` until it is done.
    #[must_use]
    pub fn connection_info(&self) -> Option<ConnectionInfo> {
        if self.is_handshaking() {
            None
        } else {
            ConnectionInfo::of(&self.connection)
        }
    }

    /// Whether plaintext waits for the end of the handshake, which may come.
    pub(crate) fn holds_plaintext(&self) -> bool {
        self.early && self.is_handshaking() && self.failed.is_none()
    }

    fn peer_has_closed(&mut self) -> bool {
        self.connection
            .process_new_packets()
            .is_ok_and(|state| state.peer_has_closed())
    }

    /// # Errors
    ///
    /// The fatal error, if there was one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: Error) -> Error {
        self.failed.insert(error).clone()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("server_name", &self.server_name)
            .field("handshaking", &self.is_handshaking())
            .finish_non_exhaustive()
    }
}
