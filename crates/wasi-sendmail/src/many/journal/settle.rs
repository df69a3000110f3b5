//! What a person found out of mails that may have been sent.

use super::event::{Event, What};
use super::{Journal, Key, Store, Trouble, escape, rfc3339};
use crate::Failure;
use crate::failure::TEMPFAIL;
use std::time::{Duration, SystemTime};

/// What became of mails that were in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Of the mail of this name; of all without one.
    pub(crate) mail: Option<String>,
    /// Everybody has it, so that it is never sent again; or nobody.
    pub(crate) is_sent: bool,
}

impl<S: Store> Journal<S> {
    /// Writes down what became of mails that may have been sent, and counts them for each
    /// that is said. For as long as `timeout` a run may be about a mail that it began.
    ///
    /// # Errors
    ///
    /// Nothing was written: no such mail is in doubt, or one that is to be sent may still
    /// be under way. The journal could not be written, or another run writes it too: what
    /// was not written is in doubt as before.
    pub(crate) fn settle(
        &mut self,
        all: &[Settled],
        timeout: Duration,
        now: SystemTime,
    ) -> Result<Vec<u64>, Failure> {
        for settled in all {
            self.check(settled, timeout, now)?;
        }
        all.iter().map(|settled| self.write(settled, now)).collect()
    }

    fn check(&self, settled: &Settled, timeout: Duration, now: SystemTime) -> Result<(), Failure> {
        let mails: Vec<_> = self.doubts(settled).map(|(key, _)| key).collect();
        if let (Some(name), true) = (&settled.mail, mails.is_empty()) {
            return Err(Failure::usage(format_args!(
                "the journal {} has no mail {} that may have been sent: give a name from the report of a run, or all",
                self.file,
                escape(name)
            )));
        }
        // Points in time as they are written stand in the order of time.
        let since = rfc3339(now.checked_sub(timeout).unwrap_or(now));
        let begun = |key: &&Key| self.left_open.get(key).is_some_and(|begun| *begun > since);
        match mails.iter().find(begun).filter(|_| !settled.is_sent) {
            Some(Key { name, .. }) => Err(Failure::new(
                TEMPFAIL,
                format!(
                    "a run may still be about to send the mail {name}: wait until none is under way and {} minutes have passed, then run the same command again",
                    timeout.as_secs().div_ceil(60)
                ),
            )),
            None => Ok(()),
        }
    }

    fn write(&mut self, settled: &Settled, now: SystemTime) -> Result<u64, Failure> {
        let doubts: Vec<_> = self.doubts(settled).collect();
        for (key, recipients) in &doubts {
            let recipients = recipients.iter().map(String::as_str).collect();
            let is_sent = settled.is_sent;
            let event = Event::of(
                key,
                What::Settled {
                    is_sent,
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

    /// The mails in doubt that are meant, with the recipients of whom that is so. Names
    /// are told as they stand in the journal, or as they are.
    fn doubts(&self, settled: &Settled) -> impl Iterator<Item = (Key, Vec<String>)> {
        let mail = settled.mail.as_deref();
        let is_meant =
            move |key: &Key| mail.is_none_or(|name| key.name == name || key.name == escape(name));
        self.mails.doubts().filter(move |(key, _)| is_meant(key))
    }
}
