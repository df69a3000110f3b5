//! RSA: what a signature has to hold. Each wrong encoding is one that the key
//! really signed.

use crate::reviewed::rsa_key::{Hash, Key, Pss, digest_info, pkcs1, tlv};
use crate::reviewed::{MESSAGE, STRIDE, accepts};
use rustls::SignatureScheme;
use rustls::ffdhe_groups::FFDHE2048;

const PKCS1: [(Hash, SignatureScheme); 3] = [
    (Hash::Sha256, SignatureScheme::RSA_PKCS1_SHA256),
    (Hash::Sha384, SignatureScheme::RSA_PKCS1_SHA384),
    (Hash::Sha512, SignatureScheme::RSA_PKCS1_SHA512),
];

const PSS: [(Hash, SignatureScheme); 3] = [
    (Hash::Sha256, SignatureScheme::RSA_PSS_SHA256),
    (Hash::Sha384, SignatureScheme::RSA_PSS_SHA384),
    (Hash::Sha512, SignatureScheme::RSA_PSS_SHA512),
];

/// Whether the signature that opens to `encoded` is taken.
fn is_taken(key: &Key, scheme: SignatureScheme, encoded: &[u8]) -> bool {
    let signature = key.sign(encoded).expect("the exponent is odd");
    accepts(scheme, &key.public_der(), MESSAGE, &signature)
}

#[test]
fn pkcs1_is_of_its_hash_and_message_alone() {
    let key = Key::prime(FFDHE2048, 65537);
    for (hash, scheme) in PKCS1 {
        for other in Hash::ALL {
            let encoded = pkcs1(&digest_info(other, MESSAGE), key.len());
            assert_eq!(is_taken(&key, scheme, &encoded), hash == other);
        }
        let encoded = pkcs1(&digest_info(hash, b"another message"), key.len());
        assert!(!is_taken(&key, scheme, &encoded));
    }
}

#[test]
fn pkcs1_without_its_null_is_refused() {
    let key = Key::prime(FFDHE2048, 65537);
    for (hash, scheme) in PKCS1 {
        let algorithm = tlv(0x30, &hash.oid());
        let info = tlv(0x30, &[algorithm, tlv(4, &hash.of(MESSAGE))].concat());
        assert!(!is_taken(&key, scheme, &pkcs1(&info, key.len())));
    }
}

#[test]
fn pkcs1_in_anything_but_der_is_refused() {
    let key = Key::prime(FFDHE2048, 65537);
    for (hash, scheme) in PKCS1 {
        let (oid, null, value) = (hash.oid(), tlv(5, &[]), hash.of(MESSAGE));
        let algorithm = tlv(0x30, &[&oid[..], &null].concat());
        let hashed = tlv(4, &value);
        let info = |parts: &[&[u8]]| tlv(0x30, &parts.concat());
        assert_eq!(info(&[&algorithm, &hashed]), digest_info(hash, MESSAGE));

        let long = |der: &[u8]| [&[der[0], 0x81, der[1]], &der[2..]].concat();
        let longer = |der: &[u8]| [&[der[0], 0x82, 0, der[1]], &der[2..]].concat();
        let endless = |der: &[u8]| [&[der[0], 0x80], &der[2..], &[0, 0]].concat();
        let good = info(&[&algorithm, &hashed]);
        let bad = [
            long(&good),
            longer(&good),
            endless(&good),
            info(&[&long(&algorithm), &hashed]),
            info(&[&endless(&algorithm), &hashed]),
            info(&[&algorithm, &long(&hashed)]),
            info(&[&algorithm, &longer(&hashed)]),
            // In parts.
            info(&[&algorithm, &tlv(0x24, &hashed)]),
            info(&[&tlv(0x30, &[&long(&oid)[..], &null].concat()), &hashed]),
            info(&[&tlv(0x30, &[&oid[..], &[5, 0x81, 0]].concat()), &hashed]),
            info(&[&tlv(0x30, &[&oid[..], &[5, 1, 0]].concat()), &hashed]),
            // More in each of the values.
            info(&[&tlv(0x30, &[&oid[..], &null, &null].concat()), &hashed]),
            info(&[&algorithm, &hashed, &null]),
            info(&[&algorithm, &tlv(4, &[&value[..], &[0]].concat())]),
            info(&[&algorithm, &tlv(4, &value[1..])]),
            info(&[&algorithm, &tlv(3, &value)]),
            [&good[..], &[0]].concat(),
            // The hash without a name.
            hashed.clone(),
            value,
        ];
        for (number, bad) in bad.iter().enumerate() {
            let encoded = pkcs1(bad, key.len());
            assert!(!is_taken(&key, scheme, &encoded), "{hash:?} {number}");
        }
    }
}

/// Bleichenbacher 2006: with garbage behind the hash and an exponent of 3 there
/// are signatures without a private key.
#[test]
fn pkcs1_with_garbage_behind_the_hash_is_refused() {
    let key = Key::prime(FFDHE2048, 3);
    for (hash, scheme) in PKCS1 {
        let good = pkcs1(&digest_info(hash, MESSAGE), key.len());
        assert!(is_taken(&key, scheme, &good));
        for padding in [0, 1, 7, 8, 9, 64, 100] {
            let mut encoded = vec![0, 1];
            encoded.resize(2 + padding, 0xff);
            encoded.push(0);
            encoded.extend(digest_info(hash, MESSAGE));
            for garbage in [0, 0xa5, 0xff] {
                encoded.resize(key.len(), garbage);
                assert!(!is_taken(&key, scheme, &encoded), "{hash:?} {padding}");
                encoded.truncate(3 + padding + digest_info(hash, MESSAGE).len());
            }
        }
    }
}

