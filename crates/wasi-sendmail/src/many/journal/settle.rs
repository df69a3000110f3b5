//! What a person found out of mails that may have been sent.

use super::event::{Event, What};
use super::{Journal, Key, Store, Trouble, escape};
use crate::Failure;
use std::time::SystemTime;

/// What became of mails that were in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Of the mail of this name; of all without one.
    pub(crate) mail: Option<String>,
    /// Everybody has it, so that it is never sent again; or nobody.
    pub(crate) is_sent: bool,
}

impl<S: Store> Journal<S> {
    /// Writes down what became of mails that may have been sent, and counts them.
    ///
    /// # Errors
    ///
    /// No such mail is in doubt. The journal could not be written, or another run writes
    /// it too: what was not written is in doubt as before.
    pub(crate) fn settle(&mut self, settled: &Settled, now: SystemTime) -> Result<u64, Failure> {
        let Settled { mail, is_sent } = settled;
        let name = mail.as_deref().map(escape);
        let is_meant = |key: &Key| name.as_ref().is_none_or(|name| key.name == *name);
        let doubts: Vec<_> = self
            .mails
            .doubts()
            .filter(|(key, _)| is_meant(key))
            .collect();
        if let (Some(name), true) = (&name, doubts.is_empty()) {
            return Err(Failure::usage(format_args!(
                "the journal {} has no mail {name} that may have been sent: give a name from the report of a run, or all",
                self.file
            )));
        }
        for (key, recipients) in &doubts {
            let recipients = recipients.iter().map(String::as_str).collect();
            let event = Event::of(
                key,
                What::Settled {
                    is_sent: *is_sent,
                    recipients,
                },
            );
            let line = self.line(&event, now);
            let written = match self.stopped {
                true => Err(Trouble::Stopped),
                false => self.appender.append_alone(line.as_bytes()),
            };
            self.written(written)?;
            self.mails.apply(&event);
        }
        Ok(doubts.len() as u64)
    }
}
