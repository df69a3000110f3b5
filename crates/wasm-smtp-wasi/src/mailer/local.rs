//! A server in memory or in a folder, for tests of what sends mails.

use super::connect::{BoxFuture, Connect, Connection};
use super::lock;
use crate::WasiSmtpError;
use smtp_session::Security;
use smtp_test_server::memory::Stream;
use smtp_test_server::{Deviation, GREETING, Rules, Server, Then};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A mail server inside the program, for tests: no network, on any platform. The
/// mails go through all of SMTP, so that refusals and retries can be tested too.
///
/// A clone is the same server. It is as strict as the book, takes every user and
/// password, and has no TLS, but passes for a connection that has.
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
#[derive(Clone)]
pub struct LocalServer {
    server: Server,
    answers: Arc<Mutex<Vec<Answer>>>,
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

impl Default for LocalServer {
    fn default() -> Self {
        let rules = Rules::default().offer(["AUTH PLAIN OAUTHBEARER XOAUTH2"]);
        let answers = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::clone(&answers);
        let server = Server::with(rules, move |asked| {
            let line = match asked.line {
                GREETING => "CONNECT",
                line => line,
            };
            answer_to(&mut lock(&said), line)
        });
        Self { server, answers }
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
        this.server.keep_in(folder);
        this
    }

    /// Says `reply` to commands that begin with `command`, in any case, in place of its
    /// own: so often, or always. The connection's begin is `CONNECT`, a mail's end is
    /// `.`, also behind BDAT. The server does what it says: after a 2xx the mail is
    /// taken, after another reply it is not. Behind a 421 the connection ends; with an
    /// empty reply it ends at once. The first answer that was given for a command
    /// counts, until it was used up.
    pub fn answer(&self, command: &str, reply: &str, times: Option<u32>) {
        lock(&self.answers).push(Answer {
            command: command.to_ascii_uppercase(),
            reply: reply.to_owned(),
            times,
        });
    }

    /// The mails that were taken so far.
    #[must_use]
    pub fn mails(&self) -> Vec<LocalMail> {
        let mails = self.server.mails().into_iter();
        let local = mails.map(|mail| LocalMail {
            sender: mail.sender,
            recipients: mail.recipients,
            content: mail.content,
        });
        local.collect()
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.see(|seen| seen.connections.len())
    }

    /// How often what [`answer`](Self::answer) was given is still to be said, without
    /// what is said always.
    #[must_use]
    pub fn answers_left(&self) -> u32 {
        let answers = lock(&self.answers);
        answers.iter().filter_map(|answer| answer.times).sum()
    }

    /// Ends the connections that are open, without a word.
    pub fn hang_up(&self) {
        self.server.hang_up();
    }
}

/// What is said to `line` in place of doing it.
fn answer_to(answers: &mut [Answer], line: &str) -> Option<Deviation> {
    let line = line.to_ascii_uppercase();
    let answer = answers.iter_mut().find(|answer| {
        line.starts_with(&answer.command) && answer.times.is_none_or(|times| times > 0)
    })?;
    if let Some(times) = &mut answer.times {
        *times -= 1;
    }
    Some(match answer.reply.as_str() {
        "" => Deviation::only(Then::Close),
        reply => Deviation::say(reply),
    })
}

impl fmt::Debug for LocalServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalServer")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Connect for LocalServer {
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        let connection = Connection {
            stream: Box::new(Stream::new(&self.server)),
            security: Security::Tls { exporter: None },
            local_addr: None,
            tls: None,
        };
        Box::pin(async { Ok(connection) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_used_up_in_order() {
        let server = LocalServer::new();
        server.answer("NOOP", "450 not now", Some(1));
        server.answer("noop", "421 enough", Some(1));
        let said: Vec<_> = (0..3)
            .map(|_| answer_to(&mut lock(&server.answers), "NoOp"))
            .collect();
        let [first, second] = ["450 not now", "421 enough"].map(|reply| Some(reply.into()));
        assert_eq!(said, [first, second, None]);
        assert_eq!(server.answers_left(), 0);
    }

    /// What `answer` says of each reply, and that CONNECT is the greeting.
    #[test]
    fn an_answer_is_said_and_then_is_so() {
        let server = LocalServer::new();
        server.answer("CONNECT", "220 hello", None);
        server.answer("RCPT TO:<no@", "550 no", None);
        server.answer("QUIT", "", None);
        let mut conversation = server.server.open();
        conversation.handle(b"x");
        assert!(conversation.output().starts_with(b"220 hello\r\n503 "));
        let mut conversation = server.server.open();
        let mut said = String::new();
        for lines in [
            "",
            "EHLO a\r\n",
            "MAIL FROM:<>\r\nRCPT TO:<no@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n",
            "x\r\n.\r\n",
            "QUIT\r\n",
        ] {
            let len = conversation.output().len();
            said += &String::from_utf8_lossy(conversation.output());
            conversation.written(len);
            conversation.handle(lines.as_bytes());
        }
        let lines = said.lines().filter(|line| line.get(3..4) != Some("-"));
        let codes: Vec<_> = lines.map(|line| &line[..3]).collect();
        assert_eq!(codes, ["220", "250", "250", "550", "250", "354", "250"]);
        assert_eq!(*conversation.next(), Then::Close);
        assert_eq!(server.mails()[0].recipients, ["a@b"]);
        assert_eq!(server.connections(), 2);
    }
}
