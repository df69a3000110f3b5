//! What the client of `wasm-smtp` demands of its transport, each demand by its
//! name. The guest is `smtp_demands`.

use smtp_test_server::listen::{Listener, Security};
use smtp_test_server::{Deviation, Mechanism, Rules, Server, Then};
use std::collections::VecDeque;
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::fault::{Direction, Fault, Proxy};
use test_host::guest::{Guest, Outcome};
use test_host::sendmail::CaFolder;
use tokio::net::TcpListener;

fn guest(case: &str, port: u16) -> Guest {
    let guest = Guest::of_tests("smtp_demands").allow_names();
    guest.arg(case).arg(port)
}

/// A server with TLS from the first byte, and the run of a case against it.
async fn over_tls(case: &str, args: &[u16]) -> (Listener, Outcome) {
    let ca = Ca::new();
    let config = ca.server_config(&LOCAL_NAMES);
    let server = Server::new(Rules::default()).listen(Security::Implicit(config));
    let server = server.unwrap();
    let folder = CaFolder::new(&ca).unwrap();
    let guest = guest(case, server.addr().port()).folder(folder.path(), "/ca");
    let guest = args
        .iter()
        .fold(guest.arg("/ca/ca.pem"), |guest, arg| guest.arg(arg));
    (server, guest.run().await.expect_success())
}

async fn plaintext() -> Listener {
    Server::new(Rules::default())
        .listen(Security::Plaintext)
        .unwrap()
}

/// A port that refuses connections.
async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// The guest's own name is a test's too: each of its cases is one below.
#[test]
fn smtp_demands() {
    let guest = include_str!("../../../guests/src/bin/smtp_demands.rs");
    let (_, cases) = guest.split_once("match case.as_str() {").unwrap();
    let (cases, _) = cases.split_once("other =>").unwrap();
    for case in cases.lines().filter_map(|line| line.split('"').nth(1)) {
        let run = format!("(\"{case}\", ");
        assert!(
            include_str!("guests_smtp_demands.rs").contains(&run),
            "{case}"
        );
    }
}

#[tokio::test]
async fn flush_on_read() {
    let (server, _) = over_tls("sizes", &[]).await;
    assert_eq!(server.mails().len(), 6 * 9);
}

#[tokio::test]
async fn stream_writes_are_coalesced() {
    let (server, outcome) = over_tls("stream", &[]).await;
    assert_eq!(server.mails().len(), 3);
    let connection = &outcome.traffic.connections[0];
    // ClientHello, Finished with EHLO behind the greeting, EHLO; envelope and
    // body of each mail; QUIT, close_notify.
    assert_eq!(connection.writes, connection.flights, "one write each");
}

#[tokio::test]
async fn a_stream_needs_no_memory_of_its_length() {
    let (server, outcome) = over_tls("memory", &[]).await;
    assert_eq!(server.mails()[0].content.len(), 25_000_000 / 64 * 64);
    let grown: usize = outcome.stdout.trim().parse().unwrap();
    assert!(grown < 1024 * 1024, "{grown}");
}

