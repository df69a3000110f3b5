//! What the libraries promise their users beyond behaviour: that a release build
//! for the wrong target is stopped with a reason, and that no error is
//! undocumented or untested.

use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// `cargo check` of a program of one line that uses a crate, for this machine.
fn check_caller(package: &str, call: &str, profile: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"caller\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{package} = {{ path = {:?} }}\n",
        root().join("crates").join(package)
    );
    let program = format!("fn main() {{\n    {call}\n}}\n");
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
    for (package, call) in [
        (
            "wasi-net",
            "let _ = wasi_net::block_on(wasi_net::Connector::new().connect(\"localhost\", 25));",
        ),
        (
            "wasm-smtp-wasi",
            "drop(wasm_smtp_wasi::connect_smtps(\"smtp.example.com\", 465, \"client.example.com\"));",
        ),
    ] {
        let debug = check_caller(package, call, &[]);
        let text = String::from_utf8_lossy(&debug.stderr);
        assert!(debug.status.success(), "{text}");
        let release = check_caller(package, call, &["--release"]);
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
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The variants of an enum, as its source has them.
fn variants<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
    let (_, variants) = source.split_once(&format!("pub enum {name} {{")).unwrap();
    let (variants, _) = variants.split_once("\n}\n").unwrap();
    let names = variants.lines().filter_map(|line| {
        let line = line.strip_prefix("    ")?;
        let end = line.find([',', '(', ' ']).unwrap_or(line.len());
        Some(&line[..end])
    });
    let names: Vec<_> = names
        .filter(|name| name.starts_with(char::is_uppercase))
        .collect();
    assert!(names.len() > 5, "{names:?}");
    names
}

/// Every variant has a row in `docs/errors.md`, and `tests` name it.
#[track_caller]
fn assert_documented_and_tested(source: &str, name: &str, tests: &str) {
    let documented = read("docs/errors.md");
    for variant in variants(source, name) {
        assert!(
            documented.contains(&format!("| `{variant}` |")),
            "{variant} is not in docs/errors.md"
        );
        let tested = ["{name}::{variant}", "{variant}: ", "\"{variant}\","]
            .map(|form| form.replace("{name}", name).replace("{variant}", variant));
        assert!(
            tested.iter().any(|tested| tests.contains(tested)),
            "{variant} has no test"
        );
    }
}

#[test]
fn every_error_of_wasi_net_is_documented_and_tested() {
    let source = read("crates/wasi-net/src/error.rs");
    let (code, unit_tests) = source.split_once("#[cfg(test)]").unwrap();
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
    assert_documented_and_tested(code, "ErrorKind", &tests);
}

#[test]
fn every_error_of_tls_pump_is_documented_and_tested() {
    let folder = root().join("crates/tls-pump/tests/it");
    let mut tests = String::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            tests += &std::fs::read_to_string(path).unwrap();
        }
    }
    // Where it is a guest's or OpenSSL's turn.
    tests += include_str!("bad_certificates.rs");
    let tests = tests.replace("Kind::", "CertificateErrorKind::");
    let errors = read("crates/tls-pump/src/error.rs");
    assert_documented_and_tested(&errors, "Error", &tests);
    let kinds = read("crates/tls-pump/src/certificate.rs");
    assert_documented_and_tested(&kinds, "CertificateErrorKind", &tests);
}

#[test]
fn every_error_of_smtp_session_is_documented_and_tested() {
    let source = read("crates/smtp-session/src/error.rs");
    let tests = ["auth", "connections", "content", "failures"]
        .map(|name| read(&format!("crates/smtp-session/tests/it/{name}.rs")))
        .concat();
    assert_documented_and_tested(&source, "ErrorKind", &tests);
}

#[test]
fn every_error_of_wasm_smtp_wasi_is_documented_and_tested() {
    let errors = read("crates/wasm-smtp-wasi/src/error.rs");
    let (code, unit_tests) = errors.split_once("#[cfg(test)]").unwrap();
    let tests = [
        unit_tests,
        &read("tests/guests/src/bin/smtp_demands.rs"),
        include_str!("guests_smtp_faults.rs"),
    ]
    .concat();
    assert_documented_and_tested(code, "WasiSmtpError", &tests);
}

#[test]
fn every_error_of_the_mailer_is_documented_and_tested() {
    let source = read("crates/wasm-smtp-wasi/src/mailer/error.rs");
    let tests = ["connections", "deliveries", "doubts", "errors", "messages"]
        .map(|name| read(&format!("crates/wasm-smtp-wasi/tests/mailer/{name}.rs")))
        .concat();
    let tests = tests + &read("crates/wasm-smtp-wasi/src/mailer/silence.rs");
    assert_documented_and_tested(&source, "MailerErrorKind", &tests);
}

#[test]
fn the_profile_in_the_readme_is_the_workspaces() {
    let readme = read("crates/wasm-smtp-wasi/README.md");
    let (_, profile) = readme.split_once("```toml\n").unwrap();
    let (profile, _) = profile.split_once("```").unwrap();
    let workspace = read("Cargo.toml");
    let (_, own) = workspace.split_once("[profile.release]\n").unwrap();
    for line in profile.lines() {
        assert!(own.lines().any(|own| own == line), "{line}");
    }
    // What is only compared with is not in what ships.
    let missing = own.lines().filter(|line| line.contains(".opt-level"));
    let missing: Vec<_> = missing.filter(|line| !profile.contains(line)).collect();
    assert_eq!(missing, ["ring.opt-level = 3"]);
}

/// A promise without a test is a hope.
#[test]
fn every_promise_of_the_security_page_names_its_test() {
    let page = read("docs/security.md");
    let (_, table) = page.split_once("## What shows it").unwrap();
    let rows = table.lines().filter(|line| line.contains(".rs` | `"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let source = read(cells[2].trim_matches('`'));
        for test in cells[3].split(", ") {
            let test = test.trim_matches('`');
            assert!(source.contains(&format!("fn {test}(")), "{row}");
            count += 1;
        }
    }
    assert!(count > 80, "{count}");
}
