//! A server in memory, behind a stream with buffers of any size: what it says is
//! up to the test, what it reads is by the book.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod client;
pub(crate) mod hesitant;

use futures_io::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// What the server does at a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// What a good server does.
    Good,
    /// Another reply; for DATA, 354 has the mail follow.
    Say(String),
    /// Nothing, now or later.
    Hush,
    /// Ends the connection.
    End,
}

/// Says that instead.
pub(crate) fn say(reply: &str) -> Act {
    Act::Say(format!("{reply}\r\n"))
}

/// A mail as the server read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) data: Vec<u8>,
    /// The paths of RCPT that it accepted.
    pub(crate) to: Vec<String>,
    /// What it said to it.
    pub(crate) reply: String,
}

type Script = Box<dyn FnMut(&str) -> Act + Send>;

/// The server's side.
pub(crate) struct Peer {
    extensions: String,
    script: Script,
    /// Every line, and the mails' ends as `.` or `LAST`.
    pub(crate) lines: Vec<String>,
    pub(crate) mails: Vec<Mail>,
    /// Everything that was read.
    pub(crate) read: Vec<u8>,
    input: Vec<u8>,
    state: State,
    to: Vec<String>,
    data: Vec<u8>,
    lmtp: bool,
    /// A chunk of the mail was refused.
    failed: bool,
    /// MAIL was accepted.
    open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Command,
    Data,
    Chunk { left: usize, last: bool },
    Silent,
}

impl Peer {
    /// A server that offers these extensions.
    pub(crate) fn new(
        extensions: &[&str],
        script: impl FnMut(&str) -> Act + Send + 'static,
    ) -> Self {
        let last = extensions.len();
        let mut reply = format!("250{}mail.example\r\n", if last == 0 { ' ' } else { '-' });
        for (index, extension) in extensions.iter().enumerate() {
            let mark = if index + 1 == last { ' ' } else { '-' };
            reply += &format!("250{mark}{extension}\r\n");
        }
        Self {
            extensions: reply,
            script: Box::new(script),
            lines: Vec::new(),
            mails: Vec::new(),
            read: Vec::new(),
            input: Vec::new(),
            state: State::Command,
            to: Vec::new(),
            data: Vec::new(),
            lmtp: false,
            failed: false,
            open: false,
        }
    }

    /// A server that does all right.
    pub(crate) fn good(extensions: &[&str]) -> Self {
        Self::new(extensions, |_| Act::Good)
    }

    pub(crate) fn lmtp(mut self) -> Self {
        self.lmtp = true;
        self
    }

    fn greet(&mut self) -> Option<String> {
        self.answer("GREETING", "220 mail.example\r\n")
    }

    /// Takes one command or some of a mail, and says what it says to it; `None`
    /// at the end of the connection.
    fn step(&mut self) -> Option<String> {
        match self.state {
            State::Silent => {
                self.input.clear();
                Some(String::new())
            }
            State::Command => self.command(),
            State::Data => {
                let Some(line) = self.line() else {
                    return Some(String::new());
                };
                if line == b".\r\n" {
                    self.state = State::Command;
                    return self.end(".");
                }
                let line = line.strip_prefix(b".").unwrap_or(&line);
                self.data.extend_from_slice(line);
                Some(String::new())
            }
            State::Chunk { left, last } => {
                let len = left.min(self.input.len());
                self.data.extend(self.input.drain(..len));
                self.state = State::Chunk {
                    left: left - len,
                    last,
                };
                if len < left {
                    return Some(String::new());
                }
                self.state = State::Command;
                if last {
                    return self.end("LAST");
                }
                let reply = self.answer("CHUNK", "250 chunk\r\n")?;
                self.failed |= !reply.starts_with('2');
                Some(reply)
            }
        }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.input.windows(2).position(|two| two == b"\r\n")?;
        Some(self.input.drain(..end + 2).collect())
    }

