//! What the events say about each recipient of each mail.

use super::Key;
use super::event::{Event, What};
use std::collections::{BTreeMap, BTreeSet};

/// How a mail stands with a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Never begun, refused or failed; leads to `Open`.
    NotSent,
    /// Begun, without an outcome: leads to each of the others.
    Open,
    /// Nobody knows. Leads to `Sent`, if the run that began it still learned it, and to
    /// `Sent` or `NotSent` if a person did.
    Maybe,
    /// Final.
    Sent,
}

/// All mails of a journal.
#[derive(Default)]
pub(super) struct Mails(BTreeMap<Key, BTreeMap<String, Standing>>);

impl Mails {
    /// Learns from the next event of the file.
    pub(super) fn apply(&mut self, event: &Event<'_>) {
        let mail = self.0.entry(event.key()).or_default();
        match &event.what {
            What::Begin { recipients } => {
                for recipient in recipients {
                    change(mail, recipient, Standing::NotSent, Standing::Open);
                }
            }
            What::Sent { recipient, .. } => *of(mail, recipient) = Standing::Sent,
            What::Maybe { recipient, .. } => {
                let standing = of(mail, recipient);
                if *standing != Standing::Sent {
                    *standing = Standing::Maybe;
                }
            }
            What::Refused { recipient, .. } => {
                change(mail, recipient, Standing::Open, Standing::NotSent);
            }
            What::Settled {
                is_sent,
                recipients,
            } => {
                let to = match is_sent {
                    true => Standing::Sent,
                    false => Standing::NotSent,
                };
                for recipient in recipients {
                    change(mail, recipient, Standing::Open, to);
                    change(mail, recipient, Standing::Maybe, to);
                }
            }
            What::Failed { recipients, .. } => {
                for recipient in recipients {
                    change(mail, recipient, Standing::Open, Standing::NotSent);
                }
            }
        }
    }

    /// `recipient` is escaped.
    pub(super) fn standing(&self, key: &Key, recipient: &str) -> Standing {
        let mail = self.0.get(key);
        let standing = mail.and_then(|mail| mail.get(&address(recipient)));
        standing.copied().unwrap_or(Standing::NotSent)
    }

    /// At the end of the file: what is open is not this run's. Gives those mails.
    pub(super) fn settle(&mut self) -> BTreeSet<Key> {
        let mut left_open = BTreeSet::new();
        for (key, mail) in &mut self.0 {
            for standing in mail.values_mut().filter(|s| **s == Standing::Open) {
                *standing = Standing::Maybe;
                left_open.insert(key.clone());
            }
        }
        left_open
    }

    /// The recipients of whom this run has no outcome yet.
    pub(super) fn open(&self, key: &Key) -> Vec<String> {
        let mail = self.0.get(key).into_iter().flatten();
        let open = mail.filter(|(_, standing)| **standing == Standing::Open);
        open.map(|(recipient, _)| recipient.clone()).collect()
    }

    /// The recipients to whom a mail was sent, over all mails.
    pub(super) fn count_sent(&self) -> u64 {
        let standings = self.0.values().flat_map(BTreeMap::values);
        standings.filter(|s| **s == Standing::Sent).count() as u64
    }

    /// The mails that may have been sent, each with the recipients of whom that is so.
    pub(super) fn doubts(&self) -> impl Iterator<Item = (Key, Vec<String>)> {
        self.0.iter().filter_map(|(key, mail)| {
            let doubtful =
                |(_, s): &(&String, &Standing)| matches!(s, Standing::Open | Standing::Maybe);
            let doubts = mail.iter().filter(doubtful).map(|(to, _)| to.clone());
            let doubts: Vec<_> = doubts.collect();
            (!doubts.is_empty()).then(|| (key.clone(), doubts))
        })
    }
}

fn of<'a>(mail: &'a mut BTreeMap<String, Standing>, recipient: &str) -> &'a mut Standing {
    mail.entry(address(recipient)).or_insert(Standing::NotSent)
}

fn change(mail: &mut BTreeMap<String, Standing>, recipient: &str, from: Standing, to: Standing) {
    let standing = of(mail, recipient);
    if *standing == from {
        *standing = to;
    }
}

/// The address with its domain in lower case; the part before it is the server's
/// to compare (RFC 5321 section 2.4).
fn address(recipient: &str) -> String {
    match recipient.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => recipient.to_owned(),
    }
}
