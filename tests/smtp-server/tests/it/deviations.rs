//! The server does what it says, and what a test wants where it wants it.

use crate::talk::{Client, DATA, EHLO};
use smtp_test_server::{BLOCK, CHUNK, Deviation, END, GREETING, OVER, Rules, Server, TLS, Then};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A client of a server that deviates at lines that begin so.
fn deviating(line: &'static str, deviation: Deviation) -> Client {
    let server = Server::with(Rules::default(), move |asked| {
        asked.is(line).then(|| deviation.clone())
    });
    let mut client = Client::of(server);
    client.talk(EHLO);
    client
}

#[test]
fn each_moment_is_asked_about_once_with_what_a_good_server_says() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let server = Server::with(Rules::default().lmtp(), move |asked| {
        let reply = asked.reply.lines().last().unwrap_or_default();
        let reply = reply.get(..3).unwrap_or_default();
        log.lock().unwrap().push(format!(
            "{} {reply} {}",
            asked.line,
            asked.mail.recipients.len()
        ));
        None
    });
    let mut client = Client::of(server);
    client.talk("LHLO a -> 250-\nMAIL FROM:<> | RCPT TO:<a@b> | DATA -> 250 | 250 | 354");
    client.send(("x".repeat(68) + "\r\n").repeat(1000));
    client.send(".\r\n");
    client
        .talk("MAIL FROM:<> | RCPT TO:<a@b> | RCPT TO:<c@d> | BDAT 3 | x -> 250 | 250 | 250 | 250");
    client.talk("BDAT 3 LAST | x -> 250 | 250");
    client.talk("what -> 500\nQUIT -> 221");
    assert!(client.conversation.client_hello());
    assert_eq!(
        *asked.lock().unwrap(),
        [
            format!("{GREETING} 220 0"),
            "LHLO a 250 0".to_owned(),
            "MAIL FROM:<> 250 0".to_owned(),
            "RCPT TO:<a@b> 250 0".to_owned(),
            "DATA 354 1".to_owned(),
            format!("{BLOCK}  1"),
            format!("{END} 250 1"),
            "MAIL FROM:<> 250 0".to_owned(),
            "RCPT TO:<a@b> 250 0".to_owned(),
            "RCPT TO:<c@d> 250 1".to_owned(),
            "BDAT 3  2".to_owned(),
            format!("{CHUNK} 250 2"),
            "BDAT 3 LAST  2".to_owned(),
            format!("{END} 250 2"),
            "what 500 0".to_owned(),
            "QUIT 221 0".to_owned(),
            format!("{OVER}  0"),
            format!("{TLS}  0"),
        ][..]
    );
}

/// After a 2xx that a test put into its mouth the server goes on as after its own.
#[test]
fn the_server_does_what_it_says() {
    let mut client = deviating("RCPT TO:<no@b>", Deviation::say("550 5.1.1 no"));
    client.talk("MAIL FROM:<> | RCPT TO:<no@b> | DATA -> 250 | 550 | 503");
    let mut client = deviating("MAIL", Deviation::say("450 later"));
    client.talk("MAIL FROM:<> | RCPT TO:<a@b> -> 450 | 503");
    let mut client = deviating("DATA", Deviation::say("354 whoever gets it"));
    client.talk("MAIL FROM:<> | DATA -> 250 | 354\nx | . -> 503\nNOOP -> 250");
    let mut client = deviating("DATA", Deviation::say("451 not now"));
    client.talk(&DATA.replace("354", "451"));
    client.talk("NOOP -> 250");
    let mut client = deviating("RSET", Deviation::say("550 never"));
    client.talk("MAIL FROM:<> | RSET | MAIL FROM:<> -> 250 | 550 | 503");
    let mut client = deviating("NOOP", Deviation::say("421 4.3.2 going"));
    client.talk("NOOP -> 421");
    assert!(client.is_over());
    let mut client = deviating("NOOP", Deviation::write("421 not yet\r\n"));
    client.talk("NOOP -> 421\nRSET -> 250");
    let mut client = deviating("QUIT", Deviation::say("500 stay"));
    client.talk("QUIT -> 500\nRSET -> 250");
    let offer = Deviation::say("250-hi\r\n250-AUTH PLAIN\r\n250 STARTTLS");
    let mut client = deviating("EHLO two", offer);
    client.talk("EHLO two -> 250-\nMAIL FROM:<> RET=FULL -> 555\nAUTH PLAIN AA== -> 538");
    client.talk("STARTTLS -> 220");
    let mut client = deviating("EHLO two", Deviation::say("503 twice"));
    client.talk("MAIL FROM:<> -> 250\nEHLO two -> 503\nMAIL FROM:<> -> 503");
}

