//! One connection: greeting, order of commands, EHLO, STARTTLS and AUTH.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use tokio::net::TcpStream;

use super::auth::{Awaiting, Step};
use super::connection::{Connection, TlsDetails};
use super::record::Log;
use super::server::Config;
use super::syntax::is_domain;
use super::{Authenticated, Mechanism, Received, Security};

const VERBS: [&str; 13] = [
    "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "VRFY",
    "HELP", "QUIT",
];
/// Commands whose reply a client must await even with PIPELINING (RFC 2920, 3.1; RFC 4954, 4).
/// STARTTLS is one more, with a reply of its own.
const LAST_IN_GROUP: [&str; 6] = ["EHLO", "HELO", "AUTH", "DATA", "VRFY", "NOOP"];
/// Octets of a command line with its CRLF (RFC 5321, 4.5.3.1.4).
const COMMAND_LINE: usize = 512;
/// The same for AUTH and its responses (RFC 4954, 4).
const AUTH_LINE: usize = 12288;
const BAD_COMMANDS: u32 = 20;

pub(super) struct Session {
    pub(super) config: Arc<Config>,
    pub(super) log: Arc<Log>,
    pub(super) connection: Connection,
    pub(super) tls: Option<TlsDetails>,
    pub(super) hello: Option<Hello>,
    pub(super) auth: Option<Authenticated>,
    /// The message of the open mail transaction, as far as it is known.
    pub(super) envelope: Option<Received>,
    pub(super) closing: bool,
    index: usize,
    bad_commands: u32,
}

/// How the client introduced itself.
pub(super) struct Hello {
    pub(super) name: String,
    /// EHLO, so that extensions may be used.
    pub(super) extended: bool,
}

impl Session {
    pub(super) fn new(stream: TcpStream, config: Arc<Config>, log: Arc<Log>) -> Self {
        Self {
            index: log.open(),
            config,
            log,
            connection: Connection::new(stream),
            tls: None,
            hello: None,
            auth: None,
            envelope: None,
            closing: false,
            bad_commands: 0,
        }
    }

    pub(super) async fn run(mut self) {
        // An error is the peer gone or its TLS refused; the record shows that no QUIT came.
        let ended = self.dialogue().await;
        self.log.session(self.index, |record| record.closed = true);
        if ended.is_ok() {
            self.connection.drain().await;
        }
    }

    async fn dialogue(&mut self) -> io::Result<()> {
        if let Security::Implicit(config) = &self.config.security {
            self.start_tls(config.clone()).await?;
        }
        self.reply("220 test.local ESMTP");
        while !self.closing {
            let early = self.connection.has_input();
            match self.connection.read_line(AUTH_LINE).await? {
                Ok(line) => self.command(&line, early).await?,
                Err(reply) => {
                    self.log
                        .session(self.index, |record| record.commands.push("?"));
                    self.reply(reply);
                }
            }
        }
        self.connection.finish().await
    }

