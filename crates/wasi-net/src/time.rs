//! Sleeping, and ending what takes too long.
//!
//! Source: WIT `wasi:clocks/monotonic-clock`.

use crate::reactor::Timer;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Waits for `duration`, never less.
///
/// # Cancellation
///
/// Dropping the future takes the timer out of the reactor.
pub async fn sleep(duration: Duration) {
    let mut timer = Timer::at(after(duration));
    poll_fn(|cx| timer.poll(cx)).await;
}

/// Gives `future` until `duration` has passed. The future is polled first, so
/// what is ready in time wins.
///
/// # Errors
///
/// [`Elapsed`] once the time is over; the future is dropped then.
///
/// # Cancellation
///
/// Dropping it drops `future`.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    Deadline::after(duration).limit(future).await
}

/// A moment by which several operations together have to be done.
///
/// ```
/// # use std::time::Duration;
/// # wasi_net::block_on(async {
/// let deadline = wasi_net::Deadline::after(Duration::from_secs(30));
/// deadline.limit(async { /* the first step */ }).await?;
/// deadline.limit(async { /* the second, in what is left */ }).await?;
/// # Ok::<_, wasi_net::Elapsed>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Instant);

impl Deadline {
    /// `duration` from now. One that is too long for the clock ends in a
    /// century.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(after(duration))
    }

    /// At `instant`.
    #[must_use]
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The moment.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }

    /// What is left until then; zero when it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Gives `future` until then. The future is polled first, so what is ready
    /// wins even after the deadline.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] once it has passed; the future is dropped then.
    ///
    /// # Cancellation
    ///
    /// Dropping it drops `future`.
    pub async fn limit<F: Future>(self, future: F) -> Result<F::Output, Elapsed> {
        let mut timer = Timer::at(self.0);
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => timer.poll(cx).map(|()| Err(Elapsed)),
        })
        .await
    }
}

/// The time given to [`timeout`] or [`Deadline::limit`] is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
#[non_exhaustive]
pub struct Elapsed;

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

/// A moment `duration` from now; a duration too long for the clock ends in a
/// century, which is for ever.
pub(crate) fn after(duration: Duration) -> Instant {
    add(Instant::now(), duration)
}

/// [`after`], from another moment. (An operator would bring a panic along.)
pub(crate) fn add(moment: Instant, duration: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    moment.checked_add(duration.min(CENTURY)).unwrap_or(moment)
}

/// The earlier of two moments, as far as there are any.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;

    #[test]
    fn a_sleep_is_never_short() {
        let (start, wanted) = (Instant::now(), Duration::from_millis(5));
        block_on(sleep(wanted));
        assert!(start.elapsed() >= wanted);
    }

    #[test]
    fn a_timeout_ends_what_never_ends() {
        let never = std::future::pending::<()>();
        assert_eq!(
            block_on(timeout(Duration::from_millis(5), never)),
            Err(Elapsed)
        );
    }

    #[test]
    fn what_is_ready_wins_over_a_timeout_of_zero() {
        assert_eq!(block_on(timeout(Duration::ZERO, async { 7 })), Ok(7));
    }

    #[test]
    fn one_deadline_holds_for_several_operations() {
        let deadline = Deadline::after(Duration::from_millis(5));
        assert!(deadline.remaining() <= Duration::from_millis(5));
        assert_eq!(block_on(deadline.limit(async { 1 })), Ok(1));
        let never = std::future::pending::<()>();
        assert_eq!(block_on(deadline.limit(never)), Err(Elapsed));
        assert_eq!(deadline.remaining(), Duration::ZERO);
        assert_eq!(block_on(deadline.limit(async { 2 })), Ok(2));
        assert_eq!(Deadline::at(deadline.instant()), deadline);
    }

    #[test]
    fn a_timeout_of_ages_does_not_overflow() {
        assert_eq!(block_on(timeout(Duration::MAX, async { 7 })), Ok(7));
    }

    #[test]
    fn a_busy_task_does_not_keep_a_timer_from_firing() {
        let busy = async {
            loop {
                let mut first = true;
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    if std::mem::take(&mut first) {
                        Poll::Pending
                    } else {
                        Poll::Ready(())
                    }
                })
                .await;
            }
        };
        let result: Result<(), Elapsed> = block_on(timeout(Duration::from_millis(5), busy));
        assert_eq!(result, Err(Elapsed));
    }
}
