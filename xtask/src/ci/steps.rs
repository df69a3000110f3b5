//! The steps of CI, and how long each took: to read, to keep, and to compare.

use crate::flags::Ci;
use anyhow::Context as _;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// What ran so far.
pub(super) struct Steps {
    took: Times,
    /// Where the times go, after each step.
    file: Option<PathBuf>,
    /// What they are compared with.
    old: Option<Times>,
}

/// The seconds of each step, in order.
type Times = Vec<(String, f64)>;

impl Steps {
    /// # Errors
    ///
    /// When the times to compare with can't be read.
    pub(super) fn new(flags: &Ci) -> anyhow::Result<Self> {
        let read = |file: &PathBuf| {
            let text = std::fs::read_to_string(file);
            let text = text.with_context(|| format!("{} can't be read", file.display()))?;
            parse(&text).with_context(|| format!("{} has no times", file.display()))
        };
        Ok(Self {
            took: Times::new(),
            file: flags.times.clone(),
            old: flags.against.as_ref().map(read).transpose()?,
        })
    }

    /// Runs a step.
    ///
    /// # Errors
    ///
    /// The step's, with its name.
    pub(super) fn run<T>(
        &mut self,
        name: &str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = step().with_context(|| format!("the step `{name}` failed"));
        let took = start.elapsed().as_secs_f64();
        println!("== {name}: {took:.1} s");
        self.took.push((name.to_owned(), took));
        if let Some(file) = &self.file {
            let written = std::fs::write(file, shown(&self.took));
            written.with_context(|| format!("{} can't be written", file.display()))?;
        }
        result
    }

    /// The times, and their ratios.
    pub(super) fn print(&self) {
        println!("\n{}", shown(&self.took));
        if let Some(old) = &self.old {
            println!("{}", compared(&self.took, old));
        }
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

/// New by old, of each step that both have, and of all those together.
fn compared(new: &[(String, f64)], old: &[(String, f64)]) -> String {
    let mut text = String::new();
    let mut sums = (0.0, 0.0);
    for (name, now) in new {
        let Some((_, before)) = old.iter().find(|(other, _)| other == name) else {
            continue;
        };
        sums = (sums.0 + now, sums.1 + before);
        _ = writeln!(
            text,
            "{name:10} {now:8.1} / {before:8.1} = {:.2}",
            now / before
        );
    }
    let (now, before) = sums;
    _ = writeln!(
        text,
        "{:10} {now:8.1} / {before:8.1} = {:.2}",
        "all",
        now / before
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_read_and_compared() {
        let old = parse("setup 0.0\nclippy 200.0\ntest 1000.5\n").unwrap();
        assert_eq!(parse(&shown(&old)).unwrap(), old);
        let new = parse("clippy 50.0\ntest 250.125\nmore 9.0").unwrap();
        let text = compared(&new, &old);
        let ratios: Vec<_> = text
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap())
            .collect();
        assert_eq!(ratios, ["0.25", "0.25", "0.25"]);
        assert!(parse("clippy").is_err() && parse("clippy soon").is_err());
    }

    #[test]
    fn a_step_that_fails_is_named_and_timed() {
        let folder = std::env::temp_dir().join(format!("xtask-steps-{}", std::process::id()));
        let flags = Ci {
            times: Some(folder.clone()),
            against: None,
        };
        let mut steps = Steps::new(&flags).unwrap();
        steps.run("good", || Ok(())).unwrap();
        let error = steps.run::<()>("bad", || anyhow::bail!("no")).unwrap_err();
        assert_eq!(format!("{error:#}"), "the step `bad` failed: no");
        let written = std::fs::read_to_string(&folder).unwrap();
        assert_eq!(parse(&written).unwrap().len(), 2);
        std::fs::remove_file(folder).unwrap();
        let against = Some("/nonexistent/times".into());
        let missing = Steps::new(&Ci {
            times: None,
            against,
        });
        assert!(format!("{:#}", missing.err().unwrap()).contains("can't be read"));
    }
}
