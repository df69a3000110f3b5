//! The README shows what `cargo xtask demo` prints.

use std::path::Path;
use std::process::Command;
use test_host::guest::build_file;

/// Numbers depend on the machine, the build and the run.
fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if plain.ends_with('#') => {}
            true => plain.push('#'),
            false => plain.push(c),
        }
    }
    plain
}

#[test]
fn the_readme_shows_the_demo() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (_, shown) = readme.split_once("```text\n$ wasi-sendmail").unwrap();
    let (shown, _) = shown.split_once("```\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg(build_file("wasi-sendmail", "wasi-sendmail"))
        .arg(root.join("tests/mail/plain.eml"))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(
        without_numbers(&printed).contains(&without_numbers(shown)),
        "the README shows something else than the demo:\n{printed}"
    );
}
