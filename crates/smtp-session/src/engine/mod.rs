//! The session without I/O: bytes in, bytes out.

mod ascii;
mod authenticate;
mod commands;
mod hello;
mod mail;
mod options;
mod replies;
mod start;
mod stray;
mod transaction;
mod wire;

use crate::transcript::{self, Speaker, Transcript};
use crate::{
    Capabilities, Credentials, Delivery, Envelope, Error, ErrorKind, Form, Mechanism, Phase,
    Receipt, Reply,
};
use authenticate::Auth;
use hello::Hello;
pub use options::{Options, Protocol, Security};
use std::{fmt, io};
pub(crate) use stray::in_doubt;
use transaction::Transaction;
use wire::Wire;
use zeroize::Zeroizing;

const SURPLUS: &str = "a reply that no command asked for";
const OUT_OF_STEP: ErrorKind = ErrorKind::Protocol(SURPLUS);
const OTHER_KIND: ErrorKind = ErrorKind::Protocol("a reply of another kind than its command has");

/// A session without I/O, for drivers of one's own;
/// [`Session`](crate::Session) is one over any stream.
///
/// Start an operation, then, until [`outcome`](Self::outcome) gives its result:
/// hand [`output`](Self::output) to the stream and tell what it took by
/// [`sent`](Self::sent), give parts of the body while
/// [`wants_body`](Self::wants_body), and give what comes in to
/// [`handle_input`](Self::handle_input), also while there is output left. Read
/// once before the first byte of an operation is written: what is there already
/// belongs to no command of it. Starting an operation while another runs ends
/// the session.
///
/// Memory: at most [`MAX_REPLY_LEN`](crate::MAX_REPLY_LEN) and a line of
/// [`MAX_REPLY_LINE_LEN`](crate::MAX_REPLY_LINE_LEN) for replies, 512 octets for
/// each refused recipient, and about 200 KiB of a body.
///
/// `Debug` shows no addresses, mail or secrets.
pub struct Engine {
    options: Options,
    security: Security,
    wire: Wire,
    ehlo_domain: String,
    greeted: bool,
    capabilities: Capabilities,
    /// The server has been asked for them.
    known: bool,
    /// And not before AUTH.
    asked: bool,
    /// By what AUTH succeeded.
    mechanism: Option<Mechanism>,
    /// A transaction that failed may still be open on the server.
    needs_reset: bool,
    usable: bool,
    /// QUIT may follow though nothing else may: the greeting was a refusal.
    may_quit: bool,
    /// The server goes on in TLS.
    upgrading: bool,
    /// The end of the mail that failed last was offered.
    doubtful: bool,
    /// Whether the last mail whose end was offered was accepted.
    last_mail: Option<bool>,
    /// By what AUTH is tried.
    trying: Option<Mechanism>,
    /// What the last AUTH gave to the server.
    secrets: Vec<Zeroizing<String>>,
    /// What the server says of a failure of AUTH, ahead of its reply.
    auth_reason: Option<Reply>,
    /// What the server said behind its last reply, which ends the session.
    last_word: Option<(ErrorKind, Option<String>)>,
    /// By what the server refused EHLO before it took HELO.
    ehlo_refusal: Option<Reply>,
    /// What had become of a mail when another operation began.
    given_up: Option<Delivery>,
    operation: Option<Operation>,
    outcome: Option<Result<Option<Receipt>, Error>>,
    transcript: Option<Transcript>,
}

enum Operation {
    Hello(Hello),
    StartTls {
        end: u64,
    },
    Auth(Box<Auth>),
    /// A mail; behind EHLO, if what it needs may be offered now.
    Mail(Box<Transaction>),
    MailAfter(Hello, Box<(Envelope, Form, bool)>),
    /// AUTH, behind RSET.
    AuthAfter {
        end: u64,
        credentials: Credentials,
    },
    Reset {
        end: u64,
    },
    Noop {
        end: u64,
    },
    Quit {
        end: u64,
    },
}

