//! Why an operation failed, what became of the mail, and what helps.

use crate::receipt::{outcomes, refused};
use crate::reply::write_printable;
use crate::{Address, Delivery, Envelope, Extension, Mechanism, Outcome, Phase, Reply};
use std::{error, fmt, io};

/// Why an operation of a session failed.
///
/// `Display` says in one sentence what happened, in which phase, and what became
/// of the mail; it shows no addresses and no secrets. [`reply`](Self::reply) has
/// what the server said.
///
/// Whether the session lives on is told by
/// [`Session::is_usable`](crate::Session::is_usable).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    phase: Phase,
    delivery: Delivery,
    doubts_last_mail: bool,
    /// What the server said that is no reply, or no one's.
    said: Option<String>,
    /// The server refused EHLO by that, and took HELO.
    ehlo_refusal: Option<Reply>,
    /// Of AUTH: by what it was tried.
    mechanism: Option<Mechanism>,
    /// Of AUTH: why the server refuses it, in the server's words.
    reason: Option<String>,
    /// Of a mail: whom it was for, and what was known of each.
    recipients: Option<(Envelope, Vec<Outcome>)>,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server refused a command, or the mail, by this reply.
    Refused(Reply),
    /// The server offers CHUNKING and does not know BDAT, by this reply (500, 502 or
    /// 503 though it accepted a recipient): mostly a filter in front of it. The session
    /// is over. In another one, [`Options::chunking`](crate::Options::chunking) keeps
    /// it from being used.
    BdatUnknown(Reply),
    /// The server refused every recipient:
    /// [`Error::refused`] has the replies.
    NoRecipients,
    /// The server is closing the connection, by this reply (421).
    Closing(Reply),
    /// The server ended the connection without a word.
    Closed,
    /// The stream below failed.
    Io(io::Error),
    /// The server, or what gives the mail, took longer than the phase may.
    TimedOut,
    /// The server broke the protocol; the text says how.
    Protocol(&'static str),
    /// The server does not offer what the envelope or the body needs.
    Unsupported(Extension),
    /// The server does not take AUTH by any mechanism that the credentials allow.
    NoMechanism,
    /// AUTH would send a secret in plaintext.
    PlaintextAuth,
    /// AUTH failed by the server's fault; the text says how.
    Auth(&'static str),
    /// The credentials can't be used; the text says why.
    Credentials(&'static str),
    /// The server takes no mail as long as this.
    TooLarge {
        /// The longest that it takes, in octets.
        limit: u64,
    },
    /// The body can't be sent as it is.
    Body(BodyError),
    /// What gives the body failed.
    BodyRead(io::Error),
    /// The caller asked for what can't be; the text says what.
    Invalid(&'static str),
    /// The session is over: an operation before this one failed in a way after
    /// which replies and commands can't be paired, or its future was dropped.
    Unusable,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// A CR without its LF, which servers read differently.
    #[error(
        "line {line} of the mail has a CR without an LF: end lines by CR LF, and encode what is no text"
    )]
    BareCr {
        /// The first is 1.
        line: u64,
    },
    /// An LF without its CR, where [`LineEnds::Crlf`](crate::LineEnds::Crlf) was
    /// asked for.
    #[error(
        "line {line} of the mail has an LF without a CR: end lines by CR LF, or have them normalized"
    )]
    BareLf {
        /// The first is 1.
        line: u64,
    },
    /// A NUL.
    #[error("line {line} of the mail has a NUL: encode it, as by base64")]
    Nul {
        /// The first is 1.
        line: u64,
    },
    /// A line of more than 998 octets without its line end.
    #[error(
        "line {line} of the mail is longer than 998 octets: fold it, or encode it, as by quoted-printable"
    )]
    LineTooLong {
        /// The first is 1.
        line: u64,
    },
    /// Something that has to be encoded, in what is signed or encrypted, which would not
    /// hold then.
    #[error(
        "line {line} of the mail does not go as it is, and encoding it would break what is signed or encrypted there: encode it before it is signed, as by quoted-printable"
    )]
    Signed {
        /// The first is 1.
        line: u64,
    },
    /// A byte beyond ASCII, and a server without 8BITMIME.
    #[error(
        "line {line} of the mail has a byte beyond ASCII, and the server does not offer 8BITMIME: encode it, as by quoted-printable"
    )]
    EightBit {
        /// The first is 1.
        line: u64,
    },
}

/// A value that no command may have; the text says what to write instead, and
/// does not show the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidInput(&'static str);

