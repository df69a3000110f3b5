//! Why a TLS connection failed, in kinds that a caller can act on.

use crate::CertificateErrorKind;
use crate::connection::Failure;
use rustls::{CertificateError, InvalidMessage};
use std::io;
use std::sync::Arc;

/// Why a configuration, a handshake or a connection failed.
///
/// A fatal error of a connection stays: every later call gives it again.
/// Converts into [`io::Error`] with a matching kind and this error inside
/// (`get_ref()`), and back. No text holds a key, a backtrace or what was said in
/// TLS; of a peer that speaks none, its first words.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer's certificate was refused.
    #[error("the certificate of {peer} was refused: {kind}")]
    Certificate {
        /// The name that was asked for; `the client` on the server's side.
        peer: String,
        /// What is wrong with it.
        kind: CertificateErrorKind,
        /// What rustls says.
        source: rustls::Error,
    },
    /// This side's clock stands before this crate was written, so that no
    /// certificate is valid yet.
    #[error("the clock of this machine is not set: set it")]
    ClockNotSet {
        /// What the clock says, in seconds after 1970; `None` when it says
        /// nothing.
        now: Option<u64>,
    },
    /// The peer answered with something that is no TLS.
    #[error("{} (it said \"{first}\"): {}", not_tls(*upgraded)[0], not_tls(*upgraded)[1])]
    NotTls {
        /// The first bytes it said, up to 64, escaped.
        first: String,
        /// Whether the connection was in plaintext before
        /// ([`Engine::upgrade`](crate::Engine::upgrade)).
        upgraded: bool,
    },
    /// The peer ended the connection by an alert.
    #[error(
        "the peer refused the connection by the TLS alert {alert}{}",
        advice(alert)
    )]
    Alert {
        /// The alert's name (RFC 8446 section 6), in rustls' spelling:
        /// `UnknownCA` for unknown_ca.
        alert: String,
    },
    /// The two sides have no version, cipher suite or other choice in common.
    #[error(
        "the peer speaks no TLS that is accepted here ({0}): it has to offer a newer version, or a modern cipher suite"
    )]
    Incompatible(#[source] rustls::Error),
    /// The stream ended before the handshake was done, and without an alert.
    #[error(
        "the peer ended the connection in the middle of the TLS handshake, without a reason: it may be busy, or speak neither TLS 1.2 nor 1.3"
    )]
    EndedInHandshake,
    /// The stream ended without the peer's close_notify: data may be missing.
    #[error("the connection ended without a TLS close_notify: data may be missing")]
    Truncated,
    /// Written after our close_notify.
    #[error("the TLS connection was closed by this side: nothing can be written any more")]
    Closed,
    /// The deadline passed before the operation was done. It can go on by
    /// another call.
    #[error("the TLS {operation} took too long: the peer does not answer, or takes no data")]
    TimedOut {
        /// `handshake` or `close`.
        operation: &'static str,
    },
    /// Something was said in plaintext between the consent to TLS and TLS.
    #[error(
        "{len} bytes in plaintext arrived ahead of TLS: somebody may be tampering with the connection, so give it up"
    )]
    BytesBeforeTls {
        /// How many.
        len: usize,
    },
    /// The name to verify is neither a host name nor an IP address.
    #[error(
        "`{name}` is no name that a certificate could carry: give a host name or an IP address"
    )]
    InvalidName {
        /// The name as given, escaped.
        name: String,
    },
    /// The root certificates can't be used.
    #[error("the root certificates can't be used: {reason}")]
    InvalidRoots {
        /// Why, and what would help.
        reason: String,
    },
    /// The client's certificate or its key can't be used.
    #[error("the client certificate can't be used: {reason}")]
    InvalidClientCertificate {
        /// Why, and what would help.
        reason: String,
    },
    /// The certificate revocation lists can't be used.
    #[error("the certificate revocation lists can't be used: {reason}")]
    InvalidCrls {
        /// Why, and what would help.
        reason: String,
    },
    /// The policy could not accept any peer.
    #[error("the policy can't be used: {reason}")]
    InvalidPolicy {
        /// Why, and what would help.
        reason: String,
    },
    /// The application protocols can't be offered.
    #[error("the application protocols can't be offered: {reason}")]
    InvalidAlpn {
        /// Why, and what would help.
        reason: String,
    },
    /// The crypto provider can't be used.
    #[error("the crypto provider can't be used: {reason}")]
    InvalidProvider {
        /// Why, and what would help.
        reason: String,
    },
    /// Nothing to compute with.
    #[error("no crypto provider: enable the feature `pure` or call `TlsConfigBuilder::provider`")]
    NoProvider,
    /// The peer broke the protocol, or rustls refused what was asked of it.
    #[error("the TLS handshake or connection failed: {0}")]
    Protocol(#[source] rustls::Error),
    /// The stream below failed. Converted into an [`io::Error`] it is what the
    /// stream gave, or, as long as clones of this error are left, one of the same
    /// kind and text that has it inside.
    #[error(transparent)]
    Io(Arc<io::Error>),
}

