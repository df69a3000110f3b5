//! What has to be on the machine: the target, and clang where *ring* is built
//! for it.

use anyhow::{Context as _, bail};
use xshell::{Shell, cmd};

/// Gets the target if it is missing.
pub(crate) fn setup(sh: &Shell) -> anyhow::Result<()> {
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

/// ring compiles C for the component: comparisons with it need clang.
/// `CC_wasm32_wasip2` names another compiler.
pub(crate) fn clang(sh: &Shell) -> anyhow::Result<()> {
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
            "*ring* needs clang with its WebAssembly backend to build for wasm32-wasip2: install it by `apt-get install clang` (Debian, Ubuntu), `dnf install clang` (Fedora) or `brew install llvm` (macOS, then set CC_wasm32_wasip2 to its bin/clang)"
        ),
    }
}
