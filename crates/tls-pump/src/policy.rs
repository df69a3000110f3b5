//! How the peer is authenticated.

use crate::Error;
use std::fmt;
use std::str::FromStr;

/// How a peer proves who it is.
///
/// In every policy the peer must hold the private key of the certificate that
/// it shows: its signature over the handshake is checked. The certificate has to
/// be one of X.509 version 3 without unknown critical extensions, and RSA keys
/// below 2048 bits are refused.
///
/// | policy | chain | name | dates | CRLs |
/// |---|---|---|---|---|
/// | `Full` | to a root | yes | yes | if given |
/// | `PinnedSpki` | | | | |
/// | `Dane`, usage 0 | to a root, through an issuer that matches | yes | yes | if given |
/// | `Dane`, usage 1 | to a root, and the certificate matches | yes | yes | if given |
/// | `Dane`, usage 2 | to an issuer that matches | yes | yes | if given |
/// | `Dane`, usage 3 | | | | |
/// | `Opportunistic` | | | | |
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// A chain of valid certificates leads from the peer's to a trusted root,
    /// and the peer's is for the name asked for (RFC 5280, RFC 9525). The
    /// default.
    #[default]
    Full,
    /// The peer's public key is one of these: each the SHA-256 of its
    /// SubjectPublicKeyInfo in DER. Name, dates, issuer and CRLs are not looked
    /// at, so self-signed certificates do, and renewing one with the same key
    /// changes nothing. At least one pin; a second one for the next key is wise.
    /// The pins hold for every connection of the configuration, whatever its
    /// server's name: make one for each server.
    ///
    /// `openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform
    /// der | sha256sum` prints a certificate's.
    PinnedSpki(Vec<[u8; 32]>),
    /// One of these TLSA records matches (RFC 6698, RFC 7671). At least one
    /// has to be usable: known usage, selector and matching type, and data of
    /// the right length. The caller has looked them up, and DNSSEC vouches for
    /// them. They are those of one TLSA base domain: make a configuration for
    /// each, and connect by that name.
    ///
    /// The issuer that a record of usage 0 or 2 is about has to be sent by the
    /// server; except in usage 0 with selector 1, where a root's key is known,
    /// and in usage 2 where the record is the certificate itself (`2 0 0`).
    /// For SMTP leave out usages 0 and 1 (RFC 7672 section 3.1.3).
    Dane(Vec<TlsaRecord>),
    /// Any certificate does: this keeps out who only listens, not who is in the way
    /// (RFC 7435). For mail to servers that publish nothing to go by, never for
    /// passwords.
    Opportunistic,
}

/// A TLSA record of DNS, whose authenticity is the caller's affair.
///
/// Reads and shows itself in the presentation format: `3 1 1 0123…`.
///
/// Source: RFC 6698 section 2.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsaRecord {
    pub(crate) usage: u8,
    pub(crate) selector: u8,
    pub(crate) matching_type: u8,
    pub(crate) data: Vec<u8>,
}

impl TlsaRecord {
    /// A record of these fields, by their numbers:
    ///
    /// - usage: 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE;
    /// - selector: 0 the whole certificate, 1 its SubjectPublicKeyInfo;
    /// - matching type: 0 the bytes themselves, 1 their SHA-256, 2 their
    ///   SHA-512;
    /// - the certificate association data.
    ///
    /// Any numbers are taken; a record that no client could use is passed over.
    pub fn new(usage: u8, selector: u8, matching_type: u8, data: impl Into<Vec<u8>>) -> Self {
        Self {
            usage,
            selector,
            matching_type,
            data: data.into(),
        }
    }

    /// A record from its RDATA (RFC 6698 section 2.1).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPolicy`] below four bytes.
    pub fn from_rdata(rdata: &[u8]) -> Result<Self, Error> {
        match rdata {
            [usage, selector, matching_type, data @ ..] if !data.is_empty() => {
                Ok(Self::new(*usage, *selector, *matching_type, data))
            }
            _ => Err(invalid(
                "the data of a TLSA record are at least four bytes; pass the whole RDATA",
            )),
        }
    }

    /// The certificate usage.
    #[must_use]
    pub fn usage(&self) -> u8 {
        self.usage
    }

    /// The selector.
    #[must_use]
    pub fn selector(&self) -> u8 {
        self.selector
    }

    /// The matching type.
    #[must_use]
    pub fn matching_type(&self) -> u8 {
        self.matching_type
    }

    /// The certificate association data.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    fn is_usable(&self) -> bool {
        let data_fits = match self.matching_type {
            0 => !self.data.is_empty(),
            1 => self.data.len() == 32,
            2 => self.data.len() == 64,
            _ => false,
        };
        self.usage <= 3 && self.selector <= 1 && data_fits
    }
}

