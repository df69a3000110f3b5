//! An SMTP and LMTP server for tests of what sends mail.
//!
//! It is strict where real servers are lenient (bare line ends, commands out of
//! order, input ahead of a reply), since a client that leans on leniency is wrong. It
//! keeps all that it is told, so that a test can tell a mail that was taken from one
//! half sent. And where a test wants it to, it misbehaves: a [`Deviation`] says what
//! comes in place of a reply.
//!
//! - [`Rules`]: what the server offers and demands.
//! - [`Server`]: what its connections share, and what a test asks for.
//! - [`Conversation`]: one connection, without I/O.
//! - Drivers: [`memory`], without dependencies; `listen`, on a loopback port with
//!   TLS (feature `tokio`); `folder`, in which the mails are files (feature `folder`).
//!
//! ```
//! use smtp_test_server::{Deviation, Rules, Server};
//!
//! let server = Server::new(Rules::default());
//! server.deviate(|asked| {
//!     let nobody = asked.is("RCPT TO:<nobody@");
//!     nobody.then(|| Deviation::say("550 5.1.1 no such user"))
//! });
//! let mut conversation = server.open();
//! let mut said = String::new();
//! for lines in ["", "EHLO client.example\r\n", "MAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\n"] {
//!     conversation.handle(lines.as_bytes());
//!     // A client reads what was said before it goes on.
//!     said = String::from_utf8_lossy(conversation.output()).into_owned();
//!     conversation.written(said.len());
//! }
//! assert_eq!(said, "250 2.1.0 sender ok\r\n550 5.1.1 no such user\r\n");
//! ```
//!
//! Source: RFC 5321, with RFC 1870 (SIZE), 2033 (LMTP), 2034 (enhanced status codes),
//! 2920 (PIPELINING), 3030 (CHUNKING), 3207 (STARTTLS), 3461 (DSN), 4954 (AUTH), 6152
//! (8BITMIME) and 6531 (SMTPUTF8).

#[cfg(feature = "auth")]
mod auth;
mod content;
mod conversation;
mod deviation;
#[cfg(feature = "folder")]
mod folder;
#[cfg(all(feature = "tokio", not(target_family = "wasm")))]
pub mod listen;
pub mod memory;
mod rules;
mod seen;
mod server;
mod syntax;

pub use conversation::Conversation;
pub use deviation::{Asked, BLOCK, CHUNK, Deviation, END, GREETING, OVER, TLS, Then};
#[cfg(feature = "auth")]
pub use rules::Mechanism;
pub use rules::Rules;
pub use seen::{By, Connection, Login, Mail, Seen, TlsFacts};
pub use server::Server;

/// The README's example works.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
