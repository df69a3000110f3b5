//! `cargo xtask bench tls`: what tls-pump's driver costs against rustls by hand,
//! what resumption saves, what an idle connection keeps, and tls-pump-crypto
//! beside *ring*. The programs are those of the tests, built for release: the
//! first argument is the folder of the components, the second that of the same
//! programs for this machine. Without the second only the providers are
//! compared, and `--fast-wasm` before all says that the components were built
//! for wide arithmetic.

mod providers;

use providers::Build;
use rustls::version::{TLS12, TLS13};
use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{Component, Guest, Network, allow_wide_arithmetic};
use test_host::peers::{Peer, PeerServer};
use test_host::sendmail::CaFolder;
use test_host::server_folder::ServerFolder;

const BYTES: usize = 64 * 1024 * 1024;

struct Bench {
    components: PathBuf,
    programs: Option<PathBuf>,
}

impl Bench {
    fn guest(&self, name: &str) -> Result<Guest, Box<dyn Error>> {
        let component = Component::from_file(&self.components.join(format!("{name}.wasm")))?;
        let guest = Guest::new(&component, name).network(Network::Loopback);
        Ok(guest.limit(None))
    }

    /// What the program `name` prints with `folder` and `args`, in wasmtime.
    async fn in_wasm(
        &self,
        name: &str,
        folder: &Path,
        args: &[usize],
    ) -> Result<String, Box<dyn Error>> {
        let guest = self.guest(name)?.folder(folder, "/server").arg("/server");
        let guest = args.iter().fold(guest, |guest, arg| guest.arg(arg));
        Ok(guest.run().await.expect_success().stdout)
    }

    /// What it prints on this machine with `first` and `args`.
    fn natively(
        &self,
        name: &str,
        first: &[&OsStr],
        args: &[usize],
    ) -> Result<String, Box<dyn Error>> {
        let programs = self.programs.as_ref().ok_or("there are no programs")?;
        let program = programs.join(name);
        let program = program.with_extension(std::env::consts::EXE_EXTENSION);
        let args = args.iter().map(ToString::to_string);
        let output = Command::new(program).args(first).args(args).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    async fn against_by_hand(&self) -> Result<(), Box<dyn Error>> {
        let server = ServerFolder::short()?;
        let args = [15, BYTES];
        let wasm = self.in_wasm("tls_raw", server.path(), &args).await?;
        let native = self.natively("tls_raw", &[server.path().as_os_str()], &args)?;
        println!(
            "| driver / rustls by hand, which reads the wire itself (or a buffer of its own), median of 15 ratios: 64 MiB, or 1 MiB in small records | by hand in wasm, ms | ratio | by hand natively, ms | ratio |\n|---|---|---|---|---|"
        );
        for (wasm, native) in wasm.lines().zip(native.lines()) {
            let ([wasm, ratio, buffered], what) = measured(wasm)?;
            let wasm = format!("{wasm} | {ratio} ({buffered})");
            let ([native, ratio, buffered], _) = measured(native)?;
            println!("| {what} | {wasm} | {native} | {ratio} ({buffered}) |");
        }
        Ok(())
    }

    async fn handshakes(&self) -> Result<(), Box<dyn Error>> {
        println!(
            "\n| the client's part of a handshake | full, ms | full / resumed |\n|---|---|---|"
        );
        for (chain, server) in [
            ("P-256 root and leaf", ServerFolder::short()?),
            (
                "P-384 root and intermediate, P-256 leaf",
                ServerFolder::long()?,
            ),
        ] {
            let path = server.path();
            for (place, lines) in [
                ("wasm", self.in_wasm("tls_handshakes", path, &[201]).await?),
                (
                    "native",
                    self.natively("tls_handshakes", &[path.as_os_str()], &[201])?,
                ),
            ] {
                for line in lines.lines() {
                    let (figures, version) = measured(line)?;
                    let [full, ratio] = figures;
                    println!("| {chain}, {version}, {place} | {full} | {ratio} |");
                }
            }
        }
        Ok(())
    }

    async fn memory(&self) -> Result<(), Box<dyn Error>> {
        println!(
            "\n| heap of an idle connection, bytes | after the handshake | after 1 MiB each way |\n|---|---|---|"
        );
        for (name, version) in [("TLS 1.3", &TLS13), ("TLS 1.2", &TLS12)] {
            let ca = Ca::new();
            let folder = CaFolder::new(&ca)?;
            let config = ca.server_config_of(&LOCAL_NAMES, &[version]);
            let echo = PeerServer::start_tls(Peer::Echo, config).await?;
            let guest = self.guest("tls_memory")?.arg("own").arg(echo.port());
            let guest = guest.folder(folder.path(), "/ca").arg("/ca/ca.pem");
            for line in guest.run().await.expect_success().stdout.lines() {
                let cells: Vec<_> = line.split(' ').collect();
                println!("| {name}, {} |", cells.join(" | "));
            }
        }
        Ok(())
    }
}

/// `N` figures and what they are about.
fn measured<const N: usize>(line: &str) -> Result<([&str; N], &str), &'static str> {
    let mut parts = line.splitn(N + 1, ' ');
    let mut figures = [""; N];
    for figure in &mut figures {
        *figure = parts.next().ok_or("a figure is missing")?;
    }
    Ok((figures, parts.next().ok_or("its name is missing")?))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).peekable();
    let fast = args.next_if(|arg| arg == "--fast-wasm").is_some();
    let components = args.next();
    let components = components.ok_or("usage: bench-tls [--fast-wasm] COMPONENTS [PROGRAMS]")?;
    let bench = Bench {
        components: components.into(),
        programs: args.next().map(PathBuf::from),
    };
    if fast {
        allow_wide_arithmetic();
        return bench.providers(Build::Fast).await;
    }
    if bench.programs.is_some() {
        bench.against_by_hand().await?;
        bench.handshakes().await?;
        bench.memory().await?;
    }
    bench.providers(Build::Default).await
}
