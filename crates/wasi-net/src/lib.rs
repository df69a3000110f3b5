//! Sockets, names and time for WASI 0.2 components: async TCP that cannot hang.
//!
//! - [`block_on`] runs a future; [`sleep`], [`timeout()`] and [`Deadline`] are
//!   its clock, [`join_all`] runs many at once.
//! - [`Connector`] opens connections by name, racing all addresses (RFC 8305);
//!   [`Resolve`] takes the place of the host's resolver.
//! - [`TcpStream`] is `futures-io`'s `AsyncRead + AsyncWrite`, with timeouts of
//!   its own. What is written leaves in one host write, since WASI has no
//!   `TCP_NODELAY`; dropping it never waits, though the host's drop does.
//! - [`Error`] says what was tried, on what and why it failed, and which
//!   permission the host lacks.
//!
//! The futures work in [`block_on`], under wstd by `wstd::run` (feature `wstd`),
//! under other runtimes that know pollables by `raw::drive`, and under executors
//! that know nothing of WASI: there a wait wakes itself, and blocks for 0.1 to
//! 5 ms at a time when it is polled again and nothing has come.
//!
//! It knows nothing of TLS or of any protocol above TCP, and runs no background
//! tasks: what must happen later happens at the next call.
//!
//! ```no_run,ignore-linux,ignore-darwin,ignore-windows
//! use futures_io::{AsyncRead, AsyncWrite};
//! use std::{future::poll_fn, pin::Pin};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     wasi_net::block_on(async {
//!         let mut stream = wasi_net::Connector::new().connect("localhost", 25).await?;
//!         let mut greeting = [0; 512];
//!         let len = poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut greeting)).await?;
//!         println!("{}", String::from_utf8_lossy(&greeting[..len]));
//!         poll_fn(|cx| Pin::new(&mut stream).poll_close(cx)).await?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # Other targets
//!
//! Everything builds and documents natively, and what needs no socket works
//! there. Opening a socket gives [`ErrorKind::Unsupported`] in debug builds; in
//! release builds the call does not compile and says what to build for.

mod connect;
mod error;
mod ip;
mod join;
mod race;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub mod raw;
mod reactor;
mod resolve;
mod sys;
mod table;
mod target;
mod tcp;
mod time;
mod timers;
mod waiting;
#[cfg(all(feature = "wstd", target_os = "wasi", target_env = "p2"))]
pub mod wstd;

pub use connect::{AddressFamily, Connector};
pub use error::{Error, ErrorKind, Operation};
pub use join::join_all;
pub use reactor::{block_on, is_driven};
pub use resolve::{Resolve, Resolving, resolve};
pub use table::stalled_connections;
pub use target::WasiTarget;
pub use tcp::{KeepAlive, ReadHalf, TcpStream, WriteHalf};
pub use time::{Deadline, Elapsed, sleep, timeout};
pub use waiting::DEFAULT_TIMEOUT;

/// Streams and futures fit executors that ask for `Send`.
#[cfg(any(all(target_os = "wasi", target_env = "p2"), debug_assertions))]
const _: fn() = || {
    fn is_send<T: Send>(_: fn() -> T) {}
    fn is_send_value(_: impl Send) {}
    is_send(|| -> (TcpStream, ReadHalf, WriteHalf, Connector, Error) { unreachable!() });
    is_send_value(resolve(""));
    is_send_value(Connector::new().connect("", 0));
    is_send_value(sleep(std::time::Duration::ZERO));
};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
