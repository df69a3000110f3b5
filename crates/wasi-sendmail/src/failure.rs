//! Failures as a person reads them: one sentence, one exit code, and a line for
//! each recipient where they fared differently.

use crate::message::EightBit;
use std::{fmt, io};
use wasm_smtp_wasi::WasiSmtpError;
use wasm_smtp_wasi::mailer::{Blame, Fate, MailerError, MailerErrorKind, Remedy, SendReport};
use wasm_smtp_wasi::smtp_session::{
    Address, Delivery, Error, ErrorKind, Extension, Phase, Reply, printable,
};
use wasm_smtp_wasi::tls_pump::Error as TlsError;
use wasm_smtp_wasi::wasi_net::{Error as NetError, ErrorKind as NetErrorKind};

/// Why nothing was sent, or not to all, or why that is unknown.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    sentence: String,
    code: u8,
    details: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Failure {}

pub(crate) const USAGE: u8 = 64;
pub(crate) const DATAERR: u8 = 65;
pub(crate) const NOINPUT: u8 = 66;
pub(crate) const NOUSER: u8 = 67;
pub(crate) const NOHOST: u8 = 68;
pub(crate) const UNAVAILABLE: u8 = 69;
pub(crate) const OSERR: u8 = 71;
pub(crate) const IOERR: u8 = 74;
pub(crate) const TEMPFAIL: u8 = 75;
pub(crate) const PROTOCOL: u8 = 76;
pub(crate) const NOPERM: u8 = 77;
pub(crate) const CONFIG: u8 = 78;

impl Failure {
    /// The exit code, by sysexits.h.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.code
    }

    /// Lines to print behind it: each recipient that did not get the mail, if others
    /// did or fared differently; of several mails, what came of them.
    #[must_use]
    pub fn details(&self) -> &[String] {
        &self.details
    }

    pub(crate) fn with_details<'a>(mut self, lines: impl Iterator<Item = &'a str>) -> Self {
        self.details.extend(lines.map(str::to_owned));
        self
    }

    pub(crate) fn new(code: u8, sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code,
            details: Vec::new(),
        }
    }

    /// The command line is wrong (`EX_USAGE`).
    pub(crate) fn usage(sentence: impl fmt::Display) -> Self {
        Self::new(USAGE, format!("{sentence} (see --help)"))
    }

    /// The mail is wrong (`EX_DATAERR`).
    pub(crate) fn data(sentence: impl Into<String>) -> Self {
        Self::new(DATAERR, sentence)
    }

    /// `what` can't be read where it is (`EX_NOINPUT`).
    pub(crate) fn unreadable(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::no_input(format!(
            "cannot read {what} ({error}): give a path inside a folder that the host grants to the component, with wasmtime by `--dir FOLDER`"
        ))
    }

    /// A file can't be read (`EX_NOINPUT`).
    pub(crate) fn no_input(sentence: impl Into<String>) -> Self {
        Self::new(NOINPUT, sentence)
    }

    /// Reading or writing failed (`EX_IOERR`).
    pub(crate) fn io(sentence: impl Into<String>) -> Self {
        Self::new(IOERR, sentence)
    }

    /// A setting is missing or wrong (`EX_CONFIG`).
    pub(crate) fn config(sentence: impl Into<String>) -> Self {
        Self::new(CONFIG, sentence)
    }

    /// Nobody got the mail for certain, or there was none.
    pub(crate) fn of_mailer(error: &MailerError) -> Self {
        Self::of_mail(error, EightBit::default())
    }

    /// Nobody got the mail for certain.
    pub(crate) fn of_mail(error: &MailerError, eight_bit: EightBit) -> Self {
        let fates: Vec<_> = error.fates().collect();
        let differ = fates.iter().any(|(_, fate)| *fate != fates[0].1);
        if differ && let Some(code) = of_refusals(&fates) {
            let mut this = Self::new(
                code,
                "the server refused every recipient, not all for the same reason: correct or leave out those that it refuses for good; the mail was not sent",
            );
            this.details = details(fates.into_iter());
            return this;
        }
        let code = code_of(error);
        let flag = Self::flag_for(error);
        let later = if code == TEMPFAIL {
            ": try again later"
        } else {
            ""
        };
        let error = eight_bit.sentence(error);
        let mut this = Self::new(code, format!("{error}{flag}{later}"));
        if differ {
            this.details = details(fates.into_iter());
        }
        this
    }

    /// The flag that helps, as the end of a sentence; empty if there is none.
    pub(crate) fn flag_for(error: &MailerError) -> String {
        let flag = error.remedy().and_then(flag_of);
        let flag = flag.or_else(|| flag_in_the_way(error));
        flag.map_or_else(String::new, |flag| format!(" ({flag})"))
    }

    /// Some got the mail and others did not. It is no code that makes a caller try
    /// again: those who got it would get it twice.
    pub(crate) fn of_report(report: &SendReport) -> Option<Self> {
        if report.is_complete() {
            return None;
        }
        let missed = Missed::of(report.fates().map(|(_, fate)| fate));
        let is_unknown = |fate: &Fate| matches!(fate, Fate::Refused(reply) if reply.is_permanent() && of_refusal(reply, Phase::Rcpt) == NOUSER);
        let code = if missed.doubtful > 0 {
            IOERR
        } else if report.fates().any(|(_, fate)| is_unknown(fate)) {
            NOUSER
        } else {
            UNAVAILABLE
        };
        let mut this = Self::new(code, missed.sentence(report.fates().len()));
        this.details = details(report.fates());
        Some(this)
    }
}

