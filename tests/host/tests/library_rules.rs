//! What `wasi-net` promises its users beyond behaviour: that a release build for
//! the wrong target is stopped with a reason, and that no error is undocumented
//! or untested.

use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// `cargo check` of a program that opens a socket, for this machine.
fn check_caller(profile: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"caller\"\nedition = \"2024\"\n[workspace]\n[dependencies]\nwasi-net = {{ path = {:?} }}\n",
        root().join("crates/wasi-net")
    );
    let program = "fn main() {\n    let _ = wasi_net::block_on(wasi_net::Connector::new().connect(\"localhost\", 25));\n}\n";
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/main.rs"), program).unwrap();
    std::fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline"])
        .args(profile)
        .arg("--target-dir")
        .arg(root().join("target/compile-fail"))
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn a_release_build_for_another_target_says_what_to_do() {
    let debug = check_caller(&[]);
    let text = String::from_utf8_lossy(&debug.stderr);
    assert!(debug.status.success(), "{text}");
    let release = check_caller(&["--release"]);
    let text = String::from_utf8_lossy(&release.stderr);
    assert!(!release.status.success());
    for part in [
        "this build cannot open sockets: build for wasm32-wasip2",
        "cargo build --target wasm32-wasip2",
        "src/main.rs:2",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn every_kind_of_error_is_documented_and_tested() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let source = read("crates/wasi-net/src/error.rs");
    let (code, unit_tests) = source.split_once("#[cfg(test)]").unwrap();
    let (_, kinds) = code.split_once("pub enum ErrorKind {").unwrap();
    let (kinds, _) = kinds.split_once("\n}\n").unwrap();
    let kinds: Vec<_> = kinds
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.strip_suffix(','))
        .filter(|name| name.starts_with(char::is_uppercase) && !name.contains(' '))
        .collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    let documented = read("docs/errors.md");
    let wasi = read("crates/wasi-net/src/sys/wasi.rs");
    let (_, wasi_tests) = wasi.split_once("#[cfg(test)]").unwrap();
    let tests = [
        unit_tests,
        wasi_tests,
        &read("crates/wasi-net/tests/native.rs"),
        &read("tests/guests/src/bin/net_wrong_uses.rs"),
        include_str!("guests_net.rs"),
    ]
    .concat();
    for kind in kinds {
        assert!(
            documented.contains(&format!("| `{kind}` |")),
            "{kind} is not in docs/errors.md"
        );
        let tested =
            tests.contains(&format!("ErrorKind::{kind}")) || tests.contains(&format!("{kind}: "));
        assert!(tested, "{kind} has no test");
    }
}
