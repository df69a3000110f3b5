//! The beginning of each operation.

use super::{Engine, Operation, Security};
use crate::{Credentials, Error, ErrorKind, Extension, Phase};

impl Engine {
    /// Starts [`Session::hello`](crate::Session::hello).
    pub fn hello(&mut self, ehlo_domain: &str) {
        let printable = |b: u8| matches!(b, b'!'..=b'~');
        let fits = (1..=255).contains(&ehlo_domain.len()) && ehlo_domain.bytes().all(printable);
        if !self.begin(Phase::Ehlo) {
        } else if !fits {
            self.refuse(
                ErrorKind::Invalid(
                    "the EHLO name has to be 1 to 255 printable ASCII characters: a domain, or an address like [192.0.2.1]",
                ),
                Phase::Ehlo,
            );
        } else {
            ehlo_domain.clone_into(&mut self.ehlo_domain);
            let again = self.known;
            self.operation = Some(self.start_hello(again));
        }
    }

    /// Starts STARTTLS. Once it succeeded, the stream belongs to TLS, and an
    /// engine made by [`upgraded`](Self::upgraded) goes on.
    pub fn starttls(&mut self) {
        if !self.begin(Phase::StartTls) {
        } else if self.security != Security::Plaintext {
            let kind = ErrorKind::Invalid("the session has TLS already: leave STARTTLS out");
            self.refuse(kind, Phase::StartTls);
        } else if !self.capabilities.has(Extension::StartTls) {
            self.refuse(ErrorKind::Unsupported(Extension::StartTls), Phase::StartTls);
        } else {
            self.queue_line("STARTTLS");
            let end = self.wire.queued();
            self.operation = Some(Operation::StartTls { end });
        }
    }

    /// Starts [`Session::authenticate`](crate::Session::authenticate).
    pub fn authenticate(&mut self, credentials: &Credentials) {
        if !self.begin(Phase::Auth) {
        } else if self.needs_reset {
            // AUTH is not allowed within a transaction (RFC 4954 section 4).
            self.queue_line("RSET");
            let end = self.wire.queued();
            let credentials = credentials.clone();
            self.operation = Some(Operation::AuthAfter { end, credentials });
        } else {
            self.begin_auth(credentials.clone());
        }
    }

    pub(super) fn begin_auth(&mut self, credentials: Credentials) {
        match self.start_auth(credentials, 0) {
            Ok(operation) => self.operation = Some(operation),
            Err(kind) => self.finish(Err(Error::new(kind, Phase::Auth))),
        }
    }

    /// Starts RSET.
    pub fn reset(&mut self) {
        if self.begin(Phase::Command) {
            self.queue_line("RSET");
            let end = self.wire.queued();
            self.operation = Some(Operation::Reset { end });
        }
    }

    /// Starts NOOP.
    pub fn noop(&mut self) {
        if self.begin(Phase::Command) {
            self.queue_line("NOOP");
            let end = self.wire.queued();
            self.operation = Some(Operation::Noop { end });
        }
    }

    /// Starts QUIT.
    pub fn quit(&mut self) {
        if self.begin(Phase::Quit) {
            self.queue_line("QUIT");
            let end = self.wire.queued();
            self.operation = Some(Operation::Quit { end });
        }
    }

    /// Whether an operation can begin; otherwise its outcome is there.
    pub(super) fn begin(&mut self, phase: Phase) -> bool {
        self.outcome = None;
        self.given_up = self.given_up();
        self.doubtful = false;
        self.secrets.clear();
        // One that was given up: its replies are still to come, and what is left
        // of it must not go out.
        if self.operation.take().is_some() || self.wire.reader.is_amid() {
            self.wire.discard();
            self.usable = false;
        }
        if phase == Phase::Quit && std::mem::take(&mut self.may_quit) {
            return true;
        }
        if !self.usable {
            let (kind, said) = self.last_word.take().unwrap_or((ErrorKind::Unusable, None));
            self.finish(Err(Error::new(kind, phase).with_said(said)));
            return false;
        }
        if !self.greeted && phase != Phase::Ehlo {
            let kind = ErrorKind::Invalid("the session has not begun: call `hello` first");
            self.refuse(kind, phase);
            return false;
        }
        true
    }
}
