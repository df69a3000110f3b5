//! Ed25519: keys and commitments of small order are refused, with which one
//! signature is good for many messages. dalek's `verify`, which is not ours,
//! accepts each of these signatures.

use crate::reviewed::{MESSAGE, accepts, accepts_alone};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use rustls::SignatureScheme;
use sha2::{Digest as _, Sha512};

const SCHEME: SignatureScheme = SignatureScheme::ED25519;

/// All points whose order divides 8, and how many times they have to be taken
/// to give none.
const SMALL: [(&str, u8); 8] = [
    (
        "0100000000000000000000000000000000000000000000000000000000000000",
        1,
    ),
    (
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        2,
    ),
    (
        "0000000000000000000000000000000000000000000000000000000000000000",
        4,
    ),
    (
        "0000000000000000000000000000000000000000000000000000000000000080",
        4,
    ),
    (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        8,
    ),
    (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        8,
    ),
    (
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        8,
    ),
    (
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        8,
    ),
];

/// The same by numbers that are not below the field's, or with a sign where
/// there is none.
const NOT_CANONICAL: [&str; 6] = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

fn point(hex: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    std::array::from_fn(byte)
}

/// What RFC 8032 alone would say.
fn is_good_for_dalek(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify(message, &signature).is_ok())
}

/// A signature of one commitment and of a number.
fn signature(commitment: &[u8; 32], number: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(commitment);
    signature[32..].copy_from_slice(number);
    signature
}

#[test]
fn a_usual_signature_is_taken() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let signature = key.sign(MESSAGE).to_bytes();
    let public = key.verifying_key().to_bytes();
    assert!(accepts(SCHEME, &public, MESSAGE, &signature));
    for at in 0..64 {
        let mut signature = signature;
        signature[at] ^= 1 << (at % 8);
        assert!(!accepts(SCHEME, &public, MESSAGE, &signature), "{at}");
    }
    for end in 0..64 {
        assert!(!accepts(SCHEME, &public, MESSAGE, &signature[..end]));
    }
    let longer = [&signature[..], &[0]].concat();
    assert!(!accepts(SCHEME, &public, MESSAGE, &longer));
    for key in [&public[..31], &[&public[..], &[0]].concat(), &[]] {
        assert!(!accepts(SCHEME, key, MESSAGE, &signature));
    }
}

/// The key of small order; the commitment is a usual one, of our choosing.
#[test]
fn keys_of_small_order_are_refused() {
    // A commitment and its logarithm, from the key of a secret that we know.
    let secret = [9; 32];
    let commitment = SigningKey::from_bytes(&secret).verifying_key().to_bytes();
    let signature = signature(&commitment, &scalar_of(&secret));
    for (key, order) in SMALL {
        let key = point(key);
        let mut found = 0;
        for number in 0..=255_u8 {
            let message = [number];
            // *ring* takes them.
            let is_good = is_good_for_dalek(&key, &message, &signature);
            found += usize::from(is_good);
            assert!(!accepts_alone(SCHEME, &key, &message, &signature));
        }
        let expected = 256 / usize::from(order);
        assert!(
            (expected / 2..=expected * 3 / 2).contains(&found),
            "{found}"
        );
    }
    for key in NOT_CANONICAL {
        for number in 0..=255_u8 {
            assert!(!accepts_alone(SCHEME, &point(key), &[number], &signature));
        }
    }
}

/// The known signature of zeros: both points are of small order.
#[test]
fn both_of_small_order_are_refused() {
    for (commitment, _) in SMALL {
        for (key, _) in SMALL {
            let (key, commitment) = (point(key), point(commitment));
            let signature = signature(&commitment, &[0; 32]);
            let mut found = 0;
            for number in 0..64_u8 {
                found += usize::from(is_good_for_dalek(&key, &[number], &signature));
                assert!(!accepts_alone(SCHEME, &key, &[number], &signature));
            }
            let is_always = key == point(SMALL[0].0) && commitment == point(SMALL[0].0);
            assert!(!is_always || found == 64);
        }
    }
}

/// A usual key, and the commitment of no order at all: its owner can make such
/// signatures.
#[test]
fn commitments_of_small_order_are_refused() {
    let secret = [7; 32];
    let key = SigningKey::from_bytes(&secret).verifying_key().to_bytes();
    let commitment = point(SMALL[0].0);
    let hash = Sha512::digest([&commitment[..], &key, MESSAGE].concat());
    let number = product(&hash, &scalar_of(&secret));
    let signature = signature(&commitment, &number);
    assert!(is_good_for_dalek(&key, MESSAGE, &signature));
    assert!(!accepts_alone(SCHEME, &key, MESSAGE, &signature));
}

/// With the group's order on top, which RFC 8032 refuses as well.
#[test]
fn numbers_that_are_not_reduced_are_refused() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let good = key.sign(MESSAGE).to_bytes();
    let public = key.verifying_key().to_bytes();
    let number = BoxedUint::from_le_slice(&good[32..], 256).unwrap();
    let more = number.wrapping_add(order().as_ref()).to_le_bytes();
    let commitment = good[..32].try_into().unwrap();
    let signature = signature(&commitment, more[..].try_into().unwrap());
    assert!(accepts(SCHEME, &public, MESSAGE, &good));
    assert!(!accepts(SCHEME, &public, MESSAGE, &signature));
}

/// The number by which a secret makes its public key.
fn scalar_of(secret: &[u8; 32]) -> [u8; 32] {
    let mut hash: [u8; 64] = Sha512::digest(secret).into();
    hash[0] &= 0xf8;
    hash[31] = hash[31] & 0x3f | 0x40;
    let mut one = [0; 64];
    one[0] = 1;
    hash[32..].fill(0);
    product(&hash, &one)
}

/// 2^252 + 27742317777372353535851937790883648493.
fn order() -> Odd<BoxedUint> {
    let hex = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";
    Odd::new(BoxedUint::from_be_slice(&point(hex), 512).unwrap()).unwrap()
}

/// Of two numbers with their lowest bytes first, modulo the order.
fn product(a: &[u8], b: &[u8]) -> [u8; 32] {
    let params = BoxedMontyParams::new_vartime(order());
    let [a, b] = [a, b].map(|bytes| {
        let number = BoxedUint::from_le_slice(bytes, 512).unwrap();
        let number = number.rem_vartime(order().as_nz_ref());
        BoxedMontyForm::new(number, &params)
    });
    (a * b).retrieve().to_le_bytes()[..32].try_into().unwrap()
}
