//! One login at a time until one has succeeded, so that a wrong password is tried once:
//! servers lock accounts.

use super::{MailerError, MailerErrorKind, lock};
use smtp_session::{ErrorKind, Phase};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// When one login is tried again where the server refused the credentials.
const AFTER_REFUSAL: Duration = Duration::from_secs(15 * 60);

/// When one is tried again where several were lost in a row.
const AFTER_LOSS: Duration = Duration::from_secs(60);

/// So many are several.
const LOST: u32 = 3;

pub(super) struct Logins {
    /// Whoever logs in while no connection works.
    turn: Semaphore,
    state: Mutex<State>,
    working: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    /// Logins that were lost since one succeeded.
    lost: u32,
    /// Why there is none until then.
    closed: Option<(MailerError, Instant)>,
}

/// A connection that is through AUTH. Dropping it ends that.
pub(super) struct Working(Arc<AtomicUsize>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Logins {
    pub(super) fn new() -> Self {
        Self {
            turn: Semaphore::new(1),
            state: Mutex::default(),
            working: Arc::default(),
        }
    }

    /// Waits for the turn to log in; `None` where a connection works, beside which
    /// others may log in as well.
    pub(super) async fn turn(&self) -> Result<Option<SemaphorePermit<'_>>, MailerError> {
        self.check(Instant::now())?;
        if self.works() {
            return Ok(None);
        }
        let turn = self.turn.acquire().await.ok();
        self.check(Instant::now())?;
        Ok(turn.filter(|_| !self.works()))
    }

    fn works(&self) -> bool {
        self.working.load(Ordering::Relaxed) > 0
    }

    /// Fails as long as no login is tried.
    pub(super) fn check(&self, now: Instant) -> Result<(), MailerError> {
        match &lock(&self.state).closed {
            Some((why, until)) if now < *until => Err(why.again()),
            _ => Ok(()),
        }
    }

    /// Takes note of a connection that is through.
    pub(super) fn succeeded(&self) -> Working {
        *lock(&self.state) = State::default();
        self.working.fetch_add(1, Ordering::Relaxed);
        Working(Arc::clone(&self.working))
    }

    /// Takes note of a connection that is not, and tells whether others are tried. What
    /// is refused while another works is a limit.
    pub(super) fn failed(&self, error: MailerError, now: Instant) -> MailerError {
        if self.works() {
            return error;
        }
        let mut state = lock(&self.state);
        let pause = match Failure::of(&error) {
            Some(Failure::Refused) => AFTER_REFUSAL,
            Some(Failure::Lost) => {
                state.lost += 1;
                if state.lost < LOST {
                    return error;
                }
                AFTER_LOSS
            }
            None => return error,
        };
        let until = now + pause;
        let error = error.no_login(until);
        state.closed = Some((error.again(), until));
        error
    }
}

/// What came of AUTH.
#[derive(Clone, Copy)]
enum Failure {
    /// The credentials are wrong.
    Refused,
    /// The server was about something else.
    Lost,
}

impl Failure {
    /// Source: RFC 4954 section 6.
    fn of(error: &MailerError) -> Option<Self> {
        let MailerErrorKind::Session(session) = error.kind() else {
            return None;
        };
        if session.phase() != Phase::Auth {
            return None;
        }
        match session.kind() {
            ErrorKind::Refused(reply) => match reply.code() {
                530..=535 => Some(Self::Refused),
                421 | 454 => Some(Self::Lost),
                _ => None,
            },
            ErrorKind::Closing(_) | ErrorKind::Closed => Some(Self::Lost),
            ErrorKind::Io(_) if error.is_transient() => Some(Self::Lost),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;
    use crate::mailer::{LocalServer, Mailer};
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn error(reply: &str) -> MailerError {
        let server = LocalServer::new();
        server.answer("AUTH", reply, None);
        let mailer = Mailer::over(server).password("me", "secret").build();
        block_on(mailer.expect("a mailer").verify()).expect_err("refused")
    }

    /// Whether a login would be tried then.
    fn is_open(logins: &Logins, now: Instant) -> bool {
        logins.check(now).is_ok()
    }

    #[test]
    fn one_login_is_tried_again_when_the_time_has_come() {
        let start = Instant::now();
        for (reply, pause) in [("535 no", AFTER_REFUSAL), ("454 later", AFTER_LOSS)] {
            let logins = Logins::new();
            let mut now = start;
            let fail = |now| logins.failed(error(reply), now).no_login_before();
            while fail(now).is_none() {
                assert!(is_open(&logins, now));
            }
            for _ in 0..3 {
                assert!(!is_open(&logins, now + pause - Duration::from_secs(1)));
                now += pause;
                assert!(is_open(&logins, now), "{reply}");
                assert_eq!(fail(now), Some(now + pause), "one shows it");
            }
            drop(logins.succeeded());
            assert!(is_open(&logins, now));
            assert_eq!(fail(now).is_some(), reply.starts_with('5'));
        }
    }

    fn poll<F: Future>(waiting: Pin<&mut F>) -> Poll<F::Output> {
        waiting.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn whoever_waits_for_a_login_fares_as_it_does() {
        let logins = Logins::new();
        let first = block_on(logins.turn()).expect("it is open");
        assert!(first.is_some());
        let mut second = pin!(logins.turn());
        assert!(poll(second.as_mut()).is_pending());
        let working = logins.succeeded();
        drop(first);
        assert!(matches!(poll(second.as_mut()), Poll::Ready(Ok(None))));
        // A third need not wait at all.
        assert!(matches!(block_on(logins.turn()), Ok(None)));
        drop(working);
        let first = block_on(logins.turn()).expect("it is open");
        assert!(first.is_some());
        let mut second = pin!(logins.turn());
        assert!(poll(second.as_mut()).is_pending());
        let _ = logins.failed(error("535 no"), Instant::now());
        drop(first);
        assert!(matches!(poll(second.as_mut()), Poll::Ready(Err(_))));
    }
}
