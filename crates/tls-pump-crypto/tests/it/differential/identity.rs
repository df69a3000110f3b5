//! Certificates, and keys of each type.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::{Arc, LazyLock};

/// The name in all certificates.
pub(crate) const NAME: &str = "peer.test";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyType {
    P256,
    P384,
    Ed25519,
    Rsa,
}

impl KeyType {
    /// Those that we sign with.
    pub(crate) const OURS: [Self; 3] = [Self::P256, Self::P384, Self::Ed25519];

    pub(crate) fn generate(self) -> KeyPair {
        let algorithm = match self {
            Self::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
            Self::Rsa => return generate_rsa(),
        };
        KeyPair::generate_for(algorithm).unwrap()
    }

    /// Made once for all tests.
    pub(crate) fn identity(self) -> &'static Identity {
        static ALL: LazyLock<[Identity; 4]> = LazyLock::new(|| {
            [
                Identity::new(KeyType::P256),
                Identity::new(KeyType::P384),
                Identity::new(KeyType::Ed25519),
                Identity::new(KeyType::Rsa),
            ]
        });
        &ALL[self as usize]
    }
}

/// rcgen makes none by *ring*.
fn generate_rsa() -> KeyPair {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};

    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = pair.as_der().unwrap();
    let der = PrivatePkcs8KeyDer::from(der.as_ref());
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256).unwrap()
}

/// A certificate whose issuer has a key of the same type: both sign.
pub(crate) struct Identity {
    issuer: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn new(key_type: KeyType) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer_key = key_type.generate();
        let issuer = params.self_signed(&issuer_key).unwrap();
        let signer = Issuer::new(params, issuer_key);

        let key = key_type.generate();
        let params = CertificateParams::new([NAME.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &signer).unwrap();
        Self {
            issuer: issuer.into(),
            certificate: certificate.into(),
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        }
    }

    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.clone()).unwrap();
        roots.into()
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}