    /// `early`: the command was here before the reply to the one before it was sent.
    async fn command(&mut self, line: &str, early: bool) -> io::Result<()> {
        let (word, arguments) = line.split_once(' ').unwrap_or((line, ""));
        let known = VERBS
            .into_iter()
            .find(|verb| verb.eq_ignore_ascii_case(word));
        let verb = known.unwrap_or("?");
        self.log
            .session(self.index, |record| record.commands.push(verb));
        let followed = LAST_IN_GROUP.contains(&verb) && self.connection.has_input();
        if followed || (early && !self.config.pipelining) {
            self.reply_and_close("503 5.5.1 wait for the reply");
            return Ok(());
        }
        if line.len() + 2 > self.line_limit(verb) {
            self.reply("500 5.5.2 line too long");
            return Ok(());
        }
        match verb {
            "EHLO" | "HELO" => self.hello(arguments, verb == "EHLO"),
            "STARTTLS" => self.upgrade(arguments).await?,
            "AUTH" => self.authenticate(arguments).await?,
            "MAIL" => self.mail(arguments),
            "RCPT" => self.rcpt(arguments),
            "BDAT" if self.config.chunking => self.bdat(arguments).await?,
            "DATA" | "RSET" | "QUIT" if !arguments.is_empty() => {
                self.reply("501 5.5.4 no argument allowed");
            }
            "DATA" => self.data().await?,
            "RSET" => {
                self.envelope = None;
                self.reply("250 2.0.0 forgotten");
            }
            "NOOP" => self.reply("250 2.0.0 done"),
            "VRFY" if arguments.is_empty() => self.reply("501 5.5.4 whom?"),
            "VRFY" => self.reply("252 2.0.0 send some mail and see"),
            "HELP" => self.reply("214 2.0.0 see RFC 5321"),
            "QUIT" => {
                self.log.session(self.index, |record| record.quit = true);
                self.reply_and_close("221 2.0.0 bye");
            }
            _ => self.reply("500 5.5.1 unknown command"),
        }
        Ok(())
    }

    /// Octets of a command line, with what the offered extensions add to MAIL.
    fn line_limit(&self, verb: &str) -> usize {
        match verb {
            "AUTH" => AUTH_LINE,
            "MAIL" => {
                let size = self.config.size.map_or(0, |_| 26);
                let body = if self.config.eight_bit_mime { 17 } else { 0 };
                let auth = if self.offers_auth() { 500 } else { 0 };
                COMMAND_LINE + size + body + auth
            }
            _ => COMMAND_LINE,
        }
    }

    /// Queues a reply, without its enhanced code when that extension is off.
    pub(super) fn reply(&mut self, reply: &str) {
        let mut reply = reply.to_owned();
        if matches!(&reply[..3], "500" | "501" | "502" | "503" | "504") {
            self.bad_commands += 1;
            if self.bad_commands > BAD_COMMANDS {
                "421 4.7.0 too many bad commands".clone_into(&mut reply);
            }
        }
        self.closing |= reply.starts_with("421");
        if !self.config.enhanced_status_codes {
            reply = without_status(&reply);
        }
        self.connection.queue(&reply);
    }

    pub(super) fn reply_and_close(&mut self, reply: &str) {
        self.reply(reply);
        self.closing = true;
    }

    pub(super) fn extended(&self) -> bool {
        self.hello.as_ref().is_some_and(|hello| hello.extended)
    }

    pub(super) fn offers_auth(&self) -> bool {
        !self.config.users.is_empty()
            && !self.config.mechanisms.is_empty()
            && (self.tls.is_some() || matches!(self.config.security, Security::Plain))
    }

    fn hello(&mut self, name: &str, extended: bool) {
        if !is_domain(name) {
            self.reply("501 5.5.4 not a domain");
            return;
        }
        self.envelope = None;
        self.hello = Some(Hello {
            name: name.to_owned(),
            extended,
        });
        let greeting = format!("test.local greets {name}");
        if !extended {
            self.connection.queue(&format!("250 {greeting}"));
            return;
        }
        let config = &self.config;
        let start_tls = matches!(config.security, Security::StartTls(_)) && self.tls.is_none();
        let mechanisms = config.mechanisms.iter().copied().map(Mechanism::name);
        let auth = format!("AUTH {}", mechanisms.collect::<Vec<_>>().join(" "));
        let size = config.size.map(|limit| format!("SIZE {limit}"));
        let lines = [
            Some(greeting),
            config.pipelining.then(|| "PIPELINING".to_owned()),
            size,
            config.eight_bit_mime.then(|| "8BITMIME".to_owned()),
            config.chunking.then(|| "CHUNKING".to_owned()),
            config
                .enhanced_status_codes
                .then(|| "ENHANCEDSTATUSCODES".to_owned()),
            start_tls.then(|| "STARTTLS".to_owned()),
            self.offers_auth().then_some(auth),
        ];
        for line in lines.into_iter().flatten() {
            self.connection.queue(&format!("250-{line}"));
        }
        self.connection.queue("250 HELP");
    }

