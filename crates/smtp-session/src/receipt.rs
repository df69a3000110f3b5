//! What became of a mail.

use crate::{Address, Envelope, Extension, Reply};
use std::fmt;

/// Whether a mail went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// It did not, for certain: sending it again makes no second one.
    NotSent,
    /// The last byte of the final dot, or of the last BDAT, was offered to the
    /// stream, and its reply is not known. Sending it again may make a second
    /// one.
    MaybeSent,
    /// The server took it over (RFC 5321 section 4.2.5).
    Sent,
}

/// What became of one recipient.
///
/// `Debug` leaves texts out, as [`Reply`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The server did not answer for this recipient, or was not asked.
    Unknown,
    /// The server accepts it by its reply to RCPT. Whether the mail went to it is
    /// what the [`Error`](crate::Error)'s delivery says.
    Accepted,
    /// The server took the mail for it.
    Delivered,
    /// The server refuses it: the mail did not go to it. Of the text at most 512
    /// octets are kept. After three in a row that were too many
    /// ([`Reply::is_too_many_recipients`]) the rest is not asked for, and has the reply to
    /// the third.
    Refused(Reply),
    /// It needs an extension that the server does not offer, and was not asked for: a
    /// recipient beyond ASCII needs SMTPUTF8.
    Unsupported(Extension),
}

/// How much of a refusal is kept for each recipient.
pub(crate) const REFUSAL_LEN: usize = 512;

/// A mail that the server took over, for at least one of its recipients.
///
/// `Debug` gives numbers only, so that addresses stay out of logs.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a receipt may name recipients that were refused"]
pub struct Receipt {
    pub(crate) envelope: Envelope,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) reply: Reply,
    pub(crate) is_reencoded: bool,
}

impl Receipt {
    /// The server's reply to the mail. With LMTP, that for the last recipient it
    /// accepted.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// The name that the server gave the mail, where its reply has one in a known
    /// form: `queued as NAME`, `id=NAME`, `id NAME`, or, as sendmail has it, in
    /// front of `Message accepted for delivery`.
    pub fn queue_id(&self) -> Option<String> {
        let text = self.reply.text();
        let of_sendmail = || {
            let before = text.split_once(" Message accepted for delivery")?.0;
            let id = before.split([' ', '\n']).next_back()?;
            let fits = id.len() >= 6 && id.bytes().all(|b| b.is_ascii_alphanumeric());
            fits.then(|| id.to_owned())
        };
        wasm_smtp::SendOutcome::new(self.reply.code(), text.to_owned())
            .queue_id
            .or_else(of_sendmail)
    }

    /// The outcome for each recipient of the envelope, in its order.
    pub fn outcomes(&self) -> impl ExactSizeIterator<Item = (&Address, &Outcome)> {
        outcomes(&self.envelope, &self.outcomes)
    }

    /// The recipients that the server refused, and why.
    pub fn refused(&self) -> impl Iterator<Item = (&Address, &Reply)> {
        refused(&self.envelope, &self.outcomes)
    }

    /// Whether the mail went to all recipients.
    pub fn is_complete(&self) -> bool {
        let mut all = self.outcomes.iter();
        all.all(|outcome| *outcome == Outcome::Delivered)
    }

    /// Whether `Form::reencode` made another mail of it.
    pub fn is_reencoded(&self) -> bool {
        self.is_reencoded
    }

    /// The receipt for those alone that the mail went to: for who keeps many, and
    /// the refusals elsewhere.
    pub fn without_refused(mut self) -> Self {
        let is_delivered = |outcome: &Outcome| *outcome == Outcome::Delivered;
        let mut all = self.outcomes.iter();
        let keep = |_: &_| all.next().is_some_and(is_delivered);
        self.envelope = self.envelope.retain(keep);
        self.outcomes.retain(is_delivered);
        self
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("reply", &self.reply)
            .field("recipients", &self.outcomes.len())
            .field("refused", &self.refused().count())
            .finish()
    }
}

pub(crate) fn outcomes<'a>(
    envelope: &'a Envelope,
    outcomes: &'a [Outcome],
) -> impl ExactSizeIterator<Item = (&'a Address, &'a Outcome)> {
    let addresses = envelope.recipients().iter().map(|to| &to.address);
    addresses.zip(outcomes)
}

pub(crate) fn refused<'a>(
    envelope: &'a Envelope,
    all: &'a [Outcome],
) -> impl Iterator<Item = (&'a Address, &'a Reply)> {
    outcomes(envelope, all).filter_map(|(address, outcome)| match outcome {
        Outcome::Refused(reply) => Some((address, reply)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_refused_can_be_left_out() {
        let address = |text| Address::new(text).expect("an address");
        let refused = || Outcome::Refused(Reply::of(550, "no"));
        let receipt = Receipt {
            envelope: ["a@b", "c@d", "e@f"]
                .map(address)
                .into_iter()
                .fold(Envelope::null_sender(), Envelope::to),
            outcomes: vec![refused(), Outcome::Delivered, refused()],
            reply: Reply::of(250, "OK"),
            is_reencoded: false,
        };
        assert!(!receipt.is_complete());
        let receipt = receipt.without_refused();
        assert!(receipt.is_complete());
        let left: Vec<_> = receipt.outcomes().collect();
        assert_eq!(left, [(&address("c@d"), &Outcome::Delivered)]);
    }

    #[test]
    fn queue_ids_of_the_servers_in_the_field() {
        for (text, id) in [
            ("2.0.0 Ok: queued as 4ABCDE12345", Some("4ABCDE12345")),
            ("OK id=1abcDe-0001Bc-Df", Some("1abcDe-0001Bc-Df")),
            (
                "2.0.0 5ABC1234567890 Message accepted for delivery",
                Some("5ABC1234567890"),
            ),
            ("2.0.0 Message queued with id 1234567", Some("1234567")),
            ("OK", None),
            ("Message accepted for delivery", None),
            ("2.0.0 Message accepted for delivery", None),
        ] {
            let receipt = Receipt {
                envelope: Envelope::null_sender(),
                outcomes: Vec::new(),
                reply: Reply::of(250, text),
                is_reencoded: false,
            };
            assert_eq!(receipt.queue_id().as_deref(), id, "{text}");
        }
    }
}
