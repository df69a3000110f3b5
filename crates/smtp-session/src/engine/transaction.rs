//! One mail: what is sent when.
//!
//! Source: RFC 5321 section 3.3; RFC 2920 (PIPELINING); RFC 3030 (CHUNKING).

use super::ascii::Original;
use super::commands::{self, Encoding};
use super::wire::Wire;
use crate::lines::Lines;
use crate::transcript::{self, Speaker, Transcript};
use crate::{Capabilities, Envelope, ErrorKind, Extension, Form, Outcome, Phase, Reply};
use std::collections::VecDeque;

/// The length of a BDAT chunk, in octets.
pub(crate) const CHUNK_LEN: usize = 64 * 1024;

/// How many commands wait for their replies at most.
const WINDOW: usize = 512;

/// No more is queued while this much waits.
const OUTPUT_LEN: usize = 32 * 1024;

/// What a command is, to pair its reply with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Reset,
    Mail,
    Rcpt(usize),
    Data,
    /// A chunk that is not the last.
    Chunk,
    /// The final dot or the last chunk.
    Final,
    /// A final dot with nothing before it, and nobody to get it.
    Nothing,
    Quit,
}

/// A command whose reply is awaited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) what: What,
    /// Where it begins and ends.
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What is to be queued next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing, before the beginning of the body is known.
    Body,
    Reset,
    Mail,
    Recipients,
    /// DATA, or the first chunk.
    Transfer,
    /// Nothing, before the reply to DATA.
    Initiation,
    /// The body.
    Content,
    Quit,
    Done,
}

/// How a mail is sent, as server and options allow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) chunking: bool,
    pub(super) pipelining: bool,
    pub(super) quit: bool,
    pub(super) reset: bool,
    pub(super) lmtp: bool,
}

/// A mail under way.
pub(super) struct Transaction {
    envelope: Envelope,
    /// The one that was given, if that is another.
    original: Option<Original>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) plan: Plan,
    pub(super) stage: Stage,
    pub(super) expected: VecDeque<Expected>,
    form: Form,
    /// The beginning of the body's wire form that is not queued yet.
    content: Vec<u8>,
    lines: Lines,
    ended: bool,
    size_limit: Option<u64>,
    /// The next recipient to ask for.
    next: usize,
    /// Recipients that the server has answered for, and accepted.
    pub(super) answered: usize,
    pub(super) accepted: usize,
    /// Those in a row that were too many, after some that were not.
    pub(super) too_many: usize,
    /// With LMTP, the next recipient to be answered for behind the mail.
    pub(super) next_final: usize,
    pub(super) mail_refused: bool,
    /// Why it fails, while replies are still awaited.
    pub(super) failure: Option<(ErrorKind, Phase)>,
    /// The 421 that was the reply to a command.
    pub(super) closing: Option<Reply>,
    /// Where the final dot or the last chunk ends, and its good reply.
    pub(super) final_end: Option<u64>,
    pub(super) receipt: Option<Reply>,
    /// The reply to it was a refusal.
    pub(super) final_refused: bool,
    /// The server broke the protocol once the end of the mail was offered.
    pub(super) contradiction: bool,
}

impl Transaction {
    pub(super) fn new(
        (envelope, original): (Envelope, Option<Original>),
        form: Form,
        plan: Plan,
        offers: &Capabilities,
    ) -> Self {
        let mut lines = form.lines();
        if !plan.chunking {
            lines.stuff_dots();
        }
        if !offers.has(Extension::EightBitMime) {
            lines.refuse_eight_bit();
        }
        Self {
            outcomes: vec![Outcome::Unknown; envelope.recipients().len()],
            envelope,
            original,
            plan,
            stage: Stage::Body,
            expected: VecDeque::new(),
            form,
            content: Vec::new(),
            lines,
            ended: false,
            size_limit: offers.size_limit(),
            next: 0,
            answered: 0,
            accepted: 0,
            too_many: 0,
            next_final: 0,
            mail_refused: false,
            failure: None,
            closing: None,
            final_end: None,
            receipt: None,
            final_refused: false,
            contradiction: false,
        }
    }

    /// The envelope as it was given, and what became of it.
    pub(super) fn outcomes(self) -> (Envelope, Vec<Outcome>) {
        match self.original {
            None => (self.envelope, self.outcomes),
            Some(original) => original.outcomes(self.outcomes),
        }
    }

