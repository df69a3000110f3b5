//! Over a stream that is not ours: sockets of async-net, with a server of plain
//! rustls at the other end.

#![cfg(all(
    any(feature = "pure", feature = "ring"),
    feature = "tls12",
    not(target_family = "wasm")
))]

use crate::common::{BOTH, Ca, NAME, TLS13};
use async_net::TcpStream;
use futures_lite::future::{block_on, zip};
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tls_pump::rustls::{ServerConfig, ServerConnection, StreamOwned};
use tls_pump::{Error, TlsStream};

/// Serves one connection: says back what it hears, and closes after the client.
fn echo(config: Arc<ServerConfig>) -> (SocketAddr, JoinHandle<io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let served = std::thread::spawn(move || {
        let (socket, _) = listener.accept()?;
        let connection = ServerConnection::new(config).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        let mut buf = [0; 10_000];
        loop {
            match stream.read(&mut buf)? {
                0 => break,
                len => stream.write_all(&buf[..len])?,
            }
        }
        stream.conn.send_close_notify();
        stream.flush()
    });
    (addr, served)
}

#[test]
fn a_conversation_over_sockets_of_async_net() {
    let ca = Ca::new();
    let said: Vec<u8> = (0..1_000_000).map(|i| (i % 251) as u8).collect();
    for version in BOTH {
        let (addr, served) = echo(ca.server(version));
        block_on(async {
            let tcp = TcpStream::connect(addr).await.unwrap();
            let mut stream = TlsStream::new(&ca.client(), NAME, tcp).unwrap();
            stream.handshake().await.unwrap();
            // Both directions at once, more than the sockets hold.
            let (mut read, mut write) = futures_lite::io::split(stream);
            let mut heard = vec![0; said.len()];
            let send = async {
                write.write_all(&said).await?;
                write.close().await
            };
            let (sent, received) = zip(send, read.read_exact(&mut heard)).await;
            sent.unwrap();
            received.unwrap();
            assert!(heard == said);
            assert_eq!(read.read(&mut [0]).await.unwrap(), 0);
        });
        served.join().unwrap().unwrap();
    }
}

#[test]
fn a_socket_that_is_cut_off() {
    let ca = Ca::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let config = ca.server(&TLS13);
    let served = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let connection = ServerConnection::new(config).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        stream.write_all(b"250 half").unwrap();
        // Without close_notify.
        drop(stream);
    });
    block_on(async {
        let tcp = TcpStream::connect(addr).await.unwrap();
        let mut stream = TlsStream::new(&ca.client(), NAME, tcp).unwrap();
        stream.handshake().await.unwrap();
        stream.flush().await.unwrap();
        let mut heard = Vec::new();
        let error = stream.read_to_end(&mut heard).await.unwrap_err();
        assert_eq!(heard, b"250 half");
        assert!(matches!(Error::from(error), Error::Truncated));
    });
    served.join().unwrap();
}