#[test]
fn a_mail_is_taken_where_the_server_says_so() {
    for (reply, taken) in [
        ("250 2.0.0 ok", true),
        ("451 4.3.0 later", false),
        ("451 4.3.0 later\r\n250 2.0.0 ok", false),
        ("250-2.0.0 ok\r\n550 5.0.0 not ok", true),
    ] {
        let mut client = deviating(END, Deviation::say(reply));
        client.talk(DATA);
        assert_eq!(client.send("x\r\n.\r\n"), format!("{reply}\r\n"));
        let seen = client.server.seen();
        assert_eq!(
            (seen.mails.len(), seen.taken().len()),
            (1, usize::from(taken))
        );
    }
    let mut client = deviating(END, Deviation::only(Then::Close));
    client.talk(DATA);
    assert_eq!(client.send("x\r\n.\r\n"), "");
    let seen = client.server.seen();
    assert_eq!((seen.mails.len(), seen.taken().len()), (1, 0));
    assert_eq!(*client.conversation.next(), Then::Close);
}

/// Its octets come all the same, and what follows is not taken for a command.
#[test]
fn a_chunk_that_is_refused_is_dropped() {
    let envelope = "MAIL FROM:<> | RCPT TO:<a@b> -> 250 | 250";
    for (line, rest) in [("BDAT 6", "451"), (CHUNK, "451")] {
        let mut client = deviating(line, Deviation::say("451 4.3.0 no"));
        client.talk(envelope);
        client.talk(&format!("BDAT 6 | QUIT | BDAT 3 LAST | x -> {rest} | 503"));
        assert!(client.server.seen().mails.is_empty());
        client.talk(envelope);
    }
}

#[test]
fn what_is_held_or_over_says_no_more() {
    for (deviation, held) in [
        (Deviation::only(Then::Hold), true),
        (Deviation::only(Then::Stop), true),
        (Deviation::flood("250-x\r\n"), true),
        (Deviation::drip("250-x\r\n"), true),
        (
            Deviation::flood("x").then(Then::Repeat(Vec::new(), Duration::ZERO)),
            true,
        ),
        (Deviation::only(Then::End), false),
        (Deviation::only(Then::HalfClose), false),
        (Deviation::only(Then::Close), false),
        (Deviation::only(Then::Reset), false),
    ] {
        let then = deviation.then.clone();
        let mut client = deviating("NOOP", deviation);
        assert_eq!(client.send("NOOP\r\n"), "");
        assert_eq!(client.send("RSET\r\n"), "");
        let then = match then {
            Then::Repeat(bytes, _) if bytes.is_empty() => Then::Hold,
            then => then,
        };
        assert_eq!(*client.conversation.next(), then);
        assert_eq!(client.server.seen().held(), usize::from(held));
    }
}

#[test]
fn before_and_after_all() {
    let refuse = |line| {
        move |asked: &smtp_test_server::Asked<'_>| {
            (asked.line == line).then(|| Deviation::write("no").then(Then::Hold))
        }
    };
    let server = Server::with(Rules::default(), refuse(GREETING));
    assert_eq!(server.open().output(), b"no");
    let server = Server::with(Rules::default(), refuse(TLS));
    let mut conversation = server.open_before_tls();
    assert_eq!(*conversation.next(), Then::StartTls);
    assert!(!conversation.client_hello() && conversation.output() == b"no");
    let mut client = Client::of(Server::with(Rules::default(), refuse(OVER)));
    assert_eq!(client.send("QUIT\r\n"), "221 2.0.0 bye\r\nno");
    assert_eq!(*client.conversation.next(), Then::Hold);
    let server = Server::new(Rules::default());
    let mut conversation = server.open_before_tls();
    assert!(conversation.client_hello() && conversation.output().is_empty());
    conversation.tls_started(None);
    assert!(conversation.output().starts_with(b"220 "));
}

/// How often and when is a matter of the closure.
#[test]
fn a_deviation_may_come_so_often() {
    let mut left = 2;
    let server = Server::with(Rules::default(), move |asked| {
        (asked.is("noop") && asked.connection == 0 && left > 0).then(|| {
            left -= 1;
            Deviation::say("450 not now")
        })
    });
    let mut client = Client::of(server.clone());
    client.talk("NOOP -> 450\nNOOP -> 450\nNOOP -> 250");
    assert_eq!(server.seen().count("NOOP"), 3);
}

/// What a test has EHLO say is offered, until the next EHLO that it leaves alone.
#[test]
fn an_offer_that_was_put_in_is_good_for_one_hello() {
    let mut said = Some(Deviation::say("250-hi\r\n250 STARTTLS"));
    let server = Server::with(
        Rules::default().only(["STARTTLS", "AUTH PLAIN"]),
        move |asked| asked.is("EHLO").then(|| said.take()).flatten(),
    );
    let mut client = Client::of(server);
    client.talk("EHLO a -> 250-hi\nAUTH PLAIN AA== -> 502\nSTARTTLS -> 220");
    client.conversation.tls_started(None);
    assert!(client.talk(EHLO).ends_with("250 AUTH PLAIN\r\n"));
    // STARTTLS is taken away, as by someone in the middle.
    let server = Server::with(Rules::default(), |asked| {
        let hello = asked.is("EHLO");
        hello.then(|| Deviation::say("250-hi\r\n250 AUTH PLAIN"))
    });
    let mut client = Client {
        conversation: server.open_with_starttls(),
        server,
    };
    client.read();
    client.talk("EHLO a -> 250-hi\nSTARTTLS -> 502\nAUTH PLAIN AA== -> 235");
}

