//! What a server saw.

use std::fmt;

/// Which command carried a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// DATA, dot-stuffed.
    #[default]
    Data,
    /// BDAT, in one or more chunks.
    Bdat,
}

/// Who logged in, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The SASL name of the mechanism.
    pub mechanism: String,
    /// The user; empty where the server did not look.
    pub user: String,
}

/// What a TLS handshake settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// Such as `TLSv1.3`.
    pub version: String,
    /// The IANA name of the cipher suite.
    pub cipher: String,
    /// The session was resumed.
    pub resumed: bool,
}

/// A mail with its envelope, as far as it came.
///
/// `Debug` leaves out what it says: mails do not belong in test logs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// The connection it came by; the first is 0.
    pub connection: usize,
    /// The name the client gave itself.
    pub ehlo: String,
    /// The reverse-path without its brackets; empty for `<>`.
    pub sender: String,
    /// The parameters of MAIL.
    pub parameters: Vec<String>,
    /// The forward-paths that were accepted, without their brackets.
    pub recipients: Vec<String>,
    /// Which command carried it.
    pub by: By,
    /// What it says, without dot-stuffing.
    pub content: Vec<u8>,
    /// What the server said to it; empty where it said nothing.
    pub reply: String,
    /// The connection's TLS; `None` in plaintext and in memory.
    pub tls: Option<TlsFacts>,
    /// Who sent it, if anyone logged in.
    pub login: Option<Login>,
    pub(crate) is_taken: bool,
}

impl Mail {
    /// Whether the server took it over; with LMTP, for anyone. Where nobody was to get
    /// it, it did not.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.is_taken
    }

    /// What it says, each octet that is not UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("sender", &self.sender)
            .field("recipients", &self.recipients)
            .field("len", &self.content.len())
            .field("reply", &self.reply)
            .finish_non_exhaustive()
    }
}

/// The course of one connection.
///
/// `Debug` shows known verbs alone: all else may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// The client's lines without their ends, responses to challenges included; `?` for
    /// a line that is no text.
    pub lines: Vec<String>,
    /// TLS is on.
    pub tls: bool,
    /// QUIT was answered.
    pub quit: bool,
    /// A deviation keeps it waiting, and it is not over.
    pub held: bool,
    /// It is over, for whatever reason; in memory, once the client's end is closed.
    pub closed: bool,
    /// How many bytes of a [`Then::Repeat`](crate::Then::Repeat) went out.
    pub repeated: usize,
}

impl Connection {
    /// The first word of each line, in upper case.
    #[must_use]
    pub fn verbs(&self) -> Vec<String> {
        let verb = |line: &String| line.split(' ').next().unwrap_or_default().to_uppercase();
        self.lines.iter().map(verb).collect()
    }
}

/// Without responses to challenges.
fn known(verbs: Vec<String>) -> Vec<String> {
    const KNOWN: &str = "AUTH BDAT DATA EHLO HELO HELP LHLO MAIL NOOP QUIT RCPT RSET STARTTLS VRFY";
    let show = |verb: String| match KNOWN.split(' ').any(|known| known == verb) {
        true => verb,
        false => "*".to_owned(),
    };
    verbs.into_iter().map(show).collect()
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("verbs", &known(self.verbs()))
            .field("tls", &self.tls)
            .field("quit", &self.quit)
            .field("held", &self.held)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// What a server saw, in the order in which it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its connections, open ones included.
    pub connections: Vec<Connection>,
    /// The mails that came to their end, taken or not.
    pub mails: Vec<Mail>,
}

impl Seen {
    /// The client's lines, connection by connection.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.connections.iter().flat_map(|one| &one.lines);
        lines.map(String::as_str)
    }

    /// The lines that begin so.
    #[must_use]
    pub fn starting(&self, beginning: &str) -> Vec<&str> {
        let lines = self.lines();
        lines.filter(|line| line.starts_with(beginning)).collect()
    }

    /// How many lines begin so.
    #[must_use]
    pub fn count(&self, beginning: &str) -> usize {
        self.starting(beginning).len()
    }

    /// The mails that the server took.
    #[must_use]
    pub fn taken(&self) -> Vec<&Mail> {
        self.mails.iter().filter(|mail| mail.is_taken()).collect()
    }

    /// How many connections are over.
    #[must_use]
    pub fn closed(&self) -> usize {
        self.connections.iter().filter(|one| one.closed).count()
    }

    /// How many connections a deviation keeps waiting.
    #[must_use]
    pub fn held(&self) -> usize {
        self.connections.iter().filter(|one| one.held).count()
    }
}
