//! The connection's byte stream, in plaintext or in TLS.

use futures_io::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use wasi_net::TcpStream;
#[cfg(feature = "tls")]
use {
    crate::{Phase, WasiSmtpError},
    std::time::Duration,
    tls_pump::{Engine, TlsStream},
};

#[derive(Debug)]
pub(crate) enum Stream {
    Plaintext(Box<TcpStream>),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<TcpStream>>),
    /// Closed, or failed.
    None,
}

/// What to do with a stream.
pub(crate) enum Task<'a> {
    Read(&'a mut [u8]),
    Write(&'a [u8]),
    Flush,
    Close,
}

fn poll_task<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    task: Task<'_>,
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    match task {
        Task::Read(buf) => stream.poll_read(cx, buf),
        Task::Write(buf) => stream.poll_write(cx, buf),
        Task::Flush => stream.poll_flush(cx).map_ok(|()| 0),
        Task::Close => stream.poll_close(cx).map_ok(|()| 0),
    }
}

/// Does the handshake, in its time.
#[cfg(feature = "tls")]
pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    engine: Engine,
    stream: S,
    time: Duration,
) -> Result<TlsStream<S>, WasiSmtpError> {
    let mut stream = TlsStream::with_engine(engine, stream);
    wasi_net::timeout(time, stream.handshake())
        .await
        .map_err(|elapsed| WasiSmtpError::timeout(Phase::Tls, elapsed.into()))?
        .map_err(WasiSmtpError::of_tls)?;
    Ok(stream)
}

impl Stream {
    /// Polls the stream, if there is one; gives the bytes read or written.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, task: Task<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Plaintext(stream) => poll_task(stream.as_mut(), cx, task),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => poll_task(stream.as_mut(), cx, task),
            Self::None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
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
