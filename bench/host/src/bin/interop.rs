//! Talks TLS to each of the bad servers of a mail lab, and compares how each was
//! refused: `cargo xtask interop` gives it the lab's `READY host port kind` and
//! `CA file` lines on standard input. The kinds are `smtps-NAME`, where NAME is
//! that of a certificate, or of a TLS too old; others are passed over.
//!
//! `cargo xtask interop GROUP` wants the ordinary servers (`smtps`) to agree on
//! that group for the key exchange.

use async_net::TcpStream;
use futures_lite::AsyncWriteExt as _;
use futures_lite::future::block_on;
use std::error::Error as StdError;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tls_pump::{CertificateErrorKind as Kind, Error, TlsConfig, TlsStream};

/// The name that the good certificates carry.
const NAME: &str = "mail.test.local";

/// What a server must be found to be.
fn verdict<T>(result: &Result<T, Error>) -> String {
    match result {
        Ok(_) => "accepted".into(),
        Err(error) => match error.certificate_kind() {
            Some(Kind::NameMismatch { .. }) => "NameMismatch".into(),
            Some(Kind::AddressMismatch { .. }) => "AddressMismatch".into(),
            Some(kind) => format!("{kind:?}"),
            None => match error {
                Error::Alert { .. } | Error::Incompatible(_) | Error::EndedInHandshake => {
                    "too old".into()
                }
                other => format!("{other:?}"),
            },
        },
    }
}

fn expected(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "good-ecdsa" | "good-rsa" | "good-p384" | "good-ed25519" | "good-root"
        | "good-wildcard" | "tls12" | "tls13" | "sni" => "accepted",
        "expired" | "expiredint" => "Expired",
        "notyet" => "NotYetValid",
        "wronghost" | "cnonly" => "NameMismatch",
        "selfsigned" => "SelfSigned",
        // Both send their own certificate only.
        "unknownca" | "noint" => "IncompleteChain",
        "revoked" => "Revoked",
        "sha1" => "UnsupportedSignatureAlgorithm",
        "rsa1024" => "WeakKey",
        "clienteku" => "InvalidPurpose",
        "nameconstraint" => "NameConstraintViolation",
        "leafca" => "EndEntityUsedAsCa",
        "tls10" | "tls11" | "tls12-cbc" | "tls12-rsakx" | "tls12-dhe" => "too old",
        _ => return None,
    })
}

async fn handshake(
    config: &TlsConfig,
    host: &str,
    port: u16,
    name: &str,
) -> Result<Option<String>, Error> {
    let tcp = TcpStream::connect((host, port)).await?;
    let mut stream = TlsStream::new(config, name, tcp)?;
    stream.handshake().await?;
    // A server that refuses our side says so only after this.
    stream.flush().await?;
    stream.close().await?;
    Ok(stream.connection_info().and_then(|info| info.group))
}

struct Lab {
    /// What ordinary servers have to agree on.
    group: Option<String>,
    /// Where the lab keeps its certificates.
    folder: PathBuf,
    wrong: usize,
}

impl Lab {
    fn config(&self, kind: &str) -> Result<TlsConfig, Box<dyn StdError>> {
        let read = |name: &str| std::fs::read(self.folder.join(name));
        // SHA-1 is the only fault of that certificate: its root is trusted.
        let builder = TlsConfig::builder().roots_pem(read("ca-with-rsa.pem")?);
        Ok(match kind {
            "revoked" => builder.crls_pem(read("crl.pem")?),
            _ => builder,
        }
        .build()?)
    }

    fn check(&mut self, kind: &str, host: &str, port: u16) -> Result<(), Box<dyn StdError>> {
        if kind == "smtps" {
            return self.check_group(host, port);
        }
        let Some(expected) = kind.strip_prefix("smtps-").and_then(expected) else {
            return Ok(());
        };
        let kind = &kind["smtps-".len()..];
        self.compare(kind, host, port, NAME, expected)?;
        if kind == "wronghost" {
            self.compare(kind, host, port, host, "AddressMismatch")?;
        }
        Ok(())
    }

    fn check_group(&mut self, host: &str, port: u16) -> Result<(), Box<dyn StdError>> {
        let found = block_on(handshake(&self.config("smtps")?, host, port, NAME))?;
        let differs = self.group.is_some() && found != self.group;
        self.wrong += usize::from(differs);
        let found = found.unwrap_or_default();
        let differs = if differs { "DIFFERS: " } else { "" };
        println!("| smtps | {differs}{found} | |");
        Ok(())
    }

    fn compare(
        &mut self,
        kind: &str,
        host: &str,
        port: u16,
        name: &str,
        expected: &str,
    ) -> Result<(), Box<dyn StdError>> {
        let result = block_on(handshake(&self.config(kind)?, host, port, name));
        let found = verdict(&result);
        let text = result.map_or_else(|error| error.to_string(), |_| String::new());
        let differs = if found == expected { "" } else { "DIFFERS: " };
        self.wrong += usize::from(found != expected);
        println!("| {kind} | {differs}{found} | {text} |");
        Ok(())
    }
}

fn main() -> Result<ExitCode, Box<dyn StdError>> {
    let mut lines = String::new();
    std::io::stdin().read_to_string(&mut lines)?;
    let words = || {
        lines
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
    };
    let folder = words().find_map(|words| match words[..] {
        ["CA", file] => Path::new(file).parent().map(Path::to_owned),
        _ => None,
    });
    let folder = folder.ok_or("no `CA file` line: pipe the output of the lab's `up badcerts`")?;
    let mut lab = Lab {
        group: std::env::args().nth(1),
        folder,
        wrong: 0,
    };
    println!("| server | found | sentence |\n|---|---|---|");
    for words in words() {
        if let ["READY", host @ "127.0.0.1", port, kind] = words[..] {
            lab.check(kind, host, port.parse()?)?;
        }
    }
    println!("{} differ", lab.wrong);
    Ok(ExitCode::from(u8::from(lab.wrong > 0)))
}
