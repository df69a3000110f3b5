//! An SMTP submission server for tests: strict, in memory, and observable.
//!
//! It listens on a free loopback port, keeps every message it accepts byte for byte, and records
//! what each connection did, so that a test can tell a message delivered from one half sent. It
//! refuses what real servers let pass (bare line ends, commands out of order, input sent too
//! early), because a client that leans on such leniency is wrong.
//!
//! RFC 5321 with PIPELINING (2920), SIZE (1870), 8BITMIME (6152), CHUNKING (3030),
//! ENHANCEDSTATUSCODES (2034), STARTTLS (3207) and AUTH (4954).

mod auth;
mod connection;
mod data;
mod faulty;
mod record;
mod scram;
mod script;
mod server;
mod session;
mod syntax;
mod transaction;

use std::sync::Arc;

use rustls::ServerConfig;

pub use faulty::{Fault, FaultyServer, Moment, Seen};
pub use record::{Authenticated, Received, SessionRecord, Via};
pub use script::Script;
pub use server::{Builder, SmtpServer};

/// How a server protects its connections.
#[derive(Clone)]
pub enum Security {
    /// TLS from the first byte, as on port 465.
    Implicit(Arc<ServerConfig>),
    /// Plain text until STARTTLS; AUTH is refused before it.
    StartTls(Arc<ServerConfig>),
    /// Never TLS; AUTH is allowed in the clear.
    Plain,
}

/// A SASL mechanism of the AUTH command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// The undocumented but common user name and password dialogue.
    Login,
    /// RFC 5802 and RFC 7677, without channel binding.
    ScramSha256,
}

impl Mechanism {
    /// All mechanisms, in the order the server offers them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Login, Self::ScramSha256];

    /// The name in the EHLO reply and the AUTH command.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
        }
    }
}
