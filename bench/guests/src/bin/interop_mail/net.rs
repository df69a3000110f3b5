//! Connections and time: of async-net natively, of wasi-net in a component.

use futures_lite::{AsyncRead, AsyncWrite};
use std::pin::Pin;
use std::time::Duration;

/// A byte stream of either, with TLS or without.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// What a session is over.
pub(crate) type Stream = Box<dyn Duplex>;

/// The address of the lab.
const HOST: &str = "127.0.0.1";

#[cfg(not(target_os = "wasi"))]
mod system {
    use super::{Duration, HOST, Stream};
    pub(crate) use futures_lite::future::block_on;
    use std::io;

    pub(crate) async fn connect(port: u16) -> io::Result<Stream> {
        let stream = async_net::TcpStream::connect((HOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }

    pub(super) async fn sleep(time: Duration) {
        async_io::Timer::after(time).await;
    }
}

#[cfg(target_os = "wasi")]
mod system {
    use super::{Duration, HOST, Stream};
    use std::io;
    pub(crate) use wasi_net::block_on;

    pub(crate) async fn connect(port: u16) -> io::Result<Stream> {
        let stream = wasi_net::Connector::new().connect(HOST, port).await;
        Ok(Box::new(stream.map_err(io::Error::other)?))
    }

    pub(super) async fn sleep(time: Duration) {
        wasi_net::sleep(time).await;
    }
}

pub(crate) use system::{block_on, connect};

/// Ready after `time`.
pub(crate) fn sleep(time: Duration) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(system::sleep(time))
}
