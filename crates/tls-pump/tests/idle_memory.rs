//! What an idle connection keeps. Alone in its program, since the allocator
//! counts for all of it.

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

mod common;

use common::{BOTH, Ca, Pair, Pipe};
use futures_io::AsyncRead;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use tls_pump::TlsStream;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bar: 20 KiB for all that belongs to one connection.
const MOST: usize = 20 * 1024;

/// What the connection has: what is freed with it, and itself.
fn held(pair: Pair) -> usize {
    let before = ALLOCATOR.stats().bytes_deallocated;
    drop(pair.stream);
    let freed = ALLOCATOR.stats().bytes_deallocated - before;
    freed + size_of::<TlsStream<Pipe>>()
}

#[test]
fn sixty_four_kib_kept_per_idle_connection() {
    let ca = Ca::new();
    for version in BOTH {
        let middle = ca.below(|_| ());
        let server = middle.issue(|_| ()).with(&[&middle]).server(&[version]);
        let client = ca.client();
        let settled = || {
            let mut pair = Pair::new(&client, &server);
            pair.handshake().unwrap();
            pair.flush().unwrap();
            pair.server.pump();
            pair
        };
        let mut pair = settled();
        let read = pair.once(|stream, cx| stream.poll_read(cx, &mut [0]));
        assert!(read.is_pending());
        let after_handshake = held(pair);
        // More than all buffers hold, both ways; nobody polls it afterwards.
        let mut pair = settled();
        let said = vec![7; 300_000];
        pair.write_all(&said).unwrap();
        pair.flush().unwrap();
        assert!(pair.read_exact(said.len()).unwrap() == said);
        let after_traffic = held(pair);
        let version = version.version;
        println!("{version:?}: {after_handshake} bytes, {after_traffic} after traffic");
        assert!(after_handshake < MOST, "{version:?}: {after_handshake}");
        assert!(after_traffic < MOST, "{version:?}: {after_traffic}");
    }
}
