//! Sessions to resume, none of which outlives what was verified of its server.
//!
//! A resumed handshake shows no certificate, and brings fresh tickets: without an end
//! of their own they would carry one verification on for as long as somebody connects.
//!
//! Source: RFC 8446 section 4.6.1.

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a verification counts at most.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How many tickets are kept of a server.
const TICKETS: usize = 8;

thread_local! {
    /// Until when what was verified of the peer counts, in whose connection's call we
    /// are. rustls tells the store and the verifier nothing of the connection.
    static UNTIL: Cell<Option<UnixTime>> = const { Cell::new(None) };
}

/// Calls a connection of rustls, of which `until` is known, and learns it anew.
pub(crate) fn calling<T>(until: &mut Option<UnixTime>, call: impl FnOnce() -> T) -> T {
    UNTIL.set(*until);
    let done = call();
    *until = UNTIL.take();
    done
}

/// Until when a verification counts at most that is made now.
pub(crate) fn longest(now: UnixTime) -> UnixTime {
    let until = now.as_secs().saturating_add(LONGEST.as_secs());
    UnixTime::since_unix_epoch(Duration::from_secs(until))
}

/// The certificate of the peer in whose connection's call we are was verified.
pub(crate) fn verified(until: UnixTime) {
    UNTIL.set(Some(until));
}

/// The sessions of so many servers, in memory.
pub(crate) struct Sessions {
    most: usize,
    time: Arc<dyn TimeProvider>,
    servers: Mutex<Servers>,
}

#[derive(Default)]
struct Servers {
    by_name: HashMap<ServerName<'static>, Server>,
    /// The one that came first goes first.
    order: VecDeque<ServerName<'static>>,
}

/// What a server gave, each until when it may be used.
#[derive(Default)]
struct Server {
    group: Option<NamedGroup>,
    tls12: Option<(Tls12ClientSessionValue, UnixTime)>,
    /// The oldest first.
    tls13: VecDeque<(Tls13ClientSessionValue, UnixTime)>,
}

impl Sessions {
    pub(crate) fn new(most: usize, time: Arc<dyn TimeProvider>) -> Self {
        Self {
            most,
            time,
            servers: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn edit(&self, name: ServerName<'static>, edit: impl FnOnce(&mut Server)) {
        let mut servers = self.lock();
        if !servers.by_name.contains_key(&name) {
            if servers.order.len() >= self.most
                && let Some(first) = servers.order.pop_front()
            {
                servers.by_name.remove(&first);
            }
            servers.order.push_back(name.clone());
        }
        edit(servers.by_name.entry(name).or_default());
    }

    /// What `take` finds and whose time is not over; the connection that uses it counts
    /// as verified for as long.
    fn usable<T>(
        &self,
        name: &ServerName<'static>,
        mut take: impl FnMut(&mut Server) -> Option<(T, UnixTime)>,
    ) -> Option<T> {
        let now = self.time.current_time()?;
        let mut servers = self.lock();
        let server = servers.by_name.get_mut(name)?;
        loop {
            let (session, until) = take(server)?;
            if now < until {
                verified(until);
                return Some(session);
            }
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.edit(name, |server| server.group = Some(group));
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.lock().by_name.get(name)?.group
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        if let Some(until) = UNTIL.get() {
            self.edit(name, |server| server.tls12 = Some((session, until)));
        }
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let name = name.to_owned();
        let session = self.usable(&name, |server| server.tls12.take())?;
        // It may be used again.
        self.set_tls12_session(name, session.clone());
        Some(session)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        if let Some(server) = self.lock().by_name.get_mut(name) {
            server.tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        if let Some(until) = UNTIL.get() {
            self.edit(name, |server| {
                if server.tls13.len() == TICKETS {
                    server.tls13.pop_front();
                }
                server.tls13.push_back((ticket, until));
            });
        }
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.usable(name, |server| server.tls13.pop_back())
    }
}
