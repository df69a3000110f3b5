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

/// A failure of a write that a read kept back comes with the next flush.
#[test]
fn an_input_of_the_stream_target_that_failed_once() {
    let input = b"\x17\x02\x59\x5b\xf8\xf1\x96\xee\x60\x3c\x77\xb9\xf6\x08\x40\xc4\x83\x35\x22\x4b\
        \x7e\xf6\x16\x0a\x67\x4c\x38\xce\x05\xe5\xd6\x4a\xf6\xaa\x19\xb1\x5f\x72\x77\xdd\
        \x85\xf8\x25\xbe\x27\x3b\x07\x14\xc9\xf4\xe7\xe7\x00\x00\x5b";
    targets::stream(input);
}
