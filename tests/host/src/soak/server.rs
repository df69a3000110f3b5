//! A server that fails in all the ways that servers and networks do, by a plan, and
//! keeps a record of what it took.

use rustls::ServerConfig;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What happens to a mail. Each comes to one mail of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ResetAtMail,
    ResetInMail,
    ResetAtEnd,
    StallAtMail,
    StallAtEnd,
    GoodByeAtMail,
    GoodByeAtEnd,
    RecipientLater,
    MailLater,
    /// The connection ends in place of the reply; the mail was taken, or was not.
    CloseTaken,
    CloseLost,
    /// The connection ends right behind the reply.
    CloseBehind,
}

const FAULTS: [(Fault, &str); 12] = [
    (Fault::ResetAtMail, "reset at MAIL"),
    (Fault::ResetInMail, "reset in the mail"),
    (Fault::ResetAtEnd, "reset at the end"),
    (Fault::StallAtMail, "stall at MAIL"),
    (Fault::StallAtEnd, "stall at the end"),
    (Fault::GoodByeAtMail, "421 at MAIL"),
    (Fault::GoodByeAtEnd, "421 at the end"),
    (Fault::RecipientLater, "451 to RCPT"),
    (Fault::MailLater, "451 to the mail"),
    (Fault::CloseTaken, "close, taken"),
    (Fault::CloseLost, "close, not taken"),
    (Fault::CloseBehind, "close behind the reply"),
];

/// What the server knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// How often each mail was taken.
    pub(super) taken: BTreeMap<usize, usize>,
    pub(super) faults: BTreeMap<&'static str, usize>,
    pub(super) connections: usize,
    /// Lines that have no place where they came.
    pub(super) unexpected: Vec<String>,
    attempts: BTreeMap<usize, usize>,
}

type Shared = Arc<Mutex<Record>>;

/// A running server; dropping it ends every session.
pub(super) struct SoakServer {
    addr: SocketAddr,
    record: Shared,
    accept: JoinHandle<()>,
}

impl SoakServer {
    pub(super) async fn start(config: Arc<ServerConfig>, faulty: bool) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let record = Shared::default();
        let accept = tokio::spawn(serve(listener, config.into(), record.clone(), faulty));
        Ok(Self {
            addr,
            record,
            accept,
        })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn record(&self) -> Record {
        self.record.lock().expect("no panic").clone()
    }
}

impl Drop for SoakServer {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, record: Shared, faulty: bool) {
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        _ = stream.set_nodelay(true);
        record.lock().expect("no panic").connections += 1;
        let (acceptor, record) = (acceptor.clone(), record.clone());
        sessions.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut session = Session {
                stream: BufReader::new(stream),
                record,
                faulty,
                mail: None,
                recipients: 0,
                replies: Vec::new(),
            };
            // A client that goes away is no matter.
            let ended = session.run().await;
            session.end(ended).await;
        });
        while sessions.try_join_next().is_some() {}
    }
}

/// How a session ends.
enum End {
    /// The client goes, or was told to.
    Close,
    Reset,
    /// Nothing is said or read any more.
    Stall,
}

struct Session {
    stream: BufReader<TlsStream<TcpStream>>,
    record: Shared,
    faulty: bool,
    /// The number of the mail, and what happens to it.
    mail: Option<(usize, Option<Fault>)>,
    recipients: usize,
    /// What is still to be said.
    replies: Vec<u8>,
}

impl Session {
    async fn run(&mut self) -> io::Result<End> {
        self.say("220 soak.test ESMTP").await?;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Ok(End::Close);
            }
            let line = line.trim_end();
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            let end = match verb {
                "EHLO" => {
                    self.say("250-soak.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 AUTH PLAIN").await?;
                    None
                }
                "AUTH" => self.go_on("235 2.7.0 welcome").await?,
                "NOOP" => self.go_on("250 2.0.0 here").await?,
                "RSET" => {
                    self.mail = None;
                    self.go_on("250 2.0.0 forgotten").await?
                }
                "QUIT" => {
                    self.say("221 2.0.0 good-bye").await?;
                    Some(End::Close)
                }
                "MAIL" => self.begin(rest).await?,
                "RCPT" => self.recipient().await?,
                "BDAT" => self.chunk(rest).await?,
                _ => {
                    self.record
                        .lock()
                        .expect("no panic")
                        .unexpected
                        .push(line.to_owned());
                    self.go_on("500 5.5.2 unknown").await?
                }
            };
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    async fn begin(&mut self, rest: &str) -> io::Result<Option<End>> {
        let number = rest
            .strip_prefix("FROM:<m")
            .and_then(|rest| rest.split_once('@'));
        let number = number
            .and_then(|(number, _)| number.parse().ok())
            .unwrap_or(usize::MAX);
        let fault = self.plan(number);
        self.mail = Some((number, fault));
        self.recipients = 0;
        match fault {
            Some(Fault::ResetAtMail) => Ok(Some(End::Reset)),
            Some(Fault::StallAtMail) => Ok(Some(End::Stall)),
            Some(Fault::GoodByeAtMail) => self.good_bye().await,
            _ => self.go_on("250 2.1.0 go on").await,
        }
    }

