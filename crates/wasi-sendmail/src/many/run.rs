//! A run over several mails.

use super::journal::{Journal, Key, Outcome};
use super::progress::{Done, Progress};
use super::source::{Place, RawMail, Source};
use super::summary::Summary;
use crate::Failure;
use crate::failure::{DATAERR, IOERR, TEMPFAIL, UNAVAILABLE, fate_of};
use crate::flags::Flags;
use crate::message::{EightBit, Mail, prepare};
use crate::settings::Settings;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::time::{Instant, SystemTime};
use wasm_smtp_wasi::WasiSmtpError;
use wasm_smtp_wasi::mailer::{
    Deferred, Fate, Mailer, MailerError, MailerErrorKind, Message, SendReport,
};
use wasm_smtp_wasi::smtp_session::{Address, Phase};
use wasm_smtp_wasi::wasi_net::sleep;

/// A run: what it works with, and how far it is.
pub(crate) struct Run<'a> {
    flags: &'a Flags,
    settings: &'a Settings,
    mailer: &'a Mailer,
    mails: Source,
    journal: Journal,
    progress: Progress,
    /// Those that the server refused for now. They come last, the earliest first.
    deferred: BTreeMap<(Instant, Key), (Entry, Deferred)>,
    /// Why no mail is begun any more.
    stopped: Option<Failure>,
    /// What is left may succeed by the same command.
    later: bool,
    /// The mails that went in another encoding.
    reencoded: u64,
}

