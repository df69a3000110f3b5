//! The mail transaction: MAIL, RCPT, and the content by DATA or BDAT.

use super::first_reply;
use super::{Awaits, Conversation};
use crate::content::{Dotted, Lines};
use crate::syntax::{chunk, is_mailbox, is_value, path_and_parameters};
use crate::{BLOCK, By, CHUNK, Deviation, END, Mail, Then};

/// How much of a long mail is read before a test is asked about its middle.
const BLOCK_LEN: usize = 64 * 1024;

/// A chunk that goes on.
pub(super) struct Chunk {
    octets: u64,
    left: u64,
    last: bool,
    /// It was answered already.
    is_answered: bool,
    is_too_big: bool,
}

impl Conversation {
    pub(super) fn mail(&mut self, line: &str, arguments: &str) {
        let good = self.check_mail(arguments).err();
        if self.answer(line, good.unwrap_or("250 2.1.0 sender ok")) != 2 {
            return;
        }
        let (sender, parameters) = path_and_parameters(arguments, "FROM:").unwrap_or_default();
        self.mail = Some(Mail {
            sender: sender.to_owned(),
            parameters: parameters.into_iter().map(str::to_owned).collect(),
            ..self.begin()
        });
    }

    /// A mail of which nothing is known but where it comes from.
    fn begin(&mut self) -> Mail {
        self.to_block = Some(BLOCK_LEN);
        self.lines = Lines::default();
        let hello = self.hello.as_ref();
        Mail {
            connection: self.number,
            ehlo: hello.map(|hello| hello.name.clone()).unwrap_or_default(),
            tls: self.tls.clone(),
            login: self.login.clone(),
            ..Mail::default()
        }
    }

    /// Whether the open mail has this parameter, in any case.
    fn asks_for(&self, parameter: &str) -> bool {
        let mail = self.mail.as_ref();
        mail.is_some_and(|mail| has(&mail.parameters, parameter))
    }

