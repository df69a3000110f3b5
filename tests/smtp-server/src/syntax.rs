//! The grammar of command arguments (RFC 5321, 4.1.2), as strict as the text.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether `text` is a domain or an address literal such as `[127.0.0.1]` or `[IPv6:::1]`.
pub(crate) fn is_domain(text: &str) -> bool {
    if let Some(literal) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return match literal.split_at_checked(5) {
            Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => {
                address.parse::<Ipv6Addr>().is_ok()
            }
            _ => literal.parse::<Ipv4Addr>().is_ok(),
        };
    }
    text.len() <= 255
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || !c.is_ascii())
        })
}

/// Whether `text` is `local@domain`, the local part plain or quoted; beyond ASCII only
/// where that is allowed (RFC 6531 section 3.3).
pub(crate) fn is_mailbox(text: &str, is_utf8: bool) -> bool {
    text.len() <= 254
        && (is_utf8 || text.is_ascii())
        && text.rsplit_once('@').is_some_and(|(local, domain)| {
            local.len() <= 64 && (is_dot_string(local) || is_quoted(local)) && is_domain(domain)
        })
}

fn is_dot_string(text: &str) -> bool {
    let is_text =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    let mut atoms = text.split('.');
    atoms.all(|atom| !atom.is_empty() && atom.chars().all(is_text))
}

fn is_quoted(text: &str) -> bool {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    else {
        return false;
    };
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'"' || (byte == b'\\' && bytes.next().is_none()) {
            return false;
        }
    }
    true
}

/// Splits `keyword<path> parameters` into path and parameters; `keyword` is such as `FROM:`.
pub(crate) fn path_and_parameters<'a>(
    text: &'a str,
    keyword: &str,
) -> Option<(&'a str, Vec<&'a str>)> {
    let (found, rest) = text.split_at_checked(keyword.len())?;
    let rest = rest.strip_prefix('<')?;
    if !found.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (mut quoted, mut escaped) = (false, false);
    let end = rest.bytes().position(|byte| {
        match byte {
            b'>' if !quoted => return true,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        false
    })?;
    let parameters = match &rest[end + 1..] {
        "" => Vec::new(),
        more => more.strip_prefix(' ')?.split(' ').collect(),
    };
    parameters
        .iter()
        .all(|parameter| is_parameter(parameter))
        .then_some((&rest[..end], parameters))
}

fn is_parameter(text: &str) -> bool {
    let (keyword, value) = text.split_once('=').unwrap_or((text, "-"));
    keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
        && keyword
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !value.is_empty()
        && !value.contains('=')
}

/// Whether a parameter of MAIL or RCPT may have this value. `is_utf8`: SMTPUTF8 is asked
/// for.
pub(crate) fn is_value(keyword: &str, value: &str, is_utf8: bool) -> bool {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    match keyword {
        // RFC 1870 section 3.
        "SIZE" => digits(value, 20),
        "BODY" => is(&["7BIT", "8BITMIME", "BINARYMIME"]),
        "AUTH" => value == "<>" || is_xtext(value),
        "SMTPUTF8" | "REQUIRETLS" => value.is_empty(),
        // RFC 3461 section 4.
        "RET" => is(&["FULL", "HDRS"]),
        "ENVID" => value.len() <= 100 && is_xtext(value),
        "NOTIFY" => {
            let on = ["SUCCESS", "FAILURE", "DELAY"];
            let mut words = value.split(',');
            is(&["NEVER"]) || words.all(|word| on.iter().any(|on| on.eq_ignore_ascii_case(word)))
        }
        "ORCPT" => value.split_once(';').is_some_and(|(kind, address)| {
            let beyond = is_utf8 && kind.eq_ignore_ascii_case("utf-8") && !address.is_empty();
            !kind.is_empty() && (beyond || is_xtext(address))
        }),
        // RFC 2852 section 4.
        "BY" => value.split_once(';').is_some_and(|(time, mode)| {
            let modes = ["N", "NT", "R", "RT"];
            digits(time.strip_prefix('-').unwrap_or(time), 9)
                && modes.iter().any(|known| known.eq_ignore_ascii_case(mode))
        }),
        // RFC 4865 section 4.
        "HOLDFOR" => digits(value, 9),
        "HOLDUNTIL" => value.len() >= 20 && value.as_bytes()[10].eq_ignore_ascii_case(&b'T'),
        // RFC 6710 section 4.
        "MT-PRIORITY" => {
            let number = value.parse::<i8>();
            number.is_ok_and(|number| (-9..=9).contains(&number)) && !value.starts_with('+')
        }
        _ => true,
    }
}

/// RFC 3461 section 4: printable ASCII, with `+` and two digits for what is not.
fn is_xtext(text: &str) -> bool {
    let mut bytes = text.bytes();
    let hex = |byte: Option<u8>| byte.is_some_and(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'+' => hex(bytes.next()) && hex(bytes.next()),
            b'=' => false,
            byte => byte.is_ascii_graphic(),
        };
        if !fits {
            return false;
        }
    }
    !text.is_empty()
}

/// The number of octets of a BDAT command and whether it is the last.
pub(crate) fn chunk(text: &str) -> Option<(u64, bool)> {
    let (octets, last) = match text.split_once(' ') {
        Some((octets, word)) if word.eq_ignore_ascii_case("LAST") => (octets, true),
        Some(_) => return None,
        None => (text, false),
    };
    // `parse` alone would accept a sign.
    let digits = octets.bytes().all(|byte| byte.is_ascii_digit());
    Some((octets.parse().ok().filter(|_| digits)?, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for good in ["a", "mail.test", "x-1.test", "[127.0.0.1]", "[IPv6:::1]"] {
            assert!(is_domain(good), "{good}");
        }
        for bad in ["", "a..b", "-a", "a-", "a b", "a_b", "[1.2.3]", "[::1]"] {
            assert!(!is_domain(bad), "{bad}");
        }
    }

    #[test]
    fn mailboxes() {
        for good in ["a@b", "a.b+c@d.test", r#""a \" @>b"@test"#] {
            assert!(is_mailbox(good, false), "{good}");
        }
        assert!(is_mailbox("\u{fc}@\u{fc}.test", true) && !is_mailbox("\u{fc}@a", false));
        for bad in ["", "a", "a@", "@b", "a..b@c", "a b@c", r#""a"b"@c"#] {
            assert!(!is_mailbox(bad, true), "{bad}");
        }
    }

    #[test]
    fn paths_and_parameters() {
        assert_eq!(
            path_and_parameters("from:<a@b> SIZE=1 BODY=7BIT", "FROM:"),
            Some(("a@b", vec!["SIZE=1", "BODY=7BIT"]))
        );
        let quoted = r#"TO:<"> \" >"@b>"#;
        assert_eq!(
            path_and_parameters(quoted, "TO:").map(|(path, _)| path),
            Some(r#""> \" >"@b"#)
        );
        for bad in [
            "FROM: <a@b>",
            "FROM:a@b",
            "FROM:<a@b>SIZE=1",
            "FROM:<a@b>  SIZE=1",
            "FROM:<a@b> ",
            "FROM:<a@b> SIZE=",
            "FROM:<a@b> =1",
            "FROM",
        ] {
            assert_eq!(path_and_parameters(bad, "FROM:"), None, "{bad}");
        }
    }

    #[test]
    fn chunks() {
        assert_eq!(chunk("12"), Some((12, false)));
        assert_eq!(chunk("0 last"), Some((0, true)));
        for bad in ["", "+1", "1 ", "1 LAST ", "LAST", "-1"] {
            assert_eq!(chunk(bad), None, "{bad}");
        }
    }
}
