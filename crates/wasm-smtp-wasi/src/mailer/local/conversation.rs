//! The server's side of a conversation, without I/O.
//!
//! Source: RFC 5321 section 4; RFC 3030 section 2 (BDAT); RFC 4954 (AUTH).

use super::{LocalMail, LocalServer, lock};
use std::collections::VecDeque;

/// What the server offers.
const OFFERS: [&str; 8] = [
    "local.invalid",
    "PIPELINING",
    "8BITMIME",
    "SMTPUTF8",
    "CHUNKING",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "AUTH PLAIN OAUTHBEARER XOAUTH2",
];

pub(super) struct Conversation {
    server: LocalServer,
    pub(super) output: VecDeque<u8>,
    /// The connection ends once the output was read.
    pub(super) is_over: bool,
    /// What is not handled yet.
    input: Vec<u8>,
    awaits: Awaits,
    mail: Option<LocalMail>,
}

/// What comes next from the client.
enum Awaits {
    Command,
    /// The response to a challenge.
    Response,
    /// Lines up to the dot.
    Lines,
    /// So many octets of a chunk, which is the last or not.
    Chunk {
        len: usize,
        last: bool,
    },
    /// So many octets of a chunk that was refused.
    Refused {
        len: usize,
    },
}

impl Conversation {
    pub(super) fn new(server: LocalServer) -> Self {
        let mut this = Self {
            server,
            output: VecDeque::new(),
            is_over: false,
            input: Vec::new(),
            awaits: Awaits::Command,
            mail: None,
        };
        match this.server.answer_to("CONNECT") {
            Some(reply) => this.say_instead(&reply),
            None => this.say("220 local.invalid ESMTP"),
        }
        this
    }

    /// How many connections the server has hung up.
    pub(super) fn hung_up(&self) -> usize {
        lock(&self.server.0).hung_up
    }

    /// Takes what the client wrote.
    pub(super) fn handle(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while !self.is_over && self.step() {}
    }

    /// Handles one command or piece of a mail, if all of it is there.
    fn step(&mut self) -> bool {
        match self.awaits {
            Awaits::Chunk { len, last } => return self.chunk(len, last),
            Awaits::Refused { len } => return self.take_octets(len).is_some(),
            Awaits::Command | Awaits::Response | Awaits::Lines => {}
        }
        let Some(end) = self.input.iter().position(|byte| *byte == b'\n') else {
            return false;
        };
        let line: Vec<u8> = self.input.drain(..=end).collect();
        match self.awaits {
            Awaits::Lines => self.line(&line),
            Awaits::Response => {
                self.awaits = Awaits::Command;
                self.say("235 2.7.0 welcome");
            }
            Awaits::Command | Awaits::Chunk { .. } | Awaits::Refused { .. } => {
                let line = String::from_utf8_lossy(&line);
                self.command(line.trim_end_matches(['\r', '\n']));
            }
        }
        true
    }

    fn command(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let verb = verb.to_ascii_uppercase();
        if let Some(reply) = self.server.answer_to(line) {
            // Its octets come all the same, and the mail is no whole any more.
            if verb == "BDAT" {
                self.mail = None;
                let (len, _) = chunk_of(rest);
                self.awaits = Awaits::Refused { len };
            }
            self.say_instead(&reply);
            return;
        }
        match verb.as_str() {
            "EHLO" => {
                let (last, others) = OFFERS.split_last().expect("it is not empty");
                others
                    .iter()
                    .for_each(|offer| self.say(&format!("250-{offer}")));
                self.say(&format!("250 {last}"));
            }
            "HELO" => self.say("250 local.invalid"),
            "AUTH" if rest.contains(' ') => self.say("235 2.7.0 welcome"),
            "AUTH" => {
                self.awaits = Awaits::Response;
                self.say("334 ");
            }
            "MAIL" => self.begin(rest),
            "RCPT" => self.recipient(rest),
            "DATA" if self.has_recipients() => {
                self.awaits = Awaits::Lines;
                self.say("354 go on");
            }
            "BDAT" => {
                let (len, last) = chunk_of(rest);
                self.awaits = Awaits::Chunk { len, last };
            }
            "DATA" => self.say("503 5.5.1 no recipients"),
            "RSET" => {
                self.mail = None;
                self.say("250 2.0.0 forgotten");
            }
            "NOOP" => self.say("250 2.0.0 here"),
            "QUIT" => {
                self.say("221 2.0.0 good-bye");
                self.is_over = true;
            }
            _ => self.say("500 5.5.2 unknown command"),
        }
    }

    fn begin(&mut self, rest: &str) {
        self.mail = Some(LocalMail {
            sender: path(rest),
            recipients: Vec::new(),
            content: Vec::new(),
        });
        self.say("250 2.1.0 go on");
    }

    fn recipient(&mut self, rest: &str) {
        match &mut self.mail {
            Some(mail) => {
                mail.recipients.push(path(rest));
                self.say("250 2.1.5 go on");
            }
            None => self.say("503 5.5.1 no MAIL"),
        }
    }

    fn has_recipients(&self) -> bool {
        let mail = self.mail.as_ref();
        mail.is_some_and(|mail| !mail.recipients.is_empty())
    }

