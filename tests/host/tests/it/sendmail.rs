//! The command, as a person meets it: what it sends, and what it says when
//! something is wrong. Every failure is one sentence, names its remedy, has a
//! code of sysexits.h, and leaves nothing half sent.

use smtp_test_server::listen::{Listener, Security};
use smtp_test_server::{Asked, Mechanism, Rules, Server};
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{Component, Ending, Guest, Network, Outcome, build};
use test_host::sendmail::{self, CaFolder, wire_form};
use tokio::net::TcpListener;

const MAIL: &str = "From: user@test.local\nTo: alice@test.local\nSubject: s\n\nbody\n";
const PASSWORD: &str = "p@ss/word: yes";

/// A server, its CA, and the component.
struct Fixture {
    server: Listener,
    ca: CaFolder,
    component: Component,
    scheme: &'static str,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(|rules| rules).await
    }

    async fn with(change: impl FnOnce(Rules) -> Rules) -> Self {
        let ca = Ca::new();
        Self::on(
            Security::Implicit(ca.server_config(&LOCAL_NAMES)),
            &ca,
            change,
        )
        .await
    }

    async fn on(security: Security, ca: &Ca, change: impl FnOnce(Rules) -> Rules) -> Self {
        let scheme = if matches!(security, Security::Implicit(_)) {
            "smtps"
        } else {
            "smtp"
        };
        let rules = Rules::default().user("user@test.local", PASSWORD);
        let server = Server::new(change(rules)).listen(security).unwrap();
        let component = build("wasi-sendmail", "wasi-sendmail");
        Self {
            server,
            ca: CaFolder::new(ca).unwrap(),
            component,
            scheme,
        }
    }

    fn url(&self) -> String {
        self.url_with("p%40ss%2Fword%3A%20yes")
    }

    fn url_with(&self, password: &str) -> String {
        let (scheme, port) = (self.scheme, self.server.addr().port());
        format!("{scheme}://user%40test.local:{password}@localhost:{port}")
    }

    /// A run with `-t` and a mail that could be sent.
    fn guest(&self, url: &str) -> Guest {
        sendmail::guest(&self.component, &self.ca, url)
            .arg("-t")
            .arg("--raw")
            .stdin(MAIL)
    }

    /// Runs what must fail, and holds it to the rules of every failure.
    async fn fails(&self, guest: Guest, code: i32, says: &[&str]) -> Outcome {
        let outcome = guest.run().await;
        let text = &outcome.stderr;
        assert_eq!(outcome.ending, Ending::Exit(code), "{text}");
        assert_eq!(text.lines().count(), 1, "one sentence: {text}");
        assert!(text.starts_with("wasi-sendmail: "), "{text}");
        for part in says {
            assert!(text.contains(part), "{part:?} is not in: {text}");
        }
        for secret in [PASSWORD, "p%40ss", "yes", "wrong-one"] {
            assert!(!text.contains(secret), "a secret is in: {text}");
        }
        assert_eq!(outcome.stdout, "");
        assert!(self.server.mails().is_empty(), "something was sent");
        outcome
    }

    /// The commands of the only session, once it is over.
    async fn commands(&self) -> Vec<String> {
        let seen = self.server.wait_closed(1).await;
        assert_eq!(seen.connections.len(), 1);
        seen.connections[0].verbs()
    }
}

#[tokio::test]
async fn a_mail_is_sent_without_a_word_and_with_v_the_reply_is_shown() {
    let fixture = Fixture::new().await;
    let quiet = fixture.guest(&fixture.url()).run().await.expect_success();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let loud = fixture
        .guest(&fixture.url())
        .arg("-v")
        .run()
        .await
        .expect_success();
    assert!(
        loud.stdout.contains("took the mail for 1 recipient: 250 "),
        "{}",
        loud.stdout
    );
    let received = fixture.server.mails();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].content, wire_form(MAIL.as_bytes()));
    assert_eq!(received[0].ehlo, "[127.0.0.1]", "never localhost");
}

