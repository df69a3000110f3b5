//! What the fuzz targets do; `tests/fuzz_smoke.rs` includes it as well.
//!
//! An input is a script: it says what to make, valid or nearly so, and then how
//! to damage it. What tls-pump-crypto says to the result is what ring says, but
//! for the differences that are told where they are let through.

#![allow(
    unreachable_pub,
    reason = "the test includes this file as a private module"
)]

mod curve;
mod der;
mod ed25519;
mod key_share;
mod private_key;
mod record;
mod rsa;
mod script;
mod verify;

use rustls::crypto::CryptoProvider;
use script::Script;
use std::sync::OnceLock;

/// A script for the algorithms of signatures.
pub fn verify(script: &[u8]) {
    verify::run(&mut Script::new(script));
}

/// A script for the reader of private keys.
pub fn private_key(script: &[u8]) {
    private_key::run(&mut Script::new(script));
}

/// A script for the groups of the key exchange.
pub fn key_share(script: &[u8]) {
    key_share::run(&mut Script::new(script));
}

/// A script for the cipher suites.
pub fn record(script: &[u8]) {
    record::run(&mut Script::new(script));
}

fn ours() -> &'static CryptoProvider {
    static OURS: OnceLock<CryptoProvider> = OnceLock::new();
    OURS.get_or_init(tls_pump_crypto::provider)
}

fn ring() -> &'static CryptoProvider {
    static RING: OnceLock<CryptoProvider> = OnceLock::new();
    RING.get_or_init(rustls::crypto::ring::default_provider)
}
