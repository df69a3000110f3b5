//! Many futures in one task.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Runs all futures at the same time and gives their outputs, in their order.
/// Only those that were woken are polled, so a thousand sessions cost each
/// other nothing.
///
/// # Cancellation
///
/// Dropping it drops all of them.
///
/// ```
/// # use std::time::Duration;
/// let sessions = (0..3).map(|n| async move {
///     wasi_net::sleep(Duration::from_millis(3 - n)).await;
///     n
/// });
/// assert_eq!(wasi_net::block_on(wasi_net::join_all(sessions)), [0, 1, 2]);
/// ```
pub async fn join_all<I>(futures: I) -> Vec<<I::Item as Future>::Output>
where
    I: IntoIterator,
    I::Item: Future,
{
    let shared = Arc::new(Shared::default());
    let mut children: Vec<_> = futures
        .into_iter()
        .enumerate()
        .map(|(index, future)| Child::new(future, index, &shared))
        .collect();
    let mut running = children.len();
    poll_fn(|cx| {
        shared.lock().outer = Some(cx.waker().clone());
        // One pass: a child that wakes itself is polled again after the
        // executor had its turn.
        let woken = std::mem::take(&mut shared.lock().woken);
        for index in woken {
            running -= usize::from(children[index].poll());
        }
        if running == 0 {
            return Poll::Ready(());
        }
        if !shared.lock().woken.is_empty() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
    let outputs = children.into_iter().map(|child| child.output);
    outputs
        .map(|output| output.expect("all are done"))
        .collect()
}

struct Child<F: Future> {
    future: Option<Pin<Box<F>>>,
    output: Option<F::Output>,
    wake: Arc<ChildWaker>,
    waker: Waker,
}

impl<F: Future> Child<F> {
    fn new(future: F, index: usize, shared: &Arc<Shared>) -> Self {
        shared.lock().woken.push(index);
        let wake = Arc::new(ChildWaker {
            index,
            queued: AtomicBool::new(true),
            shared: Arc::clone(shared),
        });
        Self {
            future: Some(Box::pin(future)),
            output: None,
            waker: Waker::from(Arc::clone(&wake)),
            wake,
        }
    }

    /// Whether it ended just now.
    fn poll(&mut self) -> bool {
        self.wake.queued.store(false, Ordering::Release);
        let Some(future) = &mut self.future else {
            return false;
        };
        let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&self.waker))
        else {
            return false;
        };
        self.output = Some(output);
        self.future = None;
        true
    }
}

#[derive(Default)]
struct Shared(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    woken: Vec<usize>,
    outer: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct ChildWaker {
    index: usize,
    queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for ChildWaker {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut queue = self.shared.lock();
        queue.woken.push(self.index);
        let outer = queue.outer.clone();
        drop(queue);
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    /// Pending `left` times, waking itself, and counting its polls.
    fn steps(left: usize, polls: Rc<Cell<usize>>) -> impl Future<Output = usize> {
        let mut left_now = left;
        poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            if left_now == 0 {
                return Poll::Ready(left);
            }
            left_now -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn outputs_keep_their_order_and_only_the_woken_are_polled() {
        let polls = Rc::new(Cell::new(0));
        let futures = [5, 0, 3].map(|left| steps(left, Rc::clone(&polls)));
        assert_eq!(crate::block_on(join_all(futures)), [5, 0, 3]);
        assert_eq!(polls.get(), 6 + 1 + 4, "each poll was asked for");
    }

    #[test]
    fn nothing_to_join_is_done() {
        let none: [std::future::Ready<()>; 0] = [];
        assert!(crate::block_on(join_all(none)).is_empty());
    }

    #[test]
    fn dropping_it_drops_all() {
        let token = Rc::new(());
        let held = Rc::clone(&token);
        let never = async move {
            std::future::pending::<()>().await;
            drop(held);
        };
        let joined = join_all([never]);
        drop(joined);
        assert_eq!(Rc::strong_count(&token), 1);
    }
}
