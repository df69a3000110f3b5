//! RSA with a public key: its limits, and the encodings of RFC 8017 section 9,
//! which are rebuilt and compared rather than parsed.

use super::{Hash, power};
use crate::integers;

/// What a certificate may carry, in bits.
const MODULUS_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// The exponent's limit: below it no key costs more than some of 65,537 (RFC
/// 8017 allows all below the modulus).
const MOST_EXPONENT_BITS: u32 = 33;

pub(super) struct PublicKey<'a> {
    modulus: &'a [u8],
    bits: u32,
    exponent: u64,
}

impl<'a> PublicKey<'a> {
    /// Reads an `RSAPublicKey` (RFC 8017 section A.1.1) in DER. `None` when it
    /// is anything else, or is weaker or larger than what is taken.
    pub(super) fn from_der(der: &'a [u8]) -> Option<Self> {
        let [modulus, exponent] = integers::two_integers(der)?;
        let bits = u32::try_from(modulus.len()).ok()? * 8 - modulus.first()?.leading_zeros();
        let exponent = exponent.iter().try_fold(0_u64, |value, byte| {
            (value.leading_zeros() >= 8).then_some(value << 8 | u64::from(*byte))
        })?;
        let is_fit = MODULUS_BITS.contains(&bits)
            && modulus.last()? % 2 == 1
            && exponent >= 3
            && exponent % 2 == 1
            && exponent.ilog2() < MOST_EXPONENT_BITS;
        is_fit.then_some(Self {
            modulus,
            bits,
            exponent,
        })
    }

    /// How many bits the modulus has.
    pub(super) fn bits(&self) -> u32 {
        self.bits
    }

    /// The encoded message that `signature` holds, as long as the modulus (RFC
    /// 8017 section 5.2.2).
    pub(super) fn open(&self, signature: &[u8]) -> Option<Vec<u8>> {
        power::power(signature, self.exponent, self.modulus)
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2) in `len` bytes.
pub(super) fn pkcs1(hash: Hash, message: &[u8], len: usize) -> Option<Vec<u8>> {
    // DigestInfo in DER (note 1 there), up to the hash.
    let (id, hash_len) = match hash {
        Hash::Sha256 => (1, 32),
        Hash::Sha384 => (2, 48),
        Hash::Sha512 => (3, 64),
    };
    let digest_info = [
        0x30,
        17 + hash_len,
        0x30,
        13,
        0x06,
        9,
        0x60,
        0x86,
        0x48,
        0x01,
        0x65,
        0x03,
        0x04,
        0x02,
        id,
        0x05,
        0,
        0x04,
        hash_len,
    ];
    let hash = hash.of(message);
    let padding = len.checked_sub(3 + digest_info.len() + hash.as_ref().len())?;
    let mut encoded = vec![0, 1];
    encoded.resize(2 + padding, 0xff);
    encoded.push(0);
    encoded.extend_from_slice(&digest_info);
    encoded.extend_from_slice(hash.as_ref());
    Some(encoded)
}

/// Whether `encoded`, as long as the modulus of `bits`, is EMSA-PSS (RFC 8017
/// section 9.1) of the message with the salt that it holds.
pub(super) fn is_pss(hash: Hash, message: &[u8], encoded: &[u8], bits: u32) -> Option<bool> {
    let message_hash = hash.of(message);
    let hash_len = message_hash.as_ref().len();
    let bits = bits - 1;
    let len = bits.div_ceil(8) as usize;
    // Zero where the encoding is a byte shorter than the modulus.
    let (before, encoded) = encoded.split_at(encoded.len() - len);
    let (masked, end) = encoded.split_at_checked(len.checked_sub(hash_len + 1)?)?;
    let (seed, _) = end.split_at(hash_len);
    let mut block = mask(hash, seed, masked.len());
    let salt_at = masked.len().checked_sub(hash_len)?;
    let salt: Vec<u8> = std::iter::zip(&masked[salt_at..], &block[salt_at..])
        .map(|(masked, mask)| masked ^ mask)
        .collect();

    // From here on only the salt is the signer's.
    let rebuilt_hash = hash.of(&[&[0; 8], message_hash.as_ref(), &salt].concat());
    if rebuilt_hash.as_ref() != seed {
        return Some(false);
    }
    *block.get_mut(salt_at.checked_sub(1)?)? ^= 1;
    for (mask, salt) in std::iter::zip(&mut block[salt_at..], &salt) {
        *mask ^= salt;
    }
    block[0] &= 0xff >> (8 * len as u32 - bits);
    block.extend_from_slice(seed);
    block.push(0xbc);
    Some(before.iter().all(|byte| *byte == 0) && block == encoded)
}

/// MGF1 (RFC 8017 section B.2.1).
fn mask(hash: Hash, seed: &[u8], len: usize) -> Vec<u8> {
    let mut mask = Vec::with_capacity(len + 64);
    for counter in 0_u32.. {
        if mask.len() >= len {
            break;
        }
        let block = hash.of(&[seed, &counter.to_be_bytes()].concat());
        mask.extend_from_slice(block.as_ref());
    }
    mask.truncate(len);
    mask
}
