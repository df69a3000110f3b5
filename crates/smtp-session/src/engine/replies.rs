//! One mail: what its replies mean.
//!
//! Source: RFC 5321 sections 4.2 and 4.3.2; RFC 2033 section 4.2 (LMTP).

use super::transaction::{Expected, Stage, Transaction, What};
use super::wire::Wire;
use super::{OTHER_KIND, OUT_OF_STEP, is_of_mail};
use crate::receipt::REFUSAL_LEN;
use crate::{Delivery, ErrorKind, Outcome, Phase, Reply};

/// 2xx, but not that the server is about to go (RFC 5321 section 4.2.3).
fn is_done(reply: &Reply) -> bool {
    reply.is_positive() && reply.code() != 221
}

fn is_refusal(reply: &Reply) -> bool {
    reply.is_transient() || reply.is_permanent()
}

/// What is said to a command that is not known, or not in its place (RFC 5321 section
/// 4.2.4): after an accepted recipient, BDAT is in its place.
fn is_unknown(reply: &Reply) -> bool {
    matches!(reply.code(), 500 | 502 | 503)
}

/// After so many in a row that were too many, the others are too. One may be a full
/// mailbox of an old server.
const TOO_MANY_IN_A_ROW: usize = 3;

impl Transaction {
    /// Takes the reply to the oldest command. After an error replies and commands
    /// can't be paired any more.
    pub(super) fn on_reply(&mut self, reply: Reply, wire: &mut Wire) -> Result<(), ErrorKind> {
        let began = wire.began;
        let is_early = |head: &Expected| head.end > began;
        let amid_content = match self.expected.front() {
            None => !self.plan.chunking && self.stage == Stage::Content,
            Some(head) => is_early(head) && matches!(head.what, What::Chunk | What::Final),
        };
        if self.expected.front().is_none_or(is_early) {
            return Err(match reply.code() {
                421 => ErrorKind::Closing(reply),
                // Its end is not out, and never will be.
                _ if amid_content && is_refusal(&reply) => {
                    self.final_refused = true;
                    ErrorKind::Refused(reply)
                }
                _ => OUT_OF_STEP,
            });
        }
        let head = self.expected[0];
        if reply.code() == 421 {
            self.closing = Some(reply.clone());
        }
        let stays = head.what == What::Final && self.plan.lmtp;
        if !stays {
            self.expected.pop_front();
        }
        match head.what {
            What::Reset => self.on_reset(reply),
            What::Mail => self.on_mail(reply, wire),
            What::Rcpt(index) => self.on_rcpt(index, reply, wire),
            What::Data => self.on_data(reply, wire),
            What::Chunk | What::Final if self.is_bdat_unknown(&reply) => {
                self.final_refused = true;
                Err(ErrorKind::BdatUnknown(reply))
            }
            What::Chunk => self.on_chunk(reply, wire),
            // What was taken is not the whole mail.
            What::Final if is_done(&reply) && self.failure.is_some() => {
                Err(ErrorKind::Protocol("a mail taken after a part was refused"))
            }
            What::Final if stays => self.on_lmtp_final(reply),
            What::Final => self.on_final(reply),
            What::Quit if self.is_in_quits_place(&reply) => {
                self.receipt = None;
                Err(OUT_OF_STEP)
            }
            What::Nothing | What::Quit => Ok(()),
        }
    }

    fn on_reset(&mut self, reply: Reply) -> Result<(), ErrorKind> {
        if is_done(&reply) {
            return Ok(());
        }
        Err(ErrorKind::Refused(reply))
    }

    fn on_mail(&mut self, reply: Reply, wire: &mut Wire) -> Result<(), ErrorKind> {
        if is_done(&reply) {
            return Ok(());
        }
        if !is_refusal(&reply) {
            return Err(OTHER_KIND);
        }
        self.mail_refused = true;
        self.fail(ErrorKind::Refused(reply), Phase::Mail, wire);
        Ok(())
    }

    fn on_rcpt(
        &mut self,
        index: usize,
        mut reply: Reply,
        wire: &mut Wire,
    ) -> Result<(), ErrorKind> {
        if !is_done(&reply) && !is_refusal(&reply) {
            return Err(OTHER_KIND);
        }
        // It says nothing of the recipient.
        if reply.code() == 421 {
            return Ok(());
        }
        self.answered += 1;
        if is_done(&reply) {
            self.accepted += 1;
            self.outcomes[index] = Outcome::Accepted;
            self.too_many = 0;
        } else if !self.mail_refused {
            reply.shorten(REFUSAL_LEN);
            let is_too_many = self.accepted > 0 && reply.is_too_many_recipients();
            self.too_many = if is_too_many { self.too_many + 1 } else { 0 };
            if self.too_many >= TOO_MANY_IN_A_ROW {
                self.ask_no_more(&reply);
            }
            self.outcomes[index] = Outcome::Refused(reply);
        }
        if self.are_all_refused() && !self.mail_refused {
            self.fail(ErrorKind::NoRecipients, Phase::Rcpt, wire);
        }
        Ok(())
    }

    fn on_data(&mut self, reply: Reply, wire: &mut Wire) -> Result<(), ErrorKind> {
        if reply.is_intermediate() {
            // RFC 2920 section 3.1: a server may ask for data that nobody gets.
            if self.failure.is_some() {
                self.send_nothing(wire);
            } else {
                self.stage = Stage::Content;
            }
            return Ok(());
        }
        if !is_refusal(&reply) {
            return Err(OTHER_KIND);
        }
        self.fail(ErrorKind::Refused(reply), Phase::DataInitiation, wire);
        Ok(())
    }