impl Engine {
    /// A session that begins with the server's greeting.
    pub fn new(security: Security, options: Options) -> Self {
        Self {
            options,
            security,
            wire: Wire::default(),
            ehlo_domain: String::new(),
            greeted: false,
            capabilities: Capabilities::default(),
            known: false,
            asked: false,
            mechanism: None,
            needs_reset: false,
            usable: true,
            may_quit: false,
            upgrading: false,
            doubtful: false,
            last_mail: None,
            trying: None,
            secrets: Vec::new(),
            auth_reason: None,
            last_word: None,
            ehlo_refusal: None,
            given_up: None,
            operation: None,
            outcome: None,
            transcript: None,
        }
    }

    /// A session behind STARTTLS: nothing of what was said before counts (RFC
    /// 3207 section 4.2), and no greeting follows.
    pub fn upgraded(security: Security, options: Options) -> Self {
        Self {
            greeted: true,
            ..Self::new(security, options)
        }
    }

    /// Reads along.
    pub fn set_transcript(&mut self, transcript: Transcript) {
        self.transcript = Some(transcript);
    }

    pub(crate) fn take_transcript(&mut self) -> Option<Transcript> {
        self.transcript.take()
    }

    /// What is to be written; it counts as offered to the stream, so call it only
    /// to write.
    pub fn output(&mut self) -> &[u8] {
        self.wire.output()
    }

    /// Whether there is something to be written.
    pub fn has_output(&self) -> bool {
        self.wire.unsent_len() > 0
    }

    /// The stream took the first `len` bytes of the output.
    ///
    /// # Panics
    ///
    /// On more than there was.
    pub fn sent(&mut self, len: usize) {
        self.wire.sent(len);
        self.fill();
    }

    /// Takes what the server sent.
    pub fn handle_input(&mut self, mut input: &[u8]) {
        while !input.is_empty() {
            if self.operation.is_none() {
                return self.surplus(input);
            }
            if !self.wire.reader.is_amid() {
                self.wire.began = self.wire.written();
            }
            match self.wire.reader.read(&mut input) {
                Ok(None) => return,
                Ok(Some(reply)) => {
                    self.wire.replies += 1;
                    self.log_reply(&reply);
                    self.on_reply(reply);
                }
                Err(malformed) => return self.malformed(malformed),
            }
        }
    }

    /// The server has ended the connection.
    pub fn handle_eof(&mut self) {
        self.break_off(ErrorKind::Closed);
    }

    /// The stream failed.
    pub fn handle_error(&mut self, error: io::Error) {
        self.break_off(ErrorKind::Io(error));
    }

    /// The time of the phase is over.
    pub fn handle_timeout(&mut self) {
        self.break_off(ErrorKind::TimedOut);
    }

