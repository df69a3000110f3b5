//! What no compiler checks: the rules of this project's files.

use crate::test::WITH_TESTS;
use anyhow::ensure;
use std::collections::BTreeSet;
use std::path::Path;
use xshell::{Shell, cmd};

/// The longest file, in lines. (Functions: `too-many-lines-threshold` of
/// clippy.)
const FILE_LINES: usize = 500;

/// Checks every file that git tracks or would track.
pub(crate) fn tidy(sh: &Shell) -> anyhow::Result<()> {
    let files = cmd!(sh, "git ls-files --cached --others --exclude-standard")
        .quiet()
        .read()?;
    let mut wrong = Vec::new();
    for file in files.lines().filter(|file| sh.path_exists(file)) {
        let bytes = sh.read_binary_file(file)?;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            check(file, text, &mut |what| {
                wrong.push(format!("{file}: {what}"))
            });
        }
    }
    let published = sh.read_dir("crates")?.into_iter();
    for krate in published.chain([sh.current_dir().join("tests/smtp-server")]) {
        for name in ["README.md", "CHANGELOG.md"] {
            if !krate.join(name).exists() {
                wrong.push(format!("{}: has no {name}", krate.display()));
            }
        }
    }
    wrong.extend(too_many_dependencies(sh)?);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// `wasi-net` promises at most four crates beside the bindings.
fn too_many_dependencies(sh: &Shell) -> anyhow::Result<Option<String>> {
    const BINDINGS: [&str; 3] = ["wasi", "wasip2", "wit-bindgen"];
    let tree = "--target wasm32-wasip2 --edges normal,no-proc-macro --prefix none --format {lib}";
    let tree: Vec<_> = tree.split(' ').collect();
    let tree = cmd!(sh, "cargo tree --quiet --package wasi-net {tree...}")
        .quiet()
        .read()?;
    let names: BTreeSet<_> = tree
        .lines()
        .map(|name| name.replace('_', "-"))
        .filter(|name| name != "wasi-net" && !name.is_empty())
        .filter(|name| !BINDINGS.contains(&name.as_str()))
        .collect();
    Ok((names.len() > 4).then(|| format!("wasi-net depends on {names:?}")))
}

fn check(file: &str, text: &str, wrong: &mut dyn FnMut(String)) {
    let extension = Path::new(file)
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    // Words are put together here, so that this file does not find itself.
    let machine = ["/ro", "ot/"].concat();
    let home = ["/ho", "me/"].concat();
    let private_key = ["PRIVATE", " KEY-----"].concat();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if line.contains(&machine) || line.contains(&home) {
            wrong(format!("line {number} has a path of one machine"));
        }
        if line.contains(&private_key) {
            wrong(format!("line {number} has a private key"));
        }
        if line.ends_with([' ', '\t']) && extension != "eml" {
            wrong(format!("line {number} ends in white space"));
        }
        if extension == "rs" {
            check_code(line, &mut |what| wrong(format!("line {number} {what}")));
        }
    }
    if extension == "rs" {
        let is_program = file.contains("/src/bin/") || file.ends_with("/main.rs");
        let is_run = WITH_TESTS
            .iter()
            .any(|name| file.contains(&format!("{name}/")));
        let is_tested = file.contains("/tests/it/") || file.contains("/tests/mailer/");
        if is_program && !is_run && !is_tested && text.contains("#[test]") {
            wrong("has tests that `cargo xtask test` does not run".into());
        }
        if !text.starts_with("//!") {
            wrong("does not open with //! (what it holds, and why)".into());
        }
        if text.lines().count() > FILE_LINES {
            wrong(format!(
                "is longer than {FILE_LINES} lines: split it by idea"
            ));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        wrong("does not end in a line feed".into());
    }
}

fn check_code(line: &str, wrong: &mut dyn FnMut(String)) {
    let words = [
        ["to", "do!("],
        ["unimplem", "ented!("],
        ["db", "g!("],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["#[ign", "ore"],
    ];
    for word in words.map(|parts| parts.concat()) {
        if line.contains(&word) {
            wrong(format!("has `{word}`"));
        }
    }
    let allows = ["#[al", "low("].concat();
    let allows_all = ["#![al", "low("].concat();
    if (line.contains(&allows) || line.contains(&allows_all))
        && line.ends_with(")]")
        && !line.contains("reason =")
    {
        wrong("allows a lint without a reason".into());
    }
}

/// Not all of the checks can be seen to fail on the tree itself.
#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(file: &str, text: &str) -> usize {
        let mut count = 0;
        check(file, text, &mut |_| count += 1);
        count
    }

    #[test]
    fn each_rule_can_fail() {
        assert_eq!(complaints("a.rs", "//! Good.\n\nfn f() {}\n"), 0);
        for bad in [
            "fn f() {}\n".to_owned(),
            "//! No line feed".to_owned(),
            "//! White space. \n".to_owned(),
            ["//! A path: /ro", "ot/x\n"].concat(),
            ["//! x\n// FIX", "ME\n"].concat(),
            ["//! x\n#[al", "low(dead_code)]\n"].concat(),
            ["//! -----BEGIN PRIVATE", " KEY-----\n"].concat(),
            "//! x\n".to_owned() + &"\n".repeat(500),
        ] {
            assert_eq!(complaints("a.rs", &bad), 1, "{bad:.40}");
        }
        assert_eq!(complaints("a.eml", "Subject: x \n"), 0);
        let tested = "//! x\n#[test]\nfn f() {}\n";
        for (file, count) in [
            ("tests/guests/src/bin/a.rs", 1),
            ("bench/host/src/bin/interop-mail/a.rs", 0),
            ("crates/a/src/lib.rs", 0),
            ("crates/a/tests/it/main.rs", 0),
        ] {
            assert_eq!(complaints(file, tested), count, "{file}");
        }
    }
}
