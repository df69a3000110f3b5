//! A certificate authority made afresh for each run.
//!
//! A client under test is given the root and trusts nothing else, so the tests exercise real
//! certificate checks and no private key is ever kept in the repository.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

/// The names under which a server on this machine can be reached.
pub const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A root certificate (ECDSA P-256) and its private key.
pub struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    /// Makes a root with a fresh key.
    ///
    /// # Panics
    /// When the system's random generator fails.
    pub fn new() -> Self {
        // Roots of one process have different names, as those of the world do: a client that knows
        // another root must find no issuer, not a wrong signature.
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let name = format!("test root {}", COUNT.fetch_add(1, Ordering::Relaxed));
        let root = CertifiedIssuer::self_signed(ca_params(&name, 0), new_key());
        Self(root.expect("a fixed root certificate can be signed"))
    }

    /// The root certificate as PEM, for a client's list of trusted roots.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server with a fresh key and a leaf of this root for `names` (DNS names or IP literals).
    ///
    /// TLS 1.2 and 1.3; clients may resume by session or by ticket.
    ///
    /// # Panics
    /// When a name is not valid in a certificate, or the random generator fails.
    pub fn server_config(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.server_config_of(names, &[&TLS12, &TLS13])
    }

    /// The same, for `versions` of TLS.
    ///
    /// # Panics
    /// As [`server_config`](Self::server_config).
    pub fn server_config_of(
        &self,
        names: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        self.server_config_by(names, versions, ring::default_provider())
    }

    /// The same, by `provider`.
    ///
    /// # Panics
    /// As [`server_config`](Self::server_config), and when `provider` does not speak one of
    /// `versions`.
    pub fn server_config_by(
        &self,
        names: &[&str],
        versions: &[&'static SupportedProtocolVersion],
        provider: CryptoProvider,
    ) -> Arc<ServerConfig> {
        let key = new_key();
        let leaf = leaf_params(names)
            .signed_by(&key, &self.0)
            .expect("a leaf can be signed");

        // The provider is named because a process-wide default would depend on which test ran
        // first.
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("the provider speaks the versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .expect("the key belongs to the leaf");
        config.ticketer = ring::Ticketer::new().expect("random numbers are available");
        Arc::new(config)
    }
}

impl Default for Ca {
    fn default() -> Self {
        Self::new()
    }
}

/// A fresh key (ECDSA P-256).
///
/// # Panics
///
/// When the system has no random numbers.
pub fn new_key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("random numbers are available")
}

/// An authority with at most `below` authorities below it.
pub fn ca_params(common_name: &str, below: u8) -> CertificateParams {
    let mut params = params(common_name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A server with these names (DNS names or IP literals).
pub fn leaf_params(names: &[&str]) -> CertificateParams {
    let mut params = params("test server", names);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names are DNS names or IP literals");
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}
