//! The door to the bindings: waiting through another runtime.
//!
//! Nothing else in this crate shows a type of the `wasi` crate, so that a new
//! major version of it is a new major version of this module's users only.

use crate::reactor::{self, Driven, Guard, Wait};
use crate::table;
use slab::Slab;
use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
/// runtime work inside too, and so does [`block_on`](crate::block_on), but no
/// third executor's. Tasks that the runtime spawns need a `drive` of their own.
///
/// # Cancellation
///
/// Dropping it drops `future`, then takes every pollable back. Drop it, and
/// what uses this crate's streams inside, while the other runtime runs.
pub async fn drive<D: Driver, F: Future>(driver: D, future: F) -> F::Output {
    // Declared first, so dropped last: after the future.
    let live = Live::new();
    let mut future = pin!(future);
    let woken = Arc::new(Woken {
        flag: AtomicBool::new(true),
        polling: AtomicBool::new(false),
        live: live.0,
    });
    let waker = Waker::from(Arc::clone(&woken));
    let bell = Waker::from(Arc::new(Bell));
    poll_fn(|cx| {
        live.set_waker(cx.waker());
        woken.polling.store(true, Ordering::Release);
        // Which of our pollables woke us?
        reactor::turn(Wait::Not);
        let mut polled = Poll::Pending;
        if woken.flag.swap(false, Ordering::AcqRel) {
            let _driven = Driven::enter();
            polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        }
        let waits = !woken.flag.load(Ordering::Acquire);
        let flushers = table::flush_written_behind(waits);
        flushers.into_iter().for_each(Waker::wake);
        woken.polling.store(false, Ordering::Release);
        let mut again = woken.flag.load(Ordering::Acquire);
        if polled.is_pending() {
            reactor::hand_over(|pollable| {
                let guard: Option<Guard> = driver.wait(pollable, &bell);
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

thread_local! {
    /// The wakers of the tasks that poll a [`drive`] now, the latest of each.
    static LIVE: RefCell<Slab<Waker>> = const { RefCell::new(Slab::new()) };
}

/// A place in [`LIVE`]; with its end every pollable is taken back.
struct Live(usize);

impl Live {
    fn new() -> Self {
        let waker = Waker::noop().clone();
        Self(LIVE.with_borrow_mut(|live| live.insert(waker)))
    }

    fn set_waker(&self, waker: &Waker) {
        let waker = waker.clone();
        drop(LIVE.with_borrow_mut(|live| std::mem::replace(&mut live[self.0], waker)));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(LIVE.with_borrow_mut(|live| live.remove(self.0)));
        reactor::take_back();
        // The others have to hand over anew.
        ring();
    }
}

/// What the other runtime wakes: every live [`drive`]. The one whose poll made
/// the wait may have moved to another task since, or be left unpolled, and
/// whichever is polled first serves all.
struct Bell;

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        ring();
    }
}

fn ring() {
    let live: Vec<_> = LIVE.with_borrow(|live| live.iter().map(|(_, w)| w.clone()).collect());
    live.into_iter().for_each(Waker::wake);
}

/// The waker inside: wakes the task outside, except while that is being polled
/// and will look at the flag itself.
struct Woken {
    flag: AtomicBool,
    polling: AtomicBool,
    live: usize,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.flag.store(true, Ordering::Release);
        if !self.polling.load(Ordering::Acquire)
            && let Some(outer) = LIVE.with_borrow(|live| live.get(self.live).cloned())
        {
            outer.wake();
        }
    }
}