    /// What the operation came to, once: a receipt for a mail.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub fn outcome(&mut self) -> Option<Result<Option<Receipt>, Error>> {
        self.outcome.take()
    }

    /// Whether anything was written yet.
    pub(crate) fn has_spoken(&self) -> bool {
        self.wire.written() > 0
    }

    /// Whether there is an outcome.
    pub fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// What is waited for.
    pub fn phase(&self) -> Phase {
        match &self.operation {
            Some(Operation::Hello(hello) | Operation::MailAfter(hello, _)) => hello.phase(),
            Some(Operation::StartTls { .. }) => Phase::StartTls,
            Some(Operation::Auth(_)) => Phase::Auth,
            Some(Operation::Mail(mail)) => mail.phase(&self.wire),
            Some(Operation::Quit { .. }) => Phase::Quit,
            Some(
                Operation::AuthAfter { .. } | Operation::Reset { .. } | Operation::Noop { .. },
            )
            | None => Phase::Command,
        }
    }

    /// A number that changes whenever the time of the phase begins anew: at each
    /// reply, and in [`Phase::DataBlock`] with each byte that moves.
    pub fn progress(&self) -> u64 {
        match &self.operation {
            Some(Operation::Mail(mail)) if mail.phase(&self.wire) == Phase::DataBlock => {
                self.wire.replies + self.wire.written() + mail.body_len()
            }
            _ => self.wire.replies,
        }
    }

    pub(crate) fn options(&self) -> Options {
        self.options
    }

    /// What the server offers, by its last reply to EHLO.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// By what AUTH succeeded.
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Whether another operation can follow.
    pub fn is_usable(&self) -> bool {
        self.usable && self.operation.is_none()
    }

    /// What has become of a mail whose operation was given up; `None` when none
    /// was. It stays known, as the session ends with it.
    pub fn given_up(&self) -> Option<Delivery> {
        match &self.operation {
            Some(Operation::Mail(mail)) => Some(mail.delivery(&self.wire)),
            Some(Operation::MailAfter(..)) => Some(Delivery::NotSent),
            _ => self.given_up,
        }
    }

    /// Whether the end of the mail that failed last was offered.
    pub(crate) fn was_offered(&self) -> bool {
        self.doubtful
    }

    fn refuse(&mut self, kind: ErrorKind, phase: Phase) {
        self.finish(Err(Error::new(kind, phase)));
    }

    fn finish(&mut self, outcome: Result<Option<Receipt>, Error>) {
        self.operation = None;
        let lacks = |error: &Error| {
            let kind = error.kind();
            matches!(kind, ErrorKind::Unsupported(_) | ErrorKind::NoMechanism)
        };
        self.outcome = Some(outcome.map_err(|error| match lacks(&error) {
            true => error.with_ehlo_refusal(self.ehlo_refusal.clone()),
            false if self.last_mail.is_some() && is_out_of_step(&error) => error.doubt_last_mail(),
            false => error,
        }));
    }

    fn on_reply(&mut self, mut reply: Reply) {
        let phase = self.phase();
        let Some(operation) = self.operation.take() else {
            return;
        };
        if let Operation::Mail(mail) = operation {
            return self.on_mail_reply(mail, reply, phase);
        }
        if matches!(operation, Operation::Auth(_)) && reply.code() != 334 {
            self.redact(&mut reply);
        }
        if operation.end() > self.wire.began {
            let kind = match reply.code() {
                421 => ErrorKind::Closing(reply),
                _ => OUT_OF_STEP,
            };
            return self.give_up(operation, kind, phase);
        }
        if reply.code() == 421 {
            return self.give_up(operation, ErrorKind::Closing(reply), phase);
        }
        if reply.is_intermediate() && !matches!(operation, Operation::Auth(_)) {
            return self.give_up(operation, OTHER_KIND, phase);
        }
        self.on_due_reply(operation, reply, phase);
    }

    /// Takes the reply that the operation waits for.
    fn on_due_reply(&mut self, operation: Operation, reply: Reply, phase: Phase) {
        let next = match operation {
            Operation::Hello(hello) => self.on_hello_reply(&hello, reply),
            Operation::Auth(auth) => self.on_auth_reply(auth, reply),
            Operation::MailAfter(hello, mail) => match self.on_hello_reply(&hello, reply) {
                Ok(Some(Operation::Hello(hello))) => Ok(Some(Operation::MailAfter(hello, mail))),
                Ok(_) => return self.start_mail(mail.0, mail.1, mail.2),
                Err(kind) => {
                    let error = Error::new(kind, phase);
                    return self.finish(Err(unsent(error, mail.0)));
                }
            },
            Operation::StartTls { .. }
            | Operation::AuthAfter { .. }
            | Operation::Reset { .. }
            | Operation::Noop { .. }
                if !reply.is_positive() =>
            {
                Err(ErrorKind::Refused(reply))
            }
            Operation::StartTls { .. } => {
                // What comes now is not ours to read.
                self.usable = false;
                self.upgrading = true;
                Ok(None)
            }
            Operation::AuthAfter { credentials, .. } => {
                self.needs_reset = false;
                return self.begin_auth(credentials);
            }
            Operation::Reset { .. } => {
                self.needs_reset = false;
                Ok(None)
            }
            Operation::Quit { .. } => {
                self.usable = false;
                if self
                    .last_mail
                    .is_some_and(|taken| is_of_mail(&reply, taken))
                {
                    let error = Error::new(OUT_OF_STEP, phase);
                    return self.finish(Err(error.with_said(Some(reply.to_text()))));
                }
                Ok(None)
            }
            Operation::Noop { .. } | Operation::Mail(_) => Ok(None),
        };
        match next {
            Ok(Some(next)) => self.operation = Some(next),
            Ok(None) => self.finish(Ok(None)),
            Err(kind) => {
                let reason = self.auth_reason.take().map(Reply::into_text);
                let by = self.trying.take();
                self.finish(Err(Error::new(kind, phase).of_auth(by, reason)));
            }
        }
    }

    /// Ends the operation, and the session.
    fn break_off(&mut self, kind: ErrorKind) {
        let phase = self.phase();
        self.usable = false;
        if let Some(operation) = self.operation.take() {
            self.give_up(operation, kind, phase);
        }
    }

    fn give_up(&mut self, operation: Operation, kind: ErrorKind, phase: Phase) {
        self.usable = false;
        match operation {
            Operation::Mail(mail) => self.give_up_mail(*mail, kind, phase),
            Operation::MailAfter(_, mail) => {
                self.finish(Err(unsent(Error::new(kind, phase), mail.0)));
            }
            _ => self.finish(Err(Error::new(kind, phase))),
        }
    }

    fn queue_line(&mut self, line: &str) {
        self.wire.queue_line(line);
        self.log(Speaker::Client, line);
    }

    fn queue_secret_line(&mut self, line: &str, shown: &str) {
        let line = Zeroizing::new([line.as_bytes(), b"\r\n"].concat());
        self.wire.queue_secret(&line);
        self.log(Speaker::Client, shown);
    }

    fn log(&mut self, speaker: Speaker, line: &str) {
        if let Some(transcript) = &mut self.transcript {
            transcript(speaker, &transcript::line(line));
        }
    }

    fn log_reply(&mut self, reply: &Reply) {
        if self.transcript.is_none() {
            return;
        }
        let amid_auth = matches!(self.operation, Some(Operation::Auth(_)));
        let text = match amid_auth {
            true => "***",
            false => reply.text(),
        };
        let line = format!("{} {text}", reply.code());
        self.log(Speaker::Server, line.trim_end());
    }
}

