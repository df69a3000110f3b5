//! The connection's byte stream, in plaintext or in TLS.

use futures_io::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
#[cfg(feature = "tls")]
use tls_pump::TlsStream;
use wasi_net::TcpStream;

#[derive(Debug)]
pub(crate) enum Stream {
    Plaintext(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<TcpStream>>),
    /// Closed, or failed.
    None,
}

/// A stream in either state.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteStream for S {}

impl Stream {
    pub(crate) fn get(&mut self) -> io::Result<Pin<&mut dyn ByteStream>> {
        match self {
            Self::Plaintext(stream) => Ok(Pin::new(stream)),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Ok(Pin::new(stream.as_mut())),
            Self::None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The stream below, for its time limits and addresses.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plaintext(stream) => Some(stream),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Some(stream.get_ref()),
            Self::None => None,
        }
    }

    pub(crate) fn tcp_mut(&mut self) -> Option<&mut TcpStream> {
        match self {
            Self::Plaintext(stream) => Some(stream),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Some(stream.get_mut()),
            Self::None => None,
        }
    }
}
