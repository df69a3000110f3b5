//! What the connections of a server share.

use crate::{Asked, Conversation, Deviation, Mail, Rules, Seen};
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// A server: its rules, where it deviates from them, and what it saw.
///
/// A clone is the same server.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    rules: Rules,
    /// Not in the state, since a deviation may look at what was seen.
    deviate: Mutex<Deviate>,
    /// Not in the state either: it may take its time.
    keep: Mutex<Option<Box<Keep>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Seen,
    numbered: usize,
    waiting: Vec<Waker>,
}

type Deviate = Box<dyn FnMut(&Asked<'_>) -> Option<Deviation> + Send>;
type Keep = dyn FnMut(&Mail) -> bool + Send;

impl Server {
    /// A server with these rules, which deviates nowhere.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self(Arc::new(Shared {
            rules,
            deviate: Mutex::new(Box::new(|_| None)),
            keep: Mutex::default(),
            state: Mutex::default(),
        }))
    }

    /// Asks `deviate` before each reply: what it gives is done in place of the reply.
    /// The last `deviate` counts, for open connections too.
    pub fn deviate(&self, deviate: impl FnMut(&Asked<'_>) -> Option<Deviation> + Send + 'static) {
        *lock(&self.0.deviate) = Box::new(deviate);
    }

    /// [`Server::new`] and [`Server::deviate`].
    #[must_use]
    pub fn with(
        rules: Rules,
        deviate: impl FnMut(&Asked<'_>) -> Option<Deviation> + Send + 'static,
    ) -> Self {
        let this = Self::new(rules);
        this.deviate(deviate);
        this
    }

    /// Gives each mail that would be taken to `keep`; where that says `false`, the mail
    /// is refused for now (451). The last `keep` counts.
    pub fn keep(&self, keep: impl FnMut(&Mail) -> bool + Send + 'static) {
        *lock(&self.0.keep) = Some(Box::new(keep));
    }

    /// Opens a connection, which begins with the greeting. Drivers call this.
    #[must_use]
    pub fn open(&self) -> Conversation {
        self.open_with(self.rules().offers("STARTTLS"))
    }

    /// Opens a connection that offers STARTTLS or does not, whatever the rules say.
    pub(crate) fn open_with(&self, starttls: bool) -> Conversation {
        Conversation::new(self.clone(), self.count_in(), starttls)
    }

    /// Opens a connection that offers STARTTLS, whatever the rules say.
    #[must_use]
    pub fn open_with_starttls(&self) -> Conversation {
        self.open_with(true)
    }

    /// Opens a connection that begins with TLS.
    #[must_use]
    pub fn open_before_tls(&self) -> Conversation {
        Conversation::before_tls(self.clone(), self.count_in())
    }

    fn count_in(&self) -> usize {
        let mut number = 0;
        self.change(|seen| {
            number = seen.connections.len();
            seen.connections.push(crate::Connection::default());
        });
        number
    }

    /// What it saw so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.see(Seen::clone)
    }

    /// Looks at what it saw so far. Must not ask the server itself.
    pub fn see<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&lock(&self.0.state).seen)
    }

    /// The mails it took so far. A mail is here before its client reads the reply.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.see(|seen| seen.taken().into_iter().cloned().collect())
    }

    /// Waits until `done` holds, on any executor, and gives what was seen then. Has no
    /// timeout.
    pub async fn wait(&self, done: impl Fn(&Seen) -> bool) -> Seen {
        self.find(|seen| done(seen).then(|| seen.clone())).await
    }

    /// Waits until there is something to be found.
    async fn find<T>(&self, find: impl Fn(&Seen) -> Option<T>) -> T {
        poll_fn(|cx| {
            let mut state = lock(&self.0.state);
            if let Some(found) = find(&state.seen) {
                return Poll::Ready(found);
            }
            state.wake_later(cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Waits until so many connections are over, as [`wait`](Self::wait) does.
    pub async fn wait_closed(&self, connections: usize) -> Seen {
        self.wait(|seen| seen.closed() >= connections).await
    }

    /// Ends the connections that are open, without a word, but for those that are not
    /// read any more ([`Then::Stop`](crate::Then::Stop)).
    pub fn hang_up(&self) {
        let close = |one: &mut crate::Connection| one.closed = true;
        self.change(|seen| seen.connections.iter_mut().for_each(close));
    }

    /// Whether the connection is over, be it hung up.
    pub(crate) fn is_over(&self, connection: usize) -> bool {
        self.see(|seen| seen.connections[connection].closed)
    }

    /// Waits until a connection is over.
    #[cfg(all(feature = "tokio", not(target_family = "wasm")))]
    pub(crate) async fn over(&self, connection: usize) {
        self.find(|seen| seen.connections[connection].closed.then_some(()))
            .await;
    }

    /// Wakes this when something more was seen.
    pub(crate) fn wake_later(&self, waker: &Waker) {
        lock(&self.0.state).wake_later(waker);
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.0.rules
    }

    pub(crate) fn deviation(&self, asked: &Asked<'_>) -> Option<Deviation> {
        lock(&self.0.deviate)(asked)
    }

    /// Whether a mail can be kept.
    pub(crate) fn keeps(&self, mail: &Mail) -> bool {
        lock(&self.0.keep).as_mut().is_none_or(|keep| keep(mail))
    }

    /// The number of the next mail; the first is 1.
    pub(crate) fn number_mail(&self) -> usize {
        let mut state = lock(&self.0.state);
        state.numbered += 1;
        state.numbered
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Seen)) {
        let mut state = lock(&self.0.state);
        change(&mut state.seen);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn wake_later(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|one| one.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.see(|seen| {
            f.debug_struct("Server")
                .field("connections", &seen.connections.len())
                .field("mails", &seen.mails.len())
                .finish_non_exhaustive()
        })
    }
}

/// A test that failed elsewhere does not matter here.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
