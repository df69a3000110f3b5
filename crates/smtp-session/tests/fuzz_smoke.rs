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

/// Pieces of mails.
#[cfg(feature = "reencode")]
fn mail() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 14] = [
        "MIME-Version: 1.0\n",
        "Content-Type: multipart/mixed; boundary=b\n",
        "Content-Type: message/rfc822\n",
        "Content-Type: text/plain; charset=utf-8\n",
        "Content-Type: image/png\n",
        "Content-Transfer-Encoding: base64\n",
        "Content-Transfer-Encoding: quoted-printable\n",
        "Content-Transfer-Encoding: 8bit\n",
        "Subject: x\n y\n",
        "\n--b\n",
        "\n--b--\n",
        "\n\n",
        "=41\r\u{e4}",
        "QUJD",
    ];
    let part = prop_oneof![
        4 => (0..PIECES.len()).prop_map(|piece| PIECES[piece].as_bytes().to_vec()),
        1 => (990..1010_usize).prop_map(|len| vec![b'x'; len]),
        1 => vec(any::<u8>(), 0..9),
    ];
    vec(part, 0..16).prop_map(|parts| parts.concat())
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

    #[cfg(feature = "reencode")]
    #[test]
    fn reencode(mail in mail()) {
        targets::reencode(&mail);
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
