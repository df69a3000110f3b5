//! Keys of one's own: what is taken, what is refused and how, what is shown.

mod common;

use common::{PROVIDER, algorithm, tlv};
use p256::elliptic_curve::{Generate as _, pkcs8::EncodePrivateKey as _};
use rustls::pki_types::{AlgorithmIdentifier, PrivateKeyDer, alg_id};
use rustls::sign::SigningKey;
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use std::sync::Arc;

const P256: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;
const P384: SignatureScheme = SignatureScheme::ECDSA_NISTP384_SHA384;

fn load(key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
    PROVIDER.key_provider.load_private_key(key)
}

fn pkcs8(der: &[u8]) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(der.to_vec().into())
}

fn sec1(der: &[u8]) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Sec1(der.to_vec().into())
}

/// The last BIT STRING of a SubjectPublicKeyInfo, without its first byte.
fn public_key(key: &dyn SigningKey, len: usize) -> Vec<u8> {
    let spki = key.public_key().unwrap();
    spki.as_ref()[spki.as_ref().len() - len..].to_vec()
}

fn sign(key: &dyn SigningKey, scheme: SignatureScheme) -> Vec<u8> {
    let all = [
        SignatureScheme::RSA_PSS_SHA256,
        P384,
        P256,
        SignatureScheme::ED25519,
    ];
    let signer = key.choose_scheme(&all).unwrap();
    assert_eq!(signer.scheme(), scheme);
    assert!(
        key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256])
            .is_none()
    );
    signer.sign(b"message").unwrap()
}

fn p256_key() -> p256::SecretKey {
    p256::SecretKey::try_generate_from_rng(&mut getrandom::SysRng).unwrap()
}

fn p384_key() -> p384::SecretKey {
    p384::SecretKey::try_generate_from_rng(&mut getrandom::SysRng).unwrap()
}

/// All the ways in which the keys of both curves are written.
fn ecdsa_keys() -> Vec<(PrivateKeyDer<'static>, SignatureScheme)> {
    let (p256, p384) = (p256_key(), p384_key());
    vec![
        (pkcs8(p256.to_pkcs8_der().unwrap().as_bytes()), P256),
        (sec1(&p256.to_sec1_der().unwrap()), P256),
        (pkcs8(p384.to_pkcs8_der().unwrap().as_bytes()), P384),
        (sec1(&p384.to_sec1_der().unwrap()), P384),
    ]
}

fn ecdsa(scheme: SignatureScheme) -> (AlgorithmIdentifier, AlgorithmIdentifier, usize) {
    match scheme {
        P256 => (alg_id::ECDSA_P256, alg_id::ECDSA_SHA256, 65),
        _ => (alg_id::ECDSA_P384, alg_id::ECDSA_SHA384, 97),
    }
}

/// Ed25519 in PKCS #8, version 1, or 2 with `public` (RFC 8410 section 7).
fn ed25519(secret: &[u8; 32], public: Option<&[u8; 32]>) -> Vec<u8> {
    let algorithm = tlv(0x30, &[0x06, 3, 0x2b, 0x65, 0x70]);
    let secret = tlv(4, &tlv(4, secret));
    let version = [2, 1, u8::from(public.is_some())];
    let public = public.map(|key| tlv(0x81, &[&[0], &key[..]].concat()));
    tlv(
        0x30,
        &[
            &version[..],
            &algorithm,
            &secret,
            &public.unwrap_or_default(),
        ]
        .concat(),
    )
}

#[test]
fn ecdsa_signs_another_way_each_time_and_both_are_right() {
    for (key, scheme) in ecdsa_keys() {
        let key = load(key).unwrap();
        assert_eq!(key.algorithm(), SignatureAlgorithm::ECDSA);
        let (key_id, signature_id, len) = ecdsa(scheme);
        let verifier = algorithm(key_id, signature_id);
        let public = public_key(&*key, len);
        let (first, second) = (sign(&*key, scheme), sign(&*key, scheme));
        assert_ne!(first, second);
        for signature in [&first, &second] {
            verifier
                .verify_signature(&public, b"message", signature)
                .unwrap();
            assert!(
                verifier
                    .verify_signature(&public, b"massage", signature)
                    .is_err()
            );
        }
        // Compressed, it is no key in a certificate.
        let x = &public[1..=len / 2];
        let compressed = [&[2 + (public[len - 1] & 1)], x].concat();
        let refused = verifier.verify_signature(&compressed, b"message", &first);
        assert!(refused.is_err());
    }
}

