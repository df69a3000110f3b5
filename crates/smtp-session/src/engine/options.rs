//! What a session is told before it begins.

use std::fmt;

/// How the connection is protected.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Security {
    /// Not at all.
    Plaintext,
    /// By TLS.
    Tls {
        /// The channel binding `tls-exporter` (RFC 9266), where the TLS library
        /// has it: SCRAM is bound to the connection by it.
        exporter: Option<[u8; 32]>,
    },
}

/// What the other side speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033: LHLO, and a reply to the mail for each recipient.
    Lmtp,
}

/// What a session may do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub(crate) protocol: Protocol,
    pub(crate) pipelining: bool,
    pub(crate) chunking: bool,
    pub(crate) plaintext_auth: bool,
    pub(crate) ascii_domain: Option<AsciiDomain>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocol: Protocol::Smtp,
            pipelining: true,
            chunking: true,
            plaintext_auth: false,
            ascii_domain: None,
        }
    }
}

impl Options {
    /// What the other side speaks; SMTP by default.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Whether commands leave together where the server offers PIPELINING; they
    /// do by default.
    #[must_use]
    pub fn pipelining(mut self, on: bool) -> Self {
        self.pipelining = on;
        self
    }

    /// Whether mails go by BDAT where the server offers CHUNKING and PIPELINING;
    /// they do by default, but for empty ones. A binary body goes by BDAT in any case.
    #[must_use]
    pub fn chunking(mut self, on: bool) -> Self {
        self.chunking = on;
        self
    }

    /// Whether AUTH may be used without TLS, where anyone between can read the
    /// password; it may not by default.
    #[must_use]
    pub fn allow_plaintext_auth(mut self, allow: bool) -> Self {
        self.plaintext_auth = allow;
        self
    }

    /// How a domain beyond ASCII is written in A-labels, for servers without SMTPUTF8:
    /// `None` from it where the domain has no such form. Without this, and where the
    /// local part is beyond ASCII, an address has none. It is about the envelope alone:
    /// of a header beyond ASCII [`Envelope::smtputf8`](crate::Envelope::smtputf8) says
    /// that it needs the extension.
    ///
    /// Source: RFC 6531 section 3.2; RFC 5891.
    #[must_use]
    pub fn ascii_domain(mut self, form: fn(&str) -> Option<String>) -> Self {
        self.ascii_domain = Some(form);
        self
    }
}

/// Gives a domain's A-labels.
pub(crate) type AsciiDomain = fn(&str) -> Option<String>;

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plaintext => "Plaintext",
            Self::Tls { exporter: None } => "Tls",
            Self::Tls { exporter: Some(_) } => "Tls { exporter: .. }",
        })
    }
}
