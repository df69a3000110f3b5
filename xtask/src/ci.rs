//! Everything that has to pass, each step timed and named.

mod steps;

use crate::flags::Ci;
use crate::{
    demo, deny, features, fuzz, hosts, libraries, no_clang, setup, size, test, tidy, tools,
};
use anyhow::Context as _;
use std::thread;
use steps::Steps;
use xshell::{Shell, cmd};

/// What a step is called, and what it does.
type Step = (&'static str, fn(&Shell) -> anyhow::Result<()>);

/// One after the other.
const FIRST: [Step; 3] = [
    ("setup", setup::setup),
    ("format", format),
    ("tidy", tidy::tidy),
];
/// One after the other, while those of [`BESIDE`] run: neither keeps all processors busy.
/// Those come to an end sooner, so first is what has least to do at once.
const CHECKS: [Step; 5] = [
    ("features", features::some),
    ("clippy", clippy),
    ("docs", docs),
    ("build", test::build),
    ("release", release),
];
/// None builds in the folder that [`CHECKS`] build in: cargo would let it wait.
const BESIDE: [Step; 6] = [
    ("tools", tools::get_all),
    ("deny", deny::deny),
    ("msrv", msrv),
    ("no-clang", no_clang::no_clang),
    ("size", size_without_clang),
    ("fuzz", fuzz::each),
];
/// One after the other, with nothing beside them that makes them wait.
const LAST: [Step; 3] = [
    ("test", test::test),
    ("hosts", hosts::hosts),
    ("demo", demo::demo),
];

/// Runs every step, or the one that is asked for; the first failure ends it.
pub(crate) fn ci(sh: &Shell, flags: &Ci) -> anyhow::Result<()> {
    // Nothing is built twice here, so that what is kept for that only costs.
    let _incremental = sh.push_env("CARGO_INCREMENTAL", "0");
    if let Some(wanted) = &flags.step {
        let mut all = FIRST.iter().chain(&CHECKS).chain(&BESIDE).chain(&LAST);
        let step = all.find(|(name, _)| name == wanted);
        let (_, step) = step.with_context(|| format!("there is no step `{wanted}`"))?;
        return step(sh);
    }
    let steps = Steps::new(flags)?;
    let run = |all: &[Step]| {
        let mut all = all.iter();
        all.try_for_each(|(name, step)| steps.run(name, || step(sh)))
    };
    run(&FIRST)?;
    thread::scope(|scope| {
        let beside = || {
            BESIDE
                .iter()
                .try_for_each(|(name, _)| steps.run_beside(name))
        };
        let beside = scope.spawn(beside);
        let checks = run(&CHECKS);
        beside.join().expect("it does not panic").and(checks)
    })?;
    run(&LAST)?;
    steps.print()
}

fn size_without_clang(sh: &Shell) -> anyhow::Result<()> {
    no_clang::without(sh, || size::gates(sh))
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
/// that open a socket do not compile. In the profile `dev`, of which all else stays
/// built.
fn release(sh: &Shell) -> anyhow::Result<()> {
    let without = ["debug-assertions", "overflow-checks"];
    let without = without.map(|what| format!("profile.dev.{what}=false"));
    let without: &Vec<_> = &without.iter().flat_map(|set| ["--config", set]).collect();
    cmd!(sh, "cargo check {without...} --quiet").run()?;
    cmd!(
        sh,
        "cargo test {without...} --quiet -p wasi-net -p wasm-smtp-wasi"
    )
    .run()?;
    Ok(())
}
