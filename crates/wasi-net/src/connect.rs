//! Connecting by name: all addresses of a host, raced as RFC 8305 says.
//!
//! The order of events is decided by [`Race`], which has no clock and no
//! sockets; the driver here has nothing else.

use crate::race::Race;
use crate::reactor::{Registration, Timer};
use crate::resolve::{Resolve, resolve_by};
use crate::time::after;
use crate::{Error, ErrorKind, Operation, TcpStream, WasiTarget, ip, sys, table};
use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Opens TCP connections by host name.
///
/// The name's addresses are tried in turn, IPv6 and IPv4 alternating, the next
/// one 250 ms after the last or as soon as that failed; the first connection
/// that stands wins and the others are cancelled. At most eight are tried at a time, and
/// over all connections that are being opened eight beside one of each: then the oldest
/// gives way to the next, after two seconds.
///
/// Source: RFC 8305 (Happy Eyeballs).
#[derive(Clone)]
pub struct Connector {
    timeout: Duration,
    attempt_timeout: Duration,
    stagger: Duration,
    family: Option<AddressFamily>,
    /// The host's, if there is none.
    resolver: Option<Arc<dyn Resolve>>,
}

/// A version of IP.
///
/// Source: WIT `wasi:sockets/network.ip-address-family`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Default for Connector {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(15),
            stagger: Duration::from_millis(250),
            family: None,
            resolver: None,
        }
    }
}

impl Connector {
    /// A connector with the defaults that each setter names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the lookup and all attempts may take together. Default: 30 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long the attempt to one address may take. Default: 15 s.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// How long an attempt goes on alone before the next address is tried
    /// beside it. Default: 250 ms (RFC 8305 section 5).
    #[must_use]
    pub fn stagger(mut self, stagger: Duration) -> Self {
        self.stagger = stagger;
        self
    }

    /// Connects to addresses of this family only, and passes over the others.
    /// Default: both.
    #[must_use]
    pub fn address_family(mut self, family: AddressFamily) -> Self {
        self.family = Some(family);
        self
    }

    /// Resolves names by `resolver`. Default: the host's, by
    /// [`resolve`](crate::resolve()).
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Connects to `port` of `host`: a name, an IPv4 address or an IPv6 address
    /// with or without brackets.
    ///
    /// # Errors
    ///
    /// Those of [`resolve`](crate::resolve()) and [`TcpStream::connect`];
    /// [`ErrorKind::TimedOut`] when the time is over; [`ErrorKind::TooManyStalled`];
    /// [`ErrorKind::NoAddressOfFamily`].
    /// [`Error::attempts`] holds what each address answered.
    ///
    /// # Cancellation
    ///
    /// Dropping the future cancels the lookup and every attempt.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Error>
    where
        for<'a> (): WasiTarget<'a>,
    {
        let subject = format!("{host}:{port}");
        let deadline = after(self.timeout);
        let mut addresses = Vec::new();
        for ip in resolve_by(self.resolver.as_deref(), host, self.timeout).await? {
            let ipv4 = ip.is_ipv4();
            let fits = |family| ipv4 == (family == AddressFamily::Ipv4);
            if self.family.is_none_or(fits) {
                addresses.push(SocketAddr::new(ip, port));
            }
        }
        if addresses.is_empty() {
            let kind = ErrorKind::NoAddressOfFamily;
            return Err(Error::new(Operation::Connect, subject, kind));
        }
        self.race(subject, addresses, deadline).await
    }

    pub(crate) async fn connect_addresses(
        &self,
        subject: String,
        addresses: Vec<SocketAddr>,
    ) -> Result<TcpStream, Error> {
        self.race(subject, addresses, after(self.timeout)).await
    }

