//! How to connect: whom to trust, whom to expect, how long to wait.

use crate::Phase;
use smtp_session::Timeouts;
use std::time::Duration;
use wasi_net::{AddressFamily, Connector, Resolve};
#[cfg(feature = "tls")]
use {
    std::sync::{Arc, OnceLock},
    tls_pump::rustls::RootCertStore,
    tls_pump::{Policy, TlsConfig, TlsConfigBuilder, TlsaRecord},
};

/// How to connect.
///
/// The TLS configuration is made once, at the first use, and shared by the
/// clones, so that their sessions resume; the default options share one for the
/// whole process. A setter that changes TLS begins one of its own: make such
/// options once, and clone them.
///
/// ```
/// use std::time::Duration;
/// use wasm_smtp_wasi::{ConnectOptions, Phase};
///
/// let options = ConnectOptions::new()
///     .with_timeout(Phase::Connect, Duration::from_secs(5))
///     .with_timeout(Phase::Greeting, Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    #[cfg(feature = "tls")]
    server_name: Option<String>,
    #[cfg(feature = "tls")]
    tls: TlsConfigBuilder,
    #[cfg(feature = "tls")]
    config: Arc<OnceLock<Result<TlsConfig, tls_pump::Error>>>,
    /// What opens the connection.
    connector: Connector,
    pub(crate) timeouts: Timeouts,
    pub(crate) plaintext_auth: bool,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        #[cfg(feature = "tls")]
        static SHARED: OnceLock<Arc<OnceLock<Result<TlsConfig, tls_pump::Error>>>> =
            OnceLock::new();
        Self {
            #[cfg(feature = "tls")]
            server_name: None,
            #[cfg(feature = "tls")]
            tls: TlsConfig::builder(),
            #[cfg(feature = "tls")]
            config: Arc::clone(SHARED.get_or_init(Arc::default)),
            connector: Connector::new(),
            timeouts: Timeouts::default(),
            plaintext_auth: false,
        }
    }
}

impl ConnectOptions {
    /// The defaults that each setter names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long `phase` may take. Default: what each [`Phase`] names.
    #[must_use]
    pub fn with_timeout(mut self, phase: Phase, timeout: Duration) -> Self {
        self.timeouts.set(phase, timeout);
        self
    }

    /// How long each phase may take, all the same.
    #[must_use]
    pub fn with_every_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts = Timeouts::all(timeout);
        self
    }

    /// Connects to addresses of this family only. Default: to both, raced
    /// (RFC 8305).
    #[must_use]
    pub fn with_address_family(mut self, family: AddressFamily) -> Self {
        self.connector = self.connector.address_family(family);
        self
    }

    /// Resolves names by `resolver`. Default: the host's. The certificate is
    /// verified for the name in any case.
    #[must_use]
    pub fn with_resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.connector = self.connector.resolver(resolver);
        self
    }

    /// Lets a client log in without TLS, so that whoever listens learns the
    /// password: for a server in the same machine or behind a tunnel. Default:
    /// `false`, and in plaintext the client does not see that the server offers
    /// AUTH.
    #[must_use]
    pub fn allow_plaintext_auth(mut self, allow: bool) -> Self {
        self.plaintext_auth = allow;
        self
    }

    /// What opens the connection, in its time.
    pub(crate) fn connector(&self) -> Connector {
        let connector = self.connector.clone();
        connector.timeout(self.timeouts.of(Phase::Connect))
    }
}

/// TLS.
#[cfg(feature = "tls")]
impl ConnectOptions {
    /// Verifies the certificate for `name`, and sends it as SNI, instead of the
    /// host that is connected to.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Trusts the certificates in `store`, and nothing else. Default: with the
    /// feature `native-roots` the host's store, if the component may read one;
    /// else Mozilla's roots (feature `webpki-roots`).
    #[must_use]
    pub fn with_root_store(self, store: RootCertStore) -> Self {
        self.with_tls(|tls| tls.roots(store))
    }

    /// Trusts the certificates in this PEM text, and nothing else. What is
    /// wrong with it shows when connecting.
    #[must_use]
    pub fn with_roots_pem(self, pem: impl Into<Vec<u8>>) -> Self {
        self.with_tls(|tls| tls.roots_pem(pem))
    }

