//! Every flag, once: the parser knows no other, and the help, the manual page and
//! the comparison with other sendmails are tested against it.
//!
//! Source: sendmail(1) of Postfix 3.7.11, msmtp(1) of msmtp 1.8.23.

use crate::settings::Setting;

/// A flag, or spellings of one.
pub(crate) struct Flag {
    /// Every spelling, as one writes it.
    pub(crate) names: &'static [&'static str],
    /// What the value is called; empty if there is none.
    pub(crate) value: &'static str,
    pub(crate) does: Does,
    /// What it does, or why it does nothing.
    pub(crate) help: &'static str,
}

/// What a flag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    RecipientsFromHeaders,
    IgnoreDots,
    Set(Setting),
    SenderFromHeader,
    FullName,
    Notify,
    Return,
    EnvelopeId,
    Body,
    Verbose,
    Raw,
    Strict,
    FromDir,
    Mbox,
    Journal,
    Config,
    DryRun,
    Verify,
    Settle {
        is_sent: bool,
    },
    Version,
    Help,
    /// A number makes it sendmail's hop count.
    HelpOrHops,
    /// What is the default already.
    Default,
    /// Of no effect.
    Nothing,
    /// Refused: what to do instead.
    Refuse(&'static str),
}

impl Flag {
    /// The flag that is spelled so.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        FLAGS.iter().find(|flag| flag.names.contains(&name))
    }
}

const fn flag(
    names: &'static [&'static str],
    value: &'static str,
    does: Does,
    help: &'static str,
) -> Flag {
    Flag {
        names,
        value,
        does,
        help,
    }
}

/// A flag that is refused; `help` says what it means elsewhere.
const fn refused(names: &'static [&'static str], help: &'static str, remedy: &'static str) -> Flag {
    flag(names, "", Does::Refuse(remedy), help)
}

