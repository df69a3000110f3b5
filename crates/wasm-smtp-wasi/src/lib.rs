//! SMTP submission from a WASI 0.2 component: the client of [`wasm_smtp`] over
//! the sockets of [`wasi_net`] and the TLS of `tls-pump`.
//!
//! ```no_run,ignore-linux,ignore-darwin,ignore-windows
//! use wasm_smtp_wasi::{block_on, connect_smtps};
//!
//! fn main() -> Result<(), wasm_smtp_wasi::wasm_smtp::SmtpError> {
//!     block_on(async {
//!         let mut client = connect_smtps("smtp.example.com", 465, "client.example.com").await?;
//!         client.login("user@example.com", "secret").await?;
//!         client
//!             .send_mail(
//!                 "user@example.com",
//!                 &["recipient@example.org"],
//!                 "Subject: hello\r\n\r\nBody.\r\n",
//!             )
//!             .await?;
//!         client.quit().await
//!     })
//! }
//! ```
//!
//! - Port 465 speaks TLS from the first byte: `connect_smtps`. Port 587
//!   upgrades by STARTTLS, and without TLS nothing goes on:
//!   `connect_smtp_starttls`. In plaintext, for tests and proxies:
//!   `connect_smtp_plaintext` (feature `plaintext-only`).
//! - Mails in earnest, with retries, several connections and a report for each
//!   recipient: [`mailer`] (feature `mailer`), on [`smtp_session`].
//! - The certificate is always verified; nothing here can turn that off.
//!   [`ConnectOptions`] names other roots, pinned keys, another name to verify.
//! - Nothing waits without a deadline: each [`Phase`] has one.
//! - All addresses of a host are raced (RFC 8305), TLS sessions resume.
//! - What could be read as two mails (a bare CR or LF) is refused, secrets are
//!   not sent in plaintext, and a connection that failed or whose future was
//!   dropped is over: see [`WasiTransport`].
//!
//! # Executors
//!
//! The futures run in [`block_on`], several sessions at the same time by
//! [`wasi_net::join_all`]; under wstd by `wasi_net::wstd::run`. Elsewhere each
//! runs to its end in its first poll, blocking the component: any `block_on`
//! does, and sessions go one after the other.
//!
//! # Errors
//!
//! All come as [`wasm_smtp::SmtpError`]. Behind `SmtpError::Io`, `source()`
//! leads to a [`WasiSmtpError`], then to an [`std::io::Error`] with the kind,
//! whose `get_ref()` is the error of the layer that failed
//! ([`wasi_net::Error`], `tls_pump::Error`).
//!
//! ```
//! use std::error::Error;
//! use wasm_smtp_wasi::WasiSmtpError;
//! use wasm_smtp_wasi::wasm_smtp::SmtpError;
//!
//! fn try_again(error: &SmtpError) -> bool {
//!     let SmtpError::Io(io) = error else { return false };
//!     if let Some(WasiSmtpError::Timeout { phase, .. }) =
//!         io.source().and_then(|source| source.downcast_ref())
//!     {
//!         eprintln!("{phase} took too long");
//!     }
//!     io.is_timeout() || io.is_connection_refused()
//! }
//! # let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
//! # let error = wasm_smtp_wasi::wasm_smtp::IoError::with_source("", refused);
//! # assert!(try_again(&SmtpError::Io(error)));
//! ```
//!
//! # Features
//!
//! All of them only add.
//!
//! | feature | default | what |
//! |---|---|---|
//! | `webpki-roots` | yes | TLS that trusts Mozilla's root certificates, bundled |
//! | `native-roots` | | the host's root certificates, if the component may read them (`wasmtime run --dir /etc/ssl`); else the bundled |
//! | `plaintext-only` | | `connect_smtp_plaintext`; without the other two no crate of TLS is built |
//! | `mailer` | | [`mailer`]: connections that are kept, mails that are tried again, reports for each recipient |
//! | `idna` | | with `mailer`: domains beyond ASCII as A-labels, for servers without SMTPUTF8 |
//! | `reencode` | | with `mailer`: `Form::reencode`, for text that does not go as it is (long lines, bare CR, servers without 8BITMIME) |
//! | `saslprep` | yes | with `mailer`: passwords beyond ASCII |
//! | `tls` | by `webpki-roots` | TLS without roots: give some by [`ConnectOptions`] |
//! | `pure` | yes | the crypto provider `tls-pump-crypto`, in Rust alone |
//! | `pq` | yes | with `pure`: X25519MLKEM768, a key exchange that quantum computers do not break |
//! | `ring` | | the crypto provider *ring*, by `ConnectOptions::with_ring` or where `pure` is off; it needs clang to build for wasm32-wasip2 |
//! | `tls12` | yes | TLS 1.2 beside TLS 1.3 |
//! | `pipelining` | yes | wasm-smtp's PIPELINING: a mail's envelope in one round trip |
//! | `scram-sha-256` | yes | wasm-smtp's SCRAM-SHA-256, which `login` prefers |
//! | `xoauth2`, `oauthbearer` | yes | wasm-smtp's logins by a token |
//! | `smtputf8`, `mail-builder`, `tracing` | | wasm-smtp's features of these names |
//!
//! A smaller component takes `default-features = false` and what it needs; see
//! the profile in the README.
//!
//! # Other targets
//!
//! Everything builds, tests and documents natively. Connecting there is
//! [`std::io::ErrorKind::Unsupported`] in debug builds; in release builds the
//! call does not compile and says what to build for.

mod body;
#[cfg(any(feature = "tls", feature = "plaintext-only"))]
mod connect;
mod dialogue;
mod drive;
mod ehlo;
mod error;
#[cfg(feature = "mailer")]
pub mod mailer;
mod options;
mod stream;
mod transport;

#[cfg(feature = "plaintext-only")]
pub use connect::{
    connect_smtp_plaintext, connect_smtp_plaintext_with, connect_smtp_plaintext_with_client_options,
};
#[cfg(feature = "tls")]
pub use connect::{
    connect_smtp_starttls, connect_smtp_starttls_with, connect_smtp_starttls_with_client_options,
    connect_smtps, connect_smtps_with, connect_smtps_with_client_options,
};
pub use error::WasiSmtpError;
pub use options::ConnectOptions;
pub use smtp_session::{self, Phase};
#[cfg(feature = "tls")]
pub use tls_pump;
pub use transport::{WasiTransport, address_literal};
pub use wasi_net::{WasiTarget, block_on};
pub use {wasi_net, wasm_smtp};

/// Clients and futures fit executors that ask for `Send`.
#[cfg(all(
    feature = "tls",
    any(all(target_os = "wasi", target_env = "p2"), debug_assertions)
))]
const _: fn(wasm_smtp::SmtpClient<WasiTransport>) = |mut client| {
    fn is_send(_: impl Send) {}
    is_send(connect_smtps("", 0, ""));
    is_send(connect_smtp_starttls("", 0, ""));
    is_send(async move {
        client.login("", "").await?;
        client.send_mail("", &[""], "").await?;
        client.quit().await
    });
};

/// The README's example compiles.
#[cfg(all(doctest, feature = "tls"))]
#[doc = include_str!("../README.md")]
struct Readme;