/// With LMTP, any of the replies; without, the first one, whatever its lines.
#[test]
fn whole_replies_say_who_took_a_mail() {
    let two = "MAIL FROM:<> | RCPT TO:<a@b> | RCPT TO:<c@d> | DATA -> 250 | 250 | 250 | 354";
    for (lmtp, reply, taken) in [
        (false, "451 later\r\n250 ok", false),
        (true, "550-no\r\n550 no\r\n250 ok", true),
        (true, "550 no\r\n250 ok", true),
        (true, "550 no\r\n550 no\r\n250 surplus", false),
    ] {
        let rules = Rules::default();
        let rules = if lmtp { rules.lmtp() } else { rules };
        let server = Server::with(rules, move |asked| {
            (asked.line == END).then(|| Deviation::say(reply))
        });
        let (mut kept, keeping) = (0, Arc::new(Mutex::new(0)));
        let count = keeping.clone();
        server.keep(move |_| {
            kept += 1;
            *count.lock().unwrap() = kept;
            true
        });
        let mut client = Client::of(server);
        client.talk(if lmtp {
            "LHLO a -> 250-"
        } else {
            "EHLO a -> 250-"
        });
        client.talk(two);
        client.send("x\r\n.\r\n");
        assert_eq!(client.server.mails().len(), usize::from(taken), "{reply}");
        assert_eq!(*keeping.lock().unwrap(), usize::from(taken), "{reply}");
    }
}

/// A mail that came to its end is seen, even if nobody was to get it, and it is seen
/// before anyone learns that its answer is held.
#[test]
fn what_came_to_its_end_is_in_the_record() {
    let server = Server::with(Rules::default(), |asked| match asked.line {
        "RCPT TO:<a@b>" => Some("550 no".into()),
        "DATA" => Some("354 go".into()),
        END => Some(Deviation::say("250 ok").then(Then::Hold)),
        _ => None,
    });
    drop(server.open());
    let mut client = Client::of(server);
    client.talk(EHLO);
    client.talk("MAIL FROM:<> | RCPT TO:<a@b> | DATA -> 250 | 550 | 354");
    client.send("x\r\n.\r\n");
    let seen = client.server.seen();
    assert_eq!(
        (seen.mails.len(), seen.taken().len(), seen.held()),
        (1, 0, 1)
    );
    drop(client.conversation);
    assert_eq!(client.server.seen().held(), 0, "it is over");
    // A recipient without a sender, because a test said so.
    let mut client = Client::of(Server::with(Rules::default(), |asked| match asked.line {
        "MAIL FROM:<>" => Some("450 later".into()),
        "RCPT TO:<a@b>" => Some("250 fine".into()),
        _ => None,
    }));
    drop(client.server.open());
    client.talk(EHLO);
    client.talk("MAIL FROM:<> | RCPT TO:<a@b> | DATA -> 450 | 250 | 354\nx | . -> 250");
    assert_eq!(client.server.mails()[0].ehlo, "client.test");
}

/// What nobody asked for is not what a client has to wait for.
#[test]
fn a_surplus_reply_is_not_waited_for() {
    let mut client = deviating("NOOP", Deviation::write("250 one\r\n250 two\r\n"));
    client.conversation.handle(b"NOOP\r\n");
    client.conversation.written("250 one\r\n".len());
    assert_eq!(
        client.send("RSET\r\n"),
        "250 two\r\n250 2.0.0 forgotten\r\n"
    );
    let server = Server::with(Rules::default().only(["CHUNKING"]), |asked| {
        asked.is("BDAT").then(|| "451 no".into())
    });
    let mut client = Client::of(server);
    client.talk(EHLO);
    client.conversation.handle(b"BDAT 6\r\n");
    assert_eq!(client.send("abcdef"), "451 no\r\n");
    client.talk("RSET -> 250");
}

/// A handshake that was answered otherwise is not waited for again.
#[test]
fn after_another_answer_to_a_handshake_the_plain_stream_goes_on() {
    let server = Server::with(Rules::default(), |asked| {
        (asked.line == TLS).then(|| "454 no".into())
    });
    let mut conversation = server.open_before_tls();
    assert!(!conversation.client_hello());
    assert_eq!(*conversation.next(), Then::GoOn);
}

/// No line of a client passes for a moment, and none of its secrets is shown.
#[test]
fn a_line_is_no_moment_and_a_response_is_not_shown() {
    let mut client = deviating(END, Deviation::say("250 taken"));
    client.talk(". -> 500");
    let rules = Rules::default().offer(["AUTH PLAIN"]);
    let mut client = Client::open(rules);
    client.talk("AUTH PLAIN -> 334\nc2VjcmV0 -> 235");
    let shown = format!("{:?}", client.server.seen());
    assert!(shown.contains("\"AUTH\", \"*\"") && !shown.to_lowercase().contains("c2vj"));
}
