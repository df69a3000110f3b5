//! Connections that wait for their next mail.

use super::builder::Setup;
use super::event::Use;
use super::learned::Learned;
use super::link::Link;
use std::time::Instant;

/// The idle ones, the last used being the last in it.
#[derive(Default)]
pub(super) struct Pool {
    idle: Vec<Link>,
    closed: bool,
    pub(super) learned: Learned,
}

impl Pool {
    /// Takes the ones out whose time is over.
    pub(super) fn retire(&mut self, setup: &Setup, now: Instant) -> Vec<Link> {
        let learned = self.learned;
        let unfit = |link: &mut Link| !link.is_fit(setup, learned, now);
        self.idle.extract_if(.., unfit).collect()
    }

    /// Takes the one that was used last.
    pub(super) fn take(&mut self) -> Option<Link> {
        self.idle.pop()
    }

    /// Gives all out.
    pub(super) fn take_all(&mut self) -> Vec<Link> {
        std::mem::take(&mut self.idle)
    }

    /// Takes `link` back, unless its time is over: then it is returned.
    pub(super) fn put(&mut self, mut link: Link, setup: &Setup, now: Instant) -> Option<Link> {
        link.used = now;
        if self.closed || !link.is_fit(setup, self.learned, now) {
            return Some(link);
        }
        // The mail's listener goes with the mail.
        link.use_for(Use::default());
        self.idle.push(link);
        None
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Lets no more in, and gives all out.
    pub(super) fn close(&mut self) -> Vec<Link> {
        self.closed = true;
        self.take_all()
    }

    pub(super) fn len(&self) -> usize {
        self.idle.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;
    use crate::mailer::logins::Logins;
    use crate::mailer::{LocalServer, Mailer};
    use std::time::Duration;

    /// chasquid and smtp-server end it after 60 s without a word, as OpenSMTPD, nginx and
    /// Courier do later.
    #[test]
    fn a_connection_is_left_before_servers_end_it() {
        let server = LocalServer::new();
        let mut builder = Mailer::over(server.clone());
        let setup = &*builder.setup_mut();
        let (learned, used) = (Learned::default(), Use::default());
        let link = block_on(Link::open(&server, setup, &Logins::new(), learned, used));
        let link = link.expect("a connection");
        let (mut pool, now) = (Pool::default(), Instant::now());
        assert!(pool.put(link, setup, now).is_none());
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(pool.retire(setup, after(49)).len(), 0);
        assert_eq!(pool.retire(setup, after(51)).len(), 1);
    }
}
