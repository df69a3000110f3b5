//! The fuzz targets, fed by chance: cargo-fuzz finds more, but needs more.

#![cfg(feature = "scram")]

#[allow(unreachable_pub, reason = "the fuzz targets are another crate")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use proptest::collection::vec;
use proptest::prelude::*;

/// Lines that mean something, among any bytes.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => vec(any::<u8>(), 0..20),
        2 => Just(b"250 ok\r\n".to_vec()),
        1 => Just(b"250-ok\r\n".to_vec()),
        1 => Just(b"354 go\r\n".to_vec()),
        1 => Just(b"550 no\r\n".to_vec()),
        1 => Just(b"334 \r\n".to_vec()),
        1 => Just(b"\nSIZE 100\nDSN\nPIPELINING\nAUTH=".to_vec()),
    ];
    vec(part, 0..20).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn replies(how: u8, piece: u8, input in input()) {
        targets::replies(&[vec![how, piece], input].concat());
    }

    #[test]
    fn ehlo(input in input()) {
        targets::ehlo(&input);
    }

    #[test]
    fn challenges(which: u8, input in input()) {
        targets::challenges(&[vec![which], input].concat());
    }
}
