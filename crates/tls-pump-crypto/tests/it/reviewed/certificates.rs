//! ECDSA: keys of certificates in other encodings, and which curve goes with
//! which hash.

use crate::reviewed::key_shares::other_encodings;
use crate::reviewed::{MESSAGE, accepts, algorithms};
use p256::ecdsa::signature::{Signer as _, hazmat::PrehashSigner as _};
use rustls::SignatureScheme;
use rustls::pki_types::alg_id;
use sha2::{Digest as _, Sha256, Sha384};

const SHA256: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;
const SHA384: SignatureScheme = SignatureScheme::ECDSA_NISTP384_SHA384;

fn p256_key() -> (p256::ecdsa::SigningKey, Vec<u8>) {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    (key, point.as_bytes().to_vec())
}

fn p384_key() -> (p384::ecdsa::SigningKey, Vec<u8>) {
    let key = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    (key, point.as_bytes().to_vec())
}

/// By schemes, their keys and signatures.
fn signed() -> [(SignatureScheme, Vec<u8>, Vec<u8>); 2] {
    let ((p256, p256_point), (p384, p384_point)) = (p256_key(), p384_key());
    let p256: p256::ecdsa::DerSignature = p256.sign(MESSAGE);
    let p384: p384::ecdsa::DerSignature = p384.sign(MESSAGE);
    [
        (SHA256, p256_point, p256.as_bytes().to_vec()),
        (SHA384, p384_point, p384.as_bytes().to_vec()),
    ]
}

#[test]
fn other_encodings_of_keys_are_refused() {
    for (scheme, point, signature) in signed() {
        assert!(accepts(scheme, &point, MESSAGE, &signature));
        for (what, key) in other_encodings(&point) {
            assert!(!accepts(scheme, &key, MESSAGE, &signature), "{what}");
        }
    }
}

#[test]
fn keys_of_the_other_curve_are_refused() {
    let [(sha256, p256, by_p256), (sha384, p384, by_p384)] = signed();
    assert!(!accepts(sha256, &p384, MESSAGE, &by_p256));
    assert!(!accepts(sha384, &p256, MESSAGE, &by_p384));
    assert!(!accepts(sha256, &p384, MESSAGE, &by_p384));
    assert!(!accepts(sha384, &p256, MESSAGE, &by_p256));
}

#[test]
fn changed_signatures_are_refused() {
    for (scheme, point, signature) in signed() {
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(!accepts(scheme, &point, MESSAGE, &changed), "{at}");
            assert!(!accepts(scheme, &point, MESSAGE, &signature[..at]), "{at}");
        }
        let longer = [&signature[..], &[0]].concat();
        assert!(!accepts(scheme, &point, MESSAGE, &longer));
        assert!(!accepts(scheme, &point, b"another message", &signature));
    }
}

/// In certificates a curve may go with the other's hash; the second algorithm
/// of each scheme is that.
#[test]
fn each_curve_goes_with_each_hash() {
    let ((p256, p256_point), (p384, p384_point)) = (p256_key(), p384_key());
    let by_sha384: p256::ecdsa::DerSignature = p256.sign_prehash(&Sha384::digest(MESSAGE)).unwrap();
    let by_sha256: p384::ecdsa::DerSignature = p384.sign_prehash(&Sha256::digest(MESSAGE)).unwrap();
    let cases = [
        (SHA384, alg_id::ECDSA_P256, p256_point, by_sha384.as_bytes()),
        (SHA256, alg_id::ECDSA_P384, p384_point, by_sha256.as_bytes()),
    ];
    for (scheme, key, point, signature) in cases {
        let all = algorithms(&tls_pump_crypto::provider(), scheme);
        assert_eq!(all.len(), 2);
        for algorithm in all {
            let verified = algorithm.verify_signature(&point, MESSAGE, signature);
            let is_fit = algorithm.public_key_alg_id() == key;
            assert_eq!(verified.is_ok(), is_fit);
        }
    }
}
