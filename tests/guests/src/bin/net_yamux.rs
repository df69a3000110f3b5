//! Somebody else's protocol over our stream, eight substreams at once:
//! `net_yamux EXECUTOR PORT`, with a server that echoes on each.

use futures_lite::future::{or, zip};
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::future::poll_fn;
use test_guests::{arg, run};
use yamux::{Config, Connection, Mode, Stream};

/// More than the 256 KiB that a substream may send before its peer has read.
const LEN: usize = 300_000;

/// Writes what no other substream does, and reads it again.
async fn echo(substream: Stream, number: usize) {
    let bytes: Vec<u8> = (0..LEN).map(|n| (n / 7 * (number + 1)) as u8).collect();
    let (mut reader, mut writer) = futures_lite::io::split(substream);
    let write = async {
        writer.write_all(&bytes).await.unwrap();
        writer.close().await.unwrap();
    };
    let mut echo = Vec::new();
    zip(write, async {
        reader.read_to_end(&mut echo).await.unwrap()
    })
    .await;
    assert!(echo == bytes, "substream {number} got another's bytes");
}

fn main() {
    run(async {
        let stream = wasi_net::TcpStream::connect(([127, 0, 0, 1], arg(2)).into()).await;
        let mut connection = Connection::new(stream.unwrap(), Config::default(), Mode::Client);
        let mut echoes = Vec::new();
        for number in 0..8 {
            let substream = poll_fn(|cx| connection.poll_new_outbound(cx)).await;
            echoes.push(echo(substream.unwrap(), number));
        }
        let echoes = async { drop(wasi_net::join_all(echoes).await) };
        // Nothing moves on a substream unless the connection is polled.
        let driver = async {
            let inbound = poll_fn(|cx| connection.poll_next_inbound(cx)).await;
            panic!("the server opens no substream, nor closes: {inbound:?}");
        };
        or(echoes, driver).await;
        poll_fn(|cx| connection.poll_close(cx)).await.unwrap();
    });
}
