//! The mail transaction: MAIL, RCPT, and the content by DATA or BDAT.

use super::{Awaits, Conversation};
use crate::content::Dotted;
use crate::syntax::{chunk, is_mailbox, path_and_parameters};
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
        let hello = self.hello.as_ref();
        self.mail = Some(Mail {
            connection: self.number,
            ehlo: hello.map(|hello| hello.name.clone()).unwrap_or_default(),
            sender: sender.to_owned(),
            parameters: parameters.into_iter().map(str::to_owned).collect(),
            tls: self.tls.clone(),
            login: self.login.clone(),
            ..Mail::default()
        });
        self.to_block = Some(BLOCK_LEN);
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
        let is_utf8 = parameters
            .iter()
            .any(|one| one.eq_ignore_ascii_case("SMTPUTF8"));
        if !path.is_empty() && !is_mailbox(path, is_utf8) {
            return Err(SYNTAX);
        }
        self.check_parameters("MAIL", &parameters)
    }

    /// Each parameter of MAIL and RCPT needs its extension and a value that it may have.
    fn check_parameters(&self, verb: &str, parameters: &[&str]) -> Result<(), &'static str> {
        let mut seen = Vec::new();
        for parameter in parameters {
            let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let keyword = keyword.to_ascii_uppercase();
            let offers = |name| self.rules().offers(name);
            let number = || value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty();
            let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
            let (is_known, is_right) = match (verb, keyword.as_str()) {
                ("MAIL", "SIZE") => (offers("SIZE"), number() && value.len() <= 20),
                ("MAIL", "BODY") if is(&["BINARYMIME"]) => (offers("BINARYMIME"), true),
                ("MAIL", "BODY") => (offers("8BITMIME"), is(&["7BIT", "8BITMIME"])),
                ("MAIL", "AUTH") => (self.shows_auth(), !value.is_empty()),
                ("MAIL", "SMTPUTF8" | "REQUIRETLS") => (offers(&keyword), value.is_empty()),
                ("MAIL", "RET") => (offers("DSN"), is(&["FULL", "HDRS"])),
                ("MAIL", "ENVID") | ("RCPT", "NOTIFY" | "ORCPT") => {
                    (offers("DSN"), !value.is_empty())
                }
                ("MAIL", "BY") => (offers("DELIVERBY"), value.contains(';')),
                ("MAIL", "HOLDFOR") => (offers("FUTURERELEASE"), number()),
                ("MAIL", "HOLDUNTIL") => (offers("FUTURERELEASE"), !value.is_empty()),
                ("MAIL", "MT-PRIORITY") => (offers("MT-PRIORITY"), value.parse::<i8>().is_ok()),
                _ => (false, true),
            };
            // Up to 20 digits, which 64 bits do not hold (RFC 1870 section 3).
            let size = value.parse::<u128>().unwrap_or(0);
            if !self.is_extended() {
                return Err("555 5.5.4 EHLO first");
            } else if !is_known {
                return Err("555 5.5.4 unknown parameter");
            } else if !is_right {
                return Err("501 5.5.4 a value that the parameter can't have");
            } else if seen.contains(&keyword) {
                return Err("501 5.5.4 parameter given twice");
            } else if keyword == "SIZE" && size > u128::from(self.rules().most_octets()) {
                return Err("552 5.3.4 message too big");
            }
            seen.push(keyword);
        }
        Ok(())
    }

    pub(super) fn rcpt(&mut self, line: &str, arguments: &str) {
        let good = self.check_rcpt(arguments).err();
        if self.answer(line, good.unwrap_or("250 2.1.5 recipient ok")) == 2 {
            let (path, _) = path_and_parameters(arguments, "TO:").unwrap_or_default();
            let mail = self.mail.get_or_insert_default();
            mail.recipients.push(path.to_owned());
        }
    }

    fn check_rcpt(&self, arguments: &str) -> Result<(), &'static str> {
        let mail = self.mail.as_ref().filter(|mail| mail.by == By::Data);
        let mail = mail.ok_or("503 5.5.1 MAIL first")?;
        let utf8 = |one: &String| one.eq_ignore_ascii_case("SMTPUTF8");
        let is_utf8 = mail.parameters.iter().any(utf8);
        let (_, parameters) = path_and_parameters(arguments, "TO:")
            .filter(|(path, _)| {
                is_mailbox(path, is_utf8) || path.eq_ignore_ascii_case("postmaster")
            })
            .ok_or("501 5.5.4 syntax: RCPT TO:<address>")?;
        self.check_parameters("RCPT", &parameters)
    }

    fn has_recipients(&self) -> bool {
        let mail = self.mail.as_ref();
        mail.is_some_and(|mail| !mail.recipients.is_empty())
    }

    pub(super) fn data(&mut self, line: &str) {
        let is_chunked = self.mail.as_ref().is_some_and(|mail| mail.by == By::Bdat);
        let good = match self.has_recipients() && !is_chunked {
            true => "354 end with <CRLF>.<CRLF>",
            false => "503 5.5.1 MAIL and RCPT first",
        };
        if self.answer(line, good) == 3 {
            self.awaits = Awaits::Content(Dotted::new(self.rules().most_octets()));
        }
    }

    /// Takes in what is there of a content.
    pub(super) fn content(&mut self) {
        let len = self.take_octets(self.input.len());
        let Awaits::Content(dotted) = &mut self.awaits else {
            return;
        };
        let used = dotted.feed(&self.input[..len]);
        self.input.drain(..used);
        let refusal = match (dotted.bare_line_end, dotted.too_big) {
            (true, _) => Some("554 5.6.0 bare line end"),
            (_, true) => Some("552 5.3.4 message too big"),
            _ => None,
        };
        let whole = dotted.ended.then(|| std::mem::take(&mut dotted.content));
        self.middle(used);
        if let Some(content) = whole
            && self.next == Then::GoOn
        {
            if let Some(mail) = &mut self.mail {
                mail.content = content;
            }
            self.awaits = Awaits::Command;
            self.end(refusal);
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
        let len = self.take_octets(self.input.len());
        let Awaits::Chunk(chunk) = &mut self.awaits else {
            return;
        };
        let len = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(len);
        chunk.left -= len as u64;
        let octets = self.input.drain(..len);
        if let Some(mail) = &mut self.mail {
            chunk.is_too_big |= (mail.content.len() + len) as u64 > limit;
            mail.by = By::Bdat;
            match chunk.is_too_big {
                true => drop(octets),
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
        self.is_last_in_group = !self.rules().offers("PIPELINING");
        let ready = self.is_extended() && self.has_recipients();
        let refusal = match (ready, chunk.is_too_big) {
            (false, _) => Some("503 5.5.1 MAIL and RCPT first"),
            (_, true) => Some("552 5.3.4 message too big"),
            _ => None,
        };
        if chunk.is_answered {
            // The mail is no whole any more.
        } else if chunk.last {
            self.end(refusal);
        } else {
            let good = format!("250 2.0.0 {} octets received", chunk.octets);
            if self.answer(CHUNK, refusal.unwrap_or(&good)) != 2 {
                self.mail = None;
            }
        }
    }

    /// How many of so many octets are taken before a test is asked.
    fn take_octets(&self, len: usize) -> usize {
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

    /// Answers the mail, and keeps it before anyone reads the answer.
    fn end(&mut self, refusal: Option<&str>) {
        let recipients = self.mail.as_ref().map_or(0, |mail| mail.recipients.len());
        let replies = if self.rules().lmtp { recipients } else { 1 };
        let number = self.server.see(|seen| seen.mails.len()) + 1;
        let queued = format!("250 2.0.0 queued as {number:06}");
        let good = match recipients {
            0 => refusal.unwrap_or("503 5.5.1 no recipients"),
            _ => refusal.unwrap_or(&queued),
        };
        let good = vec![self.as_offered(good); replies.max(1)].join("\r\n");
        let start = self.output.len();
        let deviation = self.deviation(END, &good);
        let takes = match &deviation {
            Some(deviation) => deviation.write.starts_with(b"2"),
            None => good.starts_with('2'),
        };
        let kept = !takes
            || self
                .mail
                .as_ref()
                .is_none_or(|mail| self.server.keeps(mail));
        match deviation {
            _ if !kept => self.deviate(Deviation::say("451 4.3.0 not kept")),
            Some(deviation) => self.deviate(deviation),
            None => self.say(&good),
        };
        let reply = String::from_utf8_lossy(&self.output[start..]).into_owned();
        if let Some(mail) = self.mail.take()
            && recipients > 0
        {
            self.server
                .change(|seen| seen.mails.push(Mail { reply, ..mail }));
        }
    }
}
