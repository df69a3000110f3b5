//! Runs the network guests of `tests/guests` inside wasmtime: one test each, of
//! the same name, under every executor.

use std::net::Ipv6Addr;
use test_host::fault::{BlackHole, Direction, Fault, Proxy};
use test_host::guest::{EXECUTORS, Guest, Network};
use test_host::peers::{Peer, PeerServer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

pub(crate) fn guest(name: &str, executor: &str) -> Guest {
    Guest::of_tests(name).arg(executor)
}

pub(crate) async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn echo() -> PeerServer {
    PeerServer::start(Peer::Echo).await.unwrap()
}

#[tokio::test]
async fn net_round_trips() {
    let echo = echo().await;
    for executor in EXECUTORS {
        let guest = guest("net_round_trips", executor).arg(echo.port());
        let run = guest.arg(100).arg(false).run().await.expect_success();
        let [connection] = run.traffic.connections.as_slice() else {
            panic!("one connection")
        };
        let counts = (
            connection.writes,
            connection.flights,
            connection.bytes_written,
        );
        assert_eq!(counts, (100, 100, 1200), "{executor}: one write each");
        assert_eq!(connection.bytes_read, 1200);
        // Ours: check-write, write, a read in vain, now (its timeout), poll, read; fewer
        // where the answer is there already. Some have a turn for others, too. Where a
        // wait blocks in slices, the number depends on the peer's speed.
        let most = match executor {
            "own" => 6,
            "wstd" => 17,
            _ => continue,
        };
        let calls = &connection.calls_between_writes;
        let in_time: u64 = calls.range(..=most).map(|(_, times)| times).sum();
        assert!(
            in_time >= 80,
            "{executor}: host calls a round trip {calls:?}"
        );
    }
}

#[tokio::test]
async fn net_written_behind() {
    for executor in EXECUTORS {
        let (listener, port) = listener().await;
        let server = tokio::spawn(async move {
            let (mut writer, _) = listener.accept().await.unwrap();
            let (other, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 5];
            writer.read_exact(&mut bytes).await.unwrap();
            drop(other);
            bytes
        });
        let guest = guest("net_written_behind", executor).arg(port);
        guest.run().await.expect_success();
        assert_eq!(&server.await.unwrap(), b"bytes");
    }
}

#[tokio::test]
async fn net_raw() {
    let bytes = 1024 * 1024;
    let source = PeerServer::start(Peer::Source(bytes)).await.unwrap();
    let (echo, sink) = (echo().await, PeerServer::start(Peer::Sink).await.unwrap());
    let guest = guest("net_raw", "own").arg(echo.port()).arg(source.port());
    let guest = guest.arg(sink.port()).arg(1).arg(20).arg(bytes);
    let run = guest.run().await.expect_success();
    assert_eq!(run.stdout.lines().count(), 4);
    // By hand and ours send and receive the same.
    let pairs: Vec<_> = run.traffic.connections.chunks(2).collect();
    assert_eq!(pairs.len(), 4);
    for pair in pairs {
        assert_eq!(pair[0].bytes_written, pair[1].bytes_written);
        assert_eq!(pair[0].bytes_read, pair[1].bytes_read);
    }
}

#[tokio::test]
async fn net_split() {
    let echo = echo().await;
    for executor in EXECUTORS {
        let guest = guest("net_split", executor).arg(echo.port());
        guest.run().await.expect_success();
    }
}

#[tokio::test]
async fn net_greedy() {
    let (echo, flood) = (echo().await, PeerServer::start(Peer::Flood).await.unwrap());
    for executor in EXECUTORS {
        let guest = guest("net_greedy", executor).arg(flood.port());
        guest.arg(echo.port()).run().await.expect_success();
    }
}

#[tokio::test]
async fn net_wstd_tasks() {
    let echo = echo().await;
    let guest = Guest::of_tests("net_wstd_tasks");
    guest.arg(echo.port()).run().await.expect_success();
}

#[tokio::test]
async fn net_busy() {
    let echo = echo().await;
    for executor in EXECUTORS {
        let guest = guest("net_busy", executor).arg(echo.port());
        guest.run().await.expect_success();
    }
}

#[tokio::test]
async fn net_stalled_peer() {
    for executor in EXECUTORS {
        let peer = Proxy::sink().start().await.unwrap();
        // The peer is kept open, and never reads, until the guest has ended.
        let guest = guest("net_stalled_peer", executor).arg(peer.addr().port());
        guest.run().await.expect_success();
        assert_eq!(peer.connections().len(), 1);
    }
}

#[tokio::test]
async fn net_deadlines() {
    let hole = BlackHole::new().await.unwrap();
    let peer = Proxy::sink().start().await.unwrap();
    for executor in EXECUTORS {
        let guest = guest("net_deadlines", executor)
            .arg(1)
            .arg(hole.addr().port())
            .arg(peer.addr().port())
            .arg(peer.addr().port());
        let lines = guest.run().await.expect_success().stdout;
        let mut count = 0;
        for line in lines.lines() {
            let (name, time) = line.split_once(' ').unwrap();
            let time: f64 = time.parse().unwrap();
            assert!(
                (300.0..2000.0).contains(&time),
                "{executor}: {name} took {time} ms"
            );
            count += 1;
        }
        assert_eq!(count, 4);
    }
}

#[tokio::test]
async fn net_cancelled() {
    let echo = echo().await;
    let hole = BlackHole::new().await.unwrap();
    for executor in EXECUTORS {
        let guest = guest("net_cancelled", executor);
        let guest = guest.arg(echo.port()).arg(hole.addr().port());
        guest.run().await.expect_success();
    }
}

#[tokio::test]
async fn net_many() {
    let echo = echo().await;
    for executor in EXECUTORS {
        let guest = guest("net_many", executor).arg(echo.port()).arg(1000);
        let run = guest.run().await.expect_success();
        assert_eq!(run.traffic.connections.len(), 1000);
    }
}

#[tokio::test]
async fn net_graveyard() {
    let runs = [
        // No more may be: there connecting is `ErrorKind::TooManyStalled`.
        ("own", 256),
        ("wstd", 100),
        ("futures-lite", 100),
        ("tokio", 100),
    ];
    for (executor, count) in runs {
        let guest = guest("net_graveyard", executor);
        let run = test_host::peers::stalling(guest, count, 100).await.unwrap();
        run.expect_success();
    }
}

#[tokio::test]
async fn net_wrong_uses() {
    let echo = echo().await;
    for executor in EXECUTORS {
        let guest = guest("net_wrong_uses", executor).arg(echo.port());
        guest.run().await.expect_success();
    }
}

#[tokio::test]
async fn net_errors() {
    let (listener, closed) = listener().await;
    drop(listener);
    let flag = "-S inherit-network";
    let cases = [
        (
            Network::Loopback,
            "127.0.0.1",
            closed,
            "ConnectionRefused: ",
            "check the port",
        ),
        (Network::None, "127.0.0.1", closed, "NetworkDenied: ", flag),
        (
            Network::NoSockets,
            "127.0.0.1",
            closed,
            "NetworkDenied: ",
            flag,
        ),
        (
            Network::Loopback,
            "localhost",
            closed,
            "NamesDenied: ",
            "-S allow-ip-name-lookup",
        ),
        (
            Network::Loopback,
            "127.1",
            closed,
            "InvalidName: ",
            "full IP address",
        ),
        (
            Network::Loopback,
            "127.0.0.1",
            0,
            "InvalidAddress: ",
            "nobody can connect",
        ),
        (
            Network::Loopback,
            "fe80::1",
            closed,
            "InvalidAddress: ",
            "nobody can connect",
        ),
        (
            Network::Loopback,
            "::7f00:1",
            closed,
            "InvalidAddress: ",
            "nobody can connect",
        ),
    ];
    for executor in EXECUTORS {
        for (network, host, port, kind, remedy) in cases {
            let guest = guest("net_errors", executor).network(network);
            let run = guest.arg(host).arg(port).run().await;
            let text = run.expect_success().stdout;
            assert!(text.starts_with(kind) && text.contains(remedy), "{text}");
            assert!(text.contains(host), "{text}");
            assert_eq!(text.lines().count(), 1, "no backtrace of the host: {text}");
        }
        let guest = guest("net_errors", executor).allow_names();
        let run = guest.arg("no-such-name.invalid").arg(25).run().await;
        let text = run.expect_success().stdout;
        assert!(text.starts_with("NameUnresolvable: "), "{text}");
    }
}

#[tokio::test]
async fn net_faults() {
    use Direction::{ToClient, ToServer};
    let echo = echo().await;
    let upstream = ([127, 0, 0, 1], echo.port()).into();
    let cases = [
        ("forwarding", None, "1000 TimedOut: "),
        (
            "reset at once",
            Some((ToServer, 0, Fault::Reset)),
            "0 ConnectionReset: ",
        ),
        (
            "reset after 500",
            Some((ToClient, 500, Fault::Reset)),
            "ConnectionReset: ",
        ),
        ("close at once", Some((ToServer, 0, Fault::Close)), "0 end"),
        (
            "close after 500",
            Some((ToClient, 500, Fault::Close)),
            "500 end",
        ),
        (
            "half close after 500",
            Some((ToClient, 500, Fault::HalfClose)),
            "500 end",
        ),
        (
            "stall after 500",
            Some((ToClient, 500, Fault::Stall)),
            "500 TimedOut: ",
        ),
        (
            "stall at once",
            Some((ToServer, 0, Fault::StallAll)),
            "0 TimedOut: ",
        ),
    ];
    for executor in EXECUTORS {
        for (name, fault, says) in cases {
            let mut proxy = Proxy::builder(upstream).segment(ToClient, 1);
            if let Some((direction, bytes, fault)) = fault {
                proxy = proxy.after(direction, bytes, fault);
            }
            let proxy = proxy.start().await.unwrap();
            let guest = guest("net_faults", executor).arg(proxy.addr().port());
            let text = guest.run().await.expect_success().stdout;
            // A peer that closes with bytes unread resets: both are the truth.
            let reset = fault.is_some_and(|(_, _, fault)| fault == Fault::Close)
                && text.contains("ConnectionReset: ");
            assert!(text.contains(says) || reset, "{executor}, {name}: {text}");
            assert_eq!(text.lines().count(), 1, "no backtrace of the host: {text}");
        }
    }
}

#[tokio::test]
async fn net_happy_eyeballs() {
    let Ok((dead, live)) = BlackHole::with_live_v4().await else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    for executor in EXECUTORS {
        let guest = guest("net_happy_eyeballs", executor);
        let guest = guest.arg(dead.addr().port()).arg(1);
        let time = guest.run().await.expect_success().stdout;
        let time: f64 = time.trim().parse().unwrap();
        assert!(
            time >= 250.0,
            "{executor}: the dead address went first: {time} ms"
        );
    }
    drop(live);
}

#[tokio::test]
async fn net_two_families() {
    let run = async |host: &str, port: u16| {
        let guest = guest("net_two_families", "own").allow_names();
        guest
            .arg(host)
            .arg(port)
            .run()
            .await
            .expect_success()
            .stdout
    };
    let (_ipv4, port) = listener().await;
    // The name's IPv6 address, where it has one, refuses.
    assert_eq!(run("localhost", port).await, "127.0.0.1\n");
    assert_eq!(run("127.0.0.1", port).await, "127.0.0.1\n");
    if let Ok(ipv6) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await {
        let port = ipv6.local_addr().unwrap().port();
        assert_eq!(run("[::1]", port).await, "::1\n");
        assert_eq!(run("::1", port).await, "::1\n");
    }
}

/// A guest without a test proves nothing.
#[test]
fn every_guest_has_a_test_of_its_name() {
    let tests = [
        include_str!("guests_net.rs"),
        include_str!("guests_peers.rs"),
        include_str!("guests_streams.rs"),
        include_str!("guests_smtp.rs"),
        include_str!("guests_smtp_demands.rs"),
        include_str!("guests_smtp_faults.rs"),
        include_str!("guests_tls.rs"),
    ]
    .concat();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../guests/src/bin");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let name = name.replace(".rs", "");
        assert!(tests.contains(&format!("fn {name}()")), "{name}");
        count += 1;
    }
    assert!(count > 0);
}
