//! When to try which address: RFC 8305 as a state machine without clock,
//! sockets or wakers. [`Connector`](crate::Connector) drives it.

use crate::time::add;
use crate::{Error, ErrorKind, Operation, ip};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an attempt goes on before it gives way to the next address: a connection
/// request is repeated after a second. Source: RFC 6298 section 2.
const GIVES_WAY_AFTER: Duration = Duration::from_secs(2);

/// A race between the addresses of one host. Source: RFC 8305 section 5.
pub(crate) struct Race {
    waiting: Vec<SocketAddr>,
    /// With the beginning of each, the oldest first.
    running: Vec<(SocketAddr, Instant)>,
    failures: Vec<Error>,
    /// When the next attempt may start beside those that run; at once if `None`.
    next_start: Option<Instant>,
    stagger: Duration,
}

impl Race {
    /// `addresses` as the resolver gave them, the best first.
    pub(crate) fn new(addresses: Vec<SocketAddr>, stagger: Duration) -> Self {
        Self {
            waiting: interleave(addresses),
            running: Vec::new(),
            failures: Vec::new(),
            next_start: None,
            stagger,
        }
    }

    /// The address to start an attempt to now, if one is due. With it at most `most`
    /// run: the oldest give way once they had their time.
    pub(crate) fn start(&mut self, now: Instant, most: usize) -> Option<SocketAddr> {
        if self.next_start.is_some_and(|at| now < at) {
            return None;
        }
        if self.waiting.is_empty() {
            return None;
        }
        while self.running.len() >= most.max(1) {
            let (oldest, since) = self.running[0];
            let until = add(since, GIVES_WAY_AFTER);
            if now < until {
                self.next_start = Some(until);
                return None;
            }
            self.failed(oldest, ErrorKind::TimedOut);
        }
        let address = self.waiting.remove(0);
        self.running.push((address, now));
        self.next_start = Some(add(now, self.stagger));
        Some(address)
    }

    /// When [`start`](Self::start) has the next address, if there is one.
    pub(crate) fn next_start(&self) -> Option<Instant> {
        self.next_start.filter(|_| !self.waiting.is_empty())
    }

    /// An attempt ended without a connection: the next one need not wait.
    pub(crate) fn failed(&mut self, address: SocketAddr, kind: ErrorKind) {
        self.running.retain(|(running, _)| *running != address);
        self.failures
            .push(Error::new(Operation::Connect, ip::to_text(address), kind));
        self.next_start = None;
    }

    pub(crate) fn is_running(&self, address: SocketAddr) -> bool {
        self.running.iter().any(|(running, _)| *running == address)
    }

    pub(crate) fn running_len(&self) -> usize {
        self.running.len()
    }

    /// Whether every address has failed.
    pub(crate) fn is_lost(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// The time is over: what still runs has failed for that reason. Gives all
    /// failures, in their order.
    pub(crate) fn into_failures(mut self) -> Vec<Error> {
        for (address, _) in std::mem::take(&mut self.running) {
            self.failed(address, ErrorKind::TimedOut);
        }
        self.failures
    }
}

/// Alternates the families, the first address's family first, otherwise in the
/// host's order, without repetitions. Source: RFC 8305 section 4.
fn interleave(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut out = Vec::new();
    let mut ipv6_is_next = addresses.first().is_some_and(SocketAddr::is_ipv6);
    while !addresses.is_empty() {
        let mut families = addresses.iter().map(SocketAddr::is_ipv6);
        let next = families.position(|is_ipv6| is_ipv6 == ipv6_is_next);
        let address = addresses.remove(next.unwrap_or(0));
        if !out.contains(&address) {
            out.push(address);
            ipv6_is_next = address.is_ipv4();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter()
            .map(|ip| SocketAddr::new(ip.parse().unwrap(), 25))
            .collect()
    }

    #[test]
    fn families_alternate_in_the_hosts_order() {
        let mixed = addresses(&["::1", "::2", "::1", "::3", "192.0.2.1", "192.0.2.2"]);
        let expected = addresses(&["::1", "192.0.2.1", "::2", "192.0.2.2", "::3"]);
        assert_eq!(interleave(mixed), expected);
        let v4_first = addresses(&["192.0.2.1", "192.0.2.2", "::1"]);
        assert_eq!(
            interleave(v4_first),
            addresses(&["192.0.2.1", "::1", "192.0.2.2"])
        );
        assert_eq!(interleave(Vec::new()), Vec::new());
    }

    const STAGGER: u64 = 250;

    /// What an attempt does: so many milliseconds after its start it connects
    /// or fails, or it never ends.
    #[derive(Clone, Copy, Debug)]
    enum Fate {
        Connects(u64),
        Fails(u64),
        Hangs,
    }

    impl Fate {
        fn at(self) -> Option<u64> {
            match self {
                Self::Connects(at) | Self::Fails(at) => Some(at),
                Self::Hangs => None,
            }
        }
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            (0..900_u64).prop_map(Fate::Connects),
            (0..900_u64).prop_map(Fate::Fails),
            Just(Fate::Hangs),
        ]
    }

    /// An event of a simulated race, with its millisecond.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Event {
        Started(u64, SocketAddr),
        Failed(u64, SocketAddr),
        Won(u64, SocketAddr),
    }

