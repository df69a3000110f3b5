//! Envelopes in ASCII, for servers without SMTPUTF8.
//!
//! Source: RFC 6531 section 3.2 (A-labels); RFC 5321 section 4.1.2 (mailboxes).

use super::options::AsciiDomain;
use crate::{Address, Envelope, Extension, Outcome};

/// An envelope as it was given, of which the server gets one in ASCII.
pub(super) struct Original {
    envelope: Envelope,
    /// For each recipient, whether it is in the one in ASCII.
    is_asked: Vec<bool>,
}

impl Original {
    /// The envelope in ASCII, without those recipients that have no such form. `None`
    /// where the mail as a whole needs SMTPUTF8: since the caller says so of its header,
    /// for its sender, or for everybody.
    pub(super) fn to_ascii(
        envelope: &Envelope,
        form: Option<AsciiDomain>,
    ) -> Option<(Envelope, Self)> {
        if envelope.parameters().smtputf8 {
            return None;
        }
        let sender = match envelope.sender() {
            Some(sender) => Some(ascii(sender, form)?),
            None => None,
        };
        let recipients = envelope.recipients().iter();
        let recipients: Vec<_> = recipients.map(|to| ascii(to.address(), form)).collect();
        let original = Self {
            envelope: envelope.clone(),
            is_asked: recipients.iter().map(Option::is_some).collect(),
        };
        original.is_asked.contains(&true).then(|| {
            let asked = envelope.clone().with_addresses(sender, recipients);
            (asked, original)
        })
    }

    /// What became of all, where the outcomes are of those in ASCII.
    pub(super) fn outcomes(self, asked: Vec<Outcome>) -> (Envelope, Vec<Outcome>) {
        let mut asked = asked.into_iter();
        let all = self.is_asked.into_iter().map(|is_asked| {
            let outcome = is_asked.then(|| asked.next()).flatten();
            outcome.unwrap_or(Outcome::Unsupported(Extension::SmtpUtf8))
        });
        (self.envelope, all.collect())
    }
}

/// The address in ASCII.
fn ascii(address: &Address, form: Option<AsciiDomain>) -> Option<Address> {
    if address.is_ascii() {
        return Some(address.clone());
    }
    let (local, domain) = address.as_str().rsplit_once('@')?;
    // What comes back is looked at as any address is.
    let address = Address::new(&format!("{local}@{}", form?(domain)?)).ok();
    address.filter(Address::is_ascii)
}
