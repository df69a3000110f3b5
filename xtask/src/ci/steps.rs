//! The steps of CI, and how long each took: to read, to keep, and to compare.

use crate::flags::Ci;
use crate::whole_output;
use anyhow::Context as _;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What ran so far.
pub(super) struct Steps {
    took: Mutex<Times>,
    start: Instant,
    has_failed: AtomicBool,
    /// This program, for what runs beside others. Cargo may build it again meanwhile.
    program: PathBuf,
    /// Where the times go, after each step.
    file: Option<PathBuf>,
    /// What they are compared with.
    old: Option<Times>,
}

/// The seconds of each step, in the order in which they ended.
type Times = Vec<(String, f64)>;

/// The name of all steps together, which take less than the sum.
const ALL: &str = "all";

impl Steps {
    /// # Errors
    ///
    /// When the times to compare with can't be read, or this program is nowhere.
    pub(super) fn new(flags: &Ci) -> anyhow::Result<Self> {
        let read = |file: &PathBuf| {
            let text = std::fs::read_to_string(file);
            let text = text.with_context(|| format!("{} can't be read", file.display()))?;
            parse(&text).with_context(|| format!("{} has no times", file.display()))
        };
        Ok(Self {
            took: Mutex::default(),
            start: Instant::now(),
            has_failed: AtomicBool::new(false),
            program: std::env::current_exe()?,
            file: flags.times.clone(),
            old: flags.against.as_ref().map(read).transpose()?,
        })
    }

    /// Runs a step, unless another one has failed.
    ///
    /// # Errors
    ///
    /// The step's, with its name.
    pub(super) fn run(
        &self,
        name: &str,
        step: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if self.has_failed.load(Relaxed) {
            return Ok(());
        }
        println!("\n== {name}");
        let start = Instant::now();
        let result = step();
        self.ended(name, start.elapsed(), "", result)
    }

    /// The same in a process of its own, beside others: what it prints comes at its end.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub(super) fn run_beside(&self, name: &str) -> anyhow::Result<()> {
        if self.has_failed.load(Relaxed) {
            return Ok(());
        }
        let start = Instant::now();
        let mut said = Vec::new();
        let result = self.beside(name, &mut said);
        let said = format!("\n== {name}\n{}", String::from_utf8_lossy(&said));
        self.ended(name, start.elapsed(), &said, result)
    }

    fn beside(&self, name: &str, said: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(["ci", "--step", name]).stdin(Stdio::null());
        let status = whole_output(command, said)?;
        anyhow::ensure!(status.success(), "why stands above");
        Ok(())
    }

    fn ended(
        &self,
        name: &str,
        took: Duration,
        said: &str,
        result: anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        println!("{said}== {name}: {:.1} s", took.as_secs_f64());
        if result.is_err() {
            self.has_failed.store(true, Relaxed);
        }
        let mut times = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        times.push((name.to_owned(), took.as_secs_f64()));
        self.write(&times)?;
        result.with_context(|| format!("the step `{name}` failed"))
    }

    fn write(&self, times: &[(String, f64)]) -> anyhow::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let written = std::fs::write(file, shown(times));
        written.with_context(|| format!("{} can't be written", file.display()))
    }

    /// The times, that of all, and their ratios.
    ///
    /// # Errors
    ///
    /// When they can't be written.
    pub(super) fn print(self) -> anyhow::Result<()> {
        let mut times = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        times.push((ALL.to_owned(), self.start.elapsed().as_secs_f64()));
        println!("\n{}", shown(&times));
        if let Some(old) = &self.old {
            println!("{}", compared(&times, old));
        }
        self.write(&times)
    }
}

/// A step a line: `clippy 104.2`.
fn shown(times: &[(String, f64)]) -> String {
    times.iter().fold(String::new(), |mut text, (name, took)| {
        _ = writeln!(text, "{name} {took:.1}");
        text
    })
}

fn parse(text: &str) -> anyhow::Result<Times> {
    let line = |line: &str| {
        let (name, took) = line.split_once(' ').context("a line without a space")?;
        Ok((name.to_owned(), took.trim().parse()?))
    };
    text.lines().map(line).collect()
}

/// New by old, of what both have.
fn compared(new: &[(String, f64)], old: &[(String, f64)]) -> String {
    let mut text = String::new();
    for (name, now) in new {
        let Some((_, before)) = old.iter().find(|(other, _)| other == name) else {
            continue;
        };
        let ratio = now / before;
        _ = writeln!(text, "{name:10} {now:8.1} / {before:8.1} = {ratio:.2}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn times_are_written_read_and_compared() {
        let old = parse("setup 0.0\nclippy 200.0\ntest 1000.5\nall 1100.0\n").unwrap();
        assert_eq!(parse(&shown(&old)).unwrap(), old);
        let new = parse("clippy 50.0\ntest 250.125\nmore 9.0\nall 275").unwrap();
        let text = compared(&new, &old);
        let ratios: Vec<_> = text
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap())
            .collect();
        assert_eq!(ratios, ["0.25", "0.25", "0.25"]);
        assert!(parse("clippy").is_err() && parse("clippy soon").is_err());
    }

    #[test]
    fn a_step_that_fails_is_named_and_timed_and_the_last() {
        let folder = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let file = folder.path().join("times");
        let mut steps = Steps::new(&flags(Some(&file), None)).unwrap();
        steps.run("good", || Ok(())).unwrap();
        // It has no such arguments.
        steps.program = "/bin/false".into();
        let error = steps.run_beside("bad").unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "the step `bad` failed: why stands above"
        );
        steps.run("skipped", || anyhow::bail!("it runs")).unwrap();
        steps.run_beside("skipped").unwrap();
        steps.print().unwrap();
        let written = parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let names: Vec<_> = written.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["good", "bad", ALL]);
        let error = Steps::new(&flags(None, Some(Path::new("/nonexistent"))));
        assert!(format!("{:#}", error.err().unwrap()).contains("can't be read"));
    }

    #[test]
    fn what_a_step_beside_others_says_is_kept() {
        let mut steps = Steps::new(&flags(None, None)).unwrap();
        steps.program = "/bin/echo".into();
        let mut said = Vec::new();
        steps.beside("name", &mut said).unwrap();
        assert_eq!(said, b"ci --step name\n");
    }

    fn flags(times: Option<&Path>, against: Option<&Path>) -> Ci {
        Ci {
            step: None,
            times: times.map(Path::to_owned),
            against: against.map(Path::to_owned),
        }
    }
}
