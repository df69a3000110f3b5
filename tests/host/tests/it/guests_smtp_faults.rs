//! Runs the mail guest `smtp_faults` inside wasmtime against a server that has a fault at a
//! moment: each session ends within its time, with the right error and bounded memory.

mod fault;

use fault::Fault::{self, *};
use fault::Moment::{self, *};
use fault::{is_by_the_book, server};
use smtp_test_server::Seen;
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{Component, Guest, Network, build};
use test_host::sendmail::CaFolder;
use tokio::task::JoinSet;

/// A moment, a fault, and what of a session fails and how. What may come instead stands behind a
/// `|`. The time of the phase that is named is short; no other phase's runs out.
type Case = (Moment, Fault, &'static str);

/// With TLS from the first byte.
#[rustfmt::skip]
const SMTPS: &[Case] = &[
    (Greeting, Stall, "connect: Timeout: Greeting"),
    (Greeting, Drop, "connect: Tls: Truncated UnexpectedEof"),
    (Greeting, Reset, "connect: Stream: ConnectionReset"),
    (Greeting, HalfClose, "connect: Tls: Truncated UnexpectedEof"),
    (Greeting, CloseNotify, "connect: UnexpectedClose"),
    (Greeting, Torn, "connect: UnexpectedClose"),
    (Greeting, Garbage, "connect: Malformed"),
    (Greeting, Http, "connect: Malformed"),
    (Greeting, EndlessLine, "connect: LineTooLong"),
    (Greeting, EndlessReply, "connect: Malformed"),
    (Greeting, Drip, "connect: Timeout: Greeting"),
    (Greeting, Closing, "connect: UnexpectedCode: Greeting 421"),
    (Greeting, ClosingBehind, "connect: OutOfStep: ConnectionAborted"),
    (Greeting, Ahead, "connect: OutOfStep: InvalidData"),
    (Tls, Stall, "connect: Timeout: Tls"),
    (Tls, Drop, "connect: Tls: EndedInHandshake UnexpectedEof"),
    (Tls, Reset, "connect: Stream: ConnectionReset"),
    (Tls, HalfClose, "connect: Tls: EndedInHandshake UnexpectedEof"),
    (Tls, Garbage, "connect: Tls: NotTls InvalidData"),
    (Tls, Http, "connect: Tls: NotTls InvalidData"),
    (Tls, EndlessLine, "connect: Tls: Protocol InvalidData"),
    (Tls, EndlessReply, "connect: Tls: Protocol InvalidData"),
    (Tls, Drip, "connect: Timeout: Tls"),
    (Tls, Closing, "connect: Tls: NotTls InvalidData"),
    (Ehlo, Stall, "connect: Timeout: Ehlo"),
    (Ehlo, Drop, "connect: Tls: Truncated UnexpectedEof"),
    (Ehlo, Reset, "connect: Stream: ConnectionReset"),
    (Ehlo, HalfClose, "connect: Tls: Truncated UnexpectedEof"),
    (Ehlo, CloseNotify, "connect: UnexpectedClose"),
    (Ehlo, Torn, "connect: UnexpectedClose"),
    (Ehlo, Garbage, "connect: Malformed"),
    (Ehlo, Http, "connect: Malformed"),
    (Ehlo, EndlessLine, "connect: LineTooLong"),
    (Ehlo, EndlessReply, "connect: Malformed"),
    (Ehlo, EndlessAuth, "connect: Malformed"),
    (Ehlo, Drip, "connect: Timeout: Ehlo"),
    (Ehlo, Closing, "connect: UnexpectedCode: Ehlo 421"),
    (Ehlo, ClosingBehind, "login: OutOfStep: ConnectionAborted"),
    (Ehlo, Ahead, "login: OutOfStep: InvalidData"),
    (Auth, Stall, "login: Timeout: Auth"),
    (Auth, Drop, "login: Tls: Truncated UnexpectedEof"),
    (Auth, Reset, "login: Stream: ConnectionReset"),
    (Auth, HalfClose, "login: Tls: Truncated UnexpectedEof"),
    (Auth, CloseNotify, "login: UnexpectedClose"),
    (Auth, Torn, "login: UnexpectedClose"),
    (Auth, Garbage, "login: Malformed"),
    (Auth, Http, "login: Malformed"),
    (Auth, EndlessLine, "login: LineTooLong"),
    (Auth, EndlessReply, "login: Malformed"),
    (Auth, Drip, "login: Timeout: Auth"),
    (Auth, Closing, "login: UnexpectedCode: AuthPlain 421"),
    (Auth, ClosingBehind, "send: OutOfStep: ConnectionAborted"),
    (Auth, Ahead, "send: OutOfStep: InvalidData"),
    (Mail, Stall, "send: Timeout: Mail"),
    (Mail, Drop, "send: Tls: Truncated UnexpectedEof"),
    (Mail, Reset, "send: Stream: ConnectionReset"),
    (Mail, HalfClose, "send: Tls: Truncated UnexpectedEof"),
    (Mail, CloseNotify, "send: UnexpectedClose"),
    (Mail, Torn, "send: UnexpectedClose"),
    (Mail, Garbage, "send: Malformed"),
    (Mail, Http, "send: Malformed"),
    (Mail, EndlessLine, "send: LineTooLong"),
    (Mail, EndlessReply, "send: Malformed"),
    (Mail, Drip, "send: Timeout: Mail"),
    (Mail, Closing, "send: UnexpectedCode: MailFrom 421"),
    (Mail, ClosingBehind, "send: UnexpectedCode: RcptTo 421"),
    (Mail, Ahead, "send: Timeout: DataInitiation"),
    (Rcpt, Stall, "send: Timeout: Rcpt"),
    (Rcpt, Drop, "send: Tls: Truncated UnexpectedEof"),
    (Rcpt, Reset, "send: Stream: ConnectionReset"),
    (Rcpt, HalfClose, "send: Tls: Truncated UnexpectedEof"),
    (Rcpt, CloseNotify, "send: UnexpectedClose"),
    (Rcpt, Torn, "send: UnexpectedClose"),
    (Rcpt, Garbage, "send: Malformed"),
    (Rcpt, Http, "send: Malformed"),
    (Rcpt, EndlessLine, "send: LineTooLong"),
    (Rcpt, EndlessReply, "send: Malformed"),
    (Rcpt, Drip, "send: Timeout: Rcpt"),
    (Rcpt, Closing, "send: UnexpectedCode: RcptTo 421"),
    (Rcpt, ClosingBehind, "send: UnexpectedCode: Data 421"),
    (Rcpt, Ahead, "send: UnexpectedCode: Data 250"),
    (Data, Stall, "send: Timeout: DataInitiation"),
    (Data, Drop, "send: Tls: Truncated UnexpectedEof"),
    (Data, Reset, "send: Stream: ConnectionReset"),
    (Data, HalfClose, "send: Tls: Truncated UnexpectedEof"),
    (Data, CloseNotify, "send: UnexpectedClose"),
    (Data, Torn, "send: UnexpectedClose"),
    (Data, Garbage, "send: Malformed"),
    (Data, Http, "send: Malformed"),
    (Data, EndlessLine, "send: LineTooLong"),
    (Data, EndlessReply, "send: Malformed"),
    (Data, Drip, "send: Timeout: DataInitiation"),
    (Data, Closing, "send: UnexpectedCode: Data 421"),
    (Data, ClosingBehind, "send: OutOfStep: ConnectionAborted"),
    (Data, Ahead, "send: OutOfStep: InvalidData"),
    (Dot, Stall, "send: Timeout: DataTermination"),
    (Dot, Drop, "send: Tls: Truncated UnexpectedEof"),
    (Dot, Reset, "send: Stream: ConnectionReset"),
    (Dot, HalfClose, "send: Tls: Truncated UnexpectedEof"),
    (Dot, CloseNotify, "send: UnexpectedClose"),
    (Dot, Torn, "send: UnexpectedClose"),
    (Dot, Garbage, "send: Malformed"),
    (Dot, Http, "send: Malformed"),
    (Dot, EndlessLine, "send: LineTooLong"),
    (Dot, EndlessReply, "send: Malformed"),
    (Dot, Drip, "send: Timeout: DataTermination"),
    (Dot, Closing, "send: UnexpectedCode: Data 421"),
    (Dot, ClosingBehind, "quit: OutOfStep: ConnectionAborted"),
    (Dot, Ahead, "quit: OutOfStep: InvalidData"),
    (Quit, Stall, "quit: Timeout: Quit"),
    (Quit, Drop, "quit: Tls: Truncated UnexpectedEof"),
    (Quit, Reset, "quit: Stream: ConnectionReset"),
    (Quit, HalfClose, "quit: Tls: Truncated UnexpectedEof"),
    (Quit, CloseNotify, "quit: UnexpectedClose"),
    (Quit, Torn, "quit: UnexpectedClose"),
    (Quit, Garbage, "quit: Malformed"),
    (Quit, Http, "quit: Malformed"),
    (Quit, EndlessLine, "quit: LineTooLong"),
    (Quit, EndlessReply, "quit: Malformed"),
    (Quit, Drip, "quit: Timeout: Quit"),
    (Quit, Closing, "quit: UnexpectedCode: Quit 421"),
    (Quit, ClosingBehind, "ok"),
    (Quit, Ahead, "ok"),
    (Over, Stall, "ok"),
    (Over, Drop, "ok"),
    (Over, Reset, "ok"),
    (Over, HalfClose, "ok"),
    (Over, CloseNotify, "ok"),
    (Over, Garbage, "ok"),
    (Over, Http, "ok"),
    (Over, EndlessLine, "ok"),
    (Over, EndlessReply, "ok"),
    (Over, Drip, "ok"),
    (Over, Closing, "ok"),
];

/// With an upgrade. What follows TLS is the same.
#[rustfmt::skip]
const STARTTLS: &[Case] = &[
    (Greeting, Stall, "connect: Timeout: Greeting"),
    (Greeting, Drop, "connect: UnexpectedClose"),
    (Greeting, Reset, "connect: Stream: ConnectionReset|connect: Connect: ConnectionReset"),
    (Greeting, HalfClose, "connect: UnexpectedClose"),
    (Greeting, Torn, "connect: UnexpectedClose"),
    (Greeting, Garbage, "connect: Malformed"),
    (Greeting, Http, "connect: Malformed"),
    (Greeting, EndlessLine, "connect: LineTooLong"),
    (Greeting, EndlessReply, "connect: Malformed"),
    (Greeting, Drip, "connect: Timeout: Greeting"),
    (Greeting, Closing, "connect: UnexpectedCode: Greeting 421"),
    (Greeting, ClosingBehind, "connect: OutOfStep: ConnectionAborted"),
    (Greeting, Ahead, "connect: OutOfStep: InvalidData"),
    (Ehlo, Stall, "connect: Timeout: Ehlo"),
    (Ehlo, Drop, "connect: UnexpectedClose"),
    (Ehlo, Reset, "connect: Stream: ConnectionReset"),
    (Ehlo, HalfClose, "connect: UnexpectedClose"),
    (Ehlo, Torn, "connect: UnexpectedClose"),
    (Ehlo, Garbage, "connect: Malformed"),
    (Ehlo, Http, "connect: Malformed"),
    (Ehlo, EndlessLine, "connect: LineTooLong"),
    (Ehlo, EndlessReply, "connect: Malformed"),
    (Ehlo, EndlessAuth, "connect: Malformed"),
    (Ehlo, Drip, "connect: Timeout: Ehlo"),
    (Ehlo, Closing, "connect: UnexpectedCode: Ehlo 421"),
    (Ehlo, ClosingBehind, "connect: OutOfStep: ConnectionAborted"),
    (Ehlo, Ahead, "connect: OutOfStep: InvalidData"),
    (StartTls, Stall, "connect: Timeout: StartTls"),
    (StartTls, Drop, "connect: UnexpectedClose"),
    (StartTls, Reset, "connect: Stream: ConnectionReset"),
    (StartTls, HalfClose, "connect: UnexpectedClose"),
    (StartTls, Torn, "connect: UnexpectedClose"),
    (StartTls, Garbage, "connect: Malformed"),
    (StartTls, Http, "connect: Malformed"),
    (StartTls, EndlessLine, "connect: LineTooLong"),
    (StartTls, EndlessReply, "connect: Malformed"),
    (StartTls, Drip, "connect: Timeout: StartTls"),
    (StartTls, Closing, "connect: UnexpectedCode: StartTls 421"),
    (StartTls, ClosingBehind, "connect: StartTlsBufferResidue"),
    (StartTls, Ahead, "connect: StartTlsBufferResidue"),
    (Tls, Stall, "connect: Timeout: Tls"),
    (Tls, Drop, "connect: Tls: EndedInHandshake UnexpectedEof"),
    (Tls, Reset, "connect: Stream: ConnectionReset"),
    (Tls, HalfClose, "connect: Tls: EndedInHandshake UnexpectedEof"),
    (Tls, Garbage, "connect: Tls: NotTls InvalidData"),
    (Tls, Http, "connect: Tls: NotTls InvalidData"),
    (Tls, EndlessLine, "connect: Tls: Protocol InvalidData"),
    (Tls, EndlessReply, "connect: Tls: Protocol InvalidData"),
    (Tls, Drip, "connect: Timeout: Tls"),
    (Tls, Closing, "connect: Tls: NotTls InvalidData"),
];

/// With a mail that is longer than all buffers on the way. The client reads nothing until it has
/// written all.
#[rustfmt::skip]
const LONG: &[Case] = &[
    (Block, Stall, "send: Timeout: DataBlock"),
    (Block, Drop, "send: Stream: ConnectionReset"),
    (Block, Reset, "send: Stream: ConnectionReset"),
    (Block, HalfClose, "send: Tls: Truncated UnexpectedEof"),
    (Block, CloseNotify, "send: UnexpectedClose"),
    (Block, Garbage, "send: Malformed"),
    (Block, Http, "send: Malformed"),
    (Block, Closing, "send: UnexpectedCode: Data 421"),
];

/// By how much the component's memory may grow, in bytes, over all faults of a moment.
const MOST_MEMORY: usize = 512 * 1024;
/// What may be taken of an endless reply, in bytes.
const MOST_TAKEN: usize = 1024 * 1024;

/// Each moment has a server and a component of its own, all at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smtp_faults() {
    let component = build("test-guests", "smtp_faults");
    let mut runs = JoinSet::new();
    for (mode, cases) in [("smtps", SMTPS), ("starttls", STARTTLS), ("long", LONG)] {
        for of_a_moment in cases.chunk_by(|(one, ..), (next, ..)| one == next) {
            runs.spawn(run(component.clone(), mode, of_a_moment));
        }
    }
    let wrong = runs.join_all().await.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sessions with these faults, between two that have none. Returns what is wrong with them.
async fn run(component: Component, mode: &'static str, cases: &'static [Case]) -> Vec<String> {
    let faults = cases
        .iter()
        .map(|&(moment, fault, _)| Some((moment, fault)));
    let faults = [None].into_iter().chain(faults).chain([None]);
    let expected = cases.iter().map(|&(.., expected)| expected);
    let expected: Vec<_> = ["ok"].into_iter().chain(expected).chain(["ok"]).collect();

    let ca = Ca::new();
    let config = ca.server_config(&LOCAL_NAMES);
    let server = server(config, mode == "starttls", faults.clone().collect());
    let folder = CaFolder::new(&ca).unwrap();
    let mut guest = Guest::new(&component, "smtp_faults")
        .network(Network::Loopback)
        .folder(folder.path(), "/ca")
        .arg(mode)
        .arg(server.port())
        .arg("/ca/ca.pem");
    for text in &expected {
        let short = text.split_once("Timeout: ");
        guest = guest.arg(short.map_or("-", |(_, phase)| phase));
    }
    let stdout = guest.run().await.expect_success().stdout;
    let seen = server.wait_closed(expected.len()).await;
    let connections = seen.connections.len();
    assert_eq!([stdout.lines().count(), connections], [expected.len(); 2]);

    let lines = stdout.lines().zip(0..).zip(expected).zip(faults);
    let wrong = lines.filter(|(((line, connection), expected), case)| {
        !is_right(line, &seen, *connection, expected, *case)
    });
    let shown = |found| format!("{mode}: {found:?} {:?}", seen.connections);
    wrong.map(shown).collect()
}

/// Whether a session ended as it should.
fn is_right(
    line: &str,
    seen: &Seen,
    connection: usize,
    expected: &str,
    case: Option<(Moment, Fault)>,
) -> bool {
    let (ended, grown) = line.split_once('\t').unwrap();
    // Before that moment nothing is delivered; from it on all is.
    let mail = case.is_none_or(|(moment, _)| matches!(moment, Dot | Quit | Over));
    let mut mails = seen.mails.iter();
    expected.split('|').any(|expected| expected == ended)
        && grown.parse::<usize>().unwrap() < MOST_MEMORY
        && seen.connections[connection].repeated < MOST_TAKEN
        && mails.any(|mail| mail.connection == connection) == mail
        && is_by_the_book(&seen.connections[connection])
}
