//! The host's side: WASI 0.2 where there is one, and elsewhere just enough for
//! `block_on`, timers and errors to work, so that all else builds and tests
//! natively.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod wasi;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub(crate) use wasi::*;

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
mod native;
#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
pub(crate) use native::*;

/// The longest time of a host's timer: one beyond 24.8 days (2^31 ms) may ring at once
/// under jco. Whoever waits for longer looks at the clock then, and waits on.
pub(crate) const LONGEST_TIMER: std::time::Duration =
    std::time::Duration::from_secs(20 * 24 * 60 * 60);

/// What can be set on a socket. Times are rounded and clamped by the host
/// (wasmtime: 1 to 32,767 s).
#[cfg_attr(
    not(all(target_os = "wasi", target_env = "p2")),
    allow(dead_code, reason = "only a socket's host reads the values")
)]
#[derive(Clone, Copy)]
pub(crate) enum SocketOption {
    KeepAlive(bool),
    KeepAliveIdle(std::time::Duration),
    KeepAliveInterval(std::time::Duration),
    KeepAliveCount(u32),
    HopLimit(u8),
    ReceiveBuffer(usize),
    SendBuffer(usize),
}
