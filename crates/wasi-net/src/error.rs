//! One error for the whole crate: what was tried, on what, and why it failed.
//!
//! The kinds follow the WIT enum `wasi:sockets/network.error-code` by name, so
//! that a new code in the interface stops the build instead of becoming
//! "unknown".

use std::{fmt, io};

/// What the crate was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Turning a host name into addresses.
    Resolve,
    /// Opening a TCP connection.
    Connect,
    /// Reading from a stream.
    Read,
    /// Writing to a stream, or flushing what was written behind.
    Write,
    /// Setting an option of a socket.
    SetOption,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect to",
            Self::Read => "read from",
            Self::Write => "write to",
            Self::SetOption => "set an option of",
        })
    }
}

/// Why an operation failed.
///
/// Source: WIT `wasi:sockets/network.error-code`, `wasi:io/streams.stream-error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A deadline passed, ours or the host's.
    TimedOut,
    /// The host does not let the component open sockets.
    NetworkDenied,
    /// The host does not let the component look names up, or not this one: its resolver
    /// refuses even an IP address.
    NamesDenied,
    /// The name does not exist or has no address, or the host's DNS does not answer:
    /// hosts as wasmtime do not say which.
    NameUnresolvable,
    /// The name has no address of the family that was asked for.
    NoAddressOfFamily,
    /// The resolver failed for now; a later try may work.
    TemporaryResolverFailure,
    /// The resolver failed, as it says for good (`permanent-resolver-failure`), and yet
    /// answers for an IP address. Under jco that is a DNS server without an answer.
    ResolverFailure,
    /// The name is no host name: empty, or a number that a resolver could
    /// mistake for an IPv4 address (`127.1`, `2130706433`).
    InvalidName,
    /// The peer listens on no such port.
    ConnectionRefused,
    /// The peer or something between reset the connection.
    ConnectionReset,
    /// The connection was aborted.
    ConnectionAborted,
    /// No route to the peer.
    RemoteUnreachable,
    /// The connection is closed for writing, or was closed by its owner.
    Closed,
    /// Nobody can connect to the address: port 0; unspecified, multicast or broadcast;
    /// an IPv4 address written as an IPv6 one, mapped or compatible; link-local
    /// without its scope, or on a host that does not pass it on (jco).
    InvalidAddress,
    /// The host refuses this value of a socket option.
    InvalidOption,
    /// The host is out of sockets.
    NewSocketLimit,
    /// So many dropped streams wait for peers that take no more
    /// ([`stalled_connections`](crate::stalled_connections)) that no other is opened.
    TooManyStalled,
    /// The host is out of memory.
    OutOfMemory,
    /// The host or this build knows no such operation.
    Unsupported,
    /// The host broke the rules of the interface, or gave no reason.
    Other,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "timed out",
            Self::NetworkDenied => "the host grants the component no network: let it open TCP connections, with wasmtime by `-S inherit-network` (under `wasmtime serve` also `-S cli`)",
            Self::NamesDenied => "the host does not let the component look this name up: grant it name lookups, with wasmtime by `-S allow-ip-name-lookup`, or give an IP address",
            Self::NameUnresolvable => "the name has no address, or DNS does not answer, which this host does not tell apart; check the name and the host's DNS",
            Self::NoAddressOfFamily => "the name has no address of the version of IP that was asked for; allow both",
            Self::TemporaryResolverFailure => "the host's resolver failed for now",
            Self::ResolverFailure => "the host's resolver failed; check the host's DNS",
            Self::InvalidName => "this is no host name or full IP address; write `192.0.2.1`, `[2001:db8::1]` or a name",
            Self::ConnectionRefused => "connection refused; check the port and that the server runs",
            Self::ConnectionReset => "connection reset",
            Self::ConnectionAborted => "connection aborted",
            Self::RemoteUnreachable => "the address is unreachable",
            Self::Closed => "the connection is closed",
            Self::InvalidAddress => "nobody can connect to this address: it has port 0, is unspecified, multicast, broadcast or IPv4 written as IPv6, or is link-local without a scope that the host knows; give another",
            Self::InvalidOption => "the host refuses this value of a socket option",
            Self::NewSocketLimit => "the host is out of sockets",
            Self::TooManyStalled => "256 dropped connections still wait for peers that take no more; try again later",
            Self::OutOfMemory => "the host is out of memory",
            Self::Unsupported => "not supported here; sockets need a component built for wasm32-wasip2",
            Self::Other => "the host gave no usable reason",
        })
    }
}

impl std::error::Error for ErrorKind {}

impl ErrorKind {
    /// The closest [`io::ErrorKind`].
    #[must_use]
    pub fn io_kind(self) -> io::ErrorKind {
        match self {
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::NetworkDenied | Self::NamesDenied => io::ErrorKind::PermissionDenied,
            Self::NameUnresolvable | Self::NoAddressOfFamily => io::ErrorKind::NotFound,
            Self::InvalidName | Self::InvalidAddress | Self::InvalidOption => {
                io::ErrorKind::InvalidInput
            }
            Self::ConnectionRefused => io::ErrorKind::ConnectionRefused,
            Self::ConnectionReset => io::ErrorKind::ConnectionReset,
            Self::ConnectionAborted => io::ErrorKind::ConnectionAborted,
            Self::RemoteUnreachable => io::ErrorKind::HostUnreachable,
            Self::Closed => io::ErrorKind::BrokenPipe,
            Self::OutOfMemory => io::ErrorKind::OutOfMemory,
            Self::Unsupported => io::ErrorKind::Unsupported,
            Self::TemporaryResolverFailure
            | Self::ResolverFailure
            | Self::NewSocketLimit
            | Self::TooManyStalled
            | Self::Other => io::ErrorKind::Other,
        }
    }

