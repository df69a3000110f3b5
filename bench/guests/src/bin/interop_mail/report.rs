//! What a case came to.

use smtp_session::Error;

/// What a case came to, as far as the client can tell.
pub(crate) enum Report {
    /// The server took a mail: `mail TAB its name TAB local parts TAB note`.
    Mail {
        id: String,
        /// Whose mailboxes it has to be in, separated by commas.
        to: String,
        note: String,
    },
    /// It is as it has to be, without a mail: `ok TAB note`.
    Right(String),
    /// The server does not offer it, and the error says so: `absent TAB why`.
    Absent(String),
    /// `wrong TAB what`.
    Wrong(String),
}

impl Report {
    /// Anything that should not have happened.
    pub(crate) fn wrong(what: impl ToString) -> Self {
        Self::Wrong(what.to_string())
    }

    /// An error of a session, with what became of the mail.
    pub(crate) fn unexpected(error: &Error) -> Self {
        let delivery = error.delivery();
        Self::Wrong(format!("{error} ({delivery:?})"))
    }

    pub(crate) fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong(_))
    }

    /// Prints it.
    pub(crate) fn print(&self, listener: &str, mechanism: &str, case: &str) {
        let line = |text: &str| text.replace(['\t', '\n', '\r'], " ");
        let result = match self {
            Self::Mail { id, to, note } => format!("mail\t{id}\t{to}\t{}", line(note)),
            Self::Right(note) => format!("ok\t{}", line(note)),
            Self::Absent(why) => format!("absent\t{}", line(why)),
            Self::Wrong(what) => format!("wrong\t{}", line(what)),
        };
        println!("{listener}\t{mechanism}\t{case}\t{result}");
    }
}
