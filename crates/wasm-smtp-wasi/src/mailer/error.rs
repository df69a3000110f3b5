//! Why a mail was not sent, or not to all, and what helps.

use super::addresses::Wrong;
use super::report::{Fate, fates_delivery};
use super::{Blame, Deferred};
use crate::WasiSmtpError;
use smtp_session::{Address, Delivery, Envelope, ErrorKind, Extension, Phase, Reply};
use std::sync::Arc;
use std::time::Instant;
use std::{error, fmt, io};
use tls_pump::{CertificateErrorKind, Error as TlsError};

/// Why a mail was not sent.
///
/// `Display` says in one sentence what happened, what helps where that is known
/// ([`remedy`](Self::remedy)), and what became of the mail. It shows no addresses
/// and no secrets.
pub struct MailerError(Box<Inner>);

struct Inner {
    /// Shared by those who fail alike.
    kind: Arc<MailerErrorKind>,
    remedy: Option<Remedy>,
    attempts: u32,
    mail: Option<(Envelope, Vec<Fate>)>,
    /// Others got the mail.
    of_rest: bool,
    deferred: Option<Deferred>,
    no_login_before: Option<Instant>,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum MailerErrorKind {
    /// The URL or an option of the builder can't be used; the text says why.
    Config(String),
    /// The message can't be sent as it is; the text says why.
    Message(String),
    /// What gives the message failed.
    Read(io::Error),
    /// No connection came about, or no TLS.
    Connect(WasiSmtpError),
    /// The session failed, or the server refused.
    Session(smtp_session::Error),
    /// The server does not greet in plaintext on this port, where TLS is answered.
    WaitsForTls,
    /// No access token came from what gives them.
    Token(io::Error),
    /// The time that the mail may take in all was over, or would have been, while it
    /// waited for a connection or its turn, while a connection was opened, or before
    /// its header was there.
    TimedOut,
    /// The server gave one reply too many, so that the one to this mail may be that to
    /// another command.
    OutOfStep,
    /// The mailer was closed.
    Closed,
}

/// What helps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// The port speaks plaintext first, or nothing goes on without TLS: `smtp://`,
    /// which is STARTTLS, on 587.
    UseStartTls,
    /// The port speaks TLS at once, or no STARTTLS: `smtps://`, on 465.
    UseImplicitTls,
    /// The server does not like this name in EHLO: set another.
    SetEhlo(String),
    /// The server takes these credentials for wrong.
    CheckCredentials,
    /// The server offers AUTH by none of the ways that the credentials allow.
    OtherCredentials,
    /// The server takes the mail from users who proved who they are only.
    LogIn,
    /// The server does not take mails from this sender.
    OtherSender,
    /// The server does not know the recipient, or takes nothing for him.
    OtherRecipient,
    /// The server's certificate is from a CA that is not trusted: trust that, if
    /// it is the right one.
    TrustCa,
    /// An address has no domain, and nobody completes it.
    FullAddress,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UseStartTls => "use smtp:// (STARTTLS), as on port 587",
            Self::UseImplicitTls => "use smtps:// (TLS at once), as on port 465",
            Self::SetEhlo(name) => {
                return write!(f, "it does not take the EHLO name {name}: set ehlo");
            }
            Self::CheckCredentials => "check the user name and the password or token",
            Self::OtherCredentials => "use other credentials, or none",
            Self::LogIn => "give credentials, or send from an address that it takes",
            Self::OtherSender => "send from an address that it takes",
            Self::OtherRecipient => "correct or leave out the recipient",
            Self::FullAddress => "write name@domain",
            Self::TrustCa => "trust the CA that it is from, if that is the right one",
        })
    }
}

impl MailerError {
    pub(super) fn new(kind: MailerErrorKind) -> Self {
        let remedy = match &kind {
            MailerErrorKind::Connect(error) => of_connection(error),
            MailerErrorKind::WaitsForTls => Some(Remedy::UseImplicitTls),
            _ => None,
        };
        Self::of(Arc::new(kind), remedy)
    }

    fn of(kind: Arc<MailerErrorKind>, remedy: Option<Remedy>) -> Self {
        Self(Box::new(Inner {
            kind,
            remedy,
            attempts: 0,
            mail: None,
            of_rest: false,
            deferred: None,
            no_login_before: None,
        }))
    }

    /// The same, for another mail.
    pub(super) fn again(&self) -> Self {
        let same = Self::of(Arc::clone(&self.0.kind), self.0.remedy.clone());
        match self.0.no_login_before {
            Some(until) => same.no_login(until),
            None => same,
        }
    }

    pub(super) fn no_login(mut self, until: Instant) -> Self {
        self.0.no_login_before = Some(until);
        self
    }

    pub(super) fn config(text: impl Into<String>) -> Self {
        Self::new(MailerErrorKind::Config(text.into()))
    }

    pub(super) fn message(text: impl Into<String>) -> Self {
        Self::new(MailerErrorKind::Message(text.into()))
    }

