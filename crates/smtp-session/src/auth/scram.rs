//! SCRAM-SHA-1 and SCRAM-SHA-256, with and without channel binding.
//!
//! Source: RFC 5802, RFC 7677 (SHA-256), RFC 9266 (`tls-exporter`).

use super::Credentials;
use super::exchange::{Binding, Response, saslname};
use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The fewest rounds that a server may ask for (RFC 7677 section 4).
const MIN_ITERATIONS: u32 = 4096;

/// The most: about a second of work in a component.
const MAX_ITERATIONS: u32 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

type Digest = Zeroizing<Vec<u8>>;

impl Hash {
    fn digest(self, data: &[u8]) -> Digest {
        Zeroizing::new(match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
        })
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Digest {
        const ANY: &str = "HMAC takes keys of any length";
        Zeroizing::new(match self {
            Self::Sha1 => {
                let mut mac = Hmac::<Sha1>::new_from_slice(key).expect(ANY);
                mac.update(data);
                mac.finalize().into_bytes().to_vec()
            }
            Self::Sha256 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect(ANY);
                mac.update(data);
                mac.finalize().into_bytes().to_vec()
            }
        })
    }

    /// `Hi` of RFC 5802 section 2.2.
    fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Digest {
        let mut salted = Zeroizing::new(vec![0; self.digest(b"").len()]);
        match self {
            Self::Sha1 => {
                pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut salted);
            }
            Self::Sha256 => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted);
            }
        }
        salted
    }
}

pub(crate) struct Scram {
    hash: Hash,
    /// `gs2-header`, then what the connection is bound to.
    binding: Vec<u8>,
    gs2_len: usize,
    nonce: String,
    bare: Zeroizing<String>,
    password: Zeroizing<String>,
    state: State,
}

enum State {
    /// Waits for `server-first-message`.
    First,
    /// Waits for `server-final-message` with this signature.
    Final(Digest),
    /// The server has proved that it knows the password.
    Verified,
    /// The server has said that the proof is wrong; its reply follows.
    Refused,
}

