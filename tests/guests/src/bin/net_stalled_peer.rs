//! A peer that neither reads nor writes: every wait ends by its timeout, never
//! early, and dropping the stream does not wait:
//! `net_stalled_peer EXECUTOR PORT`. Prints how many bytes were pending and the
//! milliseconds of the drop, while the peer stalls.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};
use test_guests::{arg, run};

const TIMEOUT: Duration = Duration::from_millis(50);

fn assert_timed_out(error: &io::Error, start: Instant) {
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(
        start.elapsed() >= TIMEOUT,
        "early, after {:?}",
        start.elapsed()
    );
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<wasi_net::Error>());
    assert_eq!(inner.unwrap().kind(), wasi_net::ErrorKind::TimedOut);
}

fn main() {
    run(async {
        let connector = wasi_net::Connector::new();
        let mut stream = connector.connect("127.0.0.1", arg(2)).await.unwrap();
        stream.set_read_timeout(Some(TIMEOUT));
        stream.set_write_timeout(Some(TIMEOUT));
        for _ in 0..3 {
            let start = Instant::now();
            let error = stream.read(&mut [0]).await.unwrap_err();
            assert_timed_out(&error, start);
        }
        // More than the kernel's buffers of both sides take.
        let chunk = vec![0; 64 * 1024];
        let mut sent = 0;
        let (start, error) = loop {
            let start = Instant::now();
            match stream.write(&chunk).await {
                Ok(len) => sent += len,
                Err(error) => break (start, error),
            }
        };
        assert_timed_out(&error, start);
        assert!(sent > 64 * 1024, "only {sent} bytes were taken");
        stream.set_write_timeout(None);
        stream.set_read_timeout(None);
        stream.set_deadline(Some(Instant::now() + TIMEOUT));
        assert_timed_out(&stream.flush().await.unwrap_err(), Instant::now() - TIMEOUT);
        assert_timed_out(
            &stream.read(&mut [0]).await.unwrap_err(),
            Instant::now() - TIMEOUT,
        );
        let start = Instant::now();
        drop(stream);
        let took = start.elapsed();
        println!("{sent} {:.3}", took.as_secs_f64() * 1000.0);
    });
}
