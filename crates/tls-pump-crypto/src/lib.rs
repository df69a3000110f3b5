//! A [`CryptoProvider`] for rustls in Rust alone: TLS 1.3 and 1.2 where no C
//! compiler is, as for wasm32-wasip2.
//!
//! What it computes is RustCrypto's and dalek's; what is here is how TLS uses it,
//! and what has to be refused:
//!
//! - **ciphers**: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305 ([`cipher_suite`]);
//! - **key exchange**: X25519MLKEM768, X25519, P-256, P-384 ([`kx_group`]);
//! - **signatures of peers**: ECDSA with P-256 and P-384, Ed25519, RSA with
//!   PKCS #1 v1.5 and PSS and keys of 2048 to 8192 bits;
//! - **keys of one's own** (clients' certificates, servers in tests): ECDSA P-256
//!   and P-384 in PKCS #8 or SEC1, Ed25519 in PKCS #8 (RFC 8410, not as early
//!   versions of ring wrote it). An RSA key is refused with an error that names
//!   the way out.
//!
//! This is no audited module, and no implementation can promise constant time
//! once a just-in-time compiler has had its hands on it. Who has to rely on
//! either natively takes `ring` or `aws-lc-rs`, which are providers for rustls
//! too; users of tls-pump enable its feature `ring` and call
//! `TlsConfigBuilder::ring`.
//!
//! ```
//! use rustls::{ClientConfig, RootCertStore};
//!
//! # fn run() -> Result<(), rustls::Error> {
//! let config = ClientConfig::builder_with_provider(tls_pump_crypto::provider().into())
//!     .with_safe_default_protocol_versions()?
//!     .with_root_certificates(RootCertStore::empty())
//!     .with_no_client_auth();
//! # drop(config);
//! # Ok(())
//! # }
//! # run().unwrap();
//! ```
//!
//! # Features
//!
//! Both only add.
//!
//! | feature | default | what |
//! |---|---|---|
//! | `pq` | yes | X25519MLKEM768, a key exchange that quantum computers do not break |
//! | `tls12` | yes | TLS 1.2 beside TLS 1.3 |

pub mod cipher_suite;
mod integers;
mod kx;
pub mod kx_group;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

use rustls::Error;
use rustls::crypto::{CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use std::sync::Arc;

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
        key_provider: key_provider(),
        ..provider_without_keys()
    }
}

/// [`provider`] without [`key_provider`]: for clients that show no certificate,
/// which are smaller by what reads private keys and signs. Private keys are
/// refused.
#[must_use]
pub fn provider_without_keys() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: cipher_suite::ALL.to_vec(),
        kx_groups: kx_group::ALL.to_vec(),
        signature_verification_algorithms: verify::ALGORITHMS,
        secure_random: &Random,
        key_provider: &NoKeys,
    }
}

/// What reads private keys, to be signed with.
#[must_use]
pub fn key_provider() -> &'static dyn KeyProvider {
    &sign::Keys
}

/// Reads no private key.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General(
            "this provider reads no private keys: take tls_pump_crypto::provider".into(),
        ))
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

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
