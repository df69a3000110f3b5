//! RSA keys whose private exponents anyone can compute, for signatures that no
//! honest signer makes: a modulus is a prime that RFC 7919 prints, or a product
//! of Mersenne's, so that there is one of any number of bits.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, NonZero, Odd, Resize as _};
use rustls::ffdhe_groups::FfdheGroup;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Room for all moduli here.
const PRECISION: u32 = 8320;

/// Those exponents `p` with which `2^p - 1` is a prime.
const MERSENNE: [u32; 18] = [
    4423, 2281, 2203, 1279, 607, 521, 127, 107, 89, 61, 31, 19, 17, 13, 7, 5, 3, 2,
];

/// Both halves of a key.
pub(crate) struct Key {
    modulus: BoxedUint,
    public: u128,
    private: BoxedUint,
}

impl Key {
    /// The group's modulus, a safe prime, is the key's.
    pub(crate) fn prime(group: FfdheGroup<'_>, public: u128) -> Self {
        let prime = BoxedUint::from_be_slice(group.p, PRECISION).unwrap();
        // All squares have this order, and with an odd exponent all others have
        // twice that.
        let order = match public % 2 {
            0 => prime.wrapping_sub(BoxedUint::one()).shr(1),
            _ => prime.wrapping_sub(BoxedUint::one()),
        };
        Self::new(prime, &order, public)
    }

    /// A modulus of so many bits, which is one of Mersenne's products.
    pub(crate) fn of_bits(bits: u32, public: u128) -> Self {
        let factors = mersenne(bits, &MERSENNE).expect("a sum of some of them");
        let (mut modulus, mut order) = (one(), one());
        for factor in factors {
            let next = one().shl(factor).wrapping_sub(one());
            order = order.wrapping_mul(next.wrapping_sub(one()));
            modulus = modulus.wrapping_mul(next);
        }
        assert_eq!(modulus.bit_width_vartime(), bits);
        Self::new(modulus, &order, public)
    }

    fn new(modulus: BoxedUint, order: &BoxedUint, public: u128) -> Self {
        let order = NonZero::new(order.clone()).unwrap();
        let wide = BoxedUint::from(public).resize(PRECISION);
        let private = wide.invert_mod(&order).unwrap();
        let bits = modulus.bit_width_vartime();
        Self {
            // No wider than they are: each bit takes its time.
            modulus: modulus.resize(bits),
            public,
            private: private.resize(bits),
        }
    }

    /// How long the modulus is, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bits().div_ceil(8) as usize
    }

    pub(crate) fn bits(&self) -> u32 {
        self.modulus.bit_width_vartime()
    }

    /// As certificates have it.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        let exponent = self.public.to_be_bytes();
        public_der(&self.modulus(), &exponent)
    }

    pub(crate) fn modulus(&self) -> Vec<u8> {
        self.bytes(&self.modulus)
    }

    /// Whether the encoded message is a number below the modulus.
    pub(crate) fn holds(&self, encoded: &[u8]) -> bool {
        number(encoded) < self.modulus
    }

    /// The signature that verification turns into `encoded`, which has to be a
    /// square where the exponent is even.
    pub(crate) fn sign(&self, encoded: &[u8]) -> Option<Vec<u8>> {
        let params = BoxedMontyParams::new_vartime(Odd::new(self.modulus.clone()).unwrap());
        let encoded = self.number(encoded);
        assert!(encoded < self.modulus);
        let signature = BoxedMontyForm::new(encoded.clone(), &params).pow(&self.private);
        let opened = signature.pow(&BoxedUint::from(self.public)).retrieve();
        (opened == encoded).then(|| self.bytes(&signature.retrieve()))
    }

    /// `signature` and the modulus together, where there is room.
    pub(crate) fn plus_modulus(&self, signature: &[u8]) -> Vec<u8> {
        self.bytes(&number(signature).wrapping_add(&self.modulus))
    }

    /// The same, one byte longer than the modulus.
    pub(crate) fn plus_modulus_wide(&self, signature: &[u8]) -> Vec<u8> {
        let sum = number(signature).wrapping_add(&self.modulus);
        to_bytes(&sum, self.len() + 1)
    }

    pub(crate) fn double_modulus(&self) -> Vec<u8> {
        let modulus = self.modulus.clone().resize(PRECISION);
        to_bytes(&modulus.shl(1), self.len() + 1)
    }

    fn number(&self, bytes: &[u8]) -> BoxedUint {
        number(bytes).resize(self.modulus.bits_precision())
    }

    fn bytes(&self, number: &BoxedUint) -> Vec<u8> {
        to_bytes(number, self.len())
    }
}

