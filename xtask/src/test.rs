//! The tests: natively, and the same libraries inside wasmtime.

use crate::{LIBRARIES, guest, setup};
use anyhow::Context as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
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
pub(crate) fn test(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    let mut tally = Tally::default();
    install_old_aiosmtpd(sh);
    for args in runs(sh) {
        run(sh, &mut tally, &args)?;
    }
    tally.print();
    Ok(())
}

/// Builds what [`test`] runs, but for the examples in documentation.
pub(crate) fn build(sh: &Shell) -> anyhow::Result<()> {
    let with_programs = runs(sh).into_iter().filter(|args| !args.contains("--doc"));
    for args in with_programs {
        let args = args.split(' ');
        cmd!(sh, "cargo test --quiet --no-run {args...}").run()?;
    }
    guest::build("test-guests")
}

/// What follows `cargo test` in each call.
fn runs(sh: &Shell) -> Vec<String> {
    // Not `--bins`: dozens of programs would be linked once more, for no test in them.
    let programs = WITH_TESTS.map(|name| format!("--bin {name}")).join(" ");
    // tls-pump has its own runs, of which the first is in components too.
    let others = LIBRARIES.into_iter().filter(|name| *name != "tls-pump");
    let others: Vec<_> = others.map(|name| format!("--package {name}")).collect();
    let mut runs = vec![
        format!("--workspace --lib --test * {programs}"),
        "--workspace --doc".to_owned(),
        format!("--target wasm32-wasip2 {}", others.join(" ")),
    ];
    runs.extend(providers(sh));
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
/// runs with the workspace. In components by *ring* only where clang can build it.
fn providers(sh: &Shell) -> Vec<String> {
    const OTHERS: &str = "keylog,native-roots,server,tls12,webpki-roots";
    let by = |provider| {
        format!("--package tls-pump --no-default-features --features {OTHERS},{provider}")
    };
    let (pure, ring) = (by("pure,pq"), by("ring"));
    let mut runs = vec![
        format!("{pure} --test it"),
        format!("{pure} --target wasm32-wasip2"),
        format!("{ring} --test it"),
    ];
    match setup::clang(sh) {
        Ok(_) => runs.push(format!("{ring} --target wasm32-wasip2 --test it")),
        Err(missing) => println!("skipped: tls-pump by ring in a component: {missing}"),
    }
    runs
}

/// Calls `cargo test`, and counts.
fn run(sh: &Shell, tally: &mut Tally, args: &str) -> anyhow::Result<()> {
    let shown = format!("cargo test {args}");
    println!("$ {shown}");
    let mut child = Command::new("cargo")
        .arg("test")
        .args(args.split(' '))
        .current_dir(sh.current_dir())
        .env("OLD_AIOSMTPD", old_aiosmtpd())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo does not start")?;
    for line in BufReader::new(child.stdout.take().expect("piped above")).lines() {
        let line = line?;
        println!("{line}");
        tally.add(&line);
    }
    anyhow::ensure!(
        child.wait()?.success(),
        "`{shown}` failed: the names of the failed tests stand above"
    );
    Ok(())
}
