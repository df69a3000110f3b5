//! What a connection trusts and offers; made once, shared by its clones.

use crate::pem::{self, ClientCertificate, Crl};
use crate::roots::{self, Roots};
use crate::sessions::Sessions;
use crate::verify::{Authenticate, Full, Verifier};
use crate::{Error, Policy};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{CipherSuite, ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::fmt;
use std::sync::Arc;
use webpki::RevocationCheckDepth;

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

/// Makes a [`TlsConfig`].
// What only a setter needs is reached through that setter, and not by `build`,
// so that programs which never call it do without: errors wait for `build`.
#[derive(Clone)]
pub struct TlsConfigBuilder {
    roots: Option<Result<Roots, Error>>,
    policy: Result<Arc<dyn Authenticate>, Error>,
    crls: Result<Vec<Crl>, Error>,
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
    /// What serves without `provider`.
    bundled: fn() -> Option<CryptoProvider>,
}

impl Default for TlsConfigBuilder {
    fn default() -> Self {
        Self {
            roots: None,
            policy: Ok(Arc::new(Full)),
            crls: Ok(Vec::new()),
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
            bundled: bundled_without_keys,
        }
    }
}

/// How many servers' sessions are kept.
const SESSIONS: usize = 256;

/// The most of them.
const MOST_SESSIONS: usize = 65_536;

impl TlsConfigBuilder {
    /// Trusts the certificates in `pem`, and nothing else. Text around the
    /// certificates is passed over; each of them has to be right.
    ///
    /// A server whose own certificate is one of them, octet for octet, is trusted as
    /// well, whoever issued it and even where it says that it is a CA's: mail bridges
    /// on one's own machine have such. Its dates and its name are checked.
    ///
    /// Default: with the feature `native-roots`, the host's store, which is
    /// read by [`build`](Self::build) (`SSL_CERT_FILE`, `SSL_CERT_DIR`, then
    /// where systems usually keep it; in a sandbox the host has to open the
    /// folder). Without it, or when there is none, Mozilla's roots (feature
    /// `webpki-roots`).
    #[must_use]
    pub fn roots_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(roots::from_pem(&pem.into()));
        self
    }

    /// Trusts the certificates in `store`, and nothing else.
    #[must_use]
    pub fn roots(mut self, store: RootCertStore) -> Self {
        self.roots = Some(roots::given(store));
        self
    }

    /// How servers prove who they are. Default: [`Policy::Full`].
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy.usable().map(|policy| Arc::new(policy) as _);
        self
    }

    /// Refuses servers whose certificate one of the CRLs in `pem` lists, and
    /// those of whom none says that they are not revoked; one past its
    /// nextUpdate says nothing. Calls add up, to one CRL for each issuer.
    /// Default: nothing is asked.
    ///
    /// Policies that build no chain do not look at them: `PinnedSpki`,
    /// `Opportunistic`, and TLSA records of usage 3. Neither do resumed
    /// sessions, which live 24 hours at most.
    ///
    /// Source: RFC 5280 section 5.
    #[must_use]
    pub fn crls_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        if let Ok(crls) = &mut self.crls
            && let Err(error) = pem::add_crls(crls, &pem.into())
        {
            self.crls = Err(error);
        }
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
        self.client_certificate = Some(ClientCertificate::new(chain_pem.into(), key_pem.into()));
        self.bundled = bundled;
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
    /// 256; 0 for none; at most 65,536. Each has at most 8 tickets (TLS 1.3) or one
    /// session (1.2); the server that came first goes first.
    ///
    /// A session is resumed for 24 hours at most after the server's certificate was
    /// verified, by way of other sessions too; and where the policy checks dates, not
    /// after the first certificate of the chain or the first CRL has expired.
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
        let provider = self.suited_provider()?;
        let algorithms = provider.signature_verification_algorithms;
        let policy = self.policy?;
        let roots = match self.roots {
            Some(given) => given?,
            None if policy.needs_roots() => roots::default_roots()?.into(),
            None => RootCertStore::empty().into(),
        };
        let crls = self.crls?;
        let crl_depth = match self.crl_scope {
            CrlScope::Chain => RevocationCheckDepth::Chain,
            CrlScope::Leaf => RevocationCheckDepth::EndEntity,
        };
        let verifier = Verifier {
            policy,
            roots: roots.store.roots,
            own: roots.own,
            crls,
            crl_depth,
            algorithms,
        };
        let default = || Arc::new(DefaultTimeProvider) as Arc<dyn TimeProvider>;
        let time = self.time_provider.unwrap_or_else(default);
        let builder = ClientConfig::builder_with_details(provider, Arc::clone(&time))
            .with_protocol_versions(&versions(self.min_version))
            .map_err(|_| Error::InvalidProvider {
                reason: "it has no cipher suite for the versions of TLS; give it some".into(),
            })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.client_certificate {
            Some(certificate) => certificate.show(builder)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        config.resumption = match self.sessions {
            0 => Resumption::disabled(),
            servers => Resumption::store(Arc::new(Sessions::new(servers.min(MOST_SESSIONS), time))),
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
    fn suited_provider(&self) -> Result<Arc<CryptoProvider>, Error> {
        let given = self.provider.as_deref().cloned();
        let mut provider = given.or_else(self.bundled).ok_or(Error::NoProvider)?;
        if let Some(first) = self.chacha20_first {
            let suites = provider.cipher_suites.into_iter();
            let (mut before, after): (Vec<_>, Vec<_>) = suites.partition(|suite| {
                let is_chacha20 = matches!(
                    suite.suite(),
                    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                        | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                        | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
                );
                is_chacha20 == first
            });
            before.extend(after);
            provider.cipher_suites = before;
        }
        Ok(Arc::new(provider))
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

fn bundled() -> Option<CryptoProvider> {
    #[cfg(feature = "pure")]
    return Some(tls_pump_crypto::provider());
    #[cfg(all(feature = "ring", not(feature = "pure")))]
    return Some(rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "pure", feature = "ring")))]
    None
}

/// The same where no private key will be read.
fn bundled_without_keys() -> Option<CryptoProvider> {
    #[cfg(feature = "pure")]
    return Some(tls_pump_crypto::provider_without_keys());
    #[cfg(not(feature = "pure"))]
    bundled()
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
