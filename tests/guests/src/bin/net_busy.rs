//! A task that never waits, beside a socket with an echo server: all replies
//! come: `net_busy EXECUTOR PORT`.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::future::poll_fn;
use std::task::Poll;
use test_guests::{arg, run};

fn main() {
    run(async {
        let stream = wasi_net::TcpStream::connect(([127, 0, 0, 1], arg(2)).into()).await;
        let mut stream = stream.unwrap();
        let replies = async {
            for n in 0..100 {
                stream.write_all(&[n]).await.unwrap();
                let mut echo = [0];
                stream.read_exact(&mut echo).await.unwrap();
                assert_eq!(echo, [n]);
            }
        };
        let busy = poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        futures_lite::future::or(replies, busy).await;
    });
}
