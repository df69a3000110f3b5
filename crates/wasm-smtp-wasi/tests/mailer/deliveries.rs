//! What is sent to whom, how often, and what is said of it.

use crate::servers::{few, over};
use crate::support::{
    ARRIVED, Late, builder, distant, envelope, mailer, message, quickly, send, watched,
};
use futures_util::stream;
use std::io;
use std::sync::Mutex;
use std::time::Duration;
use wasm_smtp_wasi::block_on;
use wasm_smtp_wasi::mailer::{
    Event, Fate, LocalServer, Mailer, MailerErrorKind, Message, SendReport,
};
use wasm_smtp_wasi::smtp_session::{Address, Delivery, Extension, Phase};

/// In the order of the envelope: sent, refused by this code, or not.
fn fates(report: &SendReport) -> Vec<u16> {
    let code = |fate: &Fate| match fate {
        Fate::Sent => 250,
        Fate::Refused(reply) => reply.code(),
        Fate::MaybeSent => 1,
        _ => 0,
    };
    report.fates().map(|(_, fate)| code(fate)).collect()
}

#[test]
fn the_envelope_is_the_headers_and_bcc_stays_here() {
    let server = LocalServer::new();
    let report = block_on(mailer(&server).send(message())).expect("a report");
    assert!(report.is_complete());
    assert_eq!(report.queue_id().as_deref(), Some("000001"));
    assert_eq!((report.attempts(), report.receipts().len()), (1, 1));
    let mail = &server.mails()[0];
    assert_eq!(mail.sender, "me@a.example");
    let everybody = ["one@b.example", "two@b.example", "three@b.example"];
    assert_eq!(mail.recipients, everybody);
    assert_eq!(mail.content, ARRIVED.as_bytes());
}

#[test]
fn a_refused_recipient_is_reported_and_the_others_get_the_mail_once() {
    let server = LocalServer::new();
    server.answer("RCPT TO:<two@b.example>", "550 5.1.1 nobody", None);
    let report = block_on(mailer(&server).send(message())).expect("a report");
    assert_eq!(fates(&report), [250, 550, 250]);
    assert_eq!((report.attempts(), server.mails().len()), (1, 1));
    assert!(report.error().is_none());
}

#[test]
fn who_needs_smtputf8_where_there_is_none_is_reported_and_not_tried_again() {
    let server = LocalServer::new();
    server.answer("EHLO", "250-peer.test\r\n250 PIPELINING", None);
    let odd = Address::new("j\u{f6}rg@b.example").expect("an address");
    let message = Message::new(envelope(1).to(odd), "x: y\n\ntext\n");
    let mailer = Mailer::over(server.clone()).retry(quickly(3)).build();
    let report = block_on(mailer.expect("a mailer").send(message)).expect("a report");
    assert_eq!((report.attempts(), report.is_complete()), (1, false));
    let fates: Vec<_> = report.fates().map(|(_, fate)| fate.clone()).collect();
    assert_eq!(fates, [Fate::Sent, Fate::Unsupported(Extension::SmtpUtf8)]);
    assert!(!fates[1].is_open() && report.error().is_none());
}

#[test]
fn who_was_refused_for_now_is_tried_again_alone() {
    let server = LocalServer::new();
    server.answer("RCPT TO:<two@b.example>", "451 4.3.0 later", Some(1));
    server.answer("RCPT TO:<one@b.example>", "550 5.1.1 nobody", None);
    let report = block_on(mailer(&server).send(message())).expect("a report");
    assert_eq!(fates(&report), [550, 250, 250]);
    assert_eq!((report.attempts(), report.receipts().len()), (2, 2));
    let mails = server.mails();
    assert_eq!(mails[0].recipients, ["three@b.example"]);
    assert_eq!(mails[1].recipients, ["two@b.example"]);
    assert_eq!(mails[0].content, mails[1].content);
    assert_eq!(server.connections(), 1);
}

#[test]
fn what_was_tried_often_enough_is_reported_with_the_last_reply() {
    let server = LocalServer::new();
    server.answer("RCPT TO:<two@b.example>", "451 4.3.0 later", None);
    let report = block_on(mailer(&server).send(message())).expect("a report");
    assert_eq!(fates(&report), [250, 451, 250]);
    assert_eq!(report.attempts(), 3);
    let error = report.error().expect("the last attempt failed");
    assert_eq!(error.reply().map(|reply| reply.code()), Some(451));
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn the_rest_of_very_many_goes_at_once_and_does_not_count() {
    let server = few(10, "452 4.5.3 too many recipients");
    let builder = over(&server).password("me", "secret");
    let mailer = builder.build().expect("a mailer");
    let message = Message::new(envelope(100), "x: y\n\ntext");
    let report = block_on(mailer.send(message)).expect("a report");
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.attempts(), 1);
    let mut everybody = server.see(|seen| {
        assert_eq!(seen.taken().len(), 10);
        let mails = seen.taken().into_iter();
        mails
            .flat_map(|mail| mail.recipients.clone())
            .collect::<Vec<_>>()
    });
    everybody.sort();
    everybody.dedup();
    assert_eq!(everybody.len(), 100);
}

