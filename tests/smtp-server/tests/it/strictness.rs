//! What the server refuses.

use crate::talk::{Client, DATA, EHLO};
use smtp_test_server::{Deviation, Rules, Server};

/// A server that refuses this recipient.
fn refusing(rules: Rules, address: &'static str, reply: &'static str) -> Server {
    Server::with(rules, move |asked| {
        let refused = asked.is(&format!("RCPT TO:<{address}>"));
        refused.then(|| Deviation::say(reply))
    })
}

#[test]
fn an_extension_that_is_not_offered_is_off() {
    let mut client = Client::open(Rules::default());
    let all = "PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n";
    let offer = format!("250-smtp.test greets client.test\r\n250-{all}");
    assert_eq!(client.talk(EHLO), offer);

    let bare = Rules::default().only([""; 0]);
    let server = refusing(bare, "nobody@test.local", "550 5.1.1 no such user");
    let mut client = Client::of(server);
    let greeting = client.talk("EHLO client.test -> 250 ");
    assert_eq!(greeting, "250 smtp.test greets client.test\r\n");
    client.talk(
        "
        BDAT 0 LAST -> 500 unknown
        MAIL FROM:<> BODY=8BITMIME -> 555 unknown
        MAIL FROM:<> SIZE=1 -> 555 unknown
        MAIL FROM:<> SMTPUTF8 -> 555 unknown
        MAIL FROM:<> RET=HDRS -> 555 unknown
        STARTTLS -> 502 no
        AUTH PLAIN AA== -> 502 no
        MAIL FROM:<> -> 250 sender
        RCPT TO:<nobody@test.local> -> 550 5.1.1 no such user
        RCPT TO:<a@test.local> NOTIFY=NEVER -> 555 unknown
        RCPT TO:<a@test.local> | RCPT TO:<b@test.local> -> 503 wait",
    );
    assert!(client.is_over());
}

/// A reply is read before the next command is sent, even if that comes by itself.
#[test]
fn without_pipelining_no_command_comes_before_its_turn() {
    for rules in [Rules::default().without("PIPELINING"), Rules::default()] {
        let server = Server::new(rules);
        let mut conversation = server.open();
        conversation.handle(b"EHLO client.test\r\n");
        let said = String::from_utf8_lossy(conversation.output()).into_owned();
        assert!(said.ends_with("503 5.5.1 wait for the reply\r\n"), "{said}");
    }
    let mut client = Client::open(Rules::default().without("PIPELINING"));
    client.conversation.handle(b"MAIL FROM:<>\r\n");
    let said = client.send("RCPT TO:<a@test.local>\r\n");
    assert!(said.ends_with("503 5.5.1 wait for the reply\r\n") && client.is_over());
    let mut client = Client::open(Rules::default());
    client.conversation.handle(b"MAIL FROM:<>\r\n");
    assert_eq!(client.send("RSET\r\n").lines().count(), 2);
    let mut client = Client::open(Rules::default().only(["CHUNKING"]));
    client.talk("MAIL FROM:<> -> 250 sender");
    client.talk("RCPT TO:<a@test.local> -> 250 recipient");
    let said = client.send("BDAT 1 LAST\r\nxQUIT\r\n");
    assert!(said.ends_with("503 wait for the reply\r\n"), "{said}");
    let mut client = Client::open(Rules::default().without("PIPELINING"));
    for line in DATA
        .trim()
        .split(" -> ")
        .next()
        .expect("lines")
        .split(" | ")
    {
        client.send(format!("{line}\r\n"));
    }
    let said = client.send("x\r\n.\r\nQUIT\r\n");
    assert!(said.ends_with("503 5.5.1 wait for the reply\r\n"), "{said}");
    // HELO offers nothing.
    let mut client = Client::new(Rules::default());
    client.talk("HELO a -> 250\nMAIL FROM:<> | RSET -> 503");
}