/// What a run keeps of a mail that was begun: the mail itself is read again if need be.
struct Entry {
    key: Key,
    place: Place,
    len: u64,
    /// Whom this run does not ask for any more.
    refused: Vec<Address>,
    is_reencoded: bool,
    /// It is among the run's mails that went in another encoding.
    is_counted: bool,
    eight_bit: EightBit,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        flags: &'a Flags,
        settings: &'a Settings,
        mailer: &'a Mailer,
        mails: Source,
        journal: Journal,
        progress: Progress,
    ) -> Self {
        Self {
            flags,
            settings,
            mailer,
            mails,
            journal,
            progress,
            deferred: BTreeMap::new(),
            stopped: None,
            later: false,
            reencoded: 0,
        }
    }

    /// Sends all, by all connections at a time. What came of it is the summary, and
    /// a failure unless everybody got everything.
    pub(crate) async fn send(mut self) -> (Summary, Option<Failure>) {
        let mailer = self.mailer;
        let mut under_way = FuturesUnordered::new();
        loop {
            // A mail is begun when there is a connection for it, so that few are in
            // doubt if the run is killed.
            while under_way.len() < self.settings.connections {
                let Some((entry, message)) = self.begin() else {
                    break;
                };
                under_way.push(async { (entry, mailer.send_or_defer(message).await) });
            }
            let has_room = under_way.len() < self.settings.connections;
            let due = self.due().filter(|_| has_room);
            if under_way.is_empty() && due.is_none() {
                break;
            }
            if let Some((entry, sent)) = next(&mut under_way, due).await {
                self.end(entry, sent);
            }
        }
        drop(under_way);
        self.mailer.close().await;
        self.finish()
    }

    fn finish(mut self) -> (Summary, Option<Failure>) {
        for (entry, _) in self.deferred.values() {
            self.progress.count(Done::Trouble, entry.len);
            self.later = true;
        }
        let _ = self.progress.clear(&mut io::stderr());
        let finished = self.journal.finish().err();
        let mut summary = self.journal.summary();
        summary.unbegun = self.progress.left();
        summary.reencoded = self.reencoded;
        let failure = self.stopped.or(finished);
        let failure = failure.or_else(|| incomplete(&summary, self.later));
        (summary, failure)
    }

    /// When the next mail is to be tried again.
    fn due(&self) -> Option<Instant> {
        let ((at, _), _) = self.deferred.first_key_value()?;
        self.stopped.is_none().then_some(*at)
    }

    /// The next mail of which something is left to send now.
    fn begin(&mut self) -> Option<(Entry, Message)> {
        loop {
            let _ = self.progress.draw(Instant::now(), &mut io::stderr());
            if self.stopped.is_some() {
                return None;
            }
            let begun = match self.mails.next() {
                Some(Ok(mail)) => self.take(mail),
                Some(Err(failure)) => {
                    self.stopped = Some(failure);
                    None
                }
                None => {
                    self.due().filter(|at| *at <= Instant::now())?;
                    let (entry, deferred) = self.deferred.pop_first()?.1;
                    self.take_again(entry, deferred)
                }
            };
            if begun.is_some() {
                return begun;
            }
        }
    }

    /// Takes a mail, unless it can't be sent, or was.
    fn take(&mut self, mail: RawMail) -> Option<(Entry, Message)> {
        let RawMail { name, place, raw } = mail;
        let raw_or_none = raw.as_deref().unwrap_or_default();
        let mut entry = Entry {
            key: Key::new(&name, raw_or_none),
            place,
            len: raw_or_none.len() as u64,
            refused: Vec::new(),
            is_reencoded: false,
            is_counted: false,
            eight_bit: EightBit::default(),
        };
        let message = self.message(&mut entry, raw)?;
        Some((entry, message))
    }

    /// Takes a mail that was deferred.
    fn take_again(&mut self, mut entry: Entry, deferred: Deferred) -> Option<(Entry, Message)> {
        let raw = entry.place.read().and_then(|raw| {
            if entry.key.is_of(&raw) {
                return Ok(raw);
            }
            self.later = true;
            Err(Failure::data(
                "the mail was changed while it waited to be tried again: run the same command again",
            ))
        });
        let message = self.message(&mut entry, raw)?;
        Some((entry, message.deferred(deferred)))
    }

    /// The mail for those who are left, once the journal knows that it is begun.
    fn message(&mut self, entry: &mut Entry, raw: Result<Vec<u8>, Failure>) -> Option<Message> {
        let Entry { key, len, .. } = &*entry;
        let now = SystemTime::now();
        let prepared = raw.and_then(|raw| prepare(raw, self.flags, self.settings, now));
        let Mail {
            envelope,
            content,
            form,
            is_reencoded,
            eight_bit,
        } = match prepared {
            Ok(mail) => mail,
            Err(failure) => {
                self.progress.count(Done::Trouble, *len);
                self.note(|journal| journal.record_failure(key, &failure.to_string(), now));
                return None;
            }
        };
        let envelope = envelope.retain(|to| !entry.refused.contains(to.address()));
        let everybody: Vec<&str> = envelope
            .recipients()
            .iter()
            .map(|to| to.address().as_str())
            .collect();
        let left = self.journal.remaining(key, &everybody).to_send;
        if left.is_empty() {
            self.progress.count(Done::Earlier, *len);
            return None;
        }
        let names: Vec<&str> = left.iter().map(|place| everybody[*place]).collect();
        if let Err(failure) = self.journal.begin(key, &names, now) {
            // Of this mail alone is that it has too many recipients.
            if failure.exit_code() != DATAERR {
                self.stopped.get_or_insert(failure);
            } else {
                self.progress.count(Done::Trouble, *len);
                self.note(|journal| journal.record_failure(key, &failure.to_string(), now));
            }
            return None;
        }
        // They are in the order of the envelope.
        let mut place = 0..;
        let envelope = envelope.clone().retain(|_| {
            let place = place.next();
            place.is_some_and(|place| left.binary_search(&place).is_ok())
        });
        (entry.is_reencoded, entry.eight_bit) = (is_reencoded, eight_bit);
        Some(Message::new(envelope, content).form(form))
    }

    /// Writes to the journal; a run whose journal can't be written begins no mail.
    fn note(&mut self, write: impl FnOnce(&mut Journal) -> Result<(), Failure>) {
        if let Err(failure) = write(&mut self.journal) {
            self.stopped.get_or_insert(failure);
        }
    }

    /// Takes note of what became of a mail.
    fn end(&mut self, mut entry: Entry, sent: Result<SendReport, MailerError>) {
        let (fates, error, deferred): (Vec<_>, _, _) = match &sent {
            Ok(report) => (report.fates().collect(), report.error(), report.deferred()),
            Err(error) => (error.fates().collect(), Some(error), error.deferred()),
        };
        let receipt = sent
            .as_ref()
            .ok()
            .and_then(|report| report.receipts().last());
        let reply = receipt.map(|receipt| receipt.reply().to_string());
        let why = error.map(|error| entry.eight_bit.sentence(error));
        let (reply, why) = (reply.unwrap_or_default(), why.unwrap_or_default());
        self.record(&entry.key, &fates, &reply, &why);
        if let Ok(report) = &sent
            && (entry.is_reencoded || report.is_reencoded())
            && !std::mem::replace(&mut entry.is_counted, true)
        {
            self.reencoded += 1;
        }
        if let Err(error) = &sent
            && is_about_the_server(error)
        {
            self.stopped
                .get_or_insert_with(|| Failure::of_mailer(error));
        }
        let is_sent = |fate: &Fate| matches!(fate, Fate::Sent | Fate::MaybeSent);
        let for_good = fates
            .iter()
            .filter(|(_, fate)| !is_sent(fate) && !fate.is_open());
        entry.refused.extend(for_good.map(|(to, _)| (*to).clone()));
        if let Some(deferred) = deferred {
            let key = (deferred.at(), entry.key.clone());
            self.deferred.insert(key, (entry, deferred));
            return;
        }
        let is_sent = fates.iter().all(|(_, fate)| **fate == Fate::Sent);
        let done = match is_sent && entry.refused.is_empty() {
            true => Done::Sent,
            false => Done::Trouble,
        };
        self.progress.count(done, entry.len);
        self.later |= may_change(&fates, error);
    }

    fn record(&mut self, key: &Key, fates: &[(&Address, &Fate)], taken: &str, why: &str) {
        let now = SystemTime::now();
        let mut failed = false;
        for (address, fate) in fates {
            let text;
            let outcome = match fate {
                Fate::Sent => Outcome::Sent { reply: taken },
                Fate::MaybeSent => Outcome::Maybe { reason: why },
                Fate::Refused(refusal) => {
                    text = refusal.to_string();
                    Outcome::Refused {
                        permanent: refusal.is_permanent(),
                        reply: &text,
                    }
                }
                Fate::Unsupported(_) => {
                    text = fate_of(fate).unwrap_or_default();
                    Outcome::Refused {
                        permanent: true,
                        reply: &text,
                    }
                }
                _ => {
                    failed = true;
                    continue;
                }
            };
            self.note(|journal| journal.record(key, address.as_str(), outcome, now));
        }
        if failed {
            self.note(|journal| journal.record_failure(key, why, now));
        }
    }
}

