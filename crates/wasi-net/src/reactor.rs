//! Waiting: which futures wait for which host event or moment, and the one
//! blocking call that serves them all.
//!
//! Everything here is per thread, and a component has one thread. The reactor
//! owns the pollables, because the host wants all of them in one list; a
//! [`Registration`] is a key that takes its pollable out again when dropped.
//! Wakers are called, cloned and dropped outside the borrow, since they may run
//! anything.

use crate::{sys, table};
use slab::Slab;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Runs a future to its end, waiting in the host when it can't go on.
///
/// Sockets, names and timers of this crate work inside. Other executors'
/// futures do not, unless they wake themselves without a host event. Calls may
/// nest.
///
/// # Panics
///
/// When the future waits for nothing that could ever wake it. (Outside WASI
/// that wait is for another thread, and does not panic.)
///
/// ```
/// use std::time::Duration;
/// let answer = wasi_net::block_on(async {
///     wasi_net::sleep(Duration::from_millis(1)).await;
///     42
/// });
/// assert_eq!(answer, 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken {
        flag: AtomicBool::new(true),
        thread: std::thread::current(),
    });
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        if woken.flag.swap(false, Ordering::AcqRel)
            && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
        {
            table::flush_written_behind();
            return output;
        }
        // A future that woke itself is still to be polled, but the host's
        // events come first: a busy task must not starve the sockets.
        turn(!woken.flag.load(Ordering::Acquire));
    }
}

/// The root future's waker.
struct Woken {
    flag: AtomicBool,
    thread: Thread,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flag.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Sends what was written behind, then looks for events, and waits for the
/// first one if `block`.
fn turn(block: bool) {
    table::flush_written_behind();
    table::reap();
    let wakers = REACTOR.with_borrow_mut(|reactor| reactor.wait(block));
    wakers.into_iter().for_each(Waker::wake);
}

thread_local! {
    static REACTOR: RefCell<Reactor> = RefCell::default();
}

#[derive(Default)]
struct Reactor {
    sources: Slab<Source>,
    /// By moment, then by number, so that equal moments stay apart.
    timers: BTreeMap<(Instant, u64), Waker>,
    next_timer: u64,
}

struct Source {
    pollable: sys::Pollable,
    waker: Option<Waker>,
}

impl Reactor {
    fn wait(&mut self, block: bool) -> Vec<Waker> {
        let (keys, list): (Vec<_>, Vec<_>) = self
            .sources
            .iter()
            .filter(|(_, source)| source.waker.is_some())
            .map(|(key, source)| (key, &source.pollable))
            .unzip();
        let ready = if block {
            let first = self.timers.first_key_value().map(|((at, _), _)| *at);
            sys::wait(
                &list,
                first.map(|at| at.saturating_duration_since(Instant::now())),
            )
        } else if list.is_empty() {
            Vec::new()
        } else {
            sys::wait(&list, Some(Duration::ZERO))
        };
        let ready = ready.into_iter().map(|n| keys[n]).collect::<Vec<_>>();
        let mut wakers: Vec<_> = ready
            .into_iter()
            .filter_map(|key| self.sources[key].waker.take())
            .collect();
        if !self.timers.is_empty() {
            let later = self.timers.split_off(&(Instant::now(), u64::MAX));
            wakers.extend(std::mem::replace(&mut self.timers, later).into_values());
        }
        wakers
    }
}

/// A pollable in the reactor's care. It is a child of the host resource it was
/// made from, so a field of this type stands before that resource.
pub(crate) struct Registration(Event);

/// The key of a [`Registration`], to wait by. Waiting is done by the key
/// because it drops a waker: nothing may be borrowed then.
#[derive(Clone, Copy)]
pub(crate) struct Event(usize);

impl Registration {
    pub(crate) fn new(pollable: sys::Pollable) -> Self {
        let source = Source {
            pollable,
            waker: None,
        };
        Self(Event(
            REACTOR.with_borrow_mut(|reactor| reactor.sources.insert(source)),
        ))
    }

    pub(crate) fn event(&self) -> Event {
        self.0
    }

    /// Ends the next wait of the reactor at the next event, without waking a
    /// task of its own.
    pub(crate) fn wait_at_least(&self) {
        REACTOR.with_borrow_mut(|reactor| {
            let waker = &mut reactor.sources[self.0.0].waker;
            waker.get_or_insert_with(|| Waker::noop().clone());
        });
    }

    /// Asks the host now.
    pub(crate) fn is_ready(&self) -> bool {
        REACTOR.with_borrow(|reactor| reactor.sources[self.0.0].pollable.ready())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        drop(REACTOR.with_borrow_mut(|reactor| reactor.sources.remove(self.0.0)));
    }
}

impl Event {
    /// Wakes `waker` once, when it happens next. A later call replaces it.
    pub(crate) fn wait(self, waker: &Waker) {
        let waker = waker.clone();
        drop(REACTOR.with_borrow_mut(|reactor| reactor.sources[self.0].waker.replace(waker)));
    }

    /// Forgets who waits.
    pub(crate) fn cancel(self) {
        drop(REACTOR.with_borrow_mut(|reactor| reactor.sources[self.0].waker.take()));
    }
}

/// A moment to be woken at. Dropping it takes it out of the reactor.
#[derive(Debug)]
pub(crate) struct Timer {
    at: Instant,
    number: Option<u64>,
}

impl Timer {
    pub(crate) fn at(at: Instant) -> Self {
        Self { at, number: None }
    }

    /// Ready from its moment on, never before.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        drop(REACTOR.with_borrow_mut(|reactor| {
            let number = *self.number.get_or_insert_with(|| {
                reactor.next_timer += 1;
                reactor.next_timer
            });
            reactor.timers.insert((self.at, number), waker)
        }));
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            drop(REACTOR.with_borrow_mut(|reactor| reactor.timers.remove(&(self.at, number))));
        }
    }
}
