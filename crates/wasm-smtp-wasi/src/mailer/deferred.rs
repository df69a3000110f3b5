//! Mails that the server refused for now: until they are tried again they hold neither
//! a connection nor the place of another mail.

use super::Message;
use super::stake::Doubt;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A mail that was refused for now, as [`Mailer::send_or_defer`] leaves it: when it may
/// be tried again, and how often it was. Give it back by [`Message::deferred`].
///
/// [`Mailer::send_or_defer`]: super::Mailer::send_or_defer
#[derive(Clone, Debug)]
pub struct Deferred {
    pub(super) attempts: u32,
    pub(super) at: Instant,
    /// The mail's own deadline goes on.
    pub(super) until: Option<Instant>,
    /// What the server says meanwhile may make it doubtful that it was refused.
    pub(super) doubts: Vec<Doubt>,
}

impl Deferred {
    /// When the mail may be tried again: before, the server would refuse it once more.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// The mail's deadline, once it is given back: what it waited for others meanwhile
    /// is not its own time.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        let late = now.saturating_duration_since(self.at);
        self.until
            .map(|until| until.checked_add(late).unwrap_or(until))
    }
}

/// The most octets of mails in memory that wait beside those under way.
const WAITING_LEN: usize = 64 * 1024 * 1024;

/// How many mails are taken from a stream of them. A clone is the same window.
#[derive(Clone)]
pub(super) struct Window {
    under_way: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Window {
    pub(super) fn new(under_way: usize) -> Self {
        Self {
            under_way: Arc::new(Semaphore::new(under_way)),
            waiting: Arc::new(Semaphore::new(WAITING_LEN)),
        }
    }

    /// Waits until one more mail may be under way.
    pub(super) async fn take(self) -> Slot {
        Slot {
            permit: self.under_way.acquire_owned().await.ok(),
            waiting: self.waiting,
        }
    }
}

/// What a mail in a [`Window`] takes up.
pub(super) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    waiting: Arc<Semaphore>,
}

impl Slot {
    /// Leaves it to the next mail while this one waits, if there is memory for that.
    pub(super) fn wait(&mut self, message: &Message) {
        let len = message.len().unwrap_or(0);
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let waiting = Arc::clone(&self.waiting);
        if let Ok(permit) = waiting.try_acquire_many_owned(len) {
            self.permit = Some(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_session::Envelope;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    fn is_free(window: &Window) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        matches!(
            pin!(window.clone().take()).poll(&mut context),
            Poll::Ready(_)
        )
    }

    #[test]
    fn a_deadline_stands_still_while_others_go_first() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        let deferred = |until| Deferred {
            attempts: 1,
            at: now + hour,
            until,
            doubts: Vec::new(),
        };
        let until = now + 2 * hour;
        assert_eq!(deferred(Some(until)).until(now), Some(until));
        assert_eq!(
            deferred(Some(until)).until(now + 4 * hour),
            Some(until + 3 * hour)
        );
        assert_eq!(deferred(None).until(now + 4 * hour), None);
    }

    #[test]
    fn a_mail_that_waits_leaves_its_slot_while_there_is_memory() {
        let window = Window::new(1);
        let take = || crate::block_on(window.clone().take());
        let large = Message::new(Envelope::null_sender(), vec![b'x'; WAITING_LEN * 2 / 3]);
        let mut first = take();
        assert!(!is_free(&window));
        first.wait(&large);
        first.wait(&large);
        assert!(is_free(&window));
        let mut second = take();
        second.wait(&large);
        assert!(!is_free(&window), "two such are too large");
        drop(first);
        second.wait(&large);
        assert!(is_free(&window), "the memory came back");
        drop(second);
        assert!(is_free(&window));
        assert_eq!(window.waiting.available_permits(), WAITING_LEN);
    }
}
