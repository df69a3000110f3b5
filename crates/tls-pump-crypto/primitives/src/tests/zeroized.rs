//! What holds secrets wipes them when it is dropped: this does not compile
//! where a feature for it is off. (Natively, other providers could turn them on
//! for the tests; in guests there are none.)

use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use sha2::{Sha256, Sha384};
use zeroize::ZeroizeOnDrop;

const fn is_wiped<T: ZeroizeOnDrop>() {}

const _: () = {
    is_wiped::<Aes128Gcm>();
    is_wiped::<Aes256Gcm>();
    is_wiped::<ChaCha20Poly1305>();
};

// HMAC is made of the cores and the buffer that these are made of.
const _: () = {
    is_wiped::<Sha256>();
    is_wiped::<Sha384>();
};

const _: () = {
    is_wiped::<x25519_dalek::StaticSecret>();
    is_wiped::<x25519_dalek::SharedSecret>();
};

/// It wipes itself too, but has no trait that says so.
#[test]
fn poly1305_has_the_feature() {
    const MANIFEST: &str = include_str!("../../Cargo.toml");
    // As it is written here, or as cargo writes it for the registry.
    let (here, packed) = ("\npoly1305 = {", "[dependencies.poly1305]\n");
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
