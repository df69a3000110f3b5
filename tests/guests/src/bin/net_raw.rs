//! Ours beside `wasi:sockets` called by hand, in turn:
//! `net_raw EXECUTOR ECHO SOURCE SINK ROUNDS TRIPS BYTES`, three ports. The
//! source sends BYTES and closes, the sink reads to the end and closes. Prints a
//! line for each thing compared, with the median time by hand in milliseconds
//! and the median of the ratios ours / by hand.
//!
//! A deadline costs the host a timer in each poll, by hand as here, so round
//! trips are compared with one on both sides and without.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::time::Instant;
use test_guests::{arg, median, run};

const CHUNK: usize = 64 * 1024;

async fn connect(port: usize) -> wasi_net::TcpStream {
    let connector = wasi_net::Connector::new();
    connector.connect("127.0.0.1", arg(port)).await.unwrap()
}

async fn our_round_trips(trips: usize, deadline: bool) {
    let mut stream = connect(2).await;
    stream.set_read_timeout(deadline.then_some(wasi_net::DEFAULT_TIMEOUT));
    for _ in 0..trips {
        stream.write_all(&[7; 64]).await.unwrap();
        stream.read_exact(&mut [0; 64]).await.unwrap();
    }
}

async fn our_download(bytes: usize) {
    let mut stream = connect(3).await;
    let (mut buf, mut total) = (vec![0; CHUNK], 0);
    loop {
        match stream.read(&mut buf).await.unwrap() {
            0 => break,
            len => total += len,
        }
    }
    assert_eq!(total, bytes);
}

async fn our_upload(bytes: usize) {
    let mut stream = connect(4).await;
    let chunk = vec![7; CHUNK];
    for _ in 0..bytes / CHUNK {
        stream.write_all(&chunk).await.unwrap();
    }
    stream.close().await.unwrap();
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod by_hand {
    use super::CHUNK;
    use wasi::clocks::monotonic_clock::subscribe_duration;
    use wasi::io::poll::poll;
    use wasi::io::streams::{InputStream, OutputStream, StreamError};
    use wasi::sockets::instance_network::instance_network;
    use wasi::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
    use wasi::sockets::tcp::TcpSocket;
    use wasi::sockets::tcp_create_socket::create_tcp_socket;

    fn connect(port: u16) -> (InputStream, OutputStream, TcpSocket) {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4).unwrap();
        let address = (127, 0, 0, 1);
        let address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address });
        socket.start_connect(&instance_network(), address).unwrap();
        loop {
            match socket.finish_connect() {
                Ok((input, output)) => return (input, output, socket),
                Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
                Err(code) => panic!("{code:?}"),
            }
        }
    }

    fn write(output: &OutputStream, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match output.check_write().unwrap() as usize {
                0 => output.subscribe().block(),
                permit => {
                    let (now, later) = rest.split_at(permit.min(rest.len()));
                    output.write(now).unwrap();
                    rest = later;
                }
            }
        }
    }

    pub(super) fn round_trips(port: u16, trips: usize, deadline: bool) {
        let (input, output, _socket) = connect(port);
        let readable = input.subscribe();
        let timer = subscribe_duration(300_000_000_000);
        for _ in 0..trips {
            write(&output, &[7; 64]);
            let mut left = 64;
            while left > 0 {
                if deadline {
                    assert_eq!(poll(&[&readable, &timer]), [0]);
                } else {
                    readable.block();
                }
                left -= input.read(left).unwrap().len() as u64;
            }
        }
        // Children go before their parents.
        drop(readable);
        drop((input, output));
    }

    pub(super) fn download(port: u16, bytes: usize) {
        let (input, output, _socket) = connect(port);
        let mut total = 0;
        loop {
            match input.read(CHUNK as u64) {
                Ok(data) if data.is_empty() => input.subscribe().block(),
                Ok(data) => total += data.len(),
                Err(StreamError::Closed) => break,
                Err(error) => panic!("{error:?}"),
            }
        }
        drop((input, output));
        assert_eq!(total, bytes);
    }

    pub(super) fn upload(port: u16, bytes: usize) {
        let (input, output, _socket) = connect(port);
        let chunk = vec![7; CHUNK];
        for _ in 0..bytes / CHUNK {
            write(&output, &chunk);
        }
        while output.check_write().unwrap() == 0 {
            output.subscribe().block();
        }
        drop((input, output));
    }
}

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
mod by_hand {
    pub(super) fn round_trips(_: u16, _: usize, _: bool) {}
    pub(super) fn download(_: u16, _: usize) {}
    pub(super) fn upload(_: u16, _: usize) {}
}

async fn compare(name: &str, by_hand: impl Fn(), ours: impl AsyncFn()) {
    let (mut times, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..arg(5) {
        let start = Instant::now();
        by_hand();
        let hand = start.elapsed().as_secs_f64();
        let start = Instant::now();
        ours().await;
        times.push(hand * 1000.0);
        ratios.push(start.elapsed().as_secs_f64() / hand);
    }
    println!("{name} {:.3} {:.3}", median(times), median(ratios));
}

fn main() {
    let (trips, bytes) = (arg(6), arg(7));
    run(async {
        for (name, deadline) in [
            ("round-trips", true),
            ("round-trips-without-deadline", false),
        ] {
            let hand = || by_hand::round_trips(arg(2), trips, deadline);
            compare(name, hand, async || our_round_trips(trips, deadline).await).await;
        }
        let hand = || by_hand::download(arg(3), bytes);
        compare("download", hand, async || our_download(bytes).await).await;
        let hand = || by_hand::upload(arg(4), bytes);
        compare("upload", hand, async || our_upload(bytes).await).await;
    });
}
