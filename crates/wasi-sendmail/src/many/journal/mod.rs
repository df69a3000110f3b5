//! The record of a run over several mails: by it an interrupted run goes on
//! without sending anything twice and without losing anything, and in it a person
//! reads what failed and why.
//!
//! A text file that only grows, one line an event, with tabs between the columns:
//!
//! ```text
//! wasi-sendmail journal 1    (a mail with a begin but no outcome may have been sent)
//! 2026-01-31T10:00:00Z  begin    1.eml  8f43...  ann@example.org  bo@example.net
//! 2026-01-31T10:00:01Z  sent     1.eml  8f43...  ann@example.org  250 queued
//! 2026-01-31T10:00:01Z  refused  1.eml  8f43...  bo@example.net   for good  550 unknown
//! 2026-01-31T10:00:02Z  failed   2.eml  03ac...  the To field has a < without its >
//! ```
//!
//! A mail is its name and a fingerprint of its bytes: an edited mail is another
//! mail, and the same bytes under two names are two.
//!
//! # Nothing twice
//!
//! `begin` names the recipients and is on the disk before the server gets the
//! mail. What came out is written after. A `begin` that no outcome follows means
//! that the run was killed in between: whether the mail arrived is unknown, so it
//! counts as `maybe`. `sent` and `maybe` are final; the rest is tried again. Of `maybe` a
//! person may find out more: `settled` makes it `sent`, or has it tried again.
//! `failed` ends what its own run began, and names those recipients after its
//! reason: a later run that can't even begin the mail says nothing about an earlier
//! one.
//!
//! # Two runs at once
//!
//! WASI has no file locks. A lock file beside the journal would outlive a killed
//! run, and a component can't notice that it is killed: each run after a kill would
//! stop until somebody deletes the file, and who deletes it without a thought once
//! a day deletes it one day while the other run is still going. A run that goes on
//! after a kill is what the journal is for.
//!
//! So the journal itself is the lock: each line is appended by the host as one
//! write, and the run knows how long the file must be. Before each `begin` and
//! after it, the length is looked at. If it is another, another run has written, and
//! this one stops before the server gets the mail. Of two that write at the same
//! moment at least the later one sees both lines. Opening writes nothing, so a
//! second run leaves no trace in the journal if the first one begins or ends a mail
//! before the second begins one. Otherwise the first one stops; what it has under
//! way it still records, and the second one does not send that again.

mod event;
mod file;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod settle;
mod standing;
mod store;
mod unwritten;

use crate::Failure;
use crate::failure::{IOERR, TEMPFAIL};
use crate::many::summary::Summary;
use crate::many::timestamp::rfc3339;
use event::{BEGIN_LEN, Event, HEADER, LINE_LEN, What, escape, one_line};
use file::File;
pub(crate) use settle::Settled;
use sha2::{Digest as _, Sha256};
use standing::{Mails, Standing};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::time::SystemTime;
use store::{Appender, Store, Trouble};
use unwritten::Unwritten;

/// A mail, as the journal tells it from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// As it stands in the file: without tabs and control characters.
    name: String,
    fingerprint: String,
}

impl Key {
    /// The mail called `name` whose bytes are `raw`, as they were read.
    pub(crate) fn new(name: &str, raw: &[u8]) -> Self {
        Self {
            name: escape(name),
            fingerprint: fingerprint(raw),
        }
    }

    /// Whether these are its bytes.
    pub(crate) fn is_of(&self, raw: &[u8]) -> bool {
        self.fingerprint == fingerprint(raw)
    }
}

fn fingerprint(raw: &[u8]) -> String {
    use std::fmt::Write as _;
    // 128 bits: nobody makes two mails that have them in common.
    let mut fingerprint = String::new();
    for byte in &Sha256::digest(raw)[..16] {
        let _ = write!(fingerprint, "{byte:02x}");
    }
    fingerprint
}

