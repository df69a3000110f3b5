//! Writes 1,000 bytes and reads until the end: `net_faults EXECUTOR PORT`.
//! Prints how many bytes came and how it ended.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::time::Duration;
use test_guests::{arg, run};

fn main() {
    run(async {
        let connector = wasi_net::Connector::new();
        let mut stream = connector.connect("127.0.0.1", arg(2)).await.unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200)));
        stream.set_write_timeout(Some(Duration::from_millis(200)));
        let mut received = 0;
        let mut buf = [0; 4096];
        let end = match stream.write_all(&[7; 1000]).await {
            Err(error) => Err(error),
            Ok(()) => loop {
                match stream.read(&mut buf).await {
                    Ok(0) => break Ok(()),
                    Ok(len) => received += len,
                    Err(error) => break Err(error),
                }
            },
        };
        match end {
            Ok(()) => println!("{received} end"),
            Err(error) => {
                let inner = error
                    .get_ref()
                    .and_then(|e| e.downcast_ref::<wasi_net::Error>());
                println!("{received} {:?}: {error}", inner.unwrap().kind());
                // The same again, not an end of file.
                if error.kind() != std::io::ErrorKind::TimedOut {
                    let again = stream.read(&mut buf).await.unwrap_err();
                    assert_eq!(again.kind(), error.kind());
                }
            }
        }
    });
}
