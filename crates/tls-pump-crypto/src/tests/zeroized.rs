//! What holds secrets wipes them when it is dropped: this does not compile
//! where a feature for it is off. (Natively, other providers could turn them on
//! for the tests; in guests there are none.)

use p256::NistP256;
use p256::elliptic_curve::SecretKey;
use p384::NistP384;
use zeroize::ZeroizeOnDrop;

const fn is_wiped<T: ZeroizeOnDrop>() {}

const _: () = {
    is_wiped::<SecretKey<NistP256>>();
    is_wiped::<SecretKey<NistP384>>();
    is_wiped::<p256::ecdh::SharedSecret>();
    is_wiped::<p384::ecdh::SharedSecret>();
};

#[cfg(feature = "pq")]
const _: () = {
    is_wiped::<ml_kem::DecapsulationKey<ml_kem::MlKem768>>();
    is_wiped::<sha3::Sha3_256>();
    is_wiped::<sha3::Sha3_512>();
    is_wiped::<shake::Shake128>();
    is_wiped::<shake::Shake256>();
};

const _: () = {
    is_wiped::<p256::ecdsa::SigningKey>();
    is_wiped::<p384::ecdsa::SigningKey>();
    is_wiped::<ed25519_dalek::SigningKey>();
};

/// It wipes itself too, but has no trait that says so.
#[test]
fn ed25519_has_the_feature() {
    const MANIFEST: &str = include_str!("../../Cargo.toml");
    // As it is written here, or as cargo writes it for the registry.
    let (here, packed) = ("\ned25519 = {", "[dependencies.ed25519]\n");
    let own = MANIFEST
        .split_once(here)
        .map(|(_, rest)| rest.lines().next());
    let of_package = || {
        MANIFEST
            .split_once(packed)
            .map(|(_, rest)| rest.split("\n\n").next())
    };
    let dependency = own.or_else(of_package).flatten().unwrap();
    assert!(dependency.contains("\"zeroize\""), "{dependency}");
}
