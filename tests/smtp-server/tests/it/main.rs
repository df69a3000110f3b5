//! The server by itself: what it refuses, what it keeps, how it deviates. Other tests
//! believe what it says.

mod deviations;
#[cfg(feature = "auth")]
mod login;
mod memory;
mod strictness;
mod talk;
mod transactions;
