//! Diffie-Hellman by X25519.

use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

/// The error of a share that is no key.
pub const INVALID: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

/// Secret bytes from the system.
///
/// # Errors
///
/// When there are none.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|_| Error::FailedToGetRandomBytes)?;
    Ok(bytes)
}

/// The group X25519.
#[derive(Debug)]
pub struct X25519;

/// A key of X25519 that one exchange consumes.
pub struct X25519Key {
    secret: StaticSecret,
    public: x25519_dalek::PublicKey,
}

impl X25519Key {
    /// Of shares and secrets, in bytes.
    pub const LEN: usize = 32;

    /// A key of random bytes.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self::new(&*random()?))
    }

    /// The key with this secret.
    #[must_use]
    pub fn new(secret: &[u8; Self::LEN]) -> Self {
        let secret = StaticSecret::from(*secret);
        let public = x25519_dalek::PublicKey::from(&secret);
        Self { secret, public }
    }

    /// The secret shared with a peer.
    ///
    /// # Errors
    ///
    /// [`INVALID`] for keys of small order, with which the secret is all zeros (RFC
    /// 8446 section 7.4.2), and for what is no key.
    pub fn agree(self, peer: &[u8]) -> Result<x25519_dalek::SharedSecret, Error> {
        let peer: [u8; Self::LEN] = peer.try_into().map_err(|_| INVALID)?;
        let shared = self.secret.diffie_hellman(&peer.into());
        match shared.was_contributory() {
            true => Ok(shared),
            false => Err(INVALID),
        }
    }
}

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(X25519Key::generate()?))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl ActiveKeyExchange for X25519Key {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        Ok(self.agree(peer)?.as_bytes()[..].into())
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}
