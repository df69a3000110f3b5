//! The thread's connections, and what keeps their host resources in order.
//!
//! A [`TcpStream`](crate::TcpStream) is a key into this table. So the reactor
//! can send what was written behind on any stream before it waits, and a
//! dropped stream whose write is still in flight can live on in the graveyard.

use crate::reactor::{self, Event, Registration};
use crate::{ErrorKind, sys};
use slab::Slab;
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::task::Waker;

/// How many bytes are kept before a write waits for the host: the most that a
/// host takes at once.
const WRITE_BEHIND_LEN: usize = 64 * 1024;

/// How large a buffer an idle connection keeps.
const KEPT_LEN: usize = 4 * 1024;

/// The most that one host read asks for: the host allocates and zeroes that
/// much at every call.
const READ_LEN: usize = 32 * 1024;

/// How many stalled connections each call looks at.
const REAPED_AT_ONCE: usize = 4;

/// After how many calls at the latest the graveyard is looked at again.
const MOST_SKIPPED: u32 = 63;

/// A connection and what was written behind on it.
pub(crate) struct Connection {
    /// Children of the socket's streams: dropped before them.
    readable: Registration,
    writable: Registration,
    socket: sys::Socket,
    behind: Vec<u8>,
    /// In the table's list of connections with something written behind.
    queued: bool,
    /// How much the host is known to take now; 0 when it has to be asked.
    permit: usize,
    /// The most that it ever said it takes: while it takes less, something is on its
    /// way.
    most: usize,
    /// What is written leaves when the component waits, even if it is flushed.
    flush_on_wait: bool,
    /// Who flushes then.
    flusher: Option<Waker>,
    /// How often it could have been sent since, but for that.
    passed: u8,
    /// Nothing can be read any more: at the end, or for this reason.
    end: Option<Option<ErrorKind>>,
    /// Why nothing can be written any more.
    failed: Option<ErrorKind>,
}

/// After how many turns in which the component did not wait it is sent anyway.
const MOST_PASSED: u8 = 8;

/// What came of a task.
pub(crate) enum Polled {
    Done(Result<usize, ErrorKind>),
    Pending(Until),
}

/// Until when a task is pending.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// The host's event.
    Event,
    /// The component waits: whoever flushes is woken then.
    Wait,
    /// In a while: the host has no event for it.
    Later,
}

