//! `openssl s_server`: what it is told, and what it says.

use super::{CERTIFICATE, Identity, KEY, command, ran};
use async_net::TcpStream;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tls_pump::{Error, TlsConfig, TlsStream};

/// A server that runs for longer is ended. So whoever waits for it, for a
/// connection's bytes or for a line, sees an end, and no test hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// A server on a free port of 127.0.0.1, which serves one connection after the
/// other. Lines that it is told go to the client, except for the commands of
/// `man openssl-s_server`; what the client says it prints.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    child: Arc<Mutex<Child>>,
    stdin: ChildStdin,
    output: Arc<Output>,
    threads: Vec<JoinHandle<()>>,
    /// Dropped to end it before the limit.
    limit: Option<Sender<()>>,
}

impl Server {
    /// Starts one that shows `identity`, with more options of `s_server`.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(identity: &Identity, options: &[&str]) -> Self {
        let mut args = vec!["s_server", "-accept", "127.0.0.1:0"];
        args.extend(["-cert", CERTIFICATE, "-key", KEY]);
        // Nothing that the machine trusts has a say.
        args.extend(["-no-CAfile", "-no-CApath", "-no-CAstore"]);
        if !identity.issuers.is_empty() {
            let chain = identity.folder.join("issuers.pem");
            fs::write(chain, &identity.issuers).expect("a file in its folder");
            args.extend(["-cert_chain", "issuers.pem"]);
        }
        args.extend(options);
        let mut command = command(&identity.folder, &args);
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = ran(piped.spawn());
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = child.stdout.take().expect("a pipe");
        let stderr = child.stderr.take().expect("a pipe");
        let output = Arc::new(Output::default());
        let child = Arc::new(Mutex::new(child));
        let (limit, ended) = mpsc::channel();
        let threads = vec![
            output.collect(stdout),
            output.collect(stderr),
            thread::spawn({
                let child = child.clone();
                move || {
                    let _ = ended.recv_timeout(LIMIT);
                    end(&child);
                }
            }),
        ];
        let accepting = output.wait_for("ACCEPT ");
        let addr = accepting
            .rsplit(' ')
            .next()
            .and_then(|addr| addr.parse().ok());
        Self {
            addr: addr.expect("`ACCEPT` and where"),
            child,
            stdin,
            output,
            threads,
            limit: Some(limit),
        }
    }

    /// A connection to it after the handshake, asking for `name`.
    ///
    /// # Errors
    ///
    /// Those of `tls-pump`.
    pub async fn connect(
        &self,
        config: &TlsConfig,
        name: &str,
    ) -> Result<TlsStream<TcpStream>, Error> {
        let mut stream = TlsStream::new(config, name, TcpStream::connect(self.addr).await?)?;
        stream.handshake().await?;
        Ok(stream)
    }

    /// Tells it a line. It takes each read of its input for one line: wait for
    /// what it does about one before the next.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn tell(&mut self, line: &str) {
        let written = self.stdin.write_all(format!("{line}\n").as_bytes());
        written.expect("it still runs");
    }

    /// Waits for a line with `text` in it among those that it has printed and
    /// nobody has waited for.
    ///
    /// # Panics
    ///
    /// When it ends without one.
    pub fn wait_for(&self, text: &str) -> String {
        self.output.wait_for(text)
    }

    /// Sends a word from each side to the other.
    ///
    /// # Panics
    ///
    /// When one does not arrive.
    pub async fn exchange(&mut self, stream: &mut TlsStream<TcpStream>, word: &str) {
        // No command of it begins with a digit.
        let line = format!("220 {word}\n");
        self.tell(line.trim_end());
        let mut arrived = vec![0; line.len()];
        stream.read_exact(&mut arrived).await.expect("a line");
        assert_eq!(arrived, line.as_bytes());
        let line = format!("EHLO {word}\n");
        stream.write_all(line.as_bytes()).await.expect("it is open");
        stream.flush().await.expect("it is open");
        self.wait_for(line.trim_end());
    }

    /// Ends it at once.
    pub fn kill(&self) {
        end(&self.child);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.limit = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Kills it, or finds that it has ended, and waits for that.
fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = child.kill();
    let _ = child.wait();
}

/// What a server prints.
#[derive(Debug, Default)]
struct Output {
    printed: Mutex<Printed>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Printed {
    /// The lines that nobody has waited for yet.
    lines: Vec<String>,
    /// How many streams may bring others.
    open: usize,
}

impl Output {
    fn printed(&self) -> MutexGuard<'_, Printed> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lines of `stream` in a thread.
    fn collect(self: &Arc<Self>, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        self.printed().open += 1;
        let output = self.clone();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
                let text = String::from_utf8_lossy(&line);
                output.printed().lines.push(text.trim_end().into());
                output.more.notify_all();
                line.clear();
            }
            output.printed().open -= 1;
            output.more.notify_all();
        })
    }

    fn wait_for(&self, text: &str) -> String {
        let mut printed = self.printed();
        loop {
            if let Some(found) = printed.lines.iter().position(|line| line.contains(text)) {
                return printed.lines.remove(found);
            }
            let lines = &printed.lines;
            assert!(printed.open > 0, "it ended without {text:?}: {lines:#?}");
            let waited = self.more.wait(printed);
            printed = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}
