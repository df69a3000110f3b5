//! SMTP submission from a WASI 0.2 component: the client of [`wasm_smtp`] over
//! the sockets of [`wasi_net`] and the TLS of [`tls_pump`].
//!
//! ```no_run,ignore-linux,ignore-darwin,ignore-windows
//! use wasm_smtp_wasi::{block_on, connect_smtps};
//!
//! fn main() -> Result<(), wasm_smtp::SmtpError> {
//!     block_on(async {
//!         let mut client = connect_smtps("smtp.example.com", 465, "client.example.com").await?;
//!         client.login("user@example.com", "secret").await?;
//!         client
//!             .send_mail(
//!                 "user@example.com",
//!                 &["recipient@example.org"],
//!                 "Subject: Hello\r\n\r\nBody.\r\n",
//!             )
//!             .await?;
//!         client.quit().await
//!     })
//! }
//! ```
//!
//! - Port 465 speaks TLS from the first byte: [`connect_smtps`]. Port 587
//!   upgrades by STARTTLS, and without TLS nothing goes on:
//!   [`connect_smtp_starttls`].
//! - The certificate is always verified; nothing here can turn that off.
//!   [`ConnectOptions`] names other roots or another name to verify.
//! - Nothing waits without a deadline: connecting and TLS 30 s, each read or
//!   write 5 minutes (RFC 5321 section 4.5.3.2).
//! - The futures run in [`block_on`], and wherever those of [`wasi_net`] do.
//!
//! # Errors
//!
//! All come as [`wasm_smtp::SmtpError`]. Behind `SmtpError::Io`, `source()`
//! leads to a [`WasiSmtpError`], then to an [`std::io::Error`] with the kind,
//! whose `get_ref()` is the error of the layer that failed
//! ([`wasi_net::Error`], [`tls_pump::Error`]).
//!
//! # Features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `pure` | yes | the crypto provider `tls-pump-crypto`, in Rust alone |
//! | `pq` | yes | with `pure`: X25519MLKEM768, a key exchange that quantum computers do not break |
//! | `ring` | | the crypto provider *ring*, where `pure` is off; it needs clang to build for wasm32-wasip2 |
//! | `tls12` | yes | TLS 1.2 beside TLS 1.3 |
//! | `webpki-roots` | yes | Mozilla's root certificates, bundled |

mod connect;
mod error;
mod options;
mod transport;

pub use connect::{
    connect_smtp_starttls, connect_smtp_starttls_with, connect_smtps, connect_smtps_with,
};
pub use error::WasiSmtpError;
pub use options::ConnectOptions;
pub use transport::{WasiTransport, address_literal};
pub use wasi_net::{WasiTarget, block_on};
pub use {tls_pump, wasi_net, wasm_smtp};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
