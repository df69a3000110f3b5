//! A client that sends what it is told and expects what it is told.

use smtp_test_server::{Conversation, Rules, Server, Then};

pub(crate) const EHLO: &str = "EHLO client.test -> 250-";
pub(crate) const DATA: &str = "
    MAIL FROM:<a@test.local> | RCPT TO:<b@test.local> | DATA -> 250 2.1.0 | 250 2.1.5 | 354";

pub(crate) struct Client {
    pub(crate) conversation: Conversation,
    pub(crate) server: Server,
}

impl Client {
    /// A connection on which the greeting was read.
    pub(crate) fn new(rules: Rules) -> Self {
        Self::of(Server::new(rules))
    }

    pub(crate) fn of(server: Server) -> Self {
        let conversation = server.open();
        let mut this = Self {
            conversation,
            server,
        };
        assert!(this.read().starts_with("220 "));
        this
    }

    /// A connection on which EHLO was said.
    pub(crate) fn open(rules: Rules) -> Self {
        let mut this = Self::new(rules);
        this.talk(EHLO);
        this
    }

    /// Sends bytes and gives what is said to them.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> String {
        self.conversation.handle(bytes.as_ref());
        self.read()
    }

    pub(crate) fn read(&mut self) -> String {
        let output = self.conversation.output().to_vec();
        self.conversation.written(output.len());
        String::from_utf8(output).expect("text")
    }

    /// Plays a transcript of lines `command | command -> reply | reply`: the commands of
    /// a line are sent at once, and the replies need only start so. Gives the last ones.
    pub(crate) fn talk(&mut self, transcript: &str) -> String {
        let mut said = String::new();
        let lines = transcript.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty()) {
            let (commands, expected) = line.split_once(" -> ").expect("an arrow");
            said = self.send(commands.replace(" | ", "\r\n") + "\r\n");
            let is_last = |line: &&str| line.get(3..4) != Some("-");
            let mut firsts = Vec::new();
            let mut is_first = true;
            for line in said.lines() {
                if is_first {
                    firsts.push(line);
                }
                is_first = is_last(&line);
            }
            let expected: Vec<_> = expected.split(" | ").collect();
            let fits = |(said, start): (&&str, &&str)| said.starts_with(start);
            assert!(
                firsts.len() == expected.len() && firsts.iter().zip(&expected).all(fits),
                "{commands}: {firsts:?} are not {expected:?}"
            );
        }
        said
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.conversation.next() == Then::End
    }
}
