//! What can go wrong below SMTP.

use crate::Phase;
use std::{error, fmt, io};
use wasm_smtp::IoError;

/// A failure below SMTP, found again by `source()` behind
/// [`wasm_smtp::SmtpError::Io`].
///
/// Each has an [`io::Error`] inside ([`io_error`](Self::io_error), and the next
/// `source()`) with the kind, so that [`IoError::is_timeout`] and the others are
/// right; its `get_ref()` is the error of the layer that failed. The text holds
/// no mail and no secret.
#[non_exhaustive]
pub enum WasiSmtpError {
    /// The host's name could not be resolved. Inside: [`wasi_net::Error`].
    Resolve(io::Error),
    /// No address of the host could be connected to. Inside:
    /// [`wasi_net::Error`].
    Connect(io::Error),
    /// TLS failed, or its options are wrong. Inside: `tls_pump::Error`.
    Tls(io::Error),
    /// A phase took longer than it may ([`io::ErrorKind::TimedOut`]).
    Timeout {
        /// What was waited for.
        phase: Phase,
        /// What may be wrong, where that can be told.
        remedy: Option<&'static str>,
        /// The layer's error.
        source: io::Error,
    },
    /// The connection failed. Inside: [`wasi_net::Error`].
    Stream(io::Error),
    /// The mail can't be sent as it is: it has a bare CR, a bare LF or a NUL
    /// ([`io::ErrorKind::InvalidData`]). Its final dot was not sent, so it was
    /// not delivered.
    ///
    /// Source: RFC 5321 section 2.3.8.
    InvalidBody(io::Error),
    /// The server said something that nobody had asked for, which would be taken
    /// for the reply to the next command ([`io::ErrorKind::InvalidData`]), or
    /// which came in plaintext ahead of TLS. A 421 is the server's good-bye
    /// ([`io::ErrorKind::ConnectionAborted`]).
    OutOfStep(io::Error),
    /// An operation failed or its future was dropped before it was done: where
    /// the conversation stands is unknown, so it can't go on
    /// ([`io::ErrorKind::NotConnected`]).
    Poisoned(io::Error),
    /// The connection is in TLS already ([`io::ErrorKind::InvalidInput`]).
    AlreadyTls(io::Error),
}

// By hand: what is derived has an arm for each variant, all of them alike.
impl fmt::Display for WasiSmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.io_error(), f)?;
        if let Self::Timeout { phase, remedy, .. } = self {
            let (colon, remedy) = remedy.map_or(("", ""), |remedy| (": ", remedy));
            write!(f, " ({phase} took too long{colon}{remedy})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for WasiSmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Resolve(_) => "Resolve",
            Self::Connect(_) => "Connect",
            Self::Tls(_) => "Tls",
            Self::Stream(_) => "Stream",
            Self::InvalidBody(_) => "InvalidBody",
            Self::OutOfStep(_) => "OutOfStep",
            Self::Poisoned(_) => "Poisoned",
            Self::AlreadyTls(_) => "AlreadyTls",
            Self::Timeout {
                phase,
                remedy,
                source,
            } => {
                return f
                    .debug_struct("Timeout")
                    .field("phase", phase)
                    .field("remedy", remedy)
                    .field("source", source)
                    .finish();
            }
        };
        f.debug_tuple(name).field(self.io_error()).finish()
    }
}

impl error::Error for WasiSmtpError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(self.io_error())
    }
}

impl WasiSmtpError {
    /// The error inside, with its kind.
    #[must_use]
    pub fn io_error(&self) -> &io::Error {
        match self {
            Self::Resolve(error)
            | Self::Connect(error)
            | Self::Tls(error)
            | Self::Stream(error)
            | Self::InvalidBody(error)
            | Self::OutOfStep(error)
            | Self::Poisoned(error)
            | Self::AlreadyTls(error)
            | Self::Timeout { source: error, .. } => error,
        }
    }

    /// Whether connecting again may succeed later: names that could not be looked up
    /// for now, connections that failed, times that ran out; not what the host
    /// denies, what cannot be a name, or a certificate. (Most hosts do not tell a name
    /// that does not exist from a resolver without an answer.)
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use wasi_net::ErrorKind as Net;
        let inner = self.io_error().get_ref();
        if let Some(net) = inner.and_then(|inner| inner.downcast_ref::<wasi_net::Error>()) {
            return !matches!(
                net.kind(),
                Net::NetworkDenied
                    | Net::NamesDenied
                    | Net::NoAddressOfFamily
                    | Net::InvalidName
                    | Net::InvalidAddress
                    | Net::InvalidOption
                    | Net::Unsupported
            );
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<tls_pump::Error>()) {
            return tls.is_transient();
        }
        matches!(
            self,
            Self::Resolve(_) | Self::Connect(_) | Self::Stream(_) | Self::Timeout { .. }
        ) && !matches!(
            self.io_error().kind(),
            io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::NotFound
        )
    }

    /// Sorts an error of the stream, which came while `phase` was waited for, by
    /// the layer that made it.
    pub(crate) fn of_stream(error: io::Error, phase: Phase) -> Self {
        if error.kind() == io::ErrorKind::TimedOut {
            return Self::timeout(phase, error);
        }
        #[cfg(feature = "tls")]
        if error
            .get_ref()
            .is_some_and(|inner| inner.is::<tls_pump::Error>())
        {
            return Self::Tls(error);
        }
        Self::Stream(error)
    }

    #[cfg(feature = "tls")]
    pub(crate) fn of_tls(error: tls_pump::Error) -> Self {
        Self::of_stream(error.into(), Phase::Tls)
    }

    pub(crate) fn timeout(phase: Phase, source: io::Error) -> Self {
        Self::Timeout {
            phase,
            remedy: None,
            source,
        }
    }

    pub(crate) fn unasked(code: u16) -> Self {
        let (kind, what) = match code {
            421 => (
                io::ErrorKind::ConnectionAborted,
                "is closing the connection",
            ),
            _ => (
                io::ErrorKind::InvalidData,
                "is out of step, or somebody is tampering with the connection",
            ),
        };
        let text = format!("the server sent a reply that nobody had asked for ({code}): it {what}");
        Self::OutOfStep(io_error(kind, &text))
    }

    #[cfg(any(test, feature = "tls"))]
    pub(crate) fn ahead_of_tls() -> Self {
        Self::OutOfStep(io_error(
            io::ErrorKind::InvalidData,
            "TLS begins behind the reply to STARTTLS, and this is elsewhere: a reply is still to come, or somebody is tampering with the connection",
        ))
    }

    pub(crate) fn poisoned() -> Self {
        Self::Poisoned(io_error(
            io::ErrorKind::NotConnected,
            "an earlier operation on this connection failed or was cancelled: connect again",
        ))
    }

    #[cfg(any(test, feature = "tls"))]
    pub(crate) fn already_tls() -> Self {
        Self::AlreadyTls(io_error(
            io::ErrorKind::InvalidInput,
            "this connection is in TLS already: STARTTLS can't be used twice",
        ))
    }
}

