//! Signatures: made for a key or a key for them, and then damaged.

use super::der::{SEQUENCE, Writer};
use super::rsa::{self, Padding};
use super::script::Script;
use super::{curve, ed25519, ours, ring};
use ::ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use crypto_bigint::BoxedUint;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::DecompressPoint;
use p256::elliptic_curve::sec1::{ModulusSize, ToSec1Point};
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, Scalar};
use rustls::pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};
use std::sync::OnceLock;

#[derive(Clone, Copy)]
enum Kind {
    P256,
    P384,
    Ed25519,
    Rsa(Padding),
}

/// What to look for: the key's identifier and the signature's.
type Row = (
    Kind,
    &'static Algorithm,
    AlgorithmIdentifier,
    AlgorithmIdentifier,
);

/// PKCS #1 with SHA-256, 384 and 512 in certificates, without the parameter NULL.
const WITHOUT_NULL: [AlgorithmIdentifier; 3] = [
    AlgorithmIdentifier::from_slice(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]),
    AlgorithmIdentifier::from_slice(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12]),
    AlgorithmIdentifier::from_slice(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13]),
];

const KINDS: [Row; 14] = {
    use self::Padding::{Pkcs1, Pss};
    const RSA: AlgorithmIdentifier = alg_id::RSA_ENCRYPTION;
    const P256: AlgorithmIdentifier = alg_id::ECDSA_P256;
    const P384: AlgorithmIdentifier = alg_id::ECDSA_P384;
    [
        (Kind::P256, &SHA256, P256, alg_id::ECDSA_SHA256),
        (Kind::P256, &SHA384, P256, alg_id::ECDSA_SHA384),
        (Kind::P384, &SHA256, P384, alg_id::ECDSA_SHA256),
        (Kind::P384, &SHA384, P384, alg_id::ECDSA_SHA384),
        (Kind::Ed25519, &SHA512, alg_id::ED25519, alg_id::ED25519),
        (Kind::Rsa(Pss), &SHA256, RSA, alg_id::RSA_PSS_SHA256),
        (Kind::Rsa(Pss), &SHA384, RSA, alg_id::RSA_PSS_SHA384),
        (Kind::Rsa(Pss), &SHA512, RSA, alg_id::RSA_PSS_SHA512),
        (Kind::Rsa(Pkcs1), &SHA256, RSA, alg_id::RSA_PKCS1_SHA256),
        (Kind::Rsa(Pkcs1), &SHA384, RSA, alg_id::RSA_PKCS1_SHA384),
        (Kind::Rsa(Pkcs1), &SHA512, RSA, alg_id::RSA_PKCS1_SHA512),
        (Kind::Rsa(Pkcs1), &SHA256, RSA, WITHOUT_NULL[0]),
        (Kind::Rsa(Pkcs1), &SHA384, RSA, WITHOUT_NULL[1]),
        (Kind::Rsa(Pkcs1), &SHA512, RSA, WITHOUT_NULL[2]),
    ]
};

/// One algorithm of both providers.
#[derive(Clone, Copy)]
struct Pair {
    kind: Kind,
    hash: &'static Algorithm,
    ours: &'static dyn SignatureVerificationAlgorithm,
    ring: &'static dyn SignatureVerificationAlgorithm,
}

fn pairs() -> &'static [Pair] {
    static PAIRS: OnceLock<Vec<Pair>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let all = ours().signature_verification_algorithms.all;
        assert_eq!(all.len(), KINDS.len(), "not all are fuzzed");
        let ring = ring().signature_verification_algorithms.all;
        let pair = |(kind, hash, key, signature): Row| {
            let find = |all: &[&'static dyn SignatureVerificationAlgorithm]| {
                let mut all = all.iter().copied();
                all.find(|it| it.public_key_alg_id() == key && it.signature_alg_id() == signature)
                    .expect("both providers have all of them")
            };
            let (ours, ring) = (find(all), find(ring));
            Pair {
                kind,
                hash,
                ours,
                ring,
            }
        };
        KINDS.into_iter().map(pair).collect()
    })
}