    /// Runs a race on a clock of its own, until it is won, lost or at `end`.
    fn simulate(hosts: &[(SocketAddr, Fate)], end: u64) -> (Vec<Event>, Race) {
        simulate_with(hosts, usize::MAX, end)
    }

    /// With so many attempts at a time.
    fn simulate_with(hosts: &[(SocketAddr, Fate)], most: usize, end: u64) -> (Vec<Event>, Race) {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let fate_of = |address| hosts.iter().find(|(a, _)| *a == address).unwrap().1;
        let list = hosts.iter().map(|(address, _)| *address).collect();
        let mut race = Race::new(list, Duration::from_millis(STAGGER));
        let (mut events, mut running, mut now) = (Vec::new(), Vec::new(), 0);
        loop {
            while let Some(address) = race.start(at(now), most) {
                // Whoever gave way has failed.
                let gave_way = |(a, ..): &&(SocketAddr, u64, Fate)| !race.is_running(*a);
                let oldest = running.iter().filter(gave_way).map(|(a, ..)| *a);
                events.extend(oldest.map(|address| Event::Failed(now, address)));
                running.retain(|(a, ..)| race.is_running(*a));
                events.push(Event::Started(now, address));
                running.push((address, now, fate_of(address)));
                assert!(running.len() <= most);
            }
            let due = |(_, start, fate): &(_, u64, Fate)| fate.at().map(|after| start + after);
            let next = running.iter().filter_map(due).min();
            let timer = race
                .next_start()
                .map(|at| u64::try_from((at - zero).as_millis()).unwrap());
            let Some(then) = next
                .into_iter()
                .chain(timer)
                .min()
                .filter(|then| *then <= end)
            else {
                return (events, race);
            };
            now = then;
            if let Some(index) = running.iter().position(|entry| due(entry) == Some(now)) {
                let (address, _, fate) = running.swap_remove(index);
                if matches!(fate, Fate::Connects(_)) {
                    events.push(Event::Won(now, address));
                    return (events, race);
                }
                events.push(Event::Failed(now, address));
                race.failed(address, ErrorKind::ConnectionRefused);
            }
        }
    }

    fn hosts() -> impl Strategy<Value = Vec<(SocketAddr, Fate)>> {
        prop::collection::vec((any::<bool>(), fate()), 0..8).prop_map(|fates| {
            let address = |(n, (ipv6, fate)): (usize, (bool, Fate))| {
                let ip = if ipv6 {
                    format!("2001:db8::{n}")
                } else {
                    format!("192.0.2.{n}")
                };
                (SocketAddr::new(ip.parse().unwrap(), 25), fate)
            };
            fates.into_iter().enumerate().map(address).collect()
        })
    }