    /// `what` is an address list that can't be read.
    pub(super) fn addresses(what: &str, wrong: Wrong) -> Self {
        match wrong {
            Wrong::Text(text) => Self::message(format!("the {what} {text}")),
            Wrong::Bare(number) => {
                let text = format!("the {what} has no full address in place {number}");
                let mut this = Self::message(text);
                this.0.remedy = Some(Remedy::FullAddress);
                this
            }
        }
    }

    /// An error of a session that said `ehlo` to the server, over TLS or not.
    pub(super) fn session(error: smtp_session::Error, ehlo: &str, has_tls: bool) -> Self {
        let remedy = of_session(&error, ehlo, has_tls);
        let mut this = Self::new(MailerErrorKind::Session(error));
        this.0.remedy = remedy;
        this
    }

    pub(super) fn of_mail(mut self, attempts: u32, envelope: Envelope, fates: Vec<Fate>) -> Self {
        self.0.attempts = attempts;
        self.0.mail = Some((envelope, fates));
        self
    }

    pub(super) fn defer(mut self, deferred: Option<Deferred>) -> Self {
        self.0.deferred = deferred;
        self
    }

    /// The same for those who are left, where others got the mail.
    pub(super) fn of_rest(mut self, attempts: u32, envelope: Envelope, fates: &[Fate]) -> Self {
        let is_rest = |fate: &Fate| *fate != Fate::Sent;
        let mut all = fates.iter();
        let rest = envelope.retain(|_| all.next().is_some_and(is_rest));
        let fates = fates.iter().filter(|fate| is_rest(fate)).cloned();
        self.0.of_rest = true;
        self.of_mail(attempts, rest, fates.collect())
    }

    /// What went wrong, in the last attempt.
    #[must_use]
    pub fn kind(&self) -> &MailerErrorKind {
        &self.0.kind
    }

    /// What helps, where that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&Remedy> {
        self.0.remedy.as_ref()
    }

    /// How often the mail was tried.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// What became of the mail; [`Delivery::NotSent`] for operations without one.
    /// It is never [`Delivery::Sent`].
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        match &self.0.mail {
            Some((_, fates)) => fates_delivery(fates),
            None => Delivery::NotSent,
        }
    }

    /// What became of the mail for each recipient, in the order of the envelope.
    /// With LMTP some may have got it.
    pub fn fates(&self) -> impl Iterator<Item = (&Address, &Fate)> {
        let mail = self.0.mail.as_ref();
        mail.into_iter().flat_map(|(envelope, fates)| {
            let addresses = envelope.recipients().iter().map(|to| to.address());
            addresses.zip(fates)
        })
    }

    /// When to try again: only of
    /// [`Mailer::send_or_defer`](super::Mailer::send_or_defer).
    #[must_use]
    pub fn deferred(&self) -> Option<Deferred> {
        self.0.deferred.clone()
    }

    /// Until when the mailer does not log in, so that each mail fails with the same error:
    /// 15 minutes after the server refused the credentials (530 to 535), or 60 s after
    /// three logins in a row ended without an answer about them (421, 454, a lost
    /// connection). Then one login is tried. `None` where other mails may fare better.
    #[must_use]
    pub fn no_login_before(&self) -> Option<Instant> {
        self.0.no_login_before
    }

    /// What the server said, if that is why.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self.kind() {
            MailerErrorKind::Session(error) => error.reply(),
            _ => None,
        }
    }

    /// What was waited for, if it was the server.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        match self.kind() {
            MailerErrorKind::Session(error) => Some(error.phase()),
            MailerErrorKind::Connect(WasiSmtpError::Timeout { phase, .. }) => Some(*phase),
            MailerErrorKind::WaitsForTls => Some(Phase::Greeting),
            _ => None,
        }
    }

    /// What TLS said, if that is why. Some refusals of a server come after the
    /// handshake, and end the session.
    #[must_use]
    pub fn tls_error(&self) -> Option<&TlsError> {
        let error = match self.kind() {
            MailerErrorKind::Connect(error) => error.io_error(),
            MailerErrorKind::Session(error) => match error.kind() {
                ErrorKind::Io(error) => error,
                _ => return None,
            },
            _ => return None,
        };
        error.get_ref()?.downcast_ref()
    }

    /// Whether the same may succeed later. It says nothing of the mail: look at
    /// [`delivery`](Self::delivery) before you send it again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.kind() {
            MailerErrorKind::Connect(error) => error.is_transient(),
            MailerErrorKind::Session(error) => match self.tls_error() {
                Some(tls) => tls.is_transient(),
                None => error.is_transient(),
            },
            MailerErrorKind::TimedOut | MailerErrorKind::Token(_) => true,
            MailerErrorKind::Config(_)
            | MailerErrorKind::Message(_)
            | MailerErrorKind::Read(_)
            | MailerErrorKind::WaitsForTls
            | MailerErrorKind::OutOfStep
            | MailerErrorKind::Closed => false,
        }
    }
}

