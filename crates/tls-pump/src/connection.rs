//! The one place that calls a connection of rustls.
//!
//! Its shape is that of rustls 0.24, which keeps no outgoing bytes: what is to
//! be sent is appended to a buffer of the caller's, and writing is an error
//! before the handshake is done. rustls 0.23 keeps both directions itself, so
//! everything is moved out after each call; another version of rustls changes
//! this file.

use crate::CertificateErrorKind;
use crate::sessions;
use crate::verify::take_refusal;
use rustls::crypto::SupportedKxGroup;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, InvalidMessage};
use rustls::{ProtocolVersion, SupportedCipherSuite};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

#[cfg(feature = "server")]
type Inner = rustls::Connection;
#[cfg(not(feature = "server"))]
type Inner = ClientConnection;

/// The content type of an alert (RFC 5246 section 6.2.1).
const ALERT: u8 = 21;

/// One side of a TLS connection.
pub(crate) struct Connection {
    inner: Inner,
    /// Until when what was verified of the peer counts.
    verified_until: Option<UnixTime>,
    peer_has_closed: bool,
}

/// A stream that waits for ever. One at its end would be taken for the peer's.
struct Nothing;

impl std::io::Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::WouldBlock.into())
    }
}

/// Why a connection can't go on.
pub(crate) struct Failure {
    pub(crate) error: rustls::Error,
    /// What our verifier found, when it was its doing.
    pub(crate) refusal: Option<CertificateErrorKind>,
}

impl Connection {
    /// A client's side; its ClientHello is appended to `tls`.
    pub(crate) fn client(
        config: &Arc<ClientConfig>,
        name: ServerName<'static>,
        tls: &mut Vec<u8>,
    ) -> Result<Self, rustls::Error> {
        let mut until = None;
        let made = || ClientConnection::new(config.clone(), name);
        let connection = sessions::calling(&mut until, made)?;
        #[cfg(feature = "server")]
        let connection = Inner::Client(connection);
        let mut connection = Self::new(connection, tls);
        connection.verified_until = until;
        Ok(connection)
    }

    /// A server's side.
    #[cfg(feature = "server")]
    pub(crate) fn server(config: Arc<rustls::ServerConfig>) -> Result<Self, rustls::Error> {
        let connection = rustls::ServerConnection::new(config)?;
        Ok(Self::new(Inner::Server(connection), &mut Vec::new()))
    }

    fn new(mut inner: Inner, tls: &mut Vec<u8>) -> Self {
        // Nothing stays in there: how much to take is the engine's decision.
        inner.set_buffer_limit(None);
        let mut connection = Self {
            inner,
            verified_until: None,
            peer_has_closed: false,
        };
        connection.take_output(tls);
        connection
    }

    /// Works on ciphertext until there is plaintext to be read, appends the
    /// answers to `tls`, and returns how much of `ciphertext` it took.
    pub(crate) fn process(
        &mut self,
        ciphertext: &[u8],
        tls: &mut Vec<u8>,
    ) -> Result<usize, Failure> {
        let processed = self.process_all(ciphertext);
        self.take_output(tls);
        processed.map_err(|error| Failure {
            error,
            refusal: take_refusal(),
        })
    }

    fn process_all(&mut self, ciphertext: &[u8]) -> Result<usize, rustls::Error> {
        let mut rest = ciphertext;
        while !rest.is_empty() {
            let read = self.inner.read_tls(&mut rest);
            let process = || self.inner.process_new_packets();
            let state = sessions::calling(&mut self.verified_until, process)?;
            self.peer_has_closed = state.peer_has_closed();
            match read {
                // What follows close_notify is ignored (RFC 8446 section 6.1).
                _ if self.peer_has_closed => return Ok(ciphertext.len()),
                // What is read at once is still in the processor's cache.
                _ if state.plaintext_bytes_to_read() > 0 => break,
                Ok(1..) => {}
                // A handshake message fills its buffer and is not whole: it
                // never will be, and a driver would offer the rest for ever.
                Ok(0) | Err(_) => return Err(InvalidMessage::HandshakePayloadTooLarge.into()),
            }
        }
        Ok(ciphertext.len() - rest.len())
    }

    /// Moves plaintext into `buf`: how much, 0 at the peer's end, `None` when
    /// none has arrived.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Option<usize> {
        self.inner.reader().read(buf).ok()
    }

    /// Appends `plaintext` to `tls` as records.
    ///
    /// # Errors
    ///
    /// Before the handshake is done, and when the keys are used up (RFC 8446
    /// section 5.5) and can't be changed. Not after close_notify, after which
    /// rustls goes on: that is for the caller to refuse.
    pub(crate) fn write_tls(
        &mut self,
        plaintext: &[u8],
        tls: &mut Vec<u8>,
    ) -> Result<(), rustls::Error> {
        if self.is_handshaking() {
            return Err(rustls::Error::HandshakeNotComplete);
        }
        let mut rest = plaintext;
        while !rest.is_empty() {
            // Less than all when the keys are changed in between.
            let len = self.inner.writer().write(rest).unwrap_or(0);
            let before = tls.len();
            self.take_output(tls);
            // At the end of its keys it takes everything, drops it, and in TLS
            // 1.2 says close_notify.
            if len == 0 || matches!(tls.get(before), None | Some(&ALERT)) {
                return Err(rustls::Error::EncryptError);
            }
            rest = &rest[len..];
        }
        Ok(())
    }

    /// Appends close_notify to `tls`.
    pub(crate) fn send_close_notify(&mut self, tls: &mut Vec<u8>) {
        self.inner.send_close_notify();
        self.take_output(tls);
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        // Its buffer for ciphertext shrinks before it reads the next, of which
        // there is none.
        let _ = self.inner.read_tls(&mut Nothing);
    }

    fn take_output(&mut self, tls: &mut Vec<u8>) {
        while self.inner.wants_write() {
            // A vector takes everything.
            let _ = self.inner.write_tls(tls);
        }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    /// False while plaintext waits and after the peer's close_notify.
    pub(crate) fn wants_read(&self) -> bool {
        self.inner.wants_read()
    }

    pub(crate) fn peer_has_closed(&self) -> bool {
        self.peer_has_closed
    }

    pub(crate) fn exporter(
        &self,
        label: &[u8],
        context: Option<&[u8]>,
        output: &mut [u8],
    ) -> Result<(), rustls::Error> {
        let exported = self.inner.export_keying_material(output, label, context);
        exported.map(|_| ())
    }

    pub(crate) fn version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    pub(crate) fn suite(&self) -> Option<SupportedCipherSuite> {
        self.inner.negotiated_cipher_suite()
    }

    pub(crate) fn group(&self) -> Option<&'static dyn SupportedKxGroup> {
        self.inner.negotiated_key_exchange_group()
    }

    pub(crate) fn resumed(&self) -> bool {
        self.inner.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.inner.alpn_protocol()
    }

    pub(crate) fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.inner.peer_certificates().unwrap_or_default()
    }
}
