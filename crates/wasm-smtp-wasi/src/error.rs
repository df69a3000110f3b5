//! What can go wrong below SMTP.

use std::io;
use wasm_smtp::IoError;

/// A failure below SMTP, found again by `source()` behind
/// [`wasm_smtp::SmtpError::Io`].
///
/// The [`io::Error`] inside has the kind (so that
/// [`IoError::is_timeout`] and the others are right) and, by `get_ref()`, the
/// error of the layer that failed. The text holds no mail and no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WasiSmtpError {
    /// The host's name could not be resolved. Inside: [`wasi_net::Error`].
    #[error("{0}")]
    Resolve(#[source] io::Error),
    /// No address of the host could be connected to. Inside:
    /// [`wasi_net::Error`].
    #[error("{0}")]
    Connect(#[source] io::Error),
    /// TLS failed, or its options are wrong. Inside: [`tls_pump::Error`].
    #[error("{0}")]
    Tls(#[source] io::Error),
    /// A deadline passed.
    #[error("{0}")]
    Timeout(#[source] io::Error),
    /// The connection failed. Inside: [`wasi_net::Error`].
    #[error("{0}")]
    Stream(#[source] io::Error),
    /// An operation failed or its future was dropped before it was done: where
    /// the conversation stands is unknown, so it can't go on.
    #[error("an earlier operation on this connection failed or was cancelled: connect again")]
    Poisoned,
    /// The connection is in TLS already.
    #[error("this connection is in TLS already: STARTTLS can't be used twice")]
    AlreadyTls,
}

impl WasiSmtpError {
    /// Sorts an error of the stream by the layer that made it.
    pub(crate) fn of_stream(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut {
            Self::Timeout(error)
        } else if error
            .get_ref()
            .is_some_and(|inner| inner.is::<tls_pump::Error>())
        {
            Self::Tls(error)
        } else {
            Self::Stream(error)
        }
    }
}

impl From<wasi_net::Error> for WasiSmtpError {
    fn from(error: wasi_net::Error) -> Self {
        let operation = error.operation();
        let error = io::Error::from(error);
        match operation {
            _ if error.kind() == io::ErrorKind::TimedOut => Self::Timeout(error),
            wasi_net::Operation::Resolve => Self::Resolve(error),
            wasi_net::Operation::Connect => Self::Connect(error),
            _ => Self::Stream(error),
        }
    }
}

impl From<tls_pump::Error> for WasiSmtpError {
    fn from(error: tls_pump::Error) -> Self {
        match io::Error::from(error) {
            error if error.get_ref().is_some_and(|e| e.is::<tls_pump::Error>()) => Self::Tls(error),
            error => Self::of_stream(error),
        }
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

    #[test]
    fn the_chain_leads_to_the_kind_and_to_the_layers_error() {
        let refused = tls_pump::Error::NotTls {
            first: String::new(),
            upgraded: false,
        };
        let error = IoError::from(WasiSmtpError::from(refused));
        assert_eq!(error.io_kind(), Some(io::ErrorKind::InvalidData));
        let ours = error
            .source()
            .unwrap()
            .downcast_ref::<WasiSmtpError>()
            .unwrap();
        assert!(matches!(ours, WasiSmtpError::Tls(_)));
        let io = ours.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert!(io.get_ref().unwrap().is::<tls_pump::Error>());
    }

    #[test]
    fn a_timeout_is_a_timeout_in_every_layer() {
        let plain = WasiSmtpError::of_stream(io::ErrorKind::TimedOut.into());
        assert!(IoError::from(plain).is_timeout());
        let in_tls = tls_pump::Error::from(io::Error::from(io::ErrorKind::TimedOut));
        assert!(matches!(
            WasiSmtpError::from(in_tls),
            WasiSmtpError::Timeout(_)
        ));
    }
}