#[test]
fn the_size_limit() {
    let mut client = Client::open(Rules::default().without("SIZE").offer(["SIZE 8"]));
    client.talk(
        "
        MAIL FROM:<> SIZE=9 | MAIL FROM:<> SIZE=99999999999999999999 -> 552 5.3.4 | 552 5.3.4
        MAIL FROM:<> SIZE=+8 | MAIL FROM:<> SIZE=8 | RSET -> 501 5.5.4 | 250 | 250",
    );
    client.talk(DATA);
    client.talk("..345678 | . -> 552 5.3.4");
    client.talk(DATA);
    client.talk("..23456 | . -> 250");
    client.talk(
        "
        MAIL FROM:<> | RCPT TO:<b@test.local> -> 250 2.1.0 | 250 2.1.5
        BDAT 4 | 12 | BDAT 5 | 123 | BDAT 3 LAST | 1 -> 250 2.0.0 4 | 552 5.3.4 | 503 5.5.1",
    );
    let mails = client.server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].content, b".23456\r\n");
}

#[test]
fn malformed_lines_are_refused() {
    let mut client = Client::open(Rules::default());
    for content in ["a\nb", "a\rb", "a\n.\nb", "a\r\n.\nb", "a\r\n.\rb"] {
        client.talk(DATA);
        let said = client.send(format!("{content}\r\n.\r\n"));
        assert_eq!(said, "554 5.6.0 bare line end\r\n", "{content:?}");
    }
    assert!(client.server.mails().is_empty());
    for line in [
        &b"NOOP\n"[..],
        b"NO\rOP\r\n",
        b"NOOP\r\r\n",
        b"NOOP \xff\r\n",
        b"NOOP \0\r\n",
    ] {
        assert!(client.send(line).starts_with("500 5.5.2 "), "{line:?}");
    }
    let long = "500 5.5.2 line too long";
    for (len, start) in [(512, "250 "), (513, long), (99_999, long)] {
        client.talk(&format!("NOOP {} -> {start}", "x".repeat(len - 7)));
    }
    let said = client.send(vec![b'x'; 99_999]);
    assert_eq!(said + &client.send("x\r\n"), format!("{long}\r\n"));
    let mut client = Client::open(Rules::default().without("SMTPUTF8"));
    assert!(client.send("NOOP \u{e9}\r\n").starts_with("500 5.5.2 "));
}

/// What an extension allows may be in a line, and no more.
#[test]
fn lines_are_as_long_as_the_extensions_allow() {
    let dsn = Rules::default().only(["DSN", "AUTH PLAIN"]);
    let bare = Rules::default().only([""; 0]);
    for (rules, verb, most) in [
        (&dsn, "RCPT", 1012),
        (&bare, "RCPT", 512),
        (&dsn, "MAIL", 512 + 116 + 500),
        (&dsn, "AUTH", 12_288),
        (&bare, "MAIL", 512),
    ] {
        for (len, fits) in [(most, true), (most + 1, false)] {
            let mut client = Client::new(rules.clone());
            let line = format!("{verb} {}\r\n", "x".repeat(len - verb.len() - 3));
            assert_eq!(line.len(), len);
            let too_long = client.send(line).contains("line too long");
            assert_eq!(too_long, !fits, "{verb} {len}");
        }
    }
}