    /// The first attempt of a mail that has a fault has it; of every fourth of those
    /// mails every attempt has.
    fn plan(&self, number: usize) -> Option<Fault> {
        let mut record = self.record.lock().expect("no panic");
        let attempts = record.attempts.entry(number).or_default();
        *attempts += 1;
        let again = *attempts > 1 && !(number / 100).is_multiple_of(4);
        let (fault, name) = *FAULTS.get(number % 100).filter(|_| self.faulty && !again)?;
        *record.faults.entry(name).or_default() += 1;
        Some(fault)
    }

    fn fault(&self) -> Option<Fault> {
        self.mail.and_then(|(_, fault)| fault)
    }

    async fn recipient(&mut self) -> io::Result<Option<End>> {
        if self.fault() == Some(Fault::RecipientLater) {
            return self.go_on("451 4.3.0 later").await;
        }
        self.recipients += 1;
        self.go_on("250 2.1.5 go on").await
    }

    async fn chunk(&mut self, rest: &str) -> io::Result<Option<End>> {
        let (len, last) = rest.split_once(' ').unwrap_or((rest, ""));
        let len: usize = len.parse().map_err(io::Error::other)?;
        if self.fault() == Some(Fault::ResetInMail) {
            self.stream.read_exact(&mut vec![0; len / 2]).await?;
            return Ok(Some(End::Reset));
        }
        self.stream.read_exact(&mut vec![0; len]).await?;
        let mail = self.mail.filter(|_| self.recipients > 0);
        let Some((number, fault)) = mail else {
            return self.go_on("503 5.5.1 no recipients").await;
        };
        if last.is_empty() {
            return self.go_on("250 2.0.0 go on").await;
        }
        self.mail = None;
        match fault {
            Some(Fault::ResetAtEnd) => return Ok(Some(End::Reset)),
            Some(Fault::CloseLost) => return Ok(Some(End::Close)),
            Some(Fault::GoodByeAtEnd) => return self.good_bye().await,
            Some(Fault::MailLater) => return self.go_on("451 4.3.0 later").await,
            _ => {
                *self
                    .record
                    .lock()
                    .expect("no panic")
                    .taken
                    .entry(number)
                    .or_default() += 1
            }
        }
        match fault {
            Some(Fault::StallAtEnd) => Ok(Some(End::Stall)),
            Some(Fault::CloseTaken) => Ok(Some(End::Close)),
            _ => {
                self.say("250 2.0.0 taken").await?;
                Ok((fault == Some(Fault::CloseBehind)).then_some(End::Close))
            }
        }
    }

    async fn good_bye(&mut self) -> io::Result<Option<End>> {
        self.say("421 4.3.2 going down").await?;
        Ok(Some(End::Close))
    }

    async fn go_on(&mut self, reply: &str) -> io::Result<Option<End>> {
        self.say(reply).await?;
        Ok(None)
    }

    /// Replies that belong together leave together.
    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.replies.extend(format!("{reply}\r\n").bytes());
        if !self.stream.buffer().contains(&b'\n') {
            let replies = std::mem::take(&mut self.replies);
            self.stream.write_all(&replies).await?;
            self.stream.flush().await?;
        }
        Ok(())
    }

    async fn end(mut self, ended: io::Result<End>) {
        match ended {
            Ok(End::Close) => {
                let replies = std::mem::take(&mut self.replies);
                _ = self.stream.write_all(&replies).await;
                _ = self.stream.shutdown().await;
            }
            Ok(End::Reset) => {
                _ = self.stream.get_ref().get_ref().0.set_zero_linger();
            }
            // Until the client goes.
            Ok(End::Stall) => {
                let mut rest = [0; 1024];
                while self.stream.read(&mut rest).await.is_ok_and(|len| len > 0) {}
            }
            Err(_) => {}
        }
    }
}
