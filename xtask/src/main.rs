//! `cargo xtask …`: everything that a person or CI does with this workspace.
//!
//! wasmtime is a dependency of `tests/host`, not of this program, so that a
//! command which needs no wasmtime does not wait for it to build.

mod ci;
mod demo;
mod flags;
mod guest;
mod setup;
mod test;
mod tidy;

use std::path::Path;
use std::process::ExitCode;
use xshell::Shell;

fn main() -> ExitCode {
    let flags = flags::Xtask::from_env_or_exit();
    match run(flags) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: flags::Xtask) -> anyhow::Result<ExitCode> {
    use flags::XtaskCmd as Command;
    let sh = Shell::new()?;
    sh.change_dir(root());
    match flags.subcommand {
        Command::Setup(_) => setup::setup(&sh)?,
        Command::Demo(_) => demo::demo(&sh)?,
        Command::Send(send) => return demo::send(&sh, &send),
        Command::Test(_) => test::test(&sh)?.print(),
        Command::Tidy(_) => tidy::tidy(&sh)?,
        Command::Ci(_) => ci::ci(&sh)?,
        Command::GuestBuild(build) => guest::build(&build.package)?,
        Command::GuestRun(run) => return guest::run(&run.args, None),
    }
    Ok(ExitCode::SUCCESS)
}

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
}

/// The crates that are components or parts of them: they are built and tested
/// for both targets.
const LIBRARIES: [&str; 4] = ["wasi-net", "tls-pump", "wasm-smtp-wasi", "wasi-sendmail"];

/// `-p NAME` for each of [`LIBRARIES`].
fn libraries() -> impl Iterator<Item = &'static str> {
    LIBRARIES.into_iter().flat_map(|name| ["-p", name])
}