    /// Accepts the servers whose public key is one of these, by the SHA-256 of
    /// its SubjectPublicKeyInfo, and looks at nothing else in the certificate:
    /// see [`Policy::PinnedSpki`].
    #[must_use]
    pub fn with_pinned_spki(self, pins: impl IntoIterator<Item = [u8; 32]>) -> Self {
        let policy = Policy::PinnedSpki(pins.into_iter().collect());
        self.with_tls(|tls| tls.policy(policy))
    }

    /// Accepts the servers that one of these TLSA records is about, which DNSSEC
    /// vouches for: see [`Policy::Dane`].
    ///
    /// Source: RFC 7672.
    #[must_use]
    pub fn with_dane(self, records: impl IntoIterator<Item = TlsaRecord>) -> Self {
        let policy = Policy::Dane(records.into_iter().collect());
        self.with_tls(|tls| tls.policy(policy))
    }

    /// Refuses servers whose certificate one of these CRLs lists, and those that
    /// none vouches for: see [`TlsConfigBuilder::crls_pem`].
    #[must_use]
    pub fn with_crls_pem(self, pem: impl Into<Vec<u8>>) -> Self {
        self.with_tls(|tls| tls.crls_pem(pem))
    }

    /// Shows this certificate to servers that ask for one. `chain_pem`: the
    /// certificate, then those above it; `key_pem`: its private key, not
    /// encrypted. What is wrong with them shows when connecting.
    #[must_use]
    pub fn with_client_certificate_pem(
        self,
        chain_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        self.with_tls(|tls| tls.client_certificate_pem(chain_pem, key_pem))
    }

    /// Offers these application protocols. Default: none, as SMTP has none.
    #[must_use]
    pub fn with_alpn(self, protocols: &[&[u8]]) -> Self {
        self.with_tls(|tls| tls.alpn(protocols.iter().copied()))
    }

    /// Computes with *ring* in place of tls-pump-crypto.
    #[cfg(feature = "ring")]
    #[must_use]
    pub fn with_ring(self) -> Self {
        self.with_tls(TlsConfigBuilder::ring)
    }

    fn with_tls(mut self, change: impl FnOnce(TlsConfigBuilder) -> TlsConfigBuilder) -> Self {
        self.tls = change(self.tls);
        self.config = Arc::default();
        self
    }

    pub(crate) fn tls_config(&self) -> Result<TlsConfig, tls_pump::Error> {
        self.config.get_or_init(|| self.tls.clone().build()).clone()
    }

    /// The name to verify when connecting to `host`.
    pub(crate) fn server_name_for<'a>(&'a self, host: &'a str) -> &'a str {
        self.server_name.as_deref().unwrap_or(host)
    }
}

#[cfg(all(
    test,
    any(feature = "pure", feature = "ring"),
    feature = "webpki-roots"
))]
mod tests {
    use super::*;

    #[test]
    fn default_options_and_clones_share_one_configuration() {
        let (first, second) = (ConnectOptions::new(), ConnectOptions::default());
        assert!(Arc::ptr_eq(&first.config, &second.config));
        let timed = first.clone().with_every_timeout(Duration::from_secs(1));
        assert!(Arc::ptr_eq(&first.config, &timed.config));
        let own = first.clone().with_alpn(&[b"x"]);
        assert!(!Arc::ptr_eq(&first.config, &own.config));
        assert!(Arc::ptr_eq(&own.config, &own.clone().config));
        assert!(own.tls_config().is_ok());
    }

    #[test]
    fn what_is_wrong_shows_when_connecting() {
        use tls_pump::Error;
        let error = |options: ConnectOptions| options.tls_config().unwrap_err();
        let roots = error(ConnectOptions::new().with_roots_pem("no PEM"));
        assert!(matches!(roots, Error::InvalidRoots { .. }));
        let pins = error(ConnectOptions::new().with_pinned_spki([]));
        assert!(matches!(pins, Error::InvalidPolicy { .. }));
        let records = error(ConnectOptions::new().with_dane([]));
        assert!(matches!(records, Error::InvalidPolicy { .. }));
        let crls = error(ConnectOptions::new().with_crls_pem("no PEM"));
        assert!(matches!(crls, Error::InvalidCrls { .. }));
        let certificate = ConnectOptions::new().with_client_certificate_pem("no PEM", "no key");
        assert!(matches!(
            error(certificate),
            Error::InvalidClientCertificate { .. }
        ));
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let options = ConnectOptions::new().with_client_certificate_pem("chain", "a secret");
        assert!(!format!("{options:?}").contains("secret"));
    }
}
