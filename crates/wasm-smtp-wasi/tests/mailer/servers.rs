//! What servers do that they do not announce.

use crate::support::{Behind, Path, builder, envelope, message, quickly, send};
use futures_util::stream;
use smtp_test_server::memory::Stream;
use smtp_test_server::{Asked, Deviation, END, GREETING, Rules, Server};
use std::collections::HashMap;
use wasm_smtp_wasi::mailer::{
    BoxFuture, Connect, Connection, Fate, LocalServer, Mailer, MailerBuilder, Message, Remedy,
    Retry,
};
use wasm_smtp_wasi::smtp_session::{Delivery, Mechanism, Security};
use wasm_smtp_wasi::{WasiSmtpError, block_on};

/// A server that may have any rules and deviations.
#[derive(Clone)]
struct Scripted(Server);

impl Connect for Scripted {
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        let connection = Connection {
            stream: Box::new(Stream::new(&self.0)),
            security: Security::Tls { exporter: None },
            local_addr: None,
            tls: None,
        };
        Box::pin(async { Ok(connection) })
    }
}

pub(crate) fn over(server: &Server) -> MailerBuilder {
    Mailer::over(Scripted(server.clone())).retry(Retry::none())
}

fn connections(server: &Server) -> usize {
    server.see(|seen| seen.connections.len())
}

/// Behind `most` mails of a connection the server says `reply` at `line`.
fn tired(rules: Rules, most: u32, line: &'static str, reply: &'static str) -> Server {
    let mut taken = HashMap::<usize, u32>::new();
    Server::with(rules, move |asked| {
        let taken = taken.entry(asked.connection).or_default();
        if asked.is(line) && *taken >= most {
            return Some(reply.into());
        }
        *taken += u32::from(asked.line == END);
        None
    })
}

#[test]
fn a_limit_of_mails_in_a_session_is_learnt() {
    let without = |keyword| Rules::default().without(keyword);
    for (rules, line) in [
        (Rules::default(), "MAIL"),
        (Rules::default(), END),
        (without("CHUNKING"), "DATA"),
        (without("PIPELINING"), "MAIL"),
    ] {
        for reply in ["451 4.4.5 too many messages", "452 4.4.5 enough", "450 no"] {
            let server = tired(rules.clone(), 10, line, reply);
            let mailer = over(&server).build().expect("a mailer");
            for _ in 0..100 {
                let report = block_on(mailer.send(message())).expect("a report");
                assert!(report.is_complete() && report.attempts() == 1);
            }
            server.see(|seen| {
                assert_eq!(seen.taken().len(), 100);
                // One refusal was enough.
                let mails = seen.count("MAIL");
                assert_eq!((seen.connections.len(), mails), (10, 101), "{line} {reply}");
                assert!(seen.connections[0].verbs().ends_with(&["QUIT".to_owned()]));
            });
        }
    }
}

#[test]
fn a_refusal_of_the_mail_itself_is_no_limit() {
    // The new connection says the same: nothing is learnt.
    let mut refusals = 0;
    let server = Server::with(Rules::default(), move |asked| {
        let is_refused = asked.is("MAIL FROM:<tired@") && refusals < 2;
        refusals += u32::from(is_refused);
        is_refused.then(|| "451 4.3.0 later".into())
    });
    let mailer = over(&server).retry(quickly(3)).build().expect("a mailer");
    send(&mailer);
    let refused = "From: tired@a.example\nTo: you@b.example\n\nx\n";
    let message = Message::from_bytes(refused).expect("a message");
    let report = block_on(mailer.send(message)).expect("a report");
    assert_eq!((report.attempts(), connections(&server)), (2, 2));
    (0..5).for_each(|_| send(&mailer));
    assert_eq!(connections(&server), 2);
    // Who greylists or names a time wants to be waited for, by any connection.
    for reply in ["451 4.7.1 greylisted", "450 try again in 300 seconds"] {
        let server = tired(Rules::default(), 1, "MAIL", reply);
        let mailer = over(&server).build().expect("a mailer");
        send(&mailer);
        let error = block_on(mailer.send(crate::support::message())).expect_err("later");
        assert_eq!(error.reply().map(ToString::to_string), Some(reply.into()));
        assert_eq!(connections(&server), 1);
    }
}

