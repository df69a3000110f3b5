//! Streams dropped while their peers stall:
//! `net_graveyard EXECUTOR STALLED ECHO CONTROL COUNT TRIPS`, three ports. When
//! all are dropped, it does round trips beside them, says so by a byte on the
//! control connection, and waits until every one is reclaimed after the host
//! has let the peers go. Prints the milliseconds of the slowest drop, and how
//! much longer the round trips took than before.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::time::{Duration, Instant};
use test_guests::{arg, run};
use wasi_net::{Connector, ErrorKind, stalled_connections};

async fn connect(port: usize) -> wasi_net::TcpStream {
    let connector = Connector::new();
    connector.connect("127.0.0.1", arg(port)).await.unwrap()
}

/// The time that the drop of a stream with a write in flight takes.
async fn stall_and_drop() -> Duration {
    let mut stream = connect(2).await;
    // A thousand of them would hold gigabytes with the host's default.
    stream.set_send_buffer_len(4096).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(1)));
    while stream.write(&[0; 64 * 1024]).await.is_ok() {}
    let start = Instant::now();
    drop(stream);
    start.elapsed()
}

/// The seconds that the round trips take.
async fn round_trips(echo: &mut wasi_net::TcpStream) -> f64 {
    let start = Instant::now();
    for n in 0..arg::<usize>(6) {
        echo.write_all(&[n as u8]).await.unwrap();
        let mut reply = [0];
        echo.read_exact(&mut reply).await.unwrap();
        assert_eq!(reply, [n as u8]);
    }
    start.elapsed().as_secs_f64()
}

fn main() {
    run(async {
        let count: usize = arg(5);
        let mut control = connect(4).await;
        let mut echo = connect(3).await;
        let alone = round_trips(&mut echo).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..count {
            slowest = slowest.max(stall_and_drop().await);
        }
        assert_eq!(stalled_connections(), count);
        if count == 256 {
            let full = Connector::new().connect("127.0.0.1", arg(3)).await;
            assert_eq!(full.unwrap_err().kind(), ErrorKind::TooManyStalled);
        }
        let beside = round_trips(&mut echo).await / alone;
        control.write_all(&[1]).await.unwrap();
        control.flush().await.unwrap();
        // The host closes the peers, then the control connection.
        assert_eq!(control.read(&mut [0]).await.unwrap(), 0);
        while stalled_connections() > 0 {
            wasi_net::sleep(Duration::from_millis(1)).await;
        }
        drop(connect(3).await);
        println!("{:.3} {beside:.3}", slowest.as_secs_f64() * 1000.0);
    });
}