#[tokio::test]
async fn release_on_drop() {
    let server = plaintext().await;
    server.deviate(|asked| asked.is("RCPT TO:<alice@").then(|| "550 5.1.1 no".into()));
    let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = gate.local_addr().unwrap().port();
    let run = guest("refused", server.addr().port()).arg(port).run();
    let opened = async {
        let (stream, _) = gate.accept().await.unwrap();
        server.wait_closed(1).await;
        drop(stream);
    };
    let (outcome, ()) = tokio::join!(run, opened);
    outcome.expect_success();
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn deadlines_are_io_errors() {
    let silent = Proxy::sink().start().await.unwrap();
    let run = guest("silent", silent.addr().port()).run().await;
    let text = run.expect_success().stdout;
    for part in [
        "timed out (the server's greeting took too long: ",
        "is for connect_smtps",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_dropped_future_poisons() {
    let server = Server::new(
        Rules::default()
            .user("user@test.local", "secret")
            .mechanisms(&[Mechanism::Plain]),
    )
    .listen(Security::Plaintext);
    let server = server.unwrap();
    let run = guest("cancelled", server.addr().port()).run().await;
    run.expect_success();
    let seen = server.wait_closed(1).await;
    assert!(seen.count("AUTH") <= 1, "{:?}", seen.connections);
}

/// A server with a text for each line that it reads, the first one for the connection
/// itself. After the last it reads on, and says no more.
fn script(texts: &[&str]) -> Listener {
    let mut texts: VecDeque<_> = texts.iter().map(|text| (*text).to_owned()).collect();
    let server = Server::with(Rules::default(), move |_| {
        let deviation = Deviation::write(texts.pop_front().unwrap_or_default());
        let is_last = texts.is_empty();
        Some(deviation.then(if is_last { Then::Hold } else { Then::GoOn }))
    });
    server.listen(Security::Plaintext).unwrap()
}

const GREETING: &str = "220 test ESMTP\r\n";
const OFFER: &str = "250-test\r\n250 STARTTLS\r\n";

#[tokio::test]
async fn starttls_read_ahead_is_refused() {
    let at_once = "220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n".to_owned();
    // The client reads 1,024 bytes at a time: the rest is still in the socket.
    let pad = "x".repeat(1024 - "220 \r\n".len() - 500);
    let rest = format!("220-{}\r\n220 {pad}\r\n250 injected\r\n", "y".repeat(494));
    assert_eq!(rest.find("250 "), Some(1024));
    let in_pieces = "220 go\r\n250 inj".to_owned();
    for (reply, refused) in [
        (at_once, "STARTTLS"),
        (rest, "went on in plaintext"),
        (in_pieces, "STARTTLS"),
    ] {
        let server = script(&[GREETING, OFFER, &reply]);
        let run = guest("ahead_of_tls", server.port()).run().await;
        let text = run.expect_success().stdout;
        assert!(text.contains(refused), "{text}");
    }
}

#[tokio::test]
async fn without_the_offer_of_starttls_nothing_goes_on() {
    let server = script(&[GREETING, "250 test\r\n"]);
    let run = guest("ahead_of_tls", server.port()).run().await;
    let text = run.expect_success().stdout;
    assert!(text.contains("STARTTLS"), "{text}");
    let seen = server.wait_closed(1).await;
    let verbs: Vec<_> = seen.connections[0]
        .lines
        .iter()
        .map(|line| &line[..4])
        .collect();
    assert_eq!(verbs, ["EHLO"]);
}

#[tokio::test]
async fn a_second_upgrade_is_refused() {
    let plain = plaintext().await;
    let (server, outcome) = over_tls("twice", &[plain.addr().port()]).await;
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert!(lines[0].contains("is in TLS already"), "{lines:?}");
    assert!(lines[1].contains("a reply is still to come"), "{lines:?}");
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn auth_is_not_seen_in_plaintext_unless_allowed() {
    let server =
        Server::new(Rules::default().user("user@test.local", "secret")).listen(Security::Plaintext);
    let server = server.unwrap();
    let run = guest("plaintext_auth", server.addr().port()).run().await;
    run.expect_success();
    let seen = server.wait_closed(2).await;
    let logins = seen
        .connections
        .iter()
        .map(|one| one.verbs().contains(&"AUTH".to_owned()));
    assert_eq!(logins.collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn what_could_be_read_as_two_mails_is_refused() {
    let server = plaintext().await;
    let run = guest("body", server.addr().port()).run().await;
    let text = run.expect_success().stdout;
    assert_eq!(text.lines().count(), 2 * 10, "{text}");
    assert!(
        text.lines()
            .all(|line| line.contains("the mail was not sent"))
    );
    server.wait_closed(20).await;
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn sessions_go_on_at_the_same_time() {
    const SESSIONS: usize = 20;
    let server = plaintext().await;
    // No greeting arrives until all of them are there.
    let proxy = Proxy::builder(server.addr()).after(Direction::ToClient, 0, Fault::Stall);
    let proxy = proxy.start().await.unwrap();
    let run = guest("at_once", proxy.addr().port()).arg(SESSIONS).run();
    let released = async {
        proxy.wait_accepted(SESSIONS).await;
        proxy.release();
    };
    let (outcome, ()) = tokio::join!(run, released);
    outcome.expect_success();
    assert_eq!(server.mails().len(), SESSIONS);
}

#[tokio::test]
async fn policy_and_audit_of_the_client_are_reachable() {
    let server = plaintext().await;
    let run = guest("client_options", server.addr().port()).run().await;
    let text = run.expect_success().stdout;
    assert!(
        text.contains("MessageAccepted") && text.contains("QuitCompleted"),
        "{text}"
    );
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn options_say_who_may_answer() {
    let (_server, outcome) = over_tls("who", &[closed_port().await]).await;
    let lines: Vec<_> = outcome.stdout.lines().collect();
    for (line, part) in lines
        .iter()
        .zip(["elsewhere.test", "pin", "TLSA", "localhost"])
    {
        assert!(line.contains(part), "{line}");
        assert!(line.contains("was refused"), "{line}");
    }
    assert_eq!(lines.len(), 4);
}

#[tokio::test]
async fn replies_that_nobody_asked_for_are_refused() {
    for (second, part) in [
        ("250 ok", "(250): it is out of step"),
        ("421 bye", "(421): it is closing"),
    ] {
        let reply = format!("250-test\r\n250 SIZE\r\n{second}\r\n");
        let server = script(&[GREETING, &reply, "250 ok\r\n"]);
        let run = guest("unasked", server.port()).run().await;
        let text = run.expect_success().stdout;
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn roots_are_the_hosts_or_the_bundled() {
    let ca = Ca::new();
    let config = ca.server_config(&LOCAL_NAMES);
    let server = Server::new(Rules::default()).listen(Security::Implicit(config));
    let server = server.unwrap();
    let folder = CaFolder::new(&ca).unwrap();
    let guest = || guest("host_roots", server.addr().port());
    let shown = guest().folder(folder.path(), "/ca");
    let shown = shown.env("SSL_CERT_FILE", "/ca/ca.pem").run().await;
    assert_eq!(shown.expect_success().stdout, "");
    let bundled = guest().run().await.expect_success().stdout;
    assert!(bundled.contains("issuer"), "{bundled}");
}

#[tokio::test]
async fn features_of_the_client_are_passed_on() {
    let rules = Rules::default().without("SMTPUTF8");
    let server = Server::new(rules).listen(Security::Plaintext).unwrap();
    let run = guest("passed_on", server.addr().port()).run().await;
    run.expect_success();
    let received = server.mails();
    assert_eq!(received.len(), 1);
    assert!(
        received[0].content.starts_with(b"From: "),
        "a built message"
    );
}

/// A gate without noise: what each further mail costs in calls of the host,
/// for its two round trips.
#[tokio::test]
async fn host_calls_of_a_message() {
    let run = async |count: u16| {
        let (server, outcome) = over_tls("messages", &[count]).await;
        assert_eq!(server.mails().len(), usize::from(count));
        let connection = &outcome.traffic.connections[0];
        // ClientHello, Finished, EHLO; two for each mail; QUIT, close_notify.
        let flights = 5 + 2 * u64::from(count);
        assert_eq!((connection.writes, connection.flights), (flights, flights));
        outcome.traffic.host_calls
    };
    let calls = run(200).await - run(100).await;
    // A wake-up for nothing costs a few more.
    assert!(calls <= 100 * 16, "{calls} for 100 mails");
}

/// Ends without close_notify, behind a whole reply to QUIT and before its end.
#[tokio::test]
async fn a_missing_close_notify_is_forgiven_after_quit_only() {
    for (reply, ends_well) in [
        ("221 bye\r\n", true),
        ("221 bye", false),
        ("250 ok\r\n", false),
    ] {
        let ca = Ca::new();
        let config = ca.server_config(&LOCAL_NAMES);
        let server = Server::with(Rules::default(), move |asked| {
            let quit = asked.is("QUIT");
            quit.then(|| Deviation::write(reply).then(Then::HalfClose))
        });
        let server = server.listen(Security::Implicit(config)).unwrap();
        let port = server.port();
        let folder = CaFolder::new(&ca).unwrap();
        let guest = guest("quit", port).folder(folder.path(), "/ca");
        let run = guest.arg("/ca/ca.pem").run().await.expect_success();
        assert_eq!(
            run.stdout.trim() == "Ok(())",
            ends_well,
            "{reply:?}: {}",
            run.stdout
        );
    }
}
