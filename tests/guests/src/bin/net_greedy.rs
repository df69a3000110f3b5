//! A peer that sends without end must not decide what else goes on:
//! `net_greedy EXECUTOR FLOOD ECHO`, two ports. The first sends for ever and
//! takes all, the second is an echo server.

use futures_lite::future::{or, yield_now};
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use test_guests::{arg, run};
use wasi_net::{TcpStream, timeout};

const SHORT: Duration = Duration::from_millis(50);

async fn connect(port: usize) -> TcpStream {
    let connector = wasi_net::Connector::new();
    connector.connect("127.0.0.1", arg(port)).await.unwrap()
}

async fn read_on(stream: &mut (impl futures_lite::AsyncRead + Unpin)) -> std::io::Error {
    let mut buf = [0; 1024];
    loop {
        match stream.read(&mut buf).await {
            Ok(len) => assert!(len > 0),
            Err(error) => return error,
        }
    }
}

fn main() {
    run(async {
        let mut flood = connect(2).await;
        // A timeout around it, a deadline of its own, and a neighbour.
        timeout(SHORT, read_on(&mut flood)).await.unwrap_err();
        flood.set_deadline(Some(Instant::now() + SHORT));
        assert_eq!(read_on(&mut flood).await.kind(), ErrorKind::TimedOut);
        flood.set_deadline(None);
        let mut echo = connect(3).await;
        let round_trips = async {
            for n in 0..20 {
                echo.write_all(&[n]).await.unwrap();
                let mut reply = [0];
                echo.read_exact(&mut reply).await.unwrap();
            }
        };
        or(round_trips, async {
            panic!("{}", read_on(&mut flood).await)
        })
        .await;
        // A neighbour that writes whenever it is polled.
        let (mut reader, mut writer) = flood.into_split();
        reader.set_timeout(Some(Duration::from_secs(5)));
        let write = async {
            loop {
                writer.write_all(&[7; 100]).await.unwrap();
                yield_now().await;
            }
        };
        let read = async { reader.read_exact(&mut vec![0; 1_000_000]).await.unwrap() };
        or(read, write).await;
    });
}
