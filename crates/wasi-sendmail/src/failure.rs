//! Failures as a person reads them: one sentence, one exit code.

use std::error::Error as _;
use std::fmt;
use wasm_smtp_wasi::WasiSmtpError;
use wasm_smtp_wasi::tls_pump::{CertificateErrorKind, Error as TlsError};
use wasm_smtp_wasi::wasi_net::{Error as NetError, ErrorKind};
use wasm_smtp_wasi::wasm_smtp::{AuthError, ProtocolError, SmtpError, SmtpOp};

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
                    || Self::broken(IOERR, io, phase),
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
                enhanced,
                message,
                ..
            } => {
                // 530 and 5.7 are about who we are, not about the recipient.
                let policy = *actual == 530 || enhanced.is_some_and(|status| status.subject == 7);
                let (code, remedy) = match (actual / 100, during) {
                    (4, _) => (TEMPFAIL, "try again later"),
                    (5, SmtpOp::MailFrom | SmtpOp::RcptTo) if policy => (
                        UNAVAILABLE,
                        "log in by USER:PASSWORD@ in the server URL, or send from an address that this server accepts (-f)",
                    ),
                    (5, SmtpOp::RcptTo) => (NOUSER, "correct or remove that recipient"),
                    (5, SmtpOp::MailFrom) => (
                        UNAVAILABLE,
                        "send from an address that this server accepts (-f)",
                    ),
                    (5, SmtpOp::Ehlo) => (
                        UNAVAILABLE,
                        "give the name of this machine as `?ehlo=NAME` in the server URL",
                    ),
                    (5, _) => (UNAVAILABLE, "ask the server's owner what it accepts"),
                    _ => (PROTOCOL, "this is no proper SMTP server"),
                };
                let what = match during {
                    SmtpOp::Greeting => "the connection",
                    SmtpOp::Data => "the mail",
                    during => during.as_str(),
                };
                let message = printable(message);
                Self::new(
                    code,
                    format!(
                        "the server refused {what} ({actual} {message}): {remedy}; nothing was sent"
                    ),
                )
            }
            ProtocolError::ExtensionUnavailable { name } => Self::new(
                UNAVAILABLE,
                format!(
                    "the server offers no {name} on this port: use smtps:// with its TLS port (465); nothing was sent"
                ),
            ),
            ProtocolError::UnexpectedClose => {
                Self::broken(TEMPFAIL, "the server closed the connection", phase)
            }
            error => {
                let error = printable(&error.to_string());
                let sentence = format!("the server does not speak proper SMTP ({error})");
                Self::broken(PROTOCOL, sentence, phase)
            }
        }
    }

    pub(crate) fn of_connection(error: &WasiSmtpError, phase: Phase) -> Self {
        if let WasiSmtpError::InvalidBody(_) = error {
            return Self::data(error.to_string());
        }
        let inner = error.io_error().get_ref();
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
            (_, _, Some(TlsError::EndedInHandshake | TlsError::Truncated)) => TEMPFAIL,
            (_, _, Some(TlsError::ClockNotSet { .. })) => OSERR,
            (_, _, Some(_)) => PROTOCOL,
            _ => TEMPFAIL,
        };
        let remedy = match (error, tls) {
            (
                _,
                Some(TlsError::NotTls {
                    upgraded: false, ..
                }),
            ) => "; with this server that is smtp://HOST:587",
            (_, Some(tls)) if is_of_unknown_ca(tls) => " (--ca-file FILE trusts another CA)",
            _ => "",
        };
        Self::broken(code, format_args!("{error}{remedy}"), phase)
    }

    /// The conversation broke off. While sending, nobody knows what arrived:
    /// the code must not be one that makes a caller try again (EX_IOERR).
    fn broken(code: u8, sentence: impl fmt::Display, phase: Phase) -> Self {
        match phase {
            Phase::Sending => Self::new(
                IOERR,
                format!(
                    "{sentence}; the mail may or may not have arrived: ask the recipient before sending it again"
                ),
            ),
            Phase::Connecting | Phase::Authenticating => {
                let later = if code == TEMPFAIL {
                    "; try again later"
                } else {
                    ""
                };
                Self::new(code, format!("{sentence}{later}; nothing was sent"))
            }
        }
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

/// Whether another root would help.
fn is_of_unknown_ca(error: &TlsError) -> bool {
    use CertificateErrorKind as Kind;
    let kind = error.certificate_kind();
    kind.is_some_and(|kind| {
        matches!(
            kind,
            Kind::UnknownIssuer | Kind::IncompleteChain | Kind::BadSignature
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use wasm_smtp_wasi::wasm_smtp::{self, IoError};

    fn code(error: &SmtpError, phase: Phase) -> (u8, String) {
        let failure = Failure::of_smtp(error, phase);
        (failure.exit_code(), failure.to_string())
    }

    #[test]
    fn what_may_have_arrived_is_never_a_reason_to_try_again() {
        let timeout = || io::Error::from(io::ErrorKind::TimedOut);
        let errors = [
            SmtpError::Io(IoError::from(WasiSmtpError::Timeout {
                phase: wasm_smtp_wasi::Phase::Auth,
                remedy: None,
                source: timeout(),
            })),
            SmtpError::Io(IoError::from(WasiSmtpError::Stream(timeout()))),
            SmtpError::Io(IoError::from(WasiSmtpError::Tls(
                TlsError::Truncated.into(),
            ))),
            SmtpError::Protocol(ProtocolError::UnexpectedClose),
        ];
        for error in errors {
            let (sending, text) = code(&error, Phase::Sending);
            assert_eq!(sending, IOERR, "{text}");
            assert!(text.contains("may or may not have arrived"), "{text}");
            let (before, text) = code(&error, Phase::Authenticating);
            assert_eq!(before, TEMPFAIL, "{text}");
            assert!(
                text.ends_with("try again later; nothing was sent"),
                "{text}"
            );
        }
    }

    #[test]
    fn replies_become_codes_and_remedies() {
        let policy = wasm_smtp::EnhancedStatus {
            class: 5,
            subject: 7,
            detail: 1,
        };
        for (during, actual, enhanced, expected, remedy) in [
            (SmtpOp::RcptTo, 550, None, NOUSER, "remove that recipient"),
            (SmtpOp::RcptTo, 554, Some(policy), UNAVAILABLE, "log in"),
            (SmtpOp::RcptTo, 452, None, TEMPFAIL, "later"),
            (SmtpOp::MailFrom, 530, None, UNAVAILABLE, "log in"),
            (SmtpOp::MailFrom, 553, None, UNAVAILABLE, "(-f)"),
            (SmtpOp::Ehlo, 550, None, UNAVAILABLE, "?ehlo=NAME"),
            (SmtpOp::Data, 554, None, UNAVAILABLE, "refused the mail"),
            (
                SmtpOp::Greeting,
                421,
                None,
                TEMPFAIL,
                "refused the connection",
            ),
            (SmtpOp::Greeting, 250, None, PROTOCOL, "no proper SMTP"),
        ] {
            let error = ProtocolError::UnexpectedCode {
                during,
                expected_class: 2,
                actual,
                enhanced,
                message: "no\nway\u{7}".into(),
            };
            let (code, text) = code(&SmtpError::Protocol(error), Phase::Sending);
            assert_eq!(code, expected, "{text}");
            assert!(text.contains(remedy), "{text}");
            assert!(text.contains("no way\\u{7}"), "one line, no bell: {text}");
        }
    }

    #[test]
    fn a_mail_that_was_refused_here_was_not_sent() {
        let error = std::io::Error::new(io::ErrorKind::InvalidData, "no; the mail was not sent");
        let error = SmtpError::Io(IoError::from(WasiSmtpError::InvalidBody(error)));
        let (code, text) = code(&error, Phase::Sending);
        assert_eq!(
            (code, text.as_str()),
            (DATAERR, "no; the mail was not sent")
        );
    }

    #[test]
    fn a_server_that_speaks_no_smtp_or_no_login_is_named_so() {
        let error = SmtpError::Protocol(ProtocolError::Malformed("HTTP/1.1".into()));
        assert_eq!(code(&error, Phase::Connecting).0, PROTOCOL);
        let error = SmtpError::Auth(AuthError::UnsupportedMechanism);
        let (unavailable, text) = code(&error, Phase::Authenticating);
        assert_eq!(unavailable, UNAVAILABLE);
        assert!(text.contains("SCRAM-SHA-256"), "{text}");
    }
}
