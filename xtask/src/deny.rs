//! What is depended on: licences, duplicates, sources, and known
//! vulnerabilities, by cargo-deny and `deny.toml`.

use crate::tools;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use xshell::{Shell, cmd};

/// The longest time that getting the database of advisories may take. It is a
/// few megabytes.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// How long nothing may arrive of it, in seconds.
const STALL_LIMIT: &str = "20";

/// Checks what ships strictly, and everything else as far as that helps.
pub(crate) fn deny(sh: &Shell) -> anyhow::Result<()> {
    let deny = match tools::CARGO_DENY.get(sh) {
        Ok(deny) => deny,
        Err(missing) => {
            println!("skipped: {missing:#}");
            return Ok(());
        }
    };
    // An exception that nothing needs any more is an error too.
    let unused = ["unmatched-skip", "unnecessary-skip"];
    let unused = unused.into_iter().flat_map(|lint| ["--deny", lint]);
    let ships = ["--exclude-unpublished", "--exclude-dev"];
    cmd!(sh, "{deny} --locked {ships...} check {unused...} bans").run()?;
    cmd!(sh, "{deny} --locked check licenses sources").run()?;
    match skipped(&fetch(&deny, FETCH_LIMIT)?) {
        // Offline, so that nothing but an advisory can fail it.
        None => cmd!(sh, "{deny} --locked --offline check advisories").run()?,
        Some(reason) => println!("skipped: advisories: {reason}"),
    }
    Ok(())
}

/// How the attempt to get the database ended.
#[derive(Debug)]
enum Fetched {
    Done,
    /// What was said about it.
    Failed(String),
    TookTooLong(Duration),
}

/// Why there is nothing to check the advisories by, if so.
fn skipped(fetched: &Fetched) -> Option<String> {
    let why = match fetched {
        Fetched::Done => return None,
        Fetched::TookTooLong(limit) => format!("nothing came in {} s", limit.as_secs()),
        Fetched::Failed(said) => {
            // git says what is wrong; the lines around it say who called it.
            let mut lines = said.lines().rev().map(str::trim);
            let by_git = lines.clone().find_map(|line| line.strip_prefix("fatal: "));
            let last = lines.find(|line| !line.is_empty());
            by_git.or(last).unwrap_or("no reason was given").to_owned()
        }
    };
    Some(format!("the database can't be had: {why}"))
}

/// Gets the database of advisories, or what is new in it, into cargo's home.
fn fetch(deny: &Path, limit: Duration) -> anyhow::Result<Fetched> {
    let mut command = Command::new(deny);
    command
        .args(["fetch", "db"])
        .current_dir(crate::root())
        // It is public: whoever asks for a password has none of it.
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_HTTP_LOW_SPEED_LIMIT", "1")
        .env("GIT_HTTP_LOW_SPEED_TIME", STALL_LIMIT)
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let mut stderr = child.stderr.take().expect("piped above");
    let said = thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stderr.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    let start = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(Fetched::Done),
            Some(_) => return Ok(Fetched::Failed(said.join().unwrap_or_default())),
            None if start.elapsed() > limit => break,
            None => thread::sleep(Duration::from_millis(50)),
        }
    }
    stop(&mut child)?;
    Ok(Fetched::TookTooLong(limit))
}

/// Ends `child` and the git that it called, which tidies up when asked to.
fn stop(child: &mut Child) -> anyhow::Result<()> {
    let group = format!("-{}", child.id());
    if cfg!(unix) {
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
    }
    // It may have ended by that.
    let _ = child.kill();
    child.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_that_can_not_be_had_is_skipped() {
        assert_eq!(skipped(&Fetched::Done), None);
        let by_git = "2026 [ERROR] failed to fetch database: failed to clone: [\"clone\"]\nCloning into 'x'...\nfatal: unable to access 'y': Could not resolve host: z\n\n";
        for (fetched, why) in [
            (
                Fetched::Failed(by_git.into()),
                "unable to access 'y': Could not resolve host: z",
            ),
            (
                Fetched::Failed("first\nno git found\n\n".into()),
                "no git found",
            ),
            (Fetched::Failed(String::new()), "no reason was given"),
            (
                Fetched::TookTooLong(Duration::from_secs(7)),
                "nothing came in 7 s",
            ),
        ] {
            assert_eq!(
                skipped(&fetched).unwrap(),
                format!("the database can't be had: {why}")
            );
        }
    }

    /// Whatever program is asked, in the time given.
    #[cfg(unix)]
    #[test]
    fn a_fetch_that_hangs_is_ended() {
        use std::os::unix::fs::PermissionsExt as _;
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let program = folder.path().join("hangs");
        // The sleep is its child, as git is cargo-deny's, and holds stderr.
        sh.write_file(&program, "#!/bin/sh\nsleep 1000\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let fetched = fetch(&program, Duration::from_millis(200)).unwrap();
        assert!(matches!(fetched, Fetched::TookTooLong(_)), "{fetched:?}");
    }
}
