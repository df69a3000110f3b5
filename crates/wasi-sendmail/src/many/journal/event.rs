//! One line of the journal, written and read.
//!
//! Names and addresses are compared as they stand in the file, with control
//! characters escaped; so nothing has to be unescaped.

use super::Key;
use std::fmt::Write as _;
use wasm_smtp_wasi::smtp_session::printable;

/// The first line of this version.
pub(super) const HEADER: &str =
    "wasi-sendmail journal 1\t(a mail with a begin but no outcome may have been sent)";

/// How the first line begins, of whatever version.
pub(super) const ANY_VERSION: &str = "wasi-sendmail journal ";

/// The longest line with its end.
pub(super) const LINE_LEN: usize = 1024 * 1024;

/// The longest `begin`: a `failed` with the same recipients has a reason too, of
/// [`TEXT_LEN`] characters that take at most eight bytes each.
pub(super) const BEGIN_LEN: usize = LINE_LEN - 8 * 1024;

/// The most characters of a reply or a reason: a server may say much.
const TEXT_LEN: usize = 500;

#[derive(PartialEq, Eq)]
pub(super) struct Event<'a> {
    pub(super) name: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) what: What<'a>,
}

/// What happened. All texts are escaped.
#[derive(PartialEq, Eq)]
pub(super) enum What<'a> {
    Begin {
        recipients: Vec<&'a str>,
    },
    Sent {
        recipient: &'a str,
        reply: &'a str,
    },
    Maybe {
        recipient: &'a str,
        reason: &'a str,
    },
    Refused {
        recipient: &'a str,
        permanent: bool,
        reply: &'a str,
    },
    /// A person found out what became of these, who may have got it.
    Settled {
        is_sent: bool,
        recipients: Vec<&'a str>,
    },
    /// The recipients are those begun before and without an outcome. Unlike the
    /// whole mail's they can't be taken for those of a run that was killed.
    Failed {
        reason: &'a str,
        recipients: Vec<&'a str>,
    },
}

const FOR_GOOD: &str = "for good";
const FOR_NOW: &str = "for now";

const AS_SENT: &str = "as sent";
const AS_UNSENT: &str = "as not sent";

impl<'a> Event<'a> {
    pub(super) fn of(key: &'a Key, what: What<'a>) -> Self {
        Self {
            name: &key.name,
            fingerprint: &key.fingerprint,
            what,
        }
    }

    /// The mail that it is about.
    pub(super) fn key(&self) -> Key {
        Key {
            name: self.name.to_owned(),
            fingerprint: self.fingerprint.to_owned(),
        }
    }

    /// With its end.
    pub(super) fn line(&self, time: &str) -> String {
        let (what, rest) = match &self.what {
            What::Begin { recipients } => ("begin", recipients.join("\t")),
            What::Sent { recipient, reply } => ("sent", [*recipient, reply].join("\t")),
            What::Maybe { recipient, reason } => ("maybe", [*recipient, reason].join("\t")),
            What::Refused {
                recipient,
                permanent,
                reply,
            } => {
                let how = if *permanent { FOR_GOOD } else { FOR_NOW };
                ("refused", [*recipient, how, reply].join("\t"))
            }
            What::Settled {
                is_sent,
                recipients,
            } => {
                let how = if *is_sent { AS_SENT } else { AS_UNSENT };
                ("settled", [&[how], &recipients[..]].concat().join("\t"))
            }
            What::Failed { reason, recipients } => {
                ("failed", [&[*reason], &recipients[..]].concat().join("\t"))
            }
        };
        let (name, fingerprint) = (self.name, self.fingerprint);
        format!("{time}\t{what}\t{name}\t{fingerprint}\t{rest}\n")
    }

    /// Reads a line without its end; `None` if it is none of ours.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let mut columns = line.split('\t');
        let time = columns.next()?;
        let what = columns.next()?;
        let name = columns.next()?;
        let fingerprint = columns.next()?;
        let whole = is_time(time) && !name.is_empty() && is_fingerprint(fingerprint);
        let rest: Vec<&str> = columns.collect();
        let what = match (what, &rest[..]) {
            ("begin", [_, ..]) => What::Begin { recipients: rest },
            ("sent", &[recipient, reply]) => What::Sent { recipient, reply },
            ("maybe", &[recipient, reason]) => What::Maybe { recipient, reason },
            ("refused", &[recipient, how, reply]) => What::Refused {
                recipient,
                permanent: match how {
                    FOR_GOOD => true,
                    FOR_NOW => false,
                    _ => return None,
                },
                reply,
            },
            ("settled", [how, recipients @ ..]) => What::Settled {
                is_sent: match *how {
                    AS_SENT => true,
                    AS_UNSENT => false,
                    _ => return None,
                },
                recipients: recipients.to_vec(),
            },
            ("failed", [reason, recipients @ ..]) => What::Failed {
                reason,
                recipients: recipients.to_vec(),
            },
            _ => return None,
        };
        whole.then_some(Self {
            name,
            fingerprint,
            what,
        })
    }
}

/// The shape of `2026-01-31T23:59:59Z`.
fn is_time(text: &str) -> bool {
    let fits = |(is, shape): (u8, u8)| {
        if shape == b'0' {
            is.is_ascii_digit()
        } else {
            is == shape
        }
    };
    text.len() == 20 && text.bytes().zip(*b"0000-00-00T00:00:00Z").all(fits)
}

fn is_fingerprint(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The text without control characters: what ends a line or a column, rings, or
/// turns the direction of a terminal's text.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\t' | '\n' | '\r' => escaped.extend(c.escape_default()),
            c => {
                let _ = write!(escaped, "{}", printable(c.encode_utf8(&mut [0; 4])));
            }
        }
    }
    escaped
}

/// A reply or a reason on one line, cut if it is long.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(['\r', '\n'])
        .filter(|part| !part.is_empty())
        .collect();
    let text = words.join(" ");
    match text.char_indices().nth(TEXT_LEN) {
        Some((end, _)) => escape(&text[..end]) + "...",
        None => escape(&text),
    }
}
