//! Under wstd's runtime (feature `wstd`).

use crate::raw::{Driver, Pollable, drive};
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use wstd::runtime::AsyncPollable;

/// Runs `future` inside wstd's runtime, with everything of this crate and of
/// wstd working in it: in `#[wstd::main]`, in an `#[wstd::http_server]`
/// handler, or in a task that was spawned there.
///
/// # Panics
///
/// Outside wstd's runtime, when `future` has to wait.
///
/// # Cancellation
///
/// Dropping it drops `future`; drop it while the runtime runs.
///
/// ```no_run
/// #[wstd::main]
/// async fn main() -> Result<(), wasi_net::Error> {
///     wasi_net::wstd::run(async {
///         let stream = wasi_net::Connector::new().connect("localhost", 25).await?;
///         println!("connected to {}", stream.peer_addr());
///         wstd::task::sleep(wstd::time::Duration::from_secs(1)).await;
///         Ok(())
///     })
///     .await
/// }
/// ```
pub async fn run<F: Future>(future: F) -> F::Output {
    drive(Wstd, future).await
}

struct Wstd;

impl Driver for Wstd {
    fn wait(&self, pollable: Pollable, waker: &Waker) -> Option<Box<dyn Any>> {
        let mut wait = Box::pin(AsyncPollable::new(pollable).wait_for());
        // Polled once, it is in the runtime's list until it is dropped.
        let polled = Pin::new(&mut wait).poll(&mut Context::from_waker(waker));
        polled.is_pending().then(|| Box::new(wait) as Box<dyn Any>)
    }
}