    /// Whether more of the body has to come before anything else can be sent.
    pub(super) fn wants_body(&self) -> bool {
        let amid = matches!(self.stage, Stage::Body | Stage::Content);
        amid && !self.ended && self.content.len() <= CHUNK_LEN && self.failure.is_none()
    }

    /// Takes a part of the body.
    pub(super) fn body(&mut self, part: &[u8]) -> Result<(), ErrorKind> {
        // A long body fills the buffer again and again, a short one is known by
        // its first part.
        let most = 2 * part.len();
        let len = match self.content.len() {
            0 => part.len() + 64,
            _ => CHUNK_LEN + most,
        };
        if self.content.capacity() - self.content.len() < most {
            self.content
                .reserve_exact(len.saturating_sub(self.content.len()));
        }
        self.lines
            .push(part, &mut self.content)
            .map_err(ErrorKind::Body)?;
        self.check_len(self.lines.len)
    }

    pub(super) fn end_body(&mut self) -> Result<(), ErrorKind> {
        self.ended = true;
        self.lines
            .finish(&mut self.content)
            .map_err(ErrorKind::Body)?;
        self.check_len(self.lines.len)
    }

    /// How much of the body has come, for deadlines.
    pub(super) fn body_len(&self) -> u64 {
        self.lines.len
    }

    /// Source: RFC 1870 section 6.1: before MAIL, where the length is known.
    pub(super) fn check_len(&self, len: u64) -> Result<(), ErrorKind> {
        match self.size_limit {
            Some(limit) if len > limit => Err(ErrorKind::TooLarge { limit }),
            _ => Ok(()),
        }
    }

    /// Queues what may leave now.
    pub(super) fn fill(
        &mut self,
        wire: &mut Wire,
        offers: &Capabilities,
        transcript: &mut Option<Transcript>,
    ) {
        let mut log = |line: &str| {
            if let Some(transcript) = transcript {
                transcript(Speaker::Client, &transcript::line(line));
            }
        };
        while self.failure.is_none() && self.closing.is_none() {
            // Content is handed over as it is, after all else.
            let most = match self.stage {
                Stage::Content => 1,
                _ => OUTPUT_LEN,
            };
            let full = wire.unsent_len() >= most || self.expected.len() >= WINDOW;
            let one_at_a_time = !self.plan.pipelining && !self.expected.is_empty();
            if full || one_at_a_time {
                break;
            }
            if !self.step(wire, offers, &mut log) {
                break;
            }
        }
    }

    /// Queues the next of it; false when something has to come first.
    fn step(&mut self, wire: &mut Wire, offers: &Capabilities, log: &mut impl FnMut(&str)) -> bool {
        match self.stage {
            Stage::Body if self.ended || self.content.len() > CHUNK_LEN => {
                if self.ended && self.content.is_empty() {
                    // Exim 4.100.1 does not answer `BDAT 0 LAST`.
                    (self.plan.chunking, self.plan.quit) = (false, false);
                }
                self.stage = if self.plan.reset {
                    Stage::Reset
                } else {
                    Stage::Mail
                };
            }
            Stage::Reset => {
                self.command(wire, What::Reset, "RSET", log);
                self.stage = Stage::Mail;
            }
            Stage::Mail => {
                let line = self.mail(offers);
                self.command(wire, What::Mail, &line, log);
                self.stage = Stage::Recipients;
            }
            Stage::Recipients => {
                let Some(recipient) = self.envelope.recipients().get(self.next) else {
                    self.stage = Stage::Transfer;
                    return true;
                };
                let line = commands::rcpt(recipient);
                self.command(wire, What::Rcpt(self.next), &line, log);
                self.next += 1;
            }
            Stage::Transfer => {
                if !self.may_transfer() {
                    return false;
                }
                if self.plan.chunking {
                    self.stage = Stage::Content;
                } else {
                    self.command(wire, What::Data, "DATA", log);
                    self.stage = Stage::Initiation;
                }
            }
            Stage::Content if self.plan.chunking => {
                if !self.ended && self.content.len() <= CHUNK_LEN {
                    return false;
                }
                self.chunk(wire, log);
            }
            Stage::Content => {
                if !self.text(wire, log) {
                    return false;
                }
            }
            Stage::Quit => {
                // Those who were too many go by another transaction.
                self.plan.quit &= !self.has_rest();
                if self.plan.quit {
                    self.command(wire, What::Quit, "QUIT", log);
                }
                self.stage = Stage::Done;
            }
            Stage::Body | Stage::Initiation | Stage::Done => return false,
        }
        true
    }

