//! Diffie-Hellman on curves.

#[cfg(feature = "pq")]
pub(crate) mod hybrid;

use elliptic_curve::point::AffineCoordinates;
use elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytes, Generate, PublicKey, SecretKey};
use getrandom::SysRng;
use p256::elliptic_curve;
use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup};
use std::fmt;
use std::marker::PhantomData;
use tls_pump_primitives::INVALID;

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

impl<C: CurveArithmetic> NistKey<C> {
    pub(crate) fn new(name: NamedGroup, secret: SecretKey<C>) -> Self {
        let key = secret.public_key();
        let (x, y) = (key.as_affine().x(), key.as_affine().y());
        Self {
            name,
            secret,
            public: [&[UNCOMPRESSED], &x[..], &y[..]].concat(),
        }
    }
}

impl<C: CurveArithmetic> SupportedKxGroup for Nist<C> {
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

impl<C: CurveArithmetic> ActiveKeyExchange for NistKey<C> {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer = point::<C>(peer).ok_or(INVALID)?;
        let peer = PublicKey::<C>::from_affine(peer).map_err(|_| INVALID)?;
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

/// What a point begins with whose coordinates are both there (SEC 1 section
/// 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The point of the curve with both its coordinates in `bytes`: TLS allows no
/// other form (RFC 8446 section 4.2.8.2, RFC 8422 section 5.4.1).
pub(crate) fn point<C: CurveArithmetic>(bytes: &[u8]) -> Option<AffinePoint<C>> {
    let (&UNCOMPRESSED, coordinates) = bytes.split_first()? else {
        return None;
    };
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let x: &FieldBytes<C> = x.try_into().ok()?;
    let y: &FieldBytes<C> = y.try_into().ok()?;
    AffinePoint::<C>::from_coordinates(x, y).into_option()
}