    fn on_chunk(&mut self, reply: Reply, wire: &mut Wire) -> Result<(), ErrorKind> {
        if is_done(&reply) {
            return Ok(());
        }
        if !is_refusal(&reply) {
            return Err(OTHER_KIND);
        }
        self.fail(ErrorKind::Refused(reply), Phase::DataBlock, wire);
        if wire.unsent_len() > 0 {
            // Half a chunk is out. The rest of it would be sent for nothing.
            let (kind, _) = self.failure.take().expect("it was just set");
            return Err(kind);
        }
        Ok(())
    }

    fn on_final(&mut self, reply: Reply) -> Result<(), ErrorKind> {
        if is_done(&reply) {
            // It is about an address (RFC 3463 section 3.2), so that it is the reply to
            // RCPT: one too many came before. LMTP's is about its recipient.
            if reply.enhanced().is_some_and(|status| status.subject == 1) {
                return Err(OUT_OF_STEP);
            }
            self.deliver(reply);
            return Ok(());
        }
        if !is_refusal(&reply) {
            return Err(OTHER_KIND);
        }
        self.final_refused = true;
        if self.failure.is_none() {
            self.failure = Some((ErrorKind::Refused(reply), Phase::DataTermination));
        }
        Ok(())
    }

    /// Whether the mail's own may be that in the place of QUIT's.
    fn is_in_quits_place(&self, reply: &Reply) -> bool {
        let taken = self.receipt.is_some();
        (taken || self.final_refused) && is_of_mail(reply, taken)
    }

    /// Whether a filter in front of the server reads commands where the content is: no
    /// reply after this one is to the mail then. With LMTP the first of several may be
    /// one recipient's.
    fn is_bdat_unknown(&self, reply: &Reply) -> bool {
        self.plan.chunking && !self.plan.lmtp && self.failure.is_none() && is_unknown(reply)
    }

    /// One reply for each recipient that was accepted, in their order.
    fn on_lmtp_final(&mut self, mut reply: Reply) -> Result<(), ErrorKind> {
        let waits = |outcome: &Outcome| *outcome == Outcome::Accepted;
        let index = self.outcomes.iter().skip(self.next_final).position(waits);
        let index = self.next_final + index.expect("one of those that were accepted");
        self.next_final = index + 1;
        if is_done(&reply) {
            self.outcomes[index] = Outcome::Delivered;
            self.receipt = Some(reply);
        } else if is_refusal(&reply) {
            reply.shorten(REFUSAL_LEN);
            self.outcomes[index] = Outcome::Refused(reply);
        } else {
            return Err(OTHER_KIND);
        }
        if !self.outcomes.iter().any(waits) {
            self.expected.pop_front();
            if self.receipt.is_none() {
                self.final_refused = true;
                self.failure = Some((ErrorKind::NoRecipients, Phase::DataTermination));
            }
        }
        Ok(())
    }

    fn deliver(&mut self, reply: Reply) {
        self.receipt = Some(reply);
        for outcome in &mut self.outcomes {
            if *outcome == Outcome::Accepted {
                *outcome = Outcome::Delivered;
            }
        }
    }

    /// Keeps why it fails, and takes back what no byte of is out.
    fn fail(&mut self, kind: ErrorKind, phase: Phase, wire: &mut Wire) {
        if self.failure.is_none() {
            self.failure = Some((kind, phase));
        }
        while let Some(last) = self.expected.back()
            && last.start >= wire.written()
        {
            wire.take_back(last.start);
            if last.what == What::Final {
                self.final_end = None;
            }
            self.expected.pop_back();
        }
    }

    pub(super) fn are_all_refused(&self) -> bool {
        self.accepted == 0 && self.answered == self.outcomes.len()
    }

    /// Whether there is nothing more to wait for.
    pub(super) fn is_over(&self) -> bool {
        let decided = self.receipt.is_some() || self.failure.is_some() || self.closing.is_some();
        self.expected.is_empty() && decided
    }

    /// What became of it, if nothing more happens.
    pub(super) fn delivery(&self, wire: &Wire) -> Delivery {
        if self.receipt.is_some() && !self.awaits_final() {
            Delivery::Sent
        } else if self.contradiction || (self.is_offered(wire) && !self.final_refused) {
            Delivery::MaybeSent
        } else {
            Delivery::NotSent
        }
    }

    pub(super) fn is_offered(&self, wire: &Wire) -> bool {
        self.final_end.is_some_and(|end| wire.offered() >= end)
    }

    /// From a server that breaks the protocol, refusals say nothing either.
    pub(super) fn distrust(&mut self, wire: &Wire) {
        self.contradiction = self.is_offered(wire);
    }

    /// With LMTP there may be good replies and more to come.
    fn awaits_final(&self) -> bool {
        self.expected.iter().any(|one| one.what == What::Final)
    }

    pub(super) fn phase(&self, wire: &Wire) -> Phase {
        let Some(head) = self.expected.front() else {
            return Phase::DataBlock;
        };
        match head.what {
            // What is still said is waited for, but not long.
            _ if self.closing.is_some() => Phase::Quit,
            What::Reset => Phase::Command,
            What::Mail => Phase::Mail,
            What::Rcpt(_) => Phase::Rcpt,
            What::Data => Phase::DataInitiation,
            What::Chunk => Phase::DataBlock,
            What::Final if head.end > wire.written() => Phase::DataBlock,
            What::Final | What::Nothing => Phase::DataTermination,
            What::Quit => Phase::Quit,
        }
    }
}
