//! AUTH: mechanisms, credentials and their exchanges, without I/O.
//!
//! Source: RFC 4954 (AUTH), RFC 4422 (SASL).

mod credentials;
mod exchange;
#[cfg(feature = "scram")]
mod scram;

pub use credentials::Credentials;
pub(crate) use exchange::{Binding, Exchange, Response};

use std::fmt;

/// How a client proves who it is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// SCRAM-SHA-256-PLUS: RFC 5802, RFC 7677, bound to the TLS connection by
    /// `tls-exporter` (RFC 9266).
    ScramSha256Plus,
    /// SCRAM-SHA-1-PLUS: RFC 5802, bound to the TLS connection.
    ScramSha1Plus,
    /// SCRAM-SHA-256: RFC 5802, RFC 7677.
    ScramSha256,
    /// SCRAM-SHA-1: RFC 5802.
    ScramSha1,
    /// PLAIN: RFC 4616. The password itself goes to the server.
    Plain,
    /// LOGIN, which no RFC describes. The password itself goes to the server.
    Login,
    /// OAUTHBEARER: RFC 7628.
    OAuthBearer,
    /// XOAUTH2: what Google and Microsoft had before OAUTHBEARER.
    XOAuth2,
    /// EXTERNAL: RFC 4422 appendix A. The TLS client certificate says who it is.
    External,
}

const MECHANISMS: [(Mechanism, &str); 9] = [
    (Mechanism::ScramSha256Plus, "SCRAM-SHA-256-PLUS"),
    (Mechanism::ScramSha1Plus, "SCRAM-SHA-1-PLUS"),
    (Mechanism::ScramSha256, "SCRAM-SHA-256"),
    (Mechanism::ScramSha1, "SCRAM-SHA-1"),
    (Mechanism::Plain, "PLAIN"),
    (Mechanism::Login, "LOGIN"),
    (Mechanism::OAuthBearer, "OAUTHBEARER"),
    (Mechanism::XOAuth2, "XOAUTH2"),
    (Mechanism::External, "EXTERNAL"),
];

impl Mechanism {
    /// Every mechanism, best first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        MECHANISMS.iter().map(|(mechanism, _)| *mechanism)
    }

    /// The mechanism of that name, in any case; `None` for one that is not known.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let named = |(_, known): &&(Self, &str)| name.eq_ignore_ascii_case(known);
        MECHANISMS
            .iter()
            .find(named)
            .map(|(mechanism, _)| *mechanism)
    }

    pub(crate) fn bit(self) -> u16 {
        1 << self as u16
    }

    /// Its challenges are prompts or reasons of failure.
    pub(crate) fn may_say_anything(self) -> bool {
        self == Self::Login || self.gives_reasons()
    }

    /// Its only challenge says why it fails (RFC 7628 section 3.2.2).
    pub(crate) fn gives_reasons(self) -> bool {
        matches!(self, Self::OAuthBearer | Self::XOAuth2)
    }

    /// It is SCRAM without a binding, by which the client says whether it could bind.
    pub(crate) fn is_unbound_scram(self) -> bool {
        matches!(self, Self::ScramSha256 | Self::ScramSha1)
    }

    /// It is bound to the TLS connection.
    pub(crate) fn is_bound(self) -> bool {
        matches!(self, Self::ScramSha256Plus | Self::ScramSha1Plus)
    }
}

impl fmt::Display for Mechanism {
    /// Its name in AUTH.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MECHANISMS[*self as usize].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_mechanisms() {
        for (index, (mechanism, name)) in MECHANISMS.into_iter().enumerate() {
            assert_eq!(mechanism as usize, index);
            assert_eq!(mechanism.to_string(), name);
            assert_eq!(Mechanism::named(&name.to_lowercase()), Some(mechanism));
        }
        assert_eq!(Mechanism::named("CRAM-MD5"), None);
    }
}
