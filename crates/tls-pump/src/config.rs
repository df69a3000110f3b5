//! What a connection trusts and offers; made once, shared by its clones.

use crate::verify::Verifier;
use crate::{Error, Policy, roots};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CipherSuite, ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::fmt;
use std::sync::Arc;
use webpki::{CertRevocationList, OwnedCertRevocationList, RevocationCheckDepth};

/// What TLS connections trust and offer.
///
/// Cheap to clone; the clones share their sessions. Make one per process: a
/// resumed handshake costs a small part of a full one, and the sessions live in
/// here, in memory only.
#[derive(Clone)]
pub struct TlsConfig {
    pub(crate) inner: Arc<ClientConfig>,
}

impl TlsConfig {
    /// Starts from the defaults that each setter names.
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

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Version {
    /// TLS 1.2 (RFC 5246), with the feature `tls12`.
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// Which certificates a CRL has to vouch for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CrlScope {
    /// The server's and every one above it, except for the root.
    #[default]
    Chain,
    /// The server's only.
    Leaf,
}

#[derive(Clone)]
enum Roots {
    Store(RootCertStore),
    Pem(Vec<u8>),
}

#[derive(Clone)]
struct ClientCertificate {
    chain_pem: Vec<u8>,
    key_pem: Arc<[u8]>,
}

/// Makes a [`TlsConfig`].
#[derive(Clone)]
pub struct TlsConfigBuilder {
    roots: Option<Roots>,
    policy: Policy,
    crls: Vec<Vec<u8>>,
    crl_scope: CrlScope,
    client_certificate: Option<ClientCertificate>,
    alpn: Vec<Vec<u8>>,
    min_version: Version,
    chacha20_first: Option<bool>,
    sessions: usize,
    time_provider: Option<Arc<dyn TimeProvider>>,
    #[cfg(feature = "keylog")]
    key_log: Option<Arc<dyn rustls::KeyLog>>,
    provider: Option<Arc<CryptoProvider>>,
}

impl Default for TlsConfigBuilder {
    fn default() -> Self {
        Self {
            roots: None,
            policy: Policy::Full,
            crls: Vec::new(),
            crl_scope: CrlScope::Chain,
            client_certificate: None,
            alpn: Vec::new(),
            min_version: Version::Tls12,
            // No AES instruction is to be had there.
            chacha20_first: cfg!(target_family = "wasm").then_some(true),
            sessions: SESSIONS,
            time_provider: None,
            #[cfg(feature = "keylog")]
            key_log: None,
            provider: None,
        }
    }
}

/// How many servers' sessions are kept.
const SESSIONS: usize = 256;

/// The most of them.
const MOST_SESSIONS: usize = 65_536;

/// rustls counts tickets, of which it keeps so many for each server.
const TICKETS: usize = 8;

impl TlsConfigBuilder {
    /// Trusts the certificates in `pem`, and nothing else. Text around the
    /// certificates is passed over; each of them has to be right.
    ///
    /// Default: with the feature `native-roots`, the host's store, which is
    /// read by [`build`](Self::build) (`SSL_CERT_FILE`, `SSL_CERT_DIR`, then
    /// where systems usually keep it; in a sandbox the host has to open the
    /// folder). Without it, or when there is none, Mozilla's roots (feature
    /// `webpki-roots`).
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

    /// How servers prove who they are. Default: [`Policy::Full`].
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Refuses servers whose certificate one of the CRLs in `pem` lists, and
    /// those of whom none says that they are not revoked; one past its
    /// nextUpdate says nothing. Calls add up, to one CRL for each issuer.
    /// Default: nothing is asked.
    ///
    /// Policies that build no chain do not look at them: `PinnedSpki`,
    /// `Opportunistic`, and TLSA records of usage 3. Neither do resumed
    /// sessions, which live a week at most.
    ///
    /// Source: RFC 5280 section 5.
    #[must_use]
    pub fn crls_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.crls.push(pem.into());
        self
    }

    /// Which certificates the CRLs have to vouch for. Default:
    /// [`CrlScope::Chain`].
    #[must_use]
    pub fn crl_scope(mut self, scope: CrlScope) -> Self {
        self.crl_scope = scope;
        self
    }

    /// Shows this certificate to servers that ask for one (mTLS). `chain_pem`:
    /// the certificate, then those above it as far as the server needs them;
    /// `key_pem`: its private key in PKCS#8, PKCS#1 or SEC1, not encrypted. Both
    /// may be the same text. Default: none.
    #[must_use]
    pub fn client_certificate_pem(
        mut self,
        chain_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        self.client_certificate = Some(ClientCertificate {
            chain_pem: chain_pem.into(),
            key_pem: key_pem.into().into(),
        });
        self
    }

