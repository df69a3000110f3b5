//! Measurements. What they print may be written down; no test depends on it.

use crate::flags::Bench;
use crate::{guest, setup};
use anyhow::{Context as _, bail, ensure};
use std::path::PathBuf;
use std::process::Command;
use xshell::{Shell, cmd};

/// Measures what `flags` name and prints tables.
pub(crate) fn bench(sh: &Shell, flags: &Bench) -> anyhow::Result<()> {
    let alone = flags.fast_wasm || flags.profile.is_some();
    let what = flags.what.as_str();
    ensure!(!alone || what == "tls", "only `bench tls` compares builds");
    let chosen = flags.rounds.is_some() || flags.only.is_some() || flags.json.is_some();
    ensure!(
        !(chosen || flags.lab) || what == "smtp",
        "only `bench smtp` has --rounds, --only, --json and --lab"
    );
    match what {
        "net" => net(sh),
        "tls" if alone => providers(sh, flags),
        "tls" => tls(sh),
        "smtp" => smtp(sh, flags),
        other => bail!("there is no benchmark `{other}`: `net`, `tls` and `smtp` are three"),
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

/// Our client beside the programs of `bench/peers`.
fn smtp(sh: &Shell, flags: &Bench) -> anyhow::Result<()> {
    setup::setup(sh)?;
    setup::clang(sh).context("all that ours is compared with stands on *ring*")?;
    let ours = ["--bin", "smtp_client", "--bin", "smtp_session_client"];
    let ours = Build::WASM.cargo(sh, "bench-guests", &ours)?;
    let peers = peers(sh)?;
    // The server reads all that is sent and must not be what is measured.
    let fast = ["bench-host", "smtp-test-server", "test-host", "test-runner"]
        .map(|name| format!("profile.dev.package.{name}.opt-level=3"));
    let fast = fast.iter().flat_map(|one| ["--config", one]);
    cmd!(
        sh,
        "cargo build --quiet --workspace --bin bench-smtp {fast...}"
    )
    .quiet()
    .run()?;
    let mut bench = Command::new(guest::target_folder().join("debug/bench-smtp"));
    bench
        .arg(ours)
        .arg(peers)
        .args(flags.lab.then_some("--lab"));
    if let Some(rounds) = flags.rounds {
        bench.args(["--rounds", &rounds.to_string()]);
    }
    if let Some(only) = &flags.only {
        bench.args(["--only", only]);
    }
    if let Some(file) = &flags.json {
        bench.arg("--json").arg(file);
    }
    ensure!(bench.status()?.success(), "bench-smtp failed");
    Ok(())
}

/// Builds the programs of `bench/peers` and returns their folder. Each package
/// by itself, or all would have the features that one asks for.
fn peers(sh: &Shell) -> anyhow::Result<PathBuf> {
    const MANIFEST: &str = "bench/peers/Cargo.toml";
    const TARGET: &str = "wasm32-wasip2";
    /// Without it tokio has no sockets there.
    const TOKIO: &str = r#"target.wasm32-wasip2.rustflags=["--cfg=tokio_unstable"]"#;
    let folder = guest::target_folder().join("peers");
    for package in ["upstream", "upstream_pipelining", "others"] {
        cmd!(
            sh,
            "cargo build --quiet --locked --release --manifest-path {MANIFEST} --target {TARGET} --target-dir {folder} --config {TOKIO} --package {package}"
        )
        .quiet()
        .run()
        .with_context(|| format!("{package} of bench/peers does not build"))?;
    }
    Ok(folder.join(TARGET).join("release"))
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
        self.cargo(sh, "test-guests", &args.collect::<Vec<_>>())
    }

    /// The program that has *ring* too, by itself, so that *ring* is not in the
    /// others.
    fn providers(self, sh: &Shell) -> anyhow::Result<PathBuf> {
        let program = ["--bin", "tls_providers", "--features", "ring"];
        self.cargo(sh, "bench-guests", &program)
    }

    fn cargo(self, sh: &Shell, package: &str, args: &[&str]) -> anyhow::Result<PathBuf> {
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
            "cargo build --quiet --profile {profile} --target-dir {folder} {flags...} --package {package} {args...}"
        )
        .quiet()
        .run()?;
        Ok(folder.join(self.target.unwrap_or_default()).join(profile))
    }
}
