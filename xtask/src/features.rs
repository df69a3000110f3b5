//! The crates build with every set of features, for both targets.

use crate::setup;
use anyhow::Context as _;
use std::collections::BTreeSet;
use xshell::{Shell, cmd};

/// The features of the crates below: each alone, and none.
const ALONE: [(&str, &[&str]); 4] = [
    (
        "tls-pump",
        &[
            "",
            "pure",
            "pq",
            "ring",
            "tls12",
            "webpki-roots",
            "native-roots",
            "keylog",
            "server",
        ],
    ),
    ("tls-pump-crypto", &["", "pq", "tls12"]),
    ("smtp-session", &["", "scram", "saslprep", "reencode"]),
    (
        "smtp-test-server",
        &["", "auth", "folder", "futures-io", "tokio"],
    ),
];

/// What `wasm-smtp-wasi` has of TLS: one of each row.
const TLS: [&[&str]; 6] = [
    &["tls", "webpki-roots", "native-roots"],
    &["", "plaintext-only"],
    &["", "pure", "pure pq"],
    &["", "tls12"],
    &["", "ring"],
    &["", "mailer", "mailer idna", "mailer saslprep"],
];

/// What it passes on to `wasm-smtp`: one of each row.
const CORE: [&[&str]; 6] = [
    &["", "xoauth2", "oauthbearer"],
    &["", "scram-sha-256"],
    &["", "pipelining"],
    &["", "smtputf8"],
    &["", "tracing"],
    &["", "mail-builder"],
];

/// Each feature alone, all but one, all and none.
pub(crate) fn some(sh: &Shell) -> anyhow::Result<()> {
    for (package, features) in ALONE {
        for feature in features {
            clippy(sh, package, feature, &[])?;
        }
    }
    let names: BTreeSet<_> = [&TLS[..], &CORE[..]]
        .concat()
        .into_iter()
        .flatten()
        .flat_map(|choice| choice.split(' '))
        .chain([""])
        .collect();
    let but_one = names.iter().map(|one| {
        let others = names.iter().filter(|name| *name != one);
        others.copied().collect::<Vec<_>>().join(" ")
    });
    let alone = names.iter().map(ToString::to_string);
    check(sh, alone.chain(but_one).collect())
}

/// Every combination. TLS and what is passed on have nothing to do with each
/// other.
pub(crate) fn all(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    let core = products(&CORE).into_iter();
    let core = core.map(|set| format!("plaintext-only {set}"));
    check(sh, products(&TLS).into_iter().chain(core).collect())
}

/// Every choice of one of each row.
fn products(rows: &[&[&str]]) -> Vec<String> {
    rows.iter().fold(vec![String::new()], |sets, row| {
        let longer = |set: String| row.iter().map(move |feature| format!("{set} {feature}"));
        sets.into_iter().flat_map(longer).collect()
    })
}

/// Checks sets of features of `wasm-smtp-wasi` for both targets; for
/// wasm32-wasip2 with *ring* only where clang is.
fn check(sh: &Shell, sets: Vec<String>) -> anyhow::Result<()> {
    let clang = setup::clang(sh);
    if let Err(missing) = &clang {
        println!("skipped: ring for wasm32-wasip2: {missing}");
    }
    println!("{} sets of features of wasm-smtp-wasi", sets.len());
    // Both in one call, so that neither waits for the other's crates.
    let host = cmd!(sh, "rustc --print host-tuple").quiet().read()?;
    let both = ["--target", "wasm32-wasip2", "--target", &host];
    for set in sets {
        let has_both = clang.is_ok() || !set.contains("ring");
        let targets = if has_both { &both[..] } else { &both[2..] };
        clippy(sh, "wasm-smtp-wasi", &set, targets)?;
    }
    Ok(())
}

fn clippy(sh: &Shell, package: &str, features: &str, target: &[&str]) -> anyhow::Result<()> {
    let flags = ["--no-default-features", "--features", features];
    cmd!(
        sh,
        "cargo clippy --quiet --package {package} {target...} {flags...} -- -D warnings"
    )
    .quiet()
    .run()
    .with_context(|| format!("{package} with the features `{features}`"))
}