    /// The server takes no more recipients in this transaction, by that reply: the rest is
    /// not asked for.
    pub(super) fn ask_no_more(&mut self, reply: &Reply) {
        let rest = &mut self.outcomes[self.next..];
        self.answered += rest.len();
        rest.fill(Outcome::Refused(reply.clone()));
        self.next = self.outcomes.len();
    }

    /// A chunk waits until it is known who gets it. Not every server throws away what it
    /// refuses (RFC 3030 section 2 has it do so): some read it as commands. DATA has no
    /// content before its reply.
    fn may_transfer(&mut self) -> bool {
        if self.are_all_refused() {
            self.failure = Some((ErrorKind::NoRecipients, Phase::Rcpt));
            return false;
        }
        !self.plan.chunking || self.answered == self.outcomes.len()
    }

    fn has_rest(&self) -> bool {
        let mut refusals = self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Refused(reply) => Some(reply),
            _ => None,
        });
        refusals.any(Reply::is_too_many_recipients)
    }

    fn mail(&self, offers: &Capabilities) -> String {
        let known = self.form.summary();
        let exact = self.ended.then_some(self.lines.len);
        let eight_bit = match known {
            Some(known) => known.eight_bit_line.is_some(),
            // What is not seen yet may be.
            None => self.lines.eight_bit_line.is_some() || !self.ended,
        };
        let encoding = if self.form.is_binary() && self.plan.chunking {
            Encoding::BinaryMime
        } else if eight_bit && offers.has(Extension::EightBitMime) {
            Encoding::EightBitMime
        } else {
            Encoding::SevenBit
        };
        let len = exact.or(self.form.declared());
        commands::mail(&self.envelope, offers, len, encoding)
    }

    fn command(&mut self, wire: &mut Wire, what: What, line: &str, log: &mut impl FnMut(&str)) {
        let start = wire.queued();
        wire.queue_line(line);
        self.expect(wire, what, start);
        log(line);
    }

    fn expect(&mut self, wire: &Wire, what: What, start: u64) {
        let end = wire.queued();
        self.expected.push_back(Expected { what, start, end });
    }

    fn expect_final(&mut self, wire: &Wire, start: u64) {
        self.expect(wire, What::Final, start);
        self.final_end = Some(wire.queued());
        self.stage = Stage::Quit;
    }

    /// Queues one chunk, whole lines of text. Source: RFC 3030 section 2.
    fn chunk(&mut self, wire: &mut Wire, log: &mut impl FnMut(&str)) {
        let mut len = self.content.len().min(CHUNK_LEN);
        let last = self.ended && len == self.content.len();
        if !last && !self.form.is_binary() {
            let end = memchr::memrchr(b'\n', &self.content[..len]);
            len = end.expect("lines are shorter than chunks") + 1;
        }
        let start = wire.queued();
        let line = format!("BDAT {len}{}", if last { " LAST" } else { "" });
        wire.queue().reserve(line.len() + 2 + len + 8);
        wire.queue_line(&line);
        wire.queue().extend_from_slice(&self.content[..len]);
        self.content.drain(..len);
        log(&line);
        log(&format!("[{len} octets]"));
        if last {
            self.expect_final(wire, start);
        } else {
            self.expect(wire, What::Chunk, start);
        }
    }

    /// Queues text behind a 354; false when there is none. Source: RFC 5321
    /// section 4.1.1.4.
    fn text(&mut self, wire: &mut Wire, log: &mut impl FnMut(&str)) -> bool {
        if self.content.is_empty() && !self.ended {
            return false;
        }
        log(&format!("[{} octets]", self.content.len()));
        if wire.queue().is_empty() {
            wire.swap(&mut self.content);
        } else {
            wire.queue().append(&mut self.content);
        }
        if self.ended {
            let start = wire.queued();
            wire.queue().extend_from_slice(b".\r\n");
            log(".");
            self.expect_final(wire, start);
        }
        true
    }

    /// Whether the server has been told anything of it.
    pub(super) fn has_begun(&self) -> bool {
        self.stage != Stage::Body
    }

    /// Whether QUIT is out.
    pub(super) fn has_quit(&self) -> bool {
        self.plan.quit && self.stage == Stage::Done && self.final_end.is_some()
    }

    /// Ends the data that a 354 asked for though nobody gets it. Source: RFC 2920
    /// section 3.1.
    pub(super) fn send_nothing(&mut self, wire: &mut Wire) {
        let start = wire.queued();
        wire.queue().extend_from_slice(b".\r\n");
        self.expect(wire, What::Nothing, start);
    }
}
