//! One test for each thing that a reviewer asked of this crate, natively and in
//! guests. What is refused here would be accepted but for the one thing that is
//! wrong with it: each test has one that is accepted beside it.

mod certificates;
mod ed25519;
mod key_shares;
mod limits;
mod private_keys;
mod random;
mod records;
mod rsa;
mod rsa_encodings;
mod rsa_key;

use rustls::SignatureScheme;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm};
use rustls::sign::Signer;
use rustls::{Error, NamedGroup};
use std::sync::Arc;

/// What signatures are of.
const MESSAGE: &[u8] = b"a message";

/// Of many alike, all are tested natively, and in guests, which are slower, each
/// thirteenth.
const STRIDE: usize = if cfg!(target_family = "wasm") { 13 } else { 1 };

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// All algorithms by which this scheme may be verified.
fn algorithms(provider: &CryptoProvider, scheme: SignatureScheme) -> &'static [Algorithm] {
    let mapping = provider.signature_verification_algorithms.mapping;
    let found = mapping.iter().find(|(name, _)| *name == scheme);
    found.expect("the provider has it").1
}

/// Whether a signature is good. Natively *ring* is asked too, which has to say
/// the same.
fn accepts(scheme: SignatureScheme, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let is_good = accepts_alone(scheme, key, message, signature);
    #[cfg(not(target_family = "wasm"))]
    {
        let ring = algorithms(&rustls::crypto::ring::default_provider(), scheme)[0];
        let verified = ring.verify_signature(key, message, signature);
        assert_eq!(verified.is_ok(), is_good, "ring has another opinion");
    }
    is_good
}

/// The same where *ring* has another opinion.
fn accepts_alone(scheme: SignatureScheme, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let algorithm = algorithms(&tls_pump_crypto::provider(), scheme)[0];
    algorithm.verify_signature(key, message, signature).is_ok()
}

fn group(name: NamedGroup) -> &'static dyn SupportedKxGroup {
    let mut groups = tls_pump_crypto::kx_group::ALL.iter();
    *groups.find(|group| group.name() == name).unwrap()
}

/// A private key as applications load it.
fn load(key: PrivateKeyDer<'static>) -> Result<Arc<dyn rustls::sign::SigningKey>, Error> {
    tls_pump_crypto::provider()
        .key_provider
        .load_private_key(key)
}

fn pkcs8(der: &[u8]) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(der.to_vec().into())
}

/// The one signer that a key has.
fn signer(key: &dyn rustls::sign::SigningKey, scheme: SignatureScheme) -> Box<dyn Signer> {
    key.choose_scheme(&[scheme]).expect("it signs by that")
}
