//! Waiting: which futures wait for which host event or moment, and the one
//! blocking call that serves them all.
//!
//! Everything here is per thread, and a component has one thread. The reactor
//! owns the pollables, because the host wants all of them in one list; a
//! [`Registration`] is a key that takes its pollable out again when dropped.
//! Wakers are called and dropped outside the borrow, since they may run anything.
//!
//! Somebody has to make the blocking call:
//!
//! - inside [`block_on`] that does, whenever its future can't go on;
//! - inside `raw::drive` another runtime does, with pollables that it
//!   was given;
//! - elsewhere nobody would, so a wait wakes itself, and the second poll in a
//!   row in which nothing has happened blocks for a moment (see [`outside`]).

use crate::time::{after, earlier};
use crate::timers::Timers;
use crate::{sys, table};
use slab::Slab;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// How long a wait outside any runtime of ours blocks at a time. Other tasks of
/// the foreign executor, and its own timers, get their turn this often.
const SLICE: Duration = Duration::from_millis(5);

/// The same for the first time after an event.
const FIRST_SLICE: Duration = Duration::from_micros(100);

/// Runs a future to its end, waiting in the host when it can't go on.
///
/// Sockets, names and timers of this crate work inside. Other executors'
/// futures do not, unless they wake themselves without a host event. Calls may
/// nest, but an executor of another crate inside would wait for ever: this one
/// is to make the blocking call.
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
        thread: sys::current_thread(),
    });
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        if woken.flag.swap(false, Ordering::AcqRel) {
            let driven = Driven::enter();
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                drop(driven);
                let flushers = table::flush_written_behind(true);
                flushers.into_iter().for_each(Waker::wake);
                // Waits of other tasks may be driven by somebody else now.
                if !DRIVEN.get() {
                    take_back();
                }
                return output;
            }
        }
        // A future that woke itself is still to be polled, but the host's
        // events come first: a busy task must not starve the sockets.
        turn(if woken.flag.load(Ordering::Acquire) {
            Wait::Not
        } else {
            Wait::Until(None)
        });
    }
}

/// Whether somebody waits in the host for the futures polled now: [`block_on`],
/// or another runtime by `raw::drive`. Where nobody does, waits of this crate
/// wake themselves, and block for a moment when they are polled again; a future
/// that must not be pending there is polled until it is ready.
#[must_use]
pub fn is_driven() -> bool {
    DRIVEN.get()
}

/// The root future's waker.
struct Woken {
    flag: AtomicBool,
    thread: sys::Thread,
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

/// While it lives, somebody else makes the blocking call.
pub(crate) struct Driven {
    before: bool,
}

impl Driven {
    pub(crate) fn enter() -> Self {
        Self {
            before: DRIVEN.replace(true),
        }
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        DRIVEN.set(self.before);
    }
}

/// How long [`turn`] waits for the first event.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    Not,
    /// At most so long, and at most until the next timer.
    Until(Option<Duration>),
}

/// Sends what was written behind, then looks for events, waits for the first
/// one if told to, and wakes who waits for it. Tells whether there was anybody.
pub(crate) fn turn(wait: Wait) -> bool {
    let mut wakers = table::flush_written_behind(matches!(wait, Wait::Until(_)));
    table::reap();
    // Who can go on is not kept waiting, but the host's events have their turn.
    let wait = if wakers.is_empty() { wait } else { Wait::Not };
    wakers.append(&mut REACTOR.with_borrow_mut(|reactor| reactor.wait(wait)));
    let any = !wakers.is_empty();
    wakers.into_iter().for_each(Waker::wake);
    any
}

/// A wait that nobody drives wakes itself, so that its executor polls
/// everything else and then it again. Polled for the second time in one round
/// (no turn of the reactor between), it knows that nothing else could go on,
/// and makes the blocking call for everybody. (Unless its executor had queued it
/// before somebody who was woken later: so the call is short at first, and longer
/// while nothing comes of it.) `seen` is the round of the last poll.
fn outside(seen: &mut u64, waker: &Waker) {
    let round = ROUND.get();
    if *seen == round {
        ROUND.set(round + 1);
        let slice = NEXT_SLICE.get();
        let any = turn(Wait::Until(Some(slice)));
        NEXT_SLICE.set(if any {
            FIRST_SLICE
        } else {
            SLICE.min(slice.saturating_mul(2))
        });
    } else {
        *seen = round;
    }
    waker.wake_by_ref();
}

