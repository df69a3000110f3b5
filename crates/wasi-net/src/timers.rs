//! The moments that are waited for.

use std::task::Waker;
use std::time::Instant;

/// Wakers by moment, then by number, so that equal moments stay apart.
///
/// A sorted list: nearly every new moment is the last one, since most waits are
/// for as long as the others, and what rings is at the beginning.
pub(crate) struct Timers(Vec<Entry>);

struct Entry {
    at: Instant,
    number: u64,
    waker: Waker,
}

impl Timers {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first moment.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.0.first().map(|entry| entry.at)
    }

    pub(crate) fn wakers(&self) -> impl Iterator<Item = &Waker> {
        self.0.iter().map(|entry| &entry.waker)
    }

    /// Adds a waker, or replaces that of the same moment and number, which it
    /// returns.
    pub(crate) fn insert(&mut self, at: Instant, number: u64, waker: Waker) -> Option<Waker> {
        match self.place(at, number) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].waker, waker)),
            Err(place) => {
                self.0.insert(place, Entry { at, number, waker });
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, at: Instant, number: u64) -> Option<Waker> {
        let place = self.place(at, number).ok()?;
        Some(self.0.remove(place).waker)
    }

    /// Takes those of all moments up to `now`.
    pub(crate) fn take_until(&mut self, now: Instant) -> impl Iterator<Item = Waker> {
        let due = self.0.partition_point(|entry| entry.at <= now);
        self.0.drain(..due).map(|entry| entry.waker)
    }

    fn place(&self, at: Instant, number: u64) -> Result<usize, usize> {
        let key = |entry: &Entry| (entry.at, entry.number);
        self.0.binary_search_by_key(&(at, number), key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn they_ring_in_order_and_leave_what_is_later() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let waker = Waker::noop;
        let mut timers = Timers::new();
        for (seconds, number) in [(3, 1), (1, 2), (2, 3), (2, 4), (5, 5)] {
            assert!(
                timers
                    .insert(at(seconds), number, waker().clone())
                    .is_none()
            );
        }
        assert_eq!(timers.first(), Some(at(1)));
        assert!(
            timers.insert(at(2), 4, waker().clone()).is_some(),
            "replaced"
        );
        assert!(timers.remove(at(2), 3).is_some());
        assert!(timers.remove(at(2), 3).is_none());
        assert_eq!(timers.take_until(now).count(), 0);
        assert_eq!(timers.take_until(at(2)).count(), 2);
        assert_eq!(timers.first(), Some(at(3)));
        assert_eq!(timers.wakers().count(), 2);
        assert_eq!(timers.take_until(at(9)).count(), 2);
        assert_eq!(timers.first(), None);
    }
}
