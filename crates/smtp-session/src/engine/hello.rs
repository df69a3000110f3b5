//! The greeting, EHLO with its fallback to HELO, and LHLO.
//!
//! Source: RFC 5321 sections 3.1, 3.2 and 4.1.1.1; RFC 2033 section 4.1 (LHLO).

use super::{Engine, Operation, Protocol};
use crate::{Capabilities, ErrorKind, Phase, Reply};

/// Where an exchange of names stands.
#[derive(Debug)]
pub(super) struct Hello {
    step: Step,
    /// Where its command ends.
    end: u64,
    /// It was asked before in this phase of the session, or for a mail: a
    /// refusal changes nothing.
    again: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Greeting,
    Ehlo,
    Helo,
}

impl Hello {
    pub(super) fn phase(&self) -> Phase {
        match self.step {
            Step::Greeting => Phase::Greeting,
            Step::Ehlo | Step::Helo => Phase::Ehlo,
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }
}

impl Engine {
    /// Begins with the greeting, if that is still to come.
    pub(super) fn start_hello(&mut self, again: bool) -> Operation {
        if self.greeted {
            return self.say_hello(Step::Ehlo, again);
        }
        Operation::Hello(Hello {
            step: Step::Greeting,
            end: self.wire.queued(),
            again,
        })
    }

    fn say_hello(&mut self, step: Step, again: bool) -> Operation {
        let verb = match (step, self.options.protocol) {
            (Step::Helo, _) => "HELO",
            (_, Protocol::Smtp) => "EHLO",
            (_, Protocol::Lmtp) => "LHLO",
        };
        let line = format!("{verb} {}", self.ehlo_domain);
        self.queue_line(&line);
        Operation::Hello(Hello {
            step,
            end: self.wire.queued(),
            again,
        })
    }

    /// Gives the next step, if there is one.
    pub(super) fn on_hello_reply(
        &mut self,
        hello: &Hello,
        reply: Reply,
    ) -> Result<Option<Operation>, ErrorKind> {
        match hello.step {
            Step::Greeting if reply.is_positive() => {
                self.greeted = true;
                return Ok(Some(self.say_hello(Step::Ehlo, hello.again)));
            }
            // RFC 5321 section 3.1: nothing but QUIT follows.
            Step::Greeting => {
                self.usable = false;
                self.may_quit = true;
            }
            Step::Ehlo if reply.is_positive() => {
                self.capabilities = Capabilities::of(&reply);
                (self.known, self.asked) = (true, true);
                return Ok(None);
            }
            // Some servers want to be asked once only.
            Step::Ehlo if hello.again && reply.is_permanent() => {
                (self.known, self.asked) = (true, true);
                return Ok(None);
            }
            // RFC 5321 section 3.2: an old server.
            Step::Ehlo if reply.is_permanent() && self.options.protocol == Protocol::Smtp => {
                self.ehlo_refusal = Some(reply);
                return Ok(Some(self.say_hello(Step::Helo, false)));
            }
            Step::Helo if reply.is_positive() => {
                self.capabilities = Capabilities::default();
                (self.known, self.asked) = (true, true);
                return Ok(None);
            }
            Step::Ehlo | Step::Helo => {}
        }
        Err(ErrorKind::Refused(reply))
    }
}