/// What helps against an error below SMTP.
fn of_connection(error: &WasiSmtpError) -> Option<Remedy> {
    use CertificateErrorKind as Kind;
    let tls: &TlsError = error.io_error().get_ref()?.downcast_ref()?;
    match tls {
        TlsError::NotTls {
            upgraded: false, ..
        } => Some(Remedy::UseStartTls),
        tls => matches!(
            tls.certificate_kind()?,
            Kind::UnknownIssuer | Kind::IncompleteChain | Kind::SelfSigned | Kind::BadSignature
        )
        .then_some(Remedy::TrustCa),
    }
}

/// What helps against an error of a session.
fn of_session(error: &smtp_session::Error, ehlo: &str, has_tls: bool) -> Option<Remedy> {
    let phase = error.phase();
    // 500 and 502 are of a server that does not know EHLO.
    if error
        .ehlo_refusal()
        .is_some_and(|reply| !matches!(reply.code(), 500 | 502))
    {
        return Some(Remedy::SetEhlo(ehlo.to_owned()));
    }
    let reply = match error.kind() {
        ErrorKind::Unsupported(Extension::StartTls) | ErrorKind::PlaintextAuth => {
            return Some(Remedy::UseImplicitTls);
        }
        ErrorKind::NoMechanism => return Some(Remedy::OtherCredentials),
        ErrorKind::TimedOut if phase == Phase::Greeting && !has_tls => {
            return Some(Remedy::UseImplicitTls);
        }
        _ => error.reply()?,
    };
    if reply.is_transient() {
        return None;
    }
    let text = reply.text().to_ascii_uppercase();
    let wants_tls = reply.code() == 538 || (reply.code() == 530 && text.contains("STARTTLS"));
    if wants_tls && !has_tls {
        return Some(Remedy::UseStartTls);
    }
    match Blame::of(reply, phase) {
        Blame::Credentials => Some(Remedy::CheckCredentials),
        Blame::EhloName => Some(Remedy::SetEhlo(ehlo.to_owned())),
        Blame::Sender => Some(Remedy::OtherSender),
        Blame::Policy => Blame::wants_login(reply).then_some(Remedy::LogIn),
        Blame::Recipient => Some(Remedy::OtherRecipient),
        Blame::Mail => None,
    }
}

impl fmt::Display for MailerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            MailerErrorKind::Config(text) => f.write_str(text),
            MailerErrorKind::Message(text) => f.write_str(text),
            MailerErrorKind::Read(error) => write!(f, "the mail could not be read: {error}"),
            MailerErrorKind::Connect(error) => write!(f, "{error}"),
            MailerErrorKind::Session(error) => write!(f, "{}", error.cause()),
            MailerErrorKind::WaitsForTls => f.write_str(
                "the server does not greet on this port, and answers TLS there",
            ),
            MailerErrorKind::Token(error) => write!(f, "there is no access token: {error}"),
            MailerErrorKind::TimedOut => f.write_str(
                "it took longer than the mailer's deadline: set a longer deadline, or let fewer mails wait",
            ),
            MailerErrorKind::OutOfStep => f.write_str(
                "the server gave one reply too many, so that its reply to the mail may be that to another command: ask the recipients",
            ),
            MailerErrorKind::Closed => f.write_str("the mailer was closed: make another one"),
        }?;
        if let Some(remedy) = &self.0.remedy {
            write!(f, ": {remedy}")?;
        }
        if self.0.mail.is_some() {
            let whom = if self.0.of_rest { " to the rest" } else { "" };
            match self.delivery() {
                Delivery::NotSent => write!(f, "; the mail was not sent{whom}")?,
                _ => write!(
                    f,
                    "; it is not known whether the mail was sent{whom}: sending it again may make a second one"
                )?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for MailerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailerError")
            .field("kind", &self.0.kind)
            .field("remedy", &self.0.remedy)
            .field("attempts", &self.0.attempts)
            .field("delivery", &self.delivery())
            .finish()
    }
}

impl From<WasiSmtpError> for MailerError {
    fn from(error: WasiSmtpError) -> Self {
        Self::new(MailerErrorKind::Connect(error))
    }
}

impl error::Error for MailerError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self.kind() {
            MailerErrorKind::Read(error) | MailerErrorKind::Token(error) => Some(error),
            MailerErrorKind::Connect(error) => Some(error),
            MailerErrorKind::Session(error) => Some(error),
            _ => None,
        }
    }
}

impl From<MailerError> for io::Error {
    /// With the original inside.
    fn from(error: MailerError) -> Self {
        let kind = match error.kind() {
            MailerErrorKind::Config(_) => io::ErrorKind::InvalidInput,
            MailerErrorKind::Message(_)
            | MailerErrorKind::WaitsForTls
            | MailerErrorKind::OutOfStep => io::ErrorKind::InvalidData,
            MailerErrorKind::Read(error) | MailerErrorKind::Token(error) => error.kind(),
            MailerErrorKind::Connect(error) => error.io_error().kind(),
            MailerErrorKind::Session(error) => error.io_kind(),
            MailerErrorKind::TimedOut => io::ErrorKind::TimedOut,
            MailerErrorKind::Closed => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}
