//! The signatures of certificates and handshakes.

mod power;
mod rsa;

use crate::integers;
use crate::kx::point;
use ecdsa::signature::hazmat::PrehashVerifier;
use elliptic_curve::FieldBytes;
use p256::{NistP256, ecdsa, elliptic_curve};
use p384::NistP384;
use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::hash::Output;
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// As rustls' own providers have them: TLS 1.2 fixes the hash by the scheme's
/// name, but not the curve.
pub(crate) static ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        ECDSA_P256_SHA256,
        ECDSA_P256_SHA384,
        ECDSA_P384_SHA256,
        ECDSA_P384_SHA384,
        &Ed25519,
        RSA_PSS_SHA256,
        RSA_PSS_SHA384,
        RSA_PSS_SHA512,
        RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512,
        &Rsa(Padding::Pkcs1WithoutNull, Hash::Sha256),
        &Rsa(Padding::Pkcs1WithoutNull, Hash::Sha384),
        &Rsa(Padding::Pkcs1WithoutNull, Hash::Sha512),
    ],
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[ECDSA_P384_SHA384, ECDSA_P256_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[ECDSA_P256_SHA256, ECDSA_P384_SHA256],
        ),
        (SignatureScheme::ED25519, &[&Ed25519]),
        (SignatureScheme::RSA_PSS_SHA512, &[RSA_PSS_SHA512]),
        (SignatureScheme::RSA_PSS_SHA384, &[RSA_PSS_SHA384]),
        (SignatureScheme::RSA_PSS_SHA256, &[RSA_PSS_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[RSA_PKCS1_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[RSA_PKCS1_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[RSA_PKCS1_SHA256]),
    ],
};

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

static ECDSA_P256_SHA256: Algorithm = &Ecdsa(Curve::P256, Hash::Sha256);
static ECDSA_P256_SHA384: Algorithm = &Ecdsa(Curve::P256, Hash::Sha384);
static ECDSA_P384_SHA256: Algorithm = &Ecdsa(Curve::P384, Hash::Sha256);
static ECDSA_P384_SHA384: Algorithm = &Ecdsa(Curve::P384, Hash::Sha384);
static RSA_PSS_SHA256: Algorithm = &Rsa(Padding::Pss, Hash::Sha256);
static RSA_PSS_SHA384: Algorithm = &Rsa(Padding::Pss, Hash::Sha384);
static RSA_PSS_SHA512: Algorithm = &Rsa(Padding::Pss, Hash::Sha512);
static RSA_PKCS1_SHA256: Algorithm = &Rsa(Padding::Pkcs1, Hash::Sha256);
static RSA_PKCS1_SHA384: Algorithm = &Rsa(Padding::Pkcs1, Hash::Sha384);
static RSA_PKCS1_SHA512: Algorithm = &Rsa(Padding::Pkcs1, Hash::Sha512);

#[derive(Clone, Copy, Debug)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of(self, message: &[u8]) -> Output {
        match self {
            Self::Sha256 => Output::new(&Sha256::digest(message)),
            Self::Sha384 => Output::new(&Sha384::digest(message)),
            Self::Sha512 => Output::new(&Sha512::digest(message)),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Curve {
    P256,
    P384,
}

#[derive(Debug)]
struct Ecdsa(Curve, Hash);

impl SignatureVerificationAlgorithm for Ecdsa {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let Self(curve, hash) = self;
        let hash = hash.of(message);
        match curve {
            Curve::P256 => point::<NistP256>(public_key).and_then(|key| {
                let key = p256::ecdsa::VerifyingKey::from_affine(key).ok()?;
                let [r, s] = scalars::<NistP256>(signature)?;
                let signature = p256::ecdsa::Signature::from_scalars(r, s).ok()?;
                key.verify_prehash(hash.as_ref(), &signature).ok()
            }),
            Curve::P384 => point::<NistP384>(public_key).and_then(|key| {
                let key = p384::ecdsa::VerifyingKey::from_affine(key).ok()?;
                let [r, s] = scalars::<NistP384>(signature)?;
                let signature = p384::ecdsa::Signature::from_scalars(r, s).ok()?;
                key.verify_prehash(hash.as_ref(), &signature).ok()
            }),
        }
        .ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self.0 {
            Curve::P256 => alg_id::ECDSA_P256,
            Curve::P384 => alg_id::ECDSA_P384,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self.1 {
            Hash::Sha256 => alg_id::ECDSA_SHA256,
            Hash::Sha384 => alg_id::ECDSA_SHA384,
            Hash::Sha512 => alg_id::ECDSA_SHA512,
        }
    }
}

/// The two numbers of an `Ecdsa-Sig-Value` (RFC 3279 section 2.2.3), each as long
/// as the curve's field; `None` where one is longer.
fn scalars<C: elliptic_curve::Curve>(signature: &[u8]) -> Option<[FieldBytes<C>; 2]> {
    let mut scalars = [FieldBytes::<C>::default(), FieldBytes::<C>::default()];
    for (scalar, number) in std::iter::zip(&mut scalars, integers::two_integers(signature)?) {
        let start = scalar.len().checked_sub(number.len())?;
        scalar[start..].copy_from_slice(number);
    }
    Some(scalars)
}

#[derive(Debug)]
struct Ed25519;

impl SignatureVerificationAlgorithm for Ed25519 {
    /// Refuses keys and commitments of small order, as well as what RFC 8032
    /// section 5.1.7 refuses.
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = public_key.try_into().map_err(|_| InvalidSignature)?;
        ed25519_dalek::VerifyingKey::from_bytes(key)
            .and_then(|key| key.verify_strict(message, &signature.try_into()?))
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }
}

/// RFC 8017 section 8.
#[derive(Clone, Copy, Debug)]
enum Padding {
    /// With a salt as long as the hash (RFC 8446 section 4.2.3).
    Pss,
    Pkcs1,
    /// In certificates whose algorithm's parameters are absent, where they should
    /// be NULL: clients accept both (RFC 4055 section 5).
    Pkcs1WithoutNull,
}

#[derive(Debug)]
struct Rsa(Padding, Hash);

impl SignatureVerificationAlgorithm for Rsa {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let Self(padding, hash) = *self;
        let opened = rsa::PublicKey::from_der(public_key).and_then(|key| {
            let encoded = key.open(signature)?;
            Some(match padding {
                Padding::Pkcs1 | Padding::Pkcs1WithoutNull => {
                    encoded == rsa::pkcs1(hash, message, encoded.len())?
                }
                Padding::Pss => rsa::is_pss(hash, message, &encoded, key.bits())?,
            })
        });
        match opened {
            Some(true) => Ok(()),
            _ => Err(InvalidSignature),
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self {
            Self(Padding::Pss, Hash::Sha256) => alg_id::RSA_PSS_SHA256,
            Self(Padding::Pss, Hash::Sha384) => alg_id::RSA_PSS_SHA384,
            Self(Padding::Pss, Hash::Sha512) => alg_id::RSA_PSS_SHA512,
            Self(Padding::Pkcs1, Hash::Sha256) => alg_id::RSA_PKCS1_SHA256,
            Self(Padding::Pkcs1, Hash::Sha384) => alg_id::RSA_PKCS1_SHA384,
            Self(Padding::Pkcs1, Hash::Sha512) => alg_id::RSA_PKCS1_SHA512,
            Self(Padding::Pkcs1WithoutNull, hash) => AlgorithmIdentifier::from_slice(match hash {
                Hash::Sha256 => &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11],
                Hash::Sha384 => &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12],
                Hash::Sha512 => &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13],
            }),
        }
    }
}
