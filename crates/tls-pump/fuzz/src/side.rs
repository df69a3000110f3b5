//! An engine, of which every call is checked.

use tls_pump::rustls;
use tls_pump::{Ending, Engine, Error, Plaintext, State};

/// The most ciphertext that may wait: 32 KiB of plaintext, what it costs to
/// encrypt them, a handshake's flight and an alert.
const MOST_WAITING: usize = 64 * 1024 + RECORD_LEN;

/// The longest record (RFC 8446 section 5.2).
const RECORD_LEN: usize = 16 * 1024 + 256 + 5;

/// Which side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Role {
    /// The plaintext that it sends from the byte `at` on.
    pub(crate) fn plaintext(self, at: usize, len: usize) -> Vec<u8> {
        let step = match self {
            Self::Client => 7,
            Self::Server => 11,
        };
        let byte = |at: usize| (at.wrapping_mul(step) % 251) as u8;
        (at..at + len).map(byte).collect()
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// An engine and what is known of it.
pub(crate) struct Side {
    pub(crate) engine: Engine,
    role: Role,
    /// How much plaintext it took and must send, once the handshake is done.
    pub(crate) committed: usize,
    /// How much it took in all.
    written: usize,
    /// How much plaintext it gave.
    pub(crate) read: usize,
    /// The text of its fatal error.
    pub(crate) error: Option<String>,
    /// Whether we closed it, and whether that was before the handshake's end.
    pub(crate) closed: bool,
    pub(crate) closed_early: bool,
    /// Whether the handshake was done once.
    done: bool,
    /// How much ciphertext waited after the last step.
    waiting: usize,
}

impl Side {
    pub(crate) fn new(engine: Engine, role: Role) -> Self {
        Self {
            engine,
            role,
            committed: 0,
            written: 0,
            read: 0,
            error: None,
            closed: false,
            closed_early: false,
            done: false,
            waiting: 0,
        }
    }

    /// Offers `bytes` from the peer; how much of them was taken.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> usize {
        let before = self.engine.wants();
        let state = self.engine.state();
        let has_failed = self.error.is_some();
        let waiting = self.waiting;
        match self.engine.handle_ciphertext(bytes) {
            Ok(taken) => {
                assert!(taken <= bytes.len());
                assert!(self.error.is_none(), "the error is gone");
                let over = matches!(state, State::PeerClosed | State::Closed);
                assert!(
                    !over || taken == bytes.len(),
                    "it listens after close_notify"
                );
                if taken < bytes.len() {
                    assert!(!self.engine.wants().read, "it wants what it does not take");
                    assert!(self.read(1) > 0, "it takes nothing and gives nothing");
                }
                if before.read && !bytes.is_empty() {
                    assert!(taken > 0, "it takes nothing of what it wants");
                }
                self.check();
                taken
            }
            Err(error) => {
                self.note(&error);
                assert!(!matches!(state, State::PeerClosed | State::Closed));
                let is_news = is_told(&error) && !has_failed && !self.closed;
                assert!(!is_news || self.waiting > waiting, "no alert: {error}");
                bytes.len()
            }
        }
    }

    /// Reads at most `len` bytes of plaintext; how many there were.
    pub(crate) fn read(&mut self, len: usize) -> usize {
        let mut buf = vec![0; len];
        let got = match self.engine.read(&mut buf) {
            Ok(Plaintext::Data(got)) => {
                assert!(got <= len && (got > 0 || len == 0));
                let expected = self.role.other().plaintext(self.read, got);
                assert!(buf[..got] == expected, "it is not what the peer wrote");
                self.read += got;
                got
            }
            Ok(Plaintext::Closed) => {
                let state = self.engine.state();
                let known = [State::PeerClosed, State::Closed, State::Failed];
                assert!(
                    known.contains(&state) || !self.done,
                    "closed, but {state:?}"
                );
                0
            }
            Ok(_) => {
                assert!(self.error.is_none(), "the error is gone");
                assert!(self.engine.wants().read, "it has nothing and wants nothing");
                0
            }
            Err(error) => {
                self.note(&error);
                0
            }
        };
        self.check();
        got
    }

    /// Reads until there is nothing; whether the peer has closed.
    pub(crate) fn read_all(&mut self) -> bool {
        while self.read(4096) > 0 {}
        matches!(self.engine.read(&mut [0]), Ok(Plaintext::Closed))
    }

    pub(crate) fn write(&mut self, len: usize) {
        let plaintext = self.role.plaintext(self.written, len);
        match self.engine.write(&plaintext) {
            Ok(taken) => {
                assert!(self.error.is_none() && !self.closed);
                assert!(taken <= len);
                let stuck = taken == 0 && len > 0;
                let waits = self.engine.is_handshaking() || self.engine.wants().write;
                assert!(!stuck || waits, "nothing is taken, and nothing waits");
                self.written += taken;
            }
            Err(Error::Closed) if self.error.is_none() => assert!(self.closed),
            Err(error) => self.note(&error),
        }
        self.check();
    }

    pub(crate) fn close(&mut self) {
        if !self.closed {
            self.closed_early = self.engine.is_handshaking();
            // What waits for the handshake is lost, says the documentation.
            self.written = self.committed;
        }
        self.engine.close();
        if !self.closed {
            self.waiting = self.engine.ciphertext().len();
        }
        self.closed = true;
        match self.closed_early && self.error.is_none() {
            true => self.note(&Error::Closed),
            false => self.check(),
        }
    }

    pub(crate) fn eof(&mut self) {
        let had_failed = self.error.is_some();
        match self.engine.handle_eof() {
            Ending::Clean => {
                let state = self.engine.state();
                assert!(
                    matches!(state, State::PeerClosed | State::Closed),
                    "{state:?}"
                );
            }
            ending => {
                assert_eq!(ending, Ending::Truncated);
                let error = self.engine.handle_ciphertext(&[]);
                let error = error.expect_err("the end of the stream is an error");
                assert!(match error {
                    Error::Truncated => had_failed || self.done,
                    Error::EndedInHandshake => had_failed || !self.done,
                    _ => had_failed,
                });
                self.note(&error);
            }
        }
        self.check();
    }

    /// Takes up to `len` bytes of what is to be sent.
    pub(crate) fn send(&mut self, len: usize) -> Vec<u8> {
        let waiting = self.engine.ciphertext();
        let sent = waiting[..len.min(waiting.len())].to_vec();
        self.engine.sent(sent.len());
        self.check();
        sent
    }

    /// The first error must stay.
    fn note(&mut self, error: &Error) {
        let text = error.to_string();
        assert!(!text.chars().any(char::is_control), "unescaped: {text:?}");
        let first = self.error.get_or_insert(text.clone());
        assert_eq!(*first, text, "another error");
        self.check();
    }

    /// What holds at any time.
    fn check(&mut self) {
        let engine = &mut self.engine;
        let waiting = engine.ciphertext().len();
        assert!(waiting <= MOST_WAITING, "{waiting} bytes wait");
        let (wants, state) = (engine.wants(), engine.state());
        assert_eq!(wants.write, waiting > 0);
        assert_eq!(state == State::Failed, self.error.is_some(), "{state:?}");
        let done = engine.connection_info().is_some();
        assert!(!self.done || done, "the handshake goes on again");
        assert!(!done || !engine.is_handshaking());
        self.done = done;
        if self.closed {
            assert!(waiting <= self.waiting, "it speaks after close_notify");
        }
        self.waiting = waiting;
        if let Some(first) = &self.error {
            assert!(!wants.read && !engine.holds_plaintext());
            let again = engine.handle_ciphertext(&[0]).expect_err("it is fatal");
            assert_eq!(again.to_string(), *first);
            let again = engine.write(&[0]).expect_err("it is fatal");
            assert_eq!(again.to_string(), *first);
            assert_eq!(
                waiting,
                engine.ciphertext().len(),
                "it speaks after its end"
            );
        } else if self.done {
            assert!(!engine.holds_plaintext());
            self.committed = self.written;
        }
    }

    /// What takes too long to ask for after each step.
    pub(crate) fn check_info(&self) {
        let info = self.engine.connection_info();
        let has_exporter = info.is_some_and(|info| info.version == "TLSv1.3");
        let exported = self.engine.tls_exporter();
        assert_eq!(exported.is_some(), has_exporter && self.error.is_none());
    }
}

/// Whether the peer has to be told of an error by an alert. rustls tells it of
/// most others as well, but not of what comes too often or is too large.
fn is_told(error: &Error) -> bool {
    matches!(
        error,
        Error::Certificate { .. }
            | Error::Incompatible(_)
            | Error::NotTls { .. }
            | Error::Protocol(rustls::Error::DecryptError)
    )
}
