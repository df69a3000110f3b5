//! How large the components are: those that ship, and the smallest programs on
//! the library.

use crate::{guest, setup};
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// What can be left out of `wasi-sendmail`, and how that is called.
const SENDMAIL: [(&str, &str); 6] = [
    ("all features", "idna,pq,saslprep,tls12"),
    ("without `idna`", "pq,saslprep,tls12"),
    ("without `pq`", "idna,saslprep,tls12"),
    ("without `saslprep`", "idna,pq,tls12"),
    ("without `tls12`", "idna,pq,saslprep"),
    ("without any", ""),
];

/// An example of `wasm-smtp-wasi` by the profile `release-size`.
struct Example {
    name: &'static str,
    /// As a person reads it.
    features: &'static str,
    flags: &'static [&'static str],
    /// What it was when it was last written down.
    bytes: u64,
}

/// `docs/performance.md` has their history.
const EXAMPLES: [Example; 3] = [
    Example {
        name: "quick_start",
        features: "default features",
        flags: &[],
        bytes: 930_242,
    },
    Example {
        name: "quick_start",
        features: "without `tls12` and `pq`",
        flags: &[
            "--no-default-features",
            "--features",
            "oauthbearer,pipelining,pure,scram-sha-256,webpki-roots",
        ],
        bytes: 872_447,
    },
    Example {
        name: "plaintext",
        features: "`plaintext-only` and `pipelining`",
        flags: &[
            "--no-default-features",
            "--features",
            "pipelining,plaintext-only",
        ],
        bytes: 163_167,
    },
];

/// How much larger a component may become unnoticed, in percent.
const SLACK: u64 = 3;

const TARGET: &str = "wasm32-wasip2";

/// Prints the bytes of all, built in every way.
pub(crate) fn size(sh: &Shell) -> anyhow::Result<()> {
    gates(sh)?;
    println!(
        "\n| wasi-sendmail.wasm, bytes (by gzip -9) | profile release | profile release-size |\n|---|---|---|"
    );
    for (name, features) in SENDMAIL {
        let flags = ["--no-default-features", "--features", features];
        let [fast, small] = ["release", "release-size"].map(|profile| {
            let folder = build(sh, profile, "wasi-sendmail", &flags)?;
            sizes(sh, &folder.join("wasi-sendmail.wasm"))
        });
        println!("| {name} | {} | {} |", fast?, small?);
    }
    Ok(())
}

/// Prints the bytes of the library's examples; none may have grown.
pub(crate) fn gates(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    println!("| example of wasm-smtp-wasi, bytes (by gzip -9) | profile release-size |\n|---|---|");
    for example in EXAMPLES {
        let name = example.name;
        let flags = [&["--example", name], example.flags].concat();
        let folder = build(sh, "release-size", "wasm-smtp-wasi", &flags)?;
        let component = folder.join("examples").join(name).with_extension("wasm");
        println!(
            "| {name}, {} | {} |",
            example.features,
            sizes(sh, &component)?
        );
        let limit = example.bytes + example.bytes * SLACK / 100;
        let bytes = len(&component)?;
        ensure!(
            bytes <= limit,
            "{name} has grown: {bytes} bytes are more than {limit}; make it smaller, or write its size down in xtask/src/size.rs and docs/performance.md"
        );
    }
    Ok(())
}

/// Builds a package and returns the folder of its programs.
fn build(sh: &Shell, profile: &str, package: &str, flags: &[&str]) -> anyhow::Result<PathBuf> {
    cmd!(
        sh,
        "cargo build --quiet --profile {profile} --target {TARGET} --package {package} {flags...}"
    )
    .quiet()
    .run()?;
    Ok(guest::target_folder().join(TARGET).join(profile))
}

fn len(file: &Path) -> anyhow::Result<u64> {
    Ok(file.metadata().context("cargo built it")?.len())
}

/// Its own size, and what it takes to send it, if there is a `gzip` to say so.
fn sizes(sh: &Shell, file: &Path) -> anyhow::Result<String> {
    let gzip = cmd!(sh, "gzip -9 --stdout {file}").quiet().output();
    let gzip = gzip.map_or_else(|_| "?".into(), |gzip| thousands(gzip.stdout.len() as u64));
    Ok(format!("{} ({gzip})", thousands(len(file)?)))
}

/// With a comma at every third digit.
fn thousands(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1000), number % 1000),
    }
}
