//! What the fuzz targets do; `tests/fuzz_smoke.rs` includes it as well.
//!
//! An input is a script: of what a peer sends, what happens to it on its way,
//! and what the user calls. After each step the promises of the crate are
//! checked, by assertions.

#![allow(
    unreachable_pub,
    reason = "the test includes this file as a private module"
)]

mod certificates;
mod evil;
mod pair;
mod raw;
mod script;
mod side;
mod stream;
mod wire;

use certificates::{client_engine, server_engine};
use pair::Pair;
use script::Script;
use side::Role;

/// A script for the client's engine.
pub fn client(script: &[u8]) {
    engine(script, Role::Client);
}

/// A script for the server's engine.
pub fn server(script: &[u8]) {
    engine(script, Role::Server);
}

/// A script for `TlsStream`.
pub fn stream(script: &[u8]) {
    stream::run(&mut Script::new(script));
}

fn engine(script: &[u8], role: Role) {
    let script = &mut Script::new(script);
    let (mode, choice) = (script.byte(), script.byte());
    match mode % 4 {
        0 => raw::run(
            match role {
                Role::Client => client_engine(choice),
                Role::Server => server_engine(choice),
            },
            script,
        ),
        1 => evil::run(role, choice, script),
        // Half of them tamper with the handshake as well.
        mode => Pair::new(role, choice).run(mode == 2, script),
    }
}
