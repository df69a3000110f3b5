//! The command on the hosts that users have, and the network guests under jco: `cargo
//! xtask hosts` gets those hosts and runs these tests.

mod command;
mod guests;
mod host;
