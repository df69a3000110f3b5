//! Runs the guests of `tests/guests` that meet other people's code: under
//! somebody's `main`, and below somebody's protocol. One test each, of the same
//! name.

use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{EXECUTORS, Guest, HttpHandler};
use test_host::peers::{Peer, PeerServer};
use test_host::protocols::echo_substreams;
use test_host::sendmail::CaFolder;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn net_http_handler() {
    let echo = PeerServer::start(Peer::Echo).await.unwrap();
    let path = format!("/?port={}", echo.port());
    let text = "round trips: 10\na read was cancelled\nround trips: 1\nbody: round trips: 1\n";
    for request in 0..3 {
        let mut handler = Guest::of_tests("net_http_handler").serve().await;
        let answer = handler.get(&path).await;
        assert_eq!(answer, (200, text.to_owned()), "instance {request}");
        assert_eq!(writes(handler), [11, 1], "one write a round trip");
    }
    let mut handler = Guest::of_tests("net_http_handler").serve().await;
    let kept = "kept: round trips: 1\n";
    for kept in ["", kept, kept] {
        assert_eq!(handler.get(&path).await, (200, format!("{kept}{text}")));
    }
    assert_eq!(writes(handler), [12, 1, 12, 1, 11, 1]);
}

/// Ends an instance, and gives the writes of each of its connections.
fn writes(handler: HttpHandler) -> Vec<u64> {
    let connections = handler.end().connections;
    connections.iter().map(|one| one.writes).collect()
}

#[tokio::test]
async fn net_yamux() {
    for executor in EXECUTORS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            echo_substreams(stream).await
        });
        let guest = Guest::of_tests("net_yamux").arg(executor).arg(port);
        guest.run().await.expect_success();
        assert_eq!(server.await.unwrap(), 8, "{executor}");
    }
}

#[tokio::test]
async fn tls_yamux() {
    let ca = Ca::new();
    let folder = CaFolder::new(&ca).unwrap();
    let tls = TlsAcceptor::from(ca.server_config(&LOCAL_NAMES));
    for executor in EXECUTORS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = tls.clone();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            echo_substreams(tls.accept(stream).await.unwrap()).await
        });
        let guest = Guest::of_tests("tls_yamux").arg(executor).arg(port);
        let guest = guest.folder(folder.path(), "/ca").arg("/ca/ca.pem");
        guest.run().await.expect_success();
        assert_eq!(server.await.unwrap(), 8, "{executor}");
    }
}
