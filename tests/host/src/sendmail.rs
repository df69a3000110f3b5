//! The command as a guest of its tests.

use crate::guest::{Component, Guest, Network};
pub use test_demo::{CaFolder, wire_form};

/// A run of `wasi-sendmail` that may reach this machine, look names up and read
/// the CA's certificate, with `--ca-file` given. The folder must outlive it.
#[must_use]
pub fn guest(component: &Component, ca: &CaFolder, server_url: &str) -> Guest {
    Guest::new(component, "wasi-sendmail")
        .network(Network::Loopback)
        .allow_names()
        .folder(ca.path(), "/ca")
        .env("WASI_SENDMAIL_SERVER", server_url)
        .arg("--ca-file=/ca/ca.pem")
}
