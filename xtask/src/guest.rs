//! Cargo inside cargo: building guests for a test, and running them as cargo's
//! runner.
//!
//! Build scripts such as ring's ask cargo to run them again when variables like
//! `CARGO_PKG_NAME` change. A test or a runner that cargo starts has those of
//! its own package, so they are taken out: otherwise every such call would
//! compile half the workspace anew.

use crate::root;
use std::ffi::OsString;
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
    let status = cargo()
        .args(["run", "--quiet", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .args(["--package", "test-host", "--bin", "wasip2-runner", "--"])
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
