//! Measurements. What they print may be written down; no test depends on it.

use crate::{guest, setup};
use anyhow::bail;
use xshell::{Shell, cmd};

/// Measures `what` and prints tables.
pub(crate) fn bench(sh: &Shell, what: &str) -> anyhow::Result<()> {
    match what {
        "net" => net(sh),
        other => bail!("there is no benchmark `{other}`: `net` is one"),
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
    let bins = guests.into_iter().flat_map(|name| ["--bin", name]);
    cmd!(
        sh,
        "cargo build --quiet --release --target wasm32-wasip2 --package test-guests {bins...}"
    )
    .quiet()
    .run()?;
    let bench = guest::host_program("bench-net")?;
    let folder = guest::target_folder().join("wasm32-wasip2/release");
    cmd!(sh, "{bench} {folder}").quiet().run()?;
    Ok(())
}
