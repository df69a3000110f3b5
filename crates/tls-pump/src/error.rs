//! Why a TLS connection failed, in kinds that a caller can act on.

use rustls::{CertificateError, InvalidMessage};
use std::sync::Arc;
use std::{fmt, io};

/// Why a configuration, a handshake or a connection failed.
///
/// A fatal error stays: every later call on the connection gives it again.
/// Converts into [`io::Error`] with a matching kind and this error inside
/// (`get_ref()`).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer's certificate was refused.
    #[error("the certificate of {server_name} was refused: {kind}")]
    Certificate {
        /// The name that was asked for.
        server_name: String,
        /// What is wrong with it.
        kind: CertificateErrorKind,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The peer answered with something that is no TLS.
    #[error(
        "the peer speaks plaintext, not TLS, on this port: connect without implicit TLS and upgrade by STARTTLS"
    )]
    NotTls,
    /// The peer ended the connection by an alert.
    #[error("the peer refused the connection by the TLS alert {alert}")]
    Alert {
        /// The alert's name (RFC 8446 section 6).
        alert: String,
    },
    /// The stream ended without the peer's close_notify: data may be missing.
    #[error("the connection ended without a TLS close_notify: data may be missing")]
    Truncated,
    /// Written after our close_notify.
    #[error("the TLS connection was closed by this side: nothing can be written any more")]
    Closed,
    /// The name to verify is neither a host name nor an IP address.
    #[error(
        "`{name}` is no name that a certificate could carry: give a host name or an IP address"
    )]
    InvalidName {
        /// The name as given.
        name: String,
    },
    /// The root certificates can't be used.
    #[error("the root certificates can't be used: {reason}")]
    InvalidRoots {
        /// Why, and what would help.
        reason: String,
    },
    /// Nothing to compute with.
    #[error("no crypto provider: enable the feature `ring` or call `TlsConfigBuilder::provider`")]
    NoProvider,
    /// The peer broke the protocol, or offers nothing that both sides know.
    #[error("the TLS handshake or connection failed: {0}")]
    Protocol(#[source] rustls::Error),
    /// The stream below failed.
    #[error(transparent)]
    Io(Arc<io::Error>),
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateErrorKind {
    /// Its time is over.
    Expired,
    /// Its time has not come, or the clock of this side is wrong.
    NotYetValid,
    /// No root that is trusted here stands behind it.
    UnknownIssuer,
    /// It is for other names.
    NameMismatch {
        /// The names it is for.
        presented: Vec<String>,
    },
    /// Its issuer took it back.
    Revoked,
    /// A signature is wrong.
    BadSignature,
    /// It is not meant for TLS servers.
    InvalidPurpose,
    /// Something else; `source()` of the error has rustls' words.
    Other,
}

impl fmt::Display for CertificateErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "it has expired; the server's owner must renew it",
            Self::NotYetValid => "it is not valid yet; check this machine's clock",
            Self::UnknownIssuer => {
                "its issuer is not trusted here; add the issuing CA's certificate to the roots if you trust it"
            }
            Self::NameMismatch { presented } => {
                return write!(
                    f,
                    "it is for {}; connect by one of these names",
                    if presented.is_empty() { "no name".into() } else { presented.join(", ") }
                );
            }
            Self::Revoked => "it was revoked; the server's owner must replace it",
            Self::BadSignature => {
                "a signature does not fit; if its CA was made anew under the same name, replace the old one in the roots"
            }
            Self::InvalidPurpose => "it is not meant for servers; the server's owner must replace it",
            Self::Other => "it is malformed or breaks a rule",
        })
    }
}

impl Error {
    /// The closest [`io::ErrorKind`].
    #[must_use]
    pub fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::Certificate { .. } | Self::NotTls | Self::Protocol(_) => {
                io::ErrorKind::InvalidData
            }
            Self::Alert { .. } => io::ErrorKind::ConnectionAborted,
            Self::Truncated => io::ErrorKind::UnexpectedEof,
            Self::Closed => io::ErrorKind::BrokenPipe,
            Self::InvalidName { .. } | Self::InvalidRoots { .. } => io::ErrorKind::InvalidInput,
            Self::NoProvider => io::ErrorKind::Unsupported,
            Self::Io(error) => error.kind(),
        }
    }

    /// `spoke_tls`: whether the peer has spoken TLS before.
    pub(crate) fn from_rustls(error: rustls::Error, server_name: &str, spoke_tls: bool) -> Self {
        match error {
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) if !spoke_tls => {
                Self::NotTls
            }
            rustls::Error::AlertReceived(alert) => Self::Alert {
                alert: format!("{alert:?}"),
            },
            rustls::Error::InvalidCertificate(ref reason) => Self::Certificate {
                server_name: server_name.to_owned(),
                kind: certificate_kind(reason),
                source: error,
            },
            error => Self::Protocol(error),
        }
    }
}

fn certificate_kind(error: &CertificateError) -> CertificateErrorKind {
    use CertificateErrorKind as Kind;
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Kind::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Kind::NotYetValid
        }
        CertificateError::UnknownIssuer => Kind::UnknownIssuer,
        CertificateError::NotValidForName => Kind::NameMismatch {
            presented: Vec::new(),
        },
        CertificateError::NotValidForNameContext { presented, .. } => Kind::NameMismatch {
            presented: presented.iter().map(|name| bare_name(name)).collect(),
        },
        CertificateError::Revoked => Kind::Revoked,
        CertificateError::BadSignature => Kind::BadSignature,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            Kind::InvalidPurpose
        }
        _ => Kind::Other,
    }
}

/// The name in `DnsName("mail.example")` or `IpAddress(192.0.2.1)`, as rustls
/// gives it; anything else as it is. Escaped, as the peer chose it.
fn bare_name(presented: &str) -> String {
    let between = |start, end| presented.strip_prefix(start)?.strip_suffix(end);
    between("DnsName(\"", "\")")
        .or_else(|| between("IpAddress(", ")"))
        .unwrap_or(presented)
        .escape_debug()
        .to_string()
}

impl From<io::Error> for Error {
    /// Takes an error of this crate out again, and keeps any other.
    fn from(error: io::Error) -> Self {
        error
            .downcast::<Self>()
            .unwrap_or_else(|error| Self::Io(Arc::new(error)))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(inner) => {
                Arc::try_unwrap(inner).unwrap_or_else(|shared| Self::new(shared.kind(), shared))
            }
            error => Self::new(error.io_kind(), error),
        }
    }
}
