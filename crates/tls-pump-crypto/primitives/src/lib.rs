//! What tls-pump-crypto computes for every record and every connection: the
//! ciphers, SHA-2 and X25519.
//!
//! A crate by itself, so that a profile for size can have it fast and the rest of
//! tls-pump-crypto small: generic code is compiled with the settings of the crate
//! that uses it. It is made for that one, and promises nothing to others.

mod aead;
mod hash;
#[cfg(test)]
mod tests;
mod x25519;

pub use aead::Records;
pub use hash::{HmacSha2, Sha2};
pub use x25519::{INVALID, X25519, X25519Key, random};
