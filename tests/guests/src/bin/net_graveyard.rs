//! Streams dropped while their peers stall:
//! `net_graveyard EXECUTOR STALLED ECHO CONTROL COUNT`, three ports. When all
//! are dropped, it does round trips beside them, says so by a byte on the
//! control connection, and waits until every one is reclaimed after the host
//! has let the peers go. Prints the milliseconds of the slowest drop.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::time::{Duration, Instant};
use test_guests::{arg, run};
use wasi_net::{Connector, stalled_connections};

async fn connect(port: usize) -> wasi_net::TcpStream {
    let connector = Connector::new();
    connector.connect("127.0.0.1", arg(port)).await.unwrap()
}

/// The time that the drop of a stream with a write in flight takes.
async fn stall_and_drop() -> Duration {
    let mut stream = connect(2).await;
    stream.set_write_timeout(Some(Duration::from_millis(1)));
    while stream.write(&[0; 64 * 1024]).await.is_ok() {}
    let start = Instant::now();
    drop(stream);
    start.elapsed()
}

fn main() {
    run(async {
        let count: usize = arg(5);
        let mut control = connect(4).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..count {
            slowest = slowest.max(stall_and_drop().await);
        }
        assert_eq!(stalled_connections(), count);
        let mut echo = connect(3).await;
        for n in 0..100 {
            echo.write_all(&[n]).await.unwrap();
            let mut reply = [0];
            echo.read_exact(&mut reply).await.unwrap();
            assert_eq!(reply, [n]);
        }
        control.write_all(&[1]).await.unwrap();
        control.flush().await.unwrap();
        // The host closes the peers, then the control connection.
        assert_eq!(control.read(&mut [0]).await.unwrap(), 0);
        while stalled_connections() > 0 {
            wasi_net::sleep(Duration::from_millis(1)).await;
        }
        println!("{:.3}", slowest.as_secs_f64() * 1000.0);
    });
}
