//! X25519MLKEM768: the shares and secrets of ML-KEM-768 and of X25519, one after
//! the other (draft-ietf-tls-ecdhe-mlkem section 4).

use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::{DecapsulationKey, EncapsulationKey, MlKem768};
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, ProtocolVersion};
use tls_pump_primitives::{INVALID, X25519Key, random};
use zeroize::Zeroizing;

/// Of each of the two parts of the secret.
const SECRET_LEN: usize = 32;

/// The group X25519MLKEM768.
#[derive(Debug)]
pub(crate) struct X25519MlKem768;

/// The client's keys, which one exchange consumes.
pub(crate) struct HybridKey {
    ml_kem: DecapsulationKey<MlKem768>,
    x25519: Box<X25519Key>,
    share: Vec<u8>,
}

impl HybridKey {
    pub(crate) fn new(seed: &[u8; 64], x25519: X25519Key) -> Self {
        let ml_kem = DecapsulationKey::<MlKem768>::from_seed((*seed).into());
        let mut share = ml_kem.encapsulation_key().to_bytes().to_vec();
        share.extend_from_slice(x25519.pub_key());
        Self {
            ml_kem,
            x25519: Box::new(x25519),
            share,
        }
    }
}

/// The server's side, of its own secrets and the client's share.
pub(crate) fn answer(
    client: &[u8],
    message: &[u8; 32],
    x25519: X25519Key,
) -> Result<CompletedKeyExchange, Error> {
    let (key, point) = split(client)?;
    let key = key.try_into().map_err(|_| INVALID)?;
    // It checks that the coefficients are reduced (FIPS 203 section 7.2).
    let key = EncapsulationKey::<MlKem768>::new(key).map_err(|_| INVALID)?;
    let (ciphertext, ml_kem) = key.encapsulate_deterministic(&(*message).into());
    let ml_kem = Zeroizing::new(ml_kem.0);
    let mut pub_key = ciphertext.to_vec();
    pub_key.extend_from_slice(x25519.pub_key());
    Ok(CompletedKeyExchange {
        group: NamedGroup::X25519MLKEM768,
        pub_key,
        secret: secret(&ml_kem, x25519, point)?,
    })
}

impl SupportedKxGroup for X25519MlKem768 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let seed = random::<64>()?;
        Ok(Box::new(HybridKey::new(&seed, X25519Key::generate()?)))
    }

    fn start_and_complete(&self, client: &[u8]) -> Result<CompletedKeyExchange, Error> {
        answer(client, &*random::<32>()?, X25519Key::generate()?)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

impl ActiveKeyExchange for HybridKey {
    /// A ciphertext that was not made for our key gives a secret that the peer
    /// does not have (FIPS 203 section 6.3), and the handshake ends with it.
    fn complete(self: Box<Self>, server: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, point) = split(server)?;
        let ml_kem = self.ml_kem.decapsulate_slice(ciphertext);
        let ml_kem = Zeroizing::new(ml_kem.map_err(|_| INVALID)?.0);
        secret(&ml_kem, *self.x25519, point)
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((NamedGroup::X25519, self.x25519.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, server: &[u8]) -> Result<SharedSecret, Error> {
        self.x25519.complete(server)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

/// A share's two parts, that of X25519 last; the other one's length is for the
/// caller to check.
fn split(share: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let middle = share.len().checked_sub(X25519Key::LEN).ok_or(INVALID)?;
    Ok(share.split_at(middle))
}

fn secret(
    ml_kem: &[u8; SECRET_LEN],
    x25519: X25519Key,
    point: &[u8],
) -> Result<SharedSecret, Error> {
    let shared = x25519.agree(point)?;
    let mut secret = Zeroizing::new([0; 2 * SECRET_LEN]);
    secret[..SECRET_LEN].copy_from_slice(ml_kem);
    secret[SECRET_LEN..].copy_from_slice(shared.as_bytes());
    Ok(secret[..].into())
}
