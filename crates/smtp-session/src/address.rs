//! Mailboxes, checked once so that no command can be broken by one.

use crate::error::InvalidInput;
use std::fmt;
use std::str::FromStr;

/// A mailbox such as `user@example.com`, as it stands between the angle brackets
/// of MAIL and RCPT.
///
/// A local part of dot-separated words or in quotation marks, `@`, and a domain or an
/// address literal in brackets, at most 255 octets; 500 octets in all, so that a
/// command line holds it. RFC 5321 has 64 for local parts, and wants nobody to limit
/// them where that can be helped: the server decides. Letters beyond ASCII are taken
/// in both and need the server's SMTPUTF8. `Postmaster` may stand alone.
///
/// `Display` writes it in full; `Debug` does not, so that it stays out of logs.
///
/// Source: RFC 5321 sections 4.1.2, 4.1.3, 4.5.1 and 4.5.3.1; RFC 6531 section
/// 3.3.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(Box<str>);

impl Address {
    /// Reads `address`.
    ///
    /// # Errors
    ///
    /// What is wrong and how to write it instead, without the address itself.
    pub fn new(address: &str) -> Result<Self, InvalidInput> {
        check(address).map_err(InvalidInput::new)?;
        Ok(Self(address.into()))
    }

    /// As it goes over the wire, without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with its domain in lower case, to tell whether two are the same
    /// mailbox: domains are the same in any case, local parts need not be.
    ///
    /// Source: RFC 5321 section 2.4.
    pub fn mailbox(&self) -> String {
        match self.0.rsplit_once('@') {
            Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
            None => self.0.to_string(),
        }
    }

    /// Whether the server must offer SMTPUTF8 for it.
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }
}

impl FromStr for Address {
    type Err = InvalidInput;

    fn from_str(address: &str) -> Result<Self, InvalidInput> {
        Self::new(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

const MAX_DOMAIN_LEN: usize = 255;
/// What a line of 512 octets has room for (RFC 5321 section 4.5.3.1.4), behind
/// `RCPT TO:<`.
const MAX_LEN: usize = 500;

fn check(address: &str) -> Result<(), &'static str> {
    if address.eq_ignore_ascii_case("postmaster") {
        return Ok(());
    }
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Err("an address has no domain: write name@domain");
    };
    if address.len() > MAX_LEN {
        return Err("an address is longer than 500 octets: use a shorter one");
    }
    if domain.len() > MAX_DOMAIN_LEN {
        return Err("the domain of an address is longer than 255 octets: use a shorter one");
    }
    check_local_part(local)?;
    match domain.strip_prefix('[') {
        None => domain.split('.').try_for_each(check_label),
        Some(rest) if rest.strip_suffix(']').is_some_and(is_literal_content) => Ok(()),
        Some(_) => Err(
            "the domain of an address begins with [ and is no literal: write it like [192.0.2.1] or [IPv6:2001:db8::1]",
        ),
    }
}

fn check_local_part(local: &str) -> Result<(), &'static str> {
    if let Some(rest) = local.strip_prefix('"') {
        return match rest.strip_suffix('"').is_some_and(is_quoted_content) {
            true => Ok(()),
            false => Err(
                "the quotation marks of an address's local part do not match, or a control character is in them: write \"local part\"@domain",
            ),
        };
    }
    if local.is_empty() {
        return Err("an address has nothing before its @: write name@domain");
    }
    if local.split('.').any(str::is_empty) {
        return Err(
            "the local part of an address begins or ends with a dot, or has two in a row: write it in quotation marks, like \"a..b\"@domain",
        );
    }
    match local.chars().all(|c| c == '.' || is_atext(c)) {
        true => Ok(()),
        false => Err(
            "the local part of an address has a character that may stand only in quotation marks: write \"local part\"@domain",
        ),
    }
}

fn is_atext(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        _ if c.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(c),
        _ => !c.is_control(),
    }
}

