//! The door to the bindings: waiting through another runtime.
//!
//! Nothing else in this crate shows a type of the `wasi` crate, so that a new
//! major version of it is a new major version of this module's users only.

use crate::reactor::{self, Driven, Guard, Wait};
use crate::table;
use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub use wasi::io::poll::Pollable;

/// Another runtime's way to wait for a pollable.
pub trait Driver {
    /// Has the runtime wake `waker` whenever `pollable` is ready, until the
    /// value returned is dropped. `None` if it is ready already; `waker` is
    /// not woken then.
    ///
    /// The value is dropped, and the pollable with it, before the socket that
    /// it stands for, and while [`drive`]'s future is polled or dropped, or a
    /// stream is.
    fn wait(&self, pollable: Pollable, waker: &Waker) -> Option<Box<dyn Any>>;
}

/// Runs `future`, and in it everything of this crate, under another runtime:
/// its waits become pollables that `driver` waits for. Other futures of that
/// runtime work inside too. Tasks that the runtime spawns need a `drive` of
/// their own.
///
/// # Cancellation
///
/// Dropping it drops `future`, then takes every pollable back. Drop it, and
/// what uses this crate's streams inside, while the other runtime runs.
pub async fn drive<D: Driver, F: Future>(driver: D, future: F) -> F::Output {
    let _ending = TakeBack;
    let mut future = pin!(future);
    let woken = Arc::new(Woken {
        flag: AtomicBool::new(true),
        polling: AtomicBool::new(false),
        outer: Mutex::new(Waker::noop().clone()),
    });
    let waker = Waker::from(Arc::clone(&woken));
    poll_fn(|cx| {
        woken.set_outer(cx.waker());
        woken.polling.store(true, Ordering::Release);
        // Which of our pollables woke us?
        reactor::turn(Wait::Not);
        let mut polled = Poll::Pending;
        if woken.flag.swap(false, Ordering::AcqRel) {
            let _driven = Driven::enter();
            polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        }
        table::flush_written_behind();
        woken.polling.store(false, Ordering::Release);
        let mut again = woken.flag.load(Ordering::Acquire);
        if polled.is_pending() {
            reactor::hand_over(|pollable| {
                let guard: Option<Guard> = driver.wait(pollable, cx.waker());
                again |= guard.is_none();
                guard
            });
        }
        if again {
            cx.waker().wake_by_ref();
        }
        polled
    })
    .await
}

/// Declared first in [`drive`], so dropped last: after the future.
struct TakeBack;

impl Drop for TakeBack {
    fn drop(&mut self) {
        reactor::take_back();
    }
}

/// The waker inside: wakes the task outside, except while that is being polled
/// and will look at the flag itself.
struct Woken {
    flag: AtomicBool,
    polling: AtomicBool,
    outer: Mutex<Waker>,
}

impl Woken {
    fn set_outer(&self, waker: &Waker) {
        let mut outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
        if !outer.will_wake(waker) {
            outer.clone_from(waker);
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.flag.store(true, Ordering::Release);
        if !self.polling.load(Ordering::Acquire) {
            let outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
            let waker = outer.clone();
            drop(outer);
            waker.wake();
        }
    }
}