thread_local! {
    static REACTOR: RefCell<Reactor> = const { RefCell::new(Reactor::new()) };
    static DRIVEN: Cell<bool> = const { Cell::new(false) };
    /// Counts the blocking calls outside any runtime.
    static ROUND: Cell<u64> = const { Cell::new(1) };
    /// How long the next of them is.
    static NEXT_SLICE: Cell<Duration> = const { Cell::new(FIRST_SLICE) };
}

struct Reactor {
    sources: Slab<Source>,
    /// The keys of the sources in the host's list, in its order.
    listed: Vec<usize>,
    timers: Timers,
    next_timer: u64,
    alarm: sys::Alarm,
    /// How another runtime waits for the first timer.
    timer_guard: Option<(Instant, Guard)>,
}

/// What another runtime keeps as long as it is to wait for something.
pub(crate) type Guard = Box<dyn Any>;

/// The guard and the pollable are children of the origin: dropped before it.
struct Source {
    guard: Option<Guard>,
    pollable: sys::Pollable,
    origin: sys::Origin,
    waker: Option<Waker>,
    /// The round of the last poll outside any runtime.
    seen: u64,
}

impl Reactor {
    const fn new() -> Self {
        Self {
            sources: Slab::new(),
            listed: Vec::new(),
            timers: Timers::new(),
            next_timer: 0,
            alarm: sys::NO_ALARM,
            timer_guard: None,
        }
    }

    fn wait(&mut self, wait: Wait) -> Vec<Waker> {
        let mut list = Vec::with_capacity(self.sources.len() + 1);
        self.listed.clear();
        for (key, source) in &self.sources {
            if source.waker.is_some() {
                self.listed.push(key);
                list.push(&source.pollable);
            }
        }
        let first = self.timers.first();
        let (ready, rings) = match wait {
            Wait::Not if list.is_empty() => (Vec::new(), true),
            Wait::Not => (sys::look(list), true),
            Wait::Until(limit) => {
                let limit = limit.map(after);
                sys::wait(list, earlier(first, limit), &mut self.alarm)
            }
        };
        let mut wakers = Vec::with_capacity(ready.len());
        for n in ready {
            let key = self.listed[n as usize];
            wakers.extend(self.sources[key].waker.take());
        }
        if rings && first.is_some() {
            wakers.extend(self.timers.take_until(Instant::now()));
        }
        wakers
    }

    /// Which guards have nothing to wait for any more, and what waits without
    /// one: sources, and the first timer.
    fn differences(&mut self) -> (Vec<Guard>, Vec<(usize, sys::Origin)>, Option<Instant>) {
        let (mut outdated, mut wanted) = (Vec::new(), Vec::new());
        for (key, source) in &mut self.sources {
            match (&source.waker, &source.guard) {
                (Some(_), None) => wanted.push((key, source.origin.clone())),
                (None, Some(_)) => outdated.extend(source.guard.take()),
                _ => {}
            }
        }
        let first = self.timers.first();
        if first == self.timer_guard.as_ref().map(|(at, _)| *at) {
            return (outdated, wanted, None);
        }
        outdated.extend(self.timer_guard.take().map(|(_, guard)| guard));
        (outdated, wanted, first)
    }
}

/// Has another runtime wait, by `wait`, for all that is waited for and has no
/// guard yet, and gives up the guards of what is not waited for any more.
#[cfg_attr(
    not(all(target_os = "wasi", target_env = "p2")),
    allow(dead_code, reason = "only components have other runtimes")
)]
pub(crate) fn hand_over(mut wait: impl FnMut(sys::Pollable) -> Option<Guard>) {
    let (outdated, wanted, timer) = REACTOR.with_borrow_mut(Reactor::differences);
    drop(outdated);
    for (key, origin) in wanted {
        let mut guard = wait(origin.subscribe());
        REACTOR.with_borrow_mut(|reactor| {
            if let Some(source) = reactor.sources.get_mut(key) {
                std::mem::swap(&mut source.guard, &mut guard);
            }
        });
    }
    if let Some(at) = timer {
        let at = at.min(after(sys::LONGEST_TIMER));
        let left = at.saturating_duration_since(Instant::now());
        let guard = wait(sys::subscribe_timer(left)).map(|guard| (at, guard));
        REACTOR.with_borrow_mut(|reactor| reactor.timer_guard = guard);
    }
}

