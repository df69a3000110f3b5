//! AUTH: the dialogue (RFC 4954). Whether a password is right says `auth`.

use super::{Awaits, Conversation};
use crate::Login;

/// A login that goes on.
pub(super) struct Exchange {
    mechanism: String,
    step: Step,
}

enum Step {
    /// So many more responses, which nobody looks at.
    Unchecked(u32),
    #[cfg(feature = "auth")]
    Checked(crate::auth::Awaiting),
}

impl Conversation {
    pub(super) fn auth(&mut self, line: &str, arguments: &str) {
        let (mechanism, initial) = match arguments.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial)),
            None => (arguments, None),
        };
        let mechanism = mechanism.to_ascii_uppercase();
        let offered = self.rules().offered("AUTH").unwrap_or_default();
        let is_offered = offered
            .split(' ')
            .any(|one| one.eq_ignore_ascii_case(&mechanism));
        let refusal = match () {
            () if !self.is_extended() => Some("503 5.5.1 EHLO first"),
            () if self.login.is_some() => Some("503 5.5.1 logged in already"),
            () if self.mail.is_some() => Some("503 5.5.1 not within a transaction"),
            () if !self.rules().offers("AUTH") => Some("502 5.5.1 no AUTH here"),
            () if !self.shows_auth() => Some("538 5.7.11 encryption required"),
            () => (!is_offered).then_some("504 5.5.4 unknown mechanism"),
        };
        let (step, challenge) = self.start(&mechanism);
        let exchange = Exchange { mechanism, step };
        match (refusal, initial) {
            (Some(refusal), _) => self.verdict(line, refusal, exchange, String::new()),
            // `=` is an empty response, which could not be told from none.
            (None, Some("=")) => self.check(line, "", exchange),
            (None, Some(initial)) => self.check(line, initial, exchange),
            (None, None) => self.verdict(line, &challenge, exchange, String::new()),
        }
    }

    /// The state of a new exchange, and the challenge for a client that waits for one.
    fn start(&self, mechanism: &str) -> (Step, String) {
        #[cfg(feature = "auth")]
        if !self.rules().users.is_empty()
            && let Some((awaiting, challenge)) = crate::auth::start(mechanism)
        {
            return (Step::Checked(awaiting), challenge);
        }
        let responses = if mechanism == "LOGIN" { 2 } else { 1 };
        (Step::Unchecked(responses), "334 ".to_owned())
    }

    pub(super) fn response(&mut self, line: &str, exchange: Exchange) {
        match line {
            "*" => self.verdict(line, "501 5.7.0 cancelled", exchange, String::new()),
            response => self.check(line, response, exchange),
        }
    }

    /// Takes a response, in base64.
    fn check(&mut self, line: &str, response: &str, exchange: Exchange) {
        let Exchange { mechanism, step } = exchange;
        let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        let is_base64 = response.len().is_multiple_of(4) && response.chars().all(base64);
        let (step, reply, user) = match step {
            Step::Unchecked(_) if !is_base64 => {
                let refusal = "501 5.5.2 not base64".to_owned();
                (Step::Unchecked(0), refusal, String::new())
            }
            Step::Unchecked(left @ 2..) => {
                (Step::Unchecked(left - 1), "334 ".to_owned(), String::new())
            }
            Step::Unchecked(_) => (
                Step::Unchecked(0),
                "235 2.7.0 welcome".to_owned(),
                String::new(),
            ),
            #[cfg(feature = "auth")]
            Step::Checked(awaiting) => {
                let verdict = awaiting.step(response, &self.rules().users);
                let step = verdict.then.map_or(Step::Unchecked(0), Step::Checked);
                (step, verdict.reply, verdict.user)
            }
        };
        self.verdict(line, &reply, Exchange { mechanism, step }, user);
    }

    /// Says `good`; what is said decides how it goes on.
    fn verdict(&mut self, line: &str, good: &str, exchange: Exchange, user: String) {
        match self.answer(line, good) {
            3 => self.awaits = Awaits::Response(exchange),
            2 => {
                let mechanism = exchange.mechanism;
                self.login = Some(Login { mechanism, user });
            }
            _ => {}
        }
    }
}
