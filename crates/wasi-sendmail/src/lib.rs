//! `sendmail` for WASI: submits mails by SMTP.
//!
//! This library is the command without its `main`, so that its parts can be
//! tested natively: [`run`] does everything, and a [`Failure`] is one sentence
//! with an exit code of sysexits.h.

mod failure;
mod flags;
mod many;
mod message;
mod secret;
mod settings;
mod submit;

pub use failure::Failure;

/// A journal of any bytes.
#[cfg(fuzzing)]
pub fn fuzz_journal(content: &[u8]) {
    many::journal::fuzz::journal(content);
}

use flags::{Action, Flags, Mails, Mode};
use many::journal::Journal;
use many::progress::Progress;
use many::run::Run;
use many::source::{RawMail, Source};
use many::summary::count;
use message::Mail;
use settings::{Settings, Sources};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Read, Write};
use std::time::{Instant, SystemTime};
use wasm_smtp_wasi::smtp_session::{Address, Form, printable};
use wasm_smtp_wasi::{WasiTarget, block_on};

/// What a run has to say on standard output.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    text: String,
    /// Nothing else was asked for.
    is_all: bool,
}

impl Output {
    /// Nothing but this was asked for.
    fn all(text: String) -> Self {
        Self { text, is_all: true }
    }

    /// A mail was asked for, whatever is said of it.
    fn beside(text: String) -> Self {
        let is_all = false;
        Self { text, is_all }
    }

    /// What is said.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says it.
    ///
    /// # Errors
    ///
    /// It can't be written, and nothing but that was asked for (`EX_IOERR`). What
    /// became of a mail does not depend on who hears of it.
    pub fn write(&self, to: &mut dyn Write) -> Result<(), Failure> {
        let written = to.write_all(self.text.as_bytes()).and_then(|()| to.flush());
        match written {
            Err(error) if self.is_all => Err(Failure::io(format!(
                "cannot write to standard output ({error}): give it somewhere to go"
            ))),
            _ => Ok(()),
        }
    }
}

/// Submits what the command line asks for: `args` are the command's arguments, the
/// program's name first; `input` is the mail, where it is read from there.
///
/// # Errors
///
/// One sentence that names the remedy, and whether the mail was sent.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    input: &mut dyn Read,
) -> Result<Output, Failure>
where
    for<'a> (): WasiTarget<'a>,
{
    let flags = match Flags::parse(args)? {
        Action::Print(text) => return Ok(Output::all(text)),
        Action::Submit(flags) => flags,
    };
    if flags.mode == Mode::Settle {
        return settle(&flags);
    }
    let sources = Sources {
        variable: &|name| std::env::var_os(name),
        read: &settings::read_file,
    };
    let settings = Settings::new(&flags, &sources)?;
    match flags.mode {
        Mode::Verify => {
            let mailer = submit::mailer(&settings, &flags)?;
            let verified = block_on(mailer.verify());
            let verified = verified.map_err(|error| Failure::of_mailer(&error))?;
            Ok(Output::all(submit::describe_server(&verified)))
        }
        Mode::Settle => unreachable!("it needs no settings"),
        _ if flags.several() => many(&flags, &settings),
        Mode::DryRun => {
            let mail = message::read(input, &flags, &settings)?;
            Ok(Output::all(describe(&mail)))
        }
        Mode::Submit => {
            // What is wrong with the settings is said before the mail is read.
            let mailer = submit::mailer(&settings, &flags)?;
            let mail = message::read(input, &flags, &settings)?;
            // The conversation and a bar would write over each other.
            let shown = std::io::stderr().is_terminal() && !flags.verbose;
            let mut said = block_on(submit::submit(&mailer, mail, shown))?;
            if !flags.verbose {
                said.clear();
            }
            Ok(Output::beside(said))
        }
    }
}

/// Sends the mails of a folder or an mbox, or says what would be sent.
fn many(flags: &Flags, settings: &Settings) -> Result<Output, Failure>
where
    for<'a> (): WasiTarget<'a>,
{
    let (mails, all) = match &flags.mails {
        Mails::Mbox(path) => Source::mbox(path)?,
        Mails::Folder(path) => Source::folder(path)?,
        Mails::StandardInput => unreachable!("it is one mail"),
    };
    if flags.mode == Mode::DryRun {
        return look_through(mails, flags, settings).map(Output::all);
    }
    let mailer = submit::mailer(settings, flags)?;
    let journal = flags.journal().expect("several mails have one");
    let journal = Journal::open(&journal)?;
    let progress = Progress::new(std::io::stderr().is_terminal(), all, Instant::now());
    let run = Run::new(flags, settings, &mailer, mails, journal, progress);
    let (summary, failure) = block_on(run.send());
    let mut text = Vec::new();
    summary
        .write(&mut text)
        .expect("writing into memory does not fail");
    let text = String::from_utf8_lossy(&text).into_owned();
    match failure {
        None => Ok(Output::beside(text)),
        Some(failure) => Err(failure.with_details(text.lines())),
    }
}

/// Writes down what became of mails that may have been sent.
fn settle(flags: &Flags) -> Result<Output, Failure> {
    let journal = flags.journal().expect("several mails have one");
    let mut journal = Journal::open_existing(&journal)?;
    let timeout = flags.given.timeout.unwrap_or(submit::TIMEOUT);
    let counts = journal.settle(&flags.settled, timeout, SystemTime::now())?;
    let mut text = String::new();
    for (settled, mails) in flags.settled.iter().zip(counts) {
        let how = if settled.is_sent { "sent" } else { "not sent" };
        let _ = writeln!(text, "settled: {}, as {how}", count(mails, "mail"));
    }
    Ok(Output::beside(text))
}

/// What `--dry-run` says of several mails, and whether one could not go.
fn look_through(mails: Source, flags: &Flags, settings: &Settings) -> Result<String, Failure> {
    let mut text = String::new();
    let mut wrong = Vec::new();
    for mail in mails {
        let RawMail { name, raw, .. } = mail?;
        let now = SystemTime::now();
        match raw.and_then(|raw| message::prepare(raw, flags, settings, now)) {
            Ok(mail) => {
                let _ = write!(text, "{}\n{}\n", printable(&name), describe(&mail));
            }
            Err(failure) => wrong.push(format!("{}: {failure}", printable(&name))),
        }
    }
    if wrong.is_empty() {
        return Ok(text);
    }
    let sentence = format!("{} of the mails can't go: mend or remove them", wrong.len());
    Err(Failure::data(sentence).with_details(wrong.iter().map(String::as_str)))
}

/// What `--dry-run` says of a mail.
fn describe(mail: &Mail) -> String {
    let sender = mail.envelope.sender().map_or("", Address::as_str);
    let mut text = format!("from: <{}>\n", printable(sender));
    for recipient in mail.envelope.recipients() {
        let _ = writeln!(text, "to: <{}>", printable(recipient.address().as_str()));
    }
    let _ = writeln!(text, "octets: {}", mail.size());
    let depends = mail.form != Form::default() && !mail.content.is_ascii();
    let when = match (mail.is_reencoded, depends) {
        (false, false) => return text,
        (true, false) => "yes",
        (true, true) => "yes, and again for a server without 8BITMIME",
        (false, true) => "for a server without 8BITMIME",
    };
    let _ = writeln!(text, "re-encoded: {when}");
    text
}