    fn command(&mut self) -> Option<String> {
        let Some(line) = self.line() else {
            return Some(String::new());
        };
        let line = String::from_utf8(line).expect("a line of UTF-8");
        let line = line.trim_end().to_owned();
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        if verb == "BDAT" {
            self.lines.push(line.clone());
            let mut words = line.split(' ').skip(1);
            let left = words.next().and_then(|len| len.parse().ok());
            self.state = State::Chunk {
                left: left.expect("the length of a chunk"),
                last: words.next() == Some("LAST"),
            };
            return Some(String::new());
        }
        let good = match verb {
            "EHLO" | "LHLO" => self.extensions.clone(),
            "RCPT" if !self.open => "503 no MAIL\r\n".to_owned(),
            "DATA" if self.to.is_empty() => "503 no recipients\r\n".to_owned(),
            "DATA" => "354 go on\r\n".to_owned(),
            "QUIT" => "221 bye\r\n".to_owned(),
            _ => "250 good\r\n".to_owned(),
        };
        let reply = self.answer(&line, &good)?;
        match verb {
            "RSET" | "MAIL" => {
                self.to.clear();
                self.data.clear();
                self.failed = false;
                self.open = verb == "MAIL" && reply.starts_with('2');
            }
            "RCPT" if reply.starts_with('2') => self.to.push(line[8..].to_owned()),
            "DATA" if reply.starts_with('3') => self.state = State::Data,
            "QUIT" if reply.starts_with("221") => self.state = State::Silent,
            _ => {}
        }
        Some(reply)
    }

    fn end(&mut self, line: &str) -> Option<String> {
        let good = match (self.to.len(), self.lmtp) {
            _ if std::mem::take(&mut self.failed) => "503 a chunk failed\r\n".to_owned(),
            (0, _) => "503 no recipients\r\n".to_owned(),
            (_, false) => "250 queued as ABCDEF123\r\n".to_owned(),
            (n, true) => "250 delivered\r\n".repeat(n),
        };
        let reply = self.answer(line, &good);
        self.mails.push(Mail {
            data: std::mem::take(&mut self.data),
            to: std::mem::take(&mut self.to),
            reply: reply.clone().unwrap_or_default(),
        });
        reply
    }

    fn answer(&mut self, line: &str, good: &str) -> Option<String> {
        if line != "GREETING" {
            self.lines.push(line.to_owned());
        }
        match (self.script)(line) {
            Act::Good => Some(good.to_owned()),
            Act::Say(reply) => Some(reply),
            Act::Hush => {
                self.state = State::Silent;
                Some(String::new())
            }
            Act::End => None,
        }
    }
}

/// Whether what a client wrote has the end of a mail in it.
pub(crate) fn has_end(wire: &[u8]) -> bool {
    let find = |bytes: &[u8], what: &[u8]| {
        let mut windows = bytes.windows(what.len());
        windows.position(|window| window == what)
    };
    let data = find(wire, b"\r\nDATA\r\n");
    // The line end of DATA may be that in front of the dot.
    let dot = data.is_some_and(|at| find(&wire[at + 6..], b"\r\n.\r\n").is_some());
    dot || ends_chunks(wire)
}

/// Whether commands and chunks go on to the end of a last chunk.
fn ends_chunks(mut rest: &[u8]) -> bool {
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let (line, behind) = rest.split_at(end + 2);
        rest = behind;
        let line = String::from_utf8_lossy(line);
        let Some(chunk) = line.trim_end().strip_prefix("BDAT ") else {
            continue;
        };
        let last = chunk.ends_with(" LAST");
        let len: usize = chunk.trim_end_matches(" LAST").parse().expect("a length");
        if len > rest.len() {
            return false;
        }
        if last {
            return true;
        }
        rest = &rest[len..];
    }
    false
}

/// How the stream behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The most that either side's buffer holds.
    pub(crate) buffer_len: usize,
    /// The most that a read gives.
    pub(crate) read_len: usize,
    /// The most that a write takes.
    pub(crate) write_len: usize,
    /// After so many bytes, a write fails.
    pub(crate) broken_at: Option<usize>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            buffer_len: usize::MAX,
            read_len: usize::MAX,
            write_len: usize::MAX,
            broken_at: None,
        }
    }
}