impl Scram {
    pub(super) fn new(
        hash: Hash,
        bound: bool,
        credentials: &Credentials,
        binding: &Binding,
    ) -> Result<Self, &'static str> {
        let mut random = [0; 18];
        getrandom::fill(&mut random).map_err(|_| "the system has no random numbers")?;
        let nonce = Base64::encode_string(&random);
        Self::with_nonce(hash, bound, credentials, binding, nonce)
    }

    fn with_nonce(
        hash: Hash,
        bound: bool,
        credentials: &Credentials,
        binding: &Binding,
        nonce: String,
    ) -> Result<Self, &'static str> {
        let exporter = binding.exporter.filter(|_| bound);
        // RFC 5802 section 6: `y` tells a server that does offer it that someone
        // between has taken the offer away. Without it that one could ask for `n`.
        let flag = match (exporter, binding.exporter) {
            (Some(_), _) => "p=tls-exporter",
            (None, Some(_)) if binding.allowed => "y",
            _ => "n",
        };
        let acts_as = credentials.acts_as().map(saslname);
        let acts_as = acts_as.map_or_else(String::new, |user| format!("a={}", user.as_str()));
        let gs2 = format!("{flag},{acts_as},");
        let user = saslname(&prepare(credentials.user())?);
        Ok(Self {
            hash,
            gs2_len: gs2.len(),
            binding: [gs2.as_bytes(), exporter.as_ref().map_or(&[], |data| data)].concat(),
            bare: Zeroizing::new(format!("n={},r={nonce}", user.as_str())),
            nonce,
            password: prepare(credentials.secret())?,
            state: State::First,
        })
    }

    /// `client-first-message`.
    pub(super) fn first(&self) -> Response {
        let gs2 = &self.binding[..self.gs2_len];
        Zeroizing::new([gs2, self.bare.as_bytes()].concat())
    }

    pub(super) fn is_verified(&self) -> bool {
        matches!(self.state, State::Verified)
    }

    pub(super) fn respond(&mut self, challenge: &[u8]) -> Result<Response, &'static str> {
        const ODD: &str = "the server's part of SCRAM is not as RFC 5802 has it";
        let challenge = std::str::from_utf8(challenge).map_err(|_| ODD)?;
        match &self.state {
            State::First => {
                let first = ServerFirst::parse(challenge, &self.nonce).ok_or(ODD)?;
                if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&first.iterations) {
                    return Err(
                        "the server asks for fewer than 4096 or more than 1000000 rounds of SCRAM",
                    );
                }
                Ok(self.prove(challenge, &first))
            }
            State::Final(expected) => {
                let mut attributes = challenge.split(',');
                let verdict = attributes.next().unwrap_or_default();
                if verdict.starts_with("e=") {
                    self.state = State::Refused;
                    return Ok(Response::default());
                }
                let signature = verdict.strip_prefix("v=").ok_or(ODD)?;
                let signature = Base64::decode_vec(signature).map_err(|_| ODD)?;
                if !bool::from(signature.ct_eq(expected)) {
                    return Err("the server does not know the password: it may be another");
                }
                self.state = State::Verified;
                Ok(Response::default())
            }
            State::Verified | State::Refused => Err(ODD),
        }
    }

    /// `client-final-message`: RFC 5802 section 3.
    fn prove(&mut self, server_first: &str, first: &ServerFirst<'_>) -> Response {
        let password = &self.password;
        let hash = self.hash;
        let salted = hash.salted(password.as_bytes(), &first.salt, first.iterations);
        let client_key = hash.hmac(&salted, b"Client Key");
        let binding = Base64::encode_string(&self.binding);
        let without_proof = format!("c={binding},r={}", first.nonce);
        let message = Zeroizing::new(format!(
            "{},{server_first},{without_proof}",
            self.bare.as_str()
        ));
        let signature = hash.hmac(&hash.digest(&client_key), message.as_bytes());
        let mut proof = client_key;
        proof
            .iter_mut()
            .zip(signature.iter())
            .for_each(|(a, b)| *a ^= b);
        let server_key = hash.hmac(&salted, b"Server Key");
        self.state = State::Final(hash.hmac(&server_key, message.as_bytes()));
        let proof = Zeroizing::new(Base64::encode_string(&proof));
        Zeroizing::new([without_proof.as_bytes(), b",p=", proof.as_bytes()].concat())
    }
}

/// `server-first-message`.
struct ServerFirst<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> ServerFirst<'a> {
    /// `None` for another form, for extensions that must be known (`m=`), and for
    /// a nonce that does not go on from ours.
    fn parse(message: &'a str, client_nonce: &str) -> Option<Self> {
        let mut attributes = message.split(',');
        let nonce = attributes.next()?.strip_prefix("r=")?;
        let salt = attributes.next()?.strip_prefix("s=")?;
        let iterations = attributes.next()?.strip_prefix("i=")?;
        let printable = |b: u8| matches!(b, b'!'..=b'~');
        let fits = nonce.len() > client_nonce.len()
            && nonce.starts_with(client_nonce)
            && nonce.bytes().all(printable)
            && iterations.bytes().all(|b| b.is_ascii_digit());
        let salt = Base64::decode_vec(salt).ok()?;
        (fits && !salt.is_empty()).then_some(Self {
            nonce,
            salt,
            iterations: iterations.parse().ok()?,
        })
    }
}

/// SASLprep (RFC 4013), as RFC 5802 section 5.1 has it for names and passwords.
fn prepare(text: &str) -> Result<Zeroizing<String>, &'static str> {
    // Printable ASCII stays as it is.
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Ok(Zeroizing::new(text.to_owned()));
    }
    #[cfg(feature = "saslprep")]
    {
        let prepared = stringprep::saslprep(text).map_err(|_| {
            "the user name or password has characters that SCRAM does not allow (RFC 4013): choose another"
        })?;
        if prepared.is_empty() {
            return Err("nothing is left of the user name or password by SASLprep: choose another");
        }
        Ok(Zeroizing::new(prepared.into_owned()))
    }
    #[cfg(not(feature = "saslprep"))]
    Err(
        "SCRAM with a user name or password beyond ASCII needs the feature `saslprep` of smtp-session",
    )
}

#[cfg(test)]
mod tests;
