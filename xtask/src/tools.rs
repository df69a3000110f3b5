//! Programs of the registry that a command here needs, kept in `target/tools`.

use crate::guest;
use anyhow::Context as _;
use std::path::PathBuf;
use xshell::{Shell, cmd};

/// A program of the registry, by the name of its crate.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

pub(crate) const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
};

/// Installs what is missing; who needs it says what could not be had.
pub(crate) fn get_all(sh: &Shell) -> anyhow::Result<()> {
    for tool in [CARGO_DENY, CARGO_FUZZ] {
        _ = tool.get(sh);
    }
    Ok(())
}

impl Tool {
    /// The program, from `target/tools` or from the path; installs it if
    /// neither has this version.
    ///
    /// # Errors
    ///
    /// What is missing, and the command that gets it.
    pub(crate) fn get(&self, sh: &Shell) -> anyhow::Result<PathBuf> {
        let Self { name, version } = self;
        let folder = guest::target_folder().join("tools");
        let installed = folder.join("bin").join(name);
        for program in [installed.clone(), name.into()] {
            let says = cmd!(sh, "{program} --version")
                .quiet()
                .ignore_stderr()
                .read();
            if says.is_ok_and(|says| says.trim() == format!("{name} {version}")) {
                return Ok(program);
            }
        }
        eprintln!("installing {name} {version} into target/tools");
        // Without optimizations and what debuggers want: it builds in a third of the
        // time, and then works for a second.
        let _debug = sh.push_env("CARGO_PROFILE_DEV_DEBUG", "false");
        let how = "--quiet --locked --debug";
        let how = how.split(' ');
        cmd!(
            sh,
            "cargo install {how...} --root {folder} {name} --version {version}"
        )
        .quiet()
        .run()
        .with_context(|| {
            format!(
                "{name} {version} is missing and cargo could not install it: run `cargo install --locked {name} --version {version}`"
            )
        })?;
        Ok(installed)
    }
}
