//! How a mailer gets its connections: over WASI, or as a test likes.

use super::server::{Security, Server};
use crate::stream::handshake;
use crate::{ConnectOptions, Phase, WasiSmtpError, WasiTarget};
use futures_io::{AsyncRead, AsyncWrite};
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use tls_pump::{ConnectionInfo, Engine, Error};
use wasi_net::TcpStream;

/// A future in a box.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A byte stream that a mailer talks through: everything is one that is
/// `AsyncRead + AsyncWrite + Send + Unpin`.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + ?Sized> ByteStream for T {}

/// A connection to a server, ready for its greeting; behind STARTTLS, for EHLO.
pub struct Connection {
    /// What is read and written.
    pub stream: Box<dyn ByteStream>,
    /// Whether it is protected.
    pub security: smtp_session::Security,
    /// This side's address: EHLO names it where the mailer was given no name.
    pub local_addr: Option<IpAddr>,
    /// What the TLS handshake agreed on.
    pub tls: Option<ConnectionInfo>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("local_addr", &self.local_addr)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// Opens a [`Mailer`](super::Mailer)'s connections.
///
/// The mailer limits the time of all: a future is dropped when it took longer
/// than [`Phase::Connect`] and [`Phase::Tls`] together may, or the mail.
pub trait Connect: Send + Sync {
    /// Opens a connection, with TLS if that comes first.
    ///
    /// # Errors
    ///
    /// [`WasiSmtpError::is_transient`] decides whether it is tried again.
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>>;

    /// Whether STARTTLS has to follow the first EHLO.
    fn upgrades(&self) -> bool {
        false
    }

    /// Whether another connection to the same port is answered by TLS: called where the
    /// server does not greet in plaintext. By default it is not known, and so not.
    fn speaks_tls(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }

    /// Does the TLS handshake behind STARTTLS. It is only called where
    /// [`upgrades`](Self::upgrades) says so, and nothing more is said on a connection
    /// whose `security` is not TLS.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    fn upgrade(
        &self,
        stream: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        drop(stream);
        Box::pin(async {
            Err(WasiSmtpError::Tls(std::io::Error::new(
                std::io::ErrorKind::Unsupported,
                "this connector has no TLS",
            )))
        })
    }
}

/// Connects over WASI.
pub(super) struct WasiConnect {
    server: Server,
    options: ConnectOptions,
}

impl WasiConnect {
    pub(super) fn new(server: Server, options: ConnectOptions) -> Self {
        Self { server, options }
    }

    async fn open(&self) -> Result<TcpStream, WasiSmtpError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        let Server { host, port, .. } = &self.server;
        let mut stream = self.options.connector().connect(host, *port).await?;
        // The session has its own times.
        stream.set_read_timeout(None);
        stream.set_write_timeout(None);
        Ok(stream)
    }

    /// With TLS at once.
    async fn open_secure(&self) -> Result<Connection, WasiSmtpError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        let config = self.options.tls_config().map_err(WasiSmtpError::of_tls)?;
        let stream = self.open().await?;
        let local_addr = Some(stream.local_addr().ip());
        let engine = Engine::new(&config, self.options.server_name_for(&self.server.host));
        self.secure(engine, stream, local_addr).await
    }

    /// Does the handshake.
    async fn secure<S: ByteStream + 'static>(
        &self,
        engine: Result<Engine, tls_pump::Error>,
        stream: S,
        local_addr: Option<IpAddr>,
    ) -> Result<Connection, WasiSmtpError> {
        let engine = engine.map_err(WasiSmtpError::of_tls)?;
        let stream = handshake(engine, stream, self.options.timeouts.of(Phase::Tls)).await?;
        let exporter = stream.tls_exporter();
        Ok(Connection {
            security: smtp_session::Security::Tls { exporter },
            local_addr,
            tls: stream.connection_info(),
            stream: Box::new(stream),
        })
    }
}

impl Connect for WasiConnect
where
    for<'a> (): WasiTarget<'a>,
{
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        Box::pin(async {
            if self.server.security == Security::Implicit {
                return self.open_secure().await;
            }
            // What is wrong with its options shows before the server is asked.
            self.options.tls_config().map_err(WasiSmtpError::of_tls)?;
            let stream = self.open().await?;
            Ok(Connection {
                local_addr: Some(stream.local_addr().ip()),
                stream: Box::new(stream),
                security: smtp_session::Security::Plaintext,
                tls: None,
            })
        })
    }

    fn speaks_tls(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            match self.open_secure().await {
                Ok(_) => true,
                // What it says need not be liked.
                Err(WasiSmtpError::Tls(error)) => matches!(
                    error.get_ref().and_then(|inner| inner.downcast_ref()),
                    Some(
                        Error::Alert { .. }
                            | Error::Certificate { .. }
                            | Error::ClockNotSet { .. }
                            | Error::Incompatible(_)
                    )
                ),
                Err(_) => false,
            }
        })
    }

    fn upgrades(&self) -> bool {
        self.server.security == Security::StartTls
    }

    fn upgrade(
        &self,
        stream: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        Box::pin(async {
            let config = self.options.tls_config().map_err(WasiSmtpError::of_tls)?;
            let name = self.options.server_name_for(&self.server.host);
            self.secure(Engine::upgrade(&config, name, &[]), stream, None)
                .await
        })
    }
}
