//! The fuzz targets, fed by chance: cargo-fuzz finds more, but needs more.

#![cfg(all(feature = "pq", feature = "tls12", not(target_family = "wasm")))]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use proptest::collection::vec;
use proptest::prelude::*;

/// An input as `printf` takes it, to make a file of it for cargo-fuzz.
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("printf '")?;
        self.0
            .iter()
            .try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        f.write_str("'")
    }
}

fn input() -> impl Strategy<Value = Input> {
    vec(any::<u8>(), 0..100).prop_map(Input)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn verify(input in input()) {
        targets::verify(&input.0);
    }

    #[test]
    fn private_key(input in input()) {
        targets::private_key(&input.0);
    }

    #[test]
    fn key_share(input in input()) {
        targets::key_share(&input.0);
    }

    #[test]
    fn record(input in input()) {
        targets::record(&input.0);
    }
}