impl FromStr for TlsaRecord {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::InvalidPolicy`] when it is not three numbers up to 255 and an
    /// even count of hexadecimal digits, which may have spaces between.
    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = || {
            let mut words = text.split_ascii_whitespace();
            let mut number = || {
                let word = words.next()?;
                // A sign is none of its digits.
                let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
                is_number.then(|| word.parse().ok()).flatten()
            };
            let (usage, selector, matching_type) = (number()?, number()?, number()?);
            let digits: Vec<u8> = words.flat_map(str::bytes).collect();
            let bytes = digits.chunks(2).map(|pair| match pair {
                [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
                _ => None,
            });
            let data: Vec<u8> = bytes.collect::<Option<_>>()?;
            (!data.is_empty()).then(|| Self::new(usage, selector, matching_type, data))
        };
        parsed().ok_or_else(|| invalid("a TLSA record reads `3 1 1` and hexadecimal digits"))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

impl fmt::Display for TlsaRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} ",
            self.usage, self.selector, self.matching_type
        )?;
        f.write_str(&hex(&self.data))
    }
}

impl fmt::Debug for TlsaRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hexadecimal digits, as `sha256sum` prints them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Policy {
    /// Whether roots have a part in it.
    pub(crate) fn needs_roots(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Dane(records) => records.iter().any(|record| record.usage <= 1),
            Self::PinnedSpki(_) | Self::Opportunistic => false,
        }
    }

    /// The policy without the records that have no say.
    ///
    /// # Errors
    ///
    /// When nothing is left that could match.
    pub(crate) fn usable(self) -> Result<Self, Error> {
        match self {
            Self::PinnedSpki(pins) if pins.is_empty() => {
                Err(invalid("there is no pin; give the SHA-256 of a key"))
            }
            Self::Dane(mut records) => {
                records.retain(TlsaRecord::is_usable);
                let all = records.clone();
                // Digest agility: what is published in SHA-512 need not be as
                // weak as SHA-256 (RFC 7671 section 9).
                records.retain(|record| {
                    let stronger = |other: &TlsaRecord| {
                        (other.usage, other.selector) == (record.usage, record.selector)
                            && other.matching_type > record.matching_type
                    };
                    record.matching_type == 0 || !all.iter().any(stronger)
                });
                if records.is_empty() {
                    return Err(invalid(
                        "no TLSA record is usable; without one, choose another policy",
                    ));
                }
                Ok(Self::Dane(records))
            }
            policy => Ok(policy),
        }
    }
}

fn invalid(reason: &str) -> Error {
    Error::InvalidPolicy {
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(records: &[&str]) -> Vec<String> {
        let records = records.iter().map(|record| record.parse().unwrap());
        match Policy::Dane(records.collect()).usable() {
            Ok(Policy::Dane(records)) => records.iter().map(ToString::to_string).collect(),
            Ok(other) => panic!("{other:?}"),
            Err(_) => Vec::new(),
        }
    }

    #[test]
    fn records_read_and_show_themselves() {
        let record = TlsaRecord::from_rdata(&[3, 1, 0, 0xab, 0x0c]).unwrap();
        assert_eq!(record.to_string(), "3 1 0 ab0c");
        assert_eq!(format!("{record:?}"), "3 1 0 ab0c");
        let fields = (record.usage(), record.selector(), record.matching_type());
        assert_eq!((fields, record.data()), ((3, 1, 0), &[0xab, 0x0c][..]));
        assert_eq!(" 3  1 0 AB 0c ".parse::<TlsaRecord>().unwrap(), record);
        for wrong in [
            "",
            "+3 1 1 ab",
            "3",
            "3 1 1",
            "3 1 1 a",
            "3 1 1 ag",
            "256 1 1 ab",
            "x 1 1 ab",
            "3 1 1 \u{e4}\u{e4}",
        ] {
            let error = wrong.parse::<TlsaRecord>().unwrap_err();
            assert!(matches!(error, Error::InvalidPolicy { .. }), "{wrong}");
        }
        TlsaRecord::from_rdata(&[3, 1, 1]).unwrap_err();
    }

    #[test]
    fn records_that_no_client_could_use_are_passed_over() {
        let digest = "0".repeat(64);
        let good = format!("3 1 1 {digest}");
        for wrong in [
            format!("4 1 1 {digest}"),
            format!("3 2 1 {digest}"),
            format!("3 1 3 {digest}"),
            format!("3 1 1 {digest}00"),
            format!("3 1 2 {digest}"),
        ] {
            assert_eq!(left(&[&wrong]), [""; 0], "{wrong}");
            assert_eq!(left(&[&wrong, &good]), [good.as_str()], "{wrong}");
        }
        assert_eq!(left(&[]), [""; 0]);
        Policy::PinnedSpki(Vec::new()).usable().unwrap_err();
    }

    #[test]
    fn roots_have_a_part_where_chains_lead_to_them() {
        let dane = |usages: &[u8]| {
            let record = |usage: &u8| TlsaRecord::new(*usage, 1, 0, [1]);
            Policy::Dane(usages.iter().map(record).collect())
        };
        for needs in [Policy::Full, dane(&[0]), dane(&[1]), dane(&[2, 1, 3])] {
            assert!(needs.needs_roots(), "{needs:?}");
        }
        let pinned = Policy::PinnedSpki(vec![[0; 32]]);
        for needs_not in [pinned, Policy::Opportunistic, dane(&[2, 3])] {
            assert!(!needs_not.needs_roots(), "{needs_not:?}");
        }
    }

    #[test]
    fn the_stronger_digest_of_a_usage_and_selector_has_the_say() {
        let (short, long) = ("0".repeat(64), "0".repeat(128));
        let record = |fields: &str, data: &str| format!("{fields} {data}");
        let weak = record("3 1 1", &short);
        let strong = record("3 1 2", &long);
        let whole = record("3 1 0", "ab");
        let other = record("2 1 1", &short);
        assert_eq!(
            left(&[&weak, &strong, &whole, &other]),
            [strong, whole, other]
        );
    }
}