#[test]
fn a_refusal_for_now_is_tried_again_and_one_for_good_is_not() {
    for command in ["CONNECT", "AUTH", "MAIL", "RCPT", "."] {
        let server = LocalServer::new();
        server.answer(command, "451 4.3.0 later", Some(6));
        let later = block_on(
            builder(&server)
                .retry(quickly(9))
                .build()
                .expect("a mailer")
                .send(message()),
        );
        let report = later.unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(
            report.is_complete() && report.attempts() > 1,
            "{command}: {report:?}"
        );
        assert_eq!(server.mails().len(), 1, "{command}");

        let server = LocalServer::new();
        server.answer(command, "554 5.3.0 never", None);
        let never = block_on(mailer(&server).send(message())).expect_err(command);
        assert_eq!(
            (never.attempts(), never.delivery()),
            (1, Delivery::NotSent),
            "{command}"
        );
        assert!(!never.is_transient(), "{command}: {never}");
        assert_eq!(
            never.reply().map(|reply| reply.code()),
            Some(554),
            "{command}: {never}"
        );
        assert!(
            never
                .fates()
                .all(|(_, fate)| matches!(fate, Fate::NotSent | Fate::Refused(_)))
        );
        assert_eq!(never.fates().count(), 3);
    }
}

#[test]
fn connections_that_break_before_the_mail_are_tried_again() {
    for command in ["CONNECT", "EHLO", "MAIL", "RCPT"] {
        // Before PIPELINING is known nothing of the mail leaves with MAIL.
        let server = LocalServer::new();
        server.answer(command, "421 4.3.2 going down", Some(1));
        let long = Message::new(
            envelope(1),
            "x: y\n\n".to_owned() + &"text\n".repeat(40_000),
        );
        let report = block_on(mailer(&server).send(long))
            .unwrap_or_else(|error| panic!("{command}: {error}"));
        assert_eq!(
            (report.attempts(), server.mails().len()),
            (2, 1),
            "{command}"
        );
    }
}

#[test]
fn what_may_have_been_sent_is_never_sent_again() {
    let server = LocalServer::new();
    server.answer(".", "", None);
    let error = block_on(mailer(&server).send(message())).unwrap_err();
    assert_eq!(error.delivery(), Delivery::MaybeSent);
    assert_eq!((error.attempts(), server.connections()), (1, 1));
    assert!(error.fates().all(|(_, fate)| *fate == Fate::MaybeSent));
    assert!(error.to_string().contains("not known whether"), "{error}");
    assert!(error.is_transient());
}

#[test]
fn the_rest_may_be_doubtful_when_some_got_it() {
    let server = LocalServer::new();
    server.answer("RCPT TO:<two@b.example>", "451 4.3.0 later", Some(1));
    // The first mail's end is as ever.
    server.answer(".", "250 2.0.0 ok", Some(1));
    server.answer(".", "", None);
    let report = block_on(mailer(&server).send(message())).expect("two got it");
    assert_eq!(fates(&report), [250, 1, 250]);
    assert_eq!(report.attempts(), 2);
    assert_eq!(
        report.error().map(|error| error.delivery()),
        Some(Delivery::MaybeSent)
    );
}

#[test]
fn a_greylisting_server_is_waited_for() {
    for (reply, least) in [
        (
            "450 4.2.0 <one@b.example>: Recipient address rejected: Greylisted",
            300,
        ),
        (
            "451 4.7.1 Greylisting in action, please come back in 10 minutes",
            600,
        ),
    ] {
        let server = LocalServer::new();
        server.answer("RCPT", reply, None);
        let day = Duration::from_secs(86_400);
        let mailer = builder(&server).deadline(day).build().expect("a mailer");
        let (message, events) = watched(message());
        // It is enough to see that it waits.
        let sent = wasi_net_timeout(mailer.send(message));
        assert!(sent.is_none());
        let events = events.lock().expect("no panic");
        let Some(Event::Retry { attempt: 2, after }) = events.last() else {
            panic!("{events:?}");
        };
        let least = Duration::from_secs(least);
        assert!(*after >= least && *after <= least + least / 8, "{after:?}");
        // Where there is no time for that, it ends now.
        let mailer = builder(&server).deadline(least).build().expect("a mailer");
        let error = block_on(mailer.send(crate::support::message())).unwrap_err();
        assert_eq!(error.attempts(), 1);
        assert!(error.is_transient());
    }
}