#[test]
fn a_mail_that_cannot_be_read_again_does_not_change_connections() {
    let server = tired(Rules::default(), 1, END, "451 4.4.5 too many messages");
    let mailer = over(&server).build().expect("a mailer");
    send(&mailer);
    let mail = "From: me@a.example\nTo: you@b.example\n\n".to_owned() + &"x\n".repeat(60_000);
    let reader = futures_util::io::Cursor::new(mail);
    let message = block_on(Message::from_reader(reader)).expect("a message");
    let error = block_on(mailer.send(message)).expect_err("it is read already");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(connections(&server), 1);
}

#[test]
fn a_server_that_does_not_know_bdat_gets_all_by_data() {
    for code in [500, 502, 503] {
        let server = Server::with(Rules::default(), move |asked| {
            let surplus = format!("{code} 5.5.1 what\r\n500 what\r\n500 what\r\n");
            asked.is("BDAT").then(|| Deviation::write(surplus))
        });
        let mailer = over(&server).build().expect("a mailer");
        let first = block_on(mailer.send(message())).expect("a report");
        assert!(first.is_complete() && first.attempts() == 1);
        (0..3).for_each(|_| send(&mailer));
        server.see(|seen| {
            assert_eq!((seen.count("BDAT"), seen.count("DATA")), (1, 4), "{code}");
            assert_eq!((seen.connections.len(), seen.taken().len()), (2, 4));
            // Nothing followed what nobody understood.
            let verbs = seen.connections[0].verbs();
            assert_eq!(verbs.last().map(String::as_str), Some("BDAT"), "{verbs:?}");
        });
    }
}

/// Such as chasquid, at the third refusal.
#[test]
fn a_421_amid_the_envelope_goes_on_where_it_was() {
    let script = || {
        let mut refused = HashMap::<usize, u32>::new();
        move |asked: &Asked<'_>| {
            let refused = refused.entry(asked.connection).or_default();
            if !asked.is("RCPT TO:<bad") {
                return None;
            }
            *refused += 1;
            Some(match *refused {
                3 => "421 4.3.0 too many errors".into(),
                _ => "550 5.1.1 nobody".into(),
            })
        }
    };
    let mail = |names: &[&str]| {
        let to: Vec<_> = names
            .iter()
            .map(|name| format!("{name}@b.example"))
            .collect();
        let mail = format!("From: me@a.example\nTo: {}\n\nx\n", to.join(", "));
        Message::from_bytes(mail).expect("a message")
    };
    for rules in [Rules::default(), Rules::default().without("PIPELINING")] {
        let server = Server::with(rules.clone(), script());
        let mailer = over(&server).build().expect("a mailer");
        let names = [
            "bad1", "good1", "bad2", "bad3", "good2", "bad4", "bad5", "good3",
        ];
        let report = block_on(mailer.send(mail(&names))).expect("a report");
        assert_eq!((report.attempts(), connections(&server)), (1, 3));
        for (address, fate) in report.fates() {
            match address.to_string().starts_with("good") {
                true => assert_eq!(*fate, Fate::Sent),
                false => assert!(matches!(fate, Fate::Refused(reply) if reply.code() == 550)),
            }
        }
        server.see(|seen| {
            assert_eq!(seen.taken().len(), 1);
            assert_eq!(seen.count("RCPT TO:<bad1"), 1, "it was refused");
        });
        // Nobody gets it, which is for good.
        let server = Server::with(rules, script());
        let mailer = over(&server).build().expect("a mailer");
        let names = ["bad1", "bad2", "bad3", "bad4", "bad5"];
        let error = block_on(mailer.send(mail(&names))).expect_err("nobody");
        assert!(!error.is_transient(), "{error}");
        let is_refused = |fate: &Fate| matches!(fate, Fate::Refused(reply) if reply.code() == 550);
        assert!(error.fates().all(|(_, fate)| is_refused(fate)));
    }
    // Each connection has to bring something new.
    let server = Server::with(Rules::default(), |asked| {
        asked.is("RCPT TO:<bad").then(|| "421 4.3.0 no".into())
    });
    let mailer = over(&server).build().expect("a mailer");
    let error = block_on(mailer.send(mail(&["good", "bad"]))).expect_err("421");
    assert_eq!((error.delivery(), error.attempts()), (Delivery::NotSent, 1));
    assert_eq!(connections(&server), 2);
}

/// A server that takes so many connections at once; the others are told at `line`.
fn narrow(most: usize, line: &'static str, reply: &'static str) -> Server {
    let server = Server::new(Rules::default());
    let same = server.clone();
    server.deviate(move |asked| {
        let is_over = |one: usize| same.see(|seen| seen.connections[one].closed);
        let before = (0..asked.connection).filter(|one| !is_over(*one)).count();
        (asked.is(line) && before >= most).then(|| reply.into())
    });
    server
}

