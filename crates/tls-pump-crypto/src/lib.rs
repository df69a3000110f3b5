#![doc = include_str!("../README.md")]

mod aead;
pub mod cipher_suite;
mod hash;
mod kx;
pub mod kx_group;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom};

/// The provider, with all of [`cipher_suite::ALL`] and [`kx_group::ALL`].
///
/// On wasm the ChaCha20-Poly1305 suites come first, elsewhere those with
/// AES-GCM: no AES instruction is to be had in wasm, and without one AES is
/// several times slower.
///
/// Random numbers are the system's ([`getrandom`]); each call that needs some
/// fails with [`rustls::Error::FailedToGetRandomBytes`] when there are none.
#[must_use]
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: cipher_suite::ALL.to_vec(),
        kx_groups: kx_group::ALL.to_vec(),
        signature_verification_algorithms: verify::ALGORITHMS,
        secure_random: &Random,
        key_provider: &sign::Keys,
    }
}

/// The system's random numbers.
#[derive(Debug)]
struct Random;

impl SecureRandom for Random {
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(buf).map_err(|_| GetRandomFailed)
    }
}
