//! So many mails in so much time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Gives each mail the moment from when it may go.
#[derive(Debug)]
pub(super) struct Rate {
    mails: usize,
    per: Duration,
    /// When the last of them may go, no more than `mails`.
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

    /// When the mail that comes now may go. It counts, whether it is sent then or
    /// not.
    pub(super) fn take(&mut self, now: Instant) -> Instant {
        let mut goes = now;
        if self.last.len() == self.mails {
            let oldest = self.last.pop_front().map_or(now, |at| at + self.per);
            goes = goes.max(oldest);
        }
        self.last.push_back(goes);
        goes
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
        let gone: Vec<_> = [0, 0, 0, 1, 1, 1, 1, 30, 30, 31, 31, 31, 31]
            .map(|second| rate.take(start + second * SECOND))
            .map(|at| (at - start).as_secs())
            .into();
        assert_eq!(gone, [0, 0, 0, 1, 1, 10, 10, 30, 30, 31, 31, 31, 40]);
    }
}