#[test]
fn pkcs1_with_wrong_padding_is_refused() {
    let key = Key::prime(FFDHE2048, 65537);
    for (hash, scheme) in PKCS1 {
        let good = pkcs1(&digest_info(hash, MESSAGE), key.len());
        let zero = good.len() - digest_info(hash, MESSAGE).len() - 1;
        // Each byte of it, by a bit.
        for at in (1..=10).chain(zero - 2..=zero + 3) {
            let mut encoded = good.clone();
            encoded[at] ^= 1 << (at % 7);
            assert!(!is_taken(&key, scheme, &encoded), "{hash:?} {at}");
        }
        // Of another type, or as long as the modulus.
        for start in [[0, 0], [0, 2], [1, 1]] {
            let encoded = [&start, &good[2..]].concat();
            assert!(!is_taken(&key, scheme, &encoded), "{hash:?} {start:?}");
        }
        // A byte fewer of padding.
        let encoded = [&[0, 0, 1], &good[3..]].concat();
        assert!(!is_taken(&key, scheme, &encoded), "{hash:?}");
        let mut encoded = good.clone();
        encoded[zero - 1] = 0;
        assert!(!is_taken(&key, scheme, &encoded), "{hash:?}");
    }
}

/// Moduli of 2048 to 2056 bits: the highest bits are of every number. (In
/// guests: none, one and eight above whole bytes.)
fn keys_of_all_lengths() -> impl Iterator<Item = Key> {
    let all = [2048, 2049, 2056, 2050, 2051, 2052, 2053, 2054, 2055];
    let count = if STRIDE == 1 { all.len() } else { 3 };
    let some = all.into_iter().take(count);
    some.map(|bits| Key::of_bits(bits, 65537))
}

#[test]
fn pss_is_of_its_hash_and_message_alone() {
    let key = Key::prime(FFDHE2048, 65537);
    for (hash, scheme) in PSS {
        for other in Hash::ALL {
            let encoded = Pss::new(other).encode(MESSAGE, key.bits());
            assert_eq!(is_taken(&key, scheme, &encoded), hash == other);
            let mut pss = Pss::new(hash);
            pss.mask_hash = other;
            let encoded = pss.encode(MESSAGE, key.bits());
            assert_eq!(is_taken(&key, scheme, &encoded), hash == other);
        }
        let encoded = Pss::new(hash).encode(b"another message", key.bits());
        assert!(!is_taken(&key, scheme, &encoded));
    }
}

#[test]
fn pss_with_a_salt_of_another_length_is_refused() {
    for key in [Key::prime(FFDHE2048, 65537), Key::of_bits(2049, 65537)] {
        for (hash, scheme) in PSS {
            let most = 256 - 2 - hash.len();
            let around = hash.len() - 1..=hash.len() + 1;
            for len in around.chain([0, 20, 32, 48, 64, most]) {
                let mut pss = Pss::new(hash);
                pss.salt = vec![0x5a; len];
                let encoded = pss.encode(MESSAGE, key.bits());
                let is_taken = is_taken(&key, scheme, &encoded);
                assert_eq!(is_taken, len == hash.len(), "{hash:?} {len}");
            }
        }
    }
}

#[test]
fn pss_with_any_wrong_byte_is_refused() {
    for key in keys_of_all_lengths() {
        for (hash, scheme) in PSS {
            let pss = Pss::new(hash);
            assert!(is_taken(&key, scheme, &pss.encode(MESSAGE, key.bits())));
            for trailer in [0, 0xbb, 0xcc, 0xbc ^ 0x80] {
                let bad = Pss {
                    trailer,
                    ..pss.clone()
                };
                let encoded = bad.encode(MESSAGE, key.bits());
                assert!(!is_taken(&key, scheme, &encoded), "{trailer}");
            }
            for separator in [0, 2, 0x81, 0xff] {
                let bad = Pss {
                    separator,
                    ..pss.clone()
                };
                let encoded = bad.encode(MESSAGE, key.bits());
                assert!(!is_taken(&key, scheme, &encoded), "{separator}");
            }
            let bad = Pss { padding: 1, ..pss };
            let encoded = bad.encode(MESSAGE, key.bits());
            assert!(!is_taken(&key, scheme, &encoded), "padding");
        }
    }
}

/// The highest bit of the modulus, for which the encoding has no use.
#[test]
fn pss_with_the_highest_bit_set_is_refused() {
    for key in keys_of_all_lengths() {
        for (hash, scheme) in PSS {
            let salted = |byte| {
                let mut pss = Pss::new(hash);
                pss.salt[0] = byte;
                pss.encode(MESSAGE, key.bits())
            };
            let with_bit = |mut encoded: Vec<u8>| {
                encoded[0] ^= 1 << ((key.bits() - 1) % 8);
                encoded
            };
            let is_below = |byte: &u8| key.holds(&with_bit(salted(*byte)));
            let byte = (0..=255).find(is_below).unwrap();
            assert!(is_taken(&key, scheme, &salted(byte)));
            assert!(!is_taken(&key, scheme, &with_bit(salted(byte))));
        }
    }
}

/// The hash in it, and each byte of the masked block.
#[test]
fn pss_of_changed_bytes_is_refused() {
    let key = Key::of_bits(2050, 65537);
    for (hash, scheme) in PSS {
        let good = Pss::new(hash).encode(MESSAGE, key.bits());
        for at in (1..good.len()).step_by(STRIDE) {
            let mut encoded = good.clone();
            encoded[at] ^= 1 << (at % 8);
            assert!(!is_taken(&key, scheme, &encoded), "{hash:?} {at}");
        }
    }
}
