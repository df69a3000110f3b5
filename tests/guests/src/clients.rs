//! The same work by tls-pump's driver and by rustls driven by hand, over the
//! same wire: what is measured and what it is measured against.

use crate::in_memory::{Identity, NAME, Server, Wire};
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tls_pump::rustls::crypto::CryptoProvider;
use tls_pump::rustls::pki_types::pem::PemObject;
use tls_pump::rustls::pki_types::{CertificateDer, ServerName};
use tls_pump::rustls::version::TLS13;
use tls_pump::rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use tls_pump::rustls::{SupportedCipherSuite, SupportedProtocolVersion};
use tls_pump::{TlsConfig, TlsStream};

/// The most plaintext in a record (RFC 8446 section 5.1), and in one call here.
pub const RECORD: usize = 16 * 1024;

/// The same suite on both sides and for both clients, in TLS 1.3.
pub struct Setup {
    driver: TlsConfig,
    by_hand: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Setup {
    /// Makes the configurations.
    ///
    /// # Panics
    ///
    /// When `suite` is not one of TLS 1.3.
    #[must_use]
    pub fn new(identity: &Identity, suite: SupportedCipherSuite) -> Self {
        Self::by(identity, suite, tls_pump_crypto::provider())
    }

    /// The same, by `provider`.
    ///
    /// # Panics
    ///
    /// When `suite` is not one of TLS 1.3.
    #[must_use]
    pub fn by(
        identity: &Identity,
        suite: SupportedCipherSuite,
        mut provider: CryptoProvider,
    ) -> Self {
        provider.cipher_suites = vec![suite];
        let provider = Arc::new(provider);
        let driver = TlsConfig::builder().roots_pem(identity.root.clone());
        Self {
            driver: driver.provider(provider.clone()).build().unwrap(),
            by_hand: by_hand(identity, provider.clone(), &TLS13),
            server: identity.server(&TLS13, provider),
        }
    }

    /// A client and its server, with the handshake done and the tickets read.
    #[must_use]
    pub fn connect<C: Client>(&self) -> (C, Server) {
        let wire = Wire::default();
        let mut server = Server::new(self.server.clone(), wire.clone());
        let mut client = C::new(self, wire);
        while !client.handshake() {
            server.turn();
        }
        client.send(&[7]);
        client.flush();
        server.turn();
        client.receive(1);
        (client, server)
    }
}

fn by_hand(
    identity: &Identity,
    provider: Arc<CryptoProvider>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&identity.root).flatten());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// What both can do. They panic where a program would give an error.
pub trait Client {
    /// A client that has said nothing yet.
    fn new(setup: &Setup, wire: Wire) -> Self;

    /// Goes on with the handshake as far as the server lets it: whether it is
    /// done.
    fn handshake(&mut self) -> bool;

    /// Reads `len` bytes, all of which the server has sent.
    fn receive(&mut self, len: usize);

    /// Writes `chunk`.
    fn send(&mut self, chunk: &[u8]);

    /// What was written leaves.
    fn flush(&mut self);

    /// The wire that it is at.
    fn wire(&self) -> &Wire;
}

/// tls-pump's driver.
pub struct Driver {
    stream: TlsStream<Wire>,
    buf: Vec<u8>,
}

impl Client for Driver {
    fn new(setup: &Setup, wire: Wire) -> Self {
        Self {
            stream: TlsStream::new(&setup.driver, NAME, wire).unwrap(),
            buf: vec![0; RECORD],
        }
    }

    fn handshake(&mut self) -> bool {
        at_once(self.stream.handshake())
            .map(Result::unwrap)
            .is_some()
    }

    fn receive(&mut self, len: usize) {
        let mut left = len;
        let all = async {
            while left > 0 {
                left -= self.stream.read(&mut self.buf).await.unwrap();
            }
        };
        at_once(all).expect("all has arrived");
    }

    fn send(&mut self, chunk: &[u8]) {
        let written = at_once(self.stream.write_all(chunk));
        written.expect("the wire takes everything").unwrap();
    }

    fn flush(&mut self) {
        let flushed = at_once(self.stream.flush());
        flushed.expect("the wire takes everything").unwrap();
    }

    fn wire(&self) -> &Wire {
        self.stream.get_ref()
    }
}

/// The output of a future, if one poll ends it: nothing here waits for events.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// rustls, called as its documentation has it: it reads the wire itself, which
/// has to be a blocking stream, or one that says `WouldBlock`.
pub type ByHand = Rustls<false>;

/// rustls, fed from a buffer of one's own, as a stream that is polled asks for.
pub type ByHandBuffered = Rustls<true>;

/// rustls driven by hand.
pub struct Rustls<const BUFFERED: bool> {
    tls: ClientConnection,
    wire: Wire,
    buf: Vec<u8>,
    received: Vec<u8>,
    left: Range<usize>,
}

impl<const BUFFERED: bool> Rustls<BUFFERED> {
    /// Reads what one call gives: whether there was anything.
    fn pump(&mut self) -> bool {
        if BUFFERED {
            if self.left.is_empty() {
                match io::Read::read(&mut self.wire, &mut self.received) {
                    Ok(len) => self.left = 0..len,
                    Err(_) => return false,
                }
            }
            let mut rest = &self.received[self.left.clone()];
            self.left.start += self.tls.read_tls(&mut rest).unwrap();
        } else {
            match self.tls.read_tls(&mut self.wire) {
                Ok(len) => assert!(len > 0, "the wire never ends"),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => panic!("{error}"),
            }
        }
        self.tls.process_new_packets().unwrap();
        true
    }
}

impl<const BUFFERED: bool> Client for Rustls<BUFFERED> {
    fn new(setup: &Setup, wire: Wire) -> Self {
        let name = ServerName::try_from(NAME).unwrap();
        Self {
            tls: ClientConnection::new(setup.by_hand.clone(), name).unwrap(),
            wire,
            buf: vec![0; RECORD],
            received: vec![0; RECORD],
            left: 0..0,
        }
    }

    fn handshake(&mut self) -> bool {
        self.flush();
        while self.tls.is_handshaking() && self.pump() {
            self.flush();
        }
        !self.tls.is_handshaking()
    }

    fn receive(&mut self, len: usize) {
        let mut left = len;
        while left > 0 {
            match self.tls.reader().read(&mut self.buf) {
                Ok(len) => left -= len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(self.pump(), "all has arrived");
                    self.flush();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn send(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let len = self.tls.writer().write(rest).unwrap();
            rest = &rest[len..];
            self.flush();
        }
    }

    fn flush(&mut self) {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.wire).unwrap();
        }
    }

    fn wire(&self) -> &Wire {
        &self.wire
    }
}
