//! What a server offers, by its reply to EHLO.

use crate::Reply;
use crate::auth::Mechanism;
use std::fmt;

/// An extension of SMTP that this crate uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extension {
    /// `STARTTLS`: RFC 3207.
    StartTls,
    /// `AUTH`: RFC 4954.
    Auth,
    /// `PIPELINING`: RFC 2920.
    Pipelining,
    /// `SIZE`: RFC 1870.
    Size,
    /// `8BITMIME`: RFC 6152.
    EightBitMime,
    /// `SMTPUTF8`: RFC 6531.
    SmtpUtf8,
    /// `CHUNKING`: RFC 3030.
    Chunking,
    /// `BINARYMIME`: RFC 3030.
    BinaryMime,
    /// `DSN`: RFC 3461.
    Dsn,
    /// `ENHANCEDSTATUSCODES`: RFC 2034.
    EnhancedStatusCodes,
    /// `REQUIRETLS`: RFC 8689.
    RequireTls,
    /// `DELIVERBY`: RFC 2852.
    DeliverBy,
    /// `FUTURERELEASE`: RFC 4865.
    FutureRelease,
    /// `MT-PRIORITY`: RFC 6710.
    MtPriority,
}

const EXTENSIONS: [(Extension, &str); 14] = [
    (Extension::StartTls, "STARTTLS"),
    (Extension::Auth, "AUTH"),
    (Extension::Pipelining, "PIPELINING"),
    (Extension::Size, "SIZE"),
    (Extension::EightBitMime, "8BITMIME"),
    (Extension::SmtpUtf8, "SMTPUTF8"),
    (Extension::Chunking, "CHUNKING"),
    (Extension::BinaryMime, "BINARYMIME"),
    (Extension::Dsn, "DSN"),
    (Extension::EnhancedStatusCodes, "ENHANCEDSTATUSCODES"),
    (Extension::RequireTls, "REQUIRETLS"),
    (Extension::DeliverBy, "DELIVERBY"),
    (Extension::FutureRelease, "FUTURERELEASE"),
    (Extension::MtPriority, "MT-PRIORITY"),
];

impl fmt::Display for Extension {
    /// Its keyword in EHLO.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXTENSIONS[*self as usize].1)
    }
}

/// What the server offers now: it may differ before and after TLS, and before and
/// after AUTH.
///
/// Keywords of any case are taken, unknown ones passed over.
///
/// Source: RFC 5321 section 4.1.1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// One bit for each extension.
    extensions: u16,
    /// One bit for each mechanism.
    mechanisms: u16,
    size: Option<u64>,
    deliver_by: u32,
    hold: Option<u64>,
    recipients: Option<u32>,
    mails: Option<u32>,
}

impl Capabilities {
    /// Of the reply to EHLO or LHLO; its first line greets.
    pub(crate) fn of(reply: &Reply) -> Self {
        let mut capabilities = Self::default();
        for line in reply.text().lines().skip(1) {
            capabilities.add(line);
        }
        capabilities
    }

    /// Whether the server offers `extension`.
    pub fn has(&self, extension: Extension) -> bool {
        self.extensions & (1 << extension as u16) != 0
    }

    /// Whether the server offers `mechanism`.
    pub fn has_mechanism(&self, mechanism: Mechanism) -> bool {
        self.mechanisms & mechanism.bit() != 0
    }

    /// The extensions that the server offers, of those that this crate uses.
    pub fn extensions(&self) -> impl Iterator<Item = Extension> {
        let all = EXTENSIONS.iter().map(|(extension, _)| *extension);
        all.filter(|extension| self.has(*extension))
    }

    /// The mechanisms of AUTH that the server offers, of those that this crate
    /// knows, best first.
    pub fn mechanisms(&self) -> impl Iterator<Item = Mechanism> {
        Mechanism::all().filter(|mechanism| self.has_mechanism(*mechanism))
    }

    /// The longest mail that the server takes, in octets; `None` where it names
    /// none.
    ///
    /// Source: RFC 1870 section 4.
    pub fn size_limit(&self) -> Option<u64> {
        self.size
    }

    /// The shortest time of DELIVERBY that mode R may have, in seconds; 0 where
    /// the server names none.
    ///
    /// Source: RFC 2852 section 3.
    pub fn deliver_by_min(&self) -> u32 {
        self.deliver_by
    }

    /// The longest time that the server holds a mail back, in seconds.
    ///
    /// Source: RFC 4865 section 3.
    pub fn hold_max(&self) -> Option<u64> {
        self.hold
    }

    /// The most recipients of one mail, where the server says so. A session offers more to
    /// it all the same, and it refuses them for now.
    ///
    /// Source: RFC 9422 section 4.2 (LIMITS RCPTMAX).
    pub fn recipients_max(&self) -> Option<u32> {
        self.recipients
    }

