//! The commands and their order: EHLO, STARTTLS, QUIT, and which one is whose.

use super::{AUTH_LINE, COMMAND_LINE, Conversation, Hello, NAME};
use crate::deviation::MOMENTS;
use crate::syntax::is_domain;
use crate::{OVER, Then};

/// Commands whose reply a client awaits even with PIPELINING (RFC 2920 section 3.1,
/// RFC 3207 section 4, RFC 4954 section 4).
const LAST_IN_GROUP: [&str; 9] = [
    "AUTH", "DATA", "EHLO", "HELO", "LHLO", "NOOP", "QUIT", "STARTTLS", "VRFY",
];

/// What an extension adds to the longest line of MAIL, in octets: its parameters with
/// the longest values.
const LONGER_MAIL: [(&str, usize); 9] = [
    ("SIZE", 26),
    ("8BITMIME", 17),
    ("AUTH", 500),
    ("SMTPUTF8", 10),
    ("DSN", 116),
    ("DELIVERBY", 17),
    ("FUTURERELEASE", 34),
    ("MT-PRIORITY", 15),
    ("REQUIRETLS", 11),
];

impl Conversation {
    pub(super) fn command(&mut self, line: &str) {
        // A line that would pass for a moment is none.
        let line = if MOMENTS.contains(&line) { "?" } else { line };
        let (word, arguments) = line.split_once(' ').unwrap_or((line, ""));
        let verb = word.to_ascii_uppercase();
        let verb = verb.as_str();
        self.is_last_in_group = !self.pipelines() || LAST_IN_GROUP.contains(&verb);
        // Behind BDAT comes its chunk.
        if self.is_last_in_group && verb != "BDAT" && !self.input.is_empty() {
            return self.too_early();
        }
        let lmtp = self.rules().lmtp;
        match verb {
            _ if line.len() + 2 > self.line_limit(verb) => {
                self.answer(line, "500 5.5.2 line too long");
            }
            "EHLO" | "HELO" if !lmtp => self.hello(line, arguments, verb == "EHLO"),
            "LHLO" if lmtp => self.hello(line, arguments, true),
            "STARTTLS" => self.starttls(line, arguments),
            "AUTH" => self.auth(line, arguments),
            "MAIL" => self.mail(line, arguments),
            "RCPT" => self.rcpt(line, arguments),
            "BDAT" if self.rules().offers("CHUNKING") => self.bdat(line, arguments),
            "DATA" | "RSET" | "QUIT" if !arguments.is_empty() => {
                self.answer(line, "501 5.5.4 no argument allowed");
            }
            "DATA" => self.data(line),
            "RSET" => {
                if self.answer(line, "250 2.0.0 forgotten") == 2 {
                    self.mail = None;
                }
            }
            "QUIT" => self.quit(line),
            verb => {
                self.answer(line, by_rote(verb, arguments));
            }
        }
    }

    /// Octets of a command line, with what the offered extensions add to it.
    fn line_limit(&self, verb: &str) -> usize {
        let longer = LONGER_MAIL
            .iter()
            .filter(|(name, _)| self.rules().offers(name));
        match verb {
            "AUTH" => AUTH_LINE,
            "MAIL" => COMMAND_LINE + longer.map(|(_, octets)| octets).sum::<usize>(),
            // RFC 3461 section 4.
            "RCPT" if self.rules().offers("DSN") => COMMAND_LINE + 500,
            _ => COMMAND_LINE,
        }
    }

    fn hello(&mut self, line: &str, name: &str, is_extended: bool) {
        // No other letters, whatever is offered (RFC 6531 section 3.7.1).
        let good = match is_domain(name) && name.is_ascii() {
            true => self.greeting(name, is_extended),
            false => "501 5.5.4 not a domain".to_owned(),
        };
        let start = self.output.len();
        if self.answer(line, &good) == 2 {
            let said = String::from_utf8_lossy(&self.output[start..]);
            let offers = said.lines().skip(1).filter_map(|line| line.get(4..));
            let rules = || self.server.rules().clone().only(offers);
            self.offers = (said.trim_end() != good).then(rules);
            let name = name.to_owned();
            self.hello = Some(Hello { name, is_extended });
            self.mail = None;
        }
    }

    fn greeting(&self, name: &str, is_extended: bool) -> String {
        let rules = self.server.rules();
        let mut last = format!("{NAME} greets {name}");
        let mut lines = String::new();
        let starttls = "STARTTLS".to_owned();
        let starttls = (self.can_starttls && !self.is_tls).then_some(&starttls);
        let offers = rules.offers.iter().filter(|offer| self.shows(offer));
        for offer in offers.chain(starttls).filter(|_| is_extended) {
            lines += &format!("250-{last}\r\n");
            offer.clone_into(&mut last);
        }
        format!("{lines}250 {last}")
    }

    /// Whether an extension can be used as things are.
    fn shows(&self, offer: &str) -> bool {
        match offer.split([' ', '=']).next() {
            Some("STARTTLS") => false,
            Some("AUTH") => self.is_tls || !self.can_starttls,
            _ => true,
        }
    }

    /// No password goes in plaintext where there could be TLS.
    pub(super) fn shows_auth(&self) -> bool {
        self.rules().offers("AUTH") && !self.has_starttls()
    }

    /// STARTTLS is offered now, by the server or because a test made it say so.
    fn has_starttls(&self) -> bool {
        let said = self.offers.as_ref().map(|offers| offers.offers("STARTTLS"));
        !self.is_tls && said.unwrap_or(self.can_starttls)
    }

    /// Several commands may come at once.
    pub(super) fn pipelines(&self) -> bool {
        self.is_extended() && self.rules().offers("PIPELINING")
    }

    pub(super) fn is_extended(&self) -> bool {
        self.hello.as_ref().is_some_and(|hello| hello.is_extended)
    }

    fn starttls(&mut self, line: &str, arguments: &str) {
        let good = if !arguments.is_empty() {
            "501 5.5.4 no argument allowed"
        } else if self.is_tls {
            "503 5.5.1 TLS is on"
        } else if !self.is_extended() {
            "503 5.5.1 EHLO first"
        } else if self.has_starttls() {
            "220 2.0.0 go ahead"
        } else {
            "502 5.5.1 no TLS here"
        };
        if self.answer(line, good) == 2 && self.next == Then::GoOn {
            self.next = Then::StartTls;
        }
    }

    fn quit(&mut self, line: &str) {
        if self.answer(line, "221 2.0.0 bye") != 2 {
            return;
        }
        self.change(|connection| connection.quit = true);
        if self.next != Then::GoOn {
            return;
        }
        self.next = Then::End;
        if let Some(deviation) = self.deviation(OVER, "") {
            self.deviate(deviation);
        }
    }
}

/// The reply to what changes nothing.
fn by_rote(verb: &str, arguments: &str) -> &'static str {
    match verb {
        "NOOP" => "250 2.0.0 done",
        "VRFY" if arguments.is_empty() => "501 5.5.4 whom?",
        "VRFY" => "252 2.0.0 send some mail and see",
        "HELP" => "214 2.0.0 see RFC 5321",
        _ => "500 5.5.1 unknown command",
    }
}