#[tokio::test]
async fn every_mechanism_and_both_kinds_of_tls_work() {
    for (mechanism, name) in [
        (Mechanism::Plain, "PLAIN"),
        (Mechanism::Login, "LOGIN"),
        (Mechanism::ScramSha256, "SCRAM-SHA-256"),
    ] {
        let ca = Ca::new();
        let config = ca.server_config(&LOCAL_NAMES);
        for security in [
            Security::Implicit(config.clone()),
            Security::StartTls(config),
        ] {
            let fixture = Fixture::on(security, &ca, |rules| rules.mechanisms(&[mechanism])).await;
            fixture.guest(&fixture.url()).run().await.expect_success();
            let received = fixture.server.mails();
            assert_eq!(
                received[0]
                    .login
                    .as_ref()
                    .map(|login| login.mechanism.as_str()),
                Some(name)
            );
        }
    }
}

#[tokio::test]
async fn a_server_without_pipelining_and_chunking_gets_the_mail_too() {
    let fixture = Fixture::with(|rules| {
        rules
            .without("PIPELINING")
            .without("CHUNKING")
            .without("SIZE")
    })
    .await;
    fixture.guest(&fixture.url()).run().await.expect_success();
    assert_eq!(fixture.server.mails().len(), 1);
}

#[tokio::test]
async fn no_recipient() {
    let fixture = Fixture::new().await;
    let without = sendmail::guest(&fixture.component, &fixture.ca, &fixture.url()).stdin(MAIL);
    fixture
        .fails(without, 64, &["no recipient", "give -t"])
        .await;
    let empty = fixture
        .guest(&fixture.url())
        .stdin("From: user@test.local\n\nbody\n");
    fixture
        .fails(empty, 64, &["no recipient", "To, Cc or Bcc"])
        .await;
    assert!(
        fixture.server.seen().connections.is_empty(),
        "nothing was connected to"
    );
}

#[tokio::test]
async fn an_unreadable_file() {
    let fixture = Fixture::new().await;
    for path in ["/ca/missing.pem", "/etc/hostname"] {
        let guest = fixture.guest(&fixture.url()).arg("--ca-file").arg(path);
        fixture
            .fails(guest, 66, &["cannot read the CA file", path, "--dir"])
            .await;
    }
    std::fs::write(fixture.ca.path().join("empty.pem"), "nothing").unwrap();
    let guest = fixture.guest(&fixture.url()).arg("--ca-file=/ca/empty.pem");
    fixture.fails(guest, 78, &["BEGIN CERTIFICATE"]).await;
}

#[tokio::test]
async fn an_unknown_flag() {
    let fixture = Fixture::new().await;
    let guest = fixture.guest(&fixture.url()).arg("--sever");
    fixture.fails(guest, 64, &["--sever", "--help"]).await;
}

#[tokio::test]
async fn a_wrong_url() {
    let fixture = Fixture::new().await;
    let says = [
        ("http://u:wrong-one@localhost", "smtps://"),
        ("smtps://u:wrong-one@localhost:0", "between 1 and 65535"),
        ("smtps://u@localhost", "USER:PASSWORD"),
        ("smtps://u:wrong-one@localhost/inbox", "?ehlo=NAME"),
        ("smtps://u:wrong-one#@localhost", "percent-encoded"),
        ("smtps://u:wrong-one@local host", "percent-encoded"),
    ];
    for (url, remedy) in says {
        fixture
            .fails(fixture.guest(url), 78, &["the server URL", remedy])
            .await;
    }
}