    /// A name may have any number of addresses; a host, so many sockets.
    #[test]
    fn the_oldest_gives_way_and_the_last_of_many_still_wins() {
        let last = SocketAddr::new("192.0.2.19".parse().unwrap(), 25);
        let hosts: Vec<_> = (0..20)
            .map(|n| {
                let address = SocketAddr::new(format!("192.0.2.{n}").parse().unwrap(), 25);
                let fate = if address == last {
                    Fate::Connects(10)
                } else {
                    Fate::Hangs
                };
                (address, fate)
            })
            .collect();
        for (most, start) in [
            (1, 38_000),
            (2, 18_250),
            (8, 19 * STAGGER),
            (20, 19 * STAGGER),
        ] {
            let (events, race) = simulate_with(&hosts, most, 40_000);
            assert_eq!(events.last(), Some(&Event::Won(start + 10, last)));
            let failed = |event: &&Event| matches!(event, Event::Failed(..));
            assert_eq!(events.iter().filter(failed).count(), 20 - most);
            let kinds: Vec<_> = race.failures.iter().map(Error::kind).collect();
            assert_eq!(kinds, vec![ErrorKind::TimedOut; 20 - most]);
            let gave_way = race.failures.iter().map(Error::subject);
            let oldest = hosts.iter().map(|(address, _)| address.to_string());
            assert!(gave_way.eq(oldest.take(20 - most)));
        }
    }

    /// As where other races have all the sockets.
    #[test]
    fn an_attempt_has_its_time_before_it_gives_way() {
        let [good, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| addresses(&[ip])[0]);
        for at in [10, 1900] {
            let hosts = [(good, Fate::Connects(at)), (other, Fate::Connects(0))];
            let (events, _) = simulate_with(&hosts, 1, 30_000);
            assert_eq!(events, [Event::Started(0, good), Event::Won(at, good)]);
        }
        // One that fails makes room at once.
        let hosts = [(good, Fate::Fails(300)), (other, Fate::Connects(0))];
        let (events, _) = simulate_with(&hosts, 1, 30_000);
        assert_eq!(events.last(), Some(&Event::Won(300, other)));
    }

    const END: u64 = 5000;

    proptest! {
        #[test]
        fn attempts_start_in_order_and_not_before_their_time(hosts in hosts()) {
            let (events, _) = simulate(&hosts, END);
            let order = interleave(hosts.iter().map(|(address, _)| *address).collect());
            let started: Vec<_> = events.iter().enumerate().filter_map(|(n, event)| match event {
                Event::Started(at, address) => Some((n, *at, *address)),
                _ => None,
            }).collect();
            for (nth, (n, at, address)) in started.iter().enumerate() {
                prop_assert_eq!(*address, order[nth]);
                if nth == 0 {
                    prop_assert_eq!(*at, 0, "the first at once");
                    continue;
                }
                let (_, before, _) = started[nth - 1];
                match events[n - 1] {
                    // Right behind a failure, or a stagger after the last start.
                    Event::Failed(failed, _) => prop_assert_eq!(*at, failed),
                    _ => prop_assert_eq!(*at, before + STAGGER),
                }
            }
        }

        #[test]
        fn the_first_connection_wins_and_the_rest_is_cancelled(hosts in hosts()) {
            let (events, race) = simulate(&hosts, END);
            let won = |event: &Event| matches!(event, Event::Won(..));
            if let Some(n) = events.iter().position(won) {
                prop_assert_eq!(n, events.len() - 1, "nothing after it");
                let Event::Won(_, winner) = events[n] else { unreachable!() };
                // What runs is what the driver drops: nobody who has failed.
                let failed = race.failures.iter().map(|error| error.subject().to_owned());
                let failed: Vec<_> = failed.collect();
                prop_assert!(race.is_running(winner));
                let has_failed = |(a, _): &(SocketAddr, _)| failed.contains(&a.to_string());
                prop_assert!(!race.running.iter().any(has_failed));
            }
        }

        #[test]
        fn every_failure_is_kept_once_and_in_order(hosts in hosts()) {
            let (events, race) = simulate(&hosts, END);
            let lost = race.is_lost();
            let order: Vec<_> = events.iter().filter_map(|event| match event {
                Event::Failed(_, address) => Some(address.to_string()),
                _ => None,
            }).collect();
            let hanging = race.running.len();
            let failures = race.into_failures();
            let (early, late) = failures.split_at(order.len());
            let subjects: Vec<_> = early.iter().map(Error::subject).collect();
            prop_assert_eq!(subjects, order);
            prop_assert_eq!(late.len(), hanging);
            prop_assert!(late.iter().all(|error| error.kind() == ErrorKind::TimedOut));
            let all_fail = hosts.iter().all(|(_, fate)| matches!(fate, Fate::Fails(_)));
            prop_assert_eq!(lost, all_fail && failures.len() == hosts.len());
        }
    }
}