    /// Takes a chunk, once all of it is there.
    fn chunk(&mut self, len: usize, last: bool) -> bool {
        let Some(chunk) = self.take_octets(len) else {
            return false;
        };
        let takes = self
            .mail
            .as_mut()
            .filter(|mail| !mail.recipients.is_empty());
        let Some(mail) = takes else {
            self.say("503 5.5.1 no recipients");
            return true;
        };
        mail.content.extend(chunk);
        match last {
            true => self.end(),
            false => self.say("250 2.0.0 go on"),
        }
        true
    }

    /// The next octets, once all of them are there; a command follows.
    fn take_octets(&mut self, len: usize) -> Option<Vec<u8>> {
        if self.input.len() < len {
            return None;
        }
        self.awaits = Awaits::Command;
        Some(self.input.drain(..len).collect())
    }

    /// Takes a line of a mail by DATA.
    fn line(&mut self, line: &[u8]) {
        if line == b".\r\n" {
            self.awaits = Awaits::Command;
            self.end();
        } else if let Some(mail) = &mut self.mail {
            mail.content
                .extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
    }

    /// Takes the mail over.
    fn end(&mut self) {
        let mail = self.mail.take();
        if let Some(reply) = self.server.answer_to(".") {
            self.say_instead(&reply);
            return;
        }
        match mail.map(|mail| self.server.take(mail)) {
            Some(Ok(number)) => self.say(&format!("250 2.0.0 queued as {number:06}")),
            // The reason may name a folder of the machine.
            Some(Err(error)) => self.say(&format!("451 4.3.0 not written: {}", error.kind())),
            None => self.say("503 5.5.1 no mail"),
        }
    }

    fn say(&mut self, reply: &str) {
        self.output.extend(reply.bytes().chain(*b"\r\n"));
    }

    fn say_instead(&mut self, reply: &str) {
        self.is_over = reply.is_empty() || reply.starts_with("421");
        if !reply.is_empty() {
            self.say(reply);
        }
    }
}

/// How many octets BDAT announces, and whether they are the last.
fn chunk_of(rest: &str) -> (usize, bool) {
    let (len, last) = rest.split_once(' ').unwrap_or((rest, ""));
    let len = len.trim().parse().unwrap_or(0);
    (len, last.eq_ignore_ascii_case("LAST"))
}

/// What stands between the angle brackets of MAIL and RCPT.
fn path(rest: &str) -> String {
    let Some((_, path)) = rest.split_once('<') else {
        return String::new();
    };
    let mut quoted = false;
    let mut escaped = false;
    let end = path.find(|c| {
        let is_end = c == '>' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    });
    path[..end.unwrap_or(path.len())].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_end_where_they_do() {
        for (rest, expected) in [
            ("FROM:<a@b> SIZE=3", "a@b"),
            ("FROM:<>", ""),
            (r#"TO:<"a>b"@c> NOTIFY=NEVER"#, r#""a>b"@c"#),
            (r#"TO:<"a\">b"@c>"#, r#""a\">b"@c"#),
            ("TO:", ""),
        ] {
            assert_eq!(path(rest), expected);
        }
    }

    fn replies(conversation: &mut Conversation, said: &str) -> Vec<String> {
        conversation.handle(said.as_bytes());
        let output: Vec<u8> = conversation.output.drain(..).collect();
        let output = String::from_utf8(output).expect("text");
        output.lines().map(|line| line[..3].to_owned()).collect()
    }

    #[test]
    fn a_mail_goes_by_data_and_by_chunks_in_any_pieces() {
        let server = LocalServer::new();
        let mut conversation = Conversation::new(server.clone());
        let by_data = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n..y\r\n.\r\n";
        for byte in by_data.chars() {
            conversation.handle(byte.to_string().as_bytes());
        }
        let by_chunks =
            "MAIL FROM:<>\r\nRCPT TO:<c@d>\r\nBDAT 3\r\nx\r\nBDAT 4 LAST\r\n.y\r\nQUIT\r\n";
        let codes = replies(&mut conversation, by_chunks);
        let expected = [
            "220", "250", "250", "354", "250", "250", "250", "250", "250", "221",
        ];
        assert_eq!(codes, expected);
        assert!(conversation.is_over);
        let mails = server.mails();
        assert_eq!(mails[0].content, mails[1].content);
        assert_eq!(mails[0].content, b"x\r\n.y\r\n");
        assert_eq!(
            (mails[0].sender.as_str(), mails[1].sender.as_str()),
            ("a@b", "")
        );
    }

    #[test]
    fn what_is_out_of_order_is_refused() {
        let mut conversation = Conversation::new(LocalServer::new());
        let said = "RCPT TO:<a@b>\r\nDATA\r\nBDAT 1 LAST\r\nxWHAT\r\nAUTH PLAIN\r\nAAA=\r\n";
        let codes = replies(&mut conversation, said);
        assert_eq!(codes, ["220", "503", "503", "503", "500", "334", "235"]);
    }

    #[test]
    fn answers_are_used_up_in_order() {
        let server = LocalServer::new();
        server.answer("NOOP", "450 not now", Some(1));
        server.answer("noop", "421 enough", Some(1));
        let mut conversation = Conversation::new(server);
        let codes = replies(&mut conversation, "NOOP\r\nNOOP\r\nNOOP\r\n");
        assert_eq!(codes, ["220", "450", "421"]);
        assert!(conversation.is_over);
    }
}
