//! Networks that misbehave, for tests: a TCP proxy that does so at a chosen byte, and an address
//! that never answers.
//!
//! What a client does when its peer resets, falls silent or is far away can be tested only against
//! a peer that does it on command, at a known byte, and says so. Nothing here depends on luck with
//! time: a test waits for the event that it needs.

mod black_hole;
mod proxy;
mod pump;
mod record;
mod relay;

pub use black_hole::BlackHole;
pub use proxy::{Builder, Proxy};
pub use record::ConnectionRecord;

/// Which way bytes go through a [`Proxy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client, which connected, to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What becomes of a connection when it has forwarded its share of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A FIN to both peers. What they still send is read and discarded, so that they see no reset;
    /// the connection is closed when both have ended it.
    Close,
    /// A RST to both peers. It discards what the kernel has not sent yet: the last of many small
    /// writes, or what a peer that stopped reading has no room for, may be counted and not arrive.
    Reset,
    /// A FIN in the fault's direction, where the rest is discarded; the other direction goes on.
    HalfClose,
    /// In the fault's direction nothing is read or written any more, and nothing noticed; the
    /// connection stays open.
    Stall,
    /// As [`Stall`](Self::Stall), in both directions.
    StallAll,
}
