//! A mail on its way: what became of it so far, and whether it is tried again.

use super::event::{Event, Use};
use super::report::{Fate, SendReport};
use super::{MailerError, MailerErrorKind, Message, Retry};
use smtp_session::{Delivery, Envelope, ErrorKind, Outcome, Receipt, Reply};
use std::time::{Duration, Instant};

pub(super) struct Job {
    pub(super) message: Message,
    /// What became of it, in the order of the message's envelope.
    fates: Vec<Fate>,
    /// Who was refused in this attempt, and is not asked for again in it.
    refused_now: Vec<bool>,
    /// Whom the server answered for at some time.
    answered: Vec<bool>,
    /// A connection seemed to be full, and another one was taken.
    has_changed: bool,
    receipts: Vec<Receipt>,
    /// Attempts that were begun.
    attempts: u32,
    pub(super) until: Option<Instant>,
}

/// What to do behind an attempt.
pub(super) enum Next {
    /// Another attempt, after this time.
    After(Duration),
    End,
}

impl Job {
    pub(super) fn new(message: Message, until: Option<Instant>) -> Self {
        let len = message.envelope.recipients().len();
        Self {
            fates: vec![Fate::NotSent; len],
            refused_now: vec![false; len],
            answered: vec![false; len],
            has_changed: false,
            message,
            receipts: Vec::new(),
            attempts: 0,
            until,
        }
    }

    pub(super) fn begin_attempt(&mut self) {
        self.attempts += 1;
        self.refused_now.fill(false);
    }

    /// What a connection is used for.
    pub(super) fn usage(&self) -> Use {
        Use::new(self.until, self.message.listener.clone())
    }

    /// The envelope for those who may still get it in this attempt.
    pub(super) fn envelope(&self) -> Envelope {
        let envelope = self.message.envelope.clone();
        let mut asked = (0..self.fates.len()).map(|index| self.is_asked(index));
        if asked.clone().all(|is_asked| is_asked) {
            return envelope;
        }
        envelope.retain(|_| asked.next() == Some(true))
    }

    fn is_asked(&self, index: usize) -> bool {
        self.fates[index].is_open() && !self.refused_now[index]
    }

    /// Whether another connection may be tried because one seems full: once.
    pub(super) fn may_change_for_full(&mut self) -> bool {
        !std::mem::replace(&mut self.has_changed, true)
    }

    /// Whether some recipients were too many for one transaction, and can follow in
    /// another.
    pub(super) fn has_rest_at_once(&self) -> bool {
        let is_rest =
            |fate: &Fate| matches!(fate, Fate::Refused(reply) if reply.is_too_many_recipients());
        !self.is_doubtful() && self.message.is_whole() && self.fates.iter().any(is_rest)
    }

    fn is_doubtful(&self) -> bool {
        self.fates.contains(&Fate::MaybeSent)
    }

    /// Takes note of what the server took.
    pub(super) fn taken(&mut self, receipt: Receipt) {
        self.note(
            receipt.outcomes().map(|(_, outcome)| outcome),
            Delivery::Sent,
        );
        // Who was refused is in the fates. In each receipt once more, that would be
        // as much as a server likes that takes one recipient at a time.
        self.receipts.push(receipt.without_refused());
    }

    /// Takes note of an attempt that failed. True if the server answered for a
    /// recipient for the first time, and somebody is left to be asked for.
    pub(super) fn failed(&mut self, error: &smtp_session::Error) -> bool {
        let before = self.fates.clone();
        let known = self.answered.clone();
        let outcomes = error.outcomes().map(|(_, outcome)| outcome);
        self.note(outcomes, error.delivery());
        let told = is_loss(error.kind()) && self.fates.contains(&Fate::MaybeSent);
        if error.delivery() == Delivery::MaybeSent && !told {
            // The server refused and took it, or was out of step: no word of it counts.
            self.fates = before;
            let open = self.fates.iter_mut().filter(|fate| fate.is_open());
            open.for_each(|fate| *fate = Fate::MaybeSent);
        }
        self.answered != known && (0..self.fates.len()).any(|index| self.is_asked(index))
    }

    /// The outcomes are those of the recipients that were asked for.
    fn note<'a>(&mut self, outcomes: impl Iterator<Item = &'a Outcome>, delivery: Delivery) {
        let all = 0..self.fates.len();
        let asked: Vec<_> = all.filter(|index| self.is_asked(*index)).collect();
        for (index, outcome) in asked.into_iter().zip(outcomes) {
            self.answered[index] |= *outcome != Outcome::Unknown;
            self.refused_now[index] =
                matches!(outcome, Outcome::Refused(reply) if !reply.is_too_many_recipients());
            self.fates[index] = match (outcome, delivery) {
                (Outcome::Refused(reply), _) => Fate::Refused(reply.clone()),
                (Outcome::Delivered, _) | (_, Delivery::Sent) => Fate::Sent,
                (_, Delivery::MaybeSent) => Fate::MaybeSent,
                _ => Fate::NotSent,
            };
        }
    }

    /// Whether an attempt, which failed by `error` if it did, is the last.
    pub(super) fn next(
        &mut self,
        retry: &Retry,
        error: Option<&MailerError>,
        now: Instant,
    ) -> Next {
        let hopeless = error.is_some_and(|error| !error.is_transient());
        let done = !self.fates.iter().any(Fate::is_open);
        if self.is_doubtful() || hopeless || done || !self.message.is_whole() {
            return Next::End;
        }
        let refusal = self.fates.iter().find_map(|fate| match fate {
            Fate::Refused(reply) if reply.is_transient() => Some(reply),
            _ => None,
        });
        // The connection is gone by which the rest of a mail for very many would have
        // gone at once: each time some were taken.
        if error.is_none() && self.has_rest_at_once() {
            self.attempts -= 1;
            return Next::After(Duration::ZERO);
        }
        let reply: Option<&Reply> = error.and_then(MailerError::reply).or(refusal);
        let Some(after) = retry.after(self.attempts, reply) else {
            return Next::End;
        };
        if !self.has_time_for(after, now) {
            return Next::End;
        }
        if let Some(listener) = &self.message.listener {
            let attempt = self.attempts + 1;
            listener.tell(Event::Retry { attempt, after });
        }
        Next::After(after)
    }

    fn has_time_for(&self, wait: Duration, now: Instant) -> bool {
        let left = |until: Instant| until.saturating_duration_since(now);
        self.until.is_none_or(|until| wait < left(until))
    }

    /// What became of it in the end.
    pub(super) fn end(self, error: Option<MailerError>) -> Result<SendReport, MailerError> {
        let Self {
            message,
            fates,
            receipts,
            attempts,
            ..
        } = self;
        let envelope = message.envelope;
        if receipts.is_empty() {
            let error = error.unwrap_or_else(|| MailerError::new(MailerErrorKind::TimedOut));
            return Err(error.of_mail(attempts, envelope, fates));
        }
        let error = error.map(|error| error.of_rest(attempts, envelope.clone(), &fates));
        Ok(SendReport {
            envelope,
            fates,
            receipts,
            attempts,
            error,
        })
    }
}

/// Whether the connection was lost, and what the server said before holds.
fn is_loss(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Closed | ErrorKind::Closing(_) | ErrorKind::Io(_) | ErrorKind::TimedOut
    )
}
