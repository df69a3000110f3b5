//! Futures that never wait for an executor that can't wake them.

use std::future::{Future, poll_fn};
use std::pin::Pin;

/// Runs `future` as it is where somebody waits for the host's events. Elsewhere
/// it runs to its end in its first poll, since the executor there may be one
/// that polls once: `wasi_net`'s waits block when they are polled again.
pub(crate) async fn to_the_end<T>(mut future: Pin<&mut (dyn Future<Output = T> + Send)>) -> T {
    poll_fn(|cx| {
        loop {
            let polled = future.as_mut().poll(cx);
            if polled.is_ready() || wasi_net::is_driven() {
                return polled;
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    #[test]
    fn outside_any_runtime_one_poll_is_enough() {
        let nap = pin!(wasi_net::sleep(Duration::from_millis(2)));
        let polled = pin!(to_the_end(nap)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_ready());
    }

    #[test]
    fn inside_one_others_have_their_turn() {
        let polled = wasi_net::block_on(async {
            let nap = pin!(wasi_net::sleep(Duration::from_millis(2)));
            let mut nap = pin!(to_the_end(nap));
            poll_fn(|cx| Poll::Ready(nap.as_mut().poll(cx))).await
        });
        assert!(polled.is_pending());
    }
}