/// Of texts only: each type of error inside brings code of its own.
fn io_error(kind: io::ErrorKind, text: &str) -> io::Error {
    io::Error::new(kind, text)
}

impl From<wasi_net::Error> for WasiSmtpError {
    fn from(error: wasi_net::Error) -> Self {
        let operation = error.operation();
        let error = io::Error::from(error);
        match operation {
            _ if error.kind() == io::ErrorKind::TimedOut => Self::timeout(Phase::Connect, error),
            wasi_net::Operation::Resolve => Self::Resolve(error),
            wasi_net::Operation::Connect => Self::Connect(error),
            _ => Self::Stream(error),
        }
    }
}

impl From<crate::body::InvalidBody> for WasiSmtpError {
    fn from(error: crate::body::InvalidBody) -> Self {
        Self::InvalidBody(io_error(io::ErrorKind::InvalidData, &error.to_string()))
    }
}

impl From<WasiSmtpError> for IoError {
    fn from(error: WasiSmtpError) -> Self {
        Self::with_source(error.to_string(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    /// The [`io::Error`] that the client's error leads to.
    fn inner(error: &IoError) -> &io::Error {
        let ours: &WasiSmtpError = error.source().unwrap().downcast_ref().unwrap();
        let inner: &io::Error = ours.source().unwrap().downcast_ref().unwrap();
        assert!(std::ptr::eq(inner, ours.io_error()));
        inner
    }

    #[cfg(feature = "tls")]
    #[test]
    fn the_chain_leads_to_the_kind_and_to_the_layers_error() {
        let refused = tls_pump::Error::NotTls {
            first: String::new(),
            upgraded: false,
        };
        let error = WasiSmtpError::of_tls(refused);
        assert!(matches!(error, WasiSmtpError::Tls(_)));
        let error = IoError::from(error);
        assert_eq!(error.io_kind(), Some(io::ErrorKind::InvalidData));
        assert!(inner(&error).get_ref().unwrap().is::<tls_pump::Error>());
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_timeout_below_tls_is_a_timeout() {
        let in_tls = tls_pump::Error::from(io::Error::from(io::ErrorKind::TimedOut));
        let error = WasiSmtpError::of_tls(in_tls);
        assert!(matches!(
            error,
            WasiSmtpError::Timeout {
                phase: Phase::Tls,
                ..
            }
        ));
    }

    #[test]
    fn every_error_has_its_kind_in_the_chain() {
        use io::ErrorKind as Kind;
        let of_kind = |kind: Kind| WasiSmtpError::of_stream(kind.into(), Phase::Mail);
        let errors = [
            (of_kind(Kind::TimedOut), Kind::TimedOut),
            (of_kind(Kind::ConnectionReset), Kind::ConnectionReset),
            (WasiSmtpError::unasked(250), Kind::InvalidData),
            (WasiSmtpError::unasked(421), Kind::ConnectionAborted),
            (WasiSmtpError::poisoned(), Kind::NotConnected),
            (WasiSmtpError::ahead_of_tls(), Kind::InvalidData),
            (WasiSmtpError::already_tls(), Kind::InvalidInput),
        ];
        for (error, kind) in errors {
            let text = error.to_string();
            let error = IoError::from(error);
            assert_eq!(error.io_kind(), Some(kind), "{text}");
            assert_eq!(inner(&error).kind(), kind);
            assert_eq!(error.message(), text);
        }
    }

    #[test]
    fn a_timeout_names_its_phase_and_what_may_help() {
        let mut error = WasiSmtpError::of_stream(io::ErrorKind::TimedOut.into(), Phase::Greeting);
        assert_eq!(
            error.to_string(),
            "timed out (the server's greeting took too long)"
        );
        if let WasiSmtpError::Timeout { remedy, .. } = &mut error {
            *remedy = Some("try another port");
        }
        assert!(error.to_string().ends_with("too long: try another port)"));
        assert!(IoError::from(error).is_timeout());
    }
}