    /// The most mails of one session, where the server says so.
    ///
    /// Source: RFC 9422 section 4.1 (LIMITS MAILMAX).
    pub fn mails_max(&self) -> Option<u32> {
        self.mails
    }

    fn add(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let Some(keyword) = words.next() else { return };
        if keyword.eq_ignore_ascii_case("LIMITS") {
            words.for_each(|limit| self.limit(limit));
            return;
        }
        // An old form, which some servers write beside the new one.
        let keyword = match keyword.split_once('=') {
            Some((auth, first)) if auth.eq_ignore_ascii_case("AUTH") => {
                self.mechanisms |= Mechanism::named(first).map_or(0, Mechanism::bit);
                auth
            }
            _ => keyword,
        };
        let known = EXTENSIONS
            .iter()
            .find(|(_, name)| keyword.eq_ignore_ascii_case(name));
        let Some(&(extension, _)) = known else { return };
        self.extensions |= 1 << extension as u16;
        let number = |word: Option<&str>| word.and_then(|word| word.parse().ok());
        match extension {
            // 0 is no limit, as is something that is no number.
            Extension::Size => self.size = number(words.next()).filter(|&size| size > 0),
            Extension::DeliverBy => {
                let least = words.next().and_then(|word| word.parse().ok());
                self.deliver_by = least.unwrap_or(0);
            }
            Extension::FutureRelease => self.hold = number(words.next()),
            Extension::Auth => {
                for mechanism in words.filter_map(Mechanism::named) {
                    self.mechanisms |= mechanism.bit();
                }
            }
            _ => {}
        }
    }

    fn limit(&mut self, limit: &str) {
        let Some((name, value)) = limit.split_once('=') else {
            return;
        };
        let value = value.parse().ok().filter(|&value| value > 0);
        if name.eq_ignore_ascii_case("RCPTMAX") {
            self.recipients = value;
        } else if name.eq_ignore_ascii_case("MAILMAX") {
            self.mails = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &str) -> Capabilities {
        Capabilities::of(&Reply::of(250, &format!("mail.example greets\n{lines}")))
    }

    #[test]
    fn the_table_is_in_the_order_of_the_extensions() {
        for (index, (extension, name)) in EXTENSIONS.into_iter().enumerate() {
            assert_eq!(extension as usize, index);
            assert_eq!(extension.to_string(), name);
            let all = of(&name.to_lowercase());
            assert!(all.has(extension));
            assert_eq!(all.extensions.count_ones(), 1);
        }
    }

    #[test]
    fn what_each_keyword_says() {
        let all = of(
            "SIZE 10240000\nAUTH PLAIN LOGIN X-OTHER SCRAM-SHA-256\nDELIVERBY 240\nFUTURERELEASE 864000 2027-01-31T08:00:00Z\nLIMITS RCPTMAX=100 mailmax=5 X=1\nVRFY\n8BITMIME",
        );
        assert_eq!(all.size_limit(), Some(10_240_000));
        assert!(all.has_mechanism(Mechanism::Plain));
        assert!(all.has_mechanism(Mechanism::Login));
        assert!(all.has_mechanism(Mechanism::ScramSha256));
        assert!(!all.has_mechanism(Mechanism::External));
        assert_eq!(all.deliver_by_min(), 240);
        assert_eq!(all.hold_max(), Some(864_000));
        assert_eq!(all.recipients_max(), Some(100));
        assert_eq!(all.mails_max(), Some(5));
        assert!(all.has(Extension::EightBitMime));
        assert!(!all.has(Extension::Chunking));
    }

    /// Each seen on a real server.
    #[test]
    fn what_servers_write_instead() {
        for (line, limit) in [
            ("SIZE", None),
            ("SIZE 0", None),
            ("SIZE many", None),
            ("SIZE -1", None),
            ("size 5", Some(5)),
            ("SIZE 99999999999999999999999", None),
        ] {
            let capabilities = of(line);
            assert!(capabilities.has(Extension::Size), "{line}");
            assert_eq!(capabilities.size_limit(), limit, "{line}");
        }
        let old = of("AUTH=PLAIN LOGIN");
        assert!(old.has_mechanism(Mechanism::Plain) && old.has_mechanism(Mechanism::Login));
        let empty = of("AUTH");
        assert!(empty.has(Extension::Auth));
        assert_eq!(empty.mechanisms, 0);
        let odd =
            of("\n \nLIMITS RCPTMAX=x MAILMAX\nDELIVERBY soon\nFUTURERELEASE\nPIPELINING extra");
        assert!(odd.has(Extension::Pipelining));
        assert_eq!(odd.recipients_max(), None);
        // What stands in the greeting's line is no keyword.
        let greeting = Capabilities::of(&Reply::of(250, "PIPELINING"));
        assert_eq!(greeting, Capabilities::default());
    }
}
