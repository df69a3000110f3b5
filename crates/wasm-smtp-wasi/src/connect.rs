//! The four ways to a ready client.

use crate::{ConnectOptions, WasiSmtpError, WasiTarget, WasiTransport};
use wasm_smtp::{IoError, SmtpClient, SmtpError};

type Client = SmtpClient<WasiTransport>;

/// Connects to `port` (465) of `host` with implicit TLS, and goes on to the
/// server's EHLO reply. `ehlo_domain` is this client's host name, or its
/// address literal.
///
/// # Errors
///
/// [`SmtpError::Io`] with a [`WasiSmtpError`] behind it from the name lookup,
/// the connection and TLS; [`SmtpError::Protocol`] when the greeting or the
/// EHLO reply is unexpected.
///
/// # Cancellation
///
/// Dropping the future ends the connection.
///
/// Source: RFC 8314 section 3.3.
pub async fn connect_smtps(host: &str, port: u16, ehlo_domain: &str) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    connect_smtps_with(host, port, ehlo_domain, ConnectOptions::default()).await
}

/// [`connect_smtps`] with options.
///
/// # Errors
///
/// As [`connect_smtps`].
pub async fn connect_smtps_with(
    host: &str,
    port: u16,
    ehlo_domain: &str,
    options: ConnectOptions,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let transport = WasiTransport::connect_tls(host, port, &options)
        .await
        .map_err(io_error)?;
    SmtpClient::connect(transport, ehlo_domain).await
}

/// Connects to `port` (587) of `host` in plaintext, upgrades to TLS by
/// STARTTLS, and goes on to the second EHLO reply. Without the upgrade nothing
/// goes on.
///
/// # Errors
///
/// As [`connect_smtps`]; [`SmtpError::Protocol`] also when the server offers no
/// STARTTLS or refuses it.
///
/// # Cancellation
///
/// Dropping the future ends the connection.
///
/// Source: RFC 3207.
pub async fn connect_smtp_starttls(
    host: &str,
    port: u16,
    ehlo_domain: &str,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    connect_smtp_starttls_with(host, port, ehlo_domain, ConnectOptions::default()).await
}

/// [`connect_smtp_starttls`] with options.
///
/// # Errors
///
/// As [`connect_smtp_starttls`].
pub async fn connect_smtp_starttls_with(
    host: &str,
    port: u16,
    ehlo_domain: &str,
    options: ConnectOptions,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let transport = WasiTransport::connect_plaintext(host, port, &options)
        .await
        .map_err(io_error)?;
    SmtpClient::connect_starttls(transport, ehlo_domain).await
}

fn io_error(error: WasiSmtpError) -> SmtpError {
    SmtpError::Io(IoError::from(error))
}
