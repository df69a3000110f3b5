//! The exchange of each mechanism: challenges in, responses out.

#[cfg(feature = "scram")]
use super::scram::{Hash, Scram};
use super::{Credentials, Mechanism};
use zeroize::Zeroizing;

/// A response before it is encoded.
pub(crate) type Response = Zeroizing<Vec<u8>>;

/// A running exchange.
pub(crate) enum Exchange {
    /// One message says it all; behind it come only reasons of failure, which
    /// this answers.
    Single {
        message: Option<Response>,
        answer: &'static [u8],
    },
    /// The user name, then the password.
    Login { asked: u8 },
    #[cfg(feature = "scram")]
    Scram(Box<Scram>),
}

/// What the server's side is bound to.
#[cfg_attr(not(feature = "scram"), expect(dead_code, reason = "SCRAM's alone"))]
pub(crate) struct Binding {
    /// The connection's `tls-exporter`.
    pub(crate) exporter: Option<[u8; 32]>,
    /// The caller allows a mechanism that is bound.
    pub(crate) allowed: bool,
}

impl Exchange {
    /// Why it can't be, as the text of an error, when it can't.
    pub(crate) fn new(
        mechanism: Mechanism,
        credentials: &Credentials,
        binding: &Binding,
    ) -> Result<Self, &'static str> {
        let single = |message: Vec<u8>, answer| Self::Single {
            message: Some(Zeroizing::new(message)),
            answer,
        };
        let (user, secret) = (credentials.user(), credentials.secret());
        let acts_as = credentials.acts_as().unwrap_or_default();
        Ok(match mechanism {
            // RFC 4616 section 2.
            Mechanism::Plain => single(join(&[acts_as, "\0", user, "\0", secret]), b""),
            Mechanism::Login => Self::Login { asked: 0 },
            Mechanism::XOAuth2 => single(
                join(&["user=", user, "\x01auth=Bearer ", secret, "\x01\x01"]),
                b"",
            ),
            // RFC 7628 sections 3.1 and 3.2.3; the answer to a failure is one
            // control character.
            Mechanism::OAuthBearer => {
                let acts_as = saslname(credentials.acts_as().unwrap_or(user));
                single(
                    join(&["n,a=", &acts_as, ",\x01auth=Bearer ", secret, "\x01\x01"]),
                    b"\x01",
                )
            }
            // RFC 4422 appendix A.
            Mechanism::External => single(acts_as.into(), b""),
            #[cfg(feature = "scram")]
            Mechanism::ScramSha256Plus | Mechanism::ScramSha256 => {
                let scram = Scram::new(Hash::Sha256, mechanism.is_bound(), credentials, binding)?;
                Self::Scram(Box::new(scram))
            }
            #[cfg(feature = "scram")]
            Mechanism::ScramSha1Plus | Mechanism::ScramSha1 => {
                let scram = Scram::new(Hash::Sha1, mechanism.is_bound(), credentials, binding)?;
                Self::Scram(Box::new(scram))
            }
            #[cfg(not(feature = "scram"))]
            _ => {
                let _ = binding;
                return Err("SCRAM needs the feature `scram` of smtp-session");
            }
        })
    }

    /// What may go with AUTH itself, for mechanisms in which the client begins.
    pub(crate) fn initial(&mut self) -> Option<Response> {
        match self {
            Self::Single { message, .. } => message.take(),
            Self::Login { .. } => None,
            #[cfg(feature = "scram")]
            Self::Scram(scram) => Some(scram.first()),
        }
    }

    /// The response to a challenge.
    pub(crate) fn respond(
        &mut self,
        challenge: &[u8],
        credentials: &Credentials,
    ) -> Result<Response, &'static str> {
        #[cfg(not(feature = "scram"))]
        let _ = challenge;
        match self {
            Self::Single { answer, .. } => Ok(answer.to_vec().into()),
            // Whatever the server calls them, the name is asked for first.
            Self::Login { asked } => {
                *asked += 1;
                match asked {
                    1 => Ok(join(&[credentials.user()]).into()),
                    2 => Ok(join(&[credentials.secret()]).into()),
                    _ => Err("the server asks for more than a user name and a password"),
                }
            }
            #[cfg(feature = "scram")]
            Self::Scram(scram) => scram.respond(challenge),
        }
    }

    /// Whether the server may say that it succeeded.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Single { .. } => true,
            Self::Login { asked } => *asked == 2,
            #[cfg(feature = "scram")]
            Self::Scram(scram) => scram.is_verified(),
        }
    }
}

/// Without a copy left behind.
fn join(parts: &[&str]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        joined.extend_from_slice(part.as_bytes());
    }
    joined
}

/// Source: RFC 5801 section 4 (`saslname`).
pub(super) fn saslname(name: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(name.len() * 3));
    for c in name.chars() {
        match c {
            ',' => escaped.push_str("=2C"),
            '=' => escaped.push_str("=3D"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Binding = Binding {
        exporter: None,
        allowed: true,
    };

    fn initial(mechanism: Mechanism, credentials: &Credentials) -> Vec<u8> {
        let mut exchange = Exchange::new(mechanism, credentials, &NONE).expect("an exchange");
        exchange.initial().expect("an initial response").to_vec()
    }

    #[test]
    fn each_initial_response() {
        let password = Credentials::password("us,er", "pass").expect("credentials");
        assert_eq!(initial(Mechanism::Plain, &password), b"\0us,er\0pass");
        let other = password.act_as("other").expect("a name");
        assert_eq!(initial(Mechanism::Plain, &other), b"other\0us,er\0pass");
        let token = Credentials::oauth_token("us,er=", "tok").expect("credentials");
        assert_eq!(
            initial(Mechanism::XOAuth2, &token),
            b"user=us,er=\x01auth=Bearer tok\x01\x01"
        );
        assert_eq!(
            initial(Mechanism::OAuthBearer, &token),
            b"n,a=us=2Cer=3D,\x01auth=Bearer tok\x01\x01"
        );
        let external = Credentials::external();
        assert_eq!(initial(Mechanism::External, &external), b"");
        let external = external.act_as("me").expect("a name");
        assert_eq!(initial(Mechanism::External, &external), b"me");
    }

    #[test]
    fn a_failure_is_answered_as_the_mechanism_wants() {
        let token = Credentials::oauth_token("u", "t").expect("credentials");
        for (mechanism, answer) in [
            (Mechanism::XOAuth2, &b""[..]),
            (Mechanism::OAuthBearer, b"\x01"),
        ] {
            let mut exchange = Exchange::new(mechanism, &token, &NONE).expect("an exchange");
            let response = exchange.respond(b"{\"status\":\"401\"}", &token);
            assert_eq!(response.expect("an answer").as_slice(), answer);
        }
    }

    #[test]
    fn login_answers_two_prompts_of_any_text() {
        let password = Credentials::password("u", "p").expect("credentials");
        let mut exchange = Exchange::new(Mechanism::Login, &password, &NONE).expect("an exchange");
        assert!(exchange.initial().is_none());
        for (prompt, answer) in [(&b"User Name\0"[..], b"u"), (b"", b"p")] {
            assert!(!exchange.is_complete());
            let response = exchange.respond(prompt, &password).expect("an answer");
            assert_eq!(response.as_slice(), answer);
        }
        assert!(exchange.is_complete());
        assert!(exchange.respond(b"more", &password).is_err());
    }
}
