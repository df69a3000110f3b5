//! Certificate authorities made afresh for each test, and what they issue.

use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use rcgen::{BasicConstraints, CertificateParams, CertificateRevocationListParams};
use rcgen::{CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyIdMethod};
use rcgen::{PublicKeyData, RevokedCertParams, SerialNumber};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tls_pump::rustls::crypto::CryptoProvider;
use tls_pump::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tls_pump::rustls::server::WebPkiClientVerifier;
use tls_pump::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tls_pump::rustls::{self, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tls_pump::{TlsConfig, TlsConfigBuilder};

pub(crate) use tls_pump::rustls::version::{TLS12, TLS13};

/// The name that certificates carry unless a test says otherwise.
pub(crate) const NAME: &str = "mail.example";

pub(crate) const BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

pub(crate) type Version = &'static SupportedProtocolVersion;

/// A certificate authority with a fresh key.
pub(crate) struct Ca(CertifiedIssuer<'static, Key>);

impl Ca {
    pub(crate) fn new() -> Self {
        Self::named("test root")
    }

    /// Two of the same name but with two keys would be told apart only by a
    /// wrong signature.
    pub(crate) fn named(name: &str) -> Self {
        let key = Key::generate();
        Self(CertifiedIssuer::self_signed(authority(name), key).unwrap())
    }

    /// An intermediate authority that this one stands behind.
    pub(crate) fn below(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority("test intermediate");
        change(&mut params);
        let key = Key::generate();
        Self(CertifiedIssuer::signed_by(params, key, &self.0).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Its public key, as SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> Vec<u8> {
        self.0.key().subject_public_key_info()
    }

    /// A client that trusts this authority only.
    pub(crate) fn client(&self) -> TlsConfig {
        self.client_with(|builder| builder)
    }

    pub(crate) fn client_with(
        &self,
        change: impl FnOnce(TlsConfigBuilder) -> TlsConfigBuilder,
    ) -> TlsConfig {
        change(TlsConfig::builder().roots_pem(self.pem()))
            .build()
            .unwrap()
    }

    /// A certificate for [`NAME`], or as changed, with a fresh key.
    pub(crate) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = Key::generate();
        let certificate = leaf(change).signed_by(&key, &self.0).unwrap();
        Identity {
            chain: vec![certificate.der().clone()],
            key,
        }
    }

    /// A CRL of this authority with these serial numbers.
    pub(crate) fn crl(&self, serials: &[u8], next_update: i32) -> String {
        let date = rcgen::date_time_ymd;
        let revoke = |serial: &u8| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: date(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date(2020, 1, 1),
            next_update: date(next_update, 1, 1),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoke).collect(),
            key_identifier_method: key_id(),
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }

    /// A server for [`NAME`] that speaks `version`.
    pub(crate) fn server(&self, version: Version) -> Arc<ServerConfig> {
        self.issue(|_| ()).server(&[version])
    }

    /// One that wants a client certificate of this authority.
    pub(crate) fn server_for_clients(&self, version: Version) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider().into());
        let identity = self.issue(|_| ());
        let config = ServerConfig::builder_with_provider(provider().into())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(identity.chain.clone(), identity.key_der().into());
        Arc::new(config.unwrap())
    }
}

/// A certificate and what has to be sent with it, and its key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: Key,
}

impl Identity {
    /// One that vouches for itself.
    pub(crate) fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = Key::generate();
        let certificate = leaf(change).self_signed(&key).unwrap();
        Self {
            chain: vec![certificate.der().clone()],
            key,
        }
    }

    /// The same, sent with the certificates of these authorities.
    pub(crate) fn with(mut self, authorities: &[&Ca]) -> Self {
        self.chain.extend(authorities.iter().map(|ca| ca.der()));
        self
    }

    pub(crate) fn server(&self, versions: &[Version]) -> Arc<ServerConfig> {
        self.server_by(provider(), versions)
    }

    pub(crate) fn server_by(
        &self,
        provider: CryptoProvider,
        versions: &[Version],
    ) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(provider.into())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key_der().into());
        Arc::new(config.unwrap())
    }

    pub(crate) fn key_der(&self) -> PrivatePkcs8KeyDer<'static> {
        self.key
            .0
            .to_pkcs8_der()
            .unwrap()
            .as_bytes()
            .to_vec()
            .into()
    }

    /// The chain as PEM text.
    pub(crate) fn chain_pem(&self) -> String {
        let to_pem = |der: &CertificateDer<'_>| {
            let text = base64(der);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        self.chain.iter().map(to_pem).collect()
    }
}

/// A server that shows these certificates, whatever they are, but has a key of
/// its own.
pub(crate) fn impostor(shown: &[CertificateDer<'static>], version: Version) -> Arc<ServerConfig> {
    let own = Identity::self_signed(|_| ());
    let key = provider().key_provider;
    let key = key.load_private_key(own.key_der().into()).unwrap();
    let certified = CertifiedKey::new(shown.to_vec(), key);
    let mut config = ServerConfig::clone(&own.server(&[version]));
    config.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
    Arc::new(config)
}

/// RFC 4648 section 4, in one line: PEM readers do not mind.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |group: &[u8]| {
        let word = group
            .iter()
            .fold(0, |word, byte| word << 8 | usize::from(*byte));
        let word = word << (8 * (3 - group.len()));
        let digit = |index: usize| match index <= group.len() {
            true => char::from(DIGITS[word >> (18 - 6 * index) & 63]),
            false => '=',
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(encode).collect()
}

/// The server's: where there are two, it is not the client's.
pub(crate) fn provider() -> CryptoProvider {
    #[cfg(feature = "ring")]
    return rustls::crypto::ring::default_provider();
    #[cfg(not(feature = "ring"))]
    tls_pump_crypto::provider()
}

/// A key for signatures: ECDSA P-256.
pub(crate) struct Key(p256::ecdsa::SigningKey, Vec<u8>);

impl Key {
    fn generate() -> Self {
        let key = p256::ecdsa::SigningKey::generate();
        let point = key.verifying_key().to_sec1_point(false);
        Self(key, point.as_bytes().to_vec())
    }

    pub(crate) fn serialize_pem(&self) -> String {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF);
        pem.unwrap().as_str().to_owned()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.1
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: p256::ecdsa::DerSignature = self.0.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

/// Without a hash of rcgen's, keys have numbers.
fn key_id() -> KeyIdMethod {
    KeyIdMethod::PreSpecified(next().to_be_bytes().to_vec())
}

/// A number that was not there before.
fn next() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(next().into());
    params.key_identifier_method = key_id();
    params
}

fn leaf(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    // rcgen's default name is the same for all, which makes issuers of their own.
    let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
    let number = next();
    params.distinguished_name = common_name(&format!("server {number}"));
    params.key_identifier_method = key_id();
    change(&mut params);
    params.serial_number.get_or_insert(number.into());
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
