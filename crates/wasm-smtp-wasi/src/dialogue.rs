//! Where the conversation stands, read along from both sides.
//!
//! The client of `wasm-smtp` tells its transport nothing but bytes. How long a
//! reply may take, what must not be sent, and whether an end is a good one
//! depend on the command; so the transport reads the commands and the replies'
//! codes too.

use crate::Phase;
use crate::body::{Body, InvalidBody};
use crate::ehlo::WithoutAuth;
use wasm_smtp::protocol::{MAX_REPLY_LINES, parse_reply_line};

/// The bytes of a line that are looked at: a verb and what ends it, a code and
/// its separator.
const HEAD: usize = 9;

/// The conversation of one connection.
pub(crate) struct Dialogue {
    /// What the replies to come answer; the first one is being received.
    awaited: Vec<Phase>,
    /// The command line being written.
    command: Head,
    /// The reply line being read.
    reply: Head,
    /// The lines of the reply being read.
    lines: usize,
    /// AUTH asked for a response: the next line is no command.
    challenged: bool,
    /// The mail being written.
    body: Option<Body>,
    /// In plaintext, where AUTH is not to be seen.
    without_auth: Option<WithoutAuth>,
    /// The code of a reply that nobody asked for.
    unasked: Option<u16>,
    /// QUIT was answered by 221.
    over: bool,
}

/// The beginning of a line, and whether it ended.
#[derive(Default)]
struct Head {
    bytes: [u8; HEAD],
    len: usize,
    last: u8,
}

impl Head {
    /// The bytes of the line, up to [`HEAD`] and without its end, once `byte`
    /// ends it.
    fn push(&mut self, byte: u8) -> Option<([u8; HEAD], usize)> {
        let last = std::mem::replace(&mut self.last, byte);
        if (last, byte) == (b'\r', b'\n') {
            let head = std::mem::take(self);
            return Some((head.bytes, head.len));
        }
        if last == b'\r' {
            self.keep(b'\r');
        }
        if byte != b'\r' {
            self.keep(byte);
        }
        None
    }

    fn keep(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    #[cfg(any(test, feature = "tls"))]
    fn is_empty(&self) -> bool {
        self.len == 0 && self.last != b'\r'
    }
}

impl Dialogue {
    /// Before the greeting; `hide_auth` in the replies to EHLO.
    pub(crate) fn new(hide_auth: bool) -> Self {
        Self {
            awaited: vec![Phase::Greeting],
            command: Head::default(),
            reply: Head::default(),
            lines: 0,
            challenged: false,
            body: None,
            without_auth: hide_auth.then(WithoutAuth::default),
            unasked: None,
            over: false,
        }
    }

    /// What a read waits for.
    pub(crate) fn awaits(&self) -> Phase {
        self.awaited.first().copied().unwrap_or(Phase::Command)
    }

    /// What a write that waits is a part of.
    pub(crate) fn writes(&self) -> Phase {
        match (&self.body, self.awaited.last()) {
            (Some(_), _) | (None, Some(Phase::DataTermination)) => Phase::DataBlock,
            (None, last) => last.copied().unwrap_or(Phase::Command),
        }
    }

    /// Whether no part of a reply is there, or to come.
    #[cfg(any(test, feature = "tls"))]
    pub(crate) fn is_quiet(&self) -> bool {
        let between_replies = self.reply.is_empty() && self.lines == 0;
        between_replies && self.awaited.is_empty() && self.unasked.is_none()
    }

    /// Whether QUIT was answered, so that nothing can be missed any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// The code of a reply that nobody asked for: it would be taken for the
    /// reply to the next command.
    pub(crate) fn unasked(&self) -> Option<u16> {
        self.unasked
    }

    /// TLS has begun.
    #[cfg(any(test, feature = "tls"))]
    pub(crate) fn secured(&mut self) {
        self.without_auth = None;
    }

    /// Takes note of what the client is about to send.
    ///
    /// # Errors
    ///
    /// [`InvalidBody`] for what must not be sent as a mail.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), InvalidBody> {
        if let Some(body) = &mut self.body {
            if body.check(bytes)? {
                self.body = None;
                self.awaited.push(Phase::DataTermination);
            }
            return Ok(());
        }
        for &byte in bytes {
            if self.challenged {
                // A secret: nothing of it is kept.
                if byte == b'\n' {
                    self.challenged = false;
                    self.awaited.push(Phase::Auth);
                }
            } else if let Some((line, len)) = self.command.push(byte) {
                self.awaited.push(phase_of(&line[..len]));
            }
        }
        Ok(())
    }

    /// Takes note of what the server has sent, and appends what the client is to
    /// see of it. Tells whether a reply ended.
    pub(crate) fn receive(&mut self, bytes: &[u8], seen: &mut Vec<u8>) -> bool {
        let mut any = false;
        for &byte in bytes {
            let ended = self.reply.push(byte);
            let hides = self.awaited.first() == Some(&Phase::Ehlo) && self.lines < MAX_REPLY_LINES;
            match &mut self.without_auth {
                Some(without_auth) if hides => without_auth.push(byte, ended.is_some(), seen),
                _ => seen.push(byte),
            }
            if let Some((line, len)) = ended {
                self.lines += 1;
                any |= self.end_of_line(&line[..len], seen);
            }
        }
        any
    }

    /// Whether it was a reply's last line.
    fn end_of_line(&mut self, line: &[u8], seen: &mut Vec<u8>) -> bool {
        // The client gives up on a line that is none, and reads on after one that
        // is not the last.
        let last_line = parse_reply_line(line).ok().filter(|line| line.is_last);
        let Some(last_line) = last_line else {
            return false;
        };
        self.lines = 0;
        if let Some(without_auth) = &mut self.without_auth {
            without_auth.end(seen);
        }
        let any = !self.awaited.is_empty();
        let answered = any.then(|| self.awaited.remove(0));
        match (answered, last_line.code) {
            (Some(Phase::Auth), 334) => self.challenged = true,
            (Some(Phase::DataInitiation), 354) => self.body = Some(Body::new()),
            (Some(Phase::Quit), 221) => self.over = true,
            (Some(_), _) => {}
            (None, code) => self.unasked = Some(code),
        }
        true
    }
}

/// The phase of a command, by its verb.
fn phase_of(line: &[u8]) -> Phase {
    let end = line.iter().position(|&byte| byte == b' ');
    let verb = &line[..end.unwrap_or(line.len())];
    let named = VERBS
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(verb));
    named.map_or(Phase::Command, |(_, phase)| *phase)
}

const VERBS: [(&str, Phase); 7] = [
    ("EHLO", Phase::Ehlo),
    ("STARTTLS", Phase::StartTls),
    ("AUTH", Phase::Auth),
    ("MAIL", Phase::Mail),
    ("RCPT", Phase::Rcpt),
    ("DATA", Phase::DataInitiation),
    ("QUIT", Phase::Quit),
];

#[cfg(test)]
mod tests;
