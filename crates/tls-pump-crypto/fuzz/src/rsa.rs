//! RSA signatures that no private key made.
//!
//! What a signature opens to is of the script's choosing: the modulus is
//! computed for it, which small exponents allow, or is a prime, with which
//! everybody can sign.

use super::script::Script;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, NonZero, Odd, Resize as _};
use ring::digest::{Algorithm, digest};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// RFC 8017 section 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Padding {
    Pkcs1,
    Pss,
}

/// A public key and a signature.
pub(crate) struct Signed {
    pub(crate) modulus: Vec<u8>,
    pub(crate) exponent: Vec<u8>,
    pub(crate) message: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// Whether it signs the message, by RFC 8446 section 4.2.3.
    pub(crate) valid: bool,
}

pub(crate) fn forge(padding: Padding, hash: &'static Algorithm, script: &mut Script<'_>) -> Signed {
    if script.byte() % 4 == 3 {
        return by_prime(padding, hash, script);
    }
    let message = script.bytes(8);
    let bits = bits(script);
    let mut salt = vec![0; hash.output_len()];
    if script.rarely() {
        salt.resize(script.number() % 80, 1);
    }
    let mut encoded = encode(padding, hash, message, &salt, bits);
    let right = encoded.clone();
    script.damage(&mut encoded);
    encoded.resize(right.len(), 0);
    if script.rarely() {
        // Where not all bits are the encoding's.
        encoded[0] ^= 1 << (script.byte() % 8);
    }
    let (modulus, exponent, root) = fit(&encoded, bits, script);
    let mut valid = encoded == right
        && exponent >= 3
        && exponent % 2 == 1
        && (padding == Padding::Pkcs1 || salt.len() == hash.output_len())
        && (2048..=8192).contains(&bits);
    // The same modulo the modulus.
    let sum = &root + &modulus;
    let signature = match script.rarely() && sum.bit_width_vartime() <= 8 * encoded.len() as u32 {
        true => {
            valid = false;
            sum
        }
        false => root,
    };
    Signed {
        modulus: bytes(&modulus, 0),
        exponent: exponent.to_be_bytes().into(),
        message: message.to_vec(),
        signature: bytes(&signature, encoded.len()),
        valid,
    }
}

/// How long a modulus is: about as long as the limits, or anything.
fn bits(script: &mut Script<'_>) -> u32 {
    let (what, more) = (script.byte(), script.number() as u32);
    match what % 8 {
        0..3 => 2048,
        3 => 2049,
        4 => 2048 - 16 + more % 32,
        5 => 8192 - 16 + more % 32,
        6 => 3072 + more % 8,
        _ => 1000 + more % 7400,
    }
}

/// A modulus of `bits`, an exponent, and the root of `encoded`.
fn fit(encoded: &[u8], bits: u32, script: &mut Script<'_>) -> (BoxedUint, u32, BoxedUint) {
    // Those below 3 and the even ones are none that is taken.
    let exponent = script.choose(&[3_u32, 5, 17, 3, 1, 2, 4]);
    let precision = bits + 128;
    let encoded = BoxedUint::from_be_slice(encoded, precision).expect("it is as long as bits");
    // The power, of which the modulus is what exceeds `encoded`: 3/4 of what
    // has so many bits.
    let power = &encoded + BoxedUint::from(3_u8).resize(precision).shl(bits - 2);
    let shift = power.bit_width_vartime() - 64;
    let top = power.shr(shift).to_be_bytes();
    let top = u64::from_be_bytes(*top.last_chunk().expect("it has 64 bits"));
    let log = ((top as f64).log2() + f64::from(shift)) / f64::from(exponent);
    let shift = log as u32 - 40;
    let top = (log - f64::from(shift)).exp2() as u64;
    let mut root = BoxedUint::from(top).resize(precision).shl(shift);
    // The modulus has to be odd.
    root += u64::from(script.number() as u32) << 1 | u64::from(!encoded.bit_vartime(0));
    let mut power = root.clone();
    for _ in 1..exponent {
        power = power.wrapping_mul(&root);
    }
    let modulus = power - &encoded;
    assert_eq!(modulus.bit_width_vartime(), bits);
    if exponent == 1 {
        root = encoded;
    }
    (modulus, exponent, root)
}

/// 2^2203 - 1.
const PRIME_BITS: u32 = 2203;

/// The least that is usual, the largest with an inverse that is taken, and the
/// next.
const EXPONENTS: [u64; 3] = [0x1_0001, 0x1_ffff_fffd, 0x2_0000_0003];

