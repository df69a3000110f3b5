//! The fuzz targets, by cargo-fuzz and libFuzzer.

use crate::flags::Fuzz;
use crate::{guest, root, tools};
use anyhow::bail;
use std::io::{BufRead as _, BufReader};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::SystemTime;
use xshell::Shell;

/// The crates of the targets.
pub(crate) const FOLDERS: [&str; 5] = [
    "crates/smtp-session/fuzz",
    "crates/tls-pump/fuzz",
    "crates/tls-pump-crypto/fuzz",
    "crates/wasi-sendmail/fuzz",
    "crates/wasm-smtp-wasi/fuzz",
];

/// How long a target runs, and how well it is optimised before.
#[derive(Clone, Copy)]
struct Effort {
    seconds: u32,
    opt_level: &'static str,
}

/// What a person has patience for.
const PATIENT: Effort = Effort {
    seconds: 60,
    opt_level: "3",
};

/// The same for CI, for each target: it is built for longer than it runs.
const SHORT: Effort = Effort {
    seconds: 8,
    opt_level: "1",
};

/// Fuzzes one target.
pub(crate) fn fuzz(sh: &Shell, flags: &Fuzz) -> anyhow::Result<()> {
    let targets = targets(sh)?;
    let mut named = targets.iter().filter(|target| target.name == flags.target);
    let Some(target) = named.next() else {
        let names: Vec<_> = targets.iter().map(|target| &*target.name).collect();
        bail!(
            "there is no fuzz target `{}`: there are {}",
            flags.target,
            names.join(", ")
        );
    };
    let cargo_fuzz = tools::CARGO_FUZZ.get(sh)?;
    let seconds = flags.seconds.unwrap_or(PATIENT.seconds);
    target.run(&cargo_fuzz, Effort { seconds, ..PATIENT })
}

/// Fuzzes each target for a short time, as many at once as there are processors: each
/// is busy with one.
pub(crate) fn each(sh: &Shell) -> anyhow::Result<()> {
    let cargo_fuzz = match tools::CARGO_FUZZ.get(sh) {
        Ok(cargo_fuzz) => cargo_fuzz,
        Err(missing) => {
            println!("skipped: {missing:#}");
            return Ok(());
        }
    };
    let targets = targets(sh)?;
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
    for targets in targets.chunks(at_once) {
        thread::scope(|scope| {
            let cargo_fuzz = &cargo_fuzz;
            let run = |target| move || Target::run(target, cargo_fuzz, SHORT);
            let runs = targets.iter().map(|target| scope.spawn(run(target)));
            let runs: Vec<_> = runs.collect();
            let mut ends = runs
                .into_iter()
                .map(|run| run.join().expect("it does not panic"));
            ends.try_for_each(|end| end)
        })?;
    }
    Ok(())
}

struct Target {
    /// Of its crate.
    folder: &'static str,
    name: String,
}

/// Each is a file of `fuzz_targets`.
fn targets(sh: &Shell) -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for folder in FOLDERS {
        for file in sh.read_dir(format!("{folder}/fuzz_targets"))? {
            if let Some(name) = file.file_stem() {
                let name = name.to_string_lossy().into_owned();
                targets.push(Target { folder, name });
            }
        }
    }
    Ok(targets)
}

impl Target {
    /// The compiler at hand does, as no sanitizer is asked for, which only
    /// nightly has: there is no unsafe code of ours for one to watch.
    fn run(&self, cargo_fuzz: &Path, effort: Effort) -> anyhow::Result<()> {
        let Self { folder, name } = self;
        let Effort { seconds, opt_level } = effort;
        println!("$ cargo fuzz run {name}, for {seconds} s");
        let start = SystemTime::now();
        let mut child = Command::new(cargo_fuzz)
            .args(["run", "--release", "--sanitizer", "none"])
            .args(["--fuzz-dir", folder, "--target-dir"])
            .arg(guest::target_folder().join("fuzz"))
            .args([name, "--", "-print_funcs=0"])
            .arg(format!("-max_total_time={seconds}"))
            // Long scripts soon: the time is short.
            .arg("-len_control=10")
            // An input takes some milliseconds.
            .arg("-timeout=10")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level)
            .env("RUST_BACKTRACE", "1")
            // None of cargo-fuzz itself.
            .env("RUST_LIB_BACKTRACE", "0")
            .current_dir(root())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(child.stderr.take().expect("piped above"));
        for line in said.split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            if is_news(&line) {
                println!("{name}: {line}");
            }
        }
        if child.wait()?.success() {
            return Ok(());
        }
        let artifacts = root().join(folder).join("artifacts").join(name);
        match newest(&artifacts, start) {
            Some(input) => bail!(
                "the fuzz target `{name}` fails by the input {}",
                input.display()
            ),
            None => bail!("the fuzz target `{name}` does not build or run: why stands above"),
        }
    }
}

/// Whether a person wants to read this line of libFuzzer's: not of each input
/// that it keeps, and not the words that it has learned.
fn is_news(line: &str) -> bool {
    let dull = ["\"", "INFO:", "###### ", "   Compiling "];
    let is_dull = dull.iter().any(|start| line.starts_with(start));
    let is_count = line.starts_with('#') && !line.contains("pulse") && !line.contains("DONE");
    !is_dull && !is_count
}

/// The last file of `folder` that was written since `start`.
fn newest(folder: &Path, start: SystemTime) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let files = files.map(|file| file.path());
    let written = |file: PathBuf| Some((file.metadata().ok()?.modified().ok()?, file));
    let files = files.filter_map(written);
    let (_, file) = files.filter(|(time, _)| *time >= start).max()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that `flags` and the README name.
    #[test]
    fn targets_are_found_by_their_files() {
        let sh = Shell::new().unwrap();
        sh.change_dir(crate::root());
        let names: Vec<_> = targets(&sh)
            .unwrap()
            .into_iter()
            .map(|it| it.name)
            .collect();
        let session = ["challenges", "ehlo", "reencode", "replies"];
        let tls_pump = ["client", "server", "stream"];
        let crypto = ["key_share", "private_key", "record", "verify"];
        let command = ["journal"];
        let mailer = ["addresses", "header"];
        let all = [&session[..], &tls_pump, &crypto, &command, &mailer];
        assert_eq!(names, all.concat());
    }

    #[test]
    fn what_libfuzzer_says_is_sifted() {
        for news in [
            "#8192\tpulse  cov: 3 ft: 4 corp: 5/6b",
            "#9000\tDONE   cov: 3 ft: 4",
            "thread '<unnamed>' panicked at src/side.rs:1:1:",
            "artifact_prefix='x/'; Test unit written to x/crash-1",
            "",
        ] {
            assert!(is_news(news), "{news}");
        }
        for dull in [
            "#77\tNEW    cov: 3 ft: 4",
            "#78\tREDUCE cov: 3 ft: 4",
            "\"\\001\\000\" # Uses: 7",
            "INFO: Seed: 1",
            "###### Recommended dictionary. ######",
        ] {
            assert!(!is_news(dull), "{dull}");
        }
    }
}
