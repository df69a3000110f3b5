//! The tests: natively, and the same libraries inside wasmtime.

use crate::{LIBRARIES, guest, setup};
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

/// Runs all tests, printing what the test runner prints. Each runs natively with every
/// feature, in a component, and with other features where its result could differ.
pub(crate) fn test(sh: &Shell) -> anyhow::Result<Tally> {
    setup::setup(sh)?;
    let mut tally = Tally::default();
    install_old_aiosmtpd(sh);
    // Not `--bins`: dozens of programs would be linked once more, for no test in them.
    let programs = WITH_TESTS.into_iter().flat_map(|name| ["--bin", name]);
    let workspace = ["test", "--workspace", "--lib", "--test", "*"].into_iter();
    run(sh, &mut tally, workspace.chain(programs))?;
    let docs = ["test", "--workspace", "--doc"];
    run(sh, &mut tally, docs.into_iter())?;
    // tls-pump has its own runs, of which the first is in components too.
    let others = LIBRARIES.into_iter().filter(|name| *name != "tls-pump");
    let guests = ["test", "--target", "wasm32-wasip2"].into_iter();
    let guests = guests.chain(others.flat_map(|name| ["-p", name]));
    run(sh, &mut tally, guests)?;
    providers(sh, &mut tally)?;
    for package in [
        "tls-pump",
        "tls-pump-crypto",
        "smtp-session",
        "smtp-test-server",
    ] {
        let bare = "test --no-default-features --lib --test it --package";
        run(sh, &mut tally, bare.split(' ').chain([package]))?;
    }
    let all = "test --all-features --lib --test it --package smtp-session";
    run(sh, &mut tally, all.split(' '))?;
    for features in [
        "wasm-smtp-wasi --features mailer --test mailer",
        "smtp-test-server --features auth,futures-io --test it",
    ] {
        let args = format!("test --target wasm32-wasip2 --package {features}");
        run(sh, &mut tally, args.split(' '))?;
    }
    // The workspace README's example needs a component, as do the others.
    let readme = "test --doc --target wasm32-wasip2 --package test-guests";
    run(sh, &mut tally, readme.split(' '))?;
    Ok(tally)
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
fn providers(sh: &Shell, tally: &mut Tally) -> anyhow::Result<()> {
    const OTHERS: &str = "keylog,native-roots,server,tls12,webpki-roots";
    let clang = setup::clang(sh);
    for (providers, is_ring) in [("pure,pq", false), ("ring", true)] {
        let features = format!("{OTHERS},{providers}");
        let mut args = vec!["test", "--package", "tls-pump", "--no-default-features"];
        args.extend(["--features", &features]);
        let handshakes = args.iter().copied().chain(["--test", "it"]);
        run(sh, tally, handshakes)?;
        match &clang {
            Err(missing) if is_ring => println!("skipped: the same in a component: {missing}"),
            _ => {
                args.extend(["--target", "wasm32-wasip2"]);
                let handshakes = ["--test", "it"].into_iter().filter(|_| is_ring);
                run(sh, tally, args.into_iter().chain(handshakes))?;
            }
        }
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
