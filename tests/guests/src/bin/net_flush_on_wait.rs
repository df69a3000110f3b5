//! A peer that does not read, and a flush that waits for it: `net_flush_on_wait EXECUTOR
//! PORT`. It ends by its timeout, and the component sleeps meanwhile.

use futures_lite::AsyncWriteExt as _;
use std::io::ErrorKind;
use std::time::Duration;
use test_guests::{arg, run};
use wasi_net::TcpStream;

fn main() {
    run(async {
        let stream = TcpStream::connect(([127, 0, 0, 1], arg(2)).into()).await;
        let mut stream = stream.unwrap();
        stream.set_flush_on_wait(true);
        stream.set_write_timeout(Some(Duration::from_millis(200)));
        let chunk = vec![7; 64 * 1024];
        let error = loop {
            if let Err(error) = stream.write_all(&chunk).await {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let error = stream.flush().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}
