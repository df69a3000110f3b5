//! Servers of other people's protocols.

use std::future::poll_fn;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};
use yamux::{Config, Connection, Mode};

/// Echoes on every substream until the client closes, which may be a reset, and
/// counts them.
///
/// # Panics
///
/// When a substream fails.
pub async fn echo_substreams(stream: impl AsyncRead + AsyncWrite + Unpin) -> usize {
    let mut connection = Connection::new(stream.compat(), Config::default(), Mode::Server);
    let mut echoes = JoinSet::new();
    while let Some(Ok(substream)) = poll_fn(|cx| connection.poll_next_inbound(cx)).await {
        let substream = substream.compat();
        echoes.spawn(async move {
            let (mut read, mut write) = tokio::io::split(substream);
            tokio::io::copy(&mut read, &mut write).await.unwrap();
            write.shutdown().await.unwrap();
        });
    }
    echoes.join_all().await.len()
}

/// Answers every request with so many bytes, which the client has to let the server
/// send anew (WINDOW_UPDATE).
///
/// # Errors
///
/// The system's.
pub async fn h2_server() -> io::Result<(JoinSet<()>, u16)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            // A client that resets has had enough.
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            let Ok(mut connection) = h2::server::handshake(stream).await else {
                continue;
            };
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let response = http::Response::new(());
                if let Ok(mut body) = respond.send_response(response, false) {
                    let _ = body.send_data(vec![7; 40_000].into(), true);
                }
            }
        }
    });
    Ok((serving, port))
}