/// What became of a mail for one recipient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    /// The server took it.
    Sent { reply: &'a str },
    /// It is unknown whether the server took it.
    Maybe { reason: &'a str },
    /// The server refused it: for good, or for now.
    Refused { permanent: bool, reply: &'a str },
}

/// How a mail stands: each of the recipients asked about is in one list, by its
/// place among them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Remaining {
    /// The mail was surely not sent to them.
    pub(crate) to_send: Vec<usize>,
    /// The server took the mail for them.
    pub(crate) sent: Vec<usize>,
    /// It may have been sent to them.
    pub(crate) maybe: Vec<usize>,
}

/// The record of a run and of those before it: see the module.
pub(crate) struct Journal<S = File> {
    appender: Appender<S>,
    mails: Mails,
    /// The file, for sentences.
    file: String,
    /// Writing failed: no mail is begun any more.
    stopped: bool,
    summary: Summary,
    /// What this run said last of mails that it could not send.
    troubles: BTreeMap<Key, Troubles>,
    unwritten: Unwritten,
    /// The mails that earlier runs began and of which they said no more, with when that
    /// was.
    left_open: BTreeMap<Key, String>,
}

/// Of one mail.
#[derive(Default)]
struct Troubles {
    refused: BTreeSet<String>,
    failed: bool,
}

/// The longest journal in which a mail is begun: what it says fits a component's
/// memory.
const JOURNAL_LEN: u64 = 256 * 1024 * 1024;

impl Journal {
    /// Opens the journal, which may be there or not. Of one that is there, nothing
    /// is changed before the first event.
    ///
    /// # Errors
    ///
    /// It can't be opened, is no journal, is one of another version, or is damaged
    /// before its last line.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        Self::at(path, true)
    }

    /// Opens a journal that is there.
    ///
    /// # Errors
    ///
    /// As of `open`, or it is not there.
    pub(crate) fn open_existing(path: &Path) -> Result<Self, Failure> {
        Self::at(path, false)
    }

    fn at(path: &Path, create: bool) -> Result<Self, Failure> {
        let file = file::open(path, create).map_err(|error| {
            Failure::no_input(format!(
                "cannot open the journal {} ({error}): give a file in a folder that the host grants to the component for writing, with wasmtime by `--dir FOLDER`",
                path.display()
            ))
        })?;
        let file = file.ok_or_else(|| {
            Failure::usage(format_args!(
                "the journal {} is no file, so that it would remember nothing: name a file",
                path.display()
            ))
        })?;
        Self::load(file, &path.display().to_string())
    }
}

impl<S: Store> Journal<S> {
    /// Reads what earlier runs left; sentences call it `file`.
    fn load(mut store: S, file: &str) -> Result<Self, Failure> {
        let file = escape(file);
        let mut mails = Mails::default();
        let mut begun = BTreeMap::new();
        let (mut good, mut number) = (0, 0);
        let mut reader = BufReader::with_capacity(64 * 1024, &mut store);
        let mut line = Vec::new();
        let torn = loop {
            line.clear();
            let count = (&mut reader)
                .take(LINE_LEN as u64 + 1)
                .read_until(b'\n', &mut line)
                .map_err(|error| {
                    Failure::io(format!(
                        "cannot read the journal {file} ({error}): run the same command again once it can be read; nothing was sent"
                    ))
                })?;
            number += 1;
            let Some(text) = line.strip_suffix(b"\n") else {
                // A run killed while it wrote leaves a torn line at the end.
                if count > LINE_LEN || number == 1 && !HEADER.as_bytes().starts_with(&line) {
                    return Err(not_understood(&file, number, &line));
                }
                break count as u64;
            };
            // Two runs that begin a new one at once write two headers.
            if text != HEADER.as_bytes() {
                let text = std::str::from_utf8(text).ok();
                match text.and_then(Event::parse) {
                    Some(event) if number > 1 => {
                        if let (What::Begin { .. }, Some(text)) = (&event.what, text) {
                            let (time, _) = text.split_once('\t').unwrap_or_default();
                            begun.insert(event.key(), time.to_owned());
                        }
                        mails.apply(&event);
                    }
                    _ => return Err(not_understood(&file, number, &line)),
                }
            }
            good += count as u64;
            if good > 2 * JOURNAL_LEN {
                return Err(too_long(&file));
            }
        };
        let left_open = mails.settle();
        begun.retain(|key, _| left_open.contains(key));
        let summary = Summary {
            earlier: mails.count_sent(),
            journal: file.clone(),
            ..Summary::default()
        };
        Ok(Self {
            appender: Appender::new(store, good, torn),
            mails,
            file,
            stopped: false,
            summary,
            troubles: BTreeMap::new(),
            unwritten: Unwritten::default(),
            left_open: begun,
        })
    }