/// What an algorithm is given, and whether it is known to be valid.
pub(crate) struct Case {
    pub(crate) key: Vec<u8>,
    pub(crate) message: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) valid: bool,
}

pub(crate) fn run(script: &mut Script<'_>) {
    let pair = script.choose(pairs());
    let Case {
        mut key,
        mut message,
        mut signature,
        valid,
    } = match pair.kind {
        Kind::P256 => ecdsa::<p256::NistP256>(pair.hash, script),
        Kind::P384 => ecdsa::<p384::NistP384>(pair.hash, script),
        Kind::Ed25519 => ed25519::case(script),
        Kind::Rsa(padding) => rsa(padding, pair.hash, script),
    };
    let verdict = judge(pair, &key, &message, &signature);
    assert!(verdict || !valid, "{:?} refuses what is valid", pair.ours);
    script.damage(&mut signature);
    script.damage(&mut key);
    script.damage(&mut message);
    judge(pair, &key, &message, &signature);
}

/// Our verdict, which is ring's, but for what we refuse and it does not.
fn judge(pair: Pair, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let ours = pair.ours.verify_signature(key, message, signature).is_ok();
    let ring = pair.ring.verify_signature(key, message, signature).is_ok();
    let is_refused = || match pair.kind {
        Kind::P256 | Kind::P384 => false,
        Kind::Ed25519 => [key, signature].into_iter().any(ed25519::is_small),
        // 2048 bits are ours as they are, and ring's by the byte.
        Kind::Rsa(_) => is_nearly_2048_bits(key),
    };
    assert_eq!(
        ours,
        ring && !is_refused(),
        "{:?} of {key:02x?}, {message:02x?}, {signature:02x?}",
        pair.ours
    );
    ours
}

/// Of a key in DER that is right: whether 2041 to 2047 bits are the modulus.
fn is_nearly_2048_bits(key: &[u8]) -> bool {
    // Two lengths in three bytes, and no zero before the modulus.
    key[4..8] == [2, 0x82, 1, 0] && key[8] < 0x80
}

fn ecdsa<C>(hash: &'static Algorithm, script: &mut Script<'_>) -> Case
where
    C: CurveArithmetic,
    AffinePoint<C>: DecompressPoint<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
    Scalar<C>: Reduce<FieldBytes<C>>,
{
    let message = script.bytes(8).to_vec();
    let signed = curve::forge::<C>(digest(hash, &message).as_ref(), script);
    let mut valid = signed.is_some();
    let mut signed = signed.unwrap_or_else(|| curve::Signed {
        key: curve::share::<C>(script),
        r: vec![0],
        s: vec![1],
    });
    if script.rarely() {
        // RFC 8422 section 5.4.1 has no other form.
        valid = false;
        curve::compress(&mut signed.key);
    }
    for number in [&mut signed.r, &mut signed.s] {
        if script.rarely() {
            valid = false;
            add_order::<C>(number);
        }
    }
    let mut der = Writer::new(script);
    let (r, s) = (der.integer(&signed.r), der.integer(&signed.s));
    let signature = der.value(SEQUENCE, &[&r, &s]);
    let valid = valid && der.right;
    Case {
        key: signed.key,
        message,
        signature,
        valid,
    }
}

/// Makes it the same modulo the group's order, but too large.
fn add_order<C: CurveArithmetic>(number: &mut Vec<u8>) {
    let precision = 8 * number.len() as u32 + 512;
    let read = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, precision).expect("there is room");
    let sum = read(number) + read(&curve::last::<C>()) + 1_u64;
    *number = sum.to_be_bytes_trimmed_vartime().into();
}

fn rsa(padding: Padding, hash: &'static Algorithm, script: &mut Script<'_>) -> Case {
    let signed = rsa::forge(padding, hash, script);
    let mut der = Writer::new(script);
    let modulus = der.integer(&signed.modulus);
    let exponent = der.integer(&signed.exponent);
    let key = der.value(SEQUENCE, &[&modulus, &exponent]);
    let valid = signed.valid && der.right;
    Case {
        key,
        message: signed.message,
        signature: signed.signature,
        valid,
    }
}
