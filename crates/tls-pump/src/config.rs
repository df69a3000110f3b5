//! What a connection trusts and offers; made once, shared by its clones.

use crate::Error;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;

/// What TLS connections trust and offer.
///
/// Cheap to clone; the clones share their sessions. Make one per process: a
/// resumed handshake costs a small part of a full one, and the sessions live in
/// here (up to 256 servers).
#[derive(Clone)]
pub struct TlsConfig {
    pub(crate) inner: Arc<ClientConfig>,
}

impl TlsConfig {
    /// Starts from the defaults: Mozilla's roots (feature `webpki-roots`), the
    /// provider ring (feature `ring`), TLS 1.3 and, by feature `tls12`, 1.2.
    #[must_use]
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::default()
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}

#[derive(Clone)]
enum Roots {
    Store(RootCertStore),
    Pem(Vec<u8>),
}

/// Makes a [`TlsConfig`].
#[derive(Clone, Default)]
pub struct TlsConfigBuilder {
    roots: Option<Roots>,
    alpn: Vec<Vec<u8>>,
    provider: Option<Arc<CryptoProvider>>,
}

impl TlsConfigBuilder {
    /// Trusts the certificates in `pem`, and nothing else: they replace the
    /// bundled roots. Text around the certificates is passed over.
    #[must_use]
    pub fn roots_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(Roots::Pem(pem.into()));
        self
    }

    /// Trusts the certificates in `store`, and nothing else.
    #[must_use]
    pub fn roots(mut self, store: RootCertStore) -> Self {
        self.roots = Some(Roots::Store(store));
        self
    }

    /// The application protocols to offer, the preferred one first. Default:
    /// none, and no ALPN extension. Source: RFC 7301.
    #[must_use]
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Computes with `provider`. The process-wide default of rustls is never
    /// used.
    #[must_use]
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// # Errors
    ///
    /// [`Error::NoProvider`] without a provider, [`Error::InvalidRoots`] when
    /// there is no root to trust or a PEM block can't be read, and
    /// [`Error::Protocol`] when the provider fits no version of TLS.
    pub fn build(self) -> Result<TlsConfig, Error> {
        let provider = self
            .provider
            .or_else(bundled_provider)
            .ok_or(Error::NoProvider)?;
        let roots = match self.roots {
            Some(Roots::Store(store)) if store.is_empty() => {
                let reason = "the store holds no certificate; add a CA certificate".into();
                return Err(Error::InvalidRoots { reason });
            }
            Some(Roots::Store(store)) => store,
            Some(Roots::Pem(pem)) => roots_from_pem(&pem)?,
            None => bundled_roots()?,
        };
        let mut config = ClientConfig::builder_with_provider(suited(provider))
            .with_safe_default_protocol_versions()
            .map_err(Error::Protocol)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = self.alpn;
        Ok(TlsConfig {
            inner: Arc::new(config),
        })
    }
}

// By hand: the file of the PEM text may hold a private key as well.
impl fmt::Debug for TlsConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfigBuilder").finish_non_exhaustive()
    }
}

/// On wasm there is no AES hardware: ChaCha20-Poly1305 is several times faster
/// and goes first.
fn suited(provider: Arc<CryptoProvider>) -> Arc<CryptoProvider> {
    if !cfg!(target_family = "wasm") {
        return provider;
    }
    let mut provider = CryptoProvider::clone(&provider);
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        )
    });
    Arc::new(provider)
}

#[cfg(feature = "ring")]
fn bundled_provider() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(feature = "ring"))]
fn bundled_provider() -> Option<Arc<CryptoProvider>> {
    None
}

#[cfg(feature = "webpki-roots")]
fn bundled_roots() -> Result<RootCertStore, Error> {
    Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
}

#[cfg(not(feature = "webpki-roots"))]
fn bundled_roots() -> Result<RootCertStore, Error> {
    let reason = "none are bundled; enable the feature `webpki-roots` or call `roots_pem`".into();
    Err(Error::InvalidRoots { reason })
}

fn roots_from_pem(pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| Error::InvalidRoots {
            reason: format!("the PEM text is damaged ({error}); export the certificate again"),
        })?;
        roots
            .add(certificate)
            .map_err(|error| Error::InvalidRoots {
                reason: format!("a certificate is damaged ({error}); export it again"),
            })?;
    }
    if roots.is_empty() {
        let reason =
            "the PEM text holds no `BEGIN CERTIFICATE` block; give a CA certificate".into();
        return Err(Error::InvalidRoots { reason });
    }
    Ok(roots)
}
