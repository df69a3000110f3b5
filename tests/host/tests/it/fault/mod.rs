//! The fault proxy between a raw client and a raw server.
//!
//! Other tests believe that what this proxy was told to do did happen, and nothing else.

mod line;

use std::io::ErrorKind;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use line::*;
use test_host::fault::{Direction, Fault, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use Direction::{ToClient, ToServer};

#[tokio::test]
async fn forwards_bytes_and_each_fin() {
    let mut line = Line::plain().await;
    line.pass(ToServer, b"question").await;
    line.client.shutdown().await.unwrap();
    expect_end(&mut line.server).await;
    line.pass(ToClient, b"an answer after the FIN").await;
    let record = line.proxy.connections().remove(0);
    assert_eq!((record.to_server, record.to_client), (8, 23));
    assert!(!record.closed, "one direction is open");
    line.server.shutdown().await.unwrap();
    expect_end(&mut line.client).await;
    let record = line.closed().await;
    assert!(record.closed && !record.fault_fired);
}

#[tokio::test]
async fn forwards_resets() {
    for direction in DIRECTIONS {
        let mut line = Line::plain().await;
        line.pass(direction, b"last words").await;
        let Line {
            proxy,
            client,
            server,
        } = line;
        let (source, mut destination) = match direction {
            ToServer => (client, server),
            ToClient => (server, client),
        };
        source.set_zero_linger().unwrap();
        drop(source);
        expect_reset(&mut destination).await;
        soon(proxy.wait_closed(1)).await;
    }
}

#[tokio::test]
async fn an_upstream_that_refuses_shows_as_a_reset() {
    let addr = listener().await.local_addr().unwrap();
    let proxy = Proxy::builder(addr).start().await.unwrap();
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    expect_reset(&mut client).await;
    soon(proxy.wait_closed(1)).await;
}

#[tokio::test]
async fn segments() {
    for (direction, n) in [(ToServer, 7), (ToClient, 1)] {
        let mut line = Line::new(|proxy| proxy.segment(direction, n)).await;
        line.pass(direction, &noise(1000, 3)).await;
        line.pass(other(direction), &noise(1000, 4)).await;
        let record = line.proxy.connections().remove(0);
        let writes = |d| match d {
            ToServer => record.writes_to_server,
            ToClient => record.writes_to_client,
        };
        assert!(
            writes(direction) >= 1000_u64.div_ceil(n as u64),
            "{record:?}"
        );
        assert!(writes(other(direction)) < 10, "{record:?}");
    }
}

#[tokio::test]
async fn a_segment_leaves_without_waiting_for_more() {
    let mut line = Line::new(|proxy| proxy.segment(ToServer, 1)).await;
    line.converse().await;
    line.client.write_all(&[1; 1000]).await.unwrap();
    let (mut total, mut reads, mut buffer) = (0, 0, [0; 1000]);
    while total < 1000 {
        total += soon(line.server.read(&mut buffer)).await.unwrap();
        reads += 1;
    }
    // All by themselves as a rule; two reads when they wait for an acknowledgement.
    assert!(reads > 100, "{reads}");
}

#[tokio::test]
async fn close() {
    for direction in DIRECTIONS {
        for bytes in [0, 5] {
            let mut line = Line::with(direction, bytes, Fault::Close).await;
            let (source, destination) = line.ends(direction);
            source.write_all(b"0123456789").await.unwrap();
            expect(destination, &b"0123456789"[..bytes as usize]).await;
            expect_end(&mut line.client).await;
            expect_end(&mut line.server).await;
            discards(&mut line.client).await;
            discards(&mut line.server).await;
            let record = line.fault().await;
            assert_eq!(record.to_server + record.to_client, bytes);
            assert!(!record.closed, "the peers are still connected");
            assert!(line.hang_up().await.fault_fired);
        }
    }
}

#[tokio::test]
async fn reset() {
    for direction in DIRECTIONS {
        for bytes in [0, 5] {
            let mut line = Line::with(direction, bytes, Fault::Reset).await;
            let (source, destination) = line.ends(direction);
            // A reset at 0 bytes may come before the write, which then is told of it.
            let written = source.write_all(b"0123456789").await;
            expect(destination, &b"0123456789"[..bytes as usize]).await;
            expect_reset(destination).await;
            if bytes > 0 || written.is_ok() {
                expect_reset(source).await;
            }
            let record = line.closed().await;
            assert_eq!(record.to_server + record.to_client, bytes);
            assert!(record.fault_fired);
        }
    }
}

#[tokio::test]
async fn a_reset_comes_after_what_nagle_held_back() {
    let mut line = Line::with(ToServer, 3 * 8 + 2, Fault::Reset).await;
    line.client.set_nodelay(true).unwrap();
    line.converse().await;
    line.pass(ToServer, b"a").await;
    // The proxy may not send this one before the server has acknowledged the other.
    line.pass(ToServer, b"b").await;
    expect_reset(&mut line.server).await;
}

#[tokio::test]
async fn half_close() {
    for direction in DIRECTIONS {
        for bytes in [0, 5] {
            let mut line = Line::with(direction, bytes, Fault::HalfClose).await;
            let (source, destination) = line.ends(direction);
            source.write_all(b"0123456789").await.unwrap();
            expect(destination, &b"0123456789"[..bytes as usize]).await;
            expect_end(destination).await;
            discards(source).await;
            line.pass(other(direction), b"still here").await;
            let record = line.fault().await;
            assert_eq!(record.to_server + record.to_client, bytes + 10);
            line.hang_up().await;
        }
    }
}

#[tokio::test]
async fn stall_and_release() {
    for direction in DIRECTIONS {
        for bytes in [0, 5] {
            let mut line = Line::with(direction, bytes, Fault::Stall).await;
            let (source, destination) = line.ends(direction);
            source.write_all(b"0123456789").await.unwrap();
            expect(destination, &b"0123456789"[..bytes as usize]).await;
            let record = line.fault().await;
            assert_eq!(record.to_server + record.to_client, bytes);
            line.pass(other(direction), b"still here").await;
            line.silent(&[direction]).await;
            line.proxy.release();
            let (_, destination) = line.ends(direction);
            expect(destination, &b"0123456789"[bytes as usize..]).await;
            line.pass(direction, b"goes on").await;
            line.hang_up().await;
        }
    }
}

#[tokio::test]
async fn stall_all_and_release() {
    for direction in DIRECTIONS {
        for bytes in [0, 5] {
            let mut line = Line::with(direction, bytes, Fault::StallAll).await;
            let (source, destination) = line.ends(direction);
            source.write_all(b"0123456789").await.unwrap();
            expect(destination, &b"0123456789"[..bytes as usize]).await;
            line.fault().await;
            let (source, destination) = line.ends(direction);
            destination.write_all(b"an answer").await.unwrap();
            source.shutdown().await.unwrap();
            line.silent(&DIRECTIONS).await;
            let record = line.proxy.connections().remove(0);
            assert_eq!(record.to_server + record.to_client, bytes);
            line.proxy.release();
            let (source, destination) = line.ends(direction);
            expect(destination, &b"0123456789"[bytes as usize..]).await;
            expect_end(destination).await;
            expect(source, b"an answer").await;
        }
    }
}

#[tokio::test]
async fn release_by_closing() {
    let mut line = Line::with(ToServer, 5, Fault::Stall).await;
    line.client.write_all(b"0123456789").await.unwrap();
    line.fault().await;
    line.proxy.release_by_closing();
    expect(&mut line.server, b"01234").await;
    expect_end(&mut line.server).await;
    expect_end(&mut line.client).await;
}

#[tokio::test]
async fn a_sink_accepts_and_does_nothing() {
    let proxy = Proxy::sink().start().await.unwrap();
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    soon(proxy.wait_accepted(1)).await;
    soon(proxy.wait_fault(1)).await;
    let ((mut read, mut write), mut byte) = (client.split(), [0]);
    let bytes = vec![0; 64 * MEGABYTE];
    // More than all the buffers hold, so it is never done while nobody reads.
    let mut sent = Box::pin(write.write_all(&bytes));
    tokio::select! {
        biased;
        sent = &mut sent => panic!("somebody reads: {sent:?}"),
        read = read.read(&mut byte) => panic!("somebody answers: {read:?}"),
        () = traffic() => {}
    }
    assert_eq!(proxy.connections()[0].to_server, 0);
    proxy.release();
    soon(sent).await.unwrap();
    write.shutdown().await.unwrap();
    expect_end(&mut client).await;
    let record = soon(proxy.wait_closed(1)).await.remove(0);
    assert_eq!(record.to_server, bytes.len() as u64);
}

#[tokio::test]
async fn a_sink_released_by_closing() {
    let proxy = Proxy::sink().start().await.unwrap();
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    client.write_all(b"unread").await.unwrap();
    soon(proxy.wait_fault(1)).await;
    proxy.release_by_closing();
    expect_end(&mut client).await;
    drop(client);
    assert_eq!(soon(proxy.wait_closed(1)).await[0].to_server, 0);
}

#[tokio::test]
async fn a_sink_with_another_fault() {
    let proxy = Proxy::sink().after(ToServer, 5, Fault::Reset);
    let proxy = proxy.start().await.unwrap();
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    client.write_all(b"0123456789").await.unwrap();
    expect_reset(&mut client).await;
    assert_eq!(soon(proxy.wait_closed(1)).await[0].to_server, 5);
}

#[tokio::test]
async fn refuses_the_first() {
    let listener = listener().await;
    let proxy = Proxy::builder(listener.local_addr().unwrap()).refuse_first(2);
    let proxy = proxy.start().await.unwrap();
    for _ in 0..2 {
        let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
        expect_reset(&mut client).await;
    }
    let _client = TcpStream::connect(proxy.addr()).await.unwrap();
    soon(listener.accept()).await.unwrap();
    let records = proxy.connections();
    let refused = records.iter().map(|r| (r.fault_fired, r.closed));
    assert!(refused.eq([(true, true), (true, true), (false, false)]));
    assert_eq!(soon(proxy.wait_accepted(3)).await, records);
}

#[tokio::test]
async fn delays_each_way() {
    let delay = Duration::from_millis(150);
    let mut line = Line::new(|proxy| proxy.delay(delay)).await;
    let start = Instant::now();
    line.pass(ToServer, b"ping").await;
    assert!(start.elapsed() >= delay, "to the server");
    line.pass(ToClient, b"pong").await;
    assert!(start.elapsed() >= 2 * delay, "to the client");
    let start = Instant::now();
    line.client.shutdown().await.unwrap();
    expect_end(&mut line.server).await;
    assert!(start.elapsed() >= delay, "a FIN");
}

#[tokio::test]
async fn delay_keeps_throughput() {
    let mut line = Line::new(|proxy| proxy.delay(Duration::from_millis(500))).await;
    let start = Instant::now();
    megabytes(&mut line).await;
    // At most 64 KiB are read at once: one chunk after the other takes eight seconds.
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn is_exact_in_segments_and_delayed() {
    let delay = Duration::from_millis(20);
    let mut line = Line::new(|proxy| {
        let segmented = proxy.segment(ToServer, 7).segment(ToClient, 1000);
        segmented.delay(delay)
    })
    .await;
    megabytes(&mut line).await;
    let record = line.closed().await;
    let megabyte = MEGABYTE as u64;
    assert_eq!((record.to_server, record.to_client), (megabyte, megabyte));
    assert!(record.writes_to_server >= megabyte / 7);
    assert!(record.writes_to_client >= megabyte / 1000);
}

#[tokio::test]
async fn listens_where_it_is_told() {
    let Ok(ipv6) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await else {
        return;
    };
    let addr = ipv6.local_addr().unwrap();
    let mut line = Line::new(|proxy| proxy.listener(ipv6)).await;
    assert_eq!(line.client.peer_addr().unwrap(), addr);
    line.pass(ToServer, b"ping").await;
}

#[tokio::test]
async fn ends_all_when_dropped() {
    let mut line = Line::with(ToServer, 0, Fault::StallAll).await;
    line.fault().await;
    let addr = line.proxy.addr();
    drop(line.proxy);
    expect_end(&mut line.client).await;
    expect_end(&mut line.server).await;
    let refused = TcpStream::connect(addr).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[cfg(target_os = "linux")]
mod black_hole {
    use super::*;
    use std::net::Ipv4Addr;
    use test_host::fault::BlackHole;

    async fn never_connects(hole: &BlackHole) {
        for _ in 0..2 {
            let attempt = TcpStream::connect(hole.addr());
            let outcome = tokio::time::timeout(Duration::from_millis(300), attempt).await;
            outcome.expect_err("neither success nor failure");
        }
    }

    #[tokio::test]
    async fn ipv4() {
        let hole = BlackHole::new().await.unwrap();
        assert_eq!(hole.addr().ip(), Ipv4Addr::LOCALHOST);
        never_connects(&hole).await;
    }

    #[tokio::test]
    async fn ipv6_and_a_live_ipv4_on_its_port() {
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_err() {
            return;
        }
        let hole = BlackHole::new_v6().await.unwrap();
        assert_eq!(hole.addr().ip(), Ipv6Addr::LOCALHOST);
        never_connects(&hole).await;

        let (dead, live) = BlackHole::with_live_v4().await.unwrap();
        never_connects(&dead).await;
        let live = live.local_addr().unwrap();
        assert_eq!(live, (Ipv4Addr::LOCALHOST, dead.addr().port()).into());
        TcpStream::connect(live).await.unwrap();
    }
}
