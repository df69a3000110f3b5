//! The results as a table in Markdown.

use crate::arrivals;
use std::collections::BTreeMap;
use std::fmt;

/// What a case came to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// As it has to be; the note is for the reader.
    Right(String),
    Wrong(String),
}

/// What servers get wrong, each shown without this client: the server, the case,
/// a part of what it comes to, and what the table says of it.
const FAULTS: [(&str, &str, &str, &str); 3] = [
    (
        "mailin",
        "null sender",
        "the reply to MAIL was a refusal: 500",
        "fault of the server: it does not know `<>`",
    ),
    (
        "mailin",
        "nobody",
        "the reply to MAIL was a refusal: 503",
        "fault of the server: a second EHLO makes it forget AUTH",
    ),
    (
        "sendmail",
        "null sender",
        arrivals::NOT_THERE,
        "taken; the lab's mailboxes take none without a sender",
    ),
];

impl Verdict {
    /// A fault of the server, if it is one that is known, is no fault of ours.
    pub(crate) fn forgive(&mut self, server: &str, case: &str) {
        let Self::Wrong(what) = self else { return };
        let known = FAULTS
            .iter()
            .find(|(of, at, part, _)| *of == server && *at == case && what.contains(part));
        if let Some((.., says)) = known {
            *self = Self::Right((*says).to_owned());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right(note) if note.is_empty() => f.write_str("ok"),
            Self::Right(note) => f.write_str(note),
            Self::Wrong(what) => write!(f, "**WRONG:** {}", what.replace('|', "/")),
        }
    }
}

/// One case, one way.
pub(crate) struct Row {
    pub(crate) way: &'static str,
    pub(crate) listener: String,
    pub(crate) mechanism: String,
    pub(crate) case: String,
    pub(crate) verdict: Verdict,
}

/// What each listener has a cell for.
const COLUMNS: [&str; 15] = [
    "wrong secret",
    "1 recipient",
    "100 recipients",
    "25 MB",
    "dots",
    "8 bit",
    "empty",
    "null sender",
    "BDAT",
    "UTF-8 address",
    "DSN",
    "nobody",
    "bad content",
    "another",
    "DATA",
];

pub(crate) const SESSION: &str = "session";

/// The head of the table.
pub(crate) fn head() -> String {
    let rule = "|---".repeat(COLUMNS.len() + 4);
    let columns = COLUMNS.join(" | ");
    format!("| server | listener | AUTH | {columns} | more |\n{rule}|\n")
}

/// The lines of one server.
pub(crate) fn lines(server: &str, listeners: &[String], rows: &[Row]) -> String {
    let mut lines = String::new();
    for listener in listeners {
        let of: Vec<_> = rows
            .iter()
            .filter(|row| row.listener == *listener)
            .collect();
        if of.is_empty() {
            continue;
        }
        let cell = |case: &str| cell(of.iter().copied().filter(|row| row.case == case));
        let session = match cell(SESSION).as_str() {
            "ok" => "none".to_owned(),
            names => names.replace(' ', ", "),
        };
        let cells: Vec<_> = COLUMNS.iter().map(|case| cell(case)).collect();
        let others: Vec<_> = of
            .iter()
            .filter(|row| row.case != SESSION && !COLUMNS.contains(&row.case.as_str()))
            .map(|row| format!("{}: {}", row.case, cell(&row.case)))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let session = if session.starts_with("**") {
            cell(SESSION)
        } else {
            session
        };
        let (cells, others) = (cells.join(" | "), others.join("; "));
        lines += &format!("| {server} | {listener} | {session} | {cells} | {others} |\n");
    }
    lines
}

/// One word where all say the same; otherwise who says what.
fn cell<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut by_verdict: BTreeMap<&Verdict, Vec<String>> = BTreeMap::new();
    let mut ways: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *ways.entry(row.way).or_default() += 1;
        let who = match row.mechanism.as_str() {
            "-" => row.way.to_owned(),
            mechanism => format!("{mechanism} {}", row.way),
        };
        by_verdict.entry(&row.verdict).or_default().push(who);
    }
    match by_verdict.len() {
        0 => "-".to_owned(),
        1 => by_verdict.keys().map(ToString::to_string).collect(),
        _ => {
            let each = by_verdict
                .iter()
                .map(|(verdict, who)| format!("{verdict} ({})", who.join(", ")));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}
