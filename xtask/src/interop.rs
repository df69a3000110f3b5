//! Talking to servers that others made: those of a mail lab.

use crate::flags::Interop;
use crate::{guest, root, setup};
use anyhow::{Context as _, ensure};
use std::process::{Command, ExitCode};
use xshell::{Shell, cmd};

/// TLS to the lab's bad servers, or mails to its good ones.
pub(crate) fn interop(sh: &Shell, flags: &Interop) -> anyhow::Result<ExitCode> {
    if flags.group.as_deref() == Some("mail") {
        return mail(sh, flags);
    }
    let chosen = flags.lab.is_some() || flags.server.is_some() || flags.write;
    ensure!(
        !chosen,
        "only `interop mail` has --lab, --server and --write"
    );
    guest::run_host_program("interop", &flags.group)
}

fn mail(sh: &Shell, flags: &Interop) -> anyhow::Result<ExitCode> {
    let lab = flags.lab.as_ref();
    let lab = lab.context("`interop mail` needs --lab FOLDER: the one that has `up` and `down`")?;
    ensure!(
        !(flags.write && flags.server.is_some()),
        "--write is for all servers: leave out --server"
    );
    setup::setup(sh)?;
    let name = "interop_mail";
    cmd!(
        sh,
        "cargo build --quiet --target wasm32-wasip2 --package bench-guests --bin {name}"
    )
    .quiet()
    .run()?;
    let component = guest::target_folder().join(format!("wasm32-wasip2/debug/{name}.wasm"));
    let client = guest::host_program(name)?;
    let mut program = Command::new(guest::host_program("interop-mail")?);
    program.arg(lab).arg(client).arg(component);
    if let Some(server) = &flags.server {
        program.args(["--server", server]);
    }
    if flags.write {
        program.arg("--write").arg(root().join("docs/interop.md"));
    }
    Ok(guest::exit_code(program.status()?))
}
