//! The phases of a session, and how long each may take.

use std::fmt;
use std::future::{Pending, pending};
use std::time::Duration;

/// What a connection waits for.
///
/// Each phase has a time of its own, the default by RFC 5321 section 4.5.3.2
/// where that names one. A reply has to be there as a whole within its time,
/// however slowly it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The name lookup and the connection below: 30 s. It is over before a
    /// session begins; connectors use it.
    Connect,
    /// The TLS handshake: 30 s. Connectors use it.
    Tls,
    /// The server's greeting: 5 minutes.
    Greeting,
    /// The reply to EHLO, HELO or LHLO: 5 minutes.
    Ehlo,
    /// The reply to STARTTLS: 5 minutes.
    StartTls,
    /// Each reply to AUTH and to its responses: 5 minutes.
    Auth,
    /// The reply to MAIL: 5 minutes.
    Mail,
    /// Each reply to RCPT: 5 minutes.
    Rcpt,
    /// The reply to DATA ("DATA Initiation"): 2 minutes.
    DataInitiation,
    /// Each wait until the server takes more of the mail ("DATA Block"):
    /// 3 minutes.
    DataBlock,
    /// The reply to the mail ("DATA Termination"): 10 minutes.
    DataTermination,
    /// The reply to any other command: 5 minutes.
    Command,
    /// The reply to QUIT, and closing: 10 s. What was sent is delivered by then.
    Quit,
}

const PHASES: [(Phase, u64, &str); 13] = [
    (Phase::Connect, 30, "the connection"),
    (Phase::Tls, 30, "the TLS handshake"),
    (Phase::Greeting, 300, "the server's greeting"),
    (Phase::Ehlo, 300, "the reply to EHLO"),
    (Phase::StartTls, 300, "the reply to STARTTLS"),
    (Phase::Auth, 300, "the reply to AUTH"),
    (Phase::Mail, 300, "the reply to MAIL"),
    (Phase::Rcpt, 300, "the reply to RCPT"),
    (Phase::DataInitiation, 120, "the reply to DATA"),
    (Phase::DataBlock, 180, "the server's taking the mail"),
    (Phase::DataTermination, 600, "the reply to the mail"),
    (Phase::Command, 300, "the reply to a command"),
    (Phase::Quit, 10, "the reply to QUIT"),
];

impl Phase {
    fn row(self) -> (Self, u64, &'static str) {
        PHASES[self as usize]
    }
}

impl fmt::Display for Phase {
    /// As in "... took too long".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().2)
    }
}

/// How long each phase may take; by default as its variant says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts([Duration; PHASES.len()]);

impl Default for Timeouts {
    fn default() -> Self {
        Self(PHASES.map(|(_, seconds, _)| Duration::from_secs(seconds)))
    }
}

impl Timeouts {
    /// The same time for every phase.
    pub fn all(timeout: Duration) -> Self {
        Self([timeout; PHASES.len()])
    }

    /// Another time for one phase.
    pub fn set(&mut self, phase: Phase, timeout: Duration) {
        self.0[phase as usize] = timeout;
    }

    /// The time of a phase.
    pub fn of(&self, phase: Phase) -> Duration {
        self.0[phase as usize]
    }
}

/// Gives a session its timers: this crate has none of its own, so that it runs
/// under every executor.
///
/// A function from [`Phase`] to a future is one. With any runtime's `sleep`:
///
/// ```
/// # mod runtime { pub async fn sleep(_: std::time::Duration) {} }
/// use smtp_session::{Phase, Timeouts};
/// let timeouts = Timeouts::default();
/// let deadlines = move |phase: Phase| Box::pin(runtime::sleep(timeouts.of(phase)));
/// # fn check(_: impl smtp_session::Deadlines) {} check(deadlines);
/// ```
///
/// Take the sooner of that and a time for the whole of a delivery to have both.
pub trait Deadlines {
    /// Ready when the time is over.
    type Sleep: Future<Output = ()> + Unpin;

    /// Starts the time of a phase: at its beginning, at each reply within it, and
    /// in [`Phase::DataBlock`] whenever the stream took some of the mail. The
    /// future of the time before is dropped then.
    fn start(&mut self, phase: Phase) -> Self::Sleep;
}

impl<F, S> Deadlines for F
where
    F: FnMut(Phase) -> S,
    S: Future<Output = ()> + Unpin,
{
    type Sleep = S;

    fn start(&mut self, phase: Phase) -> S {
        self(phase)
    }
}

/// No timers: for a stream that has deadlines of its own, or operations that
/// are given up by dropping them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDeadlines;

impl Deadlines for NoDeadlines {
    type Sleep = Pending<()>;

    fn start(&mut self, _: Phase) -> Pending<()> {
        pending()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_phases() {
        for (index, (phase, seconds, name)) in PHASES.into_iter().enumerate() {
            assert_eq!(phase as usize, index);
            assert_eq!(phase.to_string(), name);
            let default = Timeouts::default().of(phase);
            assert_eq!(default, Duration::from_secs(seconds));
        }
    }

    #[test]
    fn one_timeout_changes_alone() {
        let mut timeouts = Timeouts::all(Duration::from_secs(7));
        timeouts.set(Phase::Mail, Duration::from_secs(1));
        assert_eq!(timeouts.of(Phase::Mail), Duration::from_secs(1));
        assert_eq!(timeouts.of(Phase::Rcpt), Duration::from_secs(7));
    }
}
