//! Everything that has to pass, in order, each step timed and named.

mod steps;

use crate::flags::Ci;
use crate::{demo, deny, features, fuzz, libraries, no_clang, setup, size, test, tidy, tools};
use std::thread;
use steps::Steps;
use xshell::{Shell, cmd};

/// Runs every step; the first failure ends it.
pub(crate) fn ci(sh: &Shell, flags: &Ci) -> anyhow::Result<()> {
    let mut steps = Steps::new(flags)?;
    // Nothing is built twice here, so that what is kept for that only costs.
    let _incremental = sh.push_env("CARGO_INCREMENTAL", "0");
    steps.run("setup", || setup::setup(sh))?;
    // One of them is built by one processor most of the time.
    let tools = thread::spawn(tools::get_all);
    steps.run("format", || format(sh))?;
    steps.run("tidy", || tidy::tidy(sh))?;
    steps.run("clippy", || clippy(sh))?;
    steps.run("docs", || docs(sh))?;
    steps.run("tools", || {
        tools.join().expect("it does not panic");
        Ok(())
    })?;
    steps.run("deny", || deny::deny(sh))?;
    steps.run("features", || features::some(sh))?;
    steps.run("msrv", || msrv(sh))?;
    steps.run("no-clang", || no_clang::no_clang(sh))?;
    steps.run("release", || release(sh))?;
    steps.run("size", || no_clang::without(sh, || size::gates(sh)))?;
    let tally = steps.run("test", || test::test(sh))?;
    steps.run("fuzz", || fuzz::each(sh))?;
    steps.run("demo", || demo::demo(sh))?;
    steps.print();
    tally.print();
    Ok(())
}

/// The fuzz targets and the peers are workspaces of their own.
fn format(sh: &Shell) -> anyhow::Result<()> {
    cmd!(sh, "cargo fmt --all --check").run()?;
    for folder in fuzz::FOLDERS.into_iter().chain(["bench/peers"]) {
        let manifest = format!("{folder}/Cargo.toml");
        cmd!(sh, "cargo fmt --manifest-path {manifest} --all --check").run()?;
    }
    Ok(())
}

/// Warnings are errors, for both targets.
fn clippy(sh: &Shell) -> anyhow::Result<()> {
    cmd!(
        sh,
        "cargo clippy --workspace --all-targets --quiet -- -D warnings"
    )
    .run()?;
    let guests = libraries().chain(["-p", "test-guests"]);
    cmd!(
        sh,
        "cargo clippy --target wasm32-wasip2 --all-targets --quiet {guests...} -- -D warnings"
    )
    .run()?;
    Ok(())
}

/// Warnings are errors; the libraries' documentation is made for the target
/// that docs.rs shows.
fn docs(sh: &Shell) -> anyhow::Result<()> {
    let _flags = sh.push_env("RUSTDOCFLAGS", "-D warnings");
    let (native, wasm) = (libraries(), libraries());
    cmd!(sh, "cargo doc --no-deps --quiet --lib {native...}").run()?;
    cmd!(
        sh,
        "cargo doc --no-deps --quiet --lib --all-features --target wasm32-wasip2 {wasm...}"
    )
    .run()?;
    Ok(())
}

/// The libraries build with the oldest Rust that they promise.
fn msrv(sh: &Shell) -> anyhow::Result<()> {
    const MSRV: &str = "1.88";
    let toolchain = format!("+{MSRV}");
    if cmd!(sh, "rustup run {MSRV} rustc --version")
        .quiet()
        .ignore_stderr()
        .read()
        .is_err()
        && cmd!(sh, "rustup toolchain install {MSRV} --profile minimal")
            .run()
            .is_err()
    {
        println!("skipped: Rust {MSRV} is not here and rustup could not get it");
        return Ok(());
    }
    let libraries = libraries();
    // A folder of its own: two compilers in one would build everything twice.
    cmd!(
        sh,
        "cargo {toolchain} check --quiet --locked --lib --target-dir target/msrv {libraries...}"
    )
    .run()?;
    Ok(())
}

/// The libraries build and test natively without debug assertions too, where calls
/// that open a socket do not compile.
fn release(sh: &Shell) -> anyhow::Result<()> {
    const PROFILE: [&str; 2] = ["--profile", "release-test"];
    cmd!(sh, "cargo check {PROFILE...} --quiet").run()?;
    cmd!(
        sh,
        "cargo test {PROFILE...} --quiet -p wasi-net -p wasm-smtp-wasi"
    )
    .run()?;
    Ok(())
}