    async fn upgrade(&mut self, arguments: &str) -> io::Result<()> {
        if self.connection.has_input() {
            // What follows was sent in the clear, perhaps by someone in the middle.
            self.reply_and_close("501 5.5.4 nothing may follow STARTTLS");
        } else if !arguments.is_empty() {
            self.reply("501 5.5.4 no argument allowed");
        } else if self.tls.is_some() {
            self.reply("503 5.5.1 TLS is on");
        } else if !self.extended() {
            self.reply("503 5.5.1 EHLO first");
        } else if let Security::StartTls(config) = &self.config.security {
            let config = config.clone();
            self.reply("220 2.0.0 go ahead");
            self.start_tls(config).await?;
        } else {
            self.reply("502 5.5.1 no TLS here");
        }
        Ok(())
    }

    /// Shakes hands and forgets what was said in the clear (RFC 3207, 4.2).
    async fn start_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        self.tls = Some(self.connection.start_tls(config).await?);
        self.log.session(self.index, |record| record.tls = true);
        self.hello = None;
        self.envelope = None;
        Ok(())
    }

    async fn authenticate(&mut self, arguments: &str) -> io::Result<()> {
        let (word, initial) = match arguments.split_once(' ') {
            Some((word, initial)) => (word, Some(initial)),
            None => (arguments, None),
        };
        let config = self.config.clone();
        let mechanism = config
            .mechanisms
            .iter()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(word));
        let refusal = match mechanism {
            _ if !self.extended() => "503 5.5.1 EHLO first",
            _ if self.auth.is_some() => "503 5.5.1 logged in already",
            _ if self.envelope.is_some() => "503 5.5.1 not within a transaction",
            _ if config.users.is_empty() => "502 5.5.1 no AUTH here",
            _ if !self.offers_auth() => "538 5.7.11 encryption required",
            None => "504 5.5.4 unknown mechanism",
            Some(&mechanism) => return self.exchange(mechanism, initial).await,
        };
        self.reply(refusal);
        Ok(())
    }

    async fn exchange(&mut self, mechanism: Mechanism, initial: Option<&str>) -> io::Result<()> {
        let config = self.config.clone();
        let (mut challenge, mut awaiting) = Awaiting::start(mechanism);
        // `=` stands for an empty initial response, which could not be told from none.
        let mut initial = initial.map(|text| if text == "=" { "" } else { text }.to_owned());
        let verdict = loop {
            let line = if let Some(line) = initial.take() {
                line
            } else {
                self.reply(&format!("334 {}", STANDARD.encode(&challenge)));
                match self.connection.read_line(AUTH_LINE).await? {
                    Ok(line) => line,
                    Err(reply) => break reply,
                }
            };
            if line == "*" {
                break "501 5.7.0 cancelled";
            }
            let Ok(response) = STANDARD.decode(line) else {
                break "501 5.5.2 not base64";
            };
            match awaiting.step(response, &config.users) {
                Step::Challenge(next, then) => (challenge, awaiting) = (next, then),
                Step::Accepted(user) => {
                    self.auth = Some(Authenticated {
                        mechanism: mechanism.name(),
                        user,
                    });
                    break "235 2.7.0 welcome";
                }
                Step::Refused => break "535 5.7.8 credentials invalid",
                Step::Malformed => break "501 5.5.2 malformed response",
            }
        };
        self.reply(verdict);
        Ok(())
    }
}

/// `550 5.1.1 text` without the `5.1.1`.
fn without_status(reply: &str) -> String {
    let mut words = reply.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some(code), Some(status), Some(text)) if is_status(status) => format!("{code} {text}"),
        _ => reply.to_owned(),
    }
}

fn is_status(word: &str) -> bool {
    let parts: Vec<_> = word.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u16>().is_ok())
}