    /// The application protocols to offer, the preferred one first, each of 1 to
    /// 255 bytes. Default: none, and no ALPN extension. Source: RFC 7301.
    #[must_use]
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The lowest version to speak. Default: [`Version::Tls12`]; without the
    /// feature `tls12` it is TLS 1.3 in any case.
    #[must_use]
    pub fn min_version(mut self, version: Version) -> Self {
        self.min_version = version;
        self
    }

    /// Whether the ChaCha20-Poly1305 suites go before the provider's others or
    /// after them; the order of the others stays. Default: before them on wasm,
    /// where they are several times faster; elsewhere as the provider has them.
    /// Many servers choose by their own order.
    #[must_use]
    pub fn chacha20_first(mut self, first: bool) -> Self {
        self.chacha20_first = Some(first);
        self
    }

    /// How many servers' sessions are kept in memory, to resume them. Default:
    /// 256; 0 for none; at most 65,536. Room for the list of them is made by
    /// [`build`](Self::build). Each has at most 8 tickets (TLS 1.3) or one
    /// session (1.2); the server that came first goes first.
    #[must_use]
    pub fn sessions(mut self, servers: usize) -> Self {
        self.sessions = servers;
        self
    }

    /// What time it is, for the dates in certificates and CRLs and for tickets;
    /// `None` when that is not known ([`Error::ClockNotSet`]). Default: the
    /// system's clock.
    #[must_use]
    pub fn time_provider(
        mut self,
        now: impl Fn() -> Option<UnixTime> + Send + Sync + 'static,
    ) -> Self {
        self.time_provider = Some(Arc::new(Clock(now)));
        self
    }

    /// Writes the secrets of each connection to `log`, a line in one write for
    /// each, so that Wireshark can read along: who has them reads everything.
    /// Errors of `log` are passed over. Default: none.
    ///
    /// Source: RFC 9850 (`SSLKEYLOGFILE`).
    #[cfg(feature = "keylog")]
    #[must_use]
    pub fn key_log(mut self, log: impl std::io::Write + Send + 'static) -> Self {
        let log = std::sync::Mutex::new(log);
        self.key_log = Some(Arc::new(crate::keylog::Log(log)));
        self
    }

    /// Computes with *ring* (feature `ring`) in place of the default.
    #[cfg(feature = "ring")]
    #[must_use]
    pub fn ring(self) -> Self {
        self.provider(Arc::new(rustls::crypto::ring::default_provider()))
    }

    /// Computes with `provider`. Default: tls-pump-crypto (feature `pure`);
    /// without it *ring* (feature `ring`); the process-wide default of rustls is
    /// never used.
    #[must_use]
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// # Errors
    ///
    /// [`Error::NoProvider`] without a provider, and [`Error::InvalidProvider`]
    /// when it has no suite for the versions; [`Error::InvalidRoots`],
    /// [`Error::InvalidPolicy`], [`Error::InvalidCrls`], [`Error::InvalidAlpn`]
    /// and [`Error::InvalidClientCertificate`] with what is wrong.
    pub fn build(self) -> Result<TlsConfig, Error> {
        if self
            .alpn
            .iter()
            .any(|name| !(1..=255).contains(&name.len()))
        {
            let reason = "a name is empty or longer than 255 bytes; give its registered name";
            return Err(Error::InvalidAlpn {
                reason: reason.into(),
            });
        }
        let provider = self.provider.clone().or_else(bundled_provider);
        let provider = self.suited(provider.ok_or(Error::NoProvider)?);
        let algorithms = provider.signature_verification_algorithms;
        let policy = self.policy.usable()?;
        let roots = match self.roots {
            Some(Roots::Store(store)) => roots::given(store)?,
            Some(Roots::Pem(pem)) => roots::from_pem(&pem)?,
            None if policy.needs_roots() => roots::default_roots()?,
            None => RootCertStore::empty(),
        };
        let crls = revocation(&self.crls)?;
        let crl_depth = match self.crl_scope {
            CrlScope::Chain => RevocationCheckDepth::Chain,
            CrlScope::Leaf => RevocationCheckDepth::EndEntity,
        };
        let verifier = Verifier {
            policy,
            roots: roots.roots,
            crls,
            crl_depth,
            algorithms,
        };
        let builder = match self.time_provider {
            Some(time) => ClientConfig::builder_with_details(provider, time),
            None => ClientConfig::builder_with_provider(provider),
        };
        let builder = builder
            .with_protocol_versions(&versions(self.min_version))
            .map_err(|_| Error::InvalidProvider {
                reason: "it has no cipher suite for the versions of TLS; give it some".into(),
            })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.client_certificate {
            Some(certificate) => {
                let (chain, key) = certificate.parse()?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(unusable)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        config.resumption = match self.sessions {
            0 => Resumption::disabled(),
            servers => Resumption::in_memory_sessions(servers.min(MOST_SESSIONS) * TICKETS),
        };
        #[cfg(feature = "keylog")]
        if let Some(log) = self.key_log {
            config.key_log = log;
        }
        Ok(TlsConfig {
            inner: Arc::new(config),
        })
    }

    /// The provider with its suites in order.
    fn suited(&self, provider: Arc<CryptoProvider>) -> Arc<CryptoProvider> {
        let Some(first) = self.chacha20_first else {
            return provider;
        };
        let mut provider = CryptoProvider::clone(&provider);
        provider.cipher_suites.sort_by_key(|suite| {
            let is_chacha20 = matches!(
                suite.suite(),
                CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                    | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                    | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
            );
            is_chacha20 != first
        });
        Arc::new(provider)
    }
}

// By hand: keys may be in the PEM texts.
impl fmt::Debug for TlsConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfigBuilder").finish_non_exhaustive()
    }
}

