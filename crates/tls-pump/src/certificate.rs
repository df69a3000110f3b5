//! What can be wrong with a certificate, and what to do about it.

use crate::policy::hex;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, OtherError};
use std::fmt;
use std::sync::Arc;
use webpki::InvalidNameContext;

/// What is wrong with a certificate.
///
/// The text says what it is and what helps; the names in it are escaped, as the
/// peer chose them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateErrorKind {
    /// Its time, or that of one above it, is over.
    Expired,
    /// Its time has not come, or the clock of this side is wrong.
    NotYetValid,
    /// The chain that was sent leads to no root that is trusted here.
    UnknownIssuer,
    /// The peer sent no issuer of its own certificate, and none is trusted here.
    IncompleteChain,
    /// It was issued by itself, and is not trusted.
    SelfSigned,
    /// It is for other names than the host asked for.
    NameMismatch {
        /// The host.
        expected: String,
        /// The names it is for, the first 20 of them.
        presented: Vec<String>,
    },
    /// It is not for the IP address asked for.
    AddressMismatch {
        /// The address.
        expected: String,
        /// The names and addresses it is for, the first 20 of them.
        presented: Vec<String>,
    },
    /// Its issuer took it back, says a CRL.
    Revoked,
    /// No CRL that was given, and is valid, says whether it was taken back.
    RevocationUnknown,
    /// A signature is wrong: an issuer's, or the peer's over the handshake.
    BadSignature,
    /// It is not meant for TLS servers (RFC 5280 section 4.2.1.12).
    InvalidPurpose,
    /// It is the certificate of a CA, not of a server (RFC 5280 section 4.2.1.9).
    CaUsedAsEndEntity,
    /// Its issuer is no CA.
    EndEntityUsedAsCa,
    /// Its issuer may not issue for this name (RFC 5280 section 4.2.1.10).
    NameConstraintViolation,
    /// An RSA key in it is shorter than 2048 bits.
    WeakKey,
    /// It is signed in a way that is not accepted, as with SHA-1.
    UnsupportedSignatureAlgorithm,
    /// Its key is none of the pinned ones.
    NotPinned {
        /// The SHA-256 of its SubjectPublicKeyInfo: the pin that would fit.
        presented: [u8; 32],
    },
    /// No TLSA record matches.
    NoTlsaMatch,
    /// Something else; `source()` of the error has the verifier's words.
    Other,
}

impl fmt::Display for CertificateErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => {
                "it has expired, or one above it has; the server's owner must renew it"
            }
            Self::NotYetValid => "it is not valid yet; check this machine's clock",
            Self::UnknownIssuer => {
                "its issuer is not trusted here; add the issuing CA's certificate to the roots if you trust it"
            }
            Self::IncompleteChain => {
                "its issuer was not sent by the server and is not trusted here; add the CA to the roots if it is your own, or else the server's owner must send the intermediate certificates too"
            }
            Self::SelfSigned => {
                "it is self-signed; pin its key, or have a CA that is trusted here issue one"
            }
            Self::Revoked => "it was revoked; the server's owner must replace it",
            Self::RevocationUnknown => {
                "no valid revocation list says whether it was revoked; get a current CRL of each issuer in its chain, or check the server's certificate only"
            }
            Self::BadSignature => {
                "a signature does not fit; if its CA was made anew under the same name, replace the old one in the roots"
            }
            Self::InvalidPurpose => {
                "it is not meant for servers; the server's owner must get one with the purpose serverAuth"
            }
            Self::CaUsedAsEndEntity => {
                "it is a CA's own certificate; the server's owner must issue a server certificate from it"
            }
            Self::EndEntityUsedAsCa => {
                "it was issued by a certificate that is no CA's; the server's owner must get one from a CA"
            }
            Self::NameConstraintViolation => {
                "its CA may not issue certificates for this name; the server's owner must get one from another CA"
            }
            Self::WeakKey => {
                "an RSA key in its chain is shorter than 2048 bits; the server's owner must replace it by a longer one"
            }
            Self::UnsupportedSignatureAlgorithm => {
                "it is signed in a way that is not accepted, such as SHA-1; the server's owner must have it issued anew with SHA-256"
            }
            Self::NoTlsaMatch => {
                "no TLSA record matches it; the server's owner must publish a record of it, or install the one that is published"
            }
            Self::NameMismatch { expected, presented } => {
                let names = listed(presented);
                return write!(f, "it is for {names}, not for {expected}; connect by a name that it carries");
            }
            Self::AddressMismatch { expected, presented } => {
                let names = listed(presented);
                return write!(f, "it is for {names}, not for the address {expected}; connect by a host name that it carries");
            }
            Self::NotPinned { presented } => {
                let pin = hex(presented);
                return write!(f, "its key is not pinned; if the owner confirms that the key is new, pin {pin}");
            }
            Self::Other => "it is malformed or breaks a rule; the server's owner must replace it",
        })
    }
}

