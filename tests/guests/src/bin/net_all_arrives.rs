//! What is written and closed arrives, however slowly the peer reads: `net_all_arrives
//! EXECUTOR PORT LEN...`, a connection for each length.

use futures_lite::AsyncWriteExt as _;
use test_guests::{arg, run};
use wasi_net::TcpStream;

fn main() {
    run(async {
        let lens = std::env::args().skip(3);
        for len in lens.map(|len| len.parse::<usize>().unwrap()) {
            let stream = TcpStream::connect(([127, 0, 0, 1], arg(2)).into()).await;
            let mut stream = stream.unwrap();
            stream.write_all(&vec![7; len]).await.unwrap();
            stream.close().await.unwrap();
        }
    });
}
