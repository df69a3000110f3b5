//! The listening proxy: its settings, its accept loop and what a test can ask of it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::pump::Flow;
use super::record::{Log, Release};
use super::relay::{relay, reset};
use super::{ConnectionRecord, Direction, Fault};

/// The settings of a proxy not yet started.
#[must_use]
pub struct Builder {
    upstream: Option<SocketAddr>,
    listener: Option<TcpListener>,
    to_server: Flow,
    to_client: Flow,
    refuse_first: usize,
}

impl Builder {
    fn new(upstream: Option<SocketAddr>) -> Self {
        Self {
            upstream,
            listener: None,
            to_server: Flow::default(),
            to_client: Flow::default(),
            refuse_first: 0,
        }
    }

    fn flow(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// Accepts from `listener`, such as one on `[::1]:0`, and not from a free port of 127.0.0.1.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Forwards at most `n` bytes in one write in this direction; as many as are there by default.
    ///
    /// Each write becomes a segment of its own, for which the socket written to has `TCP_NODELAY`.
    /// A peer in the same single-threaded runtime can read each by itself; one that reads late
    /// finds several at once. The record counts the writes.
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn segment(mut self, direction: Direction, n: usize) -> Self {
        assert!(n > 0, "a segment has at least one byte");
        self.flow(direction).segment = Some(n);
        self
    }

    /// Puts `fault` into effect, on every connection, as soon as `bytes` bytes were forwarded in
    /// this direction; with 0, before any byte goes either way. A connection that ends earlier has
    /// no fault. None by default, and at most one in each direction: the last one set.
    pub fn after(mut self, direction: Direction, bytes: u64, fault: Fault) -> Self {
        self.flow(direction).fault = Some((bytes, fault));
        self
    }

    /// Lets every byte and every FIN arrive this much later, in both directions; zero by default.
    ///
    /// Up to 1 MiB is under way in each direction. TCP's handshake and resets aren't delayed.
    pub fn delay(mut self, one_way: Duration) -> Self {
        self.to_server.delay = one_way;
        self.to_client.delay = one_way;
        self
    }

    /// Resets the first `n` connections at once after accepting them; none by default.
    ///
    /// Their records have `fault_fired` and `closed`.
    pub fn refuse_first(mut self, n: usize) -> Self {
        self.refuse_first = n;
        self
    }

    /// Binds the port and serves it in the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(self) -> io::Result<Proxy> {
        let localhost = (Ipv4Addr::LOCALHOST, 0);
        let listener = match self.listener {
            Some(listener) => listener,
            None => TcpListener::bind(localhost).await?,
        };
        let addr = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        let upstream = match self.upstream {
            Some(upstream) => upstream,
            None => {
                let listener = TcpListener::bind(localhost).await?;
                let addr = listener.local_addr()?;
                tasks.spawn(swallow(listener));
                addr
            }
        };
        let log = Arc::new(Log::default());
        let service = Service {
            upstream,
            flows: [self.to_server, self.to_client],
            refuse_first: self.refuse_first,
            log: log.clone(),
        };
        let accept = tokio::spawn(service.run(listener, tasks));
        Ok(Proxy { addr, log, accept })
    }
}

/// The server behind a sink: reads all, says nothing, and closes when its client does.
async fn swallow(listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        connections
            .spawn(async move { tokio::io::copy(&mut stream, &mut tokio::io::sink()).await });
        while connections.try_join_next().is_some() {}
    }
}

struct Service {
    upstream: SocketAddr,
    flows: [Flow; 2],
    refuse_first: usize,
    log: Arc<Log>,
}

impl Service {
    /// Accepts until aborted. The set is this task's own, so aborting it ends every task in it.
    async fn run(self, listener: TcpListener, mut tasks: JoinSet<()>) {
        while let Ok((client, _)) = listener.accept().await {
            let index = self.log.open();
            if index < self.refuse_first {
                self.log.change(index, |record| {
                    record.fault_fired = true;
                    record.closed = true;
                });
                reset(client);
                continue;
            }
            let (upstream, flows, log) = (self.upstream, self.flows.clone(), self.log.clone());
            tasks.spawn(async move {
                match TcpStream::connect(upstream).await {
                    Ok(server) => relay(client, server, flows, &log, index).await,
                    Err(_) => reset(client),
                }
                log.change(index, |record| record.closed = true);
            });
            while tasks.try_join_next().is_some() {}
        }
    }
}

/// A TCP proxy that does harm on command.
///
/// Without settings it only forwards: bytes, each direction's FIN, and a reset of either peer to
/// the other. Dropping it ends the accept loop and every connection.
pub struct Proxy {
    addr: SocketAddr,
    log: Arc<Log>,
    accept: JoinHandle<()>,
}

impl Proxy {
    /// The settings of a proxy in front of `upstream`, without any fault.
    ///
    /// Each client gets a connection of its own to `upstream`; when that can't be made, the client
    /// is reset.
    pub fn builder(upstream: SocketAddr) -> Builder {
        Builder::new(Some(upstream))
    }

    /// The settings of a peer that accepts and then does nothing.
    ///
    /// It is a proxy with a server that never writes, and [`Fault::StallAll`] before the first
    /// byte. Once released it reads all, counted as `to_server`, and closes when the client does.
    /// Another fault set [`after`](Builder::after) some bytes to the server takes the stall's
    /// place.
    pub fn sink() -> Builder {
        Builder::new(None).after(Direction::ToServer, 0, Fault::StallAll)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The connections so far, in order of arrival, open ones included.
    pub fn connections(&self) -> Vec<ConnectionRecord> {
        self.log.connections()
    }

    /// Waits until at least `n` connections were accepted, and returns all. Has no timeout.
    pub async fn wait_accepted(&self, n: usize) -> Vec<ConnectionRecord> {
        self.log.wait(n, |_| true).await
    }

    /// Waits until at least `n` connections had a fault or were refused, and returns all. Has no
    /// timeout.
    ///
    /// From then on nothing passes that the fault forbids.
    pub async fn wait_fault(&self, n: usize) -> Vec<ConnectionRecord> {
        self.log.wait(n, |record| record.fault_fired).await
    }

    /// Waits until at least `n` connections are closed, and returns all. Has no timeout.
    ///
    /// A stalled direction notices no end, so release it first.
    pub async fn wait_closed(&self, n: usize) -> Vec<ConnectionRecord> {
        self.log.wait(n, |record| record.closed).await
    }

    /// Lets stalled directions go on, those of connections to come included.
    pub fn release(&self) {
        self.log.release(Release::Forward);
    }

    /// Closes, as [`Fault::Close`] does, the connections that have a stalled direction, those to
    /// come included.
    pub fn release_by_closing(&self) {
        self.log.release(Release::Close);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accept.abort();
    }
}
