//! A peer that neither reads nor writes: every wait ends by its timeout, and
//! dropping the stream does not wait: `net_stalled_peer PORT`. Prints `dropped`
//! while the peer still stalls.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use test_guests::arg;

const TIMEOUT: Duration = Duration::from_millis(50);

fn main() {
    wasi_net::block_on(async {
        let mut stream = wasi_net::Connector::new()
            .connect("127.0.0.1", arg(1))
            .await
            .unwrap();
        stream.set_read_timeout(Some(TIMEOUT));
        stream.set_write_timeout(Some(TIMEOUT));

        let start = Instant::now();
        let error = stream.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(
            start.elapsed() >= TIMEOUT,
            "early, after {:?}",
            start.elapsed()
        );
        let inner = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<wasi_net::Error>())
            .unwrap();
        assert_eq!(inner.kind(), wasi_net::ErrorKind::TimedOut);

        // More than the kernel's buffers of both sides take.
        let chunk = vec![0; 64 * 1024];
        let error = loop {
            match stream.write_all(&chunk).await {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);

        stream.set_write_timeout(None);
        stream.set_deadline(Some(Instant::now() + TIMEOUT));
        assert_eq!(
            stream.flush().await.unwrap_err().kind(),
            ErrorKind::TimedOut
        );

        drop(stream);
        println!("dropped");
    });
}
