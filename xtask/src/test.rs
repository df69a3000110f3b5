//! The tests: natively, and the same libraries inside wasmtime.

use crate::{guest, libraries, setup};
use anyhow::Context as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use xshell::{Shell, cmd};

/// How many tests ran.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Tally {
    /// The closing line.
    pub(crate) fn print(&self) {
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

/// Runs all tests, printing what the test runner prints.
pub(crate) fn test(sh: &Shell) -> anyhow::Result<Tally> {
    setup::setup(sh)?;
    let mut tally = Tally::default();
    install_old_aiosmtpd(sh);
    run(sh, &mut tally, ["test", "--workspace"].into_iter())?;
    let guests = ["test", "--target", "wasm32-wasip2"]
        .into_iter()
        .chain(libraries());
    run(sh, &mut tally, guests)?;
    providers(sh, &mut tally)?;
    for package in ["tls-pump", "tls-pump-crypto", "smtp-session"] {
        let bare = ["test", "--no-default-features", "--package", package];
        run(sh, &mut tally, bare.into_iter())?;
    }
    let all = ["test", "--all-features", "--package", "smtp-session"];
    run(sh, &mut tally, all.into_iter())?;
    let mailer =
        "test --target wasm32-wasip2 --package wasm-smtp-wasi --features mailer --test mailer";
    run(sh, &mut tally, mailer.split(' '))?;
    // The workspace README's example needs a component, as do the others.
    let readme = "test --doc --target wasm32-wasip2 --package test-guests";
    run(sh, &mut tally, readme.split(' '))?;
    Ok(tally)
}

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

/// tls-pump with all its features, by each of its crypto providers and by both.
/// In components by *ring* only where clang can build it.
fn providers(sh: &Shell, tally: &mut Tally) -> anyhow::Result<()> {
    const OTHERS: &str = "keylog,native-roots,server,tls12,webpki-roots";
    let clang = setup::clang(sh);
    for providers in ["pure,pq", "ring", "pure,pq,ring"] {
        let features = format!("{OTHERS},{providers}");
        let mut args = vec!["test", "--package", "tls-pump", "--no-default-features"];
        args.extend(["--features", &features]);
        run(sh, tally, args.iter().copied())?;
        if let (true, Err(missing)) = (providers.contains("ring"), &clang) {
            println!("skipped: the same in a component: {missing}");
            continue;
        }
        args.extend(["--target", "wasm32-wasip2"]);
        run(sh, tally, args.into_iter())?;
    }
    Ok(())
}

fn run<'a>(
    sh: &Shell,
    tally: &mut Tally,
    args: impl Iterator<Item = &'a str>,
) -> anyhow::Result<()> {
    let args: Vec<_> = args.collect();
    let shown = format!("cargo {}", args.join(" "));
    println!("$ {shown}");
    let mut child = Command::new("cargo")
        .args(&args)
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