/// Waits for a mail that is under way, or until another is due.
async fn next<F: Future>(
    under_way: &mut FuturesUnordered<F>,
    due: Option<Instant>,
) -> Option<F::Output> {
    let Some(due) = due else {
        return under_way.next().await;
    };
    let wait = due.saturating_duration_since(Instant::now());
    let sleep = pin!(sleep(wait));
    if under_way.is_empty() {
        sleep.await;
        return None;
    }
    match select(under_way.next(), sleep).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => None,
    }
}

/// Whether the same may reach somebody later whom it did not reach now. Of whom it
/// is in doubt it is not: nobody sends it to them again.
fn may_change(fates: &[(&Address, &Fate)], error: Option<&MailerError>) -> bool {
    let transient = error.is_some_and(MailerError::is_transient);
    fates.iter().any(|(_, fate)| match fate {
        Fate::Refused(reply) => reply.is_transient(),
        Fate::NotSent => transient,
        _ => false,
    })
}

/// Whether every other mail would fare as this one did: a wrong password that is
/// tried with each of them locks the account.
fn is_about_the_server(error: &MailerError) -> bool {
    if error.no_login_before().is_some() {
        return true;
    }
    match error.kind() {
        MailerErrorKind::Config(_) | MailerErrorKind::Token(_) | MailerErrorKind::WaitsForTls => {
            true
        }
        MailerErrorKind::Connect(WasiSmtpError::Stream(_)) => false,
        MailerErrorKind::Connect(_) => true,
        MailerErrorKind::Session(error) => {
            let early = [
                Phase::Greeting,
                Phase::Ehlo,
                Phase::StartTls,
                Phase::Tls,
                Phase::Auth,
            ];
            early.contains(&error.phase()) && !error.is_transient()
        }
        _ => false,
    }
}

/// What is left to do, where something is.
fn incomplete(summary: &Summary, later: bool) -> Option<Failure> {
    if summary.is_complete() {
        return None;
    }
    let (code, what) = if later {
        (
            TEMPFAIL,
            "run the same command again later, which sends nothing twice",
        )
    } else if summary.refused + summary.failed > 0 {
        (
            UNAVAILABLE,
            "mend what the journal says and run the same command again",
        )
    } else {
        (
            IOERR,
            "ask the recipients that the journal names, and settle it by --settle-sent or --settle-unsent",
        )
    };
    Some(Failure::new(
        code,
        format!("not everybody got everything, or not for certain: {what}"),
    ))
}
