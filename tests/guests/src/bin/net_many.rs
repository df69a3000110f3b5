//! Many connections at once, each with one round trip to an echo server:
//! `net_many EXECUTOR PORT COUNT`. Prints the milliseconds they took.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::time::Instant;
use test_guests::{arg, run};

async fn session(n: usize) {
    let connector = wasi_net::Connector::new();
    let mut stream = connector.connect("127.0.0.1", arg(2)).await.unwrap();
    let sent = n.to_le_bytes();
    stream.write_all(&sent).await.unwrap();
    let mut echo = [0; size_of::<usize>()];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo, sent);
}

fn main() {
    let start = Instant::now();
    run(wasi_net::join_all((0..arg(3)).map(session)));
    println!("{:.3}", start.elapsed().as_secs_f64() * 1000.0);
}
