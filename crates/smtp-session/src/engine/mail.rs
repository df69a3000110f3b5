//! A mail as an operation of the engine: what it needs, its course, its end.

use super::ascii::Original;
use super::transaction::{Plan, Transaction};
use super::{Engine, Operation, Protocol, Security, unsent};
use crate::{
    BodyError, Delivery, Envelope, Error, ErrorKind, Extension, Form, Phase, Receipt, Reply,
};
use std::io;

impl Engine {
    /// Starts [`Session::send`](crate::Session::send). Before anything else, it
    /// wants the body up to 64 KiB or its end.
    pub fn send(&mut self, envelope: &Envelope, form: Form) {
        self.begin_mail(envelope, form, false);
    }

    /// The same, with QUIT behind it where nothing but its reply is to follow:
    /// the session ends with it. Elsewhere the session stays usable, for
    /// [`quit`](Self::quit).
    pub fn send_last(&mut self, envelope: &Envelope, form: Form) {
        self.begin_mail(envelope, form, true);
    }

    /// Whether a part of the body, or its end, has to come now. It is `false`
    /// while enough of it waits, so that memory stays bounded.
    pub fn wants_body(&self) -> bool {
        matches!(&self.operation, Some(Operation::Mail(mail)) if mail.wants_body())
    }

    /// Takes the next part of the body, of any length; of more than 16 KiB it
    /// needs memory for all. Without [`wants_body`](Self::wants_body), nothing is
    /// done.
    pub fn body(&mut self, part: &[u8]) {
        self.change_mail(|mail| mail.body(part));
    }

    /// The body has come to its end.
    pub fn end_body(&mut self) {
        self.change_mail(Transaction::end_body);
    }

    /// The body can't be had.
    pub fn fail_body(&mut self, error: io::Error) {
        self.change_mail(|_| Err(ErrorKind::BodyRead(error)));
    }

    fn begin_mail(&mut self, envelope: &Envelope, form: Form, last: bool) {
        if !self.begin(Phase::Mail) {
            let refused = self.outcome.take();
            if let Some(Err(error)) = refused {
                self.outcome = Some(Err(unsent(error, envelope.clone())));
            }
            return;
        }
        // What a server offers behind AUTH may be more.
        let limit = self.capabilities.size_limit();
        let lacks = self.first_missing(envelope, form).is_some()
            || form
                .declared()
                .zip(limit)
                .is_some_and(|(len, limit)| len > limit)
            || (form.may_be_eight_bit() && !self.capabilities.has(Extension::EightBitMime));
        if lacks && !self.asked && !self.ehlo_domain.is_empty() {
            let Operation::Hello(hello) = self.start_hello(true) else {
                unreachable!("it begins with a hello")
            };
            let mail = Box::new((envelope.clone(), form, last));
            self.operation = Some(Operation::MailAfter(hello, mail));
            return;
        }
        self.start_mail(envelope.clone(), form, last);
    }

    /// Starts a mail with the capabilities that are known now.
    pub(super) fn start_mail(&mut self, envelope: Envelope, form: Form, last: bool) {
        let fits = !envelope.needs_smtputf8() || self.capabilities.has(Extension::SmtpUtf8);
        let ascii = match fits {
            true => None,
            false => Original::to_ascii(&envelope, self.options.ascii_domain),
        };
        let wire = match ascii {
            Some((ascii, original)) => (ascii, Some(original)),
            None => (envelope.clone(), None),
        };
        let kind = if envelope.recipients().is_empty() {
            Some(ErrorKind::Invalid(
                "the envelope has no recipients: add one",
            ))
        } else if envelope.parameters().require_tls && self.security == Security::Plaintext {
            Some(ErrorKind::Invalid("REQUIRETLS needs a session over TLS"))
        } else {
            let missing = self.first_missing(&wire.0, form);
            missing.map(ErrorKind::Unsupported)
        };
        if let Some(kind) = kind {
            return self.finish(Err(unsent(Error::new(kind, Phase::Mail), envelope)));
        }
        let offers = |extension| self.capabilities.has(extension);
        let known = form.summary().and_then(|summary| summary.eight_bit_line);
        if let Some(line) = known
            && form.may_be_eight_bit()
            && !offers(Extension::EightBitMime)
        {
            let kind = ErrorKind::Body(BodyError::EightBit { line });
            return self.finish(Err(unsent(Error::new(kind, Phase::Mail), envelope)));
        }
        let pipelining = self.options.pipelining && offers(Extension::Pipelining);
        // Chunk by chunk, each with a round trip, DATA is faster.
        let chunking = self.options.chunking && offers(Extension::Chunking) && pipelining;
        let chunking = chunking || form.is_binary();
        let lmtp = self.options.protocol == Protocol::Lmtp;
        let plan = Plan {
            chunking,
            pipelining,
            // Its reply must not pass for one of LMTP's that is missing.
            quit: last && chunking && pipelining && !lmtp,
            reset: self.needs_reset,
            lmtp,
        };
        let transaction = Transaction::new(wire, form, plan, &self.capabilities);
        if let Some(len) = form.declared()
            && let Err(kind) = transaction.check_len(len)
        {
            let (envelope, _) = transaction.outcomes();
            return self.finish(Err(unsent(Error::new(kind, Phase::Mail), envelope)));
        }
        self.operation = Some(Operation::Mail(Box::new(transaction)));
    }