    fn check_mail(&self, arguments: &str) -> Result<(), &'static str> {
        if self.hello.is_none() {
            return Err("503 5.5.1 EHLO first");
        }
        if self.mail.is_some() {
            return Err("503 5.5.1 MAIL was given");
        }
        if self.rules().needs_login && self.login.is_none() {
            return Err("530 5.7.0 authentication required");
        }
        const SYNTAX: &str = "501 5.5.4 syntax: MAIL FROM:<address>";
        let (path, parameters) = path_and_parameters(arguments, "FROM:").ok_or(SYNTAX)?;
        let is_utf8 = has(&parameters, "SMTPUTF8");
        if !path.is_empty() && !is_mailbox(path, is_utf8) {
            return Err(SYNTAX);
        }
        self.check_parameters("MAIL", &parameters, is_utf8)
    }

    /// Each parameter of MAIL and RCPT needs its extension and a value that it may have.
    fn check_parameters(
        &self,
        verb: &str,
        parameters: &[&str],
        is_utf8: bool,
    ) -> Result<(), &'static str> {
        let mut seen = Vec::new();
        for parameter in parameters {
            let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let keyword = keyword.to_ascii_uppercase();
            let is_known = match (verb, keyword.as_str()) {
                ("MAIL", "AUTH") => self.shows_auth(),
                ("MAIL", "BODY") if value.eq_ignore_ascii_case("BINARYMIME") => {
                    self.rules().offers("BINARYMIME")
                }
                _ => extension_of(verb, &keyword).is_some_and(|name| self.rules().offers(name)),
            };
            // Up to 20 digits, which 64 bits do not hold (RFC 1870 section 3).
            let size = value.parse::<u128>().unwrap_or(0);
            // One of these excludes the other (RFC 4865 section 4).
            let only_once = keyword.replace("HOLDUNTIL", "HOLDFOR");
            if !self.is_extended() {
                return Err("555 5.5.4 EHLO first");
            } else if !is_known {
                return Err("555 5.5.4 unknown parameter");
            } else if !is_value(&keyword, value, is_utf8) {
                return Err("501 5.5.4 a value that the parameter can't have");
            } else if seen.contains(&only_once) {
                return Err("501 5.5.4 parameter given twice");
            } else if keyword == "SIZE" && size > u128::from(self.rules().most_octets()) {
                return Err("552 5.3.4 message too big");
            }
            seen.push(only_once);
        }
        Ok(())
    }

    pub(super) fn rcpt(&mut self, line: &str, arguments: &str) {
        let good = self.check_rcpt(arguments).err();
        if self.answer(line, good.unwrap_or("250 2.1.5 recipient ok")) == 2 {
            let (path, _) = path_and_parameters(arguments, "TO:").unwrap_or_default();
            let mail = self.mail.take().unwrap_or_else(|| self.begin());
            let mail = self.mail.insert(mail);
            mail.recipients.push(path.to_owned());
        }
    }

    fn check_rcpt(&self, arguments: &str) -> Result<(), &'static str> {
        let mail = self.mail.as_ref().filter(|mail| mail.by == By::Data);
        mail.ok_or("503 5.5.1 MAIL first")?;
        let is_utf8 = self.asks_for("SMTPUTF8");
        let is_path =
            |path: &str| is_mailbox(path, is_utf8) || path.eq_ignore_ascii_case("postmaster");
        let (_, parameters) = path_and_parameters(arguments, "TO:")
            .filter(|(path, _)| is_path(path))
            .ok_or("501 5.5.4 syntax: RCPT TO:<address>")?;
        self.check_parameters("RCPT", &parameters, is_utf8)
    }

    fn has_recipients(&self) -> bool {
        let mail = self.mail.as_ref();
        mail.is_some_and(|mail| !mail.recipients.is_empty())
    }

    pub(super) fn data(&mut self, line: &str) {
        let is_chunked = self.mail.as_ref().is_some_and(|mail| mail.by == By::Bdat);
        let good = match () {
            () if !self.has_recipients() || is_chunked => "503 5.5.1 MAIL and RCPT first",
            () if self.asks_for("BODY=BINARYMIME") => "503 5.5.1 BDAT for BINARYMIME",
            () => "354 end with <CRLF>.<CRLF>",
        };
        if self.answer(line, good) == 3 {
            self.awaits = Awaits::Content(Dotted::new(self.rules().most_octets()));
        }
    }

    /// Takes in what is there of a content.
    pub(super) fn content(&mut self) {
        let len = self.take_octets();
        let Awaits::Content(dotted) = &mut self.awaits else {
            return;
        };
        let used = dotted.feed(&self.input[..len]);
        self.input.drain(..used);
        let (ended, too_big) = (dotted.ended, dotted.too_big);
        if (ended || self.to_block == Some(used))
            && let Some(mail) = &mut self.mail
        {
            mail.content.clone_from(&dotted.content);
        }
        if ended {
            self.lines = std::mem::take(&mut dotted.lines);
        }
        self.middle(used);
        if ended && self.next == Then::GoOn {
            self.awaits = Awaits::Command;
            self.is_last_in_group = !self.pipelines();
            self.end(too_big);
        }
    }

    pub(super) fn bdat(&mut self, line: &str, arguments: &str) {
        let Some((octets, last)) = chunk(arguments) else {
            // Nobody knows where the next command begins.
            self.answer(line, "501 5.5.4 syntax: BDAT octets [LAST]");
            self.next = Then::End;
            return;
        };
        // A good server says nothing before the chunk is there.
        let deviation = self.deviation(line, "");
        let is_answered = deviation.is_some();
        if let Some(deviation) = deviation {
            self.mail = None;
            self.deviate(deviation);
        }
        self.awaits = Awaits::Chunk(Chunk {
            octets,
            left: octets,
            last,
            is_answered,
            is_too_big: false,
        });
        if octets == 0 {
            self.chunk();
        }
    }

    /// Takes in what is there of a chunk: it follows even when it is not welcome.
    pub(super) fn chunk(&mut self) {
        let limit = self.rules().most_octets();
        let len = self.take_octets();
        let Awaits::Chunk(chunk) = &mut self.awaits else {
            return;
        };
        let len = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(len);
        chunk.left -= len as u64;
        let octets = self.input.drain(..len);
        if let Some(mail) = &mut self.mail {
            chunk.is_too_big |= (mail.content.len() + len) as u64 > limit;
            mail.by = By::Bdat;
            let lines = &mut self.lines;
            let octets = octets.inspect(|byte| lines.feed(*byte));
            match chunk.is_too_big {
                true => octets.for_each(drop),
                false => mail.content.extend(octets),
            }
        } else {
            drop(octets);
        }
        let is_whole = chunk.left == 0;
        self.middle(len);
        if is_whole && self.next == Then::GoOn {
            self.end_of_chunk();
        }
    }

    fn end_of_chunk(&mut self) {
        let awaits = std::mem::replace(&mut self.awaits, Awaits::Command);
        let Awaits::Chunk(chunk) = awaits else { return };
        self.is_last_in_group = !self.pipelines();
        if chunk.is_answered {
            // The mail is no whole any more.
        } else if chunk.last {
            self.end(chunk.is_too_big);
        } else {
            let good = match (
                self.is_extended() && self.has_recipients(),
                chunk.is_too_big,
            ) {
                (false, _) => "503 5.5.1 MAIL and RCPT first".to_owned(),
                (_, true) => "552 5.3.4 message too big".to_owned(),
                _ => format!("250 2.0.0 {} octets received", chunk.octets),
            };
            if self.answer(CHUNK, &good) != 2 {
                self.mail = None;
            }
        }
    }

    /// How many of the octets that are there are taken before a test is asked.
    fn take_octets(&self) -> usize {
        let len = self.input.len();
        self.to_block.map_or(len, |left| left.min(len))
    }

    /// In the middle of a mail of which `len` more octets were read.
    fn middle(&mut self, len: usize) {
        let left = self.to_block.map(|left| left - len);
        self.to_block = left.filter(|left| *left > 0);
        if left == Some(0)
            && let Some(deviation) = self.deviation(BLOCK, "")
        {
            self.deviate(deviation);
        }
    }

    /// What is wrong with a mail that was read to its end.
    fn refusal(&self, is_too_big: bool) -> Option<&'static str> {
        let is_binary = self.asks_for("BODY=BINARYMIME");
        let is_eight_bit = self.asks_for("BODY=8BITMIME") || self.asks_for("SMTPUTF8");
        let is_chunked = self.mail.as_ref().is_some_and(|mail| mail.by == By::Bdat);
        match &self.lines {
            _ if !self.has_recipients() || (is_chunked && !self.is_extended()) => {
                Some("503 5.5.1 MAIL and RCPT first")
            }
            _ if is_too_big => Some("552 5.3.4 message too big"),
            _ if is_binary => None,
            lines if lines.bare_line_end => Some("554 5.6.0 bare line end"),
            lines if lines.too_long => Some("554 5.6.0 a line of more than 1000 octets"),
            lines if lines.eight_bit && !is_eight_bit => Some("554 5.6.1 BODY=8BITMIME first"),
            _ => None,
        }
    }

    /// Answers the mail, and keeps it before anyone sees that it is answered.
    fn end(&mut self, is_too_big: bool) {
        let mail = self.mail.as_ref();
        let recipients = mail.map_or(0, |mail| mail.recipients.len());
        let replies = if self.rules().lmtp {
            recipients.max(1)
        } else {
            1
        };
        let each = |reply: &str| vec![self.as_offered(reply); replies].join("\r\n");
        let good = match self.refusal(is_too_big) {
            Some(refusal) => each(refusal),
            None => each(&format!(
                "250 2.0.0 queued as {:06}",
                self.server.number_mail()
            )),
        };
        let deviation = self.deviation(END, &good);
        let said = deviation.unwrap_or_else(|| Deviation::say(&good));
        let takes = recipients > 0 && takes(&said.write, replies);
        let is_kept = !takes || mail.is_none_or(|mail| self.server.keeps(mail));
        let said = match is_kept {
            true => said,
            false => Deviation::say(&each("451 4.3.0 not kept")),
        };
        if let Some(mail) = self.mail.take() {
            let reply = String::from_utf8_lossy(&said.write).into_owned();
            let is_taken = takes && is_kept;
            let mail = Mail {
                reply,
                is_taken,
                ..mail
            };
            self.server.change(|seen| seen.mails.push(mail));
        }
        self.deviate(said);
    }
}

