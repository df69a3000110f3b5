//! What happens to a mail while it is sent, for progress bars and logs.

use smtp_session::{Deadlines, Phase, Timeouts};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::connect::{BoxFuture, ByteStream};
use super::lock;
use futures_io::{AsyncRead, AsyncWrite};

/// What has just happened to a mail, or is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// This is waited for now.
    Phase(Phase),
    /// So many octets went to the server in this attempt, all commands included. It
    /// counts from 0 again when another connection is taken.
    Sent(u64),
    /// The attempt failed, and another follows.
    Retry {
        /// The number of the next attempt: 2 or more.
        attempt: u32,
        /// How long is waited before.
        after: Duration,
    },
}

/// Whom to tell.
#[derive(Clone)]
pub(super) struct Listener(Arc<Mutex<dyn FnMut(Event) + Send>>);

impl Listener {
    pub(super) fn new(listener: impl FnMut(Event) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(listener)))
    }

    pub(super) fn tell(&self, event: Event) {
        // One that panicked before is told nonetheless.
        (lock(&self.0))(event);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// What a connection is used for now: how long that may take, and who watches.
#[derive(Clone, Debug, Default)]
pub(super) struct Use {
    pub(super) until: Option<Instant>,
    pub(super) listener: Option<Listener>,
    sent: u64,
    phase: Option<Phase>,
}

impl Use {
    pub(super) fn new(until: Option<Instant>, listener: Option<Listener>) -> Self {
        Self {
            until,
            listener,
            ..Self::default()
        }
    }
}

/// Shares that between a connection's stream, its timers and its owner.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Mutex<Use>>);

impl Meter {
    pub(super) fn set(&self, used: Use) {
        *lock(&self.0) = used;
    }

    /// Whether this is waited for.
    pub(super) fn is_in(&self, phase: Phase) -> bool {
        lock(&self.0).phase == Some(phase)
    }

    /// Tells the listener, who may take as long as he likes, with nothing locked.
    fn note(&self, event: impl FnOnce(&mut Use) -> Option<Event>) -> Option<Instant> {
        let mut used = lock(&self.0);
        let until = used.until;
        let event = event(&mut used);
        let listener = event.and(used.listener.clone());
        drop(used);
        if let (Some(listener), Some(event)) = (listener, event) {
            listener.tell(event);
        }
        until
    }

    fn sent(&self, len: usize) {
        self.note(|used| {
            used.sent += len as u64;
            Some(Event::Sent(used.sent))
        });
    }

    /// Gives the moment by when all has to be done.
    fn phase(&self, phase: Phase) -> Option<Instant> {
        self.note(|used| {
            let new = used.phase.replace(phase) != Some(phase);
            new.then_some(Event::Phase(phase))
        })
    }
}

/// A session's timers: that of the phase, and that of the whole.
pub(super) struct Timers {
    pub(super) timeouts: Timeouts,
    pub(super) meter: Meter,
}

impl Deadlines for Timers {
    type Sleep = BoxFuture<'static, ()>;

    fn start(&mut self, phase: Phase) -> Self::Sleep {
        let until = self.meter.phase(phase);
        let time = self.timeouts.of(phase);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        Box::pin(wasi_net::sleep(left.map_or(time, |left| left.min(time))))
    }
}

/// A stream whose written octets are counted.
pub(super) struct Metered {
    pub(super) stream: Box<dyn ByteStream>,
    pub(super) meter: Meter,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.meter.sent(len);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_told_once_and_octets_add_up() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let meter = Meter::default();
        let listener = {
            let told = Arc::clone(&told);
            Listener::new(move |event| told.lock().unwrap().push(event))
        };
        meter.set(Use::new(None, Some(listener)));
        meter.phase(Phase::Mail);
        meter.phase(Phase::Mail);
        meter.sent(7);
        meter.sent(5);
        meter.phase(Phase::DataTermination);
        let expected = [
            Event::Phase(Phase::Mail),
            Event::Sent(7),
            Event::Sent(12),
            Event::Phase(Phase::DataTermination),
        ];
        assert_eq!(*told.lock().unwrap(), expected);
        meter.set(Use::default());
        meter.sent(1);
        assert_eq!(told.lock().unwrap().len(), 4);
    }
}
