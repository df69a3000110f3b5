//! Somebody else's protocol, the client's side: eight substreams at once, whose
//! bytes a server sends back.

use futures_lite::future::{or, zip};
use futures_lite::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use std::future::poll_fn;
use yamux::{Config, Connection, Mode, Stream};

/// More than the 256 KiB that a substream may send before its peer has read.
const LEN: usize = 300_000;

/// Speaks it over `stream`, and closes that.
///
/// # Panics
///
/// When anything else comes back than was sent.
pub async fn eight_substreams(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut connection = Connection::new(stream, Config::default(), Mode::Client);
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
}

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
