//! One waker for the stream below, whichever half of the stream polls it.
//!
//! A read may have to write and a write to read, so both halves poll both
//! directions of the stream below, which keeps one waker for each. Were that the
//! waker of the last half to poll, the other one, in a task of its own, would
//! sleep for ever.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Who polls.
#[derive(Clone, Copy)]
pub(crate) enum Half {
    Reader,
    Writer,
}

/// The last waker of each half.
#[derive(Default)]
pub(crate) struct Halves(Arc<Both>);

#[derive(Default)]
struct Both(Mutex<[Option<Waker>; 2]>);

impl Halves {
    /// Takes the place of this half's last waker, and gives one that wakes both.
    pub(crate) fn join(&self, half: Half, waker: &Waker) -> Waker {
        let last = &mut self.0.lock()[half as usize];
        if !last.as_ref().is_some_and(|last| last.will_wake(waker)) {
            *last = Some(waker.clone());
        }
        Waker::from(self.0.clone())
    }
}

impl Both {
    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Whoever is woken comes again with a waker. The lock is released first,
        // since waking may poll.
        let [reader, writer] = std::mem::take(&mut *self.lock());
        match (reader, writer) {
            (Some(reader), Some(writer)) if reader.will_wake(&writer) => reader.wake(),
            wakers => [wakers.0, wakers.1]
                .into_iter()
                .flatten()
                .for_each(Waker::wake),
        }
    }
}