type Signatures = HashMap<(Padding, usize, u64), Vec<u8>>;

fn by_prime(padding: Padding, hash: &'static Algorithm, script: &mut Script<'_>) -> Signed {
    static SIGNATURES: Mutex<Option<Signatures>> = Mutex::new(None);
    let exponent = script.choose(&EXPONENTS);
    let message = b"signed by everybody";
    let prime = BoxedUint::max(PRIME_BITS).shr(PRIME_BITS.next_multiple_of(64) - PRIME_BITS);
    let mut signatures = SIGNATURES.lock().unwrap_or_else(PoisonError::into_inner);
    let signature = signatures
        .get_or_insert_default()
        .entry((padding, hash.output_len(), exponent))
        .or_insert_with(|| {
            let salt = vec![7; hash.output_len()];
            let encoded = encode(padding, hash, message, &salt, PRIME_BITS);
            sign(&encoded, exponent, &prime)
        });
    Signed {
        modulus: bytes(&prime, 0),
        exponent: exponent.to_be_bytes().into(),
        message: message.into(),
        signature: signature.clone(),
        valid: exponent != EXPONENTS[2],
    }
}

fn sign(encoded: &[u8], exponent: u64, prime: &BoxedUint) -> Vec<u8> {
    let precision = prime.bits_precision();
    let order = NonZero::new(prime - 1_u64).expect("it is more than 1");
    let private = BoxedUint::from(exponent).resize(precision);
    let private = private.invert_mod(&order).expect("they have no factor");
    let base = BoxedUint::from_be_slice(encoded, precision).expect("it is as long as the prime");
    let params = BoxedMontyParams::new(Odd::new(prime.clone()).expect("it is odd"));
    let signature = BoxedMontyForm::new(base, &params).pow(&private);
    bytes(&signature.retrieve(), encoded.len())
}

/// In big endian, in so many bytes at least.
fn bytes(number: &BoxedUint, len: usize) -> Vec<u8> {
    let number = number.to_be_bytes_trimmed_vartime();
    let mut bytes = vec![0; len.saturating_sub(number.len())];
    bytes.extend_from_slice(&number);
    bytes
}

/// As long as a modulus of `bits`.
fn encode(
    padding: Padding,
    hash: &'static Algorithm,
    message: &[u8],
    salt: &[u8],
    bits: u32,
) -> Vec<u8> {
    let len = bits.div_ceil(8) as usize;
    match padding {
        Padding::Pkcs1 => pkcs1(hash, message, len),
        Padding::Pss => {
            let mut encoded = pss(hash, message, salt, bits - 1);
            encoded.splice(..0, vec![0; len - encoded.len()]);
            encoded
        }
    }
}

/// RFC 8017 section 9.2.
fn pkcs1(hash: &'static Algorithm, message: &[u8], len: usize) -> Vec<u8> {
    let hash_len = hash.output_len() as u8;
    let id = match hash_len {
        32 => 1,
        48 => 2,
        _ => 3,
    };
    let mut info = vec![0x30, 17 + hash_len, 0x30, 13];
    info.extend_from_slice(&[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, id, 5, 0]);
    info.extend_from_slice(&[4, hash_len]);
    info.extend_from_slice(digest(hash, message).as_ref());
    let mut encoded = vec![0, 1];
    encoded.resize(len - 1 - info.len(), 0xff);
    encoded.push(0);
    encoded.append(&mut info);
    encoded
}

/// RFC 8017 section 9.1.1.
fn pss(hash: &'static Algorithm, message: &[u8], salt: &[u8], bits: u32) -> Vec<u8> {
    let len = bits.div_ceil(8) as usize;
    let masked_len = len - hash.output_len() - 1;
    let salt = &salt[..salt.len().min(masked_len - 1)];
    let message = digest(hash, message);
    let seed = digest(hash, &[&[0; 8], message.as_ref(), salt].concat());
    let mut block = vec![0; masked_len - salt.len() - 1];
    block.push(1);
    block.extend_from_slice(salt);
    for (counter, part) in (0_u32..).zip(block.chunks_mut(hash.output_len())) {
        let mask = digest(hash, &[seed.as_ref(), &counter.to_be_bytes()].concat());
        std::iter::zip(part, mask.as_ref()).for_each(|(byte, mask)| *byte ^= mask);
    }
    block[0] &= 0xff >> (8 * len as u32 - bits);
    block.extend_from_slice(seed.as_ref());
    block.push(0xbc);
    block
}
