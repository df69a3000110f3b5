//! What the server remembers for its tests: accepted messages and the course of each connection.

use std::fmt;

use tokio::sync::watch;

/// Which command carried a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// DATA, dot-stuffed.
    Data,
    /// BDAT, in one or more chunks.
    Bdat,
}

/// The identity a session has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// The SASL name of the mechanism.
    pub mechanism: &'static str,
    /// The user name.
    pub user: String,
}

/// A message the server has answered with 250.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// The name the client gave in EHLO or HELO.
    pub ehlo: String,
    /// The reverse path without angle brackets; empty for `<>`.
    pub mail_from: String,
    /// The parameters of MAIL, as sent.
    pub mail_parameters: Vec<String>,
    /// The accepted forward paths without angle brackets, in order.
    pub recipients: Vec<String>,
    /// Such as `TLSv1.3`; `None` in plain text.
    pub tls_version: Option<String>,
    /// The IANA name of the cipher suite; `None` in plain text.
    pub tls_cipher: Option<String>,
    /// Whether the TLS session was resumed.
    pub tls_resumed: bool,
    /// Who sent it, if anyone logged in.
    pub auth: Option<Authenticated>,
    /// Which command carried it.
    pub via: Via,
    /// The exact content, dot-stuffing removed and CRLF kept.
    pub data: Vec<u8>,
}

/// Leaves the content out: mail bodies do not belong in test logs.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("ehlo", &self.ehlo)
            .field("mail_from", &self.mail_from)
            .field("mail_parameters", &self.mail_parameters)
            .field("recipients", &self.recipients)
            .field("tls_version", &self.tls_version)
            .field("tls_cipher", &self.tls_cipher)
            .field("tls_resumed", &self.tls_resumed)
            .field("auth", &self.auth)
            .field("via", &self.via)
            .field("data", &format_args!("{} octets", self.data.len()))
            .finish()
    }
}

/// The course of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionRecord {
    /// The verbs seen, in upper case; `?` stands for a line that is no command.
    pub commands: Vec<&'static str>,
    /// Whether a TLS handshake succeeded.
    pub tls: bool,
    /// Whether the client said QUIT.
    pub quit: bool,
    /// Whether the dialogue is over, for whatever reason.
    pub closed: bool,
}

/// The record of a server, shared by its sessions.
///
/// A watch channel is both the lock and the signal of the waiting methods.
#[derive(Default)]
pub(super) struct Log(watch::Sender<Entries>);

#[derive(Default)]
pub(super) struct Entries {
    pub(super) received: Vec<Received>,
    pub(super) sessions: Vec<SessionRecord>,
}

impl Log {
    /// Opens the record of a new connection and returns its index.
    pub(super) fn open(&self) -> usize {
        let mut index = 0;
        self.0.send_modify(|entries| {
            index = entries.sessions.len();
            entries.sessions.push(SessionRecord::default());
        });
        index
    }

    pub(super) fn session(&self, index: usize, change: impl FnOnce(&mut SessionRecord)) {
        self.0
            .send_modify(|entries| change(&mut entries.sessions[index]));
    }

    pub(super) fn deliver(&self, message: Received) {
        self.0.send_modify(|entries| entries.received.push(message));
    }

    pub(super) fn read<T>(&self, view: impl FnOnce(&Entries) -> T) -> T {
        view(&self.0.borrow())
    }

    /// Waits until `done` holds, then reads.
    pub(super) async fn wait<T>(
        &self,
        done: impl Fn(&Entries) -> bool,
        view: impl FnOnce(&Entries) -> T,
    ) -> T {
        let mut entries = self.0.subscribe();
        let entries = entries.wait_for(done).await;
        view(&entries.expect("self holds the sender"))
    }
}
