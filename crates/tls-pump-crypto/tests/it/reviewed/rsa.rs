//! RSA: what keys and what numbers are taken.

use crate::reviewed::rsa_key::{Hash, Key, Pss, digest_info, integer, pkcs1, public_der, tlv};
use crate::reviewed::{MESSAGE, STRIDE, accepts, accepts_alone};
use rustls::SignatureScheme;
use rustls::ffdhe_groups::{FFDHE2048, FFDHE3072, FFDHE4096, FFDHE8192};
use rustls::pki_types::alg_id;

const PKCS1: SignatureScheme = SignatureScheme::RSA_PKCS1_SHA256;
const PSS: SignatureScheme = SignatureScheme::RSA_PSS_SHA256;

fn sign_pkcs1(key: &Key) -> Vec<u8> {
    let encoded = pkcs1(&digest_info(Hash::Sha256, MESSAGE), key.len());
    key.sign(&encoded).unwrap()
}

fn sign_pss(key: &Key) -> Vec<u8> {
    let encoded = Pss::new(Hash::Sha256).encode(MESSAGE, key.bits());
    key.sign(&encoded).unwrap()
}

fn is_taken(key: &Key) -> bool {
    let der = key.public_der();
    let is_taken = accepts(PKCS1, &der, MESSAGE, &sign_pkcs1(key));
    let with_pss = accepts(PSS, &der, MESSAGE, &sign_pss(key));
    assert_eq!(is_taken, with_pss);
    is_taken
}

/// Of every length of the last byte, too.
#[test]
fn moduli_of_2048_to_8192_bits_are_taken() {
    for bits in 2048..=2056 {
        assert!(is_taken(&Key::of_bits(bits, 65537)), "{bits}");
    }
    assert!(is_taken(&Key::prime(FFDHE3072, 65537)));
    assert!(is_taken(&Key::prime(FFDHE4096, 65537)));
    assert!(is_taken(&Key::of_bits(8192, 65537)));
    assert!(is_taken(&Key::prime(FFDHE8192, 65537)));
}

#[test]
fn moduli_of_other_lengths_are_refused() {
    for bits in [1024, 1536, 2040, 8193, 8200] {
        assert!(!is_taken(&Key::of_bits(bits, 65537)), "{bits}");
    }
}

/// *ring* rounds up to whole bytes.
#[test]
fn moduli_of_2047_bits_are_refused() {
    for bits in 2041..=2047 {
        let key = Key::of_bits(bits, 65537);
        let der = key.public_der();
        assert!(!accepts_alone(PKCS1, &der, MESSAGE, &sign_pkcs1(&key)));
        assert!(!accepts_alone(PSS, &der, MESSAGE, &sign_pss(&key)));
    }
}

#[test]
fn even_moduli_are_refused() {
    let key = Key::prime(FFDHE2048, 65537);
    let encoded = pkcs1(&digest_info(Hash::Sha256, MESSAGE), key.len() + 1);
    let signature = key.sign(&encoded).unwrap();
    // By the Chinese remainder theorem: the same modulo the prime, and odd as
    // the hash is, or even.
    let is_same = |number: &[u8]| number.last().unwrap() % 2 == encoded.last().unwrap() % 2;
    let signature = match is_same(&signature) {
        true => [&[0], &signature[..]].concat(),
        false => key.plus_modulus_wide(&signature),
    };
    assert!(is_same(&signature));
    let double = key.double_modulus();
    let der = public_der(&double, &[1, 0, 1]);
    assert!(!accepts(PKCS1, &der, MESSAGE, &signature));
}

#[test]
fn exponents_up_to_33_bits_are_taken() {
    for exponent in [3, 5, 17, 65537, (1 << 32) + 1, (1 << 33) - 1] {
        assert!(is_taken(&Key::prime(FFDHE2048, exponent)), "{exponent}");
    }
}

#[test]
fn exponents_of_other_sizes_are_refused() {
    let odd = [1, (1 << 33) + 1, (1 << 63) + 1, (1 << 64) + 1, u128::MAX];
    for exponent in odd {
        assert!(!is_taken(&Key::prime(FFDHE2048, exponent)), "{exponent}");
    }
}

/// Numbers that would be the right exponent if their first bytes got lost.
#[test]
fn exponents_do_not_wrap() {
    let key = Key::prime(FFDHE2048, 65537);
    let signature = sign_pkcs1(&key);
    let with = |exponent: &[u8]| public_der(&key.modulus(), exponent);
    assert!(accepts(PKCS1, &with(&[1, 0, 1]), MESSAGE, &signature));
    for zeros in [0, 1, 5, 13, 29] {
        let exponent = [&[1], &vec![0; zeros][..], &[0, 1, 0, 1]].concat();
        assert!(!accepts(PKCS1, &with(&exponent), MESSAGE, &signature));
    }
}