/// More names are not kept: a certificate may have thousands.
const MOST_NAMES: usize = 20;

/// More are not shown.
const SHOWN_NAMES: usize = 5;

fn listed(names: &[String]) -> String {
    match names {
        [] => "no name".into(),
        [first @ .., _] if first.len() >= SHOWN_NAMES => {
            format!("{} and others", names[..SHOWN_NAMES].join(", "))
        }
        names => names.join(", "),
    }
}

impl CertificateErrorKind {
    /// The kind of an error of the verifier, and the error of rustls that has
    /// the right alert.
    pub(crate) fn sort(error: webpki::Error) -> (Self, CertificateError) {
        use webpki::Error as E;
        let other = |error| CertificateError::Other(OtherError(Arc::new(error)));
        match error {
            E::CertExpired { time, not_after } => (
                Self::Expired,
                CertificateError::ExpiredContext { time, not_after },
            ),
            E::InvalidCertValidity => (Self::Expired, CertificateError::Expired),
            E::CertNotValidYet { time, not_before } => (
                Self::NotYetValid,
                CertificateError::NotValidYetContext { time, not_before },
            ),
            E::UnknownIssuer => (Self::UnknownIssuer, CertificateError::UnknownIssuer),
            E::CertNotValidForName(context) => Self::of_name(context),
            E::CertRevoked => (Self::Revoked, CertificateError::Revoked),
            E::CrlExpired { time, next_update } => (
                Self::RevocationUnknown,
                CertificateError::ExpiredRevocationListContext { time, next_update },
            ),
            E::UnknownRevocationStatus
            | E::IssuerNotCrlSigner
            | E::InvalidCrlSignatureForPublicKey
            | E::UnsupportedCrlSignatureAlgorithmContext(_)
            | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => (
                Self::RevocationUnknown,
                CertificateError::UnknownRevocationStatus,
            ),
            E::InvalidSignatureForPublicKey => (Self::BadSignature, CertificateError::BadSignature),
            // To rustls these are failed decryptions, of which the peer's owner
            // would learn nothing.
            E::UnsupportedSignatureAlgorithmContext(_)
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                (Self::UnsupportedSignatureAlgorithm, other(error))
            }
            E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
                (Self::InvalidPurpose, CertificateError::InvalidPurpose)
            }
            E::CaUsedAsEndEntity => (Self::CaUsedAsEndEntity, other(error)),
            E::EndEntityUsedAsCa => (Self::EndEntityUsedAsCa, other(error)),
            E::NameConstraintViolation => (Self::NameConstraintViolation, other(error)),
            E::BadDer | E::BadDerTime | E::TrailingData(_) => {
                (Self::Other, CertificateError::BadEncoding)
            }
            _ => (Self::Other, other(error)),
        }
    }

    /// The kind of an error that rustls itself has made.
    pub(crate) fn of_rustls(error: &CertificateError) -> Self {
        use CertificateError as E;
        match error {
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            E::UnknownIssuer => Self::UnknownIssuer,
            E::Revoked => Self::Revoked,
            E::UnknownRevocationStatus
            | E::ExpiredRevocationList
            | E::ExpiredRevocationListContext { .. } => Self::RevocationUnknown,
            E::BadSignature => Self::BadSignature,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Self::InvalidPurpose,
            E::UnsupportedSignatureAlgorithmContext { .. }
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::UnsupportedSignatureAlgorithm
            }
            _ => Self::Other,
        }
    }

    fn of_name(context: InvalidNameContext) -> (Self, CertificateError) {
        let InvalidNameContext {
            expected,
            presented,
        } = context;
        let names = presented.iter().take(MOST_NAMES);
        let names = names.map(|name| bare_name(name)).collect();
        let host = expected.to_str().into_owned();
        let kind = match expected {
            ServerName::IpAddress(_) => Self::AddressMismatch {
                expected: host,
                presented: names,
            },
            _ => Self::NameMismatch {
                expected: host,
                presented: names,
            },
        };
        let error = CertificateError::NotValidForNameContext {
            expected,
            presented,
        };
        (kind, error)
    }
}

/// The name in `DnsName("mail.example")` or `IpAddress(192.0.2.1)`, as webpki
/// gives it; anything else as it is. Escaped, as the peer chose it.
fn bare_name(presented: &str) -> String {
    let between = |start, end| presented.strip_prefix(start)?.strip_suffix(end);
    between("DnsName(\"", "\")")
        .or_else(|| between("IpAddress(", ")"))
        .unwrap_or(presented)
        .escape_debug()
        .to_string()
}
