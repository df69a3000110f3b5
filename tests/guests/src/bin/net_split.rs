//! A reader that waits and a writer that never flushes, in two futures, with an
//! echo server: `net_split EXECUTOR PORT`.

use futures_lite::future::zip;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use test_guests::{arg, run};

const LEN: usize = 3_000_000;

fn main() {
    run(async {
        let stream = wasi_net::TcpStream::connect(([127, 0, 0, 1], arg(2)).into()).await;
        let (mut reader, mut writer) = stream.unwrap().into_split();
        let write = async {
            for n in 0..LEN / 1000 {
                writer.write_all(&[n as u8; 1000]).await.unwrap();
            }
            writer
        };
        let read = async {
            let mut echo = vec![0; LEN];
            reader.read_exact(&mut echo).await.unwrap();
            assert!(
                echo.chunks(1000)
                    .zip(0..)
                    .all(|(chunk, n)| chunk == [n as u8; 1000])
            );
            reader
        };
        let (writer, mut reader) = zip(write, read).await;
        // One half alone keeps the connection open; the other's close ends it,
        // also for a reader that waits.
        let mut writer = writer;
        let waiting = async { reader.read(&mut [0]).await.unwrap_err() };
        let close = async { writer.close().await.unwrap() };
        let error = zip(waiting, close).await.0;
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}
