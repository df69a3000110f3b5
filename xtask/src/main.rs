//! `cargo xtask …`: everything that a person or CI does with this workspace.
//!
//! wasmtime is a dependency of `tests/runner`, not of this program, so that a
//! command which needs no wasmtime does not wait for it to build.

mod bench;
mod ci;
mod demo;
mod deny;
mod features;
mod flags;
mod fuzz;
mod guest;
mod hosts;
mod interop;
mod no_clang;
mod setup;
mod size;
mod test;
mod tidy;
mod tools;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use xshell::Shell;

fn main() -> ExitCode {
    let flags = flags::Xtask::from_env_or_exit();
    let result = match outside_of_cargo() {
        Some(again) => again,
        None => run(flags),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs this program again without the variables that cargo gave it as a
/// program of a package, if there are any.
///
/// Build scripts such as ring's ask to run again when `CARGO_PKG_NAME` and the
/// like change, so every cargo that inherits them from here, from a test or
/// from cargo's runner would compile half the workspace anew.
fn outside_of_cargo() -> Option<anyhow::Result<ExitCode>> {
    const PREFIXES: [&str; 5] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_CRATE_",
        "CARGO_BIN_",
        "CARGO_PRIMARY_",
    ];
    let is_ours = |name: &OsString| {
        let name = name.to_string_lossy();
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    let names: Vec<_> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(is_ours)
        .collect();
    if names.is_empty() {
        return None;
    }
    let again = || {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1));
        for name in &names {
            command.env_remove(name);
        }
        Ok(guest::exit_code(command.status()?))
    };
    Some(again())
}

fn run(flags: flags::Xtask) -> anyhow::Result<ExitCode> {
    use flags::XtaskCmd as Task;
    let sh = Shell::new()?;
    sh.change_dir(root());
    match flags.subcommand {
        Task::Setup(_) => setup::setup(&sh)?,
        Task::Demo(_) => demo::demo(&sh)?,
        Task::Send(send) => return demo::send(&sh, &send),
        Task::Test(_) => test::test(&sh)?,
        Task::Tidy(_) => tidy::tidy(&sh)?,
        Task::Deny(_) => deny::deny(&sh)?,
        Task::Fuzz(flags) => fuzz::fuzz(&sh, &flags)?,
        Task::Interop(flags) => return interop::interop(&sh, &flags),
        Task::Ci(flags) => ci::ci(&sh, &flags)?,
        Task::Bench(flags) => bench::bench(&sh, &flags)?,
        Task::Soak(_) => return guest::run_host_program("soak", &None),
        Task::Hosts(_) => hosts::hosts(&sh)?,
        Task::Features(_) => features::all(&sh)?,
        Task::Size(_) => size::size(&sh)?,
        Task::GuestBuild(build) => guest::build(&build.package)?,
        Task::GuestRun(run) => return guest::run(&run.args),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs it to its end; what it says on both of its streams goes into `said`, in the order
/// in which it says it.
fn whole_output(mut command: Command, said: &mut Vec<u8>) -> std::io::Result<ExitStatus> {
    let (mut reader, writer) = std::io::pipe()?;
    let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // Its ends to write to: the last ones are then the child's.
    drop(command);
    reader.read_to_end(said)?;
    child.wait()
}

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
}

/// The crates that are components or parts of them: they are built and tested
/// for both targets.
const LIBRARIES: [&str; 8] = [
    "smtp-test-server",
    "wasi-net",
    "tls-pump-primitives",
    "tls-pump-crypto",
    "tls-pump",
    "smtp-session",
    "wasm-smtp-wasi",
    "wasi-sendmail",
];

/// `-p NAME` for each of [`LIBRARIES`].
fn libraries() -> impl Iterator<Item = &'static str> {
    LIBRARIES.into_iter().flat_map(|name| ["-p", name])
}
