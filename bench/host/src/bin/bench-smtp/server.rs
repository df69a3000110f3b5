//! The server: one in memory, made afresh for each run, or a mail lab's.

use smtp_test_server::listen::{Listener, Security};
use smtp_test_server::{Mechanism, Rules};
use std::error::Error;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::fault::Proxy;
use tokio::runtime::Handle;

/// An account that a mail lab has too, and what it may send from.
pub(crate) const USER: &str = "user@test.local";
pub(crate) const PASSWORD: &str = "secret";

const DELAY: Duration = Duration::from_millis(20);

/// What a mail may have more than its size and less: whole lines only, and the
/// empty line that some end with.
const SLACK: usize = 100;

pub(crate) struct Server {
    /// Not the programs' host's: as with a server in a process of its own,
    /// neither does the other's waiting.
    runtime: Handle,
    kind: Kind,
    /// Has `ca.pem`, the certificate to trust.
    folder: TempDir,
}

#[derive(Clone)]
enum Kind {
    InMemory(Arc<rustls::ServerConfig>),
    Lab { port: u16, largest: usize },
}

impl Server {
    pub(crate) fn in_memory(runtime: Handle) -> std::io::Result<Self> {
        let ca = Ca::new();
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), ca.pem())?;
        let kind = Kind::InMemory(ca.server_config(&LOCAL_NAMES));
        Ok(Self {
            runtime,
            kind,
            folder,
        })
    }

    /// The one whose `READY host port kind` and `CA file` lines these are.
    pub(crate) fn of_lab(runtime: Handle, lines: impl BufRead) -> Result<Self, Box<dyn Error>> {
        let (mut ports, mut ca) = (Vec::new(), None);
        for line in lines.lines() {
            match line?.split(' ').collect::<Vec<_>>()[..] {
                ["READY", "127.0.0.1", port, kind] => {
                    ports.push((kind.to_owned(), port.parse::<u16>()?));
                }
                ["CA", file] => ca = Some(std::fs::read(file)?),
                _ => {}
            }
        }
        let port = |of: &str| {
            let found = ports.iter().find(|(kind, _)| kind == of);
            found.map(|&(_, port)| port)
        };
        let pem = ca.ok_or("no `CA file` line: pipe the output of the lab's `up NAME`")?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), pem)?;
        let plain = port("submission").ok_or("the lab's server has no submission")?;
        let kind = Kind::Lab {
            port: port("smtps").ok_or("the lab's server has no smtps")?,
            // 25 MB, or 10 MB where those are too much.
            largest: match size(plain)? {
                Some(limit) if limit < 26_000_000 => 10_000_000,
                _ => usize::MAX,
            },
        };
        Ok(Self {
            runtime,
            kind,
            folder,
        })
    }

    pub(crate) fn is_lab(&self) -> bool {
        matches!(self.kind, Kind::Lab { .. })
    }

    /// The longest mail to send.
    pub(crate) fn largest(&self) -> usize {
        match self.kind {
            Kind::InMemory(_) => usize::MAX,
            Kind::Lab { largest, .. } => largest,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes it ready for a run.
    pub(crate) async fn open(&self, delay: bool) -> std::io::Result<Site> {
        self.runtime.spawn(self.kind.clone().open(delay)).await?
    }
}

impl Kind {
    async fn open(self, delay: bool) -> std::io::Result<Site> {
        let (server, addr) = match self {
            Self::InMemory(config) => {
                let rules = Rules::default().user(USER, PASSWORD);
                let server = smtp_test_server::Server::new(rules.mechanisms(&[Mechanism::Plain]));
                let server = server.listen(Security::Implicit(config))?;
                let addr = server.addr();
                (Some(server), addr)
            }
            Self::Lab { port, .. } => (None, SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        };
        let proxy = match delay {
            true => Some(Proxy::builder(addr).delay(DELAY).start().await?),
            false => None,
        };
        let port = proxy.as_ref().map_or(addr, Proxy::addr).port();
        Ok(Site {
            server,
            _proxy: proxy,
            port,
        })
    }
}

/// The largest mail that the server at `port` says it takes.
fn size(port: u16) -> Result<Option<usize>, Box<dyn Error>> {
    let mut stream = BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    stream.get_mut().write_all(b"EHLO client.test\r\n")?;
    let mut size = None;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err("it ended before its EHLO reply did".into());
        }
        let keyword = line.get(4..).unwrap_or_default().trim_end();
        size = size.or_else(|| keyword.strip_prefix("SIZE ")?.parse().ok());
        if line.as_bytes().get(3) != Some(&b'-') {
            break;
        }
    }
    stream.get_mut().write_all(b"QUIT\r\n")?;
    stream.read_line(&mut line)?;
    Ok(size)
}

/// The server of one run.
pub(crate) struct Site {
    server: Option<Listener>,
    _proxy: Option<Proxy>,
    port: u16,
}

impl Site {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Checks that it got so many mails of that size, as far as it can be
    /// asked, and says in how many of them TLS was resumed.
    pub(crate) fn arrived(&self, count: usize, size: usize) -> Result<Option<usize>, String> {
        let Some(server) = &self.server else {
            return Ok(None);
        };
        let mails = server.mails();
        let whole = |len: usize| len.abs_diff(size) < SLACK;
        if mails.len() != count || !mails.iter().all(|mail| whole(mail.content.len())) {
            return Err(format!("{} of {count} mails arrived whole", mails.len()));
        }
        Ok(Some(
            mails
                .iter()
                .filter(|mail| mail.tls.as_ref().is_some_and(|tls| tls.resumed))
                .count(),
        ))
    }
}