#[test]
fn a_limit_of_connections_at_once_is_waited_for() {
    for (line, reply) in [
        (GREETING, "421 4.7.0 too many connections"),
        (GREETING, "450 4.7.0 not now"),
        ("EHLO", "421 4.7.0 too many connections"),
    ] {
        for most in [1, 2] {
            let server = narrow(most, line, reply);
            let mailer =
                Mailer::over(Behind(Scripted(server.clone()), Path::Distant)).retry(Retry::none());
            let mailer = mailer.build().expect("a mailer");
            let mails = stream::iter((0..60).map(|number| (number, message())));
            let mut sent = 0;
            block_on(mailer.send_many(mails, |_, result| {
                let report = result.expect("a report");
                sent += usize::from(report.is_complete() && report.attempts() == 1);
            }));
            assert_eq!(sent, 60, "{line} {reply}");
            let opened = connections(&server);
            assert!(opened <= 12, "{line}: {opened} connections");
        }
    }
    // Without another that works it is an error.
    let server = narrow(0, GREETING, "421 4.7.0 too many connections");
    let mailer = over(&server).build().expect("a mailer");
    let error = block_on(mailer.send(message())).expect_err("closed");
    assert!(error.is_transient());
}

/// Takes `most` recipients of each mail, and says `reply` to the others.
pub(crate) fn few(most: usize, reply: &'static str) -> Server {
    Server::with(Rules::default().offer(["AUTH PLAIN"]), move |asked| {
        let is_full = asked.is("RCPT") && asked.mail.recipients.len() >= most;
        is_full.then(|| reply.into())
    })
}

#[test]
fn the_rest_goes_by_the_same_connection_before_it_ends() {
    for reply in ["452 too many", "452 4.5.3 too many recipients"] {
        let server = few(3, reply);
        let mailer = over(&server).password("me", "secret").build();
        let mail = Message::new(envelope(10), "x: y\n\ntext");
        let mailer = mailer.expect("a mailer");
        let report = block_on(mailer.send_and_close(mail)).expect("a report");
        assert!(report.is_complete() && report.attempts() == 1);
        server.see(|seen| {
            assert_eq!(
                (seen.connections.len(), seen.count("AUTH")),
                (1, 1),
                "{reply}"
            );
            assert_eq!((seen.taken().len(), seen.count("QUIT")), (4, 1));
        });
    }
}

/// RFC 5321 section 4.5.3.1.10; RFC 9422 section 4.2.
#[test]
fn nobody_is_asked_for_again_and_again_where_few_go_at_once() {
    let send = |server: &Server, recipients| {
        // A connection is for 100 mails.
        let mailer = over(server)
            .password("me", "secret")
            .retry(quickly(1))
            .build();
        let mail = Message::new(envelope(recipients), "x: y\n\ntext");
        let report = block_on(mailer.expect("a mailer").send_and_close(mail));
        let report = report.expect("a report");
        assert!(report.is_complete() && report.attempts() == 1, "{report:?}");
        server.see(|seen| (seen.count("RCPT"), seen.taken().len()))
    };
    for (most, transactions) in [(1, 1000), (7, 143), (100, 10)] {
        let server = few(most, "452 4.5.3 too many recipients");
        let (asked, taken) = send(&server, 1000);
        // All of a window in the first flight, and three that show where it ends.
        assert!(asked <= 1000 + 512 + 3, "{most}: {asked}");
        assert_eq!(taken, transactions);
        let limits = format!("LIMITS RCPTMAX={most}");
        let offers = Rules::default().offer(["AUTH PLAIN", "PIPELINING", &limits]);
        let server = Server::with(offers, |_| None);
        assert_eq!(send(&server, 1000), (1000, transactions), "{most}");
    }
    // Who is refused otherwise does not count.
    let rules = Rules::default().offer(["AUTH PLAIN", "LIMITS RCPTMAX=2"]);
    let server = Server::with(rules, |asked| {
        let gone = asked.line.starts_with("RCPT TO:<r1@") || asked.line.starts_with("RCPT TO:<r2@");
        gone.then(|| "550 5.1.1 nobody".into())
    });
    let mailer = over(&server).password("me", "secret").build();
    let mail = Message::new(envelope(5), "x: y\n\ntext");
    let report = block_on(mailer.expect("a mailer").send(mail)).expect("a report");
    let refused = report
        .fates()
        .filter(|(_, fate)| matches!(fate, Fate::Refused(_)));
    assert_eq!(refused.count(), 2);
    server.see(|seen| assert_eq!((seen.count("RCPT"), seen.taken().len()), (5, 3)));
}

