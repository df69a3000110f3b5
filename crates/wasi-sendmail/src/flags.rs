//! The command line: sendmail's flags for submission, as Postfix and msmtp take
//! them, and our own.
//!
//! Each flag stands in the table of `flags/table.rs`, which is all that the parser
//! knows.

mod help;
mod table;
#[cfg(test)]
mod tests;
mod values;

use crate::Failure;
use crate::many::journal::Settled;
use crate::settings::{Layer, Sender, Setting, filled};
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use table::{Does, Flag};
use wasm_smtp_wasi::mailer::parse_addresses;
use wasm_smtp_wasi::smtp_session::{Address, EnvelopeId, Form, Notify, Ret};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Action {
    /// Print this and end.
    Print(String),
    Submit(Box<Flags>),
}

/// How to submit.
#[derive(Default)]
pub(crate) struct Flags {
    pub(crate) mails: Mails,
    pub(crate) mode: Mode,
    /// Each a list, as in a header: some mail programs give it so.
    recipients: Vec<String>,
    /// With several mails it is always so.
    pub(crate) recipients_from_headers: bool,
    pub(crate) ignore_dots: bool,
    /// For a From that has to be added.
    pub(crate) full_name: Option<String>,
    pub(crate) notify: Option<Notify>,
    pub(crate) ret: Option<Ret>,
    pub(crate) envelope_id: Option<EnvelopeId>,
    pub(crate) verbose: bool,
    /// Nothing is added to the mail, and nothing in it is encoded.
    pub(crate) raw: bool,
    /// Nothing in it is encoded.
    strict: bool,
    pub(crate) config: Option<PathBuf>,
    /// The flags' part of the settings.
    pub(crate) given: Layer,
    /// -f with a name of this machine's, as cron gives it: the next source decides.
    pub(crate) local_sender: Option<String>,
    /// What became of mails that may have been sent.
    pub(crate) settled: Vec<Settled>,
    /// As given; [`Flags::journal`] knows the default.
    pub(crate) journal_file: Option<PathBuf>,
}

/// Where the mails are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Mails {
    #[default]
    StandardInput,
    Folder(PathBuf),
    Mbox(PathBuf),
}

/// What is done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Submit,
    /// Say what would be submitted, without a connection.
    DryRun,
    /// Connect, log in, and say what the server offers.
    Verify,
    /// Write down what became of mails that may have been sent.
    Settle,
}

/// Without the server's URL, which may hold a password, and without addresses.
impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flags")
            .field("mails", &self.mails)
            .field("mode", &self.mode)
            .field("recipients", &self.recipients.len())
            .finish_non_exhaustive()
    }
}

impl Flags {
    /// Reads the arguments, the program's name first.
    ///
    /// # Errors
    ///
    /// A flag is unknown, is refused, has a wrong value or contradicts another.
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Action, Failure> {
        let args: Vec<OsString> = args.into_iter().collect();
        let alone = args.len() == 2 && args[1] == "-h";
        let mut flags = Self::default();
        let mut parser = Parser::from_iter(args);
        while let Some(arg) = parser.next().map_err(wrong_argument)? {
            let name = match arg {
                Arg::Short(c) => format!("-{c}"),
                Arg::Long(name) => format!("--{name}"),
                Arg::Value(list) => {
                    flags.recipients.push(text("the command line", list)?);
                    continue;
                }
            };
            let (name, flag) = find(name, &mut parser)?;
            let mut value = None;
            if !flag.value.is_empty() && !name.starts_with("-o") {
                value = Some(text(&name, parser.value().map_err(wrong_argument)?)?);
            }
            match flag.does {
                Does::Refuse(remedy) => {
                    return Err(Failure::usage(format_args!("{name} is refused: {remedy}")));
                }
                Does::Version => return Ok(Action::Print(help::version())),
                Does::Help => return Ok(Action::Print(help::help())),
                Does::HelpOrHops if alone => return Ok(Action::Print(help::help())),
                Does::HelpOrHops => hops(&mut parser)?,
                does => flags.take(does, &name, value.unwrap_or_default())?,
            }
        }
        flags.check()?;
        Ok(Action::Submit(Box::new(flags)))
    }

    /// Whether there may be more than one mail.
    pub(crate) fn several(&self) -> bool {
        self.mails != Mails::StandardInput
    }

