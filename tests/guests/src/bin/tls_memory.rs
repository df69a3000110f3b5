//! The heap that an idle TLS connection keeps: `tls_memory EXECUTOR PORT CA_FILE`,
//! with an echo. Prints two lines, `full` and `resumed`: the bytes of each of
//! 20 connections when the tickets and a first byte have been read, and after
//! 1 MiB each way, in records of full size. Idle means that a read has found
//! nothing.
//!
//! What `size_of` says of the stream counts, but not what the connection below
//! it is and has when it is made; what that keeps later, for writing, does count.
//! Sessions belong to the configuration: the full handshakes keep none, and the
//! cache is as full before the resumed ones as after them.

use futures_lite::future::{poll_once, zip};
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use test_guests::clients::RECORD;
use test_guests::run;
use test_guests::tls::{config, connect, over};
use tls_pump::{TlsConfig, TlsStream};
use wasi_net::TcpStream;

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Stream = TlsStream<TcpStream>;

const CONNECTIONS: usize = 20;
const MIB: usize = 1024 * 1024;

/// So many tickets of a server fill its place in the cache.
const TICKETS: usize = 8;

/// The bytes that the heap holds. What was ever asked for may be more than a
/// number of 32 bits holds.
fn heap() -> usize {
    let stats = GLOBAL.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
}

/// Writes `len` bytes while reading them.
async fn echo(stream: &mut Stream, len: usize) {
    let (mut reader, mut writer) = futures_lite::io::split(stream);
    let write = async {
        let chunk = [7; RECORD];
        let mut left = len;
        while left > 0 {
            let part = &chunk[..left.min(chunk.len())];
            writer.write_all(part).await.unwrap();
            left -= part.len();
        }
        writer.flush().await.unwrap();
    };
    let read = async {
        let mut chunk = [0; RECORD];
        let mut left = len;
        while left > 0 {
            left -= reader.read(&mut chunk).await.unwrap();
        }
    };
    zip(write, read).await;
}

/// The handshake and a byte there and back: the server's tickets come before it.
async fn begin(tcp: TcpStream, config: &TlsConfig) -> Stream {
    let mut stream = over(tcp, config);
    stream.handshake().await.unwrap();
    echo(&mut stream, 1).await;
    wait(&mut stream).await;
    stream
}

/// An idle connection waits for what its peer may say.
async fn wait(stream: &mut Stream) {
    assert!(poll_once(stream.read(&mut [0])).await.is_none());
}

async fn measure(name: &str, config: &TlsConfig, resumed: bool) {
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        sockets.push(connect().await);
    }
    let mut streams = Vec::with_capacity(CONNECTIONS);

    let before = heap();
    let inline = size_of::<Stream>() - size_of::<TcpStream>();
    let each = || heap().wrapping_sub(before) / CONNECTIONS + inline;
    for tcp in sockets.drain(..) {
        streams.push(begin(tcp, config).await);
    }
    let idle = each();
    for stream in &mut streams {
        assert_eq!(stream.connection_info().unwrap().resumed, resumed);
        echo(stream, MIB).await;
        wait(stream).await;
    }
    println!("{name} {idle} {}", each());
}

fn main() {
    run(async {
        let without_sessions = config().sessions(0).build().unwrap();
        // The first connection of all makes what lasts.
        begin(connect().await, &without_sessions).await;
        measure("full", &without_sessions, false).await;
        let sessions = config().build().unwrap();
        for _ in 0..TICKETS {
            begin(connect().await, &sessions).await;
        }
        measure("resumed", &sessions, true).await;
    });
}
