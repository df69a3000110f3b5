//! Two writes and a read, again and again, with an echo server:
//! `net_round_trips EXECUTOR PORT COUNT`.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use test_guests::{arg, run};

fn main() {
    run(async {
        let connector = wasi_net::Connector::new();
        let mut stream = connector.connect("127.0.0.1", arg(2)).await.unwrap();
        for _ in 0..arg(3) {
            stream.write_all(b"hello, ").await.unwrap();
            stream.write_all(b"world").await.unwrap();
            let mut echo = [0; 12];
            stream.read_exact(&mut echo).await.unwrap();
            assert_eq!(&echo, b"hello, world");
        }
        stream.close().await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "the end");
        let error = stream.write_all(b"late").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}
