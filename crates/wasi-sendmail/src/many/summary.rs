//! What a person reads when a run is over.

use std::io::{self, Write};

/// What a run did. Addresses are not in it: those are in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Recipients for whom the server took a mail in this run.
    pub(crate) sent: u64,
    /// Recipients for whom the server refused a mail in this run.
    pub(crate) refused: u64,
    /// Mails that were not sent in this run.
    pub(crate) failed: u64,
    /// Mails that this run did not come to, since something stopped it.
    pub(crate) unbegun: u64,
    /// Recipients who may have got their mail, from this run or earlier ones.
    pub(crate) maybe: u64,
    /// Mails that went in another encoding in this run.
    pub(crate) reencoded: u64,
    /// Recipients who got their mail from earlier runs.
    pub(crate) earlier: u64,
    /// The names of the mails of `maybe`.
    pub(crate) unknown: Vec<String>,
    /// What is known and not in the journal, a line for each mail.
    pub(crate) unwritten: Vec<String>,
    /// Where the journal is.
    pub(crate) journal: String,
}

/// The most names that are listed.
const NAME_COUNT: usize = 20;

impl Summary {
    /// Whether each recipient of each mail got it, as far as the server says.
    pub(crate) fn is_complete(&self) -> bool {
        [self.refused, self.failed, self.unbegun, self.maybe] == [0; 4]
    }

    /// Writes plain lines.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "sent: {}", recipients(self.sent))?;
        if self.earlier > 0 {
            writeln!(out, "sent by earlier runs: {}", recipients(self.earlier))?;
        }
        if self.reencoded > 0 {
            writeln!(
                out,
                "re-encoded: {}, whose text does not go as it is; --strict refuses it",
                count(self.reencoded, "mail")
            )?;
        }
        if self.refused > 0 {
            writeln!(
                out,
                "refused: {}; the journal says why, and the same command tries again",
                recipients(self.refused)
            )?;
        }
        if self.failed > 0 {
            writeln!(
                out,
                "failed: {}, not sent; the journal says why, and the same command tries again",
                count(self.failed, "mail")
            )?;
        }
        if self.unbegun > 0 {
            writeln!(
                out,
                "not begun: {}, since the run stopped; the same command goes on with them",
                count(self.unbegun, "mail")
            )?;
        }
        if self.maybe > 0 {
            writeln!(
                out,
                "maybe: {} may or may not have got the mails below, which are not sent again; ask them, and settle it by --settle-sent NAME, or by --settle-unsent NAME to have it sent",
                recipients(self.maybe)
            )?;
            list(
                out,
                &self.unknown,
                "in the journal, `maybe`, or `begin` without an outcome",
            )?;
        }
        if !self.unwritten.is_empty() {
            writeln!(
                out,
                "not written down: what became of {}, which the next run takes for maybe; settle it by --settle-sent NAME or --settle-unsent NAME once there is room",
                count(self.unwritten.len() as u64, "mail")
            )?;
            list(out, &self.unwritten, "which nobody knows any more")?;
        }
        writeln!(out, "journal: {}", self.journal)
    }
}

/// Not so many that the rest of the report goes by.
fn list(out: &mut impl Write, lines: &[String], where_more: &str) -> io::Result<()> {
    for line in lines.iter().take(NAME_COUNT) {
        writeln!(out, "  {line}")?;
    }
    match lines.len().saturating_sub(NAME_COUNT) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more: {where_more}"),
    }
}

fn recipients(number: u64) -> String {
    count(number, "recipient")
}

/// As `1 mail` and `2 mails`.
pub(crate) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(summary: &Summary) -> String {
        let mut out = Vec::new();
        summary.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_run_without_trouble_has_two_lines() {
        let summary = Summary {
            sent: 1,
            journal: "j".into(),
            ..Summary::default()
        };
        assert_eq!(text(&summary), "sent: 1 recipient\njournal: j\n");
        assert!(summary.is_complete());
    }

    #[test]
    fn all_that_went_wrong_is_said_with_what_to_do() {
        let summary = Summary {
            sent: 10,
            refused: 2,
            failed: 1,
            unbegun: 4,
            maybe: 22,
            earlier: 3,
            reencoded: 1,
            unknown: (0..22).map(|n| format!("{n}.eml")).collect(),
            unwritten: vec!["x.eml: sent to 2, not sent to 1".into()],
            journal: "j".into(),
        };
        let text = text(&summary);
        let starts = [
            "sent: 10 recipients\n",
            "sent by earlier runs: 3 recipients\n",
            "re-encoded: 1 mail, ",
            "refused: 2 recipients; ",
            "failed: 1 mail, not sent; ",
            "not begun: 4 mails, ",
            "maybe: 22 recipients may or may not",
            "  0.eml\n",
            "  19.eml\n  and 2 more: ",
            "not written down: what became of 1 mail, ",
            "  x.eml: sent to 2, not sent to 1\n",
            "journal: j\n",
        ];
        let places: Vec<_> = starts.iter().map(|start| text.find(start)).collect();
        assert!(
            places.is_sorted() && places[0] == Some(0),
            "{places:?} {text}"
        );
        assert_eq!(text.lines().count(), 31);
    }

    #[test]
    fn each_trouble_alone_makes_it_incomplete() {
        for trouble in 0..4 {
            let summary = Summary {
                refused: u64::from(trouble == 0),
                failed: u64::from(trouble == 1),
                maybe: u64::from(trouble == 2),
                unbegun: u64::from(trouble == 3),
                ..Summary::default()
            };
            assert!(!summary.is_complete());
        }
    }
}
