//! Diffie-Hellman on curves.

#[cfg(feature = "pq")]
pub(crate) mod hybrid;

use elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytesSize, Generate, PublicKey, SecretKey,
};
use getrandom::SysRng;
use p256::elliptic_curve;
use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use std::fmt;
use std::marker::PhantomData;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

pub(crate) const INVALID: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

/// Secret bytes from the system.
fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|_| Error::FailedToGetRandomBytes)?;
    Ok(bytes)
}

/// The group X25519.
#[derive(Debug)]
pub(crate) struct X25519;

/// A key of X25519 that one exchange consumes.
pub(crate) struct X25519Key {
    secret: StaticSecret,
    public: x25519_dalek::PublicKey,
}

impl X25519Key {
    pub(crate) const LEN: usize = 32;

    fn generate() -> Result<Self, Error> {
        Ok(Self::new(&*random()?))
    }

    pub(crate) fn new(secret: &[u8; Self::LEN]) -> Self {
        let secret = StaticSecret::from(*secret);
        let public = x25519_dalek::PublicKey::from(&secret);
        Self { secret, public }
    }

    /// Refuses keys of small order, with which the secret is all zeros (RFC 8446
    /// section 7.4.2).
    fn agree(self, peer: &[u8]) -> Result<x25519_dalek::SharedSecret, Error> {
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

/// The group of a NIST curve.
pub(crate) struct Nist<C> {
    name: NamedGroup,
    curve: PhantomData<fn() -> C>,
}

impl<C> Nist<C> {
    pub(crate) const fn new(name: NamedGroup) -> Self {
        let curve = PhantomData;
        Self { name, curve }
    }
}

impl<C> fmt::Debug for Nist<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)
    }
}

/// A key of a NIST curve that one exchange consumes.
pub(crate) struct NistKey<C: CurveArithmetic> {
    name: NamedGroup,
    secret: SecretKey<C>,
    public: Vec<u8>,
}

impl<C> NistKey<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    pub(crate) fn new(name: NamedGroup, secret: SecretKey<C>) -> Self {
        let public = secret.public_key().as_affine().to_sec1_point(false);
        Self {
            name,
            secret,
            public: public.as_bytes().to_vec(),
        }
    }
}

impl<C> SupportedKxGroup for Nist<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = SecretKey::<C>::try_generate_from_rng(&mut SysRng)
            .map_err(|_| Error::FailedToGetRandomBytes)?;
        Ok(Box::new(NistKey::new(self.name, secret)))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        self.name
    }
}

impl<C> ActiveKeyExchange for NistKey<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer = uncompressed(peer).ok_or(INVALID)?;
        let peer = PublicKey::<C>::from_sec1_bytes(peer).map_err(|_| INVALID)?;
        let shared = self.secret.diffie_hellman(&peer);
        Ok(shared.raw_secret_bytes()[..].into())
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        self.name
    }
}

/// `point` if it says that both its coordinates are there: TLS allows no other
/// (RFC 8446 section 4.2.8.2, RFC 8422 section 5.4.1).
pub(crate) fn uncompressed(point: &[u8]) -> Option<&[u8]> {
    (point.first() == Some(&4)).then_some(point)
}
