//! The provider beside others, which compute the same by other code: *ring*,
//! aws-lc-rs and rustls-pure. Whole handshakes with each of them, and the
//! primitives one by one.
//!
//! Each loop counts what it ran: a filter that leaves nothing over is seen.

#![cfg(not(target_family = "wasm"))]

mod client_auth;
mod ends;
mod groups;
mod handshakes;
mod hashes;
mod identity;
mod keys;
mod records;
mod signatures;

use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{CipherSuite, NamedGroup, SignatureScheme, SupportedCipherSuite};
use rustls::{SupportedProtocolVersion, version};

/// Another provider, and what it is called.
#[derive(Clone)]
struct Peer {
    name: &'static str,
    provider: CryptoProvider,
}

fn ours() -> CryptoProvider {
    tls_pump_crypto::provider()
}

fn ring() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn aws_lc() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

fn peers() -> [Peer; 3] {
    [
        ("ring", ring()),
        ("aws-lc-rs", aws_lc()),
        ("rustls-pure", rustls_pure::provider()),
    ]
    .map(|(name, provider)| Peer { name, provider })
}

/// Whether a provider signs with RSA keys and verifies what they signed.
fn has_rsa(provider: &CryptoProvider) -> bool {
    let mut mapping = provider.signature_verification_algorithms.mapping.iter();
    mapping.any(|(scheme, _)| *scheme == SignatureScheme::RSA_PSS_SHA256)
}

/// The suites that both have.
fn suites(peer: &CryptoProvider) -> Vec<CipherSuite> {
    let ours = ours().cipher_suites.into_iter();
    ours.map(|suite| suite.suite())
        .filter(|name| peer.cipher_suites.iter().any(|it| it.suite() == *name))
        .collect()
}

/// The groups that both have, for this version.
fn groups(peer: &CryptoProvider, version: &SupportedProtocolVersion) -> Vec<NamedGroup> {
    let ours = ours().kx_groups.into_iter();
    ours.filter(|group| group.usable_for_version(version.version))
        .map(|group| group.name())
        .filter(|name| peer.kx_groups.iter().any(|it| it.name() == *name))
        .collect()
}

fn suite(provider: &CryptoProvider, name: CipherSuite) -> SupportedCipherSuite {
    let mut all = provider.cipher_suites.iter();
    *all.find(|suite| suite.suite() == name)
        .expect("the provider has it")
}

fn group(provider: &CryptoProvider, name: NamedGroup) -> &'static dyn SupportedKxGroup {
    let mut all = provider.kx_groups.iter();
    *all.find(|group| group.name() == name)
        .expect("the provider has it")
}

/// The provider with one suite and these groups, in this order.
fn only(provider: &CryptoProvider, name: CipherSuite, groups: &[NamedGroup]) -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![suite(provider, name)],
        kx_groups: groups.iter().map(|name| group(provider, *name)).collect(),
        ..provider.clone()
    }
}

/// The versions that this build speaks.
fn versions() -> Vec<&'static SupportedProtocolVersion> {
    vec![
        &version::TLS13,
        #[cfg(feature = "tls12")]
        &version::TLS12,
    ]
}
