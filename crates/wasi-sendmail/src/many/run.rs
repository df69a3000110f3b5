//! A run over several mails.

use super::journal::{Journal, Key, Outcome};
use super::progress::{Done, Progress};
use super::source::{RawMail, Source};
use super::summary::Summary;
use crate::Failure;
use crate::failure::{DATAERR, IOERR, TEMPFAIL, UNAVAILABLE};
use crate::flags::Flags;
use crate::message::{Mail, prepare};
use crate::settings::Settings;
use std::cell::RefCell;
use std::io;
use std::time::{Instant, SystemTime};
use wasm_smtp_wasi::WasiSmtpError;
use wasm_smtp_wasi::mailer::{Fate, Mailer, MailerError, MailerErrorKind, Message, SendReport};
use wasm_smtp_wasi::smtp_session::{Address, Phase};
use wasm_smtp_wasi::wasi_net::join_all;

/// What the workers of a run share.
pub(crate) struct Run<'a> {
    flags: &'a Flags,
    settings: &'a Settings,
    mailer: &'a Mailer,
    state: RefCell<State>,
}

struct State {
    mails: Source,
    journal: Journal,
    progress: Progress,
    /// Why no mail is begun any more.
    stopped: Option<Failure>,
    /// What is left may succeed by the same command.
    later: bool,
}

/// A mail that was begun.
struct Begun {
    key: Key,
    message: Message,
    len: u64,
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
        let state = RefCell::new(State {
            mails,
            journal,
            progress,
            stopped: None,
            later: false,
        });
        Self {
            flags,
            settings,
            mailer,
            state,
        }
    }

    /// Sends all, by all connections at a time. What came of it is the summary, and
    /// a failure unless everybody got everything.
    pub(crate) async fn send(self) -> (Summary, Option<Failure>) {
        join_all((0..self.settings.connections).map(|_| self.work())).await;
        self.mailer.close().await;
        let mut state = self.state.into_inner();
        let _ = state.progress.clear(&mut io::stderr());
        let finished = state.journal.finish().err();
        let mut summary = state.journal.summary();
        summary.unbegun = state.progress.left();
        let failure = state.stopped.or(finished);
        let failure = failure.or_else(|| incomplete(&summary, state.later));
        (summary, failure)
    }

    /// Sends one mail after the other. A mail is begun when there is a connection
    /// for it, so that few are in doubt if the run is killed.
    async fn work(&self) {
        while let Some(Begun { key, message, len }) = self.begin() {
            let sent = self.mailer.send(message).await;
            self.state.borrow_mut().end(&key, sent, len);
        }
    }

    /// The next mail of which something is left to send.
    fn begin(&self) -> Option<Begun> {
        let state = &mut *self.state.borrow_mut();
        loop {
            let _ = state.progress.draw(Instant::now(), &mut io::stderr());
            if state.stopped.is_some() {
                return None;
            }
            match state.mails.next()? {
                Ok(mail) => {
                    if let Some(begun) = self.take(state, mail) {
                        return Some(begun);
                    }
                }
                Err(failure) => state.stopped = Some(failure),
            }
        }
    }

    /// Takes a mail, unless it can't be sent, or was.
    fn take(&self, state: &mut State, mail: RawMail) -> Option<Begun> {
        let RawMail { name, raw } = mail;
        let now = SystemTime::now();
        let raw_or_none = raw.as_deref().unwrap_or_default();
        let (key, len) = (Key::new(&name, raw_or_none), raw_or_none.len() as u64);
        let prepared = raw.and_then(|raw| prepare(raw, self.flags, self.settings, now));
        let Mail { envelope, content } = match prepared {
            Ok(mail) => mail,
            Err(failure) => {
                state.progress.count(Done::Trouble, len);
                state.note(|journal| journal.record_failure(&key, &failure.to_string(), now));
                return None;
            }
        };
        let everybody: Vec<&str> = envelope
            .recipients()
            .iter()
            .map(|to| to.address().as_str())
            .collect();
        let left = state.journal.remaining(&key, &everybody).to_send;
        if left.is_empty() {
            state.progress.count(Done::Earlier, len);
            return None;
        }
        let names: Vec<&str> = left.iter().map(|place| everybody[*place]).collect();
        if let Err(failure) = state.journal.begin(&key, &names, now) {
            state.progress.count(Done::Trouble, len);
            // Of this mail alone is that it has too many recipients.
            if failure.exit_code() != DATAERR {
                state.stopped.get_or_insert(failure);
            } else {
                state.note(|journal| journal.record_failure(&key, &failure.to_string(), now));
            }
            return None;
        }
        // They are in the order of the envelope.
        let mut place = 0..;
        let envelope = envelope.clone().retain(|_| {
            let place = place.next();
            place.is_some_and(|place| left.binary_search(&place).is_ok())
        });
        let message = Message::new(envelope, content);
        Some(Begun { key, message, len })
    }
}