/// In the order of the help.
#[rustfmt::skip]
pub(crate) const FLAGS: &[Flag] = &[
    // The mail and its envelope.
    flag(&["-t", "--read-recipients"], "", Does::RecipientsFromHeaders,
        "take recipients from To, Cc and Bcc too, or from the Resent- ones if there are any"),
    flag(&["-i", "-oi"], "", Does::IgnoreDots,
        "a line with a single dot does not end the mail"),
    flag(&["-f", "-r", "--from"], "ADDRESS", Does::Set(Setting::From),
        "the envelope's sender; <> or an empty one is nobody; default: the one in Sender, or else in From"),
    flag(&["--domain"], "NAME", Does::Set(Setting::Domain),
        "complete addresses without a domain: in the envelope, and in From and Sender"),
    flag(&["--read-envelope-from"], "", Does::SenderFromHeader,
        "the sender is the one in Sender, or else in From, whatever the settings say"),
    flag(&["-F"], "NAME", Does::FullName,
        "the full name for a From that has to be added"),
    flag(&["-N", "--dsn-notify"], "WHEN", Does::Notify,
        "ask for reports: never, or some of success,failure,delay"),
    flag(&["-R", "--dsn-return"], "WHAT", Does::Return,
        "what a report gives back: full or hdrs"),
    flag(&["-V"], "ENVID", Does::EnvelopeId,
        "the envelope ID that reports name"),
    flag(&["-B"], "TYPE", Does::Body,
        "the body is 7BIT or 8BITMIME"),
    flag(&["-bm"], "", Does::Default,
        "read a mail and submit it, which is the default"),
    flag(&["--raw"], "", Does::Raw,
        "add nothing to the mail and encode nothing: no Date, Message-ID or From; Bcc is removed all the same"),
    flag(&["--strict"], "", Does::Strict,
        "refuse text that does not go as it is, instead of encoding it: long lines, a CR alone, and beyond ASCII for a server without 8BITMIME"),
    // The server.
    flag(&["--server"], "URL", Does::Set(Setting::Server),
        "smtps://HOST[:465] (TLS) or smtp://HOST[:587] (STARTTLS, required)"),
    flag(&["--user"], "NAME", Does::Set(Setting::User),
        "the user who logs in"),
    flag(&["--password-file"], "FILE", Does::Set(Setting::PasswordFile),
        "a file whose first line is the password"),
    flag(&["--token-file"], "FILE", Does::Set(Setting::TokenFile),
        "a file whose first line is an OAuth 2.0 access token, read anew when the server refuses it"),
    flag(&["--auth"], "MECHANISM", Does::Set(Setting::Auth),
        "log in by this mechanism only, as PLAIN or SCRAM-SHA-256; EXTERNAL needs no user"),
    flag(&["--ehlo"], "NAME", Does::Set(Setting::Ehlo),
        "the name of this machine; default: its address"),
    flag(&["--ca-file"], "FILE", Does::Set(Setting::CaFile),
        "trust the CA certificates in this PEM file, and no others"),
    flag(&["--pin"], "SHA256", Does::Set(Setting::Pin),
        "trust who has the public key with this SHA-256, in hexadecimal digits, and nobody else"),
    flag(&["--client-cert"], "FILE", Does::Set(Setting::ClientCert),
        "show this certificate, in PEM with those above it, to a server that asks for one"),
    flag(&["--client-key"], "FILE", Does::Set(Setting::ClientKey),
        "the private key of --client-cert, in PEM"),
    flag(&["--config"], "FILE", Does::Config,
        "a file of settings, one name = value a line"),
    flag(&["--tries"], "N", Does::Set(Setting::Tries),
        "try a mail so often, 1 to 20; default: 1, for several mails 3"),
    flag(&["--timeout"], "SECONDS", Does::Set(Setting::Timeout),
        "the time for one mail in all, 1 to 86400; default: 3600"),
    // Several mails.
    flag(&["--from-dir"], "DIR", Does::FromDir,
        "submit every mail in this folder, each to the recipients in its header"),
    flag(&["--mbox"], "FILE", Does::Mbox,
        "submit every mail in this mbox, each to the recipients in its header"),
    flag(&["--journal"], "FILE", Does::Journal,
        "the record by which an interrupted run goes on; default: wasi-sendmail.journal in the folder, or FILE.journal beside the mbox"),
    flag(&["--settle-sent"], "MAIL", Does::Settle { is_sent: true },
        "write into the journal that this mail, which may have been sent, was: it is never sent again; all: all of them"),
    flag(&["--settle-unsent"], "MAIL", Does::Settle { is_sent: false },
        "the same, that it was not: the next run sends it; only while no run is under way"),
    flag(&["--connections"], "N", Does::Set(Setting::Connections),
        "use so many connections at a time, 1 to 64; default: 4"),
    flag(&["--rate"], "N", Does::Set(Setting::Rate),
        "submit at most so many mails a minute, 1 to 60000"),
    // What is told.
    flag(&["-v"], "", Does::Verbose,
        "show the conversation with the server, without secrets"),
    flag(&["--dry-run"], "", Does::DryRun,
        "say what would be submitted, and connect to nothing"),
    flag(&["--verify"], "", Does::Verify,
        "connect, log in, say what the server offers, and submit nothing; takes no recipients"),
    flag(&["--version"], "", Does::Version,
        "print the version"),
    flag(&["--help"], "", Does::Help,
        "print this"),
    flag(&["-h"], "", Does::HelpOrHops,
        "print this, if it stands alone; -h N is sendmail's hop count and of no effect"),
    // sendmail's that have no meaning here.
    flag(&["-A"], "X", Does::Nothing, "which of sendmail's config files"),
    flag(&["-C"], "FILE", Does::Nothing, "sendmail's config file; see --config"),
    flag(&["-c"], "", Does::Nothing, "an option of old sendmails"),
    flag(&["-e"], "X", Does::Nothing, "how errors are told: -em, -ep, -eq"),
    flag(&["-G"], "", Does::Nothing, "the mail comes from a gateway"),
    flag(&["-L"], "TAG", Does::Nothing, "the tag in a log"),
    flag(&["-m"], "", Does::Nothing, "the sender stays among an alias' members"),
    flag(&["-n"], "", Does::Nothing, "no aliases"),
    flag(&["-O"], "OPTION=VALUE", Does::Nothing, "an option of sendmail's"),
    flag(&["-o"], "X", Does::Nothing, "an option of sendmail's, but for -oi"),
    flag(&["-p"], "X", Does::Nothing, "the protocol by which the mail came"),
    flag(&["-U"], "", Does::Nothing, "the mail comes from a user"),
    flag(&["-x"], "", Does::Nothing, "an option of AIX' sendmail"),
    // Refused.
    refused(&["-bs"], "SMTP on standard input",
        "there is no server here: give the mail on standard input with its recipients as arguments, or with -t"),
    refused(&["-bp"], "list the queue",
        "there is no queue: the exit code says whether the server took the mail"),
    refused(&["-bd", "-bl"], "be a daemon",
        "there is no server and no queue here: run it once for each mail, or with --from-dir for a folder of them"),
    refused(&["-bi", "-I"], "initialize the aliases",
        "there are no aliases: name full addresses"),
    refused(&["-bv"], "verify recipients",
        "a server tells of recipients when it gets a mail only; --verify tests the connection and the login"),
    refused(&["-bh", "-bH"], "the host status",
        "no host status is kept: leave it out"),
    refused(&["-q"], "run the queue",
        "there is no queue: run it again for a mail that was not sent, or with --from-dir for a folder of them"),
    refused(&["-X"], "a log, or VERP",
        "give -v to see the conversation, and -f for the return path"),
    refused(&["--password"], "the password",
        "other users see command lines: give --password-file FILE, or set WASI_SENDMAIL_PASSWORD"),
];
