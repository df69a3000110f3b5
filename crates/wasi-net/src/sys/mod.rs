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
