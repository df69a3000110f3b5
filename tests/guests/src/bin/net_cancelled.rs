//! Futures dropped half-way lose nothing: `net_cancelled EXECUTOR ECHO
//! BLACK_HOLE`, two ports.

use futures_lite::future::{or, poll_once, zip};
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::pin::pin;
use std::time::Duration;
use test_guests::{Executor, arg, run};
use wasi_net::{Connector, TcpStream, timeout};

const SHORT: Duration = Duration::from_millis(20);

async fn round_trip(stream: &mut TcpStream) {
    stream.write_all(b"ping").await.unwrap();
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"ping");
}

fn main() {
    let executor: Executor = arg(1);
    let mut stream = run(async {
        let connector = Connector::new();
        let mut stream = connector.connect("127.0.0.1", arg(2)).await.unwrap();
        // A read, cancelled by our timer and by the executor's.
        timeout(SHORT, stream.read(&mut [0])).await.unwrap_err();
        let late = async {
            executor.sleep(SHORT).await;
            Ok(7)
        };
        assert_eq!(or(stream.read(&mut [0]), late).await.unwrap(), 7);
        round_trip(&mut stream).await;
        // A connect, cancelled before and while it waits.
        drop(connector.connect("127.0.0.1", arg(3)));
        assert!(
            poll_once(pin!(connector.connect("127.0.0.1", arg(3))))
                .await
                .is_none()
        );
        timeout(SHORT, connector.connect("127.0.0.1", arg(3)))
            .await
            .unwrap_err();
        // Two waits at once, one of them a timer.
        let sleep = wasi_net::sleep(SHORT);
        zip(sleep, round_trip(&mut stream)).await;
        // A read that is still waiting when the runtime ends.
        assert!(poll_once(pin!(stream.read(&mut [0]))).await.is_none());
        stream
    });
    // The stream outlives its runtime, and works in the next, of each kind.
    run(round_trip(&mut stream));
    wasi_net::block_on(round_trip(&mut stream));
    run(async { assert!(poll_once(pin!(stream.read(&mut [0]))).await.is_none()) });
    drop(stream);
    run(async {
        let connector = Connector::new();
        round_trip(&mut connector.connect("127.0.0.1", arg(2)).await.unwrap()).await;
    });
}
