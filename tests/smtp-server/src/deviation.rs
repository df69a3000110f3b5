//! What a server does in place of what it should: one vocabulary for all tests.

use crate::Mail;
use std::time::Duration;

/// The line of a connection on which nothing was said yet.
pub const GREETING: &str = "GREETING";
/// The line of a ClientHello. What is written then is not in TLS.
pub const TLS: &str = "TLS";
/// The line of a chunk, not the last, that was read.
pub const CHUNK: &str = "CHUNK";
/// The line of a long mail of which the first 64 KiB were read. A good server says
/// nothing to that.
pub const BLOCK: &str = "BLOCK";
/// The line of a mail that was read to its end, by DATA or BDAT.
pub const END: &str = ".";
/// The line of a connection on which QUIT was answered. A good server then ends it.
pub const OVER: &str = "OVER";

/// No line of a client is one of these.
pub(crate) const MOMENTS: [&str; 6] = [GREETING, TLS, CHUNK, BLOCK, END, OVER];

/// What the server is about to answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The client's line without its end, a response to a challenge included; or one
    /// of [`GREETING`], [`TLS`], [`CHUNK`], [`BLOCK`], [`END`] and [`OVER`]; or `?` for
    /// a line that is no text.
    pub line: &'a str,
    /// What a good server says, each line with its end; may be empty.
    pub reply: &'a str,
    /// The mail as far as it came; an empty one outside a transaction.
    pub mail: &'a Mail,
    /// Which connection of the server this is; the first is 0.
    pub connection: usize,
}

impl Asked<'_> {
    /// Whether the line begins so, in any case.
    #[must_use]
    pub fn is(&self, beginning: &str) -> bool {
        let start = self.line.as_bytes().get(..beginning.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
    }
}

/// What a server does in place of what it should: it writes something, and then goes
/// on or does not.
///
/// The server does what it says: after a 2xx that a test put into its mouth, the
/// sender, the recipient or the mail is taken, and what that offers to EHLO is offered;
/// after a 354 a mail follows; after anything else, not. A chunk whose BDAT line itself
/// is answered by a deviation is dropped, whatever is said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Deviation {
    /// What is written, as it is.
    pub write: Vec<u8>,
    /// What follows.
    pub then: Then,
}

/// What a server does after it has written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Then {
    /// Reads on, as a good server does.
    GoOn,
    /// Begins TLS; with `listen` by a handshake.
    StartTls,
    /// Reads on, but does nothing with it and says nothing any more.
    Hold,
    /// Does not even read any more. In the record the connection is over; its socket
    /// stays open until the listener is dropped.
    Stop,
    /// Ends the connection in order, with TLS's close_notify, and reads to its end.
    End,
    /// Sends a FIN without a close_notify, and reads to the connection's end.
    HalfClose,
    /// Closes the socket, without a close_notify.
    Close,
    /// Resets the connection.
    Reset,
    /// Writes these bytes again and again, with a pause after each, which a stream in
    /// memory does not have. None is [`Then::Hold`].
    Repeat(Vec<u8>, Duration),
}

impl Deviation {
    /// Other bytes than those of a good server, after which it goes on.
    pub fn write(bytes: impl Into<Vec<u8>>) -> Self {
        let write = bytes.into();
        let then = Then::GoOn;
        Self { write, then }
    }

    /// Another reply, without its line end. After a 421 the connection ends.
    pub fn say(reply: &str) -> Self {
        let then = match reply.starts_with("421") {
            true => Then::End,
            false => Then::GoOn,
        };
        Self::write(format!("{reply}\r\n")).then(then)
    }

    /// Writes nothing, and does this.
    pub fn only(then: Then) -> Self {
        Self::write("").then(then)
    }

    /// The same bytes, followed by this.
    pub fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    /// Bytes again and again, as fast as they are taken.
    pub fn flood(bytes: impl Into<Vec<u8>>) -> Self {
        Self::only(Then::Repeat(bytes.into(), Duration::ZERO))
    }

    /// Bytes again and again, one each 4 ms.
    pub fn drip(bytes: impl Into<Vec<u8>>) -> Self {
        Self::only(Then::Repeat(bytes.into(), Duration::from_millis(4)))
    }
}

/// Another reply, as by [`Deviation::say`].
impl From<&str> for Deviation {
    fn from(reply: &str) -> Self {
        Self::say(reply)
    }
}
