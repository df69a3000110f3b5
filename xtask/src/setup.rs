//! What has to be on the machine: the target, and clang while TLS is ring's.

use anyhow::{Context as _, bail};
use xshell::{Shell, cmd};

/// Gets the target if it is missing, and looks for clang.
pub(crate) fn setup(sh: &Shell) -> anyhow::Result<()> {
    target(sh)?;
    clang(sh)
}

fn target(sh: &Shell) -> anyhow::Result<()> {
    let libraries = cmd!(sh, "rustc --print target-libdir --target wasm32-wasip2")
        .quiet()
        .read();
    if libraries.is_ok_and(|folder| sh.path_exists(folder)) {
        return Ok(());
    }
    eprintln!("adding the target wasm32-wasip2");
    cmd!(sh, "rustup target add wasm32-wasip2").run().context(
        "the Rust target wasm32-wasip2 is missing and rustup could not add it: get Rust by https://rustup.rs and run `rustup target add wasm32-wasip2`",
    )
}

/// ring compiles C for the component. `CC_wasm32_wasip2` names another compiler.
fn clang(sh: &Shell) -> anyhow::Result<()> {
    let compiler = sh
        .var("CC_wasm32_wasip2")
        .unwrap_or_else(|_| "clang".into());
    match cmd!(sh, "{compiler} --print-targets")
        .quiet()
        .ignore_stderr()
        .read()
    {
        Ok(targets) if targets.contains("wasm32") => Ok(()),
        _ => bail!(
            "TLS needs clang with its WebAssembly backend to build for wasm32-wasip2: install it by `apt-get install clang` (Debian, Ubuntu), `dnf install clang` (Fedora) or `brew install llvm` (macOS, then set CC_wasm32_wasip2 to its bin/clang)"
        ),
    }
}