fn to_bytes(number: &BoxedUint, len: usize) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let (zeros, bytes) = bytes.split_at(bytes.len() - len);
    assert!(zeros.iter().all(|byte| *byte == 0));
    bytes.to_vec()
}

fn one() -> BoxedUint {
    BoxedUint::one_with_precision(PRECISION)
}

fn number(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice(bytes, PRECISION).unwrap()
}

/// Some of `from` whose sum is `bits`.
fn mersenne(bits: u32, from: &[u32]) -> Option<Vec<u32>> {
    if bits == 0 {
        return Some(Vec::new());
    }
    let (first, rest) = from.split_first()?;
    let with_first = bits.checked_sub(*first).and_then(|bits| {
        let mut factors = mersenne(bits, rest)?;
        factors.push(*first);
        Some(factors)
    });
    with_first.or_else(|| mersenne(bits, rest))
}

/// `RSAPublicKey` of two numbers, whatever they are.
pub(crate) fn public_der(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [modulus, exponent].map(|number| tlv(2, &integer(number)));
    tlv(0x30, &numbers.concat())
}

/// The content of an INTEGER that is not negative, as short as can be.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let rest = &bytes[zeros..];
    match rest.first() {
        Some(1..=0x7f) => rest.to_vec(),
        _ => [&[0], rest].concat(),
    }
}

/// One value in DER.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut der = vec![tag];
    match len {
        0..=0x7f => der.push(len as u8),
        0x80..=0xff => der.extend([0x81, len as u8]),
        _ => der.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    der.extend_from_slice(content);
    der
}

/// The hashes of TLS's RSA.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(crate) const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    pub(crate) fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    pub(crate) fn len(self) -> usize {
        self.of(b"").len()
    }

    /// The `AlgorithmIdentifier` in a `DigestInfo`, up to its parameters.
    pub(crate) fn oid(self) -> Vec<u8> {
        let last = match self {
            Self::Sha256 => 1,
            Self::Sha384 => 2,
            Self::Sha512 => 3,
        };
        tlv(6, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last])
    }
}

/// EMSA-PKCS1-v1_5 around any `DigestInfo`.
pub(crate) fn pkcs1(digest_info: &[u8], len: usize) -> Vec<u8> {
    let mut encoded = vec![0xff; len];
    encoded[..2].copy_from_slice(&[0, 1]);
    let start = len - digest_info.len();
    encoded[start - 1] = 0;
    encoded[start..].copy_from_slice(digest_info);
    encoded
}

/// `DigestInfo` as it has to be.
pub(crate) fn digest_info(hash: Hash, message: &[u8]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[hash.oid(), tlv(5, &[])].concat());
    tlv(0x30, &[algorithm, tlv(4, &hash.of(message))].concat())
}

/// How EMSA-PSS is made; each part can be wrong.
#[derive(Clone)]
pub(crate) struct Pss {
    pub(crate) hash: Hash,
    pub(crate) mask_hash: Hash,
    pub(crate) salt: Vec<u8>,
    /// The byte between padding and salt.
    pub(crate) separator: u8,
    /// The padding's first byte.
    pub(crate) padding: u8,
    pub(crate) trailer: u8,
}

impl Pss {
    pub(crate) fn new(hash: Hash) -> Self {
        Self {
            hash,
            mask_hash: hash,
            salt: (0..hash.len() as u8).collect(),
            separator: 1,
            padding: 0,
            trailer: 0xbc,
        }
    }

    /// As long as the modulus of `bits`.
    pub(crate) fn encode(&self, message: &[u8], bits: u32) -> Vec<u8> {
        let bits = bits - 1;
        let len = bits.div_ceil(8) as usize;
        let hashed = self.hash.of(message);
        let seed = self.hash.of(&[&[0; 8], &hashed[..], &self.salt].concat());
        let mut block = vec![0; len - self.hash.len() - 1];
        let salt_at = block.len() - self.salt.len();
        block[0] = self.padding;
        block[salt_at - 1] = self.separator;
        block[salt_at..].copy_from_slice(&self.salt);
        let mask = self.mask(&seed, block.len());
        block
            .iter_mut()
            .zip(mask)
            .for_each(|(byte, mask)| *byte ^= mask);
        block[0] &= 0xff >> (8 * len as u32 - bits);
        let before = vec![0; ((bits + 1).div_ceil(8) as usize) - len];
        [before, block, seed, vec![self.trailer]].concat()
    }

    fn mask(&self, seed: &[u8], len: usize) -> Vec<u8> {
        let block = |counter: u32| self.mask_hash.of(&[seed, &counter.to_be_bytes()].concat());
        let mut mask: Vec<u8> = (0..32).flat_map(block).collect();
        mask.truncate(len);
        mask
    }
}
