//! One connection without I/O: bytes in, bytes out, and what the driver does next.

mod commands;
mod login;
mod transaction;

use crate::content::{Dotted, Lines};
use crate::{
    Asked, Connection, Deviation, GREETING, Login, Mail, Rules, Server, TLS, Then, TlsFacts,
};
use login::Exchange;
use std::fmt;

/// The longest command line, with its line end (RFC 5321 section 4.5.3.1.4).
const COMMAND_LINE: usize = 512;
/// The same for AUTH and its responses (RFC 4954 section 4).
const AUTH_LINE: usize = 12_288;
/// What the server calls itself.
const NAME: &str = "smtp.test";
/// How many mistakes are borne.
const MISTAKES: u32 = 20;

/// The server's side of one connection, without I/O.
///
/// A driver gives it what it reads, writes its output, and then does what
/// [`next`](Self::next) says. Dropping it ends the connection in the server's record.
pub struct Conversation {
    server: Server,
    number: usize,
    /// What a test made the server say that it offers.
    offers: Option<Rules>,
    /// TLS can be begun, unless a test made the server say otherwise.
    can_starttls: bool,
    /// What is not handled yet.
    input: Vec<u8>,
    output: Vec<u8>,
    /// How much of the output is a reply that was asked for.
    owed: usize,
    next: Then,
    awaits: Awaits,
    is_greeted: bool,
    /// The client has to read what was said before it goes on.
    is_last_in_group: bool,
    /// The rest of a line that is too long already.
    is_too_long: bool,
    mistakes: u32,
    is_tls: bool,
    tls: Option<TlsFacts>,
    hello: Option<Hello>,
    login: Option<Login>,
    /// The open transaction.
    mail: Option<Mail>,
    /// How many octets of its content are to come before [`BLOCK`](crate::BLOCK).
    to_block: Option<usize>,
    /// What is wrong with its lines.
    lines: Lines,
}

/// How the client introduced itself.
struct Hello {
    name: String,
    /// By EHLO or LHLO, so that extensions may be used.
    is_extended: bool,
}

/// What comes next from the client.
enum Awaits {
    Command,
    Response(Exchange),
    Content(Dotted),
    Chunk(transaction::Chunk),
}

impl Conversation {
    /// A connection that begins with the greeting.
    pub(crate) fn new(server: Server, number: usize, can_starttls: bool) -> Self {
        let mut this = Self::before_tls(server, number);
        this.next = Then::GoOn;
        this.can_starttls = can_starttls;
        this.greet();
        this
    }

    /// A connection that begins with TLS.
    pub(crate) fn before_tls(server: Server, number: usize) -> Self {
        Self {
            server,
            number,
            offers: None,
            can_starttls: false,
            input: Vec::new(),
            output: Vec::new(),
            owed: 0,
            next: Then::StartTls,
            awaits: Awaits::Command,
            is_greeted: false,
            is_last_in_group: true,
            is_too_long: false,
            mistakes: 0,
            is_tls: false,
            tls: None,
            hello: None,
            login: None,
            mail: None,
            to_block: None,
            lines: Lines::default(),
        }
    }

    /// Takes what the client wrote. Once [`next`](Self::next) is not
    /// [`Then::GoOn`], it is dropped.
    pub fn handle(&mut self, input: &[u8]) {
        if input.is_empty() || self.next != Then::GoOn {
            return;
        }
        let is_chunk = matches!(self.awaits, Awaits::Chunk(_));
        if self.is_last_in_group && self.owed > 0 && !is_chunk {
            return self.too_early();
        }
        self.is_last_in_group = false;
        self.input.extend_from_slice(input);
        while self.next == Then::GoOn && self.step() {}
    }

    /// What is to be written.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// So much of the output was written.
    ///
    /// # Panics
    ///
    /// When there was not so much.
    pub fn written(&mut self, len: usize) {
        self.output.drain(..len);
        self.owed = self.owed.saturating_sub(len);
    }