#[test]
fn a_mail_has_an_hour_unless_told_otherwise() {
    let greylisting = |minutes| {
        let server = LocalServer::new();
        let reply = format!("451 4.7.1 Greylisting, please come back in {minutes} minutes");
        server.answer("RCPT", &reply, None);
        builder(&server)
    };
    let mailer = greylisting(50).build().expect("a mailer");
    assert!(
        wasi_net_timeout(mailer.send(message())).is_none(),
        "it waits"
    );
    let mailer = greylisting(62).build().expect("a mailer");
    let error = block_on(mailer.send(message())).unwrap_err();
    assert_eq!(error.attempts(), 1);
    // Mails that wait for a rate may wait for longer.
    let slow = greylisting(62).rate_limit(60, Duration::from_secs(60));
    let mailer = slow.build().expect("a mailer");
    assert!(
        wasi_net_timeout(mailer.send(message())).is_none(),
        "it waits"
    );
}

/// `None` if it does not end by itself soon.
fn wasi_net_timeout<F: Future>(future: F) -> Option<F::Output> {
    let soon = wasm_smtp_wasi::wasi_net::timeout(Duration::from_millis(20), future);
    block_on(soon).ok()
}

#[test]
fn connecting_is_tried_again_where_that_may_help() {
    let server = LocalServer::new();
    let late = |kind| Late(server.clone(), Mutex::new(vec![kind; 2]));
    let refused = late(io::ErrorKind::ConnectionRefused);
    let mailer = Mailer::over(refused)
        .retry(quickly(3))
        .build()
        .expect("a mailer");
    let report = block_on(mailer.send(message())).expect("a report");
    assert_eq!(report.attempts(), 3);
    let unsupported = late(io::ErrorKind::Unsupported);
    let mailer = Mailer::over(unsupported)
        .retry(quickly(3))
        .build()
        .expect("a mailer");
    let error = block_on(mailer.send(message())).unwrap_err();
    assert_eq!(error.attempts(), 1);
    assert!(matches!(error.kind(), MailerErrorKind::Connect(_)));
}

#[test]
fn events_tell_of_phases_octets_and_retries() {
    let server = LocalServer::new();
    server.answer("MAIL", "451 4.3.0 later", Some(1));
    let (message, events) = watched(message());
    let report = block_on(mailer(&server).send(message)).expect("a report");
    assert_eq!(report.attempts(), 2);
    let events = events.lock().expect("no panic");
    assert_eq!(events[0], Event::Phase(Phase::Connect));
    let mut last = 0;
    for event in events
        .iter()
        .take_while(|event| !matches!(event, Event::Retry { .. }))
    {
        if let Event::Sent(len) = event {
            assert!(*len > last, "{events:?}");
            last = *len;
        }
    }
    let retry = Event::Retry {
        attempt: 2,
        after: Duration::ZERO,
    };
    let at = events
        .iter()
        .position(|event| *event == retry)
        .expect("a retry");
    let sent = |events: &[Event]| {
        events.iter().rev().find_map(|event| match event {
            Event::Sent(len) => Some(*len),
            _ => None,
        })
    };
    let length = ARRIVED.len() as u64;
    assert!(sent(&events[at..]).is_some_and(|len| len > length && len < 3 * length));
}

#[test]
fn many_mails_end_as_they_do_and_few_are_held() {
    let server = LocalServer::new();
    server.answer("RCPT TO:<r7@", "550 5.1.1 nobody", None);
    let mailer = distant(&server, 2);
    let (mut taken, most) = (0, Mutex::new((0, 0)));
    let messages = (0..100).map(|number| {
        taken += 1;
        let (done, held) = &mut *most.lock().expect("no panic");
        *held = (taken - *done).max(*held);
        let to = envelope(number % 10 + 1).retain(|to| {
            to.address()
                .as_str()
                .starts_with(&format!("r{}@", number % 10))
        });
        (number, Message::new(to, format!("x: {number}\n\ntext\n")))
    });
    let mut results = [None; 100];
    block_on(mailer.send_many(stream::iter(messages), |number, result| {
        most.lock().expect("no panic").0 += 1;
        assert!(
            results[number].replace(result.is_ok()).is_none(),
            "one result each"
        );
    }));
    for (number, result) in results.iter().enumerate() {
        assert_eq!(*result, Some(number % 10 != 7), "{number}");
    }
    assert_eq!(server.mails().len(), 90);
    assert_eq!(server.connections(), 2);
    assert!(most.lock().expect("no panic").1 <= 9, "{most:?}");
}

#[test]
fn a_mailer_goes_on_in_the_next_block_on() {
    let server = LocalServer::new();
    let mailer = mailer(&server);
    (0..3).for_each(|_| send(&mailer));
    block_on(mailer.clone().close());
    assert_eq!((server.mails().len(), server.connections()), (3, 1));
}

#[test]
fn no_more_mails_go_than_the_rate_allows() {
    let server = LocalServer::new();
    let span = Duration::from_millis(30);
    let mailer = builder(&server)
        .rate_limit(2, span)
        .build()
        .expect("a mailer");
    let start = std::time::Instant::now();
    (0..5).for_each(|_| send(&mailer));
    assert!(start.elapsed() >= 2 * span);
}