struct Clock<F>(F);

impl<F: Fn() -> Option<UnixTime> + Send + Sync> TimeProvider for Clock<F> {
    fn current_time(&self) -> Option<UnixTime> {
        (self.0)()
    }
}

impl<F> fmt::Debug for Clock<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

fn bundled_provider() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "pure")]
    return Some(Arc::new(tls_pump_crypto::provider()));
    #[cfg(all(feature = "ring", not(feature = "pure")))]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "pure", feature = "ring")))]
    None
}

/// All from `lowest` on; without the feature `tls12` there is one.
fn versions(lowest: Version) -> Vec<&'static SupportedProtocolVersion> {
    let all = rustls::ALL_VERSIONS.iter().copied();
    all.filter(|version| match lowest {
        Version::Tls12 => true,
        Version::Tls13 => version.version == rustls::ProtocolVersion::TLSv1_3,
    })
    .collect()
}

fn revocation(texts: &[Vec<u8>]) -> Result<Vec<CertRevocationList<'static>>, Error> {
    let invalid = |reason: String| Error::InvalidCrls { reason };
    let mut crls: Vec<CertRevocationList<'static>> = Vec::new();
    for pem in texts {
        let before = crls.len();
        for crl in CertificateRevocationListDer::pem_slice_iter(pem) {
            let crl = crl.map_err(|error| {
                invalid(format!("the PEM text is damaged ({error}); get it again"))
            })?;
            let crl = OwnedCertRevocationList::from_der(&crl).map_err(|error| {
                invalid(format!(
                    "one is damaged or of a kind that is not supported ({error:?}); get a complete CRL"
                ))
            })?;
            let crl = CertRevocationList::from(crl);
            // webpki would ask the first one only.
            let place = |crl: &CertRevocationList<'_>| {
                let part = crl.issuing_distribution_point().map(<[u8]>::to_vec);
                (crl.issuer().to_vec(), part)
            };
            if crls.iter().any(|other| place(other) == place(&crl)) {
                let reason = "two are of one issuer; give the newest of each issuer only";
                return Err(invalid(reason.into()));
            }
            crls.push(crl);
        }
        if crls.len() == before {
            return Err(invalid(
                "the PEM text holds no `BEGIN X509 CRL` block; convert it by `openssl crl -inform der`"
                    .into(),
            ));
        }
    }
    Ok(crls)
}

impl ClientCertificate {
    fn parse(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
        let invalid = |reason: &str| Error::InvalidClientCertificate {
            reason: reason.into(),
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.chain_pem).collect();
        let chain = chain.map_err(|_| invalid("its PEM text is damaged; export it again"))?;
        if chain.is_empty() {
            return Err(invalid("the PEM text holds no `BEGIN CERTIFICATE` block"));
        }
        // The parser's error could show a part of the key.
        let key = PrivateKeyDer::from_pem_slice(&self.key_pem).map_err(|_| {
            let has = |text: &[u8]| self.key_pem.windows(text.len()).any(|part| part == text);
            // PKCS#8's way, and the one before it.
            match has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
                true => invalid("its key is encrypted; decrypt it by `openssl pkey -in key.pem`"),
                false => {
                    invalid("no private key can be read from its PEM text; export it in PKCS#8")
                }
            }
        })?;
        Ok((chain, key))
    }
}

fn unusable(error: rustls::Error) -> Error {
    let reason = match error {
        rustls::Error::InconsistentKeys(_) => {
            "the private key is not that of the certificate; give the key it was made with".into()
        }
        error => format!("the provider does not take its key ({error}); use ECDSA with P-256"),
    };
    Error::InvalidClientCertificate { reason }
}