    fn first_missing(&self, envelope: &Envelope, form: Form) -> Option<Extension> {
        let binary = [Extension::BinaryMime, Extension::Chunking];
        let binary = binary.into_iter().filter(|_| form.is_binary());
        let mut needs = envelope.needs().chain(binary);
        needs.find(|extension| !self.capabilities.has(*extension))
    }

    fn change_mail(&mut self, change: impl FnOnce(&mut Transaction) -> Result<(), ErrorKind>) {
        let Some(Operation::Mail(mail)) = &mut self.operation else {
            return;
        };
        if !mail.wants_body() {
            return;
        }
        match change(mail) {
            Ok(()) => self.fill(),
            Err(kind) => self.stop_mail(kind),
        }
    }

    /// Ends a mail for the body's sake. Before MAIL nothing happened; behind it
    /// only the end of the connection keeps a part from being taken for a whole.
    fn stop_mail(&mut self, kind: ErrorKind) {
        let Some(Operation::Mail(mail)) = self.operation.take() else {
            return;
        };
        if mail.has_begun() {
            self.usable = false;
        }
        self.give_up_mail(*mail, kind, Phase::DataBlock);
    }

    /// Queues what may leave.
    pub(super) fn fill(&mut self) {
        if let Some(Operation::Mail(mail)) = &mut self.operation {
            mail.fill(&mut self.wire, &self.capabilities, &mut self.transcript);
            self.end_mail();
        }
    }

    pub(super) fn on_mail_reply(&mut self, mut mail: Box<Transaction>, reply: Reply, phase: Phase) {
        match mail.on_reply(reply, &mut self.wire) {
            Ok(()) => {
                self.operation = Some(Operation::Mail(mail));
                self.fill();
            }
            Err(kind) => {
                self.usable = false;
                self.give_up_mail(*mail, kind, phase);
            }
        }
    }

    /// Ends the mail, if nothing more is to come.
    fn end_mail(&mut self) {
        let Some(Operation::Mail(mail)) = self
            .operation
            .take_if(|operation| matches!(operation, Operation::Mail(mail) if mail.is_over()))
        else {
            return;
        };
        let mut mail = *mail;
        if mail.closing.is_some() || mail.has_quit() {
            self.usable = false;
        }
        if mail.receipt.is_some() {
            self.needs_reset = false;
            return self.deliver(mail);
        }
        self.needs_reset = true;
        let (kind, phase) = mail
            .failure
            .take()
            .unwrap_or((ErrorKind::Closed, Phase::Rcpt));
        self.give_up_mail(mail, kind, phase);
    }

    /// Ends the mail as it stands.
    pub(super) fn give_up_mail(&mut self, mut mail: Transaction, kind: ErrorKind, phase: Phase) {
        if matches!(kind, ErrorKind::Protocol(_)) {
            mail.distrust(&self.wire);
        }
        let is_command_unknown = matches!(kind, ErrorKind::BdatUnknown(_));
        self.doubtful = mail.is_offered(&self.wire) && !is_command_unknown;
        if self.doubtful {
            self.last_mail = Some(false);
        }
        let delivery = mail.delivery(&self.wire);
        if delivery == Delivery::Sent {
            return self.deliver(mail);
        }
        // Why the server ends the connection, rather than that it does.
        let kind = match (kind, mail.failure.take()) {
            (ErrorKind::Closed | ErrorKind::Io(_) | ErrorKind::TimedOut, Some((kind, _))) => kind,
            (kind, _) => kind,
        };
        let kind = match (kind, mail.closing.take()) {
            (
                ErrorKind::Closed | ErrorKind::Io(_) | ErrorKind::TimedOut | ErrorKind::Refused(_),
                Some(reply),
            ) => ErrorKind::Closing(reply),
            (kind, _) => kind,
        };
        let error = Error::new(kind, phase);
        let (envelope, outcomes) = mail.outcomes();
        self.finish(Err(error.of_mail(delivery, envelope, outcomes)));
    }

    fn deliver(&mut self, mut mail: Transaction) {
        let reply = mail.receipt.take().expect("the caller has looked");
        let (envelope, outcomes) = mail.outcomes();
        let receipt = Receipt {
            envelope,
            outcomes,
            reply,
            is_reencoded: false,
        };
        self.last_mail = Some(true);
        self.finish(Ok(Some(receipt)));
    }
}
