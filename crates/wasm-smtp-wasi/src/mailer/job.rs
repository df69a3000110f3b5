//! A mail on its way: what became of it so far, and whether it is tried again.

use super::deferred::Deferred;
use super::event::{Event, Use};
use super::report::{Fate, SendReport};
use super::stake::{Doubt, Stakes};
use super::{MailerError, MailerErrorKind, Message, Retry};
use smtp_session::{Delivery, Envelope, ErrorKind, Outcome, Phase, Receipt, Reply};
use std::time::{Duration, Instant};

pub(super) struct Job {
    pub(super) message: Message,
    /// What became of it, in the order of the message's envelope.
    fates: Vec<Fate>,
    /// Who was refused in this attempt, and is not asked for again in it.
    refused_now: Vec<bool>,
    /// Whom the server answered for at some time.
    answered: Vec<bool>,
    /// How many the server takes in one transaction: as it says, or as it did.
    most_at_once: usize,
    /// A connection seemed to be full, and another one was taken.
    has_changed: bool,
    /// Without those that came into doubt.
    receipts: Vec<Option<Receipt>>,
    /// The transactions that may.
    stakes: Stakes,
    /// Attempts that were begun, and why the last one failed.
    attempts: u32,
    pub(super) error: Option<MailerError>,
    pub(super) until: Option<Instant>,
    /// Whoever gave it tries again.
    deferred: Option<Deferred>,
}

/// Another attempt follows.
pub(super) struct Next {
    /// After this time.
    pub(super) wait: Duration,
    /// The server wants this mail to wait, and takes others meanwhile.
    pub(super) is_of_mail: bool,
}

