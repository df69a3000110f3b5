//! What a run knows and could not write down, since the disk is full.

use super::event::{Event, What};
use std::collections::BTreeMap;

/// By the mails' names.
#[derive(Default)]
pub(super) struct Unwritten(BTreeMap<String, Known>);

/// What is known of a mail, in recipients.
#[derive(Default)]
struct Known {
    sent: usize,
    not_sent: usize,
    maybe: usize,
}

impl Unwritten {
    pub(super) fn add(&mut self, event: &Event<'_>) {
        let (sent, not_sent, maybe) = match &event.what {
            What::Sent { .. } => (1, 0, 0),
            What::Refused { .. } => (0, 1, 0),
            What::Maybe { .. } => (0, 0, 1),
            What::Failed { recipients, .. } => (0, recipients.len(), 0),
            What::Begin { .. } | What::Settled { .. } => return,
        };
        // What was not begun the next run begins, whatever it reads.
        if sent + not_sent + maybe > 0 {
            let known = self.0.entry(event.name.to_owned()).or_default();
            known.sent += sent;
            known.not_sent += not_sent;
            known.maybe += maybe;
        }
    }

    /// As the report has it.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|(name, known)| known.line(name))
            .collect()
    }
}

impl Known {
    fn line(&self, name: &str) -> String {
        let counts = [
            ("sent to", self.sent),
            ("not sent to", self.not_sent),
            ("in doubt for", self.maybe),
        ];
        let counts = counts.iter().filter(|(_, count)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        format!("{name}: {}", counts.join(", "))
    }
}