    /// Finds the kind in the debug text of `wasi:io/error.error`, which is all
    /// that a failed stream gives. Hosts spell it differently
    /// (`ConnectionReset`, `connection-reset (error 15)`, `read ECONNRESET`)
    /// and may put a backtrace behind, so only the first line counts.
    #[cfg_attr(
        not(all(target_os = "wasi", target_env = "p2")),
        allow(dead_code, reason = "only hosts with sockets report stream errors")
    )]
    pub(crate) fn from_debug_text(text: &str) -> Self {
        let mut line = Vec::new();
        for byte in text.bytes().take_while(|&byte| byte != b'\n') {
            if byte.is_ascii_alphanumeric() {
                line.push(byte.to_ascii_lowercase());
            }
        }
        // By hand: a search for text is a lot of code.
        let has = |word: &str| line.windows(word.len()).any(|part| part == word.as_bytes());
        let known = STREAM_ERRORS.iter().find(|(word, _)| has(word));
        known.map_or(Self::Other, |(_, kind)| *kind)
    }
}

/// What hosts call the errors of a stream.
const STREAM_ERRORS: [(&str, ErrorKind); 13] = [
    ("connectionreset", ErrorKind::ConnectionReset),
    ("econnreset", ErrorKind::ConnectionReset),
    ("brokenpipe", ErrorKind::Closed),
    ("epipe", ErrorKind::Closed),
    ("timedout", ErrorKind::TimedOut),
    ("timeout", ErrorKind::TimedOut),
    ("connectionaborted", ErrorKind::ConnectionAborted),
    ("econnaborted", ErrorKind::ConnectionAborted),
    (
        "softwarecausedconnectionabort",
        ErrorKind::ConnectionAborted,
    ),
    ("connectionrefused", ErrorKind::ConnectionRefused),
    ("econnrefused", ErrorKind::ConnectionRefused),
    ("unreach", ErrorKind::RemoteUnreachable),
    ("noroutetohost", ErrorKind::RemoteUnreachable),
];

/// A failed operation: what, on what, why.
///
/// Converts into [`io::Error`] with the matching kind and this error inside
/// (`get_ref()`). The text holds no payload and no host backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    operation: Operation,
    subject: String,
    kind: ErrorKind,
    attempts: Vec<Self>,
}

impl Error {
    pub(crate) fn new(operation: Operation, subject: String, kind: ErrorKind) -> Self {
        Self {
            operation,
            subject,
            kind,
            attempts: Vec::new(),
        }
    }

    /// The failure of a whole connect: `attempts` holds one error an address.
    /// Its kind is that of the first one to fail, unless `kind` says that the
    /// overall deadline ended it.
    pub(crate) fn of_attempts(
        subject: String,
        kind: Option<ErrorKind>,
        attempts: Vec<Self>,
    ) -> Self {
        let kind = kind
            .or(attempts.first().map(Self::kind))
            .unwrap_or(ErrorKind::NameUnresolvable);
        Self {
            operation: Operation::Connect,
            subject,
            kind,
            attempts,
        }
    }

    /// What was tried.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// On what: a host name with its port, or an address.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Why it failed.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// For a connect by name: the failure of each address, in the order in
    /// which they failed. Empty otherwise.
    #[must_use]
    pub fn attempts(&self) -> &[Self] {
        &self.attempts
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.operation, self.subject, self.kind
        )?;
        if self.attempts.len() > 1 {
            f.write_str(" (tried")?;
            for (n, attempt) in self.attempts.iter().enumerate() {
                let separator = if n == 0 { " " } else { ", " };
                write!(
                    f,
                    "{separator}{}: {}",
                    attempt.subject,
                    attempt.kind.io_kind()
                )?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind.io_kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_errors_of_every_host_are_recognised_by_their_first_line() {
        for (text, kind) in [
            ("ConnectionReset", ErrorKind::ConnectionReset),
            ("connection-reset (error 15)", ErrorKind::ConnectionReset),
            ("Error: read ECONNRESET", ErrorKind::ConnectionReset),
            (
                "Connection reset by peer (os error 104)",
                ErrorKind::ConnectionReset,
            ),
            ("write EPIPE", ErrorKind::Closed),
            ("Broken pipe (os error 32)", ErrorKind::Closed),
            ("Connection timed out (os error 110)", ErrorKind::TimedOut),
            (
                "No route to host (os error 113)",
                ErrorKind::RemoteUnreachable,
            ),
            ("something else\n 0: connection reset", ErrorKind::Other),
            ("", ErrorKind::Other),
        ] {
            assert_eq!(ErrorKind::from_debug_text(text), kind, "{text}");
        }
    }

    #[test]
    fn an_io_error_keeps_kind_and_original() {
        let error = Error::new(
            Operation::Connect,
            "192.0.2.1:25".into(),
            ErrorKind::ConnectionRefused,
        );
        let io = io::Error::from(error.clone());
        assert_eq!(io.kind(), io::ErrorKind::ConnectionRefused);
        let inner = io.get_ref().and_then(|e| e.downcast_ref::<Error>());
        assert_eq!(inner, Some(&error));
    }

    #[test]
    fn a_failed_connect_lists_every_address() {
        let attempt = |a: &str, kind| Error::new(Operation::Connect, a.into(), kind);
        let error = Error::of_attempts(
            "mail.example:465".into(),
            None,
            vec![
                attempt("[2001:db8::1]:465", ErrorKind::RemoteUnreachable),
                attempt("192.0.2.1:465", ErrorKind::ConnectionRefused),
            ],
        );
        assert_eq!(
            error.to_string(),
            "cannot connect to mail.example:465: the address is unreachable (tried [2001:db8::1]:465: host unreachable, 192.0.2.1:465: connection refused)"
        );
    }
}
