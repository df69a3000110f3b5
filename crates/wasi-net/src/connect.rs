//! Connecting by name: all addresses of a host, raced as RFC 8305 says.
//!
//! The order of events is decided by [`Race`], which has no clock and no
//! sockets; the driver beside it has nothing else.

use crate::reactor::{Registration, Timer};
use crate::resolve::{Resolve, resolve, resolve_by};
use crate::time::{after, timeout};
use crate::{Error, ErrorKind, Operation, TcpStream, WasiTarget, sys};
use std::collections::VecDeque;
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
/// that stands wins and the others are cancelled.
///
/// Source: RFC 8305 (Happy Eyeballs).
#[derive(Clone)]
pub struct Connector {
    timeout: Duration,
    attempt_timeout: Duration,
    stagger: Duration,
    resolver: Option<Arc<dyn Resolve>>,
}

impl Default for Connector {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(15),
            stagger: Duration::from_millis(250),
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
    /// [`ErrorKind::TimedOut`] when the time is over.
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
        let lookup = async {
            match &self.resolver {
                Some(resolver) => resolve_by(&**resolver, host).await,
                None => resolve(host).await,
            }
        };
        let late = |_| Err(Error::new(Operation::Resolve, host, ErrorKind::TimedOut));
        let addresses = timeout(self.timeout, lookup).await.unwrap_or_else(late)?;
        let addresses = addresses
            .into_iter()
            .map(|ip| SocketAddr::new(ip, port))
            .collect();
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
        let mut race = Race::new(interleave(addresses), self.stagger);
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut failures = Vec::new();
        let mut overall = Timer::at(deadline);
        poll_fn(|cx| {
            loop {
                let mut index = 0;
                while index < attempts.len() {
                    match attempts[index].poll(cx) {
                        Poll::Pending => index += 1,
                        Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                        Poll::Ready(Err(kind)) => {
                            let address = attempts.swap_remove(index).address;
                            failures.push(Error::new(Operation::Connect, address, kind));
                            race.failed();
                        }
                    }
                }
                let Some(address) = race.start(Instant::now()) else {
                    break;
                };
                match Attempt::start(address, after(self.attempt_timeout)) {
                    Ok(attempt) => attempts.push(attempt),
                    Err(kind) => {
                        failures.push(Error::new(Operation::Connect, address, kind));
                        race.failed();
                    }
                }
            }
            let failed = |kind, failures: &mut Vec<_>| {
                Poll::Ready(Err(Error::of_attempts(
                    subject.clone(),
                    kind,
                    std::mem::take(failures),
                )))
            };
            if race.is_over() {
                return failed(None, &mut failures);
            }
            if overall.poll(cx).is_ready() {
                return failed(Some(ErrorKind::TimedOut), &mut failures);
            }
            race.poll_next_start(cx);
            Poll::Pending
        })
        .await
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("timeout", &self.timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("stagger", &self.stagger)
            .finish_non_exhaustive()
    }
}

/// One address being connected to.
struct Attempt {
    address: SocketAddr,
    timer: Timer,
    /// A child of `connecting`: dropped before it.
    registration: Registration,
    connecting: Option<sys::Connecting>,
}

impl Attempt {
    fn start(address: SocketAddr, deadline: Instant) -> Result<Self, ErrorKind> {
        let connecting = sys::Connecting::start(address)?;
        let registration = Registration::new(connecting.origin());
        let timer = Timer::at(deadline);
        Ok(Self {
            address,
            timer,
            registration,
            connecting: Some(connecting),
        })
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<TcpStream, ErrorKind>> {
        let connecting = self.connecting.as_ref().expect("polled after it was ready");
        match connecting.finish() {
            Poll::Ready(result) => Poll::Ready(result.and_then(|streams| {
                let connecting = self.connecting.take().expect("still there");
                TcpStream::new(connecting.into_socket(streams))
            })),
            Poll::Pending => {
                self.registration.event().wait(cx.waker());
                self.timer.poll(cx).map(|()| Err(ErrorKind::TimedOut))
            }
        }
    }
}

/// When to start which attempt. Source: RFC 8305 section 5.
struct Race {
    waiting: VecDeque<SocketAddr>,
    running: usize,
    /// When the next attempt may start beside those that run.
    next_start: Option<Instant>,
    stagger: Duration,
    timer: Option<Timer>,
}

impl Race {
    fn new(addresses: Vec<SocketAddr>, stagger: Duration) -> Self {
        let waiting = addresses.into();
        Self {
            waiting,
            running: 0,
            next_start: None,
            stagger,
            timer: None,
        }
    }

    /// The address to start now, if one is due.
    fn start(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.next_start.is_some_and(|at| now < at) {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.running += 1;
        self.next_start = Some(now + self.stagger);
        Some(address)
    }

    /// An attempt ended without a connection: the next one need not wait.
    fn failed(&mut self) {
        self.running -= 1;
        self.next_start = None;
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }

    /// Has the task woken when the next attempt is due.
    fn poll_next_start(&mut self, cx: &Context<'_>) {
        self.timer = self
            .next_start
            .filter(|_| !self.waiting.is_empty())
            .map(Timer::at);
        if let Some(timer) = &mut self.timer
            && timer.poll(cx).is_ready()
        {
            cx.waker().wake_by_ref();
        }
    }
}

/// Alternates the families, the first address's family first, otherwise in the
/// host's order. Source: RFC 8305 section 4.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut turns, mut out) = ([first, second], Vec::new());
    while turns.iter().any(|turn| !turn.is_empty()) {
        out.extend(turns.iter_mut().filter_map(VecDeque::pop_front));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter()
            .map(|ip| SocketAddr::new(ip.parse().unwrap(), 25))
            .collect()
    }

    #[test]
    fn families_alternate_in_the_hosts_order() {
        let mixed = addresses(&["::1", "::2", "::3", "192.0.2.1", "192.0.2.2"]);
        let expected = addresses(&["::1", "192.0.2.1", "::2", "192.0.2.2", "::3"]);
        assert_eq!(interleave(mixed), expected);
        let v4_first = addresses(&["192.0.2.1", "192.0.2.2", "::1"]);
        assert_eq!(
            interleave(v4_first),
            addresses(&["192.0.2.1", "::1", "192.0.2.2"])
        );
        assert_eq!(interleave(Vec::new()), Vec::new());
    }

    #[test]
    fn attempts_start_staggered_and_at_once_after_a_failure() {
        let list = addresses(&["::1", "192.0.2.1", "::2"]);
        let mut race = Race::new(list.clone(), Duration::from_millis(250));
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(race.start(at(0)), Some(list[0]));
        assert_eq!(race.start(at(249)), None);
        assert_eq!(race.start(at(250)), Some(list[1]));
        assert_eq!(race.start(at(251)), None);
        race.failed();
        assert_eq!(race.start(at(251)), Some(list[2]));
        assert_eq!(race.start(at(9999)), None);
        race.failed();
        assert!(!race.is_over());
        race.failed();
        assert!(race.is_over());
    }
}
