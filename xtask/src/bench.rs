//! Measurements. What they print may be written down; no test depends on it.

use crate::flags::Bench;
use crate::{guest, setup};
use anyhow::{bail, ensure};
use std::path::PathBuf;
use xshell::{Shell, cmd};

/// Measures what `flags` name and prints tables.
pub(crate) fn bench(sh: &Shell, flags: &Bench) -> anyhow::Result<()> {
    let alone = flags.fast_wasm || flags.profile.is_some();
    match flags.what.as_str() {
        "net" => {
            ensure!(!alone, "only `bench tls` compares builds");
            net(sh)
        }
        "tls" if alone => providers(sh, flags),
        "tls" => tls(sh),
        other => bail!("there is no benchmark `{other}`: `net` and `tls` are two"),
    }
}

fn net(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    let guests = [
        "net_raw",
        "net_round_trips",
        "net_many",
        "net_happy_eyeballs",
        "net_deadlines",
        "net_graveyard",
        "net_stalled_peer",
    ];
    let components = Build::WASM.build(sh, &guests)?;
    let bench = guest::host_program("bench-net")?;
    cmd!(sh, "{bench} {components}").quiet().run()?;
    Ok(())
}

fn tls(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    setup::clang(sh)?;
    let components = Build::WASM.build(sh, &["tls_raw", "tls_handshakes", "tls_memory"])?;
    let programs = Build::NATIVE.build(sh, &["tls_raw", "tls_handshakes"])?;
    for build in [Build::WASM, Build::NATIVE] {
        build.providers(sh)?;
    }
    let bench = guest::host_program("bench-tls")?;
    cmd!(sh, "{bench} {components} {programs}").quiet().run()?;
    Ok(())
}

/// tls-pump-crypto beside *ring* in components built as nothing else is.
fn providers(sh: &Shell, flags: &Bench) -> anyhow::Result<()> {
    setup::setup(sh)?;
    setup::clang(sh)?;
    let mut build = Build::WASM;
    build.fast = flags.fast_wasm;
    if let Some(profile) = &flags.profile {
        build.profile = profile;
    }
    let components = build.providers(sh)?;
    let bench = guest::host_program("bench-tls")?;
    let fast = flags.fast_wasm.then_some("--fast-wasm");
    cmd!(sh, "{bench} {fast...} {components}").quiet().run()?;
    Ok(())
}

/// How programs of the tests are built to be measured.
#[derive(Clone, Copy)]
struct Build<'a> {
    /// None for this machine.
    target: Option<&'static str>,
    profile: &'a str,
    fast: bool,
}

impl Build<'static> {
    const NATIVE: Self = Self {
        target: None,
        profile: "release",
        fast: false,
    };
    const WASM: Self = Self {
        target: Some("wasm32-wasip2"),
        ..Self::NATIVE
    };
}

impl Build<'_> {
    /// What a fast component is built by. curve25519-dalek asks how wide an
    /// address is, and is slow with 64 bits where there is no wide arithmetic;
    /// the other crates of RustCrypto's know WebAssembly.
    const FAST: &'static str = r#"target.wasm32-wasip2.rustflags=["-Ctarget-feature=+simd128,+wide-arithmetic", '--cfg=curve25519_dalek_bits="64"']"#;

    /// Builds programs of the tests and returns their folder.
    fn build(self, sh: &Shell, names: &[&str]) -> anyhow::Result<PathBuf> {
        let args = names.iter().flat_map(|name| ["--bin", name]);
        self.cargo(sh, &args.collect::<Vec<_>>())
    }

    /// The program that has *ring* too, by itself, so that *ring* is not in the
    /// others.
    fn providers(self, sh: &Shell) -> anyhow::Result<PathBuf> {
        self.cargo(sh, &["--bin", "tls_providers", "--features", "ring"])
    }

    fn cargo(self, sh: &Shell, args: &[&str]) -> anyhow::Result<PathBuf> {
        let mut folder = guest::target_folder();
        let mut flags = Vec::new();
        if self.fast {
            // A folder of its own: what is built so is not to be taken for the
            // other.
            folder.push("fast-wasm");
            flags.extend(["--config", Self::FAST]);
        }
        flags.extend(self.target.iter().flat_map(|target| ["--target", target]));
        let profile = self.profile;
        cmd!(
            sh,
            "cargo build --quiet --profile {profile} --target-dir {folder} {flags...} --package test-guests {args...}"
        )
        .quiet()
        .run()?;
        Ok(folder.join(self.target.unwrap_or_default()).join(profile))
    }
}