#[test]
fn commands_in_order_only() {
    let server = refusing(Rules::default(), "no@test.local", "450 4.2.1 busy");
    let mut client = Client::of(server);
    client.talk(
        "
        MAIL FROM:<> -> 503 5.5.1
        EHLO -> 501 5.5.4
        LHLO a -> 500 5.5.1
        EHLO [127.0.0.1] -> 250-
        RCPT TO:<b@test.local> | BDAT 0 LAST | DATA -> 503 5.5.1 | 503 5.5.1 | 503 5.5.1
        MAIL FROM: <a@b> | MAIL FROM:<a@b> | MAIL FROM:<a@b> -> 501 5.5.4 | 250 2.1.0 | 503 5.5.1
        RCPT TO:<no@test.local> -> 450 4.2.1 busy
        RCPT TO:<b@test.local> X=1 | RCPT TO:<> -> 555 5.5.4 | 501 5.5.4
        RCPT TO:<b@test.local> RET=FULL -> 555 5.5.4
        DATA -> 503 5.5.1
        RSET | RCPT TO:<b@test.local> | noop -> 250 2.0.0 | 503 5.5.1 | 250 2.0.0
        HELP | VRFY b -> 214 2.0.0 | 252 2.0.0
        QUIT now -> 501 5.5.4
        VRFY -> 501 5.5.4
        MAIL FROM:<> | BDAT 0 LAST | RCPT TO:<postmaster> -> 250 | 503 5.5.1 | 503 5.5.1
        MAIL FROM:<> | RCPT TO:<postmaster> -> 250 | 250
        BDAT 0 | RCPT TO:<b@test.local> | DATA -> 250 | 503 5.5.1 | 503 5.5.1
        EHLO c -> 250-
        BDAT 0 LAST -> 503 5.5.1
        HELO knows.no.extensions -> 250 smtp.test
        MAIL FROM:<> SIZE=1 -> 555 5.5.4
        MAIL FROM:<> -> 250
        RCPT TO:<b@test.local> -> 250
        BDAT 6 | QUIT -> 503 5.5.1
        EHLO d -> 250-
        RSET | MAIL FROM:<> | DATA | RCPT TO:<b@test.local> -> 250 | 250 | 503 5.5.1 wait",
    );
    assert!(client.is_over() && client.server.mails().is_empty());
}

/// RFC 2920 section 3.1: what has to be the last of a group.
#[test]
fn nothing_follows_what_has_to_be_last() {
    for command in [
        "NOOP",
        "QUIT",
        "VRFY a",
        "DATA",
        "EHLO a",
        "STARTTLS",
        "AUTH PLAIN",
    ] {
        let mut client = Client::open(Rules::default());
        let said = client.send(format!("{command}\r\nRSET\r\n"));
        assert_eq!(said, "503 5.5.1 wait for the reply\r\n", "{command}");
        assert!(client.is_over());
    }
}

#[test]
fn parameters_have_values_that_they_may_have() {
    let all = [
        "BINARYMIME",
        "DELIVERBY",
        "FUTURERELEASE 9",
        "MT-PRIORITY",
        "REQUIRETLS",
    ];
    let mut client = Client::open(Rules::default().offer(all));
    for (parameter, code) in [
        ("BODY=BINARYMIME", "250"),
        ("BODY=8bitmime", "250"),
        ("BODY=9BIT", "501"),
        ("RET=FULL ENVID=x", "250"),
        ("RET=ALL", "501"),
        ("SMTPUTF8=1", "501"),
        ("REQUIRETLS", "250"),
        ("BY=60;R", "250"),
        ("BY=60", "501"),
        ("HOLDFOR=9", "250"),
        ("HOLDFOR=x", "501"),
        ("HOLDUNTIL=2027-01-01T00:00:00Z", "250"),
        ("MT-PRIORITY=-3", "250"),
        ("MT-PRIORITY=high", "501"),
        ("NOTIFY=NEVER", "555"),
        ("ENVID=a+2B", "250"),
        ("ENVID=a+zz", "501"),
        ("BY=60;Q", "501"),
        ("MT-PRIORITY=-128", "501"),
        ("MT-PRIORITY=+3", "501"),
        ("HOLDUNTIL=x", "501"),
        ("HOLDFOR=9 HOLDUNTIL=2027-01-01T00:00:00Z", "501"),
        ("AUTH=<>", "555"),
        ("SIZE=1 SIZE=1", "501"),
        ("X", "555"),
    ] {
        client.talk(&format!("MAIL FROM:<> {parameter} -> {code}"));
        client.talk("RSET -> 250");
    }
    let long = format!("ENVID={}", "x".repeat(101));
    client.talk(&format!("MAIL FROM:<> {long} -> 501"));
    client.talk("MAIL FROM:<> -> 250");
    for (parameter, code) in [
        ("NOTIFY=NEVER ORCPT=rfc822;a+2Bb@c", "250"),
        ("NOTIFY=SUCCESS,delay", "250"),
        ("NOTIFY=NEVER,DELAY", "501"),
        ("NOTIFY=", "555"),
        ("ORCPT=x", "501"),
        ("ORCPT=rfc822;a+zz", "501"),
        ("ORCPT=utf-8;\u{fc}@b", "501"),
    ] {
        let code = if parameter == "NOTIFY=" { "501" } else { code };
        client.talk(&format!("RCPT TO:<a@b> {parameter} -> {code}"));
    }
    let mut client = Client::open(Rules::default());
    client.talk("MAIL FROM:<\u{fc}@a.test> -> 501");
    client.talk("MAIL FROM:<\u{fc}@a.test> SMTPUTF8 | RCPT TO:<\u{fc}@b.test> -> 250 | 250");
    client.talk("RSET | MAIL FROM:<> | RCPT TO:<\u{fc}@b.test> -> 250 | 250 | 501");
}

