//! Mails that the server refuses for now: the others go meanwhile.

use crate::support::{builder, envelope, mailer, message, quickly};
use futures_util::future::{self, select};
use futures_util::stream;
use std::cell::Cell;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};
use wasm_smtp_wasi::block_on;
use wasm_smtp_wasi::mailer::{Fate, LocalServer, Message, Retry};
use wasm_smtp_wasi::smtp_session::Envelope;

const GREYLISTED: &str = "451 4.7.1 Greylisted, please try again in 20 minutes";
/// As long as it wants.
const WAIT: Duration = Duration::from_secs(20 * 60);

fn for_recipient(number: usize) -> Message {
    let prefix = format!("r{number}@");
    let to = envelope(100).retain(|to| to.address().as_str().starts_with(&prefix));
    Message::new(to, "x: y\n\ntext\n")
}

#[test]
fn the_others_of_a_stream_go_while_some_wait() {
    let server = LocalServer::new();
    for number in 0..40 {
        server.answer(&format!("RCPT TO:<r{number}@"), GREYLISTED, None);
    }
    for connections in [1, 2] {
        let mailer = builder(&server).connections(connections).build();
        let mailer = mailer.expect("a mailer");
        let done = Cell::new(0);
        let messages = stream::iter((0..100).map(|number| (number, for_recipient(number))));
        let sent = mailer.send_many(messages, |number, result| {
            assert!(number >= 40 && result.is_ok(), "{number}");
            done.set(done.get() + 1);
        });
        let all_others = future::poll_fn(|_| match done.get() {
            60 => Poll::Ready(()),
            _ => Poll::Pending,
        });
        // With such a wait for each, it ends once the others are through.
        block_on(select(pin!(sent), all_others));
        assert_eq!(done.get(), 60);
    }
    assert_eq!(server.mails().len(), 120);
}

#[test]
fn a_deferred_mail_says_when_and_goes_on_where_it_was() {
    let server = LocalServer::new();
    server.answer("RCPT TO:<r1@", GREYLISTED, None);
    server.answer("RCPT TO:<r2@", "550 5.1.1 nobody", None);
    let mailer = mailer(&server);
    let to = envelope(3);
    let mail = |to: &Envelope| Message::new(to.clone(), "x: y\n\ntext\n");
    let start = Instant::now();
    let report = block_on(mailer.send_or_defer(mail(&to))).expect("one got it");
    let open: Vec<_> = report.fates().map(|(_, fate)| fate.is_open()).collect();
    assert_eq!(open, [false, true, false]);
    let deferred = report.deferred().expect("the second waits");
    assert!(deferred.at() >= start + WAIT && deferred.at() <= Instant::now() + WAIT * 9 / 8);

    let mut open = open.iter();
    let rest = to.retain(|_| open.next() == Some(&true));
    let again = |before| {
        let sent = mailer.send_or_defer(mail(&rest).deferred(before));
        block_on(sent).expect_err("it is refused once more")
    };
    let error = again(deferred);
    assert_eq!(error.attempts(), 2);
    let error = again(error.deferred().expect("a third attempt"));
    assert_eq!((error.attempts(), error.deferred().is_none()), (3, true));
    assert!(matches!(error.fates().next(), Some((_, Fate::Refused(_)))));
    assert_eq!((server.mails().len(), server.connections()), (1, 1));
    // Whoever gives it again at once is not kept waiting.
    assert!(start.elapsed() < WAIT);
}

#[test]
fn a_deadline_goes_on_while_a_mail_is_deferred() {
    let server = LocalServer::new();
    server.answer("RCPT", GREYLISTED, None);
    let send = |deadline, message| {
        let mailer = builder(&server).deadline(deadline).build();
        block_on(mailer.expect("a mailer").send_or_defer(message)).expect_err("greylisted")
    };
    let error = send(WAIT / 2, message());
    assert_eq!((error.attempts(), error.deferred().is_none()), (1, true));
    let deferred = send(WAIT * 2, message()).deferred();
    let deferred = deferred.expect("there is time for one more");
    // The mail's time is that of its first attempt, whatever this mailer allows.
    let error = send(WAIT / 2, message().deferred(deferred));
    assert!(error.deferred().is_some());
}

#[test]
fn what_is_no_matter_of_the_mail_is_waited_for_in_place() {
    for command in ["CONNECT", "EHLO", "AUTH"] {
        let server = LocalServer::new();
        server.answer(command, "451 4.3.0 later", Some(4));
        let retry = builder(&server).retry(quickly(9)).build();
        let report = block_on(retry.expect("a mailer").send_or_defer(message()));
        let report = report.unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(report.is_complete() && report.attempts() > 1, "{command}");
        assert!(report.deferred().is_none());
    }
    for command in ["MAIL", "RCPT", "."] {
        let server = LocalServer::new();
        server.answer(command, "451 4.3.0 later", None);
        let error = block_on(mailer(&server).send_or_defer(message())).expect_err(command);
        assert!(error.deferred().is_some(), "{command}");
        assert_eq!(error.attempts(), 1, "{command}");
        let once = builder(&server).retry(Retry::none()).build();
        let error = block_on(once.expect("a mailer").send_or_defer(message()));
        assert!(error.expect_err(command).deferred().is_none(), "{command}");
    }
}