impl Job {
    pub(super) fn new(message: Message, until: Option<Instant>, now: Instant) -> Self {
        let len = message.envelope.recipients().len();
        let (attempts, until, doubts) = match &message.deferred {
            Some(before) => (before.attempts, before.until(now), before.doubts.clone()),
            None => (0, until, Vec::new()),
        };
        Self {
            fates: vec![Fate::NotSent; len],
            refused_now: vec![false; len],
            answered: vec![false; len],
            most_at_once: usize::MAX,
            has_changed: false,
            message,
            receipts: Vec::new(),
            stakes: Stakes::of(doubts, len),
            attempts,
            error: None,
            until,
            deferred: None,
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

    /// The envelope of the next transaction of this attempt.
    pub(super) fn envelope(&self) -> Envelope {
        let envelope = self.message.envelope.clone();
        let asked: Vec<_> = self.asked().collect();
        if asked.len() == self.fates.len() {
            return envelope;
        }
        let (mut places, mut asked) = (0.., asked.into_iter().peekable());
        envelope.retain(|_| {
            asked
                .next_if_eq(&places.next().unwrap_or_default())
                .is_some()
        })
    }

    /// The places of those who may still get it in this attempt.
    fn left(&self) -> impl Iterator<Item = usize> {
        let all = 0..self.fates.len();
        all.filter(|index| self.fates[*index].is_open() && !self.refused_now[*index])
    }

    /// Those of them that the next transaction is for.
    fn asked(&self) -> impl Iterator<Item = usize> {
        self.left().take(self.most_at_once)
    }

    /// The server takes no more in one transaction.
    pub(super) fn takes_at_once(&mut self, most: Option<u32>) {
        let most = most.map_or(usize::MAX, |most| most as usize);
        self.most_at_once = self.most_at_once.min(most.max(1));
    }

    /// How many may still get it in this attempt.
    pub(super) fn count_left(&self) -> usize {
        self.left().count()
    }

    /// Whether the next transaction leaves somebody for another one.
    pub(super) fn has_more(&self) -> bool {
        self.left().nth(self.most_at_once).is_some()
    }

    /// Whether another connection may be tried because one seems full: once.
    pub(super) fn may_change_for_full(&mut self) -> bool {
        !std::mem::replace(&mut self.has_changed, true)
    }

    /// Whether some recipients were too many for one transaction, and can follow in
    /// another.
    pub(super) fn has_rest_at_once(&self) -> bool {
        !self.is_doubtful()
            && self.message.is_whole()
            && self.most_at_once < usize::MAX
            && self.left().next().is_some()
    }

    fn is_doubtful(&self) -> bool {
        self.fates.contains(&Fate::MaybeSent)
    }

    /// Takes note of what the server took, which its connection may doubt later.
    pub(super) fn taken(&mut self, receipt: Receipt) -> Doubt {
        let asked: Vec<_> = self.asked().collect();
        self.note(
            receipt.outcomes().map(|(_, outcome)| outcome),
            Delivery::Sent,
        );
        // Who was refused is in the fates. In each receipt once more, that would be
        // as much as a server likes that takes one recipient at a time.
        self.receipts.push(Some(receipt.without_refused()));
        self.stakes.add(asked, Some(self.receipts.len() - 1))
    }

    /// Takes note that a mail whose end the server was given is refused, for those of the
    /// next transaction; it may come into doubt as well.
    pub(super) fn refused(&mut self) -> Doubt {
        let asked = self.asked().collect();
        self.stakes.add(asked, None)
    }

    /// Looks whether a transaction came into doubt since.
    pub(super) fn came_into_doubt(&mut self) -> bool {
        let mut came = false;
        for stake in self.stakes.doubtful() {
            came = true;
            for place in stake.places {
                self.fates[place] = Fate::MaybeSent;
            }
            if let Some(receipt) = stake.receipt {
                self.receipts[receipt] = None;
            }
        }
        if came {
            let kind = MailerErrorKind::OutOfStep;
            self.error = Some(MailerError::new(kind));
        }
        came
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
        self.answered != known && self.left().next().is_some()
    }

    /// The outcomes are those of the recipients that were asked for.
    fn note<'a>(&mut self, outcomes: impl Iterator<Item = &'a Outcome>, delivery: Delivery) {
        let asked: Vec<_> = self.asked().collect();
        let (mut taken, mut too_many) = (0, false);
        for (index, outcome) in asked.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Accepted | Outcome::Delivered => taken += 1,
                Outcome::Refused(reply) => too_many |= reply.is_too_many_recipients(),
                _ => {}
            }
            self.answered[index] |= !matches!(outcome, Outcome::Unknown | Outcome::Unsupported(_));
            self.refused_now[index] =
                matches!(outcome, Outcome::Refused(reply) if !reply.is_too_many_recipients());
            self.fates[index] = match (outcome, delivery) {
                (Outcome::Refused(reply), _) => Fate::Refused(reply.clone()),
                (Outcome::Unsupported(extension), _) => Fate::Unsupported(*extension),
                (Outcome::Delivered, _) | (_, Delivery::Sent) => Fate::Sent,
                (_, Delivery::MaybeSent) => Fate::MaybeSent,
                _ => Fate::NotSent,
            };
        }
        if too_many && taken > 0 {
            self.most_at_once = self.most_at_once.min(taken);
        }
    }

    /// Whether another attempt would meet the same.
    pub(super) fn is_hopeless(&self) -> bool {
        let error = self.error.as_ref();
        error.is_some_and(|error| match error.is_transient() {
            true => error.no_login_before().is_some(),
            // Others than those of the last transaction may be asked for again.
            false => !is_of_recipients(error),
        })
    }

    /// What follows the attempt.
    pub(super) fn next(&mut self, retry: &Retry, now: Instant) -> Option<Next> {
        self.came_into_doubt();
        let done = !self.fates.iter().any(Fate::is_open);
        if self.is_doubtful() || self.is_hopeless() || done || !self.message.is_whole() {
            return None;
        }
        let refusal = self.fates.iter().find_map(|fate| match fate {
            Fate::Refused(reply) if reply.is_transient() => Some(reply),
            _ => None,
        });
        // The connection is gone by which the rest of a mail for very many would have
        // gone at once: each time some were taken.
        if self.error.is_none() && self.has_rest_at_once() {
            self.attempts -= 1;
            return Some(Next {
                wait: Duration::ZERO,
                is_of_mail: false,
            });
        }
        let reply: Option<&Reply> = self.error.as_ref().and_then(MailerError::reply);
        let wait = retry.after(self.attempts, reply.or(refusal))?;
        if !self.has_time_for(wait, now) {
            return None;
        }
        if let Some(listener) = &self.message.listener {
            let attempt = self.attempts + 1;
            listener.tell(Event::Retry {
                attempt,
                after: wait,
            });
        }
        let is_of_mail = self.error.as_ref().is_none_or(is_of_mail);
        Some(Next { wait, is_of_mail })
    }

    /// Leaves the next attempt to whoever gave the mail.
    pub(super) fn defer(&mut self, wait: Duration, now: Instant) {
        self.deferred = Some(Deferred {
            attempts: self.attempts,
            at: now + wait,
            until: self.until,
            doubts: self.stakes.doubts(),
        });
    }

    fn has_time_for(&self, wait: Duration, now: Instant) -> bool {
        let left = |until: Instant| until.saturating_duration_since(now);
        self.until.is_none_or(|until| wait < left(until))
    }

    /// What became of it in the end.
    pub(super) fn end(mut self) -> Result<SendReport, MailerError> {
        self.came_into_doubt();
        let Self {
            message,
            fates,
            receipts,
            attempts,
            error,
            deferred,
            ..
        } = self;
        let envelope = message.envelope;
        let receipts: Vec<_> = receipts.into_iter().flatten().collect();
        if receipts.is_empty() {
            let error = error.unwrap_or_else(|| MailerError::new(MailerErrorKind::TimedOut));
            return Err(error.of_mail(attempts, envelope, fates).defer(deferred));
        }
        let error = error.map(|error| error.of_rest(attempts, envelope.clone(), &fates));
        Ok(SendReport {
            envelope,
            fates,
            receipts,
            attempts,
            error,
            deferred,
        })
    }
}

/// Whether the server refused the mail or its recipients, and would take another.
fn is_of_mail(error: &MailerError) -> bool {
    let MailerErrorKind::Session(error) = error.kind() else {
        return false;
    };
    let is_refusal = matches!(
        error.kind(),
        ErrorKind::Refused(_) | ErrorKind::NoRecipients
    );
    is_refusal
        && matches!(
            error.phase(),
            Phase::Mail
                | Phase::Rcpt
                | Phase::DataInitiation
                | Phase::DataBlock
                | Phase::DataTermination
        )
}

/// Whether the server took the sender and refused each recipient of a transaction.
pub(super) fn is_of_recipients(error: &MailerError) -> bool {
    let MailerErrorKind::Session(error) = error.kind() else {
        return false;
    };
    matches!(error.kind(), ErrorKind::NoRecipients)
}

/// Whether the connection was lost, and what the server said before holds.
fn is_loss(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Closed | ErrorKind::Closing(_) | ErrorKind::Io(_) | ErrorKind::TimedOut
    )
}