/// Gives up every guard, and wakes who waits: somebody else may drive on.
pub(crate) fn take_back() {
    let (guards, wakers) = REACTOR.with_borrow_mut(|reactor| {
        let (mut guards, mut wakers) = (Vec::new(), Vec::new());
        guards.extend(reactor.timer_guard.take().map(|(_, guard)| guard));
        wakers.extend(reactor.timers.wakers().cloned());
        for (_, source) in &mut reactor.sources {
            guards.extend(source.guard.take());
            wakers.extend(source.waker.clone());
        }
        (guards, wakers)
    });
    // A waker may drop a stream, which is the parent of a guard's pollable.
    drop(guards);
    wakers.into_iter().for_each(Waker::wake);
}

/// A pollable in the reactor's care, which keeps alive what it was made from.
pub(crate) struct Registration(Event);

/// The key of a [`Registration`], to wait by. Waiting is done by the key
/// because it drops a waker: nothing may be borrowed then.
#[derive(Clone, Copy)]
pub(crate) struct Event(usize);

impl Registration {
    pub(crate) fn new(origin: sys::Origin) -> Self {
        let source = Source {
            guard: None,
            pollable: origin.subscribe(),
            origin,
            waker: None,
            seen: 0,
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
        let source = REACTOR.with_borrow_mut(|reactor| reactor.sources.remove(self.0.0));
        // Whoever waits must learn that it will never happen.
        if let Some(waker) = source.waker {
            waker.wake();
        }
    }
}

impl Event {
    /// Wakes `waker` once, when it happens next. A later call replaces it.
    pub(crate) fn wait(self, waker: &Waker) {
        let new = waker.clone();
        let (_old, mut seen) = REACTOR.with_borrow_mut(|reactor| {
            let source = &mut reactor.sources[self.0];
            (source.waker.replace(new), source.seen)
        });
        if !DRIVEN.get() {
            outside(&mut seen, waker);
            // Whom that woke may have closed the stream.
            REACTOR.with_borrow_mut(|reactor| {
                if let Some(source) = reactor.sources.get_mut(self.0) {
                    source.seen = seen;
                }
            });
        }
    }

    /// Forgets who waits.
    pub(crate) fn cancel(self) {
        drop(self.take());
    }

    /// Wakes who waits, and forgets.
    pub(crate) fn wake(self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }

    fn take(self) -> Option<Waker> {
        REACTOR.with_borrow_mut(|reactor| reactor.sources.get_mut(self.0)?.waker.take())
    }
}

/// A moment to be woken at. Dropping it takes it out of the reactor.
#[derive(Debug)]
pub(crate) struct Timer {
    at: Instant,
    number: Option<u64>,
    seen: u64,
}

impl Timer {
    pub(crate) fn at(at: Instant) -> Self {
        Self {
            at,
            number: None,
            seen: 0,
        }
    }

    /// Ready from its moment on, never before.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        self.wait(cx);
        Poll::Pending
    }

    /// [`poll`](Self::poll) for a moment that has certainly not come.
    pub(crate) fn wait(&mut self, cx: &Context<'_>) {
        let waker = cx.waker().clone();
        drop(REACTOR.with_borrow_mut(|reactor| {
            let number = *self.number.get_or_insert_with(|| {
                reactor.next_timer += 1;
                reactor.next_timer
            });
            reactor.timers.insert(self.at, number, waker)
        }));
        if !DRIVEN.get() {
            outside(&mut self.seen, cx.waker());
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            drop(REACTOR.with_borrow_mut(|reactor| reactor.timers.remove(self.at, number)));
        }
    }
}