    /// To whom of `recipients` the mail is still to be sent. The case of a domain
    /// makes no difference.
    pub(crate) fn remaining<R: AsRef<str>>(&self, key: &Key, recipients: &[R]) -> Remaining {
        let mut remaining = Remaining::default();
        for (at, recipient) in recipients.iter().enumerate() {
            let list = match self.mails.standing(key, &escape(recipient.as_ref())) {
                Standing::NotSent => &mut remaining.to_send,
                Standing::Sent => &mut remaining.sent,
                Standing::Open | Standing::Maybe => &mut remaining.maybe,
            };
            list.push(at);
        }
        remaining
    }

    /// To be called before the server gets the mail for these recipients, which
    /// `remaining` has in `to_send`. The same mail is begun again only once each of
    /// them has its outcome.
    ///
    /// # Errors
    ///
    /// The journal could not be written, now or before, or another run writes it
    /// too: the mail must not be sent, nor any other be begun. What is under way
    /// is still to be recorded.
    pub(crate) fn begin<R: AsRef<str>>(
        &mut self,
        key: &Key,
        recipients: &[R],
        now: SystemTime,
    ) -> Result<(), Failure> {
        if self.appender.length() > JOURNAL_LEN {
            return Err(too_long(&self.file));
        }
        let recipients: Vec<String> = recipients.iter().map(|r| escape(r.as_ref())).collect();
        let names = recipients.iter().map(String::as_str).collect();
        let event = Event::of(key, What::Begin { recipients: names });
        let line = self.line(&event, now);
        if line.len() > BEGIN_LEN {
            return Err(Failure::data(format!(
                "the mail {} has too many recipients to be recorded: send it in parts",
                key.name
            )));
        }
        if self.stopped {
            return Err(self.failure(&Trouble::Stopped));
        }
        let written = self.appender.append_alone(line.as_bytes());
        self.written(written)?;
        self.mails.apply(&event);
        if let Some(before) = self.troubles.get_mut(key) {
            // It is tried again.
            before.failed = false;
            before.refused.retain(|to| !recipients.contains(to));
        }
        Ok(())
    }

    fn troubles(&mut self, key: &Key) -> &mut Troubles {
        self.troubles.entry(key.clone()).or_default()
    }

    /// What became of a mail that was begun, for one recipient.
    ///
    /// # Errors
    ///
    /// The journal could not be written. Within this run the outcome counts all the
    /// same; for a later one it is unknown.
    pub(crate) fn record(
        &mut self,
        key: &Key,
        recipient: &str,
        outcome: Outcome<'_>,
        now: SystemTime,
    ) -> Result<(), Failure> {
        let recipient = &escape(recipient);
        let (what, text);
        match outcome {
            Outcome::Sent { reply } => {
                self.summary.sent += 1;
                text = one_line(reply);
                what = What::Sent {
                    recipient,
                    reply: &text,
                };
            }
            Outcome::Maybe { reason } => {
                text = one_line(reason);
                what = What::Maybe {
                    recipient,
                    reason: &text,
                };
            }
            Outcome::Refused { permanent, reply } => {
                self.troubles(key).refused.insert(recipient.clone());
                text = one_line(reply);
                what = What::Refused {
                    recipient,
                    permanent,
                    reply: &text,
                };
            }
        }
        self.add(&Event::of(key, what), now)
    }

