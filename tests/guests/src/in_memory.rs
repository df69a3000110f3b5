//! A TLS server in the memory of its client, so that a measurement of the client
//! holds no network and nothing of the server.

use futures_lite::{AsyncRead, AsyncWrite};
use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tls_pump::rustls::crypto::CryptoProvider;
use tls_pump::rustls::pki_types::pem::PemObject;
use tls_pump::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tls_pump::rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

/// The name that the server's certificate carries.
pub const NAME: &str = "localhost";

/// What a server shows and its clients trust.
pub struct Identity {
    /// The root certificate, in PEM.
    pub root: Vec<u8>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads `ca.pem`, `chain.pem` and `key.pem` in `folder`.
    ///
    /// # Panics
    ///
    /// When they are not there or are no PEM texts.
    #[must_use]
    pub fn read(folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref();
        let chain = CertificateDer::pem_file_iter(folder.join("chain.pem")).unwrap();
        Self {
            root: std::fs::read(folder.join("ca.pem")).unwrap(),
            chain: chain.collect::<Result<_, _>>().unwrap(),
            key: PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap(),
        }
    }

    /// A server that speaks `version` by `provider`, and lets its clients resume.
    ///
    /// # Panics
    ///
    /// When the key is not that of the certificate.
    #[must_use]
    pub fn server(
        &self,
        version: &'static SupportedProtocolVersion,
        provider: Arc<CryptoProvider>,
    ) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth();
        let config = config.with_single_cert(self.chain.clone(), self.key.clone_key());
        Arc::new(config.unwrap())
    }
}

/// The client's end of the connection; clones are the same one. A read that
/// finds nothing would wait for ever, since nobody wakes it.
#[derive(Clone, Default)]
pub struct Wire(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    /// In pieces: one read gives of one piece, as if the next came later.
    to_client: VecDeque<Vec<u8>>,
    /// How much of the first piece was read.
    read: usize,
    to_server: Vec<u8>,
    /// What the client writes is only counted.
    sink: bool,
    sunk: usize,
}

impl Wire {
    fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// From now on what the client writes never reaches the server.
    pub fn sink(&self) {
        self.state().sink = true;
    }

    /// How many bytes have been written since [`sink`](Self::sink).
    #[must_use]
    pub fn sunk(&self) -> usize {
        self.state().sunk
    }

    /// `None` when there is nothing.
    fn pull(&self, buf: &mut [u8]) -> Option<usize> {
        let mut state = self.state();
        let start = state.read;
        let piece = state.to_client.front()?;
        let len = buf.len().min(piece.len() - start);
        buf[..len].copy_from_slice(&piece[start..start + len]);
        state.read += len;
        if state.to_client[0].len() == state.read {
            state.to_client.pop_front();
            state.read = 0;
        }
        Some(len)
    }

    fn push(&self, slices: &[IoSlice<'_>]) -> usize {
        let mut state = self.state();
        let len = slices.iter().map(|slice| slice.len()).sum();
        if state.sink {
            state.sunk += len;
        } else {
            for slice in slices {
                state.to_server.extend_from_slice(slice);
            }
        }
        len
    }
}

impl io::Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.pull(buf).ok_or(io::ErrorKind::WouldBlock.into())
    }
}

impl io::Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(self.push(&[IoSlice::new(buf)]))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.push(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.pull(buf)
            .map_or(Poll::Pending, |len| Poll::Ready(Ok(len)))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.push(&[IoSlice::new(buf)])))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A server that sends back what it reads, at the other end of a wire.
pub struct Server {
    tls: ServerConnection,
    wire: Wire,
}

impl Server {
    /// A server for one connection.
    ///
    /// # Panics
    ///
    /// When rustls does not take `config`.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, wire: Wire) -> Self {
        let tls = ServerConnection::new(config).unwrap();
        Self { tls, wire }
    }

    /// Works on all that the client has sent, and answers.
    ///
    /// # Panics
    ///
    /// When the client breaks the protocol.
    pub fn turn(&mut self) {
        let ciphertext = std::mem::take(&mut self.wire.state().to_server);
        let mut rest = &ciphertext[..];
        let mut plaintext = Vec::new();
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
            self.tls.process_new_packets().unwrap();
            // At the end of what has arrived: it would block.
            let _ = self.tls.reader().read_to_end(&mut plaintext);
        }
        self.send(&plaintext);
    }

    /// Sends `plaintext` as one piece.
    ///
    /// # Panics
    ///
    /// Before the handshake is done, unless it is empty.
    pub fn send(&mut self, plaintext: &[u8]) {
        let mut ciphertext = Vec::with_capacity(plaintext.len());
        for chunk in plaintext.chunks(16 * 1024) {
            self.tls.writer().write_all(chunk).unwrap();
            self.take_output(&mut ciphertext);
        }
        self.take_output(&mut ciphertext);
        if !ciphertext.is_empty() {
            self.wire.state().to_client.push_back(ciphertext);
        }
    }

    fn take_output(&mut self, ciphertext: &mut Vec<u8>) {
        while self.tls.wants_write() {
            self.tls.write_tls(ciphertext).unwrap();
        }
    }
}
