//! A server that fails in all the ways that servers and networks do, by a plan, and
//! what it knows of each mail.

use smtp_test_server::{Asked, Deviation, END, Rules, Server, Then};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happens to a mail. Each comes to one mail of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ResetAtMail,
    ResetInMail,
    ResetAtEnd,
    StallAtMail,
    StallAtEnd,
    GoodByeAtMail,
    GoodByeAtEnd,
    RecipientLater,
    MailLater,
    /// The connection ends in place of the reply; the mail was taken, or was not.
    CloseTaken,
    CloseLost,
    /// The connection ends right after the reply.
    CloseAfter,
}

const FAULTS: [(Fault, &str); 12] = [
    (Fault::ResetAtMail, "reset at MAIL"),
    (Fault::ResetInMail, "reset in the mail"),
    (Fault::ResetAtEnd, "reset at the end"),
    (Fault::StallAtMail, "stall at MAIL"),
    (Fault::StallAtEnd, "stall at the end"),
    (Fault::GoodByeAtMail, "421 at MAIL"),
    (Fault::GoodByeAtEnd, "421 at the end"),
    (Fault::RecipientLater, "451 to RCPT"),
    (Fault::MailLater, "451 to the mail"),
    (Fault::CloseTaken, "close, taken"),
    (Fault::CloseLost, "close, not taken"),
    (Fault::CloseAfter, "close after the reply"),
];

/// What the server did, and to which mails.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// How often each fault came.
    pub(super) faults: BTreeMap<&'static str, usize>,
    /// How often a mail was taken without a word.
    silently: BTreeMap<usize, usize>,
    attempts: BTreeMap<usize, usize>,
    /// What happens to the mail of a connection.
    now: HashMap<usize, Option<Fault>>,
}

/// A server, with faults or without, and its plan.
pub(super) fn server(faulty: bool) -> (Server, Arc<Mutex<Plan>>) {
    let plan = Arc::<Mutex<Plan>>::default();
    let rules = Rules::default().only(["PIPELINING", "CHUNKING", "8BITMIME", "AUTH PLAIN"]);
    let server = Server::new(rules);
    if faulty {
        let plan = plan.clone();
        server.deviate(move |asked| lock(&plan).deviate(asked));
    }
    (server, plan)
}

pub(super) fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often each mail was taken.
pub(super) fn taken(server: &Server, plan: &Plan) -> BTreeMap<usize, usize> {
    let mut taken = plan.silently.clone();
    for mail in server.mails() {
        *taken.entry(number(&mail.sender)).or_default() += 1;
    }
    taken
}

/// The mails' senders are `m0@`, `m1@`, ...
fn number(sender: &str) -> usize {
    let number = sender
        .strip_prefix('m')
        .and_then(|rest| rest.split('@').next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or(usize::MAX)
}

impl Plan {
    fn deviate(&mut self, asked: &Asked<'_>) -> Option<Deviation> {
        if let Some(sender) = asked.line.strip_prefix("MAIL FROM:<") {
            let fault = self.begin(number(sender));
            self.now.insert(asked.connection, fault);
        }
        let fault = self.now.get(&asked.connection).copied().flatten()?;
        let end = asked.line == END;
        if end && matches!(fault, Fault::StallAtEnd | Fault::CloseTaken) {
            *self.silently.entry(number(&asked.mail.sender)).or_default() += 1;
        }
        Some(match fault {
            Fault::ResetAtMail if asked.is("MAIL") => Deviation::only(Then::Reset),
            Fault::StallAtMail if asked.is("MAIL") => Deviation::only(Then::Hold),
            Fault::GoodByeAtMail if asked.is("MAIL") => Deviation::say("421 4.3.2 going down"),
            Fault::RecipientLater if asked.is("RCPT") => Deviation::say("451 4.3.0 later"),
            Fault::ResetInMail if asked.is("BDAT") => Deviation::only(Then::Reset),
            Fault::ResetAtEnd if end => Deviation::only(Then::Reset),
            Fault::StallAtEnd if end => Deviation::only(Then::Hold),
            Fault::GoodByeAtEnd if end => Deviation::say("421 4.3.2 going down"),
            Fault::MailLater if end => Deviation::say("451 4.3.0 later"),
            Fault::CloseTaken | Fault::CloseLost if end => Deviation::only(Then::End),
            Fault::CloseAfter if end => Deviation::write(asked.reply).then(Then::End),
            _ => return None,
        })
    }

    /// The first attempt of a mail that has a fault has it; of every fourth of those
    /// mails every attempt has.
    fn begin(&mut self, number: usize) -> Option<Fault> {
        let attempts = self.attempts.entry(number).or_default();
        *attempts += 1;
        let again = *attempts > 1 && !(number / 100).is_multiple_of(4);
        let (fault, name) = *FAULTS.get(number % 100).filter(|_| !again)?;
        *self.faults.entry(name).or_default() += 1;
        Some(fault)
    }
}
