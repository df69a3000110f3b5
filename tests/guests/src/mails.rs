//! Long mails from nowhere, and what the component needs to send them.

use stats_alloc::StatsAlloc;
use std::alloc::System;
use wasm_smtp_wasi::wasm_smtp::{IoError, MessageBody};

/// So many bytes of the same line, whose length divides what is asked for.
#[derive(Debug)]
pub struct Lines(pub usize);

impl MessageBody for Lines {
    async fn read_chunk(&mut self, buf: &mut [u8]) -> Result<usize, IoError> {
        let line = [&[b'x'; 62][..], b"\r\n"].concat();
        let len = (buf.len() / line.len() * line.len()).min(self.0);
        for place in buf[..len].chunks_exact_mut(line.len()) {
            place.copy_from_slice(&line);
        }
        self.0 -= len;
        Ok(len)
    }
}

/// What the component has ever needed, in bytes: it gives none back.
#[must_use]
pub fn memory_len() -> usize {
    #[cfg(target_family = "wasm")]
    return core::arch::wasm32::memory_size::<0>() * 65_536;
    #[cfg(not(target_family = "wasm"))]
    unreachable!("guests run inside wasmtime")
}

/// The bytes that the heap holds. What was ever asked for may be more than a
/// number of 32 bits holds.
#[must_use]
pub fn heap_len(allocator: &StatsAlloc<System>) -> usize {
    let stats = allocator.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
}
