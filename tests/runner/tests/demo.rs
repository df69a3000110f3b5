//! The README shows what `cargo xtask demo` prints.

use std::path::Path;
use test_runner::build_file;

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

#[tokio::test]
async fn the_readme_shows_the_demo() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (_, shown) = readme.split_once("```text\n$ wasi-sendmail").unwrap();
    let (shown, _) = shown.split_once("```\n").unwrap();
    let mut printed = Vec::new();
    let runner = Path::new(env!("CARGO_BIN_EXE_wasip2-runner"));
    let component = build_file("wasi-sendmail", "wasi-sendmail");
    let mails = [root.join("tests/mail/plain.eml")];
    let all_same = test_demo::demo(&mut printed, runner, &component, &mails).await;
    let printed = String::from_utf8(printed).unwrap();
    assert!(all_same.unwrap(), "{printed}");
    assert!(
        without_numbers(&printed).contains(&without_numbers(shown)),
        "the README shows something else than the demo:\n{printed}"
    );
}