#[test]
fn ed25519_signs_by_both_versions_of_its_encoding() {
    let secret = [7; 32];
    let public = ed25519_dalek::SigningKey::from_bytes(&secret).verifying_key();
    for der in [
        ed25519(&secret, None),
        ed25519(&secret, Some(public.as_bytes())),
    ] {
        let key = load(pkcs8(&der)).unwrap();
        assert_eq!(key.algorithm(), SignatureAlgorithm::ED25519);
        assert_eq!(public_key(&*key, 32), public.as_bytes());
        let signature = sign(&*key, SignatureScheme::ED25519);
        let verifier = algorithm(alg_id::ED25519, alg_id::ED25519);
        verifier
            .verify_signature(public.as_bytes(), b"message", &signature)
            .unwrap();
    }
}

/// With a key of order 1 the signature of nothing holds for every message, by
/// the rules of RFC 8032 alone.
#[test]
fn ed25519_keys_of_small_order_are_refused() {
    let mut key = [0; 32];
    key[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let lax = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
    let by_rfc = ed25519_dalek::Verifier::verify(&lax, b"any", &signature.into());
    by_rfc.unwrap();
    let verifier = algorithm(alg_id::ED25519, alg_id::ED25519);
    assert!(verifier.verify_signature(&key, b"any", &signature).is_err());
}

#[test]
fn an_rsa_key_is_refused_with_the_name_of_the_feature() {
    let rsa = tlv(
        0x30,
        &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0],
    );
    let long = vec![7; 1200];
    let wrapped = tlv(0x30, &[&[2, 1, 0][..], &rsa, &tlv(4, &long)].concat());
    for key in [pkcs8(&wrapped), PrivateKeyDer::Pkcs1(long.clone().into())] {
        let text = load(key).unwrap_err().to_string();
        assert!(text.contains("feature `ring`"), "{text}");
    }
}

#[test]
fn keys_longer_than_any_are_refused() {
    let secret = p256_key().to_sec1_der().unwrap().to_vec();
    let parameters = tlv(
        0x30,
        &[&[0x06, 7][..], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]].concat(),
    );
    let long = tlv(
        0x30,
        &[
            &[2, 1, 0][..],
            &parameters,
            &tlv(4, &[&secret[..], &[0; 1024]].concat()),
        ]
        .concat(),
    );
    assert!(load(pkcs8(&long)).is_err());
    assert!(load(sec1(&[&secret[..], &[0; 1024]].concat())).is_err());
}

#[test]
fn damaged_keys_are_errors_that_say_nothing_of_them() {
    let secret = [0xa7; 32];
    let wrong = ed25519(&secret, Some(&[9; 32]));
    assert!(load(pkcs8(&wrong)).is_err(), "another's public key");
    let mut keys = ecdsa_keys();
    keys.push((pkcs8(&ed25519(&secret, None)), SignatureScheme::ED25519));
    for (key, _) in keys {
        let der = key.secret_der().to_vec();
        let again = |der: &[u8]| match key {
            PrivateKeyDer::Pkcs8(_) => pkcs8(der),
            _ => sec1(der),
        };
        let texts = (0..der.len()).map(|len| load(again(&der[..len])).unwrap_err().to_string());
        for text in texts.chain([load(again(&[&der[..], &[0]].concat()))
            .unwrap_err()
            .to_string()])
        {
            assert!(text.contains("private key is"), "{text}");
        }
    }
    let (p256, p384) = (p256_key(), p384_key());
    let mut swapped = p256.to_pkcs8_der().unwrap().as_bytes().to_vec();
    let other = p256_key().to_pkcs8_der().unwrap().as_bytes().to_vec();
    let end = swapped.len() - 64;
    swapped[end..].copy_from_slice(&other[end..]);
    assert!(load(pkcs8(&swapped)).is_err(), "another's public key");
    // The number of the one curve under the name of the other.
    let mut renamed = p384.to_pkcs8_der().unwrap().as_bytes().to_vec();
    let name = renamed
        .windows(5)
        .position(|part| part == [0x2b, 0x81, 4, 0, 0x22])
        .unwrap();
    renamed[name + 4] = 0x23;
    assert!(load(pkcs8(&renamed)).is_err(), "secp521r1");
    assert!(load(pkcs8(b"")).is_err() && load(sec1(&[0x30; 99])).is_err());
}

#[test]
fn debug_shows_no_key() {
    for (key, scheme) in ecdsa_keys() {
        let key = load(key).unwrap();
        let signer = key.choose_scheme(&[scheme]).unwrap();
        assert_eq!(format!("{key:?}"), format!("Key({scheme:?})"));
        assert_eq!(format!("{signer:?}"), format!("Key({scheme:?})"));
    }
    let group = tls_pump_crypto::kx_group::SECP256R1;
    assert_eq!(format!("{group:?}"), "secp256r1");
}