/// Those messages have a signature whose encoding is a square.
#[test]
fn even_exponents_are_refused() {
    for exponent in [2, 4, 6, 65536, 1 << 33] {
        let key = Key::prime(FFDHE2048, exponent);
        let der = key.public_der();
        let mut signed = 0;
        for number in 0_u8..16 {
            let encoded = pkcs1(&digest_info(Hash::Sha256, &[number]), key.len());
            if let Some(signature) = key.sign(&encoded) {
                assert!(!accepts(PKCS1, &der, &[number], &signature), "{exponent}");
                signed += 1;
            }
        }
        assert!(signed > 0, "{exponent}");
    }
}

#[test]
fn an_exponent_of_zero_is_refused() {
    let key = Key::prime(FFDHE2048, 65537);
    let mut one = vec![0; key.len()];
    one[255] = 1;
    for exponent in [&[][..], &[0], &[0; 16]] {
        let der = public_der(&key.modulus(), exponent);
        assert!(!accepts(PKCS1, &der, MESSAGE, &one));
    }
}

/// The two integers of a key in DER, and a signature by it.
struct Parts {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    signature: Vec<u8>,
}

impl Parts {
    fn new() -> Self {
        let key = Key::prime(FFDHE2048, 65537);
        let parts = Self {
            modulus: tlv(2, &integer(&key.modulus())),
            exponent: tlv(2, &[1, 0, 1]),
            signature: sign_pkcs1(&key),
        };
        let good = sequence(&[&parts.modulus, &parts.exponent]);
        assert_eq!(good, key.public_der());
        assert!(parts.is_taken(&good));
        parts
    }

