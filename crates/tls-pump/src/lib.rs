//! TLS over any byte stream: rustls behind an engine without I/O, and an async
//! driver for `futures-io`'s `AsyncRead + AsyncWrite`.
//!
//! - [`TlsConfig`]: what to trust and to offer. Make one per process and clone
//!   it, so that later connections resume the sessions of earlier ones.
//! - [`TlsStream`]: the driver. All records that wait leave in one write;
//!   a read sends them before it waits; the end of the stream is known to be
//!   clean or an [`Error::Truncated`].
//! - [`Engine`]: the same without I/O, for drivers of your own.
//! - [`Policy`]: how the peer proves who it is. Every one checks its signature
//!   over the handshake, and nothing here turns verification off.
//! - [`Error`]: one type, whose kinds tell faults of the peer, of the caller and
//!   of the machine apart; each text says what helps.
//!
//! This crate knows nothing of sockets or of protocols above TLS. It has no
//! timers: put deadlines on the stream below, pass one to
//! [`handshake_until`](TlsStream::handshake_until), or drop the future.
//!
//! ```no_run
//! # async fn run(tcp: impl futures_io::AsyncRead + futures_io::AsyncWrite + Unpin) -> Result<(), tls_pump::Error> {
//! let config = tls_pump::TlsConfig::builder().build()?;
//! let mut stream = tls_pump::TlsStream::new(&config, "mail.example", tcp)?;
//! stream.handshake().await?;
//! println!("{}", stream.connection_info().expect("after the handshake"));
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!              handshake          close            peer's close_notify
//! Handshaking ----------> Open ---------> Closing --------------------> Closed
//!      |                   |  \                                           ^
//!      | fatal error,      |   `--------> PeerClosed ---------------------'
//!      v close             v   peer's close_notify        close
//!    Failed <--------------+-- fatal error, here and later
//! ```
//!
//! # Features
//!
//! All of them only add.
//!
//! | feature | default | what |
//! |---|---|---|
//! | `pure` | yes | the crypto provider `tls-pump-crypto`, in Rust alone |
//! | `pq` | yes | with `pure`: X25519MLKEM768, a key exchange that quantum computers do not break |
//! | `ring` | | the crypto provider *ring*, by `TlsConfigBuilder::ring` or where `pure` is off; on wasm32-wasip2 it needs clang to build |
//! | `tls12` | yes | TLS 1.2 beside TLS 1.3 |
//! | `webpki-roots` | yes | Mozilla's root certificates, bundled |
//! | `native-roots` | | the host's root certificates, where there are any, in place of the bundled |
//! | `keylog` | | `TlsConfigBuilder::key_log`, to read along with Wireshark |
//! | `server` | | the server's side of an [`Engine`], for tests and peers |
//!
//! Without `pure` and `ring`, [`TlsConfigBuilder::provider`] must be called.

mod certificate;
mod config;
mod connection;
mod engine;
mod error;
mod halves;
mod info;
#[cfg(feature = "keylog")]
mod keylog;
mod pem;
mod policy;
mod roots;
mod sessions;
mod stream;
mod validity;
mod verify;

pub use certificate::CertificateErrorKind;
pub use config::{CrlScope, TlsConfig, TlsConfigBuilder, Version};
pub use engine::{Ending, Engine, Plaintext, State, Wants};
pub use error::Error;
pub use info::ConnectionInfo;
pub use policy::{Policy, TlsaRecord};
pub use rustls;
pub use stream::TlsStream;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
