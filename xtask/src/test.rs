//! The tests: natively, and the same libraries inside wasmtime.

use crate::{LIBRARIES, guest, setup, whole_output};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use xshell::{Shell, cmd};

/// How many tests ran.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Tally {
    /// The closing line.
    fn print(&self) {
        println!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.ignored
        );
    }

    /// Adds what the test runner says at its end.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else {
            return;
        };
        for (part, count) in counts.split(['.', ';']).filter_map(|part| {
            let (count, what) = part.trim().split_once(' ')?;
            Some((what.to_owned(), count.parse::<usize>().ok()?))
        }) {
            match part.as_str() {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

/// Runs all tests, printing what the test runner prints. Each runs natively with every
/// feature, in a component, and with other features where its result could differ.
///
/// A component has one thread, so what runs in one has what runs natively beside it.
pub(crate) fn test(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    let clang = setup::clang(sh);
    if let Err(missing) = &clang {
        println!("skipped: tls-pump by ring in a component: {missing}");
    }
    install_old_aiosmtpd(sh);
    let (in_components, native): (Vec<_>, Vec<_>) = runs(clang.is_ok())
        .into_iter()
        .partition(|args| args.contains(IN_COMPONENT));
    let folder = &sh.current_dir();
    let (native, in_components) = thread::scope(|scope| {
        let beside = scope.spawn(|| run_each(folder, &in_components));
        let native = run_each(folder, &native);
        (native, beside.join().expect("it does not panic"))
    });
    let mut tally = native?;
    let in_components = in_components?;
    tally.passed += in_components.passed;
    tally.failed += in_components.failed;
    tally.ignored += in_components.ignored;
    tally.print();
    Ok(())
}

/// Builds what [`test`] runs, but for the examples in documentation.
pub(crate) fn build(sh: &Shell) -> anyhow::Result<()> {
    let runs = runs(setup::clang(sh).is_ok()).into_iter();
    for args in runs.filter(|args| !args.contains("--doc")) {
        let args = args.split(' ');
        cmd!(sh, "cargo test --quiet --no-run {args...}").run()?;
    }
    guest::build("test-guests")
}

/// What makes a run one in components.
const IN_COMPONENT: &str = "--target wasm32-wasip2";

/// What follows `cargo test` in each call; *ring* is in components only with clang.
fn runs(has_clang: bool) -> Vec<String> {
    // Not `--bins`: dozens of programs would be linked once more, for no test in them.
    let programs = WITH_TESTS.map(|name| format!("--bin {name}")).join(" ");
    // tls-pump has its own runs, of which the first is in components too.
    let others = LIBRARIES.into_iter().filter(|name| *name != "tls-pump");
    let others: Vec<_> = others.map(|name| format!("--package {name}")).collect();
    let mut runs = vec![
        format!("--workspace --lib --test * {programs}"),
        "--workspace --doc".to_owned(),
        format!("{IN_COMPONENT} {}", others.join(" ")),
    ];
    runs.extend(providers(has_clang));
    for package in [
        "tls-pump",
        "tls-pump-crypto",
        "smtp-session",
        "smtp-test-server",
    ] {
        let bare = format!("--no-default-features --lib --test it --package {package}");
        runs.push(bare);
    }
    let more = [
        "--all-features --lib --test it --package smtp-session",
        "--target wasm32-wasip2 --package wasm-smtp-wasi --features mailer --test mailer",
        "--target wasm32-wasip2 --package smtp-test-server --features auth,futures-io --test it",
        // The workspace README's example needs a component, as do the others.
        "--doc --target wasm32-wasip2 --package test-guests",
    ];
    runs.extend(more.map(str::to_owned));
    runs
}

/// The programs that have tests in them; `tidy` looks that there are no others.
pub(crate) const WITH_TESTS: [&str; 2] = ["interop-mail", "xtask"];

/// Where [`install_old_aiosmtpd`] puts it.
fn old_aiosmtpd() -> PathBuf {
    guest::target_folder().join("aiosmtpd")
}

/// Gets the server that a test of SMTP smuggling needs, if Python's pip is here
/// and can. Nothing else of this machine sees it.
fn install_old_aiosmtpd(sh: &Shell) {
    const PACKAGE: &str = "aiosmtpd==1.4.4";
    let folder = old_aiosmtpd();
    let pip = cmd!(
        sh,
        "python3 -m pip install --quiet --target {folder} {PACKAGE}"
    );
    if !folder.join("aiosmtpd").exists() && pip.quiet().ignore_stderr().run().is_err() {
        println!("skipped: SMTP smuggling against {PACKAGE}, which python3's pip could not get");
    }
}

/// tls-pump with all its features by each of its crypto providers alone; by both it
/// runs with the workspace.
fn providers(has_clang: bool) -> Vec<String> {
    const OTHERS: &str = "keylog,native-roots,server,tls12,webpki-roots";
    let by = |provider| {
        format!("--package tls-pump --no-default-features --features {OTHERS},{provider}")
    };
    let (pure, ring) = (by("pure,pq"), by("ring"));
    let mut runs = vec![
        format!("{pure} --test it"),
        format!("{pure} {IN_COMPONENT}"),
        format!("{ring} --test it"),
    ];
    if has_clang {
        runs.push(format!("{ring} {IN_COMPONENT} --test it"));
    }
    runs
}

/// Calls `cargo test` with each, one after the other.
fn run_each(folder: &Path, runs: &[String]) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for args in runs {
        run(folder, &mut tally, args)?;
    }
    Ok(tally)
}

/// Calls `cargo test`, and counts. What it says is printed at its end, all of it
/// together, after the call.
fn run(folder: &Path, tally: &mut Tally, args: &str) -> anyhow::Result<()> {
    let shown = format!("cargo test {args}");
    let mut command = Command::new("cargo");
    command
        .arg("test")
        .args(args.split(' '))
        .current_dir(folder)
        .env("OLD_AIOSMTPD", old_aiosmtpd());
    eprintln!("$ {shown}");
    let mut said = Vec::new();
    let status = whole_output(command, &mut said).context("cargo does not start")?;
    let said = String::from_utf8_lossy(&said);
    println!("$ {shown}\n{said}");
    said.lines().for_each(|line| tally.add(line));
    anyhow::ensure!(
        status.success(),
        "`{shown}` failed: the names of the failed tests stand above"
    );
    Ok(())
}
