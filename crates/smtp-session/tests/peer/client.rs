//! The client's side of the tests: what most of them do.

use super::{Act, Peer, Stream, now};
use smtp_session::{Address, Body, Envelope, Error, Receipt, Security, Session};

pub(crate) const TLS: Security = Security::Tls { exporter: None };
pub(crate) const FULL: [&str; 4] = ["PIPELINING", "CHUNKING", "SIZE 1000000", "8BITMIME"];
pub(crate) const PIPELINED: [&str; 1] = ["PIPELINING"];

pub(crate) fn envelope(to: &[&str]) -> Envelope {
    to.iter().fold(Envelope::null_sender(), |envelope, to| {
        envelope.to(Address::new(to).expect("an address"))
    })
}

/// Answers one line in another way.
pub(crate) fn at(line: &'static str, act: Act) -> impl FnMut(&str) -> Act + Send + 'static {
    move |said| match is_at(said, line) {
        true => act.clone(),
        false => Act::Good,
    }
}

/// Behind MAIL and RCPT there may be parameters.
pub(crate) fn is_at(said: &str, line: &str) -> bool {
    said == line || (line.ends_with('>') && said.starts_with(line))
}

pub(crate) fn open(peer: Peer) -> (Stream, Session<Stream>) {
    let stream = Stream::new(peer);
    let mut session = Session::new(stream.clone(), TLS);
    now(session.hello("client.example")).expect("EHLO");
    (stream, session)
}

pub(crate) fn send(
    session: &mut Session<Stream>,
    to: &[&str],
    body: &str,
) -> Result<Receipt, Error> {
    now(session.send(&envelope(to), Body::bytes(body)))
}