/// Those of one transaction that are all refused are no matter of the others.
#[test]
fn whoever_waits_for_another_transaction_is_asked_for_in_any_case() {
    for (reply, tries) in [("550 5.1.1 nobody", 1), ("450 4.2.1 later", 2)] {
        for rcpt_max in [true, false] {
            let offer: &[&str] = match rcpt_max {
                true => &["AUTH PLAIN", "LIMITS RCPTMAX=1"],
                false => &["AUTH PLAIN"],
            };
            let server = Server::with(
                Rules::default().offer(offer.iter().copied()),
                move |asked| {
                    let is_gone = ["RCPT TO:<r1@", "RCPT TO:<r4@"];
                    if is_gone.iter().any(|gone| asked.line.starts_with(gone)) {
                        return Some(reply.into());
                    }
                    let is_full = asked.is("RCPT") && !asked.mail.recipients.is_empty();
                    is_full.then(|| "452 4.5.3 too many".into())
                },
            );
            let mailer = over(&server)
                .password("me", "secret")
                .retry(quickly(2))
                .build();
            let mail = Message::new(envelope(5), "x: y\n\ntext");
            let report = block_on(mailer.expect("a mailer").send(mail)).expect("a report");
            let fates = report.fates().filter(|(_, fate)| **fate == Fate::Sent);
            assert_eq!(fates.count(), 3, "{reply} {rcpt_max}: {report:?}");
            server.see(|seen| assert!(seen.count("RCPT TO:<r4@") >= tries));
        }
    }
}

/// What was read once is gone.
#[test]
fn a_reader_that_was_begun_goes_to_nobody_else() {
    let rules = Rules::default().offer(["AUTH PLAIN", "LIMITS RCPTMAX=1"]);
    let server = Server::with(rules, |asked| {
        let is_gone = asked.line.starts_with("RCPT TO:<r0@");
        is_gone.then(|| "550 5.1.1 nobody".into())
    });
    let mail = "From: a@b.example\nTo: r0@b.example, r1@b.example\n\n";
    let mail: &[u8] = (mail.to_owned() + &"text\n".repeat(40_000))
        .leak()
        .as_bytes();
    let mailer = over(&server).password("me", "secret").build();
    let sent = block_on(async {
        let message = Message::from_reader(mail).await.expect("a message");
        mailer.expect("a mailer").send(message).await
    });
    server.see(|seen| {
        let whole = seen.taken().iter().all(|mail| mail.content.len() > 200_000);
        assert!(whole, "{sent:?}");
    });
}

/// A full mailbox, not too many recipients.
#[test]
fn a_status_says_whose_a_452_is() {
    let server = LocalServer::new();
    server.answer("RCPT TO:<two@", "452 4.2.2 mailbox full", None);
    let mailer = builder(&server).retry(Retry::none()).build();
    let mailer = mailer.expect("a mailer");
    let report = block_on(mailer.send_and_close(message())).expect("a report");
    assert!(!report.is_complete());
    assert_eq!((report.attempts(), server.mails().len()), (1, 1));
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_mechanism_that_is_asked_for_is_the_only_one() {
    let server = Server::with(
        Rules::default().offer(["AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER"]),
        |_| None,
    );
    let send = |builder: MailerBuilder, mechanism| {
        let mailer = builder.auth_mechanisms(&[mechanism]).build();
        block_on(mailer.expect("a mailer").send(message()))
    };
    let token = |_| async { Ok("a-token".to_owned()) };
    let sent = send(over(&server).oauth("me", token), Mechanism::XOAuth2);
    assert!(sent.is_ok_and(|report| report.is_complete()));
    let sent = send(over(&server).password("me", "secret"), Mechanism::Login);
    assert!(sent.is_ok_and(|report| report.is_complete()));
    let error = send(over(&server).password("me", "secret"), Mechanism::XOAuth2);
    assert_eq!(error.unwrap_err().remedy(), Some(&Remedy::OtherCredentials));
    let names = server.see(|seen| {
        let lines = seen.starting("AUTH ").into_iter();
        let names = lines.filter_map(|line| line.split(' ').nth(1));
        names.map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(names, ["XOAUTH2", "LOGIN"]);
}
