//! Somebody else's protocol over our stream: `net_yamux EXECUTOR PORT`, with a
//! server that echoes on each substream.

use test_guests::yamux_client::eight_substreams;
use test_guests::{arg, run};
use wasi_net::TcpStream;

fn main() {
    run(async {
        let stream = TcpStream::connect(([127, 0, 0, 1], arg(2)).into()).await;
        eight_substreams(stream.unwrap()).await;
    });
}
