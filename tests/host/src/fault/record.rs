//! What a proxy remembers of its connections, and whether it has been told to lift its stalls.

use tokio::sync::watch;

use super::Direction;

/// The course of one connection through a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// Bytes forwarded to the server; each is counted before the server can read it.
    pub to_server: u64,
    /// Bytes forwarded to the client; each is counted before the client can read it.
    pub to_client: u64,
    /// The writes that carried `to_server`.
    pub writes_to_server: u64,
    /// The writes that carried `to_client`.
    pub writes_to_client: u64,
    /// Whether a fault was put into effect, or the connection refused; true before a peer can see
    /// it.
    pub fault_fired: bool,
    /// Whether the proxy has closed its sockets: both directions ended, or a reset did.
    pub closed: bool,
}

/// Whether stalls hold.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Release {
    #[default]
    No,
    /// Stalled directions go on.
    Forward,
    /// A connection with a stalled direction is closed.
    Close,
}

/// The record of a proxy, shared by its connections.
///
/// A watch channel is both the lock and the signal of the waiting methods.
#[derive(Default)]
pub(super) struct Log {
    connections: watch::Sender<Vec<ConnectionRecord>>,
    release: watch::Sender<Release>,
}

impl Log {
    /// Opens the record of a new connection and returns its index.
    pub(super) fn open(&self) -> usize {
        let mut index = 0;
        self.connections.send_modify(|connections| {
            index = connections.len();
            connections.push(ConnectionRecord::default());
        });
        index
    }

    pub(super) fn change(&self, index: usize, change: impl FnOnce(&mut ConnectionRecord)) {
        self.connections
            .send_modify(|connections| change(&mut connections[index]));
    }

    /// Makes a write that doesn't block and counts it while the record is locked, so that nobody
    /// who has read the bytes finds them uncounted.
    pub(super) fn count<E>(
        &self,
        index: usize,
        direction: Direction,
        write: impl FnOnce() -> Result<usize, E>,
    ) -> Result<usize, E> {
        let mut written = Ok(0);
        self.change(index, |record| {
            written = write();
            let (bytes, writes) = match direction {
                Direction::ToServer => (&mut record.to_server, &mut record.writes_to_server),
                Direction::ToClient => (&mut record.to_client, &mut record.writes_to_client),
            };
            if let Ok(n) = written {
                *bytes += n as u64;
                *writes += 1;
            }
        });
        written
    }

    pub(super) fn connections(&self) -> Vec<ConnectionRecord> {
        self.connections.borrow().clone()
    }

    /// Waits until `holds` is true of at least `n` connections, and returns all.
    pub(super) async fn wait(
        &self,
        n: usize,
        holds: impl Fn(&ConnectionRecord) -> bool,
    ) -> Vec<ConnectionRecord> {
        let mut connections = self.connections.subscribe();
        let enough = connections.wait_for(|all| all.iter().filter(|c| holds(c)).count() >= n);
        enough.await.expect("self holds the sender").clone()
    }

    pub(super) fn release(&self, release: Release) {
        self.release.send_replace(release);
    }

    /// Waits until stalls are lifted.
    pub(super) async fn released(&self) -> Release {
        let mut release = self.release.subscribe();
        let lifted = release.wait_for(|release| *release != Release::No);
        *lifted.await.expect("self holds the sender")
    }
}