/// 2026-11-01: no clock that goes right stands before. Raised at each release.
const WRITTEN: u64 = 1_793_491_200;

/// The content types of TLS records (RFC 8446 section 5.1, RFC 6520).
const CONTENT_TYPES: std::ops::RangeInclusive<u8> = 20..=24;

/// What it means that the peer speaks no TLS, and what to do.
fn not_tls(upgraded: bool) -> [&'static str; 2] {
    match upgraded {
        false => [
            "this port speaks plaintext, not TLS",
            "connect without implicit TLS and upgrade by STARTTLS",
        ],
        true => [
            "the server went on in plaintext after it had agreed to TLS",
            "try again later, or tell the server's owner",
        ],
    }
}

/// What to do about an alert; with the words that lead to it.
fn advice(alert: &str) -> &'static str {
    match alert {
        "ProtocolVersion" => ": it speaks neither TLS 1.2 nor 1.3, or not the lowest one set here",
        "HandshakeFailure" | "InsufficientSecurity" => {
            ": it has no cipher suite or group in common with this side, or wants a client certificate"
        }
        "CertificateRequired" => ": it wants a client certificate; set one",
        "BadCertificate"
        | "UnsupportedCertificate"
        | "CertificateRevoked"
        | "CertificateExpired"
        | "CertificateUnknown"
        | "UnknownCA"
        | "AccessDenied" => ": it does not accept the client certificate; set one that it trusts",
        "CloseNotify" => ": it closed in the middle of the handshake",
        "UnrecognisedName" => ": it serves no such name; check the host",
        "NoApplicationProtocol" => ": it speaks none of the protocols offered by ALPN",
        _ => "",
    }
}

impl Error {
    /// The closest [`io::ErrorKind`].
    #[must_use]
    pub fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::Certificate { .. }
            | Self::NotTls { .. }
            | Self::BytesBeforeTls { .. }
            | Self::Incompatible(_)
            | Self::Protocol(_) => io::ErrorKind::InvalidData,
            Self::Alert { .. } => io::ErrorKind::ConnectionAborted,
            Self::EndedInHandshake | Self::Truncated => io::ErrorKind::UnexpectedEof,
            Self::Closed => io::ErrorKind::BrokenPipe,
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
            Self::InvalidName { .. }
            | Self::InvalidRoots { .. }
            | Self::InvalidClientCertificate { .. }
            | Self::InvalidCrls { .. }
            | Self::InvalidPolicy { .. }
            | Self::InvalidAlpn { .. }
            | Self::InvalidProvider { .. } => io::ErrorKind::InvalidInput,
            Self::NoProvider => io::ErrorKind::Unsupported,
            Self::ClockNotSet { .. } => io::ErrorKind::Other,
            Self::Io(error) => error.kind(),
        }
    }

    /// Whether the same may succeed later: ends and failures of the stream, times that
    /// ran out, and of the alerts internal_error and user_canceled, which are about the
    /// peer's own state (RFC 8446 section 6). All others say that something has to be
    /// changed, certificate_required and access_denied too, which TLS 1.3 sends after
    /// the client's handshake is done.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::EndedInHandshake | Self::Truncated | Self::TimedOut { .. } | Self::Io(_) => true,
            Self::Alert { alert } => matches!(alert.as_str(), "InternalError" | "UserCanceled"),
            _ => false,
        }
    }

    /// `first`: what the peer said first, while it has not finished its
    /// handshake.
    pub(crate) fn from_rustls(failure: Failure, peer: &str, first: &[u8], upgraded: bool) -> Self {
        let Failure { error, refusal } = failure;
        match error {
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)
                if first
                    .first()
                    .is_some_and(|kind| !CONTENT_TYPES.contains(kind)) =>
            {
                let first = first.escape_ascii().to_string();
                Self::NotTls { first, upgraded }
            }
            rustls::Error::AlertReceived(alert) => Self::Alert {
                alert: format!("{alert:?}"),
            },
            rustls::Error::FailedToGetCurrentTime => Self::ClockNotSet { now: None },
            rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
                time,
                ..
            }) if time.as_secs() < WRITTEN => Self::ClockNotSet {
                now: Some(time.as_secs()),
            },
            rustls::Error::InvalidCertificate(ref reason) => Self::Certificate {
                peer: peer.to_owned(),
                // The verifier's, or the signature over the handshake's.
                kind: refusal.unwrap_or_else(|| CertificateErrorKind::of_rustls(reason)),
                source: error,
            },
            rustls::Error::PeerIncompatible(_) => Self::Incompatible(error),
            error => Self::Protocol(error),
        }
    }

    /// What is wrong with a certificate, when that is what failed.
    #[must_use]
    pub fn certificate_kind(&self) -> Option<&CertificateErrorKind> {
        match self {
            Self::Certificate { kind, .. } => Some(kind),
            _ => None,
        }
    }
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
