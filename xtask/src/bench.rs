//! Measurements. What they print may be written down; no test depends on it.

use crate::{guest, setup};
use anyhow::bail;
use std::path::PathBuf;
use xshell::{Shell, cmd};

/// Measures `what` and prints tables.
pub(crate) fn bench(sh: &Shell, what: &str) -> anyhow::Result<()> {
    match what {
        "net" => net(sh),
        "tls" => tls(sh),
        other => bail!("there is no benchmark `{other}`: `net` and `tls` are two"),
    }
}

fn net(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    let guests = [
        "net_raw",
        "net_round_trips",
        "net_many",
        "net_happy_eyeballs",
        "net_deadlines",
        "net_graveyard",
        "net_stalled_peer",
    ];
    let components = build(sh, &guests, Some(WASI))?;
    let bench = guest::host_program("bench-net")?;
    cmd!(sh, "{bench} {components}").quiet().run()?;
    Ok(())
}

fn tls(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    let components = build(sh, &["tls_raw", "tls_handshakes", "tls_memory"], Some(WASI))?;
    let programs = build(sh, &["tls_raw", "tls_handshakes"], None)?;
    let bench = guest::host_program("bench-tls")?;
    cmd!(sh, "{bench} {components} {programs}").quiet().run()?;
    Ok(())
}

const WASI: &str = "wasm32-wasip2";

/// Builds programs of the tests for release, and returns their folder. Without
/// a `target` they are for this machine.
fn build(sh: &Shell, names: &[&str], target: Option<&str>) -> anyhow::Result<PathBuf> {
    let bins = names.iter().flat_map(|name| ["--bin", name]);
    let flags = target.into_iter().flat_map(|target| ["--target", target]);
    cmd!(
        sh,
        "cargo build --quiet --release {flags...} --package test-guests {bins...}"
    )
    .quiet()
    .run()?;
    let folder = guest::target_folder();
    Ok(folder.join(target.unwrap_or_default()).join("release"))
}
