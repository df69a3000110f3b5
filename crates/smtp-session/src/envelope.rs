//! Envelopes: who sends to whom, and what is asked of the server beside.

use crate::error::InvalidInput;
use crate::parameters::{DeliverBy, EnvelopeId, Hold, Notify, Priority, Ret};
use crate::{Address, Extension};
use std::fmt;
use std::sync::Arc;

/// The reverse-path, the forward-paths, and what MAIL and RCPT say beside.
///
/// A clone costs nothing. What is asked for is asked for strictly: when the
/// server does not offer the extension, nothing is sent and the error names it.
/// Look at [`Capabilities`](crate::Capabilities) first where you can do without.
/// A recipient beyond ASCII alone stays without the mail if the server has no SMTPUTF8
/// and [`Options::ascii_domain`](crate::Options::ascii_domain) gives no other form.
///
/// `Debug` gives numbers only, so that addresses stay out of logs.
///
/// ```
/// use smtp_session::{Address, Envelope};
/// # fn run() -> Result<(), smtp_session::InvalidInput> {
/// let envelope = Envelope::new(Address::new("me@example.com")?)
///     .to(Address::new("you@example.org")?)
///     .to(Address::new("them@example.net")?);
/// # Ok(()) } run().unwrap();
/// ```
///
/// Source: RFC 5321 sections 2.3.1, 4.1.1.2 and 4.1.1.3.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope(Arc<Inner>);

#[derive(Clone, Default, PartialEq, Eq)]
struct Inner {
    /// `None` is the null reverse-path.
    sender: Option<Address>,
    recipients: Vec<Recipient>,
    parameters: Parameters,
}

/// What MAIL says beside the reverse-path.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) smtputf8: bool,
    pub(crate) require_tls: bool,
    pub(crate) ret: Option<Ret>,
    pub(crate) envelope_id: Option<EnvelopeId>,
    pub(crate) deliver_by: Option<DeliverBy>,
    pub(crate) hold: Option<Hold>,
    pub(crate) priority: Option<Priority>,
}

impl Envelope {
    /// An envelope from `sender`, who gets what can't be delivered. It has no
    /// recipients yet, and needs one.
    pub fn new(sender: Address) -> Self {
        Self(Arc::new(Inner {
            sender: Some(sender),
            ..Inner::default()
        }))
    }

    /// An envelope with the null reverse-path `<>`: nobody is told when it can't
    /// be delivered, as for notifications that must not cause others (RFC 5321
    /// section 4.5.5).
    pub fn null_sender() -> Self {
        Self(Arc::default())
    }

    /// One more recipient: an [`Address`], or a [`Recipient`] that asks for more.
    /// The order is that of the commands and of the receipt. There is no limit
    /// here; servers have one, often 100 or 1,000, and refuse the rest for now
    /// (452), which the receipt tells.
    #[must_use]
    pub fn to(mut self, recipient: impl Into<Recipient>) -> Self {
        self.change().recipients.push(recipient.into());
        self
    }

    /// Keeps the recipients for which `keep` says so, in their order.
    pub fn retain(mut self, keep: impl FnMut(&Recipient) -> bool) -> Self {
        self.change().recipients.retain(keep);
        self
    }

    /// The mail's header has letters beyond ASCII, so that SMTPUTF8 is needed.
    /// For addresses that have, it is used without this.
    ///
    /// Source: RFC 6531 section 3.4.
    #[must_use]
    pub fn smtputf8(mut self) -> Self {
        self.change().parameters.smtputf8 = true;
        self
    }

    /// The mail may go over authenticated TLS only, on its whole way. This
    /// session must have TLS too.
    ///
    /// Source: RFC 8689 section 2.
    #[must_use]
    pub fn require_tls(mut self) -> Self {
        self.change().parameters.require_tls = true;
        self
    }

    /// How much of the mail a notification of failure shall return.
    ///
    /// Source: RFC 3461 section 4.3 (DSN).
    #[must_use]
    pub fn ret(mut self, ret: Ret) -> Self {
        self.change().parameters.ret = Some(ret);
        self
    }

    /// What notifications name this mail by.
    ///
    /// Source: RFC 3461 section 4.4 (DSN).
    #[must_use]
    pub fn envelope_id(mut self, id: EnvelopeId) -> Self {
        self.change().parameters.envelope_id = Some(id);
        self
    }

    /// By when the mail has to be delivered.
    ///
    /// Source: RFC 2852 section 4 (DELIVERBY).
    #[must_use]
    pub fn deliver_by(mut self, by: DeliverBy) -> Self {
        self.change().parameters.deliver_by = Some(by);
        self
    }

    /// Until when the server keeps the mail back.
    ///
    /// Source: RFC 4865 section 5 (FUTURERELEASE).
    #[must_use]
    pub fn hold(mut self, hold: Hold) -> Self {
        self.change().parameters.hold = Some(hold);
        self
    }

