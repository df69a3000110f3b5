//! A deadline of 300 ms, for each thing that can wait:
//! `net_deadlines EXECUTOR TRIES BLACK_HOLE SILENT STALLED`, three ports of
//! 127.0.0.1. Prints the milliseconds of each try, a line for each thing.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::future::Future;
use std::io;
use std::time::{Duration, Instant};
use test_guests::{arg, run};
use wasi_net::{Connector, TcpStream};

const DEADLINE: Duration = Duration::from_millis(300);

/// A resolver that never answers.
struct Never;

impl wasi_net::Resolve for Never {
    fn resolve<'a>(&'a self, _: &'a str) -> wasi_net::Resolving<'a> {
        Box::pin(std::future::pending())
    }
}

async fn measure<T, F>(name: &str, mut operation: impl FnMut() -> F)
where
    F: Future<Output = (Instant, io::Result<T>)>,
{
    print!("{name}");
    for _ in 0..arg(2) {
        let (start, result) = operation().await;
        let took = start.elapsed();
        match result {
            Ok(_) => panic!("{name}: it should not have worked"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{name}: {error}"),
        }
        assert!(took >= DEADLINE, "{name}: early, after {took:?}");
        print!(" {:.3}", took.as_secs_f64() * 1000.0);
    }
    println!();
}

async fn connected(port: usize) -> TcpStream {
    let connector = Connector::new();
    connector.connect("127.0.0.1", arg(port)).await.unwrap()
}

fn main() {
    let connector = || Connector::new().timeout(DEADLINE);
    run(async {
        measure("connect", async || {
            let connector = connector();
            let start = Instant::now();
            let result = connector.connect("127.0.0.1", arg(3)).await;
            (start, result.map_err(io::Error::from))
        })
        .await;
        measure("read", async || {
            let mut stream = connected(4).await;
            stream.set_read_timeout(Some(DEADLINE));
            let start = Instant::now();
            (start, stream.read(&mut [0]).await)
        })
        .await;
        measure("write", async || {
            let mut stream = connected(5).await;
            stream.set_write_timeout(Some(DEADLINE));
            loop {
                let start = Instant::now();
                let result = stream.write(&[0; 64 * 1024]).await;
                if result.is_err() {
                    return (start, result);
                }
            }
        })
        .await;
        measure("resolve", async || {
            let connector = connector().resolver(Never);
            let start = Instant::now();
            let result = connector.connect("name.test", 25).await;
            (start, result.map_err(io::Error::from))
        })
        .await;
    });
}
