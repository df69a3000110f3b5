//! What a server does that it does not announce.

use smtp_session::Options;

/// What earlier mails have shown of the mailer's server.
#[derive(Clone, Copy, Default)]
pub(super) struct Learned {
    /// CHUNKING is offered, and BDAT is not known.
    pub(super) no_bdat: bool,
    /// How many mails it takes in a session.
    pub(super) mails: Option<u32>,
}

impl Learned {
    /// How a session talks to it.
    pub(super) fn options(self, options: Options) -> Options {
        match self.no_bdat {
            true => options.chunking(false),
            false => options,
        }
    }

    /// It takes so many, or fewer.
    pub(super) fn takes_in_a_session(&mut self, mails: u32) {
        let least = self.mails.map_or(mails, |before| before.min(mails));
        self.mails = Some(least);
    }
}