/// How many did not get a mail that others got, by what helps.
#[derive(Default)]
struct Missed {
    refused: usize,
    postponed: usize,
    doubtful: usize,
}

impl Missed {
    fn of<'a>(fates: impl Iterator<Item = &'a Fate>) -> Self {
        let mut this = Self::default();
        for fate in fates {
            match fate {
                Fate::Sent => {}
                Fate::MaybeSent => this.doubtful += 1,
                Fate::Refused(reply) if reply.is_permanent() => this.refused += 1,
                Fate::Unsupported(_) => this.refused += 1,
                _ => this.postponed += 1,
            }
        }
        this
    }

    fn sentence(&self, all: usize) -> String {
        let classes = [
            (
                self.refused,
                "were refused for good: correct or leave them out",
            ),
            (self.postponed, "were put off: send it again to them alone"),
            (
                self.doubtful,
                "may have got it: ask them before it is sent again",
            ),
        ];
        let missed: usize = classes.iter().map(|(count, _)| count).sum();
        let several = classes.into_iter().filter(|(count, _)| *count > 0);
        let several = several.map(|(count, what)| match count {
            1 => format!("1 {}", what.replacen("were", "was", 1)),
            _ => format!("{count} {what}"),
        });
        let doubt = if self.doubtful > 0 {
            ", or not for certain"
        } else {
            ""
        };
        format!(
            "{missed} of {all} recipients did not get the mail{doubt}; {}",
            several.collect::<Vec<_>>().join("; ")
        )
    }
}

/// A line for each who did not get it.
fn details<'a>(fates: impl Iterator<Item = (&'a Address, &'a Fate)>) -> Vec<String> {
    let lines = fates.filter_map(|(address, fate)| {
        Some(format!(
            "{}: {}",
            printable(address.as_str()),
            fate_of(fate)?
        ))
    });
    lines.collect()
}

/// Why somebody did not get it.
pub(crate) fn fate_of(fate: &Fate) -> Option<String> {
    match fate {
        Fate::Sent => None,
        Fate::Refused(reply) => Some(format!("refused: {reply}")),
        Fate::Unsupported(extension) => Some(format!(
            "the server does not offer {extension}, which this address needs"
        )),
        Fate::MaybeSent => Some("it is not known whether it was sent".into()),
        _ => Some("not sent".into()),
    }
}

/// The code where everybody was refused, and one for good at least: a retry of the
/// same can't succeed, whoever stands first.
fn of_refusals(fates: &[(&Address, &Fate)]) -> Option<u8> {
    let replies = fates.iter().map(|(_, fate)| match fate {
        Fate::Refused(reply) => Some(reply),
        _ => None,
    });
    let replies: Vec<&Reply> = replies.collect::<Option<_>>()?;
    let permanent = replies.into_iter().filter(|reply| reply.is_permanent());
    permanent.map(|reply| of_refusal(reply, Phase::Rcpt)).min()
}

/// The flag that the server does not go along with, or that it misses.
fn flag_in_the_way(error: &MailerError) -> Option<&'static str> {
    let is_about_certificate = |alert: &str| {
        let about = [
            "Certificate",
            "UnknownCA",
            "AccessDenied",
            "HandshakeFailure",
        ];
        about.iter().any(|word| alert.contains(word))
    };
    if matches!(error.tls_error(), Some(TlsError::Alert { alert }) if is_about_certificate(alert)) {
        return Some("--client-cert FILE and --client-key FILE");
    }
    let MailerErrorKind::Session(error) = error.kind() else {
        return None;
    };
    matches!(error.kind(), ErrorKind::Unsupported(Extension::Dsn)).then_some("-N, -R and -V")
}

