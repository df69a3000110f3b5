//! The client's own keys.

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader};
use ecdsa::signature::{RandomizedSigner, Signer as _};
use getrandom::SysRng;
use p256::ecdsa;
use p256::elliptic_curve::rand_core::TryCryptoRng;
use pkcs8::{DecodePrivateKey, PrivateKeyInfoRef};
use rustls::crypto::KeyProvider;
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, alg_id};
use rustls::sign::{Signer, SigningKey, public_key_to_spki};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Secrets of the curves, in bytes.
const P256_LEN: usize = 32;
const P384_LEN: usize = 48;

/// Far more than a key that is taken needs, in bytes.
const MOST: usize = 1024;

/// Reads private keys.
#[derive(Debug)]
pub(crate) struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        let key = Zeroizing::new(key);
        let secret = match &*key {
            PrivateKeyDer::Pkcs1(_) => return Err(no_rsa()),
            PrivateKeyDer::Sec1(key) => from_sec1(key.secret_sec1_der())?,
            PrivateKeyDer::Pkcs8(key) => from_pkcs8(key.secret_pkcs8_der())?,
            _ => return Err(unknown()),
        };
        Ok(Arc::new(Key(Arc::new(secret))))
    }
}

fn from_sec1(der: &[u8]) -> Result<Secret, Error> {
    if der.len() > MOST {
        return Err(unknown());
    }
    // The curve need not be named, and its crate would take shorter secrets.
    match secret_len(der).map_err(|_| unknown())? {
        P256_LEN => p256::SecretKey::from_sec1_der(der).map(|key| Secret::P256(key.into())),
        P384_LEN => p384::SecretKey::from_sec1_der(der).map(|key| Secret::P384(key.into())),
        _ => return Err(unknown()),
    }
    .map_err(|_| unknown())
}

/// How long the secret is, which its curve says (RFC 5915 section 3).
fn secret_len(ec_private_key: &[u8]) -> der::Result<usize> {
    let mut reader = SliceReader::new(ec_private_key)?;
    reader.sequence(|reader| {
        u8::decode(reader)?;
        let secret = <&OctetStringRef>::decode(reader)?;
        reader.read_slice(reader.remaining_len())?;
        der::Result::Ok(secret.as_bytes().len())
    })
}

fn from_pkcs8(der: &[u8]) -> Result<Secret, Error> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| unknown())?;
    if info.algorithm.oid == RSA {
        return Err(no_rsa());
    }
    if der.len() > MOST {
        return Err(unknown());
    }
    let damaged = |_| damaged();
    let ec_len = secret_len(info.private_key.as_bytes());
    match info.algorithm.oids().map_err(|_| unknown())? {
        (EC, Some(P256)) if ec_len == Ok(P256_LEN) => {
            let key = p256::ecdsa::SigningKey::from_pkcs8_der(der);
            Ok(Secret::P256(key.map_err(damaged)?))
        }
        (EC, Some(P384)) if ec_len == Ok(P384_LEN) => {
            let key = p384::ecdsa::SigningKey::from_pkcs8_der(der);
            Ok(Secret::P384(key.map_err(damaged)?))
        }
        (ED25519, None) => {
            let key = ed25519_dalek::SigningKey::from_pkcs8_der(der);
            Ok(Secret::Ed25519(key.map_err(damaged)?))
        }
        (EC, Some(P256 | P384)) => Err(self::damaged()),
        _ => Err(unknown()),
    }
}

fn no_rsa() -> Error {
    Error::General(
        "tls-pump-crypto signs with no RSA key: give one of ECDSA P-256, P-384 or Ed25519, or choose the provider of tls-pump's feature `ring`".into(),
    )
}

fn unknown() -> Error {
    Error::General(
        "the private key is not one of ECDSA P-256, P-384 or Ed25519 in PKCS#8 or SEC1".into(),
    )
}

fn damaged() -> Error {
    Error::General("the private key is damaged, or its public key is another's".into())
}

enum Secret {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

/// A key, which signs by one scheme only.
#[derive(Clone)]
struct Key(Arc<Secret>);

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&self.scheme())
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(match &*self.0 {
            Secret::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                public_key_to_spki(&alg_id::ECDSA_P256, point)
            }
            Secret::P384(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                public_key_to_spki(&alg_id::ECDSA_P384, point)
            }
            Secret::Ed25519(key) => public_key_to_spki(&alg_id::ED25519, key.verifying_key()),
        })
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match &*self.0 {
            Secret::P256(_) | Secret::P384(_) => SignatureAlgorithm::ECDSA,
            Secret::Ed25519(_) => SignatureAlgorithm::ED25519,
        }
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.sign_with(&mut SysRng, message)
    }

    fn scheme(&self) -> SignatureScheme {
        match &*self.0 {
            Secret::P256(_) => SignatureScheme::ECDSA_NISTP256_SHA256,
            Secret::P384(_) => SignatureScheme::ECDSA_NISTP384_SHA384,
            Secret::Ed25519(_) => SignatureScheme::ED25519,
        }
    }
}

impl Secret {
    /// ECDSA's nonces come of the key, the message and random numbers together
    /// (RFC 6979 section 3.6): neither a weak generator nor a fault gives the
    /// key away.
    fn sign_with(&self, rng: &mut impl TryCryptoRng, message: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::P256(key) => key
                .try_sign_with_rng(rng, message)
                .map(|signature: p256::ecdsa::DerSignature| signature.as_bytes().to_vec()),
            Self::P384(key) => key
                .try_sign_with_rng(rng, message)
                .map(|signature: p384::ecdsa::DerSignature| signature.as_bytes().to_vec()),
            Self::Ed25519(key) => key
                .try_sign(message)
                .map(|signature| signature.to_bytes().to_vec()),
        }
        // Of all that signing needs, only these may be missing.
        .map_err(|_| Error::FailedToGetRandomBytes)
    }
}

// By hand: nothing of the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", Signer::scheme(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::elliptic_curve::rand_core::TryRng;
    use std::convert::Infallible;

    /// A generator that always gives the same.
    struct Broken;

    impl TryRng for Broken {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(7)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(7)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(7);
            Ok(())
        }
    }

    impl TryCryptoRng for Broken {}

    /// Of two signatures with one nonce anybody computes the key.
    #[test]
    fn a_broken_generator_gives_each_message_its_own_nonce() {
        let key = p256::SecretKey::from_slice(&[3; 32]).expect("in range");
        let secret = Secret::P256(key.into());
        let nonce = |message: &[u8]| {
            let signature = secret.sign_with(&mut Broken, message).expect("a signature");
            let signature = p256::ecdsa::Signature::from_der(&signature).expect("DER");
            signature.r().to_bytes()
        };
        assert_ne!(nonce(b"one"), nonce(b"two"));
        assert_eq!(nonce(b"one"), nonce(b"one"), "nothing else changes it");
    }
}
