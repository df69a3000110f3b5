//! So many mails in so much time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Knows when the next mail may go.
#[derive(Debug)]
pub(super) struct Rate {
    mails: usize,
    per: Duration,
    /// When the last of them went, no more than `mails`.
    last: VecDeque<Instant>,
}

impl Rate {
    /// At most `mails` in any span of `per`.
    pub(super) fn new(mails: u32, per: Duration) -> Self {
        let mails = usize::try_from(mails.max(1)).unwrap_or(usize::MAX);
        Self {
            mails,
            per,
            last: VecDeque::new(),
        }
    }

    /// How long a mail has to wait before it may ask again. With zero it goes now,
    /// and counts; nothing is kept for one that waits, which may be given up.
    pub(super) fn take(&mut self, now: Instant) -> Duration {
        if self.last.len() == self.mails {
            let gone = self.last[0];
            let wait = self.per.saturating_sub(now.duration_since(gone));
            if !wait.is_zero() {
                return wait;
            }
            self.last.pop_front();
        }
        self.last.push_back(now);
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn no_span_has_more_than_it_may() {
        let start = Instant::now();
        let mut rate = Rate::new(5, 10 * SECOND);
        let waits: Vec<_> = [0, 0, 0, 1, 1, 1, 1, 10, 10, 10, 10, 11, 30]
            .map(|second| rate.take(start + second * SECOND).as_secs())
            .into();
        assert_eq!(waits, [0, 0, 0, 0, 0, 9, 9, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn for_ever_is_a_span_too() {
        let now = Instant::now();
        let mut rate = Rate::new(1, Duration::MAX);
        assert_eq!(rate.take(now), Duration::ZERO);
        assert_eq!(rate.take(now), Duration::MAX);
    }
}
