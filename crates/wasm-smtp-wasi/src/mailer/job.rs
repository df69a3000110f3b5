//! A mail on its way: what became of it so far, and whether it is tried again.

use super::event::{Event, Use};
use super::report::{Fate, SendReport};
use super::{MailerError, MailerErrorKind, Message, Retry};
use smtp_session::{Delivery, Envelope, ErrorKind, Outcome, Receipt, Reply};
use std::time::{Duration, Instant};

/// RFC 5321 section 4.5.3.1.10: too many recipients, of which some were taken.
const TOO_MANY: u16 = 452;

pub(super) struct Job {
    pub(super) message: Message,
    /// What became of it, in the order of the message's envelope.
    fates: Vec<Fate>,
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
        Self {
            fates: vec![Fate::NotSent; message.envelope.recipients().len()],
            message,
            receipts: Vec::new(),
            attempts: 0,
            until,
        }
    }

    pub(super) fn begin_attempt(&mut self) {
        self.attempts += 1;
    }

    /// What a connection is used for.
    pub(super) fn usage(&self) -> Use {
        Use::new(self.until, self.message.listener.clone())
    }

    /// The envelope for those who may still get it.
    pub(super) fn envelope(&self) -> Envelope {
        let envelope = self.message.envelope.clone();
        if self.fates.iter().all(Fate::is_open) {
            return envelope;
        }
        let mut fates = self.fates.iter();
        envelope.retain(|_| fates.next().is_some_and(Fate::is_open))
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

    /// Takes note of an attempt that failed.
    pub(super) fn failed(&mut self, error: &smtp_session::Error) {
        let before = self.fates.clone();
        let outcomes = error.outcomes().map(|(_, outcome)| outcome);
        self.note(outcomes, error.delivery());
        let told = is_loss(error.kind()) && self.fates.contains(&Fate::MaybeSent);
        if error.delivery() == Delivery::MaybeSent && !told {
            // The server refused and took it, or was out of step: no word of it counts.
            self.fates = before;
            let open = self.fates.iter_mut().filter(|fate| fate.is_open());
            open.for_each(|fate| *fate = Fate::MaybeSent);
        }
    }

    /// The outcomes are those of the recipients that were open.
    fn note<'a>(&mut self, outcomes: impl Iterator<Item = &'a Outcome>, delivery: Delivery) {
        let open = self.fates.iter_mut().filter(|fate| fate.is_open());
        for (fate, outcome) in open.zip(outcomes) {
            *fate = match (outcome, delivery) {
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
        let doubtful = self.fates.contains(&Fate::MaybeSent);
        let hopeless = error.is_some_and(|error| !error.is_transient());
        let done = !self.fates.iter().any(Fate::is_open);
        if doubtful || hopeless || done || !self.message.is_whole() {
            return Next::End;
        }
        let refusal = self.fates.iter().find_map(|fate| match fate {
            Fate::Refused(reply) if reply.is_transient() => Some(reply),
            _ => None,
        });
        // The rest of a mail for very many goes at once: each time some were taken.
        if error.is_none() && refusal.is_some_and(|reply| reply.code() == TOO_MANY) {
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
