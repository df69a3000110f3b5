//! Building guests for a test, and running them as cargo's runner.

use crate::root;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

/// Builds a package for wasm32-wasip2 in the dev profile.
pub(crate) fn build(package: &str) -> anyhow::Result<()> {
    let status = Command::new("cargo")
        .args([
            "build",
            "--quiet",
            "--target",
            "wasm32-wasip2",
            "--package",
            package,
        ])
        .current_dir(root())
        .status()?;
    anyhow::ensure!(
        status.success(),
        "{package} does not build for wasm32-wasip2"
    );
    Ok(())
}

/// Runs `args`, a component and its arguments, with the runner of `tests/runner`,
/// in the caller's folder. It sees this process's environment.
pub(crate) fn run(args: &[OsString]) -> anyhow::Result<ExitCode> {
    let runner = host_program("wasip2-runner")?;
    Ok(exit_code(Command::new(runner).args(args).status()?))
}

/// Builds a program of this workspace and runs it with our standard streams.
pub(crate) fn run_host_program(name: &str, arg: &Option<String>) -> anyhow::Result<ExitCode> {
    let program = host_program(name)?;
    Ok(exit_code(Command::new(program).args(arg).status()?))
}

/// The exit code of a program that we stand for; 1 when a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    ExitCode::from(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    )
}

/// Builds a program of this workspace. With `--workspace`, since cargo chooses
/// features by the packages named: `--package` would build a second wasmtime.
pub(crate) fn host_program(name: &str) -> anyhow::Result<PathBuf> {
    host_programs(&[name])?;
    Ok(target_folder().join("debug").join(name))
}

/// The same for several, into `debug` of the target folder.
pub(crate) fn host_programs(names: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--workspace"])
        .args(names.iter().flat_map(|name| ["--bin", name]))
        .current_dir(root())
        .status()?;
    anyhow::ensure!(status.success(), "{} do not build", names.join(", "));
    Ok(())
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        // Cargo takes a relative one from the caller's folder.
        Some(folder) => std::path::absolute(folder).expect("it is not empty"),
        None => root().join("target"),
    }
}