fn is_quoted_content(content: &str) -> bool {
    let mut chars = content.chars();
    while let Some(c) = chars.next() {
        let fits = match c {
            '\\' => chars.next().is_some_and(|c| matches!(c, ' '..='~')),
            '"' => false,
            _ => !c.is_control(),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// Underscores are taken too: names in the field have them.
fn check_label(label: &str) -> Result<(), &'static str> {
    let inside = |c: char| match c {
        _ if c.is_ascii() => c.is_ascii_alphanumeric() || c == '-' || c == '_',
        _ => !c.is_control() && !c.is_whitespace(),
    };
    Err(if label.is_empty() {
        "the domain of an address is empty, begins or ends with a dot, or has two in a row: write name@example.com"
    } else if label.len() > 63 {
        "a label of an address's domain, which is what stands between dots, is longer than 63 octets: use another domain"
    } else if label.starts_with('-') || label.ends_with('-') {
        "a label of an address's domain begins or ends with a hyphen: use another domain"
    } else if label.chars().all(inside) {
        return Ok(());
    } else {
        "the domain of an address has a character that no domain may have: write name@example.com"
    })
}

fn is_literal_content(content: &str) -> bool {
    let dcontent = |b: u8| matches!(b, b'!'..=b'Z' | b'^'..=b'~');
    !content.is_empty() && content.bytes().all(dcontent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_shape() {
        for address in [
            "user@example.com",
            "u@x",
            "first.last+tag@sub.example.com",
            "!#$%&'*+-/=?^_`{|}~@example.com",
            "\"two words\"@example.com",
            "\"a..b\"@example.com",
            "\"a\\\"b\\\\c>d\"@example.com",
            "\"\"@example.com",
            "\"a@b\"@example.com",
            "user@[192.0.2.1]",
            "user@[IPv6:2001:db8::1]",
            "user@under_score.example",
            "Postmaster",
            "POSTMASTER",
            "ü@example.com",
            "送信者@例え.jp",
        ] {
            let parsed = Address::new(address).expect(address);
            assert_eq!(parsed.as_str(), address);
            assert_eq!(parsed.to_string(), address);
            assert_eq!(parsed.is_ascii(), address.is_ascii());
            assert_eq!(address.parse(), Ok(parsed));
        }
    }

    #[test]
    fn what_could_break_a_command_is_refused() {
        for address in [
            "",
            "user",
            "@example.com",
            "user@",
            "us er@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a@b@example.com",
            "user@exa mple.com",
            "user@-example.com",
            "user@example-.com",
            "user@example..com",
            "user@example.com.",
            "user@[]",
            "user@[1 2]",
            "user@[a]b]",
            "user@[192.0.2.1",
            "\"open@example.com",
            "\"a\"b\"@example.com",
            "\"a\\\"@example.com",
            "user@example.com> SIZE=1",
            "user@example.com\r\nRCPT TO:<x@y",
            "user\0@example.com",
            "\"a\r\nb\"@example.com",
            "u\u{85}@example.com",
            "u@\u{3000}.example",
            "<user@example.com>",
        ] {
            assert!(Address::new(address).is_err(), "{address:?}");
        }
    }

    #[test]
    fn each_length_has_its_limit() {
        let local = |len: usize| format!("{}@example.com", "l".repeat(len));
        assert!(Address::new(&local(488)).is_ok());
        assert!(Address::new(&local(489)).is_err());
        let domain = |len: usize| {
            let mut domain = "a.".repeat(len / 2);
            domain.push('b');
            format!("u@{domain}")
        };
        assert!(Address::new(&domain(254)).is_ok());
        assert!(Address::new(&domain(256)).is_err());
        assert!(Address::new(&format!("u@{}", "l".repeat(64))).is_err());
        assert!(Address::new(&format!("u@{}", domain(256))).is_err());
    }

    #[test]
    fn each_address_is_refused_for_its_own_reason() {
        for (address, reason) in [
            ("user", "no domain"),
            ("@example.com", "nothing before its @"),
            ("a..b@example.com", "dot"),
            ("a b@example.com", "character"),
            ("\"a@example.com", "quotation marks"),
            ("u@a..b", "two in a row"),
            ("u@a-.b", "hyphen"),
            ("u@a b", "character"),
            ("u@[1", "literal"),
        ] {
            let error = Address::new(address).expect_err(address);
            assert!(error.to_string().contains(reason), "{address}: {error}");
        }
        let long = format!("u@{}.example", "l".repeat(64));
        let error = Address::new(&long).expect_err("too long");
        assert!(error.to_string().contains("63 octets"), "{error}");
    }

    #[test]
    fn neither_debug_nor_errors_show_it() {
        let address = Address::new("someone@example.com").expect("an address");
        assert_eq!(format!("{address:?}"), "Address(..)");
        let error = Address::new("some one@example.com").expect_err("a space");
        assert!(!error.to_string().contains("one"), "{error}");
    }

    /// Where the core's check is too lenient to stand on.
    #[test]
    fn a_mailbox_is_the_same_with_its_domain_in_any_case() {
        let mailbox = |text| Address::new(text).expect(text).mailbox();
        assert_eq!(mailbox("Me@A.Example"), "Me@a.example");
        assert_ne!(mailbox("Me@a.example"), mailbox("me@a.example"));
        assert_eq!(mailbox("\"a@B\"@C.d"), "\"a@B\"@c.d");
        assert_eq!(mailbox("Postmaster"), "Postmaster");
    }

    #[test]
    fn the_core_takes_what_we_refuse_and_refuses_what_we_take() {
        use wasm_smtp::protocol::validate_address;
        for takes in ["\u{1}@example.com", "a..b@example.com", "@", "u@[a]b]"] {
            assert!(validate_address(takes).is_ok(), "{takes:?}");
            assert!(Address::new(takes).is_err(), "{takes:?}");
        }
        let quoted = "\"two words\"@example.com";
        assert!(validate_address(quoted).is_err());
        assert!(Address::new(quoted).is_ok());
    }
}
