//! The SASL mechanisms of AUTH as steps without input or output: a response in, a challenge or a
//! verdict out. The session adds base64 and the SMTP replies.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::Mechanism;
use super::scram::Scram;

/// RFC 7677 asks for no fewer.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("not zero");

/// What the next response of the client is. No `Debug`: see [`Scram`].
pub(super) enum Awaiting {
    PlainCredentials,
    LoginUser,
    LoginPassword(String),
    ScramFirst,
    ScramFinal(Scram),
    /// The empty response to the server's final message, and then the user is in.
    ScramEnd(String),
}

/// What follows from a response.
pub(super) enum Step {
    Challenge(Vec<u8>, Awaiting),
    Accepted(String),
    Refused,
    Malformed,
}

impl Awaiting {
    /// The start of an exchange, and the challenge for a client without an initial response.
    pub(super) fn start(mechanism: Mechanism) -> (Vec<u8>, Self) {
        match mechanism {
            Mechanism::Plain => (Vec::new(), Self::PlainCredentials),
            Mechanism::Login => (b"Username:".to_vec(), Self::LoginUser),
            Mechanism::ScramSha256 => (Vec::new(), Self::ScramFirst),
        }
    }

    /// Takes a response; `users` are names and passwords.
    pub(super) fn step(self, response: Vec<u8>, users: &[(String, String)]) -> Step {
        let Ok(response) = String::from_utf8(response) else {
            return Step::Malformed;
        };
        match self {
            Self::PlainCredentials => plain(&response, users),
            Self::LoginUser => {
                Step::Challenge(b"Password:".to_vec(), Self::LoginPassword(response))
            }
            Self::LoginPassword(user) => verdict(user, &response, users),
            Self::ScramFirst => {
                match Scram::new(
                    &response,
                    &STANDARD_NO_PAD.encode(random()),
                    &random(),
                    ITERATIONS,
                ) {
                    Some(scram) => Step::Challenge(
                        scram.server_first.clone().into_bytes(),
                        Self::ScramFinal(scram),
                    ),
                    None => Step::Malformed,
                }
            }
            Self::ScramFinal(scram) => {
                // An unknown user fails only here, as a wrong password does.
                let message = password(&scram.user, users)
                    .and_then(|password| scram.verify(&response, password));
                match message {
                    Some(message) => {
                        Step::Challenge(message.into_bytes(), Self::ScramEnd(scram.user))
                    }
                    None => Step::Refused,
                }
            }
            Self::ScramEnd(user) if response.is_empty() => Step::Accepted(user),
            Self::ScramEnd(_) => Step::Malformed,
        }
    }
}

/// `[authzid] NUL authcid NUL password`, where nobody may act for another.
fn plain(response: &str, users: &[(String, String)]) -> Step {
    let parts: Vec<&str> = response.split('\0').collect();
    match parts[..] {
        [authzid, user, password] if authzid.is_empty() || authzid == user => {
            verdict(user.to_owned(), password, users)
        }
        [_, _, _] => Step::Refused,
        _ => Step::Malformed,
    }
}

fn verdict(user: String, given: &str, users: &[(String, String)]) -> Step {
    match password(&user, users) {
        Some(expected) if same(expected, given) => Step::Accepted(user),
        _ => Step::Refused,
    }
}

fn password<'a>(user: &str, users: &'a [(String, String)]) -> Option<&'a str> {
    let (_, password) = users.iter().find(|(name, _)| name == user)?;
    Some(password)
}

/// Compares in constant time, through MACs because that is the comparison ring offers.
fn same(expected: &str, given: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &random());
    let tag = hmac::sign(&key, expected.as_bytes());
    hmac::verify(&key, given.as_bytes(), tag.as_ref()).is_ok()
}

fn random() -> [u8; 18] {
    let mut bytes = [0; 18];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("random numbers are available");
    bytes
}
