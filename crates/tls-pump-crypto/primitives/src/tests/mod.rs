//! The vectors of project Wycheproof, natively and in guests. Each test says how
//! many of them must pass and how many must be refused, so that none is skipped
//! unseen.

mod aead;
mod hmac;
mod x25519;
mod zeroized;

use wycheproof::TestResult;

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
