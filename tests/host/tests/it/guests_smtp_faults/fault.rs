//! The faults, and a server that has one in each of its connections.

use rustls::ServerConfig;
use smtp_test_server::listen::{Listener, Security, Settings};
use smtp_test_server::{
    Asked, BLOCK, Connection, Deviation, END, GREETING, OVER, Rules, Server, TLS, Then,
};
use std::sync::Arc;

/// When a fault comes: in place of a reply, unless another thing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Greeting,
    /// After the ClientHello.
    Tls,
    /// The first one.
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// When some of a long mail was read.
    Block,
    /// The reply to the mail.
    Dot,
    Quit,
    /// After the reply to QUIT.
    Over,
}

impl Moment {
    fn line(self) -> &'static str {
        match self {
            Self::Greeting => GREETING,
            Self::Tls => TLS,
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Block => BLOCK,
            Self::Dot => END,
            Self::Quit => "QUIT",
            Self::Over => OVER,
        }
    }
}

/// What a server does in place of what it should, and then no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing. In the middle of a mail it does not read either.
    Stall,
    /// Closes the socket, without a close_notify.
    Drop,
    Reset,
    /// Sends a FIN without a close_notify, and reads on.
    HalfClose,
    /// Ends TLS as it should be, and reads on.
    CloseNotify,
    /// Bytes that are no text.
    Garbage,
    /// An answer of HTTP.
    Http,
    /// A line without an end. In a TLS handshake a message that is too long.
    EndlessLine,
    /// A reply of lines as long as they may be, without a last one. In a TLS handshake
    /// ChangeCipherSpec for ever.
    EndlessReply,
    /// The same with short lines that offer AUTH.
    EndlessAuth,
    /// A reply without a last line, a byte at a time. In a TLS handshake a record.
    Drip,
    /// The proper reply but for its line end, and the end.
    Torn,
    /// A 421, and the end.
    Closing,
    /// The proper reply and a 421 at once, and the end.
    ClosingBehind,
    /// The proper reply and one that nobody asked for at once.
    Ahead,
}

/// A record of TLS 1.2 with a handshake message that goes on for 16 MiB.
const ENDLESS_HANDSHAKE: &[u8] = b"\x16\x03\x03\x40\x00\x02\xff\xff\xff\x03\x03";
const CHANGE_CIPHER_SPEC: &[u8] = b"\x14\x03\x03\x00\x01\x01";
const CLOSING: &str = "421 4.3.2 closing\r\n";
/// The sockets' buffers, in bytes: what fits in there counts as taken.
const BUFFER: u32 = 16 * 1024;

impl Fault {
    fn deviation(self, asked: &Asked<'_>) -> Deviation {
        let reply = asked.reply;
        let in_handshake = asked.line == TLS;
        let long_line = |head: &str| format!("{head}{}\r\n", "x".repeat(900)).repeat(8);
        let mut record = ENDLESS_HANDSHAKE.to_vec();
        record.resize(5 + 0x4000, 0);
        match self {
            Self::Stall if asked.line == BLOCK => Deviation::only(Then::Stop),
            Self::Stall => Deviation::only(Then::Hold),
            Self::Drop => Deviation::only(Then::Close),
            Self::Reset => Deviation::only(Then::Reset),
            Self::HalfClose => Deviation::only(Then::HalfClose),
            Self::CloseNotify => Deviation::only(Then::End),
            Self::Garbage => {
                Deviation::write(b"\x00\xff\x80\x15\xfe\x01\r\n\xc3\x28\r\n").then(Then::Hold)
            }
            Self::Http => {
                let text = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
                Deviation::write(text).then(Then::Hold)
            }
            Self::EndlessLine if in_handshake => Deviation::flood(record),
            Self::EndlessReply if in_handshake => Deviation::flood(CHANGE_CIPHER_SPEC.repeat(1000)),
            Self::Drip if in_handshake => Deviation::drip(&record[..5]),
            Self::EndlessLine => Deviation::flood([b'2'; 8 * 1024]),
            Self::EndlessReply => Deviation::flood(long_line("250-")),
            Self::EndlessAuth => Deviation::flood(b"250-AUTH PLAIN\r\n".repeat(500)),
            Self::Drip => Deviation::drip("250-x\r\n"),
            Self::Torn => Deviation::write(reply.trim_end()).then(Then::End),
            Self::Closing => Deviation::write(CLOSING).then(Then::End),
            Self::ClosingBehind => Deviation::write(reply.to_owned() + CLOSING).then(Then::End),
            Self::Ahead => Deviation::write(reply.to_owned() + "250 ahead\r\n").then(Then::Hold),
        }
    }
}

/// A server whose connections have these faults one after the other: with TLS from the
/// first byte or, with `starttls`, after an upgrade. No fault is a session to its good
/// end.
pub(super) fn server(
    config: Arc<ServerConfig>,
    starttls: bool,
    cases: Vec<Option<(Moment, Fault)>>,
) -> Listener {
    let rules = Rules::default().only(["PIPELINING", "AUTH PLAIN"]);
    let server = Server::with(rules, move |asked| {
        let (moment, fault) = cases.get(asked.connection).copied().flatten()?;
        let is_now = asked.is(moment.line());
        is_now.then(|| fault.deviation(asked))
    });
    let security = match starttls {
        true => Security::StartTls(config),
        false => Security::Implicit(config),
    };
    let settings = Settings {
        socket_buffer_len: Some(BUFFER),
        one_at_a_time: true,
    };
    server.listen_with(security, settings).unwrap()
}

/// The client said nothing that has no place where it came.
pub(super) fn is_by_the_book(connection: &Connection) -> bool {
    const BOOK: [&str; 6] = ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"];
    let verbs = connection.verbs();
    let after_tls = match verbs.get(1).map(String::as_str) {
        Some("STARTTLS") => &verbs[2..],
        _ => &verbs[..],
    };
    verbs.first().is_none_or(|verb| verb == "EHLO")
        && after_tls.len() <= BOOK.len()
        && after_tls.iter().zip(BOOK).all(|(verb, book)| verb == book)
}