/// What to do with a connection.
pub(crate) enum Task<'a> {
    Read(&'a mut [u8]),
    Write(&'a [u8]),
    Flush,
}

impl Connection {
    fn new(socket: sys::Socket) -> Self {
        let readable = Registration::new(socket.readable());
        let writable = Registration::new(socket.writable());
        Self {
            readable,
            writable,
            socket,
            behind: Vec::new(),
            queued: false,
            permit: 0,
            most: 0,
            flush_on_wait: false,
            flusher: None,
            passed: 0,
            end: None,
            failed: None,
        }
    }

    pub(crate) fn poll(&mut self, task: Task<'_>, waker: &Waker) -> Polled {
        match task {
            Task::Read(buf) => self.read(buf),
            Task::Write(buf) => self.write(buf),
            Task::Flush => self.flush(waker),
        }
    }

    /// Reads up to `buf.len()` bytes, 0 at the end; pending until the event
    /// [`readable`](Events::readable).
    fn read(&mut self, buf: &mut [u8]) -> Polled {
        if let Some(end) = self.end {
            return Polled::Done(end.map_or(Ok(0), Err));
        }
        if !self.flush_on_wait {
            self.send();
        }
        // Read first: readiness is often spurious, and an empty read no end. Right after
        // a question, too: wasmtime takes a socket that gave bytes for ready until a read
        // gave none.
        match self.socket.read(buf.len().min(READ_LEN)) {
            Ok(Some(bytes)) if bytes.is_empty() => Polled::Pending(Until::Event),
            Ok(Some(bytes)) => {
                buf[..bytes.len()].copy_from_slice(&bytes);
                Polled::Done(Ok(bytes.len()))
            }
            // The host gives an error once, and then an end of file.
            Ok(None) => {
                let why = self.why_broken();
                Polled::Done(self.end.insert(why).map_or(Ok(0), Err))
            }
            Err(kind) => Polled::Done(self.end.insert(Some(kind)).map_or(Ok(0), Err)),
        }
    }

    /// Why there is nothing more to be read, if that is no end of the peer's: where a
    /// write met a reset first, the host says `closed` here (wasmtime 48 and later).
    fn why_broken(&mut self) -> Option<ErrorKind> {
        let has_written = self.most > 0;
        if has_written
            && self.failed.is_none()
            && let Err(kind) = self.ask()
        {
            self.fail(kind);
        }
        self.failed.filter(|kind| *kind != ErrorKind::Closed)
    }

    /// Keeps up to `buf.len()` bytes to be sent; pending until the event
    /// [`writable`](Events::writable).
    fn write(&mut self, buf: &[u8]) -> Polled {
        if buf.is_empty() {
            return Polled::Done(Ok(0));
        }
        if self.behind.len() == WRITE_BEHIND_LEN {
            self.send();
        }
        if let Some(kind) = self.failed {
            return Polled::Done(Err(kind));
        }
        let taken = buf.len().min(WRITE_BEHIND_LEN - self.behind.len());
        if taken == 0 {
            return Polled::Pending(Until::Event);
        }
        self.behind.extend_from_slice(&buf[..taken]);
        Polled::Done(Ok(taken))
    }

    /// Done once the host has sent everything, so that its errors show, with what
    /// it takes now. While it takes less than it did some of it is still with the host
    /// (under jco in Node's queue, which the end of the socket throws away).
    fn flush(&mut self, waker: &Waker) -> Polled {
        if self.flush_on_wait && !self.behind.is_empty() {
            if !reactor::is_driven() {
                return Polled::Pending(Until::Event);
            }
            self.flusher = Some(waker.clone());
            return Polled::Pending(Until::Wait);
        }
        self.send();
        if let Some(kind) = self.failed {
            return Polled::Done(Err(kind));
        }
        match self.ask() {
            Ok(0) => Polled::Pending(Until::Event),
            Ok(permit) if permit < self.most => Polled::Pending(Until::Later),
            Ok(permit) => {
                self.permit = permit;
                Polled::Done(Ok(permit))
            }
            Err(kind) => Polled::Done(Err(self.fail(kind))),
        }
    }

    pub(crate) fn set_flush_on_wait(&mut self, on: bool) {
        self.flush_on_wait = on;
    }

    /// Asks the host how much it takes now.
    fn ask(&mut self) -> Result<usize, ErrorKind> {
        let permit = self.socket.permit()?;
        self.most = self.most.max(permit);
        Ok(permit)
    }

    pub(crate) fn set(&self, option: sys::SocketOption) -> Result<(), ErrorKind> {
        self.socket.set(option)
    }

    /// Offers what was written behind to the host, without waiting.
    fn send(&mut self) {
        while self.failed.is_none() && !self.behind.is_empty() {
            // What it took before holds until something is written.
            let permit = match std::mem::take(&mut self.permit) {
                0 => self.ask(),
                permit => Ok(permit),
            };
            match permit {
                Ok(0) => return,
                Ok(permit) => {
                    let len = permit.min(self.behind.len());
                    match self.socket.write(&self.behind[..len]) {
                        Ok(()) => self.sent(len),
                        Err(kind) => drop(self.fail(kind)),
                    }
                }
                Err(kind) => drop(self.fail(kind)),
            }
        }
    }

    /// Forgets what has been sent; an idle connection keeps no large buffer.
    fn sent(&mut self, len: usize) {
        self.behind.drain(..len);
        self.passed = 0;
        if self.behind.is_empty() && self.behind.capacity() > KEPT_LEN {
            self.behind = Vec::new();
        }
    }

    fn fail(&mut self, kind: ErrorKind) -> ErrorKind {
        self.behind = Vec::new();
        *self.failed.insert(kind)
    }
}

thread_local! {
    static TABLE: RefCell<Table> = const { RefCell::new(Table::new()) };
}

struct Table {
    connections: Slab<Box<Connection>>,
    /// Keys of the connections with something written behind; a key may be out
    /// of date, which costs a look.
    queue: Vec<usize>,
    /// Dropped with a write in flight. Never in a poll list, since a host that
    /// cannot finish would slow every poll; forgotten at exit, which would wait
    /// for them otherwise.
    graveyard: Vec<ManuallyDrop<Box<Connection>>>,
    /// Where in it to look next.
    next: usize,
    /// How many calls to skip after a look at the graveyard in vain, and how
    /// many of them are left.
    in_vain: u32,
    skipping: u32,
}

/// What a stream waits for.
#[derive(Clone, Copy)]
pub(crate) struct Events {
    pub(crate) readable: Event,
    pub(crate) writable: Event,
}

/// Takes an open socket into the table.
pub(crate) fn insert(socket: sys::Socket) -> (usize, Events) {
    let connection = Box::new(Connection::new(socket));
    let readable = connection.readable.event();
    let writable = connection.writable.event();
    let key = TABLE.with_borrow_mut(|table| table.connections.insert(connection));
    (key, Events { readable, writable })
}

/// Takes a connection out of the table and lets its host resources go, without
/// waiting: the host's drop would wait for a write in flight, so such a
/// connection goes to the graveyard until its peer lets go.
pub(crate) fn release(key: usize) {
    let mut connection = TABLE.with_borrow_mut(|table| table.connections.remove(key));
    connection.send();
    if connection.socket.permit() == Ok(0) {
        connection.socket.shutdown();
        connection.behind = Vec::new();
        // Nobody waits for it any more: it must not stay in the poll list.
        connection.readable.event().wake();
        connection.writable.event().wake();
        let connection = ManuallyDrop::new(connection);
        TABLE.with_borrow_mut(|table| table.graveyard.push(connection));
    }
    reap();
}

/// Runs `operation` on a live stream's connection.
pub(crate) fn with<T>(key: usize, operation: impl FnOnce(&mut Connection) -> T) -> T {
    TABLE.with_borrow_mut(|table| {
        let connection = &mut table.connections[key];
        let result = operation(connection);
        if !connection.behind.is_empty() && !std::mem::replace(&mut connection.queued, true) {
            table.queue.push(key);
        }
        result
    })
}

/// Sends what was written behind on any stream, before the component `waits` or at
/// least lets others go on; gives those who flush what is sent then. What the host can't
/// take yet is sent as soon as it can: the reactor wakes for it.
#[must_use]
pub(crate) fn flush_written_behind(waits: bool) -> Vec<Waker> {
    let mut flushers = Vec::new();
    TABLE.with_borrow_mut(|table| {
        let mut n = 0;
        while let Some(&key) = table.queue.get(n) {
            if let Some(connection) = table.connections.get_mut(key) {
                if connection.flush_on_wait && !waits && connection.passed < MOST_PASSED {
                    connection.passed += 1;
                    n += 1;
                    continue;
                }
                connection.send();
                // Else the host's event is waited for first: whoever flushes would only be
                // polled in vain, again and again.
                if connection.behind.is_empty() {
                    flushers.extend(connection.flusher.take());
                }
                connection.queued = !connection.behind.is_empty();
                if connection.queued {
                    connection.writable.wait_at_least();
                    n += 1;
                    continue;
                }
            }
            table.queue.swap_remove(n);
        }
    });
    flushers
}

/// Lets go of stalled connections whose peer has let go, a few at each call.
/// While nothing comes of it, ever more calls are skipped, so that the stalled
/// cost the living nothing.
pub(crate) fn reap() {
    let ready = TABLE.with_borrow_mut(Table::exhume);
    ready
        .into_iter()
        .for_each(|connection| drop(ManuallyDrop::into_inner(connection)));
}

impl Table {
    const fn new() -> Self {
        Self {
            connections: Slab::new(),
            queue: Vec::new(),
            graveyard: Vec::new(),
            next: 0,
            in_vain: 0,
            skipping: 0,
        }
    }

    fn exhume(&mut self) -> Vec<ManuallyDrop<Box<Connection>>> {
        let mut ready = Vec::new();
        if self.graveyard.is_empty() {
            return ready;
        }
        if self.skipping > 0 {
            self.skipping -= 1;
            return ready;
        }
        for _ in 0..REAPED_AT_ONCE.min(self.graveyard.len()) {
            if self.next >= self.graveyard.len() {
                self.next = 0;
            }
            if self.graveyard[self.next].writable.is_ready() {
                ready.push(self.graveyard.swap_remove(self.next));
            } else {
                self.next += 1;
            }
        }
        self.in_vain = if ready.is_empty() {
            (2 * self.in_vain + 1).min(MOST_SKIPPED)
        } else {
            0
        };
        self.skipping = self.in_vain;
        ready
    }
}

/// How many stalled connections there may be for another one to be opened.
const MOST_STALLED: usize = 256;

/// Whether there are too many stalled connections for another one.
pub(crate) fn is_full() -> bool {
    reap();
    stalled_connections() >= MOST_STALLED
}

/// How many dropped streams the host still holds because their peers take no
/// more: a write was in flight when they were dropped. With 256 of them connecting is
/// [`ErrorKind::TooManyStalled`](crate::ErrorKind::TooManyStalled). The crate looks at a few
/// of them whenever it waits or lets a stream go, ever more rarely while that is
/// in vain, and lets go of those whose peers have let go.
#[must_use]
pub fn stalled_connections() -> usize {
    TABLE.with_borrow(|table| table.graveyard.len())
}
