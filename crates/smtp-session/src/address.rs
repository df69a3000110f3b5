//! Mailboxes, checked once so that no command can be broken by one.

use crate::error::InvalidInput;
use std::fmt;
use std::str::FromStr;

/// A mailbox such as `user@example.com`, as it stands between the angle brackets
/// of MAIL and RCPT.
///
/// A local part of dot-separated words or in quotation marks, at most 64 octets,
/// `@`, and a domain or an address literal in brackets, at most 255 octets; 254
/// octets in all. Letters beyond ASCII are taken in both and need the server's
/// SMTPUTF8. `Postmaster` may stand alone.
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

const MAX_LOCAL_PART_LEN: usize = 64;
const MAX_DOMAIN_LEN: usize = 255;
/// A path of 256 octets without its brackets.
const MAX_LEN: usize = 254;

fn check(address: &str) -> Result<(), &'static str> {
    if address.eq_ignore_ascii_case("postmaster") {
        return Ok(());
    }
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Err("an address has no domain: write name@domain");
    };
    if address.len() > MAX_LEN {
        return Err("an address is longer than 254 octets: use a shorter one");
    }
    if local.len() > MAX_LOCAL_PART_LEN {
        return Err("the local part of an address is longer than 64 octets: use a shorter one");
    }
    if domain.len() > MAX_DOMAIN_LEN {
        return Err("the domain of an address is longer than 255 octets: use a shorter one");
    }
    let whole = match local.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').is_some_and(is_quoted_content),
        None => local.split('.').all(is_word),
    };
    if !whole {
        return Err(
            "the local part of an address has a character or dot that may stand only in quotation marks: write \"local part\"@domain",
        );
    }
    let whole = match domain.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(is_literal_content),
        None => domain.split('.').all(is_label),
    };
    if !whole {
        return Err(
            "the domain of an address is neither a name like example.com nor a literal like [192.0.2.1]",
        );
    }
    Ok(())
}

fn is_word(word: &str) -> bool {
    let atext = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        _ if c.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(c),
        _ => !c.is_control(),
    };
    !word.is_empty() && word.chars().all(atext)
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
fn is_label(label: &str) -> bool {
    let inside = |c: char| match c {
        _ if c.is_ascii() => c.is_ascii_alphanumeric() || c == '-' || c == '_',
        _ => !c.is_control() && !c.is_whitespace(),
    };
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(inside)
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
        assert!(Address::new(&local(64)).is_ok());
        assert!(Address::new(&local(65)).is_err());
        let domain = |len: usize| {
            let mut domain = "a.".repeat(len / 2);
            domain.push('b');
            format!("u@{domain}")
        };
        assert!(Address::new(&domain(250)).is_ok());
        assert!(Address::new(&domain(254)).is_err());
        assert!(Address::new(&format!("u@{}", "l".repeat(64))).is_err());
        assert!(Address::new(&format!("u@{}", domain(256))).is_err());
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
