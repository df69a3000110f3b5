//! Servers in memory and the client's side of the tests: what most of them do.

pub(crate) mod hesitant;

use smtp_session::{Address, Body, Envelope, Error, Receipt, Security, Session};
use smtp_test_server::Rules;
pub(crate) use smtp_test_server::memory::{Shape, Stream};
pub(crate) use smtp_test_server::{Deviation, Mail, Server, Then};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub(crate) const TLS: Security = Security::Tls { exporter: None };
pub(crate) const FULL: [&str; 4] = ["PIPELINING", "CHUNKING", "SIZE 1000000", "8BITMIME"];
pub(crate) const PIPELINED: [&str; 1] = ["PIPELINING"];

/// What is done at a line in place of what a good server does, if anything.
pub(crate) type Act = Option<Deviation>;

pub(crate) fn rules(extensions: &[&str]) -> Rules {
    Rules::default().only(extensions.iter().copied())
}

/// A server that offers these extensions and does all right.
pub(crate) fn good(extensions: &[&str]) -> Server {
    Server::new(rules(extensions))
}

/// A server that is asked about each line at which a good one says something.
pub(crate) fn server(
    extensions: &[&str],
    script: impl FnMut(&str) -> Act + Send + 'static,
) -> Server {
    scripted(rules(extensions), script)
}

/// The same with any rules.
pub(crate) fn scripted(
    rules: Rules,
    mut script: impl FnMut(&str) -> Act + Send + 'static,
) -> Server {
    Server::with(rules, move |asked| {
        let is_answered = !asked.reply.is_empty();
        is_answered.then(|| script(asked.line)).flatten()
    })
}

/// Says that instead.
pub(crate) fn say(reply: &str) -> Act {
    Some(Deviation::write(format!("{reply}\r\n")))
}

/// Writes that instead.
pub(crate) fn write(bytes: &str) -> Act {
    Some(Deviation::write(bytes))
}

/// Says nothing, now or later.
pub(crate) fn hush() -> Act {
    Some(Deviation::only(Then::Hold))
}

/// Ends the connection.
pub(crate) fn end() -> Act {
    Some(Deviation::only(Then::End))
}

/// Answers one line in another way.
pub(crate) fn at(line: &'static str, act: Act) -> impl FnMut(&str) -> Act + Send + 'static {
    move |said| is_at(said, line).then(|| act.clone()).flatten()
}

/// Behind MAIL and RCPT there may be parameters.
pub(crate) fn is_at(said: &str, line: &str) -> bool {
    said == line || (line.ends_with('>') && said.starts_with(line))
}

/// A connection whose wire is kept.
pub(crate) fn connect(server: &Server) -> Stream {
    shaped(server, Shape::default())
}

pub(crate) fn shaped(server: &Server, shape: Shape) -> Stream {
    let keep_wire = true;
    Stream::shaped(server, Shape { keep_wire, ..shape })
}

/// A session that has said EHLO.
pub(crate) fn open(server: &Server) -> (Stream, Session<Stream>) {
    let stream = connect(server);
    let mut session = Session::new(stream.clone(), TLS);
    now(session.hello("client.example")).expect("EHLO");
    (stream, session)
}

pub(crate) fn envelope(to: &[&str]) -> Envelope {
    to.iter().fold(Envelope::null_sender(), |envelope, to| {
        envelope.to(Address::new(to).expect("an address"))
    })
}

pub(crate) fn send(
    session: &mut Session<Stream>,
    to: &[&str],
    body: &str,
) -> Result<Receipt, Error> {
    now(session.send(&envelope(to), Body::bytes(body)))
}

/// The client's lines.
pub(crate) fn lines(stream: &Stream) -> Vec<String> {
    stream
        .server()
        .see(|seen| seen.lines().map(str::to_owned).collect())
}

/// The mails that came to their end, taken or not.
pub(crate) fn mails(stream: &Stream) -> Vec<Mail> {
    stream.server().seen().mails
}

/// All that the client wrote.
pub(crate) fn wire(stream: &Stream) -> Vec<u8> {
    stream.see(|link| link.wire.clone())
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
