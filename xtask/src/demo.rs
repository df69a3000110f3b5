//! The component at work: against a server made for the run, and against any
//! other.

use crate::flags::Send;
use crate::{guest, setup};
use anyhow::Context as _;
use std::path::PathBuf;
use std::process::ExitCode;
use xshell::{Shell, cmd};

/// Sends every mail of `tests/mail` and compares what arrives.
pub(crate) fn demo(sh: &Shell) -> anyhow::Result<()> {
    let component = component(sh)?;
    let mut mails = sh.read_dir("tests/mail")?;
    mails.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    mails.sort();
    println!("building the demo with an embedded wasmtime: several minutes, the first time");
    let demo = guest::host_program("demo")?;
    cmd!(sh, "{demo} {component} {mails...}")
        .quiet()
        .run()
        .context("the demo failed")
}

/// Sends the mail on standard input. The URL goes by the environment, where
/// other users cannot see its password.
pub(crate) fn send(sh: &Shell, flags: &Send) -> anyhow::Result<ExitCode> {
    let ca_file = flags
        .ca_file
        .as_ref()
        .map(std::path::absolute)
        .transpose()?;
    let component = component(sh)?;
    let mut args = Vec::new();
    if let Some(folder) = ca_file.as_ref().and_then(|file| file.parent()) {
        args.extend(["--folder".into(), folder.into()]);
    }
    args.extend([component.into(), "-t".into(), "-i".into(), "-v".into()]);
    if let Some(file) = ca_file {
        args.extend(["--ca-file".into(), file.into()]);
    }
    guest::run(
        &args,
        flags
            .server
            .as_deref()
            .map(|url| ("WASI_SENDMAIL_SERVER", url)),
    )
}

/// Builds `wasi-sendmail` as it ships.
fn component(sh: &Shell) -> anyhow::Result<PathBuf> {
    setup::setup(sh)?;
    println!("building wasi-sendmail.wasm: a minute or two, the first time");
    cmd!(
        sh,
        "cargo build --quiet --release --target wasm32-wasip2 --package wasi-sendmail"
    )
    .quiet()
    .run()
    .context("wasi-sendmail does not build")?;
    Ok(guest::target_folder().join("wasm32-wasip2/release/wasi-sendmail.wasm"))
}
