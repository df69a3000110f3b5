//! What streams promise that peers, hosts and other protocols make hard to keep.

use crate::guests_net::{guest, listener};
use std::net::{Ipv6Addr, SocketAddrV6};
use test_host::fault::Proxy;
use test_host::guest::{EXECUTORS, Network};
use test_host::protocols::h2_server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Two small segments in a row would wait for the server's delayed acknowledgement: one
/// leaves for each request, and a few at the beginning.
#[tokio::test]
async fn net_h2() {
    let (_server, port) = h2_server().await.unwrap();
    for executor in ["own", "wstd"] {
        let guest = guest("net_h2", executor).arg(port).arg(100).arg(true);
        let run = guest.run().await.expect_success();
        let [connection] = run.traffic.connections.as_slice() else {
            panic!("one connection")
        };
        assert!(connection.writes <= 105, "{executor}: {connection:?}");
    }
    // As it is without.
    let guest = guest("net_h2", "own").arg(port).arg(10).arg(false);
    let run = guest.run().await.expect_success();
    assert!(run.traffic.connections[0].writes > 15);
}

#[tokio::test]
async fn net_flush_on_wait() {
    let peer = Proxy::sink().start().await.unwrap();
    for executor in ["own", "wstd"] {
        let guest = guest("net_flush_on_wait", executor).arg(peer.addr().port());
        let run = guest.run().await.expect_success();
        // It does not ask again and again: that would be many thousands.
        let calls = run.traffic.host_calls;
        assert!(calls < 1000, "{executor}: {calls}");
    }
}

#[tokio::test]
async fn net_reset() {
    for executor in EXECUTORS {
        let ((peer, port), (control, to_control)) = (listener().await, listener().await);
        let server = tokio::spawn(async move {
            let (mut control, _) = control.accept().await.unwrap();
            for is_reset in [true, false] {
                let (mut stream, _) = peer.accept().await.unwrap();
                stream.read_exact(&mut [0; 9]).await.unwrap();
                stream.write_all(b"the end").await.unwrap();
                if is_reset {
                    stream.set_zero_linger().unwrap();
                }
                drop(stream);
                control.write_all(&[0]).await.unwrap();
            }
        });
        let guest = guest("net_reset", executor).arg(port).arg(to_control);
        guest.run().await.expect_success();
        server.await.unwrap();
    }
}

#[tokio::test]
async fn net_all_arrives() {
    for executor in EXECUTORS {
        let (listener, port) = listener().await;
        let guest = guest("net_all_arrives", executor).arg(port);
        let guest = tokio::spawn(guest.arg(3_292_500).arg(1).run());
        for len in [3_292_500, 1] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            assert_eq!(all.len(), len);
        }
        guest.await.unwrap().expect_success();
    }
}

/// The first link-local address of this machine and the number of its interface.
fn link_local() -> Option<(Ipv6Addr, u32)> {
    let text = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let address = u128::from_str_radix(words.next()?, 16).ok()?;
        let scope = u32::from_str_radix(words.next()?, 16).ok()?;
        let address = Ipv6Addr::from_bits(address);
        address.is_unicast_link_local().then_some((address, scope))
    })
}

#[tokio::test]
async fn net_link_local() {
    let Some((address, scope)) = link_local() else {
        eprintln!("skipped: this machine has no link-local address");
        return;
    };
    let listening = SocketAddrV6::new(address, 0, 0, scope);
    let listener = TcpListener::bind(listening).await.unwrap();
    let there = listener.local_addr().unwrap();
    for executor in EXECUTORS {
        let run = async |address: String| {
            let guest = guest("net_link_local", executor).network(Network::Inherit);
            guest.arg(address).run().await.expect_success().stdout
        };
        assert_eq!(run(there.to_string()).await.trim(), there.to_string());
        let without = format!("[{address}]:{}", there.port());
        assert_eq!(run(without).await.trim(), "InvalidAddress");
    }
}
