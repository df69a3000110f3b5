//! What became of a mail for each of its recipients.

use super::{Deferred, MailerError};
use smtp_session::{Address, Delivery, Envelope, Extension, Receipt, Reply};
use std::fmt;

/// What became of a mail for one recipient.
///
/// `Debug` leaves texts out, as [`Reply`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The server took it for the recipient.
    Sent,
    /// It may have taken it, and its reply is not known: sending it again may make
    /// a second one.
    MaybeSent,
    /// It did not take it, for certain, and did not say so of this recipient.
    NotSent,
    /// It refuses this recipient.
    Refused(Reply),
    /// This recipient needs an extension that the server does not offer: SMTPUTF8, for
    /// an address beyond ASCII.
    Unsupported(Extension),
}

impl Fate {
    /// Whether another attempt may change it, and can do no harm: not sent, or refused
    /// for now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::NotSent => true,
            Self::Refused(reply) => reply.is_transient(),
            Self::Sent | Self::MaybeSent | Self::Unsupported(_) => false,
        }
    }
}

/// What became of the whole, if nobody got it for certain.
pub(super) fn fates_delivery(fates: &[Fate]) -> Delivery {
    let maybe = |fate: &Fate| matches!(fate, Fate::MaybeSent | Fate::Sent);
    match fates.iter().any(maybe) {
        true => Delivery::MaybeSent,
        false => Delivery::NotSent,
    }
}

/// A mail that the server took for at least one of its recipients.
///
/// `Debug` gives numbers only, so that addresses stay out of logs.
#[must_use = "a report may name recipients that did not get the mail"]
pub struct SendReport {
    pub(super) envelope: Envelope,
    pub(super) fates: Vec<Fate>,
    /// Of the transactions, at least one.
    pub(super) receipts: Vec<Receipt>,
    pub(super) attempts: u32,
    pub(super) error: Option<MailerError>,
    pub(super) deferred: Option<Deferred>,
}

impl SendReport {
    /// Whether every recipient got it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.fates.iter().all(|fate| *fate == Fate::Sent)
    }

    /// What became of it for each recipient, in the order of the envelope.
    pub fn fates(&self) -> impl ExactSizeIterator<Item = (&Address, &Fate)> {
        let recipients = self.envelope.recipients().iter();
        recipients.map(|to| to.address()).zip(&self.fates)
    }

    /// The receipts of the server, each for those who got the mail by it: one, or
    /// more where it took the mail for some of the recipients first and for others
    /// later.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// The name that the server gave the mail, where it is known: see
    /// [`Receipt::queue_id`].
    #[must_use]
    pub fn queue_id(&self) -> Option<String> {
        self.receipts.iter().find_map(Receipt::queue_id)
    }

    /// Whether the mail went in another encoding, by `Form::reencode`.
    #[must_use]
    pub fn is_reencoded(&self) -> bool {
        self.receipts.iter().any(Receipt::is_reencoded)
    }

    /// How often the mail was tried.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Why the last attempt failed, which was for the rest of the recipients: it
    /// tells of those who are not [`Fate::Sent`].
    #[must_use]
    pub fn error(&self) -> Option<&MailerError> {
        self.error.as_ref()
    }

    /// When to try again for those who were refused for now: only of
    /// [`Mailer::send_or_defer`](super::Mailer::send_or_defer).
    #[must_use]
    pub fn deferred(&self) -> Option<Deferred> {
        self.deferred.clone()
    }
}

impl fmt::Debug for SendReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = self.fates.iter().filter(|fate| **fate == Fate::Sent);
        f.debug_struct("SendReport")
            .field("recipients", &self.fates.len())
            .field("sent", &sent.count())
            .field("attempts", &self.attempts)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
