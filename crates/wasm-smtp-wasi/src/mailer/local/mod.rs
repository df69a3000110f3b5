//! A server in memory or in a folder, for tests of what sends mails.

mod conversation;

use super::connect::{BoxFuture, Connect, Connection};
use super::lock;
use crate::WasiSmtpError;
use conversation::Conversation;
use futures_io::{AsyncRead, AsyncWrite};
use smtp_session::Security;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// A mail server inside the program, for tests: no network, on any platform. The
/// mails go through all of SMTP, so that refusals and retries can be tested too.
///
/// A clone is the same server. It takes every user and password and has no TLS, but
/// passes for a connection that has.
///
/// ```
/// use wasm_smtp_wasi::block_on;
/// use wasm_smtp_wasi::mailer::{LocalServer, Mailer, Message};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = LocalServer::new();
/// server.answer("RCPT TO:<nobody@example.org>", "550 5.1.1 no such user", None);
/// let mailer = Mailer::over(server.clone()).build()?;
/// let mail = "From: me@example.com\nTo: you@example.org, nobody@example.org\n\nHello\n";
/// let report = block_on(mailer.send(Message::from_bytes(mail)?))?;
/// assert!(!report.is_complete());
/// assert_eq!(server.mails()[0].recipients, ["you@example.org"]);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct LocalServer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    mails: Vec<LocalMail>,
    answers: Vec<Answer>,
    folder: Option<PathBuf>,
    connections: usize,
    /// How many of them were hung up: the first ones.
    hung_up: usize,
}

/// What is said to some commands in place of what would be.
struct Answer {
    command: String,
    reply: String,
    times: Option<u32>,
}

/// A mail that a [`LocalServer`] took.
///
/// `Debug` gives numbers only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalMail {
    /// The reverse-path; empty for `<>`.
    pub sender: String,
    /// The forward-paths, as they were taken.
    pub recipients: Vec<String>,
    /// The mail, each line ended by CR LF and dots as they were written.
    pub content: Vec<u8>,
}

impl fmt::Debug for LocalMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalMail")
            .field("recipients", &self.recipients.len())
            .field("len", &self.content.len())
            .finish_non_exhaustive()
    }
}

impl LocalServer {
    /// A server that keeps its mails in memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A server that writes each mail into `folder` as well: `000001.eml`, and its
    /// envelope as `000001.envelope`, a command a line. What is there stays. A mail
    /// that can't be written is refused for now (451).
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        let this = Self::default();
        lock(&this.0).folder = Some(folder.into());
        this
    }

    /// Says `reply` to commands that begin with `command`, in any case, in place of
    /// doing what they ask: so often, or always. A mail's end is `.`, also behind
    /// BDAT. Behind a 421 the connection ends; with an empty reply it ends at once.
    /// The first answer that was given for a command counts, until it was used up.
    pub fn answer(&self, command: &str, reply: &str, times: Option<u32>) {
        lock(&self.0).answers.push(Answer {
            command: command.to_ascii_uppercase(),
            reply: reply.to_owned(),
            times,
        });
    }

    /// The mails that were taken so far.
    #[must_use]
    pub fn mails(&self) -> Vec<LocalMail> {
        lock(&self.0).mails.clone()
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.0).connections
    }

    /// How often what [`answer`](Self::answer) was given is still to be said, without
    /// what is said always.
    #[must_use]
    pub fn answers_left(&self) -> u32 {
        let state = lock(&self.0);
        state.answers.iter().filter_map(|answer| answer.times).sum()
    }

    /// Ends the connections that are open, without a word.
    pub fn hang_up(&self) {
        let mut state = lock(&self.0);
        state.hung_up = state.connections;
    }

    /// What is said to `line` in place of doing it.
    fn answer_to(&self, line: &str) -> Option<String> {
        let mut state = lock(&self.0);
        let line = line.to_ascii_uppercase();
        let answer = state.answers.iter_mut().find(|answer| {
            line.starts_with(&answer.command) && answer.times.is_none_or(|times| times > 0)
        })?;
        if let Some(times) = &mut answer.times {
            *times -= 1;
        }
        Some(answer.reply.clone())
    }

    fn take(&self, mail: LocalMail) -> io::Result<usize> {
        let mut state = lock(&self.0);
        if let Some(folder) = &state.folder {
            write(folder, &mail)?;
        }
        state.mails.push(mail);
        Ok(state.mails.len())
    }
}

/// Writes a mail under the first number that is free.
fn write(folder: &Path, mail: &LocalMail) -> io::Result<()> {
    for number in 1_u64.. {
        let path = folder.join(format!("{number:06}.eml"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(mut file) => {
                file.write_all(&mail.content)?;
                let mut envelope = format!("MAIL FROM:<{}>\r\n", mail.sender);
                for recipient in &mail.recipients {
                    envelope += &format!("RCPT TO:<{recipient}>\r\n");
                }
                return fs::write(path.with_extension("envelope"), envelope);
            }
        }
    }
    Ok(())
}

impl fmt::Debug for LocalServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalServer")
            .field("mails", &lock(&self.0).mails.len())
            .finish_non_exhaustive()
    }
}

impl Connect for LocalServer {
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        let number = {
            let mut state = lock(&self.0);
            state.connections += 1;
            state.connections
        };
        let stream = LocalStream {
            number,
            conversation: Conversation::new(self.clone()),
            reader: None,
        };
        let connection = Connection {
            stream: Box::new(stream),
            security: Security::Tls { exporter: None },
            local_addr: None,
            tls: None,
        };
        Box::pin(async { Ok(connection) })
    }
}

/// The client's end of a connection.
struct LocalStream {
    /// Of the server's connections; the first is 1.
    number: usize,
    conversation: Conversation,
    reader: Option<Waker>,
}

impl LocalStream {
    fn is_over(&self) -> bool {
        self.conversation.is_over || self.number <= self.conversation.hung_up()
    }
}

impl AsyncRead for LocalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let len = self.conversation.output.read(buf)?;
        if len == 0 && !buf.is_empty() && !self.is_over() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for LocalStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_over() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.conversation.handle(buf);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.conversation.is_over = true;
        Poll::Ready(Ok(()))
    }
}