    /// What the driver does once the output is written.
    #[must_use]
    pub fn next(&self) -> &Then {
        &self.next
    }

    /// A ClientHello was read, and nothing was answered yet: whether the handshake goes
    /// on. Where it does not, there is output for the plain stream, and another
    /// [`next`](Self::next).
    pub fn client_hello(&mut self) -> bool {
        let deviation = self.deviation(TLS, "");
        deviation.is_none_or(|deviation| {
            self.next = Then::GoOn;
            self.deviate(deviation);
            false
        })
    }

    /// TLS is on. What was said before it is forgotten (RFC 3207 section 4.2).
    pub fn tls_started(&mut self, facts: Option<TlsFacts>) {
        self.next = Then::GoOn;
        self.is_tls = true;
        self.offers = None;
        self.login = None;
        self.tls = facts;
        self.hello = None;
        self.mail = None;
        self.change(|connection| connection.tls = true);
        if !self.is_greeted {
            self.greet();
        }
    }

    /// Notes that the connection is over.
    pub fn close(&mut self) {
        self.change(|connection| {
            connection.closed = true;
            connection.held = false;
        });
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Which connection of the server this is; the first is 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// Whether the server has hung up.
    pub(crate) fn is_over(&self) -> bool {
        self.server.is_over(self.number)
    }

    /// So many bytes of a [`Then::Repeat`] went out.
    pub(crate) fn repeated(&mut self, len: usize) {
        self.change(|connection| connection.repeated += len);
    }

    /// Says what nobody asked for.
    pub(crate) fn inject(&mut self, text: impl AsRef<[u8]>) {
        self.output.extend_from_slice(text.as_ref());
    }

    fn greet(&mut self) {
        self.is_greeted = true;
        let protocol = if self.rules().lmtp { "LMTP" } else { "ESMTP" };
        let greeting = format!("220 {NAME} {protocol}");
        self.answer(GREETING, &greeting);
    }

    /// Handles one command or some of a mail, if it is there.
    fn step(&mut self) -> bool {
        match self.awaits {
            Awaits::Content(_) => self.content(),
            Awaits::Chunk(_) => self.chunk(),
            _ if self.is_last_in_group => self.too_early(),
            Awaits::Command | Awaits::Response(_) => match self.take_line() {
                Some(line) => self.line(line),
                None => return false,
            },
        }
        !self.input.is_empty()
    }

    fn line(&mut self, line: Result<String, &'static str>) {
        let line = match line {
            Ok(line) => line,
            Err(reply) => {
                self.change(|connection| connection.lines.push("?".to_owned()));
                self.awaits = Awaits::Command;
                self.answer("?", reply);
                return;
            }
        };
        self.change(|connection| connection.lines.push(line.clone()));
        match std::mem::replace(&mut self.awaits, Awaits::Command) {
            Awaits::Response(exchange) => {
                self.is_last_in_group = true;
                self.response(&line, exchange);
            }
            _ => self.command(&line),
        }
    }

    /// The next line without its end; or the reply to one that is none.
    fn take_line(&mut self) -> Option<Result<String, &'static str>> {
        let Some(end) = self.input.iter().position(|byte| *byte == b'\n') else {
            // An endless line is not kept.
            self.is_too_long |= self.input.len() > AUTH_LINE;
            if self.is_too_long {
                self.input.clear();
            }
            return None;
        };
        let line: Vec<u8> = self.input.drain(..=end).collect();
        if std::mem::take(&mut self.is_too_long) || line.len() > AUTH_LINE {
            return Some(Err("500 5.5.2 line too long"));
        }
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Some(Err("500 5.5.2 bare line end"));
        };
        let line = String::from_utf8_lossy(line).into_owned();
        let is_text = |c: char| matches!(c, ' '..='~') || (!c.is_ascii() && !c.is_control());
        let is_text = line.chars().all(is_text) && !line.contains(char::REPLACEMENT_CHARACTER);
        let fits = line.is_ascii() || self.rules().offers("SMTPUTF8");
        Some(
            (is_text && fits)
                .then_some(line)
                .ok_or("500 5.5.2 not text"),
        )
    }

    /// What a test wants in place of `reply`, which has no line end.
    fn deviation(&self, line: &str, reply: &str) -> Option<Deviation> {
        let nothing = Mail::default();
        let reply = match reply {
            "" => String::new(),
            reply => format!("{reply}\r\n"),
        };
        self.server.deviation(&Asked {
            line,
            reply: &reply,
            mail: self.mail.as_ref().unwrap_or(&nothing),
            connection: self.number,
        })
    }

    /// Says `good`, or what a test wants instead. Returns the first digit of what was
    /// said, or 0.
    fn answer(&mut self, line: &str, good: &str) -> u8 {
        let good = self.as_offered(good);
        match self.deviation(line, &good) {
            Some(deviation) => self.deviate(deviation),
            None => self.say(&good),
        }
    }

    /// A reply without its enhanced status code, unless those are offered.
    fn as_offered(&self, reply: &str) -> String {
        match self.rules().offers("ENHANCEDSTATUSCODES") {
            true => reply.to_owned(),
            false => without_status(reply),
        }
    }

    fn deviate(&mut self, deviation: Deviation) -> u8 {
        self.output.extend_from_slice(&deviation.write);
        // Nobody can know of what is said after the first reply.
        let surplus = deviation.write.len() - first_reply(&deviation.write);
        self.owed = self.output.len() - surplus;
        if deviation.then != Then::GoOn {
            self.next = match deviation.then {
                Then::Repeat(bytes, _) if bytes.is_empty() => Then::Hold,
                then => then,
            };
            let holds = matches!(self.next, Then::Hold | Then::Stop | Then::Repeat(..));
            self.change(|connection| connection.held = holds);
        }
        deviation
            .write
            .first()
            .map_or(0, |digit| digit.wrapping_sub(b'0'))
    }

    /// Says what a good server does.
    fn say(&mut self, reply: &str) -> u8 {
        // What is pipelined behind a refusal gets a 503 too, and is no mistake.
        self.mistakes += u32::from(matches!(&reply[..3], "500" | "501" | "502" | "504"));
        if self.mistakes > MISTAKES {
            return self.deviate(Deviation::say("421 4.7.0 too many mistakes"));
        }
        self.deviate(Deviation::say(reply))
    }

    /// Ends the connection of a client that did not wait.
    fn too_early(&mut self) {
        let refusal = self.as_offered("503 5.5.1 wait for the reply");
        self.say(&refusal);
        self.next = Then::End;
    }

    fn rules(&self) -> &Rules {
        self.offers.as_ref().unwrap_or_else(|| self.server.rules())
    }

    fn change(&self, change: impl FnOnce(&mut Connection)) {
        self.server
            .change(|seen| change(&mut seen.connections[self.number]));
    }
}

/// Without what was said: secrets may be among it.
impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation")
            .field("connection", &self.number)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.close();
    }
}

/// The length of the first reply of what is said, all of its lines.
fn first_reply(said: &[u8]) -> usize {
    let mut len = 0;
    for line in said.split_inclusive(|byte| *byte == b'\n') {
        len += line.len();
        if line.get(3) != Some(&b'-') {
            break;
        }
    }
    len
}

/// `550 5.1.1 text` without the `5.1.1`.
fn without_status(reply: &str) -> String {
    let mut words = reply.splitn(3, ' ');
    let is_status = |word: &str| word.len() == 5 && word.split('.').count() == 3;
    match (words.next(), words.next(), words.next()) {
        (Some(code), Some(status), Some(text)) if is_status(status) => format!("{code} {text}"),
        _ => reply.to_owned(),
    }
}
