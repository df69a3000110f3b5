//! The SASL mechanisms as steps: a response in, a reply out.

mod scram;

use crate::Mechanism;
use base64ct::{Base64, Base64Unpadded, Encoding as _};
use scram::Scram;
use std::num::NonZeroU32;
use subtle::ConstantTimeEq as _;

/// RFC 7677 asks for no fewer.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("not zero");

/// What the next response of the client is. No `Debug`: see [`Scram`].
pub(crate) enum Awaiting {
    PlainCredentials,
    LoginUser,
    LoginPassword(String),
    ScramFirst,
    ScramFinal(Scram),
    /// The empty response to the server's last message, and then the user is in.
    ScramEnd(String),
}

/// What follows from a response.
pub(crate) struct Verdict {
    pub(crate) reply: String,
    /// What comes after a challenge.
    pub(crate) then: Option<Awaiting>,
    /// Who is in.
    pub(crate) user: String,
}

type Users = [(String, String)];

/// The start of an exchange, and the challenge for a client without an initial response.
pub(crate) fn start(mechanism: &str) -> Option<(Awaiting, String)> {
    let known = Mechanism::ALL
        .into_iter()
        .find(|one| one.name() == mechanism)?;
    let (awaiting, challenge) = match known {
        Mechanism::Plain => (Awaiting::PlainCredentials, ""),
        Mechanism::Login => (Awaiting::LoginUser, "Username:"),
        Mechanism::ScramSha256 => (Awaiting::ScramFirst, ""),
    };
    Some((awaiting, challenge_of(challenge)))
}

impl Awaiting {
    /// Takes a response, in base64; `users` are names and passwords.
    pub(crate) fn step(self, response: &str, users: &Users) -> Verdict {
        let Ok(response) = Base64::decode_vec(response) else {
            return refused("501 5.5.2 not base64");
        };
        let Ok(response) = String::from_utf8(response) else {
            return malformed();
        };
        match self {
            Self::PlainCredentials => plain(&response, users),
            Self::LoginUser => challenge("Password:", Self::LoginPassword(response)),
            Self::LoginPassword(user) => verdict(user, &response, users),
            Self::ScramFirst => {
                let nonce = Base64Unpadded::encode_string(&random());
                match Scram::new(&response, &nonce, &random(), ITERATIONS) {
                    Some(scram) => {
                        let first = scram.server_first.clone();
                        challenge(&first, Self::ScramFinal(scram))
                    }
                    None => malformed(),
                }
            }
            Self::ScramFinal(scram) => {
                // An unknown user fails only here, as a wrong password does.
                let password = password(&scram.user, users);
                match password.and_then(|password| scram.verify(&response, password)) {
                    Some(last) => challenge(&last, Self::ScramEnd(scram.user)),
                    None => refused("535 5.7.8 credentials invalid"),
                }
            }
            Self::ScramEnd(user) if response.is_empty() => accepted(user),
            Self::ScramEnd(_) => malformed(),
        }
    }
}

fn challenge_of(text: &str) -> String {
    format!("334 {}", Base64::encode_string(text.as_bytes()))
}

fn challenge(text: &str, then: Awaiting) -> Verdict {
    Verdict {
        then: Some(then),
        ..refused(&challenge_of(text))
    }
}

fn accepted(user: String) -> Verdict {
    Verdict {
        user,
        ..refused("235 2.7.0 welcome")
    }
}

fn malformed() -> Verdict {
    refused("501 5.5.2 malformed response")
}

fn refused(reply: &str) -> Verdict {
    Verdict {
        reply: reply.to_owned(),
        then: None,
        user: String::new(),
    }
}

/// `[authzid] NUL authcid NUL password`, where nobody may act for another.
fn plain(response: &str, users: &Users) -> Verdict {
    let parts: Vec<&str> = response.split('\0').collect();
    match parts[..] {
        [authzid, user, password] if authzid.is_empty() || authzid == user => {
            verdict(user.to_owned(), password, users)
        }
        [_, _, _] => refused("535 5.7.8 credentials invalid"),
        _ => malformed(),
    }
}

fn verdict(user: String, given: &str, users: &Users) -> Verdict {
    let password = password(&user, users);
    let is_right = |expected: &str| bool::from(expected.as_bytes().ct_eq(given.as_bytes()));
    match password.is_some_and(is_right) {
        true => accepted(user),
        false => refused("535 5.7.8 credentials invalid"),
    }
}

fn password<'a>(user: &str, users: &'a Users) -> Option<&'a str> {
    let (_, password) = users.iter().find(|(name, _)| name == user)?;
    Some(password)
}

fn random() -> [u8; 18] {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).expect("random numbers are available");
    bytes
}
