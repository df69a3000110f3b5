//! The byte stream that `wasm-smtp`'s client talks through.

use crate::{ConnectOptions, WasiSmtpError, WasiTarget};
use futures_io::{AsyncRead, AsyncWrite};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use tls_pump::{ConnectionInfo, Engine, TlsConfig, TlsStream};
use wasi_net::{Connector, TcpStream};
use wasm_smtp::{IoError, StartTlsCapable, Transport};

/// A connection over WASI, in plaintext or in TLS.
///
/// Writes are kept and leave together before the next read waits. After a
/// failure, or when the future of an operation was dropped half-way, every
/// later operation fails ([`WasiSmtpError::Poisoned`]): a stale reply must not
/// answer a new command.
#[derive(Debug)]
pub struct WasiTransport {
    stream: Stream,
    host: String,
    options: ConnectOptions,
    /// An operation has begun and not succeeded.
    unfinished: bool,
}

#[derive(Debug)]
enum Stream {
    Plaintext(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// While the one becomes the other, or after that has failed.
    None,
}

impl WasiTransport {
    /// Connects to `port` of `host` and does the TLS handshake (implicit TLS,
    /// RFC 8314).
    ///
    /// # Errors
    ///
    /// [`WasiSmtpError::Resolve`], [`WasiSmtpError::Connect`],
    /// [`WasiSmtpError::Tls`], [`WasiSmtpError::Timeout`].
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the connection.
    pub async fn connect_tls(
        host: &str,
        port: u16,
        options: &ConnectOptions,
    ) -> Result<Self, WasiSmtpError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        let within = wasi_net::timeout(options.connect_timeout, async {
            let mut transport = Self::connect_plaintext(host, port, options).await?;
            transport.start_tls(Engine::new).await?;
            Ok(transport)
        });
        within
            .await
            .unwrap_or_else(|elapsed| Err(WasiSmtpError::Timeout(elapsed.into())))
    }

    /// Connects to `port` of `host` in plaintext, to be upgraded by STARTTLS.
    ///
    /// # Errors
    ///
    /// [`WasiSmtpError::Resolve`], [`WasiSmtpError::Connect`],
    /// [`WasiSmtpError::Timeout`].
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the connection.
    pub async fn connect_plaintext(
        host: &str,
        port: u16,
        options: &ConnectOptions,
    ) -> Result<Self, WasiSmtpError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        let connector = Connector::new().timeout(options.connect_timeout);
        let mut stream = connector.connect(host, port).await?;
        stream.set_read_timeout(Some(options.timeout));
        stream.set_write_timeout(Some(options.timeout));
        let (host, options) = (host.to_owned(), options.clone());
        Ok(Self {
            stream: Stream::Plaintext(stream),
            host,
            options,
            unfinished: false,
        })
    }

    /// The address of this end; `None` after a failed upgrade. Its
    /// [`address_literal`] is what a client without a name says in EHLO.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.stream {
            Stream::Plaintext(stream) => Some(stream.local_addr()),
            Stream::Tls(stream) => Some(stream.get_ref().local_addr()),
            Stream::None => None,
        }
    }

    /// What the TLS handshake agreed on; `None` in plaintext.
    #[must_use]
    pub fn connection_info(&self) -> Option<ConnectionInfo> {
        match &self.stream {
            Stream::Tls(stream) => stream.connection_info(),
            Stream::Plaintext(_) | Stream::None => None,
        }
    }

    /// Does the handshake with an engine made by `new`, for the server's name.
    async fn start_tls(
        &mut self,
        new: impl FnOnce(&TlsConfig, &str) -> Result<Engine, tls_pump::Error>,
    ) -> Result<(), WasiSmtpError> {
        match std::mem::replace(&mut self.stream, Stream::None) {
            Stream::Plaintext(stream) => {
                let config = self.options.tls_config()?;
                let name = self.options.server_name_for(&self.host);
                let mut stream = TlsStream::with_engine(new(&config, name)?, stream);
                stream.handshake().await?;
                self.stream = Stream::Tls(Box::new(stream));
                Ok(())
            }
            Stream::Tls(stream) => {
                self.stream = Stream::Tls(stream);
                Err(WasiSmtpError::AlreadyTls)
            }
            Stream::None => Err(WasiSmtpError::Poisoned),
        }
    }

    /// Runs one operation, and poisons the transport unless it succeeds.
    async fn run<'a, T, F>(
        &'a mut self,
        operation: impl FnOnce(&'a mut Stream) -> F,
    ) -> Result<T, IoError>
    where
        F: Future<Output = io::Result<T>> + 'a,
    {
        if std::mem::replace(&mut self.unfinished, true) {
            return Err(WasiSmtpError::Poisoned.into());
        }
        let result = operation(&mut self.stream)
            .await
            .map_err(WasiSmtpError::of_stream);
        self.unfinished = result.is_err();
        result.map_err(IoError::from)
    }
}

/// A stream in either state. Every transport operation is one of these.
trait ByteStream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteStream for S {}

impl Stream {
    fn get(&mut self) -> io::Result<Pin<&mut dyn ByteStream>> {
        match self {
            Self::Plaintext(stream) => Ok(Pin::new(stream)),
            Self::Tls(stream) => Ok(Pin::new(stream.as_mut())),
            Self::None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Transport for WasiTransport {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, IoError> {
        self.run(|stream| poll_fn(move |cx| stream.get()?.poll_read(cx, buf)))
            .await
    }

    async fn write_all(&mut self, buf: &[u8]) -> Result<(), IoError> {
        self.run(async |stream| {
            let mut rest = buf;
            while !rest.is_empty() {
                match poll_fn(|cx| stream.get()?.poll_write(cx, rest)).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    len => rest = &rest[len..],
                }
            }
            Ok(())
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), IoError> {
        self.run(|stream| poll_fn(move |cx| stream.get()?.poll_flush(cx)))
            .await
    }

    async fn close(&mut self) -> Result<(), IoError> {
        self.run(|stream| poll_fn(move |cx| stream.get()?.poll_close(cx)))
            .await
    }
}

impl StartTlsCapable for WasiTransport {
    async fn upgrade_to_tls(&mut self) -> Result<(), IoError> {
        if std::mem::replace(&mut self.unfinished, true) {
            return Err(WasiSmtpError::Poisoned.into());
        }
        // Nothing was read ahead: what the client has read it has used up, as it
        // makes sure itself.
        let engine = |config: &TlsConfig, name: &str| Engine::upgrade(config, name, &[]);
        let upgrade = wasi_net::timeout(self.options.connect_timeout, self.start_tls(engine));
        match upgrade.await {
            Ok(result) => result?,
            Err(elapsed) => return Err(WasiSmtpError::Timeout(elapsed.into()).into()),
        }
        self.unfinished = false;
        Ok(())
    }
}

/// The address literal that stands for a client without a name in EHLO, as
/// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
///
/// Source: RFC 5321 sections 4.1.3 and 4.1.4.
#[must_use]
pub fn address_literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_literals_have_their_tag() {
        assert_eq!(address_literal("192.0.2.1".parse().unwrap()), "[192.0.2.1]");
        assert_eq!(
            address_literal("2001:db8::1".parse().unwrap()),
            "[IPv6:2001:db8::1]"
        );
    }
}
