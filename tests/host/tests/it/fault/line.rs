//! A line through the proxy, from a raw client to a raw server, and what either end may expect.

use std::io::ErrorKind;
use std::time::Duration;

use test_host::fault::{Builder, ConnectionRecord, Direction, Fault, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use Direction::{ToClient, ToServer};

pub(crate) const MEGABYTE: usize = 1 << 20;
/// A fault in either direction must show the same to both peers.
pub(crate) const DIRECTIONS: [Direction; 2] = [ToServer, ToClient];

/// Turns a hang into a failure.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, future).await.expect("in time")
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A proxy and the two ends of a connection through it.
pub(crate) struct Line {
    pub(crate) proxy: Proxy,
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

impl Line {
    pub(crate) async fn new(change: impl FnOnce(Builder) -> Builder) -> Self {
        let listener = listener().await;
        let proxy = Proxy::builder(listener.local_addr().unwrap());
        let proxy = change(proxy).start().await.unwrap();
        let client = TcpStream::connect(proxy.addr()).await.unwrap();
        let (server, _) = soon(listener.accept()).await.unwrap();
        Self {
            proxy,
            client,
            server,
        }
    }

    pub(crate) async fn plain() -> Self {
        Self::new(|proxy| proxy).await
    }

    pub(crate) async fn with(direction: Direction, bytes: u64, fault: Fault) -> Self {
        Self::new(|proxy| proxy.after(direction, bytes, fault)).await
    }

    /// The source and the destination of what goes this way.
    pub(crate) fn ends(&mut self, direction: Direction) -> (&mut TcpStream, &mut TcpStream) {
        match direction {
            ToServer => (&mut self.client, &mut self.server),
            ToClient => (&mut self.server, &mut self.client),
        }
    }

    /// Sends this way, and waits until it has arrived.
    pub(crate) async fn pass(&mut self, direction: Direction, bytes: &[u8]) {
        let (source, destination) = self.ends(direction);
        source.write_all(bytes).await.unwrap();
        expect(destination, bytes).await;
    }

    /// Makes both peers delay their acknowledgements, as they do once they have answered.
    pub(crate) async fn converse(&mut self) {
        for _ in 0..3 {
            self.pass(ToServer, b"question").await;
            self.pass(ToClient, b"answer").await;
        }
    }

    /// Fails when a byte or an end arrives at either peer while other connections get theirs.
    pub(crate) async fn silent(&mut self, directions: &[Direction]) {
        let [to_server, to_client] = [ToServer, ToClient].map(|d| directions.contains(&d));
        let (mut byte, mut other) = ([0], [0]);
        tokio::select! {
            biased;
            read = self.server.read(&mut byte), if to_server => panic!("the server read {read:?}"),
            read = self.client.read(&mut other), if to_client => panic!("the client read {read:?}"),
            () = traffic() => {}
        }
    }

    pub(crate) async fn fault(&self) -> ConnectionRecord {
        soon(self.proxy.wait_fault(1)).await.remove(0)
    }

    pub(crate) async fn closed(&self) -> ConnectionRecord {
        soon(self.proxy.wait_closed(1)).await.remove(0)
    }

    /// Closes both ends.
    pub(crate) async fn hang_up(self) -> ConnectionRecord {
        drop((self.client, self.server));
        soon(self.proxy.wait_closed(1)).await.remove(0)
    }
}

pub(crate) fn other(direction: Direction) -> Direction {
    if direction == ToServer {
        ToClient
    } else {
        ToServer
    }
}

/// A while that is measured in events: round trips through a proxy of its own.
pub(crate) async fn traffic() {
    let mut line = Line::plain().await;
    for _ in 0..100 {
        line.pass(ToServer, b"ping").await;
        line.pass(ToClient, b"pong").await;
    }
}

pub(crate) async fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    soon(stream.read_exact(&mut read)).await.unwrap();
    assert!(read == bytes, "other bytes arrived");
}

pub(crate) async fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    soon(stream.read_to_end(&mut rest)).await.expect("a FIN");
    assert_eq!(rest, b"", "no byte before the end");
}

pub(crate) async fn expect_reset(stream: &mut TcpStream) {
    let read = soon(stream.read(&mut [0])).await;
    let error = read.expect_err("a RST");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// Sends more than all the buffers hold, which is never done unless somebody reads.
pub(crate) async fn discards(source: &mut TcpStream) {
    let bytes = vec![0; 64 * MEGABYTE];
    soon(source.write_all(&bytes)).await.unwrap();
}

/// Bytes of which no part looks like another.
pub(crate) fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let byte = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(byte).collect()
}

/// Sends a megabyte each way at once, and both FINs; every byte must arrive, and in order.
pub(crate) async fn megabytes(line: &mut Line) {
    let (to_server, to_client) = (noise(MEGABYTE, 1), noise(MEGABYTE, 2));
    let (mut client_in, mut client_out) = line.client.split();
    let (mut server_in, mut server_out) = line.server.split();
    let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
    let all = async {
        tokio::try_join!(
            async {
                client_out.write_all(&to_server).await?;
                client_out.shutdown().await
            },
            async {
                server_out.write_all(&to_client).await?;
                server_out.shutdown().await
            },
            server_in.read_to_end(&mut at_server),
            client_in.read_to_end(&mut at_client),
        )
    };
    soon(all).await.unwrap();
    assert!(
        at_server == to_server && at_client == to_client,
        "all the bytes"
    );
}
