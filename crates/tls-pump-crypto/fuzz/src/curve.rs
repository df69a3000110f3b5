//! Points of P-256 and P-384, and signatures that nobody made.

use super::script::Script;
use p256::elliptic_curve::ff::Field as _;
use p256::elliptic_curve::group::Group as _;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::DecompressPoint;
use p256::elliptic_curve::sec1::{ModulusSize, ToSec1Point};
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, CurveGroup as _, FieldBytes, FieldBytesSize, PrimeField as _,
    ProjectivePoint, Scalar,
};

/// A public key and the two numbers of a signature.
pub(crate) struct Signed {
    pub(crate) key: Vec<u8>,
    pub(crate) r: Vec<u8>,
    pub(crate) s: Vec<u8>,
}

/// A point whose x is of the script's choosing, or the next that there is.
fn point<C>(script: &mut Script<'_>) -> (FieldBytes<C>, ProjectivePoint<C>)
where
    C: CurveArithmetic,
    AffinePoint<C>: DecompressPoint<C>,
{
    let mut x = FieldBytes::<C>::default();
    match script.byte() % 4 {
        // As large as the group's order, and a little larger: the field is too.
        0 => {
            x = (-Scalar::<C>::ONE).to_repr();
            add(&mut x, script.number() as u64);
        }
        1 => add(&mut x, script.number() as u64),
        _ => {
            let len = x.len();
            let bytes = script.bytes(len);
            x[..bytes.len()].copy_from_slice(bytes);
            // A field ends soon after this.
            x[0] &= 0x7f;
        }
    }
    let is_odd = script.byte() % 2;
    loop {
        let point = AffinePoint::<C>::decompress(&x, is_odd.into());
        if let Some(point) = point.into_option() {
            return (x, point.into());
        }
        add(&mut x, 1);
    }
}

/// A share of the key exchange.
pub(crate) fn share<C>(script: &mut Script<'_>) -> Vec<u8>
where
    C: CurveArithmetic,
    AffinePoint<C>: DecompressPoint<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let (_, point) = point::<C>(script);
    let point = point.to_affine().to_sec1_point(false);
    point.as_bytes().to_vec()
}

/// Chooses a signature and computes the key for which it is one (SEC 1 section
/// 4.1.6). `None` when there is no such key.
pub(crate) fn forge<C>(hash: &[u8], script: &mut Script<'_>) -> Option<Signed>
where
    C: CurveArithmetic,
    AffinePoint<C>: DecompressPoint<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
    Scalar<C>: Reduce<FieldBytes<C>>,
{
    let (x, point) = point::<C>(script);
    let r = Scalar::<C>::reduce(&x);
    let s = match script.byte() % 8 {
        0 => Scalar::<C>::ONE,
        1 => -Scalar::<C>::ONE,
        _ => {
            let mut bytes = FieldBytes::<C>::default();
            let len = bytes.len();
            let chosen = script.bytes(len);
            bytes[..chosen.len()].copy_from_slice(chosen);
            Scalar::<C>::reduce(&bytes)
        }
    };
    // The leftmost bits of the hash, or zeros and all of it.
    let mut number = FieldBytes::<C>::default();
    let len = hash.len().min(number.len());
    let start = number.len() - len;
    number[start..].copy_from_slice(&hash[..len]);
    let number = Scalar::<C>::reduce(&number);
    let inverse = r.invert().into_option()?;
    let key = (point * s - ProjectivePoint::<C>::generator() * number) * inverse;
    let is_key = !bool::from(key.is_identity()) && !bool::from(s.is_zero());
    is_key.then(|| Signed {
        key: key.to_affine().to_sec1_point(false).as_bytes().to_vec(),
        r: r.to_repr().to_vec(),
        s: s.to_repr().to_vec(),
    })
}

/// Makes a point half as long: it is the same, in a form that TLS does not have.
pub(crate) fn compress(point: &mut Vec<u8>) {
    let is_odd = point.last().is_some_and(|last| last & 1 == 1);
    point.truncate(point.len() / 2 + 1);
    point[0] = 2 + u8::from(is_odd);
}

/// The group's order, less one.
pub(crate) fn last<C: CurveArithmetic>() -> Vec<u8> {
    (-Scalar::<C>::ONE).to_repr().to_vec()
}

/// Adds to a number in big endian, modulo its length.
pub(crate) fn add(number: &mut [u8], value: u64) {
    let mut carry = value;
    for byte in number.iter_mut().rev() {
        carry += u64::from(*byte);
        *byte = carry as u8;
        carry >>= 8;
    }
}
