//! A submission server over TLS that records every line, and whose answers a test
//! may change one by one.
//!
//! It knows DSN, has no AUTH but what a test answers, and keeps apart what it was
//! given from what it took: by that a mail sent twice is seen, whatever the client
//! says of it.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use test_host::ca::{Ca, LOCAL_NAMES};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The line of a connection that has not said anything yet.
pub(crate) const CONNECT: &str = "CONNECT";

/// The line of a mail that was read to its end.
pub(crate) const END: &str = ".";

/// What the server does.
pub(crate) enum Answer {
    Say(String),
    /// Nothing, for ever.
    Hold,
    /// Ends the connection without a word.
    Cut,
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Self::Say(text.to_owned())
    }
}

/// What is to be answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The line without its end, or [`CONNECT`], or [`END`].
    pub(crate) line: String,
    /// The mail as far as it came.
    pub(crate) mail: Mail,
}

/// A mail with its envelope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail {
    /// The line of MAIL that was taken.
    pub(crate) from: String,
    /// The lines of RCPT that were taken.
    pub(crate) to: Vec<String>,
    /// Without dot-stuffing, with CRLF.
    pub(crate) content: Vec<u8>,
    /// It was answered by 250.
    pub(crate) taken: bool,
}

impl Mail {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.content).expect("the mails of these tests are UTF-8")
    }

    /// The value of its Subject field, by which the tests tell mails apart.
    pub(crate) fn subject(&self) -> &str {
        let mut lines = self.text().lines();
        let field = lines.find_map(|line| line.strip_prefix("Subject: "));
        field.expect("a Subject")
    }
}

/// What a server saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// How many connections came about.
    pub(crate) connections: usize,
    /// Of those, how many are over.
    pub(crate) closed: usize,
    /// Lines that are not answered.
    pub(crate) held: usize,
    /// All lines in the order in which they came.
    pub(crate) lines: Vec<String>,
    /// All mails that came to their end, taken or not.
    pub(crate) mails: Vec<Mail>,
}

impl Seen {
    /// How many lines begin so.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        self.starting(beginning).len()
    }

    /// The lines that begin so.
    pub(crate) fn starting(&self, beginning: &str) -> Vec<&str> {
        let lines = self.lines.iter().map(String::as_str);
        lines.filter(|line| line.starts_with(beginning)).collect()
    }

    /// The subjects of all mails that came to their end, sorted.
    pub(crate) fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<_> = self.mails.iter().map(Mail::subject).collect();
        subjects.sort_unstable();
        subjects
    }
}

type Rules = dyn Fn(&Asked) -> Option<Answer> + Send + Sync;

/// A running server; dropping it ends its connections.
pub(crate) struct Peer {
    addr: SocketAddr,
    seen: Arc<watch::Sender<Seen>>,
    _serving: JoinSet<io::Result<()>>,
}

impl Peer {
    /// Listens at a free port of 127.0.0.1. Where `rules` says nothing, all is well.
    pub(crate) async fn start(
        ca: &Ca,
        rules: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let seen = Arc::new(watch::Sender::new(Seen::default()));
        let acceptor = TlsAcceptor::from(ca.server_config(&LOCAL_NAMES));
        let (rules, log): (Arc<Rules>, _) = (Arc::new(rules), seen.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut sessions = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let (acceptor, rules, log) = (acceptor.clone(), rules.clone(), log.clone());
                sessions.spawn(async move {
                    let stream = acceptor.accept(stream).await?;
                    log.send_modify(|seen| seen.connections += 1);
                    let talked = talk(BufReader::new(stream), &*rules, &log).await;
                    log.send_modify(|seen| seen.closed += 1);
                    talked
                });
            }
        });
        Ok(Self {
            addr,
            seen,
            _serving: serving,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.addr.port()
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until `done` holds.
    pub(crate) async fn wait(&self, done: impl Fn(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.subscribe();
        let seen = seen.wait_for(|seen| done(seen)).await;
        seen.expect("self holds the sender").clone()
    }

    /// Waits until no connection is open.
    pub(crate) async fn settled(&self) -> Seen {
        self.wait(|seen| seen.connections == seen.closed).await
    }
}

type Stream = BufReader<TlsStream<TcpStream>>;

async fn talk(mut stream: Stream, rules: &Rules, log: &watch::Sender<Seen>) -> io::Result<()> {
    let mut asked = Asked {
        line: CONNECT.to_owned(),
        ..Asked::default()
    };
    loop {
        let text = match rules(&asked).unwrap_or_else(|| answer(&asked)) {
            Answer::Say(text) => text,
            silence => {
                if asked.line == END {
                    log.send_modify(|seen| seen.mails.push(asked.mail));
                }
                return silent(&silence, log).await;
            }
        };
        take_note(&mut asked, &text, log);
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        stream.flush().await?;
        if text.starts_with("221") || text.starts_with("421") {
            return stream.shutdown().await;
        }
        if asked.line == "DATA" && text.starts_with("354") {
            asked.mail.content = read_mail(&mut stream).await?;
            asked.line = END.to_owned();
        } else {
            let Some(line) = read_line(&mut stream).await? else {
                return Ok(());
            };
            log.send_modify(|seen| seen.lines.push(line.clone()));
            asked.line = line;
        }
    }
}

/// Ends the connection at once, or never.
async fn silent(answer: &Answer, log: &watch::Sender<Seen>) -> io::Result<()> {
    if matches!(answer, Answer::Hold) {
        log.send_modify(|seen| seen.held += 1);
        pending::<()>().await;
    }
    Ok(())
}

/// What a server says that takes everything.
fn answer(asked: &Asked) -> Answer {
    let verb = asked.line.split(' ').next().unwrap_or_default();
    match verb {
        CONNECT => "220 peer.test ESMTP",
        "EHLO" => {
            "250-peer.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 1000000\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN"
        }
        "AUTH" => "235 2.7.0 welcome",
        "MAIL" => "250 2.1.0 sender fine",
        "RCPT" if asked.mail.from.is_empty() => "503 5.5.1 MAIL first",
        "RCPT" => "250 2.1.5 recipient fine",
        "DATA" if asked.mail.to.is_empty() => "554 5.5.1 no valid recipients",
        "DATA" => "354 go ahead",
        END => "250 2.0.0 queued",
        "RSET" | "NOOP" => "250 2.0.0 fine",
        "QUIT" => "221 2.0.0 bye",
        _ => "500 5.5.1 unknown",
    }
    .into()
}

fn take_note(asked: &mut Asked, text: &str, log: &watch::Sender<Seen>) {
    let fine = text.starts_with("250");
    let line = asked.line.as_str();
    if line == END {
        let mut mail = std::mem::take(&mut asked.mail);
        mail.taken = fine;
        log.send_modify(|seen| seen.mails.push(mail));
    } else if line.starts_with("EHLO") || line == "RSET" {
        asked.mail = Mail::default();
    } else if line.starts_with("MAIL") && fine {
        asked.mail.from = line.to_owned();
    } else if line.starts_with("RCPT") && fine {
        asked.mail.to.push(line.to_owned());
    }
}

/// `None` at the end of the connection.
async fn read_line(stream: &mut Stream) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&line);
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

async fn read_mail(stream: &mut Stream) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let start = content.len();
        if stream.read_until(b'\n', &mut content).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if &content[start..] == b".\r\n" {
            content.truncate(start);
            return Ok(content);
        }
        if content[start..].starts_with(b".") {
            content.remove(start);
        }
    }
}