impl Operation {
    /// Where the command ends whose reply is awaited.
    fn end(&self) -> u64 {
        match self {
            Self::Hello(hello) | Self::MailAfter(hello, _) => hello.end(),
            Self::Auth(auth) => auth.end(),
            Self::StartTls { end }
            | Self::AuthAfter { end, .. }
            | Self::Reset { end }
            | Self::Noop { end }
            | Self::Quit { end } => *end,
            Self::Mail(_) => 0,
        }
    }
}

fn is_out_of_step(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Protocol(SURPLUS))
}

/// Whether a reply in the place of that to QUIT is the mail's, if one too many came before
/// it. Which it is does not matter where both are of a kind.
fn is_of_mail(reply: &Reply, taken: bool) -> bool {
    match taken {
        true => !reply.is_positive() && reply.code() != 421,
        false => reply.is_positive() && reply.code() != 221,
    }
}

/// Of a mail that nothing was said of.
pub(crate) fn unsent(error: Error, envelope: Envelope) -> Error {
    let outcomes = vec![crate::Outcome::Unknown; envelope.recipients().len()];
    error.of_mail(Delivery::NotSent, envelope, outcomes)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("security", &self.security)
            .field("options", &self.options)
            .field("capabilities", &self.capabilities)
            .field("phase", &self.phase())
            .field("is_usable", &self.is_usable())
            .finish_non_exhaustive()
    }
}
