//! The fuzz targets, fed by chance: cargo-fuzz finds more, but needs more.

#![cfg(all(
    feature = "ring",
    feature = "tls12",
    feature = "server",
    not(target_family = "wasm")
))]

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
    vec(any::<u8>(), 0..400).prop_map(Input)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn client(input in input()) {
        targets::client(&input.0);
    }

    #[test]
    fn server(input in input()) {
        targets::server(&input.0);
    }

    #[test]
    fn stream(input in input()) {
        targets::stream(&input.0);
    }
}