impl InvalidInput {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self(text)
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, phase: Phase) -> Self {
        Self(Box::new(Inner {
            kind,
            phase,
            delivery: Delivery::NotSent,
            doubts_last_mail: false,
            said: None,
            ehlo_refusal: None,
            mechanism: None,
            reason: None,
            recipients: None,
        }))
    }

    pub(crate) fn with_said(mut self, said: Option<String>) -> Self {
        self.0.said = said;
        self
    }

    pub(crate) fn with_ehlo_refusal(mut self, refusal: Option<Reply>) -> Self {
        self.0.ehlo_refusal = refusal;
        self
    }

    pub(crate) fn of_auth(mut self, by: Option<Mechanism>, reason: Option<String>) -> Self {
        (self.0.mechanism, self.0.reason) = (by, reason);
        self
    }

    pub(crate) fn of_mail(
        mut self,
        delivery: Delivery,
        envelope: Envelope,
        outcomes: Vec<Outcome>,
    ) -> Self {
        self.0.delivery = delivery;
        self.0.recipients = Some((envelope, outcomes));
        self
    }

    /// A reply too many came behind that which refused the mail.
    pub(crate) fn doubted(mut self) -> Self {
        self.0.delivery = Delivery::MaybeSent;
        self
    }

    pub(crate) fn doubt_last_mail(mut self) -> Self {
        self.0.doubts_last_mail = true;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What the session was waiting for, or about to do.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// What became of the mail; [`Delivery::NotSent`] for operations without one.
    pub fn delivery(&self) -> Delivery {
        self.0.delivery
    }

    /// Whether it makes the last mail doubtful whose end this session gave to the server,
    /// whatever was said of that mail before, a [`Receipt`](crate::Receipt) included:
    /// there was one reply too many, so that the mail's may have been that to another
    /// command. Do not send it again without asking its recipients.
    pub fn doubts_last_mail(&self) -> bool {
        self.0.doubts_last_mail
    }

    /// What the server said, if that is why.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.0.kind {
            ErrorKind::Refused(reply)
            | ErrorKind::BdatUnknown(reply)
            | ErrorKind::Closing(reply) => Some(reply),
            ErrorKind::NoRecipients => self.refused().next().map(|(_, reply)| reply),
            _ => None,
        }
    }

    /// Where the server lacks something: by what it refused EHLO, if it did and took HELO
    /// then, which offers nothing. A server refuses a name in EHLO so, or does not know
    /// EHLO (500, 502).
    pub fn ehlo_refusal(&self) -> Option<&Reply> {
        self.0.ehlo_refusal.as_ref()
    }

    /// Of AUTH, the mechanism that was tried last.
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.0.mechanism
    }

    /// Of AUTH by OAUTHBEARER or XOAUTH2, what the server said of a failure before
    /// its reply: JSON with a `status`, and maybe `scope` and `schemes`. At most
    /// 1,024 octets; it is not checked, and may hold control characters.
    ///
    /// Source: RFC 7628 section 3.2.2.
    pub fn auth_reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Of a mail, what is known of each recipient, in the order of the envelope.
    /// With LMTP some may have got it where the delivery is
    /// [`Delivery::MaybeSent`].
    pub fn outcomes(&self) -> impl Iterator<Item = (&Address, &Outcome)> {
        let recipients = self.0.recipients.as_ref();
        recipients
            .into_iter()
            .flat_map(|(envelope, all)| outcomes(envelope, all))
    }

    /// Of a mail, the recipients that the server refused, and why.
    pub fn refused(&self) -> impl Iterator<Item = (&Address, &Reply)> {
        let recipients = self.0.recipients.as_ref();
        recipients
            .into_iter()
            .flat_map(|(envelope, all)| refused(envelope, all))
    }

    /// Whether the same may succeed later, in another session where this one is
    /// over: connections that broke or got out of step, sessions that were over
    /// before, times that ran out, replies of 4xx, and recipients that were all
    /// refused of which one was by 4xx. A body that could not be read may or may
    /// not be there later, which is not known here: `false`. It says nothing of
    /// the mail: look at [`delivery`](Self::delivery) before you send it again.
    pub fn is_transient(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Refused(reply) => reply.is_transient(),
            ErrorKind::NoRecipients => self.refused().any(|(_, reply)| reply.is_transient()),
            ErrorKind::Closing(_)
            | ErrorKind::Closed
            | ErrorKind::Io(_)
            | ErrorKind::TimedOut
            | ErrorKind::Protocol(_)
            | ErrorKind::Unusable => true,
            ErrorKind::BdatUnknown(_)
            | ErrorKind::Unsupported(_)
            | ErrorKind::NoMechanism
            | ErrorKind::PlaintextAuth
            | ErrorKind::Auth(_)
            | ErrorKind::Credentials(_)
            | ErrorKind::TooLarge { .. }
            | ErrorKind::Body(_)
            | ErrorKind::BodyRead(_)
            | ErrorKind::Invalid(_) => false,
        }
    }

    /// The closest [`io::ErrorKind`].
    pub fn io_kind(&self) -> io::ErrorKind {
        match self.kind() {
            ErrorKind::Io(error) | ErrorKind::BodyRead(error) => error.kind(),
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ErrorKind::Closed => io::ErrorKind::UnexpectedEof,
            ErrorKind::Closing(_) => io::ErrorKind::ConnectionAborted,
            ErrorKind::Protocol(_) | ErrorKind::Body(_) => io::ErrorKind::InvalidData,
            ErrorKind::Invalid(_) | ErrorKind::Credentials(_) => io::ErrorKind::InvalidInput,
            ErrorKind::Auth(_) | ErrorKind::PlaintextAuth => io::ErrorKind::PermissionDenied,
            ErrorKind::BdatUnknown(_) | ErrorKind::Unsupported(_) | ErrorKind::NoMechanism => {
                io::ErrorKind::Unsupported
            }
            ErrorKind::Unusable => io::ErrorKind::NotConnected,
            ErrorKind::Refused(_) | ErrorKind::NoRecipients | ErrorKind::TooLarge { .. } => {
                io::ErrorKind::Other
            }
        }
    }

    /// `Display` without what became of the mail, for a sentence of one's own.
    pub fn cause(&self) -> impl fmt::Display + '_ {
        struct Cause<'a>(&'a Error);
        impl fmt::Display for Cause<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match (self.0.ehlo_refusal(), self.0.kind()) {
                    (Some(reply), ErrorKind::Unsupported(extension)) => {
                        write!(
                            f,
                            "the server refuses EHLO, and so offers no {extension}: {reply}"
                        )
                    }
                    (Some(reply), _) => {
                        write!(f, "the server refuses EHLO, and so offers no AUTH: {reply}")
                    }
                    (None, _) => self.0.why(f),
                }
            }
        }
        Cause(self)
    }

    fn why(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.0.phase;
        match &self.0.kind {
            ErrorKind::Refused(reply) => {
                write!(f, "{phase}")?;
                if let Some(mechanism) = self.mechanism() {
                    write!(f, " by {mechanism}")?;
                }
                write!(f, " was a refusal: {reply}")?;
                let Some(reason) = self.auth_reason() else {
                    return Ok(());
                };
                f.write_str(" (")?;
                write_printable(f, reason)?;
                f.write_str(")")
            }
            ErrorKind::BdatUnknown(reply) => write!(
                f,
                "the server offers CHUNKING and does not know BDAT, which a filter in front of it may do: {reply}"
            ),
            ErrorKind::NoRecipients => {
                f.write_str("the server refused every recipient")?;
                self.reply().map_or(Ok(()), |reply| write!(f, ": {reply}"))
            }
            ErrorKind::Closing(reply) => write!(f, "the server is closing the connection: {reply}"),
            ErrorKind::Closed => write!(f, "the server ended the connection before {phase}"),
            ErrorKind::Io(error) => write!(f, "the connection broke before {phase}: {error}"),
            ErrorKind::TimedOut => write!(f, "{phase} took too long"),
            ErrorKind::Protocol(what) => {
                write!(f, "the server broke the protocol: {what}")?;
                let Some(said) = &self.0.said else {
                    return Ok(());
                };
                f.write_str(": ")?;
                write_printable(f, said)
            }
            ErrorKind::Unsupported(extension @ Extension::StartTls) => {
                write!(f, "the server does not offer {extension}")
            }
            ErrorKind::Unsupported(extension) => write!(
                f,
                "the server does not offer {extension}, which the mail needs: leave out what needs it, or use another server"
            ),
            ErrorKind::NoMechanism => f.write_str(
                "the server offers no AUTH mechanism for these credentials: use others, or another server",
            ),
            ErrorKind::PlaintextAuth => f.write_str(
                "AUTH would send a secret without TLS: use TLS, or allow AUTH in plaintext",
            ),
            ErrorKind::Auth(what) => write!(f, "AUTH failed: {what}"),
            ErrorKind::Credentials(what) | ErrorKind::Invalid(what) => f.write_str(what),
            ErrorKind::TooLarge { limit } => write!(
                f,
                "the mail is longer than the {limit} octets that the server takes: make it shorter"
            ),
            ErrorKind::Body(error) => write!(f, "{error}"),
            ErrorKind::BodyRead(error) => write!(f, "the mail could not be read: {error}"),
            ErrorKind::Unusable => {
                f.write_str("the session ended with an operation that failed: open another")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause())?;
        if self.0.recipients.is_some() {
            f.write_str(match self.0.delivery {
                Delivery::NotSent => "; the mail was not sent",
                Delivery::MaybeSent => {
                    "; it is not known whether the mail was sent: sending it again may make a second one"
                }
                Delivery::Sent => "; the mail was sent",
            })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("phase", &self.0.phase)
            .field("delivery", &self.0.delivery)
            .finish_non_exhaustive()
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0.kind {
            ErrorKind::Io(error) | ErrorKind::BodyRead(error) => Some(error),
            ErrorKind::Body(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    /// With the original inside.
    fn from(error: Error) -> Self {
        let kind = error.io_kind();
        Self::new(kind, error)
    }
}