#[test]
fn twenty_mistakes_are_borne() {
    let mut client = Client::open(Rules::default());
    // What is pipelined behind a refusal is none.
    client.talk(&"RCPT TO:<a@b> -> 503\n".repeat(30));
    client.talk(&"secret -> 500 5.5.1\n".repeat(20));
    client.talk("secret -> 421 4.7.0");
    assert!(client.is_over());
}

/// STARTTLS is offered until TLS is on, and no AUTH before; what was said in plaintext
/// is forgotten.
#[test]
fn starttls_begins_anew() {
    let mut client = Client::new(Rules::default().only(["STARTTLS", "AUTH PLAIN"]));
    client.talk("STARTTLS -> 503");
    let offer = client.talk(EHLO);
    assert!(
        offer.ends_with("250 STARTTLS\r\n") && !offer.contains("AUTH"),
        "{offer}"
    );
    client.talk("AUTH PLAIN AA== -> 538\nSTARTTLS now -> 501\nSTARTTLS -> 220");
    assert!(client.conversation.client_hello());
    client.conversation.tls_started(None);
    client.talk("MAIL FROM:<> -> 503\nSTARTTLS -> 503");
    let offer = client.talk(EHLO);
    assert!(
        offer.ends_with("250 AUTH PLAIN\r\n") && !offer.contains("STARTTLS"),
        "{offer}"
    );
    client.talk("AUTH PLAIN AA== -> 235\nAUTH PLAIN AA== -> 503");
    assert!(client.server.seen().connections[0].tls);
}

/// What a content may have depends on what was asked for, however it comes.
#[test]
fn contents_keep_to_what_was_asked_for() {
    let long = "x".repeat(999) + "\r\n";
    let fits = "x".repeat(998) + "\r\n";
    for (body, content, code) in [
        ("", "\u{fc}\r\n", "554"),
        (" BODY=7BIT", "\u{fc}\r\n", "554"),
        (" BODY=8BITMIME", "\u{fc}\r\n", "250"),
        ("", &long, "554"),
        ("", &fits, "250"),
        ("", "a\nb\r\n", "554"),
    ] {
        let mut client = Client::open(Rules::default());
        let envelope = format!("MAIL FROM:<>{body} | RCPT TO:<a@b> -> 250 | 250");
        client.talk(&envelope);
        client.talk("DATA -> 354");
        assert!(
            client.send(format!("{content}.\r\n")).starts_with(code),
            "{content:?}"
        );
        client.talk(&envelope);
        let chunk = format!("BDAT {} LAST\r\n{content}", content.len());
        assert!(client.send(chunk).starts_with(code), "{content:?}");
    }
    let mut client = Client::open(Rules::default().offer(["BINARYMIME"]));
    client.talk("MAIL FROM:<> body=binarymime | RCPT TO:<a@b> -> 250 | 250\nDATA -> 503");
    assert!(client.send("BDAT 3 LAST\r\n\0\n\r").starts_with("250"));
}

#[test]
fn names_are_names() {
    let mut client = Client::new(Rules::default());
    client.talk("EHLO m\u{fc}nchen.test -> 501\nEHLO [ipv6:::1] -> 250-");
    for (len, code) in [(63, "250"), (64, "501")] {
        client.talk(&format!("MAIL FROM:<a@{}> -> {code}", "l".repeat(len)));
        client.talk("RSET -> 250");
    }
}
