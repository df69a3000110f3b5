//! TLS without I/O: ciphertext in and out, plaintext in and out.
//!
//! rustls' buffered API stands behind it. Nothing outside this file touches a
//! rustls connection, so that another version of rustls changes one file.

use crate::{ConnectionInfo, Error, TlsConfig};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
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
        let name = server_name.strip_suffix('.').unwrap_or(server_name);
        let name = name
            .strip_prefix('[')
            .and_then(|n| n.strip_suffix(']'))
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
        })
    }

    /// Takes ciphertext from the peer and returns how much of it: feed the rest
    /// after reading plaintext. An empty `ciphertext` is no end of stream; for
    /// that there is [`receive_eof`](Self::receive_eof).
    ///
    /// # Errors
    ///
    /// What is wrong with the peer, its certificate or its bytes.
    pub fn receive(&mut self, ciphertext: &[u8]) -> Result<usize, Error> {
        self.check()?;
        if ciphertext.is_empty() {
            return Ok(0);
        }
        let mut rest = ciphertext;
        let read = self
            .connection
            .read_tls(&mut rest)
            .map(|_| ciphertext.len() - rest.len());
        match self.connection.process_new_packets() {
            // rustls takes no more while plaintext waits to be read.
            Ok(_) => Ok(read.unwrap_or(0)),
            Err(error) => Err(self.fail(Error::from_rustls(error, &self.server_name))),
        }
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
        Ok(self.connection.writer().write(plaintext).unwrap_or(0))
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

    fn peer_has_closed(&mut self) -> bool {
        self.connection
            .process_new_packets()
            .is_ok_and(|state| state.peer_has_closed())
    }

    fn check(&self) -> Result<(), Error> {
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
