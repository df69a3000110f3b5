//! The crates build with every set of features, for both targets.

use crate::setup;
use xshell::{Shell, cmd};

/// The features of the crates of TLS: each alone, and none.
const ALONE: [(&str, &[&str]); 2] = [
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
];

/// What `wasm-smtp-wasi` has of TLS: one of each row.
const TLS: [&[&str]; 6] = [
    &["tls", "webpki-roots", "native-roots"],
    &["", "plaintext-only"],
    &["", "pure"],
    &["", "pq"],
    &["", "tls12"],
    &["", "ring"],
];

/// What it has without TLS, the features of `wasm-smtp` among it.
const OTHERS: [&[&str]; 7] = [
    &["", "plaintext-only"],
    &["", "xoauth2", "oauthbearer"],
    &["", "scram-sha-256"],
    &["", "pipelining"],
    &["", "smtputf8"],
    &["", "tracing"],
    &["", "mail-builder"],
];

/// Checks them all; for wasm32-wasip2 with *ring* only where clang is.
pub(crate) fn features(sh: &Shell) -> anyhow::Result<()> {
    for (package, features) in ALONE {
        for feature in features {
            clippy(sh, package, feature, &[])?;
        }
    }
    let clang = setup::clang(sh);
    if let Err(missing) = &clang {
        println!("skipped: ring for wasm32-wasip2: {missing}");
    }
    let sets: Vec<_> = [products(&TLS), products(&OTHERS)].concat();
    println!("{} sets of features of wasm-smtp-wasi", sets.len());
    for set in sets {
        clippy(sh, "wasm-smtp-wasi", &set, &[])?;
        if clang.is_ok() || !set.contains("ring") {
            clippy(sh, "wasm-smtp-wasi", &set, &["--target", "wasm32-wasip2"])?;
        }
    }
    Ok(())
}

/// Every choice of one of each row.
fn products(rows: &[&[&str]]) -> Vec<String> {
    rows.iter().fold(vec![String::new()], |sets, row| {
        let longer = |set: String| row.iter().map(move |feature| format!("{set} {feature}"));
        sets.into_iter().flat_map(longer).collect()
    })
}

fn clippy(sh: &Shell, package: &str, features: &str, target: &[&str]) -> anyhow::Result<()> {
    let features = ["--no-default-features", "--features", features];
    cmd!(
        sh,
        "cargo clippy --quiet --package {package} {target...} {features...} -- -D warnings"
    )
    .quiet()
    .run()
    .map_err(|error| anyhow::Error::from(error).context(format!("{package} with {features:?}")))
}
