//! One submission, from the connection to QUIT.

use crate::Failure;
use crate::failure::{Phase, printable};
use crate::message::Mail;
use crate::server::{Security, Server};
use wasm_smtp_wasi::wasm_smtp::{SmtpClient, SmtpError};
use wasm_smtp_wasi::{ConnectOptions, WasiTarget, WasiTransport, address_literal};

/// Submits `mail` and says what the server replied.
pub(crate) async fn submit(
    server: &Server,
    options: ConnectOptions,
    mail: &Mail,
) -> Result<String, Failure>
where
    for<'a> (): WasiTarget<'a>,
{
    let mut client = connect(server, &options).await?;
    if let Some(credentials) = &server.credentials {
        client
            .login(&credentials.user, &credentials.password)
            .await
            .map_err(|error| Failure::of_smtp(&error, Phase::Authenticating))?;
    }
    let recipients: Vec<&str> = mail.recipients.iter().map(String::as_str).collect();
    let outcome = client
        .send_mail_bytes(&mail.sender, &recipients, &mail.content)
        .await
        .map_err(|error| Failure::of_smtp(&error, Phase::Sending))?;
    // The mail is the server's now: nothing that happens from here on is a
    // failure.
    let _ = client.quit().await;
    let plural = if recipients.len() == 1 { "" } else { "s" };
    Ok(format!(
        "{} took the mail for {} recipient{plural}: {} {}\n",
        server.host,
        recipients.len(),
        outcome.code,
        printable(&outcome.server_message)
    ))
}

async fn connect(
    server: &Server,
    options: &ConnectOptions,
) -> Result<SmtpClient<WasiTransport>, Failure>
where
    for<'a> (): WasiTarget<'a>,
{
    let (host, port) = (server.host.as_str(), server.port);
    let transport = match server.security {
        Security::Implicit => WasiTransport::connect_tls(host, port, options).await,
        Security::StartTls => WasiTransport::connect_plaintext(host, port, options).await,
    }
    .map_err(|error| Failure::of_connection(&error, Phase::Connecting))?;
    let name = server.ehlo_domain.clone().or_else(|| {
        transport
            .local_addr()
            .map(|address| address_literal(address.ip()))
    });
    let name = name.unwrap_or_default();
    let connected: Result<_, SmtpError> = match server.security {
        Security::Implicit => SmtpClient::connect(transport, &name).await,
        Security::StartTls => SmtpClient::connect_starttls(transport, &name).await,
    };
    connected.map_err(|error| Failure::of_smtp(&error, Phase::Connecting))
}
