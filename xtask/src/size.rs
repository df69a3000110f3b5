//! How large the component is that ships.

use crate::{guest, setup};
use anyhow::Context as _;
use std::path::Path;
use xshell::{Shell, cmd};

/// What can be left out of `wasi-sendmail`, and how that is called.
const FEATURES: [(&str, &str); 4] = [
    ("all features", "pq,tls12"),
    ("without `pq`", "tls12"),
    ("without `tls12`", "pq"),
    ("without both", ""),
];

/// Builds `wasi-sendmail` in every way and prints the bytes.
pub(crate) fn size(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    println!(
        "| wasi-sendmail.wasm, bytes (by gzip -9) | profile release | profile release-size |\n|---|---|---|"
    );
    for (name, features) in FEATURES {
        let [fast, small] = ["release", "release-size"].map(|profile| {
            let component = build(sh, profile, features)?;
            sizes(sh, &component)
        });
        println!("| {name} | {} | {} |", fast?, small?);
    }
    Ok(())
}

fn build(sh: &Shell, profile: &str, features: &str) -> anyhow::Result<std::path::PathBuf> {
    const NAME: &str = "wasi-sendmail";
    const TARGET: &str = "wasm32-wasip2";
    let features = ["--no-default-features", "--features", features];
    cmd!(
        sh,
        "cargo build --quiet --profile {profile} --target {TARGET} --package {NAME} {features...}"
    )
    .quiet()
    .run()?;
    let folder = guest::target_folder().join(TARGET).join(profile);
    Ok(folder.join(NAME).with_extension("wasm"))
}

/// Its own size, and what it takes to send it, if there is a `gzip` to say so.
fn sizes(sh: &Shell, file: &Path) -> anyhow::Result<String> {
    let len = file.metadata().context("cargo built it")?.len();
    let gzip = cmd!(sh, "gzip -9 --stdout {file}").quiet().output();
    let gzip = gzip.map_or_else(|_| "?".into(), |gzip| thousands(gzip.stdout.len() as u64));
    Ok(format!("{} ({gzip})", thousands(len)))
}

/// With a comma at every third digit.
fn thousands(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1000), number % 1000),
    }
}
