//! tls-pump-crypto beside *ring*, each figure with the bar that it has to meet:
//! those who leave *ring* for it, and with it the C compiler, must not pay.

use crate::{Bench, measured};
use std::error::Error;
use std::path::Path;
use test_host::server_folder::ServerFolder;

/// How the components were built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// As everybody builds them.
    Default,
    /// With what wasmtime does not have on by default.
    Fast,
}

/// A kind of server, and what a full handshake with it may take of *ring*'s
/// time.
struct Chain {
    name: &'static str,
    folder: fn() -> std::io::Result<ServerFolder>,
    bar: f64,
}

const CHAINS: [Chain; 3] = [
    Chain {
        name: "P-256 root and leaf",
        folder: ServerFolder::short,
        bar: 1.3,
    },
    Chain {
        name: "as Let's Encrypt's ECDSA (RSA-4096 root, P-384 intermediate, P-256 leaf)",
        folder: ServerFolder::ecdsa_below_rsa,
        bar: 1.0,
    },
    Chain {
        name: "as Let's Encrypt's RSA (RSA-4096 root, RSA-2048 intermediate and leaf)",
        folder: ServerFolder::rsa,
        bar: 1.2,
    },
];

/// What a full handshake of a fast build may take, by any chain: pure Rust is
/// 1.7 times faster.
const FAST_BAR: f64 = 0.59;

/// What a resumed one may take.
const RESUMED_BAR: f64 = 0.9;

/// The speed that is to be had at least, of *ring*'s.
const CHACHA_BAR: f64 = 0.8;
const AES_BAR: f64 = 1.4;

const HANDSHAKES: usize = 101;
const BULKS: usize = 15;

/// Bulk is measured by pieces of so many MiB.
const BULK_MIB: f64 = 8.0;

impl Bench {
    pub(crate) async fn providers(&self, build: Build) -> Result<(), Box<dyn Error>> {
        self.title("the client's part of a handshake, tls-pump-crypto's time / *ring*'s");
        for chain in CHAINS {
            let folder = (chain.folder)()?;
            for row in self.rows("handshakes", folder.path(), HANDSHAKES).await? {
                let bar = match (row.name.as_str(), build) {
                    ("full", Build::Default) => Some(chain.bar),
                    ("full", Build::Fast) => Some(FAST_BAR),
                    ("resumed", Build::Default) => Some(RESUMED_BAR),
                    _ => None,
                };
                let shown = |figures: &Figures| {
                    let (ring, ratio) = (figures.ring, figures.ratio);
                    format!("{ring:.3} ms | {ratio:.2}")
                };
                let bar = bar.map(|bar| (format!("at most {bar}"), row.wasm.ratio <= bar));
                row.print(&format!("{}, {}", chain.name, row.name), shown, bar);
            }
        }
        self.title("bulk down, tls-pump-crypto's speed / *ring*'s");
        let folder = ServerFolder::short()?;
        for row in self.rows("bulk", folder.path(), BULKS).await? {
            let bar = match row.name.starts_with("AES") {
                true => AES_BAR,
                false => CHACHA_BAR,
            };
            let shown = |figures: &Figures| {
                let speed = BULK_MIB * 1000.0 / figures.ring;
                format!("{speed:.0} MiB/s | {:.2}", 1.0 / figures.ratio)
            };
            let bar = (build == Build::Default)
                .then(|| (format!("at least {bar}"), 1.0 / row.wasm.ratio >= bar));
            row.print(&row.name, shown, bar);
        }
        Ok(())
    }

    fn title(&self, what: &str) {
        let native = self.programs.as_ref();
        let native = native.map_or(["", ""], |_| [" *ring* natively | ratio |", "---|---|"]);
        let [names, lines] = native;
        println!("\n| {what} | *ring* in wasm | ratio | bar |{names}\n|---|---|---|---|{lines}");
    }

    /// What the guest prints, in wasm and, if there is such a program, natively.
    async fn rows(
        &self,
        what: &str,
        folder: &Path,
        rounds: usize,
    ) -> Result<Vec<Row>, Box<dyn Error>> {
        let wasm = self.guest("tls_providers")?.arg(what);
        let wasm = wasm.folder(folder, "/server").arg("/server").arg(rounds);
        let wasm = wasm.run().await.expect_success().stdout;
        let mut rows = Vec::new();
        for line in wasm.lines() {
            let (wasm, name) = Figures::read(line)?;
            rows.push(Row {
                name: name.to_owned(),
                wasm,
                native: None,
            });
        }
        if self.programs.is_some() {
            let args = [what.as_ref(), folder.as_os_str()];
            let native = self.natively("tls_providers", &args, &[rounds])?;
            for (row, line) in rows.iter_mut().zip(native.lines()) {
                row.native = Some(Figures::read(line)?.0);
            }
        }
        Ok(rows)
    }
}

/// What was compared at one place.
struct Figures {
    /// The time that *ring* takes, in milliseconds.
    ring: f64,
    /// tls-pump-crypto's time / *ring*'s.
    ratio: f64,
}

impl Figures {
    /// A line of the guest's.
    fn read(line: &str) -> Result<(Self, &str), Box<dyn Error>> {
        let ([ring, ratio], name) = measured(line)?;
        let [ring, ratio] = [ring.parse()?, ratio.parse()?];
        Ok((Self { ring, ratio }, name))
    }
}

struct Row {
    name: String,
    wasm: Figures,
    native: Option<Figures>,
}

impl Row {
    /// Prints it; a bar comes with whether it is met.
    fn print(&self, name: &str, shown: impl Fn(&Figures) -> String, bar: Option<(String, bool)>) {
        let bar = match bar {
            None => String::new(),
            Some((bar, true)) => bar,
            Some((bar, false)) => format!("**MISSED**: {bar}"),
        };
        let native = self.native.as_ref();
        let native = native.map_or_else(String::new, |native| format!(" {} |", shown(native)));
        println!("| {name} | {} | {bar} |{native}", shown(&self.wasm));
    }
}
