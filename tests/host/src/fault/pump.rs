//! One direction of one connection: a queue of bytes, each with the time it is due.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::record::Log;
use super::{Direction, Fault};

/// The most bytes read at once.
const CHUNK: usize = 64 * 1024;
/// The most bytes under way.
const QUEUE: usize = 1024 * 1024;

/// The settings of one direction.
#[derive(Clone, Default)]
pub(super) struct Flow {
    pub(super) segment: Option<usize>,
    pub(super) fault: Option<(u64, Fault)>,
    pub(super) delay: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Flowing,
    Stalled,
    /// The FIN was sent ahead of time: the rest is discarded.
    Draining,
    Over,
}

pub(super) struct Pump<'a> {
    from: ReadHalf<'a>,
    into: WriteHalf<'a>,
    flow: Flow,
    record: (&'a Log, usize, Direction),
    pub(super) state: State,
    forwarded: u64,
    buffer: Box<[u8]>,
    /// What was read and not yet forwarded; no bytes stand for the FIN.
    queue: VecDeque<(Instant, Bytes)>,
    /// The bytes in the queue.
    queued: usize,
    /// Whether the FIN was read.
    ended: bool,
}

impl<'a> Pump<'a> {
    pub(super) fn new(
        from: ReadHalf<'a>,
        into: WriteHalf<'a>,
        flow: Flow,
        record: (&'a Log, usize, Direction),
    ) -> Self {
        if flow.segment.is_some() {
            // Else Nagle's algorithm joins all segments that follow the first.
            _ = into.as_ref().set_nodelay(true);
        }
        Self {
            from,
            into,
            flow,
            record,
            state: State::Flowing,
            forwarded: 0,
            buffer: vec![0; CHUNK].into(),
            queue: VecDeque::new(),
            queued: 0,
            ended: false,
        }
    }

    /// The fault whose byte was reached, once.
    pub(super) fn due_fault(&mut self) -> Option<Fault> {
        let due = |at: u64| self.state == State::Flowing && at == self.forwarded;
        let (_, fault) = self.flow.fault.take_if(|(at, _)| due(*at))?;
        Some(fault)
    }

    pub(super) fn turn(&mut self, from: State, to: State) {
        if self.state == from {
            self.state = to;
        }
    }

    /// Sends the FIN ahead of what is not yet forwarded, which is discarded.
    pub(super) async fn close(&mut self) {
        // A peer that is gone, or has had it, needs none.
        _ = self.into.shutdown().await;
        self.state = if self.ended {
            State::Over
        } else {
            State::Draining
        };
    }

    /// Makes one step: a read or a write. Dropping the future loses nothing.
    pub(super) async fn run(&mut self) -> io::Result<()> {
        match self.state {
            State::Flowing => self.forward().await,
            State::Draining => {
                // That the source was reset is no news for a peer that has had its FIN.
                if matches!(self.from.read(&mut self.buffer).await, Ok(0) | Err(_)) {
                    self.state = State::Over;
                }
                Ok(())
            }
            State::Stalled | State::Over => pending().await,
        }
    }

    async fn forward(&mut self) -> io::Result<()> {
        // What lies beyond the fault stays in the kernel, since it may be that nobody reads it.
        let to_fault = self
            .flow
            .fault
            .map_or(u64::MAX, |(at, _)| at - self.forwarded);
        let limit = usize::try_from(to_fault).map_or(QUEUE, |n| n.min(QUEUE));
        let room = (limit - self.queued).min(CHUNK);
        tokio::select! {
            read = self.from.read(&mut self.buffer[..room]), if room > 0 && !self.ended => {
                let chunk = Bytes::copy_from_slice(&self.buffer[..read?]);
                self.queued += chunk.len();
                self.ended = chunk.is_empty();
                self.queue.push_back((Instant::now() + self.flow.delay, chunk));
                Ok(())
            }
            writable = writable(&self.into, self.queue.front()) => {
                writable?;
                self.write().await
            }
        }
    }

    async fn write(&mut self) -> io::Result<()> {
        let Some((_, chunk)) = self.queue.front_mut() else {
            return Ok(());
        };
        if chunk.is_empty() {
            self.state = State::Over;
            return self.into.shutdown().await;
        }
        let end = self
            .flow
            .segment
            .map_or(chunk.len(), |n| n.min(chunk.len()));
        let (log, index, direction) = self.record;
        let written = match log.count(index, direction, || self.into.try_write(&chunk[..end])) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            written => written?,
        };
        self.forwarded += written as u64;
        self.queued -= written;
        _ = chunk.split_to(written);
        if chunk.is_empty() {
            self.queue.pop_front();
        }
        if self.flow.segment.is_some() {
            // Lets a peer on this thread read the segment by itself.
            yield_now().await;
        }
        Ok(())
    }
}

/// Waits until the chunk is due and `into` takes bytes.
async fn writable(into: &WriteHalf<'_>, chunk: Option<&(Instant, Bytes)>) -> io::Result<()> {
    let Some((due, _)) = chunk else {
        return pending().await;
    };
    // A timer rounds up to a millisecond, even one in the past.
    if *due > Instant::now() {
        sleep_until(*due).await;
    }
    into.writable().await
}
