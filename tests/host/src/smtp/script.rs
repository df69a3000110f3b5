//! A server that says what it is told, right or wrong.

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A plaintext server with a text for each line that it reads, the first one for
/// the connection itself. Behind the last it reads on, and says no more.
#[derive(Debug)]
pub struct Script {
    addr: SocketAddr,
    _serving: JoinSet<io::Result<()>>,
}

impl Script {
    /// Serves every connection to a free port of 127.0.0.1 alike.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn start(texts: &[&str]) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut sessions = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await?;
                let texts = texts.clone();
                sessions.spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let mut texts = texts.iter();
                    loop {
                        if let Some(text) = texts.next() {
                            stream.write_all(text.as_bytes()).await?;
                        }
                        if stream.read_until(b'\n', &mut Vec::new()).await? == 0 {
                            return io::Result::Ok(());
                        }
                    }
                });
            }
        });
        Ok(Self {
            addr,
            _serving: serving,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addr.port()
    }
}
