//! Waiting no longer than there is time, and for two things at once.

use super::{MailerError, MailerErrorKind};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Instant;
use wasi_net::Deadline;

/// Gives `future` the time until then; when that has passed, it is not begun.
pub(super) async fn within<F: Future>(
    until: Option<Instant>,
    future: F,
) -> Result<F::Output, MailerError> {
    match until {
        None => Ok(future.await),
        Some(until) => {
            let deadline = Deadline::at(until);
            let is_over = deadline.remaining().is_zero();
            let limited = async { deadline.limit(future).await.ok() };
            let done = if is_over { None } else { limited.await };
            done.ok_or_else(|| MailerError::new(MailerErrorKind::TimedOut))
        }
    }
}

/// Lets `other` go on for as long as `main` takes.
pub(super) async fn beside<F: Future>(main: F, other: impl Future) -> F::Output {
    let (mut main, mut other) = (pin!(main), pin!(other));
    let mut done = false;
    poll_fn(|cx| {
        done = done || other.as_mut().poll(cx).is_ready();
        main.as_mut().poll(cx)
    })
    .await
}
