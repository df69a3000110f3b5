//! How to connect: whom to trust, whom to expect, how long to wait.

use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tls_pump::rustls::RootCertStore;
use tls_pump::{TlsConfig, TlsConfigBuilder};

/// How to connect.
///
/// The TLS configuration is made once, at the first use, and shared by the
/// clones, so that their sessions resume; the default options share one for the
/// whole process.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    server_name: Option<String>,
    tls: TlsConfigBuilder,
    config: Arc<OnceLock<Result<TlsConfig, tls_pump::Error>>>,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        static SHARED: OnceLock<Arc<OnceLock<Result<TlsConfig, tls_pump::Error>>>> =
            OnceLock::new();
        Self {
            server_name: None,
            tls: TlsConfig::builder(),
            config: Arc::clone(SHARED.get_or_init(Arc::default)),
            connect_timeout: Duration::from_secs(30),
            timeout: wasi_net::DEFAULT_TIMEOUT,
        }
    }
}

impl ConnectOptions {
    /// The defaults that each setter names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Verifies the certificate for `name`, and sends it as SNI, instead of the
    /// host that is connected to.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Trusts the certificates in `store`, and nothing else. Default: the
    /// bundled roots of Mozilla (feature `webpki-roots`).
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

    /// Offers these application protocols. Default: none, as SMTP has none.
    #[must_use]
    pub fn with_alpn(self, protocols: &[&[u8]]) -> Self {
        self.with_tls(|tls| tls.alpn(protocols.iter().copied()))
    }

    /// How long the name lookup, the connection and the TLS handshake may take
    /// together. Default: 30 s. After STARTTLS the handshake has this time
    /// again.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long each read or write may wait after that. Default: 5 minutes
    /// (RFC 5321 section 4.5.3.2).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
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
        let own = first.clone().with_alpn(&[b"x"]);
        assert!(!Arc::ptr_eq(&first.config, &own.config));
        assert!(Arc::ptr_eq(&own.config, &own.clone().config));
        assert!(own.tls_config().is_ok());
    }

    #[test]
    fn bad_roots_show_when_connecting() {
        let error = ConnectOptions::new()
            .with_roots_pem("no PEM")
            .tls_config()
            .unwrap_err();
        assert!(matches!(error, tls_pump::Error::InvalidRoots { .. }));
    }
}
