//! Cargo inside cargo: building guests for a test, and running them as cargo's
//! runner.
//!
//! Build scripts such as ring's ask cargo to run them again when variables like
//! `CARGO_PKG_NAME` change. A test or a runner that cargo starts has those of
//! its own package, so they are taken out: otherwise every such call would
//! compile half the workspace anew.

use crate::root;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const OF_THE_CALLER: [&str; 5] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_CRATE_",
    "CARGO_BIN_",
    "CARGO_PRIMARY_",
];

/// Cargo, as if a person had called it.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if OF_THE_CALLER
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Builds a package for wasm32-wasip2 in the dev profile.
pub(crate) fn build(package: &str) -> anyhow::Result<()> {
    let status = cargo()
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

/// Runs `args`, a component and its arguments, with the runner of `tests/host`,
/// in the caller's folder. It sees this process's environment and `env`.
pub(crate) fn run(args: &[OsString], env: Option<(&str, &str)>) -> anyhow::Result<ExitCode> {
    let status = Command::new(host_program("wasip2-runner")?)
        .args(args)
        .envs(env)
        .status()?;
    Ok(ExitCode::from(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    ))
}

/// Builds a program of `tests/host`. With `--workspace`, since cargo chooses
/// features by the packages named: `--package` would build a second wasmtime.
pub(crate) fn host_program(name: &str) -> anyhow::Result<PathBuf> {
    let status = cargo()
        .args(["build", "--quiet", "--workspace", "--bin", name])
        .current_dir(root())
        .status()?;
    anyhow::ensure!(status.success(), "{name} of tests/host does not build");
    Ok(target_folder().join("debug").join(name))
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        // Cargo takes a relative one from the caller's folder.
        Some(folder) => std::path::absolute(folder).expect("it is not empty"),
        None => root().join("target"),
    }
}