    fn is_taken(&self, key: &[u8]) -> bool {
        accepts(PKCS1, key, MESSAGE, &self.signature)
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn with_tag(tag: u8, der: &[u8]) -> Vec<u8> {
    [&[tag], &der[1..]].concat()
}

#[test]
fn keys_in_any_other_sequence_are_refused() {
    let parts = Parts::new();
    let (modulus, exponent) = (&parts.modulus, &parts.exponent);
    let good = sequence(&[modulus, exponent]);
    for end in 0..good.len() {
        assert!(!parts.is_taken(&good[..end]), "{end}");
    }
    let content = &good[4..];
    let length = (content.len() as u16).to_be_bytes();
    let with_length = |long: &[u8]| [&[0x30], long, &length, content].concat();
    let endless = [&[0x30, 0x80], content, &[0, 0]].concat();
    let spki = [
        tlv(0x30, &[6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 1, 5, 0]),
        tlv(3, &[&[0], &good[..]].concat()),
    ];
    let bad = [
        ("more behind", [&good[..], &[0]].concat()),
        ("a value behind", [&good[..], &[5, 0]].concat()),
        ("three integers", sequence(&[modulus, exponent, exponent])),
        ("NULL at the end", sequence(&[modulus, exponent, &[5, 0]])),
        ("one integer", sequence(&[modulus])),
        ("none", sequence(&[])),
        ("swapped", sequence(&[exponent, modulus])),
        ("nested", sequence(&[&good])),
        ("no sequence", content.to_vec()),
        ("a set", with_tag(0x31, &good)),
        ("a primitive sequence", with_tag(0x10, &good)),
        ("a sequence of the context", with_tag(0xa0, &good)),
        ("a length in three bytes", with_length(&[0x83, 0])),
        ("a length in four bytes", with_length(&[0x84, 0, 0])),
        ("no end of its own", endless),
        ("a SubjectPublicKeyInfo", tlv(0x30, &spki.concat())),
    ];
    for (what, der) in bad {
        assert!(!parts.is_taken(&der), "{what}");
    }
}

#[test]
fn keys_of_any_other_integers_are_refused() {
    let parts = Parts::new();
    let (modulus, exponent) = (&parts.modulus, &parts.exponent);
    let positive = &modulus[4..];
    let wide = tlv(2, &[&[0], positive].concat());
    let endless = [&[0x22, 0x80], &exponent[..], &[0, 0]].concat();
    let bad = [
        ("octets", with_tag(4, modulus), exponent.clone()),
        ("bits", with_tag(3, modulus), exponent.clone()),
        ("enumerated", modulus.clone(), with_tag(10, exponent)),
        ("constructed", modulus.clone(), with_tag(0x22, exponent)),
        ("a long length", modulus.clone(), vec![2, 0x81, 3, 1, 0, 1]),
        ("no end of its own", modulus.clone(), endless),
        ("a zero too many", modulus.clone(), tlv(2, &[0, 1, 0, 1])),
        ("zeros too many", wide, exponent.clone()),
        ("negative", tlv(2, &positive[1..]), exponent.clone()),
        ("a negative one", modulus.clone(), tlv(2, &[0xff, 0, 1])),
        ("nothing", tlv(2, &[]), exponent.clone()),
        ("nothing here", modulus.clone(), tlv(2, &[])),
        ("zero", tlv(2, &[0]), exponent.clone()),
        ("zero here", modulus.clone(), tlv(2, &[0])),
    ];
    for (what, modulus, exponent) in bad {
        assert!(!parts.is_taken(&sequence(&[&modulus, &exponent])), "{what}");
    }
}

#[test]
fn signatures_of_another_length_are_refused() {
    for key in [Key::prime(FFDHE2048, 65537), Key::of_bits(2049, 65537)] {
        let der = key.public_der();
        for (scheme, good) in [(PKCS1, sign_pkcs1(&key)), (PSS, sign_pss(&key))] {
            assert!(accepts(scheme, &der, MESSAGE, &good));
            let longer = [&[0], &good[..]].concat();
            assert!(!accepts(scheme, &der, MESSAGE, &longer));
            let behind = [&good[..], &[0]].concat();
            assert!(!accepts(scheme, &der, MESSAGE, &behind));
            for end in (0..good.len()).step_by(STRIDE) {
                assert!(!accepts(scheme, &der, MESSAGE, &good[..end]));
            }
        }
    }
}

/// A zero that a number does not need is part of its signature.
#[test]
fn a_signature_keeps_its_leading_zeros() {
    let key = Key::of_bits(2049, 65537);
    let der = key.public_der();
    let encoded = |number: u16| {
        let digest_info = digest_info(Hash::Sha256, &number.to_be_bytes());
        pkcs1(&digest_info, key.len())
    };
    let sign = |number| key.sign(&encoded(number)).unwrap();
    let (number, signature) = (0..)
        .map(|number: u16| (number, sign(number)))
        .find(|(_, signature)| signature[0] == 0)
        .unwrap();
    let message = number.to_be_bytes();
    assert!(accepts(PKCS1, &der, &message, &signature));
    assert!(!accepts(PKCS1, &der, &message, &signature[1..]));
}

#[test]
fn signatures_that_are_not_below_the_modulus_are_refused() {
    // With room for more above the modulus.
    let key = Key::of_bits(2049, 65537);
    let der = key.public_der();
    for (scheme, good) in [(PKCS1, sign_pkcs1(&key)), (PSS, sign_pss(&key))] {
        assert!(accepts(scheme, &der, MESSAGE, &good));
        assert!(!accepts(scheme, &der, MESSAGE, &key.plus_modulus(&good)));
        let zero = vec![0; key.len()];
        let mut one = zero.clone();
        one[key.len() - 1] = 1;
        let most = vec![0xff; key.len()];
        for signature in [&zero, &one, &key.modulus(), &most] {
            assert!(!accepts(scheme, &der, MESSAGE, signature));
        }
    }
}

/// PKCS#1 v1.5 in certificates that leave out the parameters of the algorithm
/// (RFC 4055 section 5): the same signatures, and no others.
#[test]
fn algorithms_without_null_are_the_same() {
    let key = Key::prime(FFDHE2048, 65537);
    let der = key.public_der();
    let all = tls_pump_crypto::provider()
        .signature_verification_algorithms
        .all;
    let hashes = [
        (Hash::Sha256, alg_id::RSA_PKCS1_SHA256),
        (Hash::Sha384, alg_id::RSA_PKCS1_SHA384),
        (Hash::Sha512, alg_id::RSA_PKCS1_SHA512),
    ];
    for (hash, id) in hashes {
        let (short, null) = id.as_ref().split_at(id.as_ref().len() - 2);
        assert_eq!(null, [5, 0]);
        let mut found = 0;
        for algorithm in all {
            let name = algorithm.signature_alg_id();
            if name.as_ref() != short && name != id {
                continue;
            }
            found += 1;
            assert_eq!(algorithm.public_key_alg_id(), alg_id::RSA_ENCRYPTION);
            for other in Hash::ALL {
                let encoded = pkcs1(&digest_info(other, MESSAGE), key.len());
                let signature = key.sign(&encoded).unwrap();
                let verified = algorithm.verify_signature(&der, MESSAGE, &signature);
                assert_eq!(verified.is_ok(), hash == other);
            }
        }
        assert_eq!(found, 2);
    }
}
