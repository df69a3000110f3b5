//! The ways to a ready client.

use crate::{ConnectOptions, WasiSmtpError, WasiTarget, WasiTransport};
use wasm_smtp::{IoError, SmtpClient, SmtpClientOptions, SmtpError};

type Client = SmtpClient<WasiTransport>;

/// Connects to `port` (465) of `host` with implicit TLS, and goes on to the
/// server's EHLO reply. `ehlo_domain` is this client's host name, or its
/// address literal (see [`address_literal`](crate::address_literal)).
///
/// # Errors
///
/// [`SmtpError::Io`] with a [`WasiSmtpError`] behind it from the name lookup,
/// the connection and TLS; [`SmtpError::Protocol`] when the greeting or the
/// EHLO reply is unexpected; [`SmtpError::InvalidInput`] for a name that EHLO
/// can't carry.
///
/// # Cancellation
///
/// Dropping the future ends the connection.
///
/// Source: RFC 8314 section 3.3.
#[cfg(feature = "tls")]
pub async fn connect_smtps(host: &str, port: u16, ehlo_domain: &str) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let (options, client_options) = (ConnectOptions::default(), SmtpClientOptions::default());
    connect_smtps_with_client_options(host, port, ehlo_domain, options, client_options).await
}

/// [`connect_smtps`] with options.
///
/// # Errors
///
/// As [`connect_smtps`].
#[cfg(feature = "tls")]
pub async fn connect_smtps_with(
    host: &str,
    port: u16,
    ehlo_domain: &str,
    options: ConnectOptions,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let client_options = SmtpClientOptions::default();
    connect_smtps_with_client_options(host, port, ehlo_domain, options, client_options).await
}

/// [`connect_smtps_with`], with a policy that each mail has to pass and an audit
/// log of the session, as the client has them.
///
/// # Errors
///
/// As [`connect_smtps`]; later also [`SmtpError::Policy`].
///
/// ```no_run,ignore-linux,ignore-darwin,ignore-windows
/// use wasm_smtp_wasi::wasm_smtp::{SmtpClientOptions, SmtpError, policy::BoundedPolicy};
/// use wasm_smtp_wasi::{ConnectOptions, connect_smtps_with_client_options};
///
/// # async fn run() -> Result<(), SmtpError> {
/// let policy = BoundedPolicy::new().max_recipients(50);
/// let client = connect_smtps_with_client_options(
///     "smtp.example.com",
///     465,
///     "client.example.com",
///     ConnectOptions::new(),
///     SmtpClientOptions::new().with_policy(Box::new(policy)),
/// )
/// .await?;
/// # client.quit().await
/// # }
/// ```
#[cfg(feature = "tls")]
pub async fn connect_smtps_with_client_options(
    host: &str,
    port: u16,
    ehlo_domain: &str,
    options: ConnectOptions,
    client_options: SmtpClientOptions,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let transport = WasiTransport::connect_tls(host, port, &options)
        .await
        .map_err(io_error)?;
    SmtpClient::connect_with(transport, ehlo_domain, client_options).await
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
#[cfg(feature = "tls")]
pub async fn connect_smtp_starttls(
    host: &str,
    port: u16,
    ehlo_domain: &str,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let (options, client_options) = (ConnectOptions::default(), SmtpClientOptions::default());
    connect_smtp_starttls_with_client_options(host, port, ehlo_domain, options, client_options)
        .await
}

/// [`connect_smtp_starttls`] with options.
///
/// # Errors
///
/// As [`connect_smtp_starttls`].
#[cfg(feature = "tls")]
pub async fn connect_smtp_starttls_with(
    host: &str,
    port: u16,
    ehlo_domain: &str,
    options: ConnectOptions,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let client_options = SmtpClientOptions::default();
    connect_smtp_starttls_with_client_options(host, port, ehlo_domain, options, client_options)
        .await
}

/// [`connect_smtp_starttls_with`], with the client's options: see
/// [`connect_smtps_with_client_options`].
///
/// # Errors
///
/// As [`connect_smtp_starttls`]; later also [`SmtpError::Policy`].
#[cfg(feature = "tls")]
pub async fn connect_smtp_starttls_with_client_options(
    host: &str,
    port: u16,
    ehlo_domain: &str,
    options: ConnectOptions,
    client_options: SmtpClientOptions,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let transport = WasiTransport::connect_plaintext(host, port, &options)
        .await
        .map_err(io_error)?;
    let mut client = SmtpClient::connect_with(transport, ehlo_domain, client_options).await?;
    client.starttls().await?;
    Ok(client)
}

/// Connects to `port` of `host` in plaintext and stays so: for tests, and for a
/// proxy beside the component that speaks TLS for it. Whoever listens reads the
/// mail; logging in takes [`ConnectOptions::allow_plaintext_auth`].
///
/// # Errors
///
/// As `connect_smtps`, without TLS.
///
/// # Cancellation
///
/// Dropping the future ends the connection.
#[cfg(feature = "plaintext-only")]
pub async fn connect_smtp_plaintext(
    host: &str,
    port: u16,
    ehlo_domain: &str,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let (options, client_options) = (ConnectOptions::default(), SmtpClientOptions::default());
    connect_smtp_plaintext_with_client_options(host, port, ehlo_domain, options, client_options)
        .await
}

/// [`connect_smtp_plaintext`] with options.
///
/// # Errors
///
/// As [`connect_smtp_plaintext`].
#[cfg(feature = "plaintext-only")]
pub async fn connect_smtp_plaintext_with(
    host: &str,
    port: u16,
    ehlo_domain: &str,
    options: ConnectOptions,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let client_options = SmtpClientOptions::default();
    connect_smtp_plaintext_with_client_options(host, port, ehlo_domain, options, client_options)
        .await
}

/// [`connect_smtp_plaintext_with`], with the client's options.
///
/// # Errors
///
/// As [`connect_smtp_plaintext`]; later also [`SmtpError::Policy`].
#[cfg(feature = "plaintext-only")]
pub async fn connect_smtp_plaintext_with_client_options(
    host: &str,
    port: u16,
    ehlo_domain: &str,
    options: ConnectOptions,
    client_options: SmtpClientOptions,
) -> Result<Client, SmtpError>
where
    for<'a> (): WasiTarget<'a>,
{
    let transport = WasiTransport::connect_plaintext(host, port, &options)
        .await
        .map_err(io_error)?;
    SmtpClient::connect_with(transport, ehlo_domain, client_options).await
}

fn io_error(error: WasiSmtpError) -> SmtpError {
    SmtpError::Io(IoError::from(error))
}