impl State {
    /// Writes to the journal; a run whose journal can't be written begins no mail.
    fn note(&mut self, write: impl FnOnce(&mut Journal) -> Result<(), Failure>) {
        if let Err(failure) = write(&mut self.journal) {
            self.stopped.get_or_insert(failure);
        }
    }

    /// Takes note of what became of a mail.
    fn end(&mut self, key: &Key, sent: Result<SendReport, MailerError>, len: u64) {
        match sent {
            Ok(report) => {
                let reply = report
                    .receipts()
                    .last()
                    .map(|receipt| receipt.reply().to_string());
                let why = report.error().map_or_else(String::new, ToString::to_string);
                let done = if report.is_complete() {
                    Done::Sent
                } else {
                    Done::Trouble
                };
                self.progress.count(done, len);
                self.later |= may_change(report.fates(), report.error());
                self.record(key, report.fates(), &reply.unwrap_or_default(), &why);
            }
            Err(error) => {
                self.progress.count(Done::Trouble, len);
                self.later |= may_change(error.fates(), Some(&error));
                self.record(key, error.fates(), "", &error.to_string());
                if is_about_the_server(&error) {
                    self.stopped
                        .get_or_insert_with(|| Failure::of_mailer(&error));
                }
            }
        }
    }

    fn record<'a>(
        &mut self,
        key: &Key,
        fates: impl Iterator<Item = (&'a Address, &'a Fate)>,
        taken: &str,
        why: &str,
    ) {
        let now = SystemTime::now();
        let mut failed = false;
        for (address, fate) in fates {
            let reply;
            let outcome = match fate {
                Fate::Sent => Outcome::Sent { reply: taken },
                Fate::MaybeSent => Outcome::Maybe { reason: why },
                Fate::Refused(refusal) => {
                    reply = refusal.to_string();
                    Outcome::Refused {
                        permanent: refusal.is_permanent(),
                        reply: &reply,
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

/// Whether the same may reach somebody later whom it did not reach now. Of whom it
/// is in doubt it is not: nobody sends it to them again.
fn may_change<'a>(
    mut fates: impl Iterator<Item = (&'a Address, &'a Fate)>,
    error: Option<&MailerError>,
) -> bool {
    let transient = error.is_some_and(MailerError::is_transient);
    fates.any(|(_, fate)| match fate {
        Fate::Refused(reply) => reply.is_transient(),
        Fate::NotSent => transient,
        _ => false,
    })
}

/// Whether every other mail would fare as this one did: a wrong password that is
/// tried with each of them locks the account.
fn is_about_the_server(error: &MailerError) -> bool {
    match error.kind() {
        MailerErrorKind::Config(_) | MailerErrorKind::Token(_) => true,
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
        (IOERR, "ask the recipients that the journal names")
    };
    Some(Failure::new(
        code,
        format!("not everybody got everything, or not for certain: {what}"),
    ))
}
