//! `sendmail` for WASI: submits mails by SMTP.
//!
//! This library is the command without its `main`, so that its parts can be
//! tested natively: [`run`] does everything, and a [`Failure`] is one sentence
//! with an exit code of sysexits.h.

mod failure;
mod flags;
mod message;
mod secret;
mod settings;
mod submit;

pub use failure::Failure;

use flags::{Action, Flags, Mode};
use message::Mail;
use settings::{Settings, Sources};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Read;
use wasm_smtp_wasi::{WasiTarget, block_on};

/// Submits what the command line asks for: `args` are the command's arguments, the
/// program's name first; `input` is the mail, where it is read from there. Returns
/// what to print on standard output.
///
/// # Errors
///
/// One sentence that names the remedy, and whether the mail was sent.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    input: &mut dyn Read,
) -> Result<String, Failure>
where
    for<'a> (): WasiTarget<'a>,
{
    let flags = match Flags::parse(args)? {
        Action::Print(text) => return Ok(text),
        Action::Submit(flags) => flags,
    };
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
            Ok(submit::describe_server(&verified))
        }
        Mode::DryRun => Ok(describe(&message::read(input, &flags, &settings)?)),
        Mode::Submit => {
            // What is wrong with the settings is said before the mail is read.
            let mailer = submit::mailer(&settings, &flags)?;
            let mail = message::read(input, &flags, &settings)?;
            let report = block_on(submit::submit(&mailer, mail))?;
            Ok(match flags.verbose {
                true => submit::describe(&report),
                false => String::new(),
            })
        }
    }
}

/// What `--dry-run` says of a mail.
fn describe(mail: &Mail) -> String {
    let sender = mail.envelope.sender().map(ToString::to_string);
    let mut text = format!("from: <{}>\n", sender.unwrap_or_default());
    for recipient in mail.envelope.recipients() {
        let _ = writeln!(text, "to: <{}>", recipient.address());
    }
    let _ = writeln!(text, "octets: {}", mail.content.len());
    text
}
