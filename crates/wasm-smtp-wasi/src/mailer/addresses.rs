//! Addresses out of header fields, strictly: a list that can't be read whole is
//! refused, so that no recipient is lost without a word.
//!
//! Source: RFC 5322 sections 3.2 (tokens), 3.4 (lists and groups).

use smtp_session::Address;

/// What an address list names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// In order.
    pub(super) addresses: Vec<Address>,
    /// Where those end that have no domain, in bytes: `@domain` belongs there.
    pub(super) bare: Vec<usize>,
}

/// Why a list can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The end of a sentence, without the list.
    Text(String),
    /// The address in this place, from 1, has no domain.
    Bare(usize),
}

impl From<&str> for Wrong {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// Reads an address list, folded or not. `domain` completes addresses without one;
/// without that they are wrong.
pub(super) fn parse_list(list: &str, domain: Option<&str>) -> Result<List, Wrong> {
    let mut parser = Parser {
        list,
        at: 0,
        domain,
        found: List::default(),
    };
    let mut entry = Entry::default();
    while let Some(c) = parser.next() {
        match c {
            ',' => parser.end(std::mem::take(&mut entry))?,
            ':' if entry.is_address => {
                return Err("has an address in front of a colon".into());
            }
            ':' if entry.angle.is_none() => entry = Entry::default(),
            ';' => parser.end(std::mem::take(&mut entry))?,
            '<' if entry.angle.is_none() => entry.angle = Some(parser.angle()?),
            '(' => {
                parser.comment()?;
                entry.words.gap = true;
            }
            c if c.is_ascii_whitespace() => entry.words.gap = true,
            _ if entry.angle.is_some() => {
                return Err("has something between > and the next comma".into());
            }
            '"' => {
                let text = parser.quoted()?;
                entry.words.push(&text, parser.at);
            }
            '[' => {
                let text = parser.literal()?;
                entry.words.push(&text, parser.at);
            }
            c => {
                entry.is_address |= c == '@';
                entry.words.push(c.encode_utf8(&mut [0; 4]), parser.at);
            }
        }
    }
    parser.end(entry)?;
    Ok(parser.found)
}

/// A text without its white space and comments.
#[derive(Default)]
struct Text {
    text: String,
    /// Where in the list it ends.
    end: usize,
    /// White space or a comment came last.
    gap: bool,
    /// It is several words, which no address is: those stand around its dots and its `@`.
    several: bool,
}

impl Text {
    fn push(&mut self, text: &str, end: usize) {
        let joins = |c: Option<char>| matches!(c, Some('.' | '@'));
        let apart = !joins(self.text.chars().last()) && !joins(text.chars().next());
        self.several |= std::mem::take(&mut self.gap) && !self.text.is_empty() && apart;
        self.text.push_str(text);
        self.end = end;
    }
}

/// What stands between two commas.
#[derive(Default)]
struct Entry {
    /// The address, or the words before an angle address.
    words: Text,
    angle: Option<Text>,
    /// `words` has an `@` outside quotation marks.
    is_address: bool,
}

struct Parser<'a> {
    list: &'a str,
    /// Up to here it was read.
    at: usize,
    domain: Option<&'a str>,
    found: List,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.list[self.at..].chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn end(&mut self, entry: Entry) -> Result<(), Wrong> {
        let Text { mut text, end, .. } = match entry.angle {
            Some(address) if address.several => {
                return Err("has white space or a comment within an address".into());
            }
            Some(address) => address,
            None if entry.words.text.is_empty() => return Ok(()),
            None if entry.words.several => {
                return Err("has words without an address in <> or without a comma".into());
            }
            None => entry.words,
        };
        let number = self.found.addresses.len() + 1;
        if !text.contains('@') {
            // Submission needs a domain: nobody completes one on the way.
            let domain = self.domain.filter(|_| !text.is_empty());
            text = format!("{text}@{}", domain.ok_or(Wrong::Bare(number))?);
            self.found.bare.push(end);
        }
        let wrong = |why| Wrong::Text(format!("is wrong in place {number}: {why}"));
        self.found
            .addresses
            .push(Address::new(&text).map_err(wrong)?);
        Ok(())
    }

