//! SMTP submission over any async byte stream: it loses no mail, sends none
//! twice, and says which.
//!
//! - [`Session`]: over any `futures-io` stream, natively or in a component. It
//!   reads while it writes, and sends a mail in two round trips where the server
//!   allows that.
//! - [`Envelope`] and [`Body`]: to whom, and what. One refused recipient does not
//!   keep the mail from the others.
//! - [`Receipt`]: what became of each recipient. [`Error`]: why not, and by
//!   [`Delivery`] whether the mail may have been sent all the same.
//! - [`Credentials`]: for AUTH by PLAIN, LOGIN, SCRAM with channel binding,
//!   OAUTHBEARER, XOAUTH2, EXTERNAL. Never without TLS unless allowed by name.
//! - [`Deadlines`]: timers of your runtime, for the times of RFC 5321.
//! - [`Engine`]: the same without I/O, for drivers of your own.
//!
//! This crate knows nothing of sockets or TLS: give it a stream that has both.
//!
//! ```no_run
//! # async fn run(stream: impl futures_io::AsyncRead + futures_io::AsyncWrite + Unpin) -> Result<(), Box<dyn std::error::Error>> {
//! use smtp_session::{Address, Body, Credentials, Envelope, Security, Session};
//!
//! let mut session = Session::new(stream, Security::Tls { exporter: None });
//! session.hello("client.example.com").await?;
//! session.authenticate(&Credentials::password("me", "secret")?).await?;
//! let envelope = Envelope::new(Address::new("me@example.com")?)
//!     .to(Address::new("you@example.org")?);
//! let mail = "Subject: hello\r\n\r\nhello\r\n";
//! let receipt = session.send(&envelope, Body::bytes(mail)).await?;
//! for (address, reply) in receipt.refused() {
//!     println!("{address} was refused: {reply}");
//! }
//! session.quit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! new --hello--> [starttls, TLS, resume, hello] --> [authenticate] --> send ... send --> quit
//! a refusal: go on, but for one of STARTTLS, of the greeting, or amid a long mail
//! a broken connection, a time that is over, a dropped future: unusable
//! ```
//!
//! # Whether a mail was sent
//!
//! A [`Receipt`] stands for a 2xx reply to the whole mail. An error is
//! [`Delivery::NotSent`] until the last byte of the final dot, or of the last
//! BDAT, was offered to the stream, and when the server refused; it is
//! [`Delivery::MaybeSent`] in between. Nothing is ever sent again by itself.
//!
//! # Features
//!
//! All of them only add.
//!
//! | feature | default | what |
//! |---|---|---|
//! | `scram` | yes | SCRAM-SHA-1 and SCRAM-SHA-256, with and without channel binding |
//! | `reencode` | | `Form::reencode`: text that does not go as it is (long lines, a bare CR, beyond ASCII without 8BITMIME), by `mail-parser` |
//! | `saslprep` | yes | with `scram`: user names and passwords beyond ASCII |

mod address;
mod auth;
mod body;
mod capabilities;
mod engine;
mod envelope;
mod error;
mod lines;
mod parameters;
mod phase;
mod printable;
mod receipt;
#[cfg(feature = "reencode")]
mod reencode;
mod reply;
mod session;
mod transcript;

pub use address::Address;
pub use auth::{Credentials, Mechanism};
pub use body::{Body, Form, LineEnds};
pub use capabilities::{Capabilities, Extension};
pub use engine::{Engine, Options, Protocol, Security};
pub use envelope::{Envelope, Recipient};
pub use error::{BodyError, Error, ErrorKind, InvalidInput};
pub use parameters::{DeliverBy, EnvelopeId, Hold, Notify, Priority, Ret};
pub use phase::{Deadlines, NoDeadlines, Phase, Timeouts};
pub use printable::printable;
pub use receipt::{Delivery, Outcome, Receipt};
pub use reply::{EnhancedStatus, MAX_REPLY_LEN, MAX_REPLY_LINE_LEN, MAX_REPLY_LINES, Reply};
pub use session::{Session, Upgrade};
pub use transcript::{Speaker, Transcript};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