#[tokio::test]
async fn a_wrong_password() {
    for mechanism in Mechanism::ALL {
        let fixture = Fixture::with(|rules| rules.mechanisms(&[mechanism])).await;
        let guest = fixture.guest(&fixture.url_with("wrong-one"));
        fixture
            .fails(
                guest,
                77,
                &[
                    "535",
                    "check the user name",
                    "--password-file",
                    "was not sent",
                ],
            )
            .await;
        assert!(!fixture.commands().await.contains(&"MAIL".to_owned()));
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_ca() {
    let fixture = Fixture::new().await;
    let other = CaFolder::new(&Ca::new()).unwrap();
    let guest = sendmail::guest(&fixture.component, &other, &fixture.url())
        .arg("-t")
        .stdin(MAIL);
    fixture
        .fails(
            guest,
            76,
            &[
                "issuer was not sent by the server and is not trusted",
                "--ca-file",
                "the mail was not sent",
            ],
        )
        .await;
    assert!(fixture.commands().await.is_empty(), "not even EHLO");
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let ca = Ca::new();
    let security = Security::Implicit(ca.server_config(&["mail.example"]));
    let fixture = Fixture::on(security, &ca, |rules| rules).await;
    let guest = fixture.guest(&fixture.url());
    fixture
        .fails(guest, 76, &["certificate of localhost", "mail.example"])
        .await;
}

#[tokio::test]
async fn a_closed_port() {
    let fixture = Fixture::new().await;
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let guest = fixture.guest(&format!("smtps://localhost:{closed}"));
    fixture
        .fails(
            guest,
            75,
            &["connection refused", "check the port", "was not sent"],
        )
        .await;
}

#[tokio::test]
async fn no_network_permission() {
    let fixture = Fixture::new().await;
    for network in [Network::None, Network::NoSockets] {
        let guest = fixture.guest(&fixture.url()).network(network);
        fixture.fails(guest, 77, &["-S inherit-network"]).await;
    }
}

#[tokio::test]
async fn no_permission_to_look_names_up() {
    let fixture = Fixture::new().await;
    let guest = Guest::new(&fixture.component, "wasi-sendmail")
        .network(Network::Loopback)
        .env("WASI_SENDMAIL_SERVER", fixture.url())
        .arg("-t")
        .stdin(MAIL);
    fixture
        .fails(guest, 77, &["localhost", "-S allow-ip-name-lookup"])
        .await;
}

#[tokio::test]
async fn an_unknown_host() {
    let fixture = Fixture::new().await;
    let guest = fixture.guest("smtps://no-such-name.invalid");
    fixture
        .fails(guest, 75, &["no-such-name.invalid", "check the name"])
        .await;
}

#[tokio::test]
async fn no_server_at_all() {
    let fixture = Fixture::new().await;
    let guest = Guest::new(&fixture.component, "wasi-sendmail")
        .arg("-t")
        .stdin(MAIL);
    fixture
        .fails(guest, 78, &["--server", "WASI_SENDMAIL_SERVER"])
        .await;
}

#[tokio::test]
async fn a_port_that_speaks_plaintext() {
    let ca = Ca::new();
    let security = Security::StartTls(ca.server_config(&LOCAL_NAMES));
    let fixture = Fixture::on(security, &ca, |rules| rules).await;
    let guest = fixture.guest(&fixture.url().replacen("smtp:", "smtps:", 1));
    fixture
        .fails(guest, 76, &["plaintext", "smtp://HOST:587"])
        .await;
}

#[tokio::test]
async fn a_server_without_starttls() {
    let ca = Ca::new();
    let fixture = Fixture::on(Security::Plaintext, &ca, |rules| rules).await;
    fixture
        .fails(
            fixture.guest(&fixture.url()),
            69,
            &["not offer STARTTLS", "smtps://"],
        )
        .await;
    assert!(
        !fixture.commands().await.contains(&"AUTH".to_owned()),
        "no password over plaintext"
    );
}

#[tokio::test]
async fn a_refused_recipient_or_sender() {
    let fixture = Fixture::new().await;
    let alice = "RCPT TO:<alice@test.local>";
    let refuse = |reply: &'static str| {
        let refusal = move |asked: &Asked<'_>| asked.is(alice).then(|| reply.into());
        fixture.server.deviate(refusal);
    };
    refuse("550 5.1.1 no such user");
    let says = [
        "refused every recipient",
        "550 5.1.1 no such user",
        "leave out the recipient",
        "the mail was not sent",
    ];
    fixture
        .fails(fixture.guest(&fixture.url()), 67, &says)
        .await;

    refuse("450 4.2.0 greylisted");
    fixture
        .fails(
            fixture.guest(&fixture.url()),
            75,
            &["450 4.2.0", "try again later"],
        )
        .await;

    let fixture = Fixture::new().await;
    let anonymous = format!("smtps://localhost:{}", fixture.server.addr().port());
    fixture
        .fails(
            fixture.guest(&anonymous),
            69,
            &["MAIL", "530", "give credentials", "--user"],
        )
        .await;
}

#[tokio::test]
async fn a_mail_that_cannot_go_on_the_wire() {
    let fixture = Fixture::new().await;
    let smuggled = "From: user@test.local\nTo: alice@test.local\n\nx\r.\rMAIL FROM:<a@b>\n";
    let guest = fixture.guest(&fixture.url()).stdin(smuggled);
    fixture.fails(guest, 65, &["line 4", "has a CR"]).await;
    assert!(
        fixture.server.seen().connections.is_empty(),
        "nothing was connected to"
    );
}
