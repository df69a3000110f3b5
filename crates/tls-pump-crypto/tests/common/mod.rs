//! What the tests of the provider share.

#![allow(dead_code, reason = "each test crate uses its part")]

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm};
use std::sync::LazyLock;

pub(crate) static PROVIDER: LazyLock<CryptoProvider> = LazyLock::new(tls_pump_crypto::provider);

/// The algorithm for such keys and signatures.
pub(crate) fn algorithm(
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
) -> &'static dyn SignatureVerificationAlgorithm {
    let all = PROVIDER.signature_verification_algorithms.all;
    let found = all.iter().find(|algorithm| {
        algorithm.public_key_alg_id() == key && algorithm.signature_alg_id() == signature
    });
    *found.expect("the provider has it")
}

/// A value of DER with its tag and length.
pub(crate) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = value.len();
    let mut der = vec![tag];
    match len {
        0..0x80 => der.push(len as u8),
        0x80..0x100 => der.extend([0x81, len as u8]),
        _ => der.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    der.extend_from_slice(value);
    der
}