    /// How mails are to be taken.
    pub(crate) fn form(&self) -> Form {
        match self.strict || self.raw {
            true => Form::default(),
            false => Form::default().reencode(),
        }
    }

    /// The recipients on the command line; `domain` completes those that have none.
    ///
    /// # Errors
    ///
    /// A list can't be read, or is empty.
    pub(crate) fn recipients(&self, domain: Option<&str>) -> Result<Vec<Address>, Failure> {
        let mut recipients = Vec::new();
        for list in &self.recipients {
            let addresses = parse_addresses(list, domain).map_err(|wrong| {
                let flag = Failure::flag_for(&wrong);
                Failure::usage(format_args!("on the command line {wrong}{flag}"))
            })?;
            if addresses.is_empty() {
                return Err(Failure::usage(
                    "a recipient on the command line is empty: write name@domain",
                ));
            }
            recipients.extend(addresses);
        }
        Ok(recipients)
    }

    /// The record by which an interrupted run goes on; several mails have one.
    pub(crate) fn journal(&self) -> Option<PathBuf> {
        let default = match &self.mails {
            Mails::StandardInput => return None,
            Mails::Folder(folder) => folder.join("wasi-sendmail.journal"),
            Mails::Mbox(mbox) => beside(mbox),
        };
        Some(self.journal_file.clone().unwrap_or(default))
    }

    fn take(&mut self, does: Does, name: &str, value: String) -> Result<(), Failure> {
        let wrong = |what: String| Failure::usage(format_args!("{name} {what}"));
        match does {
            Does::RecipientsFromHeaders => self.recipients_from_headers = true,
            Does::IgnoreDots => self.ignore_dots = true,
            Does::Set(Setting::From) if self.given.sender == Some(Sender::FromHeader) => {
                return Err(two_senders());
            }
            Does::Set(Setting::From) if is_local_name(&value) => {
                self.given.sender = None;
                self.local_sender = Some(value);
            }
            Does::Set(Setting::Server) if has_password(&value) => {
                return Err(Failure::usage(format_args!(
                    "{name} has a password, and other users see command lines: leave that out and give --password-file FILE, or set {}",
                    Setting::Server.variable()
                )));
            }
            Does::Set(setting) => self.given.set(setting, &value).map_err(wrong)?,
            Does::SenderFromHeader => match self.given.sender {
                None | Some(Sender::FromHeader) => self.given.sender = Some(Sender::FromHeader),
                Some(_) => return Err(two_senders()),
            },
            Does::FullName => self.full_name = values::full_name(value).map_err(wrong)?,
            Does::Notify => self.notify = values::notify(&value).map_err(wrong)?,
            Does::Return => self.ret = values::ret(&value).map_err(wrong)?,
            Does::EnvelopeId => {
                self.envelope_id = Some(values::envelope_id(&value).map_err(wrong)?);
            }
            Does::Body => values::body(&value).map_err(wrong)?,
            Does::Verbose => self.verbose = true,
            Does::Raw => self.raw = true,
            Does::Strict => self.strict = true,
            Does::FromDir => self.take_mails(Mails::Folder(path(name, value)?))?,
            Does::Mbox => self.take_mails(Mails::Mbox(path(name, value)?))?,
            Does::Journal => self.journal_file = Some(path(name, value)?),
            Does::Config => self.config = Some(path(name, value)?),
            Does::DryRun => self.take_mode(Mode::DryRun)?,
            Does::Verify => self.take_mode(Mode::Verify)?,
            Does::Settle { is_sent } => {
                self.take_mode(Mode::Settle)?;
                let mail = Some(filled(&value).map_err(wrong)?.to_owned());
                let mail = mail.filter(|mail| mail != "all");
                self.settled.push(Settled { mail, is_sent });
            }
            Does::Default
            | Does::Nothing
            | Does::Version
            | Does::Help
            | Does::HelpOrHops
            | Does::Refuse(_) => {}
        }
        Ok(())
    }

    fn take_mails(&mut self, mails: Mails) -> Result<(), Failure> {
        if self.several() {
            return Err(Failure::usage(
                "--from-dir and --mbox name one source of mails: run it once for each",
            ));
        }
        self.mails = mails;
        Ok(())
    }

    fn take_mode(&mut self, mode: Mode) -> Result<(), Failure> {
        if ![Mode::Submit, mode].contains(&self.mode) {
            return Err(Failure::usage(
                "--dry-run, --verify and the settling of doubts are runs of their own: give one of them",
            ));
        }
        self.mode = mode;
        Ok(())
    }

