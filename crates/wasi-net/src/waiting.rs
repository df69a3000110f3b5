//! How long one direction of a stream may wait, and how long it may go without.

use crate::ErrorKind;
use crate::reactor::{Event, Timer};
use crate::table::{Polled, Until};
use crate::time::{after, earlier};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// How long one read or write may wait unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// One direction's time limits, and the timer of the wait under way.
pub(crate) struct Waiting {
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    timer: Option<Timer>,
    /// When the host is asked again that has no event.
    again: Option<Timer>,
    /// Operations in a row that did not wait.
    in_a_row: u8,
}

/// When a host is asked again. jco spins during shorter times.
const AGAIN: Duration = Duration::from_millis(10);

/// After so many operations that did not wait, a stream lets others go on: the
/// peer must not decide whether timers and other streams have their turn.
const IN_A_ROW: u8 = 64;

impl Waiting {
    pub(crate) fn new() -> Self {
        Self {
            timeout: Some(DEFAULT_TIMEOUT),
            deadline: None,
            timer: None,
            again: None,
            in_a_row: 0,
        }
    }

    pub(crate) fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
        self.timer = None;
    }

    /// Pending once in a while, and an error if the deadline has passed then.
    pub(crate) fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<Result<(), ErrorKind>> {
        if self.in_a_row < IN_A_ROW {
            self.in_a_row += 1;
            return Poll::Ready(Ok(()));
        }
        self.in_a_row = 0;
        if self.deadline.is_some_and(|at| Instant::now() >= at) {
            return Poll::Ready(Err(ErrorKind::TimedOut));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
        self.timer = None;
    }

    /// Starts the timer of a wait, if there is a limit.
    fn start(&mut self, cx: &Context<'_>) {
        let end = earlier(self.timeout.map(after), self.deadline);
        self.timer = end.map(Timer::at);
        if let Some(timer) = &mut self.timer {
            timer.wait(cx);
        }
    }

    /// Waits for `event`, or whatever it is, but not for too long.
    pub(crate) fn limit(
        &mut self,
        polled: Polled,
        event: Event,
        cx: &Context<'_>,
    ) -> Poll<Result<usize, ErrorKind>> {
        let result = match polled {
            Polled::Done(result) => result,
            Polled::Pending(until) => {
                self.in_a_row = 0;
                match until {
                    Until::Event => event.wait(cx.waker()),
                    Until::Wait => {}
                    Until::Later => self.again.insert(Timer::at(after(AGAIN))).wait(cx),
                }
                match &mut self.timer {
                    Some(timer) => ready!(timer.poll(cx)),
                    None => {
                        self.start(cx);
                        return Poll::Pending;
                    }
                }
                event.cancel();
                Err(ErrorKind::TimedOut)
            }
        };
        (self.timer, self.again) = (None, None);
        Poll::Ready(result)
    }
}
