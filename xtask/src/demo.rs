//! The component at work: against a server made for the run, and against any
//! other. By the `wasmtime` of this machine, or by an embedded one.

use crate::flags::Send;
use crate::{guest, setup};
use anyhow::Context as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread;
use xshell::{Shell, cmd};

/// The oldest `wasmtime` whose command runs the component as it stands, with the exit
/// codes of sysexits.h, and that the tests run too.
const OLDEST_WASMTIME: u32 = 46;

/// Sends every mail of `tests/mail` and compares what arrives.
pub(crate) fn demo(sh: &Shell) -> anyhow::Result<()> {
    let wasmtime = Wasmtime::find();
    println!("building wasi-sendmail.wasm and the demo: minutes, the first time");
    let mut mails = sh.read_dir("tests/mail")?;
    mails.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    mails.sort();
    let (wasmtime, component) = built(sh, &wasmtime, &["demo"])?;
    let demo = guest::target_folder().join("debug/demo");
    cmd!(sh, "{demo} {wasmtime} {component} {mails...}")
        .quiet()
        .run()
        .context("the demo failed")
}

/// Sends the mail on standard input. The URL goes by the environment, where
/// other users cannot see its password.
pub(crate) fn send(sh: &Shell, flags: &Send) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !flags.server.as_deref().is_some_and(has_password),
        "--server has a password, and other users see command lines: set WASI_SENDMAIL_SERVER to the URL instead"
    );
    let ca_file = flags.ca_file.as_ref().map(std::path::absolute);
    let ca_file = ca_file.transpose()?;
    let wasmtime = Wasmtime::find();
    let (program, component) = built(sh, &wasmtime, &[])?;
    let mut command = Command::new(program);
    let folder = ca_file.as_ref().and_then(|file| file.parent());
    match wasmtime {
        Wasmtime::Command(_) => {
            let granted = ["inherit-network", "allow-ip-name-lookup", "inherit-env"];
            command.arg("run");
            command.args(granted.iter().flat_map(|what| ["-S", what]));
            command.args(["--dir", "."]);
            command.args(
                folder
                    .iter()
                    .flat_map(|folder| ["--dir".as_ref(), folder.as_os_str()]),
            );
        }
        Wasmtime::Embedded => {
            command.args(
                folder
                    .iter()
                    .flat_map(|folder| ["--folder".as_ref(), folder.as_os_str()]),
            );
        }
    }
    command.arg(component).args(["-t", "-i", "-v"]);
    if let Some(file) = ca_file {
        command.arg("--ca-file").arg(file);
    }
    if let Some(url) = &flags.server {
        command.env("WASI_SENDMAIL_SERVER", url);
    }
    Ok(guest::exit_code(command.status()?))
}

fn has_password(url: &str) -> bool {
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    rest.rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

/// What runs the component.
#[derive(Debug, PartialEq, Eq)]
enum Wasmtime {
    /// The command of this machine, which said so of its version.
    Command(String),
    /// `wasip2-runner`, which takes minutes to build.
    Embedded,
}

impl Wasmtime {
    /// The command, if it is new enough; says what is used.
    fn find() -> Self {
        let output = Command::new("wasmtime").arg("--version").output();
        let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let found = Self::by_version(said.as_deref().unwrap_or_default());
        match &found {
            Self::Command(version) => println!("{version} of this machine runs the component"),
            Self::Embedded => println!(
                "an embedded wasmtime runs the component, since no `wasmtime` {OLDEST_WASMTIME} or later is on PATH"
            ),
        }
        found
    }

    /// By what `wasmtime --version` says, such as `wasmtime 48.0.2 (a1b2c3 2026-10-01)`.
    fn by_version(said: &str) -> Self {
        let version = said.trim().strip_prefix("wasmtime ");
        let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        match major.is_some_and(|major| major >= OLDEST_WASMTIME) {
            true => Self::Command(said.trim().to_owned()),
            false => Self::Embedded,
        }
    }
}

/// Builds `wasi-sendmail` as it ships, and meanwhile these programs and what runs it.
/// Gives what runs it, and the component.
fn built(sh: &Shell, wasmtime: &Wasmtime, programs: &[&str]) -> anyhow::Result<(PathBuf, PathBuf)> {
    setup::setup(sh)?;
    let runner = (*wasmtime == Wasmtime::Embedded).then_some("wasip2-runner");
    let programs: Vec<_> = programs.iter().copied().chain(runner).collect();
    // Each has folders of its own, so that neither waits for the other's.
    let component = thread::spawn(component);
    if !programs.is_empty() {
        guest::host_programs(&programs)?;
    }
    let component = component.join().expect("it does not panic")?;
    let program = match wasmtime {
        Wasmtime::Command(_) => PathBuf::from("wasmtime"),
        Wasmtime::Embedded => guest::target_folder().join("debug/wasip2-runner"),
    };
    Ok((program, component))
}

fn component() -> anyhow::Result<PathBuf> {
    const BUILD: &str = "build --quiet --release --target wasm32-wasip2 --package wasi-sendmail";
    let status = Command::new("cargo")
        .args(BUILD.split(' '))
        .current_dir(crate::root())
        .status()?;
    anyhow::ensure!(status.success(), "wasi-sendmail does not build");
    Ok(guest::target_folder().join("wasm32-wasip2/release/wasi-sendmail.wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_in_a_url() {
        for url in [
            "smtps://u:p@h",
            "smtp://u:@h:587",
            "u:p@h",
            "smtps://u:p/w@h",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "smtps://h:465",
            "smtp://u@h:587",
            "smtps://[::1]:465/?ehlo=x",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn a_wasmtime_of_this_machine_is_used_if_it_is_new_enough() {
        for said in ["wasmtime 46.0.2 (a1b2c3 2026-10-01)\n", "wasmtime 50.0.0\n"] {
            let found = Wasmtime::by_version(said);
            assert_eq!(found, Wasmtime::Command(said.trim().to_owned()));
        }
        for said in [
            "",
            "wasmtime 45.9.9",
            "wasmtime-cli 14.0.0",
            "wasmtime new",
            "zsh: 49",
        ] {
            assert_eq!(Wasmtime::by_version(said), Wasmtime::Embedded, "{said}");
        }
    }
}