    /// Before which others the mail goes.
    ///
    /// Source: RFC 6710 section 4 (MT-PRIORITY).
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.change().parameters.priority = Some(priority);
        self
    }

    /// The reverse-path; `None` for `<>`.
    pub fn sender(&self) -> Option<&Address> {
        self.0.sender.as_ref()
    }

    /// The forward-paths, in order.
    pub fn recipients(&self) -> &[Recipient] {
        &self.0.recipients
    }

    pub(crate) fn parameters(&self) -> &Parameters {
        &self.0.parameters
    }

    /// SMTPUTF8 has to be asked for.
    pub(crate) fn needs_smtputf8(&self) -> bool {
        let ascii = |address: &Address| address.is_ascii();
        self.parameters().smtputf8
            || !self.sender().is_none_or(ascii)
            || !self.recipients().iter().all(|to| ascii(&to.address))
    }

    /// What the server must offer for it.
    pub(crate) fn needs(&self) -> impl Iterator<Item = Extension> + '_ {
        let parameters = self.parameters();
        let dsn = parameters.ret.is_some()
            || parameters.envelope_id.is_some()
            || self.recipients().iter().any(Recipient::needs_dsn);
        [
            (self.needs_smtputf8(), Extension::SmtpUtf8),
            (parameters.require_tls, Extension::RequireTls),
            (dsn, Extension::Dsn),
            (parameters.deliver_by.is_some(), Extension::DeliverBy),
            (parameters.hold.is_some(), Extension::FutureRelease),
            (parameters.priority.is_some(), Extension::MtPriority),
        ]
        .into_iter()
        .filter_map(|(needed, extension)| needed.then_some(extension))
    }

    /// The same for these addresses: those without one are left out.
    pub(crate) fn with_addresses(
        mut self,
        sender: Option<Address>,
        recipients: Vec<Option<Address>>,
    ) -> Self {
        let this = self.change();
        this.sender = sender;
        let before = std::mem::take(&mut this.recipients);
        let all = before.into_iter().zip(recipients);
        let all = all.filter_map(|(to, address)| {
            Some(Recipient {
                address: address?,
                ..to
            })
        });
        this.recipients = all.collect();
        self
    }

    fn change(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({} recipients)", self.recipients().len())
    }
}

/// One forward-path, and what shall be reported about it.
///
/// `Debug` leaves the address out.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    pub(crate) address: Address,
    pub(crate) notify: Option<Notify>,
    pub(crate) original: Option<Address>,
}

impl Recipient {
    /// A recipient of whom the server reports as it does by itself: failures.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            notify: None,
            original: None,
        }
    }

    /// When to report about this recipient.
    ///
    /// Source: RFC 3461 section 4.1 (DSN).
    #[must_use]
    pub fn notify(mut self, notify: Notify) -> Self {
        self.notify = Some(notify);
        self
    }

    /// The address that the mail was sent to at first, for reports to name.
    ///
    /// Source: RFC 3461 section 4.2 (DSN).
    #[must_use]
    pub fn original(mut self, original: Address) -> Self {
        self.original = Some(original);
        self
    }

    /// Where the mail goes.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn needs_dsn(&self) -> bool {
        self.notify.is_some() || self.original.is_some()
    }
}

impl From<Address> for Recipient {
    fn from(address: Address) -> Self {
        Self::new(address)
    }
}

impl TryFrom<&str> for Recipient {
    type Error = InvalidInput;

    fn try_from(address: &str) -> Result<Self, InvalidInput> {
        Address::new(address).map(Self::new)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("address", &self.address)
            .field("notify", &self.notify)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::new(text).expect("an address")
    }

    #[test]
    fn each_wish_needs_its_extension() {
        let plain = Envelope::new(address("a@b")).to(address("c@d"));
        assert_eq!(plain.needs().count(), 0);
        let all = [
            (plain.clone().smtputf8(), Extension::SmtpUtf8),
            (plain.clone().to(address("ü@d")), Extension::SmtpUtf8),
            (Envelope::new(address("ü@d")), Extension::SmtpUtf8),
            (plain.clone().require_tls(), Extension::RequireTls),
            (plain.clone().ret(Ret::Headers), Extension::Dsn),
            (
                plain
                    .clone()
                    .envelope_id(EnvelopeId::new("x").expect("an id")),
                Extension::Dsn,
            ),
            (
                plain
                    .clone()
                    .to(Recipient::new(address("e@f")).notify(Notify::Never)),
                Extension::Dsn,
            ),
            (
                plain
                    .clone()
                    .to(Recipient::new(address("e@f")).original(address("g@h"))),
                Extension::Dsn,
            ),
            (
                plain
                    .clone()
                    .deliver_by(DeliverBy::new(60).expect("a time")),
                Extension::DeliverBy,
            ),
            (
                plain.clone().hold(Hold::seconds(60).expect("a time")),
                Extension::FutureRelease,
            ),
            (
                plain
                    .clone()
                    .priority(Priority::new(3).expect("a priority")),
                Extension::MtPriority,
            ),
        ];
        for (envelope, extension) in all {
            assert_eq!(envelope.needs().collect::<Vec<_>>(), [extension]);
            assert_ne!(envelope, plain);
        }
        assert_eq!(Envelope::null_sender().sender(), None);
        assert_eq!(Envelope::null_sender().needs().count(), 0);
    }

    #[test]
    fn a_clone_is_an_envelope_of_its_own() {
        let one = Envelope::null_sender().to(address("a@b"));
        let two = one.clone().to(address("c@d"));
        let last = two.clone().retain(|to| to.address().as_str() == "c@d");
        assert_eq!(one.recipients().len(), 1);
        assert_eq!(two.recipients().len(), 2);
        assert_eq!(last.recipients(), &two.recipients()[1..]);
    }

    #[test]
    fn debug_shows_no_address() {
        let to = Recipient::try_from("alice@example.com").expect("an address");
        let shown = format!(
            "{to:?} {:?}",
            Envelope::new(address("bob@b")).to(to.clone())
        );
        assert!(
            !shown.contains("alice") && !shown.contains("bob"),
            "{shown}"
        );
    }
}
