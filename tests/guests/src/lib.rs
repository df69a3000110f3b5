//! What the guests share. Each is a program of its own in `src/bin`, run by the
//! host test of the same name; it panics on what it does not expect.
//!
//! The network guests take the name of an [`Executor`] as their first argument:
//! whatever works in one works in all.

pub mod clients;
pub mod handshakes;
pub mod in_memory;
pub mod mails;
pub mod throughput;
pub mod tls;
pub mod yamux_client;

use std::future::Future;
use std::str::FromStr;

/// The argument at `index` (1 is the first behind the program's name).
///
/// # Panics
///
/// When there is none, or it is of another type.
#[must_use]
pub fn arg<T: FromStr>(index: usize) -> T {
    let arg = std::env::args()
        .nth(index)
        .unwrap_or_else(|| panic!("argument {index} is missing"));
    arg.parse()
        .unwrap_or_else(|_| panic!("argument {index} is of another type: {arg}"))
}

/// Who runs a guest's futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// `wasi_net::block_on`.
    Own,
    /// wstd, through `wasi_net::wstd::run`.
    Wstd,
    /// futures-lite's `block_on`, which knows nothing of WASI.
    FuturesLite,
    /// tokio's current-thread runtime, without `net` and unstable flags.
    Tokio,
}

impl FromStr for Executor {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Ok(match name {
            "own" => Self::Own,
            "wstd" => Self::Wstd,
            "futures-lite" => Self::FuturesLite,
            "tokio" => Self::Tokio,
            _ => return Err(()),
        })
    }
}

impl Executor {
    /// Runs `future` to its end.
    pub fn run<F: Future>(self, future: F) -> F::Output {
        match self {
            Self::Own => wasi_net::block_on(future),
            Self::FuturesLite => futures_lite::future::block_on(future),
            #[cfg(all(target_os = "wasi", target_env = "p2"))]
            Self::Wstd => wstd::runtime::block_on(wasi_net::wstd::run(future)),
            #[cfg(all(target_os = "wasi", target_env = "p2"))]
            Self::Tokio => {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.enable_time().build().expect("a runtime");
                runtime.block_on(future)
            }
            #[cfg(not(all(target_os = "wasi", target_env = "p2")))]
            Self::Wstd | Self::Tokio => unreachable!("guests run inside wasmtime"),
        }
    }

    /// Waits by the executor's own timer, if it has one.
    pub async fn sleep(self, duration: std::time::Duration) {
        match self {
            #[cfg(all(target_os = "wasi", target_env = "p2"))]
            Self::Wstd => drop(wstd::task::sleep(duration.into()).await),
            #[cfg(all(target_os = "wasi", target_env = "p2"))]
            Self::Tokio => tokio::time::sleep(duration).await,
            _ => wasi_net::sleep(duration).await,
        }
    }
}

/// Runs the guest with the executor that its first argument names.
pub fn run<F: Future>(future: F) -> F::Output {
    arg::<Executor>(1).run(future)
}

/// The value in the middle, of those that are as many below as above.
///
/// # Panics
///
/// When there is no value.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The workspace README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
