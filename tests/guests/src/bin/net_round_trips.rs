//! Two writes and a read, again and again, with an echo server:
//! `net_round_trips EXECUTOR PORT COUNT TIMED`. If `true`, prints the
//! milliseconds of the slowest.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::time::{Duration, Instant};
use test_guests::{arg, run};

fn main() {
    run(async {
        let connector = wasi_net::Connector::new();
        let mut stream = connector.connect("127.0.0.1", arg(2)).await.unwrap();
        let mut slowest = Duration::ZERO;
        let timed: bool = arg(4);
        for _ in 0..arg(3) {
            let start = timed.then(Instant::now);
            stream.write_all(b"hello, ").await.unwrap();
            stream.write_all(b"world").await.unwrap();
            let mut echo = [0; 12];
            stream.read_exact(&mut echo).await.unwrap();
            assert_eq!(&echo, b"hello, world");
            slowest = slowest.max(start.map_or(slowest, |start| start.elapsed()));
        }
        if timed {
            println!("{:.3}", slowest.as_secs_f64() * 1000.0);
        }
        stream.close().await.unwrap();
        let error = stream.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe, "not the end");
        let error = stream.write_all(b"late").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}
