//! The command line: sendmail's flags for submission, and a few of our own.

use crate::Failure;
use lexopt::{Arg, ValueExt};
use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
const HELP: &str = "\
Submits the mail on standard input by SMTP, over TLS.

Usage: wasi-sendmail [FLAGS] [RECIPIENT ...] < mail.eml

  -t               take recipients from To, Cc and Bcc too; Bcc is removed
  -i, -oi          a line with a single dot does not end the mail
  -f ADDRESS       the envelope's sender; default: the address in From
  -v               say what the server replied
  --server URL     smtps://USER:PASSWORD@HOST[:465]  TLS from the first byte
                   smtp://USER:PASSWORD@HOST[:587]   TLS by STARTTLS, required
                   ?ehlo=NAME names this machine; the default is its address.
                   Reserved characters are percent-encoded: @ is %40, : is %3A.
                   Better given in the environment as WASI_SENDMAIL_SERVER,
                   which other users cannot see.
  --ca-file FILE   trust the CA certificates in this PEM file, and no others
  -V, --version    print the version
  -h, --help       print this

It exits with 0 once the server has taken the mail for every recipient,
otherwise with a code of sysexits.h and one sentence on standard error. 75 says
that a later try may work.
";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Action {
    /// Print this and end.
    Print(String),
    Submit(Flags),
}

/// How to submit.
#[derive(Default)]
pub(crate) struct Flags {
    pub(crate) recipients_from_headers: bool,
    pub(crate) ignore_dots: bool,
    pub(crate) sender: Option<String>,
    pub(crate) verbose: bool,
    pub(crate) server: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) recipients: Vec<String>,
}

/// Without the server's URL, which holds a password.
impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flags")
            .field("recipients", &self.recipients)
            .finish_non_exhaustive()
    }
}

impl Flags {
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Action, Failure> {
        let mut flags = Self::default();
        let mut parser = lexopt::Parser::from_iter(args);
        while let Some(arg) = parser.next().map_err(Failure::usage)? {
            match arg {
                Arg::Short('t') => flags.recipients_from_headers = true,
                Arg::Short('i') => flags.ignore_dots = true,
                Arg::Short('o') => match text(parser.value())?.as_str() {
                    "i" => flags.ignore_dots = true,
                    option => {
                        return Err(Failure::usage(format_args!(
                            "the option -o{} is unknown: leave it out",
                            option.escape_debug()
                        )));
                    }
                },
                Arg::Short('f') => flags.sender = Some(text(parser.value())?),
                Arg::Short('v') => flags.verbose = true,
                Arg::Long("server") => flags.server = Some(text(parser.value())?),
                Arg::Long("ca-file") => {
                    flags.ca_file = Some(parser.value().map_err(Failure::usage)?.into());
                }
                Arg::Short('V') | Arg::Long("version") => {
                    let version = env!("CARGO_PKG_VERSION");
                    return Ok(Action::Print(format!("wasi-sendmail {version}\n")));
                }
                Arg::Short('h') | Arg::Long("help") => return Ok(Action::Print(HELP.into())),
                Arg::Value(recipient) => flags.recipients.push(text(Ok(recipient))?),
                unknown => return Err(Failure::usage(unknown.unexpected())),
            }
        }
        Ok(Action::Submit(flags))
    }
}

fn text(value: Result<OsString, lexopt::Error>) -> Result<String, Failure> {
    value
        .and_then(|value| value.string())
        .map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Action, Failure> {
        Flags::parse(["wasi-sendmail"].iter().chain(args).map(OsString::from))
    }

    fn flags(args: &[&str]) -> Flags {
        match parse(args) {
            Ok(Action::Submit(flags)) => flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sendmails_spellings_are_known() {
        let found = flags(&[
            "-t",
            "-oi",
            "-fme@example.org",
            "you@example.org",
            "--",
            "-odd@example.org",
        ]);
        assert!(found.recipients_from_headers && found.ignore_dots);
        assert_eq!(found.sender.as_deref(), Some("me@example.org"));
        assert_eq!(found.recipients, ["you@example.org", "-odd@example.org"]);
        assert!(flags(&["-ti"]).ignore_dots);
        assert_eq!(
            flags(&["--server=smtps://h"]).server.as_deref(),
            Some("smtps://h")
        );
    }

    #[test]
    fn unknown_flags_are_refused_by_name() {
        for (args, name) in [
            (&["-q"], "-q"),
            (&["--sever"], "--sever"),
            (&["-ox"], "-ox"),
            (&["-f"], "-f"),
        ] {
            let failure = parse(args).unwrap_err();
            assert_eq!(failure.exit_code(), 64);
            assert!(failure.to_string().contains(name), "{failure}");
        }
    }

    #[test]
    fn help_names_every_flag_and_debug_hides_the_server() {
        for flag in [
            "-t",
            "-i",
            "-oi",
            "-f",
            "-v",
            "--server",
            "--ca-file",
            "-V",
            "-h",
        ] {
            assert!(HELP.contains(flag), "{flag}");
        }
        let shown = format!("{:?}", flags(&["--server", "smtps://u:secret@h"]));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