    /// What only all flags together show.
    fn check(&mut self) -> Result<(), Failure> {
        let wrong = if self.several() {
            self.recipients_from_headers = true;
            if !self.recipients.is_empty() {
                "with --from-dir or --mbox every mail goes to the recipients in its own header: leave those on the command line out"
            } else if self.mode == Mode::Verify {
                "--verify sends no mail: leave --from-dir and --mbox out, or give --dry-run to look through them"
            } else {
                return Ok(());
            }
        } else if self.mode == Mode::Verify && !self.recipients.is_empty() {
            "--verify sends no mail, and a server tells of recipients when it gets one only: leave them out"
        } else if self.mode == Mode::Settle {
            "--settle-sent and --settle-unsent are about several mails: give them with --from-dir or --mbox"
        } else if self.journal_file.is_some() {
            "--journal is for several mails: give it with --from-dir or --mbox"
        } else if self.given.connections.is_some() {
            "--connections is for several mails: give it with --from-dir or --mbox"
        } else if self.given.rate.is_some() {
            "--rate is for several mails: give it with --from-dir or --mbox"
        } else {
            return Ok(());
        };
        Err(Failure::usage(wrong))
    }
}

/// The flag of this name. Those of -b and -o are told apart by their value.
fn find(name: String, parser: &mut Parser) -> Result<(String, &'static Flag), Failure> {
    let full = match name.as_str() {
        "-b" | "-o" => {
            let value = parser.value().map_err(wrong_argument)?;
            format!("{name}{}", text(&name, value)?)
        }
        _ => name,
    };
    let found = Flag::find(&full).or_else(|| {
        let option = full.starts_with("-o");
        Flag::find("-o").filter(|_| option)
    });
    found.map(|flag| (full.clone(), flag)).ok_or_else(|| {
        let full = full.escape_debug();
        Failure::usage(format_args!("the flag {full} is unknown: leave it out"))
    })
}

/// Takes sendmail's hop count. Anything else is no request for help that could
/// end well: the mail would not be sent, and the exit code would be 0.
fn hops(parser: &mut Parser) -> Result<(), Failure> {
    let is_number = |value: &std::ffi::OsStr| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        value.to_str().is_some_and(digits)
    };
    let taken = match parser.optional_value() {
        Some(attached) => is_number(&attached),
        None => parser
            .try_raw_args()
            .and_then(|mut rest| rest.next_if(is_number))
            .is_some(),
    };
    if taken {
        Ok(())
    } else {
        Err(Failure::usage(
            "-h takes sendmail's hop count, a number: give --help for help",
        ))
    }
}

/// Whether it is a local part alone.
fn is_local_name(value: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-+".contains(&b);
    value.starts_with(|c: char| c.is_ascii_alphanumeric()) && value.bytes().all(fits)
}

/// Whether the server's URL has a password, encoded as it should be or not.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    rest.rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

fn two_senders() -> Failure {
    Failure::usage(
        "--read-envelope-from takes the sender from the mail and -f names another: give one of them",
    )
}

/// Says what is wrong without the value, which may be a secret.
fn wrong_argument(error: lexopt::Error) -> Failure {
    match error {
        lexopt::Error::MissingValue {
            option: Some(option),
        } => Failure::usage(format_args!("{option} needs a value: write it behind it")),
        lexopt::Error::UnexpectedValue { option, .. } => Failure::usage(format_args!(
            "{option} takes no value: leave out what follows it"
        )),
        _ => Failure::usage("an argument can't be read: write it as UTF-8"),
    }
}

fn text(name: &str, value: OsString) -> Result<String, Failure> {
    value.into_string().map_err(|_| {
        Failure::usage(format_args!(
            "{name} has text that is no UTF-8: write it as UTF-8"
        ))
    })
}

fn path(name: &str, value: String) -> Result<PathBuf, Failure> {
    if value.is_empty() {
        return Err(Failure::usage(format_args!(
            "{name} has no value: name a file"
        )));
    }
    Ok(value.into())
}

/// `FILE.journal`, whatever the file's extension is.
fn beside(mbox: &Path) -> PathBuf {
    let mut name = mbox.as_os_str().to_owned();
    name.push(".journal");
    name.into()
}