    async fn race(
        &self,
        subject: String,
        addresses: Vec<SocketAddr>,
        deadline: Instant,
    ) -> Result<TcpStream, Error> {
        if table::is_full() {
            let kind = ErrorKind::TooManyStalled;
            return Err(Error::new(Operation::Connect, subject, kind));
        }
        let mut race = Race::new(addresses, self.stagger);
        let mut beside = Beside::default();
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut overall = Timer::at(deadline);
        let mut next_start = None;
        let outcome = poll_fn(|cx| {
            // All of them once, and then each new one.
            let mut from = 0;
            loop {
                let mut index = from;
                while index < attempts.len() {
                    match attempts[index].poll(cx) {
                        Poll::Pending => index += 1,
                        Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                        Poll::Ready(Err(kind)) => {
                            race.failed(attempts.swap_remove(index).address, kind);
                        }
                    }
                }
                beside.set(race.running_len());
                let Some(address) = race.start(Instant::now(), beside.most()) else {
                    break;
                };
                attempts.retain(|attempt| race.is_running(attempt.address));
                beside.set(race.running_len());
                from = attempts.len();
                match Attempt::start(address, after(self.attempt_timeout)) {
                    Ok(attempt) => attempts.push(attempt),
                    Err(kind) => race.failed(address, kind),
                }
            }
            if race.is_lost() {
                return Poll::Ready(Err(None));
            }
            if overall.poll(cx).is_ready() {
                return Poll::Ready(Err(Some(ErrorKind::TimedOut)));
            }
            next_start = race.next_start().map(Timer::at);
            if let Some(timer) = &mut next_start
                && timer.poll(cx).is_ready()
            {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
        outcome.map_err(|kind| Error::of_attempts(subject, kind, race.into_failures()))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("timeout", &self.timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("stagger", &self.stagger)
            .field("family", &self.family)
            .finish_non_exhaustive()
    }
}

/// How many attempts of one race run at a time, and of all races beside the first of
/// each.
const AT_ONCE: usize = 8;

thread_local! {
    static BESIDE: Cell<usize> = const { Cell::new(0) };
}

/// What a race has of those.
#[derive(Default)]
struct Beside(usize);

impl Beside {
    /// So many attempts run.
    fn set(&mut self, running: usize) {
        let beside = running.saturating_sub(1);
        BESIDE.set(BESIDE.get() + beside - self.0);
        self.0 = beside;
    }

    /// How many may.
    fn most(&self) -> usize {
        let free = AT_ONCE.saturating_sub(BESIDE.get());
        (1 + self.0 + free).min(AT_ONCE)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// One address being connected to.
struct Attempt {
    address: SocketAddr,
    timer: Timer,
    /// A child of `connecting`: dropped before it.
    registration: Registration,
    connecting: sys::Connecting,
}

impl Attempt {
    fn start(address: SocketAddr, deadline: Instant) -> Result<Self, ErrorKind> {
        if !ip::is_connectable(address) {
            return Err(ErrorKind::InvalidAddress);
        }
        let connecting = sys::Connecting::start(address)?;
        let registration = Registration::new(connecting.origin());
        let timer = Timer::at(deadline);
        Ok(Self {
            address,
            timer,
            registration,
            connecting,
        })
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<TcpStream, ErrorKind>> {
        match self.connecting.finish() {
            Poll::Ready(Ok(socket)) => Poll::Ready(TcpStream::new(socket, self.address)),
            Poll::Ready(Err(kind)) => Poll::Ready(Err(kind)),
            Poll::Pending => {
                self.registration.event().wait(cx.waker());
                self.timer.poll(cx).map(|()| Err(ErrorKind::TimedOut))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_races_together_have_few_sockets_beside_their_first() {
        let mut races: Vec<Beside> = (0..20).map(|_| Beside::default()).collect();
        // Each wants more and more.
        for _ in 0..30 {
            for race in &mut races {
                let running = race.most().min(race.0 + 2);
                race.set(running);
                let first = 20;
                let all: usize = first + BESIDE.get();
                assert!((1..=AT_ONCE).contains(&running) && all <= first + AT_ONCE);
            }
        }
        assert_eq!(BESIDE.get(), AT_ONCE);
        races.truncate(1);
        assert_eq!(races[0].most(), AT_ONCE);
        drop(races);
        assert_eq!(BESIDE.get(), 0);
    }
}