    /// The address up to `>`.
    fn angle(&mut self) -> Result<Text, Wrong> {
        let mut address = Text::default();
        while let Some(c) = self.next() {
            match c {
                '>' => return Ok(address),
                '"' => {
                    let text = self.quoted()?;
                    address.push(&text, self.at);
                }
                '(' => {
                    self.comment()?;
                    address.gap = true;
                }
                c if c.is_ascii_whitespace() => address.gap = true,
                c => address.push(c.encode_utf8(&mut [0; 4]), self.at),
            }
        }
        Err("has a < without its >".into())
    }

    /// A domain in brackets; the first one is taken already.
    fn literal(&mut self) -> Result<String, Wrong> {
        let mut text = String::from('[');
        while let Some(c) = self.next() {
            text.push(c);
            if c == ']' {
                return Ok(text);
            }
        }
        Err("has a [ without its ]".into())
    }

    /// A quoted string with its quotes; the first one is taken already. It may be folded.
    fn quoted(&mut self) -> Result<String, Wrong> {
        let mut text = String::from('"');
        while let Some(c) = self.next() {
            if matches!(c, '\r' | '\n') {
                continue;
            }
            text.push(c);
            match c {
                '"' => return Ok(text),
                '\\' => text.extend(self.next()),
                _ => {}
            }
        }
        Err("has a quotation mark without its other".into())
    }

    /// Passes over a comment, which may hold comments.
    fn comment(&mut self) -> Result<(), Wrong> {
        let mut depth = 1;
        while let Some(c) = self.next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => drop(self.next()),
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
            ("Ann (x) <(y) a . b (z) @ (c) d . e (f) > (g)", &["a.b@d.e"]),
            ("=?utf-8?q?J=C3=B6?= <j@d>", &["j@d"]),
            ("a@[192.0.2.1]", &["a@[192.0.2.1]"]),
            (
                "a@[IPv6:2001:db8::1], b@c",
                &["a@[IPv6:2001:db8::1]", "b@c"],
            ),
            ("\"x@y\": a@b;, c@d", &["a@b", "c@d"]),
            ("", &[]),
        ] {
            for list in [list, &list.replace(' ', "\r\n ")] {
                let parsed = parse_list(list, None).expect(list);
                let parsed: Vec<_> = parsed.addresses.iter().map(Address::as_str).collect();
                assert_eq!(parsed, expected, "{list}");
            }
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
            "j\u{1a}@b",
            "<al ice@b>",
            "<al\t(x) ice@b>",
            "<a@b.ex ample>",
            "jo(x)hn@b",
            "<jo(x)hn@b>",
            "a@b.example(x)org",
            "a@b (x) org",
            "\"a\" \"b\"@c",
        ] {
            assert!(parse_list(list, None).is_err(), "{list}");
        }
    }

    #[test]
    fn addresses_without_a_domain_are_completed_where_they_end() {
        for (list, expected) in [
            ("root", "root@x.example"),
            ("root (Cron Daemon)", "root@x.example (Cron Daemon)"),
            (
                "\"(Cron Daemon)\" <root>, a@b",
                "\"(Cron Daemon)\" <root@x.example>, a@b",
            ),
            (
                "J\u{f6} < ann (x) >,bo , <a@b>",
                "J\u{f6} < ann@x.example (x) >,bo@x.example , <a@b>",
            ),
            ("all: a,\r\n b;", "all: a@x.example,\r\n b@x.example;"),
            ("\"odd local\"", "\"odd local\"@x.example"),
        ] {
            let found = parse_list(list, Some("x.example")).expect(list);
            let mut completed = list.to_owned();
            for end in found.bare.iter().rev() {
                completed.insert_str(*end, "@x.example");
            }
            assert_eq!(completed, expected);
            let whole = parse_list(expected, None).expect(expected);
            assert_eq!((whole.addresses, whole.bare), (found.addresses, Vec::new()));
        }
        for list in ["Ann Other", "<>", "a@", "j\u{1a}", "\"a@b\""] {
            assert!(parse_list(list, Some("x.example")).is_err(), "{list}");
        }
        assert_eq!(parse_list("a@b, root", None), Err(Wrong::Bare(2)));
    }
}
