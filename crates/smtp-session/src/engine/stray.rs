//! What a server says that is no reply, or that no command asked for.

use super::{Engine, OUT_OF_STEP, Operation};
use crate::reply::Malformed;
use crate::transcript::Speaker;
use crate::{Delivery, Error, ErrorKind, Phase, Receipt, Reply};

impl Engine {
    /// Takes what is no reply, which ends the session.
    pub(super) fn malformed(&mut self, malformed: Malformed) {
        let amid_mail = matches!(&self.operation, Some(Operation::Mail(_)));
        match malformed {
            // As `220-` and `521`: what it says at last counts. Of a mail nobody knows.
            Malformed::Codes(reply) if !amid_mail && !reply.is_positive() => {
                self.log_reply(&reply);
                self.on_reply(reply);
                self.usable = false;
            }
            malformed => {
                let (kind, said) = self.no_reply(malformed);
                self.break_off(kind);
                self.outcome = self.outcome.take().map(|outcome| {
                    outcome.map_err(|error| match error.kind() {
                        ErrorKind::Protocol(_) => error.with_said(said),
                        _ => error,
                    })
                });
            }
        }
    }

    /// What is wrong and what was said, which is shown; but not amid AUTH or right after
    /// it, where it may have a secret in it that was sent before.
    fn no_reply(&mut self, malformed: Malformed) -> (ErrorKind, Option<String>) {
        let kind = ErrorKind::Protocol(malformed.text());
        let said = malformed.said().filter(|_| self.secrets.is_empty());
        if let Some(said) = &said {
            self.log(Speaker::Server, said);
        }
        (kind, said)
    }

    /// Takes input without an operation that waits for it.
    pub(super) fn surplus(&mut self, input: &[u8]) {
        let was_usable = std::mem::replace(&mut self.usable, false);
        // A server may go at any time, and says so (RFC 5321 section 3.8), and no more.
        let mut lines = input.split_inclusive(|byte| *byte == b'\n');
        let is_good_bye = lines.all(|line| b"421".starts_with(&line[..line.len().min(3)]));
        // Elsewhere it may be the reply to what was given up.
        if was_usable {
            self.listen(input);
        }
        match self.outcome.take() {
            // One reply too many: any of them may be it, and the mail's own may
            // be this one.
            Some(Ok(Some(receipt))) if !is_good_bye => {
                self.outcome = Some(Err(in_doubt(receipt)));
            }
            Some(Err(error)) if self.doubtful && !is_good_bye => {
                self.outcome = Some(Err(error.doubted()));
            }
            Some(Err(error)) if self.last_mail.is_some() && !is_good_bye => {
                self.outcome = Some(Err(error.doubt_last_mail()));
            }
            Some(Ok(None)) if self.upgrading => self.refuse(
                ErrorKind::Protocol("something in plaintext behind its reply to STARTTLS"),
                Phase::StartTls,
            ),
            outcome => self.outcome = outcome,
        }
    }

    /// Keeps what the server says at last, for whoever goes on.
    fn listen(&mut self, mut input: &[u8]) {
        while !input.is_empty() {
            let (kind, said) = match self.wire.reader.read(&mut input) {
                Ok(None) => return,
                Ok(Some(mut reply)) => {
                    self.redact(&mut reply);
                    self.log_reply(&reply);
                    last_word(reply)
                }
                Err(malformed) => self.no_reply(malformed),
            };
            self.last_word = Some((kind, said));
        }
    }
}

/// Of a mail whose receipt may be the reply to another command.
pub(crate) fn in_doubt(receipt: Receipt) -> Error {
    let Receipt {
        envelope, outcomes, ..
    } = receipt;
    let error = Error::new(OUT_OF_STEP, Phase::DataTermination);
    error.of_mail(Delivery::MaybeSent, envelope, outcomes)
}

fn last_word(reply: Reply) -> (ErrorKind, Option<String>) {
    match reply.code() {
        421 => (ErrorKind::Closing(reply), None),
        _ => (OUT_OF_STEP, Some(reply.to_text())),
    }
}
