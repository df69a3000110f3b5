//! What belongs together leaves together, counted by the host:
//! `tls_flights EXECUTOR PORT CA_FILE`, with an echo. Each scenario has a
//! connection of its own; its name is printed. No session is resumed but in the
//! last, to which the one before belongs.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use test_guests::run;
use test_guests::tls::{config, connect, over};
use tls_pump::{TlsConfig, TlsStream};
use wasi_net::TcpStream;

type Stream = TlsStream<TcpStream>;

/// Names it, and does the handshake.
async fn begin(name: &str, config: &TlsConfig) -> Stream {
    println!("{name}");
    let mut stream = over(connect().await, config);
    stream.handshake().await.unwrap();
    stream
}

/// Flushes, and waits for all of it to come back.
async fn echo(stream: &mut Stream, written: &[u8]) {
    stream.flush().await.unwrap();
    let mut echo = vec![0; written.len()];
    stream.read_exact(&mut echo).await.unwrap();
    assert!(echo == written);
}

async fn round_trip(stream: &mut Stream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    echo(stream, bytes).await;
}

fn main() {
    run(async {
        let full = config().sessions(0).build().unwrap();

        let mut stream = begin("data behind the handshake", &full).await;
        round_trip(&mut stream, b"hello").await;

        println!("data before the handshake");
        let mut stream = over(connect().await, &full);
        round_trip(&mut stream, b"hello").await;

        let mut stream = begin("Finished flushed by itself", &full).await;
        stream.flush().await.unwrap();
        round_trip(&mut stream, b"hello").await;

        let mut stream = begin("many small writes", &full).await;
        for byte in b"hello" {
            stream.write_all(&[*byte]).await.unwrap();
        }
        echo(&mut stream, b"hello").await;

        let mut stream = begin("40 KB", &full).await;
        round_trip(&mut stream, &[7; 40_000]).await;

        let mut stream = begin("closed after an echo", &full).await;
        round_trip(&mut stream, b"hello").await;
        stream.close().await.unwrap();

        let mut stream = begin("written and closed", &full).await;
        stream.write_all(b"hello").await.unwrap();
        stream.close().await.unwrap();

        let sessions = config().build().unwrap();
        for (name, resumed) in [("to be resumed", false), ("resumed", true)] {
            let mut stream = begin(name, &sessions).await;
            assert_eq!(stream.connection_info().unwrap().resumed, resumed);
            round_trip(&mut stream, b"hello").await;
        }
    });
}