/// The flag that helps.
fn flag_of(remedy: &Remedy) -> Option<&'static str> {
    match remedy {
        Remedy::UseStartTls => Some("--server smtp://HOST:587"),
        Remedy::UseImplicitTls => Some("--server smtps://HOST:465"),
        Remedy::SetEhlo(_) => Some("--ehlo NAME"),
        Remedy::CheckCredentials | Remedy::OtherCredentials | Remedy::LogIn => {
            Some("--user NAME and --password-file FILE or --token-file FILE, or in the server URL")
        }
        Remedy::OtherSender => Some("-f ADDRESS"),
        Remedy::TrustCa => Some("--ca-file FILE"),
        Remedy::FullAddress => Some("--domain NAME, or domain in the config file"),
        _ => None,
    }
}

/// The exit code by sysexits.h.
fn code_of(error: &MailerError) -> u8 {
    if error.delivery() == Delivery::MaybeSent {
        // Nobody knows what arrived: no code that makes a caller try again.
        return IOERR;
    }
    match error.kind() {
        MailerErrorKind::Config(_) => CONFIG,
        MailerErrorKind::Message(_) => DATAERR,
        MailerErrorKind::Read(_) => IOERR,
        MailerErrorKind::Connect(error) => of_connection(error),
        MailerErrorKind::WaitsForTls => PROTOCOL,
        // As a server that wants a client certificate and says so after the handshake.
        MailerErrorKind::Session(_) if is_refused_by_tls(error) => PROTOCOL,
        MailerErrorKind::Session(error) => of_session(error),
        MailerErrorKind::Token(error) => of_token(error),
        _ => TEMPFAIL,
    }
}

/// A token file that can't be read, or whose content is wrong: see `first_line`.
fn of_token(error: &std::io::Error) -> u8 {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.map_or(NOINPUT, Failure::exit_code)
}

fn is_refused_by_tls(error: &MailerError) -> bool {
    error.tls_error().is_some_and(|tls| !tls.is_transient())
}

fn of_session(error: &Error) -> u8 {
    match error.kind() {
        _ if error.reply().is_some_and(Reply::is_transient) => TEMPFAIL,
        ErrorKind::Refused(reply) => of_refusal(reply, error.phase()),
        ErrorKind::NoRecipients => {
            let reply = error.reply();
            reply.map_or(UNAVAILABLE, |reply| of_refusal(reply, Phase::Rcpt))
        }
        ErrorKind::Auth(_) => NOPERM,
        ErrorKind::PlaintextAuth | ErrorKind::Credentials(_) | ErrorKind::Invalid(_) => CONFIG,
        ErrorKind::Body(_) => DATAERR,
        ErrorKind::BodyRead(_) => IOERR,
        ErrorKind::Protocol(_) => PROTOCOL,
        _ if error.is_transient() => TEMPFAIL,
        _ => UNAVAILABLE,
    }
}

fn of_refusal(reply: &Reply, phase: Phase) -> u8 {
    match Blame::of(reply, phase) {
        Blame::Credentials => NOPERM,
        Blame::Recipient => NOUSER,
        _ => UNAVAILABLE,
    }
}

fn of_connection(error: &WasiSmtpError) -> u8 {
    let inner = error.io_error().get_ref();
    let net = inner.and_then(|inner| inner.downcast_ref::<NetError>());
    let tls = inner.and_then(|inner| inner.downcast_ref::<TlsError>());
    match (net.map(NetError::kind), tls) {
        (Some(NetErrorKind::NetworkDenied | NetErrorKind::NamesDenied), _) => NOPERM,
        (Some(NetErrorKind::InvalidName), _) => NOHOST,
        (Some(NetErrorKind::InvalidAddress), _) => CONFIG,
        (
            Some(
                NetErrorKind::Unsupported
                | NetErrorKind::OutOfMemory
                | NetErrorKind::NewSocketLimit
                | NetErrorKind::TooManyStalled,
            ),
            _,
        ) => OSERR,
        (_, Some(TlsError::InvalidRoots { .. } | TlsError::InvalidName { .. })) => CONFIG,
        (_, Some(TlsError::ClockNotSet { .. })) => OSERR,
        (_, Some(_)) if !error.is_transient() => PROTOCOL,
        _ => TEMPFAIL,
    }
}
