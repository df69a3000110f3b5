//! Addresses out of header fields, strictly: a list that can't be read whole is
//! refused, so that no recipient is lost without a word.
//!
//! Source: RFC 5322 sections 3.2 (tokens), 3.4 (lists and groups).

use smtp_session::Address;

/// The bare addresses of an unfolded address list, in order.
///
/// # Errors
///
/// What is wrong, as the end of a sentence, without the list.
pub(super) fn parse_list(list: &str) -> Result<Vec<Address>, String> {
    let mut parser = Parser {
        rest: list.chars().peekable(),
        addresses: Vec::new(),
    };
    let mut entry = Entry::default();
    while let Some(c) = parser.rest.next() {
        match c {
            ',' => parser.end(std::mem::take(&mut entry))?,
            ':' if entry.is_address => {
                return Err("has an address in front of a colon".into());
            }
            ':' if entry.angle.is_none() => entry = Entry::default(),
            ';' => parser.end(std::mem::take(&mut entry))?,
            '<' if entry.angle.is_none() => entry.angle = Some(parser.angle()?),
            '(' => parser.comment()?,
            c if c.is_ascii_whitespace() => entry.gap = true,
            _ if entry.angle.is_some() => {
                return Err("has something between > and the next comma".into());
            }
            '"' => {
                let text = parser.quoted()?;
                entry.push(&text);
            }
            '[' => {
                let text = parser.literal()?;
                entry.push(&text);
            }
            c => {
                entry.is_address |= c == '@';
                entry.push(c.encode_utf8(&mut [0; 4]));
            }
        }
    }
    parser.end(entry)?;
    Ok(parser.addresses)
}

/// What stands between two commas.
#[derive(Default)]
struct Entry {
    /// The address, or the words before an angle address.
    text: String,
    angle: Option<String>,
    /// White space came after `text`.
    gap: bool,
    /// `text` is several words, which no address is.
    words: bool,
    /// `text` has an `@` outside quotation marks.
    is_address: bool,
}

impl Entry {
    fn push(&mut self, text: &str) {
        let joins = |s: Option<char>| matches!(s, Some('.' | '@'));
        let apart = !joins(self.text.chars().last()) && !joins(text.chars().next());
        self.words |= std::mem::take(&mut self.gap) && !self.text.is_empty() && apart;
        self.text.push_str(text);
    }
}

struct Parser<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    addresses: Vec<Address>,
}

impl Parser<'_> {
    fn end(&mut self, entry: Entry) -> Result<(), String> {
        let address = match entry.angle {
            Some(address) => address,
            None if entry.text.is_empty() => return Ok(()),
            None if entry.words => {
                return Err("has words without an address in <> or without a comma".into());
            }
            None => entry.text,
        };
        // Submission needs a domain: nobody completes one on the way.
        // Behind U+FFFD was something else.
        let is_full = address.contains('@') && !address.contains('\u{fffd}');
        let number = self.addresses.len() + 1;
        if !is_full {
            return Err(format!(
                "has no full address in place {number}: write name@domain"
            ));
        }
        let checked = Address::new(&address);
        let checked = checked.map_err(|why| format!("is wrong in place {number}: {why}"))?;
        self.addresses.push(checked);
        Ok(())
    }

    /// The address up to `>`.
    fn angle(&mut self) -> Result<String, String> {
        let mut address = String::new();
        while let Some(c) = self.rest.next() {
            match c {
                '>' => return Ok(address),
                '"' => address.push_str(&self.quoted()?),
                '(' => self.comment()?,
                c if c.is_ascii_whitespace() => {}
                c => address.push(c),
            }
        }
        Err("has a < without its >".into())
    }

    /// A domain in brackets; the first one is taken already.
    fn literal(&mut self) -> Result<String, String> {
        let mut text = String::from('[');
        for c in self.rest.by_ref() {
            text.push(c);
            if c == ']' {
                return Ok(text);
            }
        }
        Err("has a [ without its ]".into())
    }

    /// A quoted string with its quotes; the first one is taken already.
    fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::from('"');
        while let Some(c) = self.rest.next() {
            text.push(c);
            match c {
                '"' => return Ok(text),
                '\\' => text.extend(self.rest.next()),
                _ => {}
            }
        }
        Err("has a quotation mark without its other".into())
    }

    /// Passes over a comment, which may hold comments.
    fn comment(&mut self) -> Result<(), String> {
        let mut depth = 1;
        while let Some(c) = self.rest.next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => drop(self.rest.next()),
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
        Err("has a ( without its )".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_every_shape() {
        for (list, expected) in [
            ("a@b", &["a@b"][..]),
            ("a@b, c@d,", &["a@b", "c@d"]),
            (
                "Ann Other <a@b>, \"Doe, John\" <j@d> (office)",
                &["a@b", "j@d"],
            ),
            ("friends: a@b, Bo <c@d>; e@f", &["a@b", "c@d", "e@f"]),
            ("undisclosed-recipients:;", &[]),
            ("\"odd, local\"@b", &["\"odd, local\"@b"]),
            ("a (one (two) \\) three) @ b", &["a@b"]),
            ("=?utf-8?q?J=C3=B6?= <j@d>", &["j@d"]),
            ("a@[192.0.2.1]", &["a@[192.0.2.1]"]),
            (
                "a@[IPv6:2001:db8::1], b@c",
                &["a@[IPv6:2001:db8::1]", "b@c"],
            ),
            ("\"x@y\": a@b;, c@d", &["a@b", "c@d"]),
            ("", &[]),
        ] {
            let parsed = parse_list(list).expect(list);
            let parsed: Vec<_> = parsed.iter().map(Address::as_str).collect();
            assert_eq!(parsed, expected, "{list}");
        }
    }

    #[test]
    fn what_cannot_be_read_whole_is_refused() {
        for list in [
            "a@b c@d",
            "root",
            "<a@b",
            "\"a@b",
            "a@b (c",
            "<a@b> x, c@d",
            "Ann Other",
            "<>",
            "a@",
            "@b",
            "<a@b> <c@d>",
            "a@b, postmaster",
            "a@b..c",
            "a@b: c@d",
            "mailto:a@b: c@d",
            "a@[192.0.2.1",
            "j\u{fffd}@b",
        ] {
            assert!(parse_list(list).is_err(), "{list}");
        }
    }
}
