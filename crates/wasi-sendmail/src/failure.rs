//! Failures as a person reads them: one sentence, one exit code.

use std::error::Error as _;
use std::fmt;
use wasm_smtp_wasi::tls_pump::Error as TlsError;
use wasm_smtp_wasi::wasi_net::{Error as NetError, ErrorKind};
use wasm_smtp_wasi::wasm_smtp::{AuthError, ProtocolError, SmtpError, SmtpOp};
use wasm_smtp_wasi::{WasiSmtpError, wasm_smtp};

/// Why nothing was sent, or why that is unknown.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    sentence: String,
    code: u8,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Failure {}

/// How far a submission had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Connecting,
    Authenticating,
    /// From MAIL on: after a broken connection nobody knows what arrived.
    Sending,
}

const USAGE: u8 = 64;
const DATAERR: u8 = 65;
const NOINPUT: u8 = 66;
const NOUSER: u8 = 67;
const NOHOST: u8 = 68;
const UNAVAILABLE: u8 = 69;
const OSERR: u8 = 71;
const IOERR: u8 = 74;
const TEMPFAIL: u8 = 75;
const PROTOCOL: u8 = 76;
const NOPERM: u8 = 77;
const CONFIG: u8 = 78;

impl Failure {
    /// The exit code, by sysexits.h.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.code
    }

    fn new(code: u8, sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code,
        }
    }

    /// The command line is wrong (EX_USAGE).
    pub(crate) fn usage(sentence: impl fmt::Display) -> Self {
        Self::new(USAGE, format!("{sentence} (see --help)"))
    }

    /// The mail is wrong (EX_DATAERR).
    pub(crate) fn data(sentence: impl Into<String>) -> Self {
        Self::new(DATAERR, sentence)
    }

    /// A file can't be read (EX_NOINPUT).
    pub(crate) fn no_input(sentence: impl Into<String>) -> Self {
        Self::new(NOINPUT, sentence)
    }

    /// Reading failed (EX_IOERR).
    pub(crate) fn io(sentence: impl Into<String>) -> Self {
        Self::new(IOERR, sentence)
    }

    /// The server's URL is missing or wrong (EX_CONFIG).
    pub(crate) fn config(sentence: impl Into<String>) -> Self {
        Self::new(CONFIG, sentence)
    }

    /// What SMTP or a layer below it says, by what a person can do about it.
    pub(crate) fn of_smtp(error: &SmtpError, phase: Phase) -> Self {
        match error {
            SmtpError::Io(io) => {
                let cause = io.source().and_then(|source| source.downcast_ref());
                cause.map_or_else(
                    || Self::new(IOERR, not_known_if_sent(io.to_string(), phase)),
                    |cause| Self::of_connection(cause, phase),
                )
            }
            SmtpError::Auth(AuthError::Rejected { code, message, .. }) => Self::new(
                if code / 100 == 4 { TEMPFAIL } else { NOPERM },
                format!(
                    "the server refused the user name or password ({code} {}): check both in the server URL; nothing was sent",
                    printable(message)
                ),
            ),
            SmtpError::Auth(AuthError::UnsupportedMechanism) => Self::new(
                UNAVAILABLE,
                "the server offers no way to log in with a password (SCRAM-SHA-256, PLAIN, LOGIN): leave user and password out of the server URL, or use another server; nothing was sent",
            ),
            SmtpError::Protocol(error) => Self::of_protocol(error, phase),
            SmtpError::InvalidInput(_) | SmtpError::Policy(_) => {
                Self::new(DATAERR, format!("{error}; nothing was sent"))
            }
            SmtpError::Auth(_) => Self::new(
                NOPERM,
                format!("logging in failed: {error}; nothing was sent"),
            ),
        }
    }

    fn of_protocol(error: &ProtocolError, phase: Phase) -> Self {
        match error {
            ProtocolError::UnexpectedCode {
                during,
                actual,
                message,
                ..
            } => {
                let code = match (actual / 100, during) {
                    (4, _) => TEMPFAIL,
                    (5, SmtpOp::RcptTo) => NOUSER,
                    (5, _) => UNAVAILABLE,
                    _ => PROTOCOL,
                };
                let remedy = match (code, during) {
                    (TEMPFAIL, _) => "try again later",
                    (_, SmtpOp::RcptTo) => "correct or remove that recipient",
                    (_, SmtpOp::MailFrom) => {
                        "log in, or send from an address that this server accepts (-f)"
                    }
                    (_, SmtpOp::Ehlo) => {
                        "give the name of this machine as `?ehlo=NAME` in the server URL"
                    }
                    _ => "ask the server's owner what it accepts",
                };
                let message = printable(message);
                Self::new(
                    code,
                    format!(
                        "the server refused {during} ({actual} {message}): {remedy}; nothing was sent"
                    ),
                )
            }
            ProtocolError::ExtensionUnavailable { name } => Self::new(
                UNAVAILABLE,
                format!(
                    "the server offers no {name} on this port: use smtps:// with its TLS port (465); nothing was sent"
                ),
            ),
            ProtocolError::UnexpectedClose => Self::new(
                TEMPFAIL,
                not_known_if_sent("the server closed the connection: try again later", phase),
            ),
            error => Self::new(
                PROTOCOL,
                not_known_if_sent(
                    format!(
                        "the server does not speak proper SMTP ({})",
                        printable(&error.to_string())
                    ),
                    phase,
                ),
            ),
        }
    }

    pub(crate) fn of_connection(error: &WasiSmtpError, phase: Phase) -> Self {
        let inner = error
            .source()
            .and_then(|source| source.downcast_ref::<std::io::Error>());
        let inner = inner.and_then(std::io::Error::get_ref);
        let net = inner
            .and_then(|inner| inner.downcast_ref::<NetError>())
            .map(NetError::kind);
        let tls = inner.and_then(|inner| inner.downcast_ref::<TlsError>());
        let code = match (error, net, tls) {
            (_, Some(ErrorKind::NetworkDenied | ErrorKind::NamesDenied), _) => NOPERM,
            (_, Some(ErrorKind::NameUnresolvable | ErrorKind::InvalidName), _) => NOHOST,
            (_, Some(ErrorKind::InvalidAddress), _) => CONFIG,
            (
                _,
                Some(ErrorKind::Unsupported | ErrorKind::OutOfMemory | ErrorKind::NewSocketLimit),
                _,
            ) => OSERR,
            (_, _, Some(TlsError::InvalidRoots { .. } | TlsError::InvalidName { .. })) => CONFIG,
            (_, _, Some(TlsError::Truncated)) => TEMPFAIL,
            (_, _, Some(_)) => PROTOCOL,
            _ => TEMPFAIL,
        };
        let remedy = match (error, tls) {
            (_, Some(TlsError::NotTls)) => "; with this server that is smtp://HOST:587",
            (_, Some(TlsError::Certificate { .. })) => " (--ca-file FILE trusts another CA)",
            (WasiSmtpError::Timeout(_), _) => "; try again later",
            _ => "",
        };
        Self::new(code, not_known_if_sent(format!("{error}{remedy}"), phase))
    }
}

fn not_known_if_sent(sentence: impl fmt::Display, phase: Phase) -> String {
    match phase {
        Phase::Connecting | Phase::Authenticating => format!("{sentence}; nothing was sent"),
        Phase::Sending => format!(
            "{sentence}; the mail may or may not have arrived, so ask the recipient before sending it again"
        ),
    }
}

/// A reply's text, on one line and without control characters.
pub(crate) fn printable(reply: &str) -> String {
    reply
        .chars()
        .map(|c| if c == '\n' { ' ' } else { c })
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

impl From<wasm_smtp::InvalidInputError> for Failure {
    fn from(error: wasm_smtp::InvalidInputError) -> Self {
        Self::data(format!("{error}; nothing was sent"))
    }
}