/// What went through the stream.
pub(crate) struct Link {
    pub(crate) peer: Peer,
    shape: Shape,
    /// From the client, not read yet.
    up: VecDeque<u8>,
    /// To the client, not read yet; behind it what the server is still to write.
    down: VecDeque<u8>,
    ended: bool,
    pub(crate) written: usize,
    /// The last buffer that was offered, as far as it was not taken.
    pub(crate) offered: Vec<u8>,
    pub(crate) flights: usize,
    reading: bool,
    pub(crate) closed: bool,
}

impl Link {
    /// What the client wrote and the server did not read yet.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = u8> {
        self.up.iter().copied()
    }

    /// The server works. Who waited for room is woken when there is some.
    fn wake_by_work(&mut self, cx: &Context<'_>) {
        let before = self.up.len();
        self.work();
        if self.up.len() < before {
            cx.waker().wake_by_ref();
        }
    }

    /// The server reads as long as what it says finds room.
    fn work(&mut self) {
        loop {
            if self.ended || self.down.len() >= self.shape.buffer_len {
                return;
            }
            let before = self.peer.input.len();
            let lines = self.peer.lines.len();
            let most = self.shape.buffer_len.min(8192);
            if self.peer.input.len() < most {
                let room = (most - self.peer.input.len()).min(self.up.len());
                let bytes: Vec<u8> = self.up.drain(..room).collect();
                self.peer.read.extend(&bytes);
                self.peer.input.extend(bytes);
            }
            let taken = self.peer.input.len() > before;
            match self.peer.step() {
                Some(reply) => self.down.extend(reply.as_bytes()),
                None => self.ended = true,
            }
            let moved = taken || self.peer.input.len() != before || self.peer.lines.len() != lines;
            if !moved {
                return;
            }
        }
    }
}

/// The client's end of the stream.
#[derive(Clone)]
pub(crate) struct Stream(pub Arc<Mutex<Link>>);

impl Stream {
    pub(crate) fn new(peer: Peer) -> Self {
        Self::shaped(peer, Shape::default())
    }

    pub(crate) fn shaped(mut peer: Peer, shape: Shape) -> Self {
        let greeting = peer.greet();
        Self(Arc::new(Mutex::new(Link {
            peer,
            shape,
            up: VecDeque::new(),
            ended: greeting.is_none(),
            down: greeting.unwrap_or_default().bytes().collect(),
            written: 0,
            offered: Vec::new(),
            flights: 0,
            reading: true,
            closed: false,
        })))
    }

    pub(crate) fn see<T>(&self, see: impl FnOnce(&mut Link) -> T) -> T {
        see(&mut self.0.lock().expect("no test panicked"))
    }

    /// What the server says though nobody asked.
    pub(crate) fn inject(&self, text: &str) {
        self.see(|link| link.down.extend(text.as_bytes()));
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.see(|link| link.peer.lines.clone())
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.see(|link| link.peer.mails.clone())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.see(|link| {
            link.wake_by_work(cx);
            let len = buf.len().min(link.down.len()).min(link.shape.read_len);
            if len == 0 {
                return if link.ended {
                    Poll::Ready(Ok(0))
                } else {
                    Poll::Pending
                };
            }
            link.reading = true;
            for (to, from) in buf.iter_mut().zip(link.down.drain(..len)) {
                *to = from;
            }
            Poll::Ready(Ok(len))
        })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.see(|link| {
            link.wake_by_work(cx);
            link.offered = buf.to_vec();
            let room = link.shape.buffer_len.saturating_sub(link.up.len());
            let mut len = buf.len().min(room).min(link.shape.write_len);
            if let Some(at) = link.shape.broken_at {
                len = len.min(at.saturating_sub(link.written));
                if len == 0 {
                    link.ended = true;
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
            }
            if len == 0 {
                return Poll::Pending;
            }
            link.flights += usize::from(std::mem::take(&mut link.reading));
            link.up.extend(&buf[..len]);
            link.written += len;
            link.offered.drain(..len);
            Poll::Ready(Ok(len))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.see(|link| link.closed = true);
        Poll::Ready(Ok(()))
    }
}

/// Polls once: the server is in memory, so that what waits then waits for ever.
pub(crate) fn try_now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The same, for what must not wait.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    try_now(future).expect("it does not wait for ever")
}
