//! A reset that a write meets before a read does, and a plain end: `net_reset EXECUTOR PORT
//! CONTROL`. On the first connection the peer resets once it has read, on the second it
//! ends; on the control connection it says that this is done.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::io::ErrorKind;
use test_guests::{arg, run};
use wasi_net::TcpStream;

async fn connect(index: usize) -> TcpStream {
    let stream = TcpStream::connect(([127, 0, 0, 1], arg(index)).into()).await;
    stream.unwrap()
}

async fn write(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"something").await?;
    stream.flush().await
}

fn main() {
    run(async {
        let mut control = connect(3).await;
        let mut reset = connect(2).await;
        // The flush may know of the reset by then, as the next write may.
        let _ = write(&mut reset).await;
        control.read_exact(&mut [0]).await.unwrap();
        let _ = reset.write_all(b"more").await;
        let mut all = Vec::new();
        let error = reset.read_to_end(&mut all).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        // Neither direction forgets.
        let error = reset.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let error = write(&mut reset).await.unwrap_err();
        assert!(matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ));

        all.clear();
        let mut ended = connect(2).await;
        write(&mut ended).await.unwrap();
        control.read_exact(&mut [0]).await.unwrap();
        ended.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"the end");
        // Only the second write may show that nobody reads any more.
        let error = loop {
            if let Err(error) = write(&mut ended).await {
                break error;
            }
        };
        assert!(matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ));
        assert_eq!(ended.read(&mut [0]).await.unwrap(), 0, "it stays an end");
    });
}