    /// The mail was not sent to those recipients that have no outcome yet, or could
    /// not be begun at all.
    ///
    /// # Errors
    ///
    /// As of `record`.
    pub(crate) fn record_failure(
        &mut self,
        key: &Key,
        reason: &str,
        now: SystemTime,
    ) -> Result<(), Failure> {
        self.troubles(key).failed = true;
        let reason = &one_line(reason);
        let open = self.mails.open(key);
        let recipients = open.iter().map(String::as_str).collect();
        self.add(&Event::of(key, What::Failed { reason, recipients }), now)
    }

    /// To be called at the end: the outcomes are on the disk.
    ///
    /// # Errors
    ///
    /// The disk says no.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let synced = self.appender.sync();
        self.written(synced)
    }

    /// What this run did, and which mails, of earlier runs too, may have been sent.
    pub(crate) fn summary(&self) -> Summary {
        let mut summary = self.summary.clone();
        for Troubles { refused, failed } in self.troubles.values() {
            summary.refused += refused.len() as u64;
            summary.failed += u64::from(*failed);
        }
        for (key, recipients) in self.mails.doubts() {
            summary.maybe += recipients.len() as u64;
            summary.unknown.push(key.name);
        }
        summary.unwritten = self.unwritten.lines();
        summary
    }

    fn add(&mut self, event: &Event<'_>, now: SystemTime) -> Result<(), Failure> {
        self.mails.apply(event);
        let line = self.line(event, now);
        let written = self.appender.append(line.as_bytes());
        if written.is_err() {
            self.unwritten.add(event);
        }
        self.written(written)
    }

    fn line(&self, event: &Event<'_>, now: SystemTime) -> String {
        let line = event.line(&rfc3339(now));
        if self.appender.length() == 0 {
            format!("{HEADER}\n{line}")
        } else {
            line
        }
    }

    fn written(&mut self, result: Result<(), Trouble>) -> Result<(), Failure> {
        result.map_err(|trouble| {
            self.stopped |= !matches!(trouble, Trouble::Shared);
            self.failure(&trouble)
        })
    }

    fn failure(&self, trouble: &Trouble) -> Failure {
        let file = &self.file;
        let what = match trouble {
            Trouble::Io(error) => format!(
                "cannot write the journal {file} ({error}): make room for it or permit writing"
            ),
            Trouble::Stopped => format!(
                "the journal {file} could not be written: make room for it or permit writing"
            ),
            Trouble::Shared => {
                format!("another run writes the journal {file} too: wait until that one has ended")
            }
        };
        // A run that waits for another is done by trying again later.
        let code = match trouble {
            Trouble::Shared => TEMPFAIL,
            Trouble::Io(_) | Trouble::Stopped => IOERR,
        };
        Failure::new(
            code,
            format!("{what}, then run the same command again; no further mail was begun"),
        )
    }
}

fn too_long(file: &str) -> Failure {
    Failure::io(format!(
        "the journal {file} has grown too long to go on with: take the mails that it calls sent out of the folder or the mbox file, then name a new journal"
    ))
}

/// A line that isn't ours. The file is left as it is.
fn not_understood(file: &str, number: u64, line: &[u8]) -> Failure {
    Failure::data(if number > 1 {
        format!(
            "line {number} of the journal {file} is damaged, so that nobody knows what was sent: put the file back as it was; nothing was sent"
        )
    } else if line.starts_with(event::ANY_VERSION.as_bytes()) {
        format!(
            "the journal {file} is of another version of wasi-sendmail: go on with that version, or name a new journal if nothing is to be gone on with; nothing was sent"
        )
    } else {
        format!(
            "{file} is no journal of wasi-sendmail, and was left as it is: name another file for the journal; nothing was sent"
        )
    })
}

#[cfg(test)]
mod tests;
