//! Every other target: no sockets and no names, but threads and clocks, so
//! that executors and timers work. The types stand for host resources; none is
//! ever made, since what would make them fails.

use super::SocketOption;
use crate::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::{Duration, Instant};

const UNSUPPORTED: ErrorKind = ErrorKind::Unsupported;

pub(crate) use std::thread::{Thread, current as current_thread};

/// Stands for the timer of the last wait.
pub(crate) type Alarm = ();

pub(crate) const NO_ALARM: Alarm = ();

/// Sleeps until the moment `until`, or until this thread is unparked.
pub(crate) fn wait(_: Vec<&Pollable>, until: Option<Instant>, (): &mut Alarm) -> (Vec<u32>, bool) {
    match until {
        Some(until) => std::thread::park_timeout(until.saturating_duration_since(Instant::now())),
        None => std::thread::park(),
    }
    (Vec::new(), true)
}

/// There is nothing to look at.
pub(crate) fn look(_: Vec<&Pollable>) -> Vec<u32> {
    Vec::new()
}

/// Stands for a host's pollable.
pub(crate) struct Pollable;

impl Pollable {
    pub(crate) fn ready(&self) -> bool {
        true
    }
}

/// Stands for a timer as a pollable.
pub(crate) fn subscribe_timer(_: Duration) -> Pollable {
    Pollable
}

/// Stands for what a pollable can be made of.
#[derive(Clone)]
pub(crate) struct Origin;

impl Origin {
    pub(crate) fn subscribe(&self) -> Pollable {
        Pollable
    }
}

/// Stands for a connection attempt.
pub(crate) struct Connecting;

impl Connecting {
    pub(crate) fn start(_: SocketAddr) -> Result<Self, ErrorKind> {
        Err(UNSUPPORTED)
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin
    }

    pub(crate) fn finish(&self) -> Poll<Result<Socket, ErrorKind>> {
        Poll::Ready(Err(UNSUPPORTED))
    }
}

/// Stands for an open connection.
pub(crate) struct Socket;

impl Socket {
    pub(crate) fn readable(&self) -> Origin {
        Origin
    }

    pub(crate) fn writable(&self) -> Origin {
        Origin
    }

    pub(crate) fn set(&self, _: SocketOption) -> Result<(), ErrorKind> {
        Err(UNSUPPORTED)
    }

    pub(crate) fn read(&self, _: usize) -> Result<Option<Vec<u8>>, ErrorKind> {
        Err(UNSUPPORTED)
    }

    pub(crate) fn permit(&self) -> Result<usize, ErrorKind> {
        Err(UNSUPPORTED)
    }

    pub(crate) fn write(&self, _: &[u8]) -> Result<(), ErrorKind> {
        Err(UNSUPPORTED)
    }

    pub(crate) fn shutdown(&self) {}

    pub(crate) fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Err(UNSUPPORTED)
    }
}

/// Stands for a name being looked up.
pub(crate) struct Lookup;

impl Lookup {
    pub(crate) fn start(_: &str) -> Result<Self, ErrorKind> {
        Err(UNSUPPORTED)
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin
    }

    pub(crate) fn next(&self) -> Poll<Result<Option<IpAddr>, ErrorKind>> {
        Poll::Ready(Err(UNSUPPORTED))
    }
}