/// The extension that a parameter of a command belongs to.
fn extension_of(verb: &str, keyword: &str) -> Option<&'static str> {
    Some(match (verb, keyword) {
        ("MAIL", "SIZE") => "SIZE",
        ("MAIL", "BODY") => "8BITMIME",
        ("MAIL", "SMTPUTF8") => "SMTPUTF8",
        ("MAIL", "REQUIRETLS") => "REQUIRETLS",
        ("MAIL", "RET" | "ENVID") | ("RCPT", "NOTIFY" | "ORCPT") => "DSN",
        ("MAIL", "BY") => "DELIVERBY",
        ("MAIL", "HOLDFOR" | "HOLDUNTIL") => "FUTURERELEASE",
        ("MAIL", "MT-PRIORITY") => "MT-PRIORITY",
        _ => return None,
    })
}

/// Whether a parameter is among them, in any case.
fn has(parameters: &[impl AsRef<str>], parameter: &str) -> bool {
    let mut parameters = parameters.iter();
    parameters.any(|one| one.as_ref().eq_ignore_ascii_case(parameter))
}

/// Whether one of the first replies, each of which may have many lines, takes a mail.
fn takes(said: &[u8], mut replies: usize) -> bool {
    let mut rest = said;
    while replies > 0 && !rest.is_empty() {
        if rest.starts_with(b"2") {
            return true;
        }
        rest = &rest[first_reply(rest)..];
        replies -= 1;
    }
    false
}
