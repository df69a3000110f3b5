//! How many records one key encrypts.

use rustls::{CipherSuite, SupportedCipherSuite};
use tls_pump_crypto::cipher_suite;

fn limit(suite: &SupportedCipherSuite) -> u64 {
    match suite {
        SupportedCipherSuite::Tls13(suite) => suite.common.confidentiality_limit,
        #[cfg(feature = "tls12")]
        SupportedCipherSuite::Tls12(suite) => suite.common.confidentiality_limit,
    }
}

/// 2^24 with AES-GCM, as *ring*'s and RFC 8446 section 5.5 have it.
#[test]
fn each_suite_has_its_limit() {
    let (mut with_aes, mut with_chacha20) = (0, 0);
    for suite in cipher_suite::ALL {
        let name = format!("{:?}", suite.suite());
        let is_aes = name.contains("AES_128_GCM") || name.contains("AES_256_GCM");
        match is_aes {
            true => with_aes += 1,
            false => with_chacha20 += 1,
        }
        assert_eq!(name.contains("CHACHA20_POLY1305"), !is_aes);
        let expected = if is_aes { 1 << 24 } else { u64::MAX };
        assert_eq!(limit(suite), expected, "{name}");
    }
    let each = if cfg!(feature = "tls12") { 3 } else { 1 };
    assert_eq!((with_aes, with_chacha20), (2 * each, each));
}

/// No suite is there twice, and the first is the one that is fast here.
#[test]
fn the_suites_are_in_order() {
    let names: Vec<_> = cipher_suite::ALL
        .iter()
        .map(|suite| suite.suite())
        .collect();
    let first = match cfg!(target_family = "wasm") {
        true => CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        false => CipherSuite::TLS13_AES_256_GCM_SHA384,
    };
    assert_eq!(names[0], first);
    for (at, name) in names.iter().enumerate() {
        assert!(!names[..at].contains(name), "{name:?}");
    }
    let of_13 = cipher_suite::ALL
        .iter()
        .take_while(|suite| suite.tls13().is_some());
    assert_eq!(of_13.count(), 3);
}
