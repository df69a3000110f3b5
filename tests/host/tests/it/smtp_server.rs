//! The SMTP server of the tests on real sockets and in TLS, and by a client that is not
//! ours. What it refuses and keeps is tested in its own crate.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use smtp_test_server::listen::{Listener, Security, Settings};
use smtp_test_server::{Deviation, GREETING, Rules, Server, TLS, Then};
use std::io::ErrorKind;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use test_host::ca::{Ca, LOCAL_NAMES};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// A client that sends what it is told and expects what it is told.
struct Client {
    stream: Box<dyn Duplex>,
    input: Vec<u8>,
}

/// Turns a hang into a failure.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, future).await.expect("in time")
}

impl Client {
    async fn tcp(server: &Listener) -> Self {
        let stream = TcpStream::connect(server.addr()).await.expect("a server");
        let (stream, input) = (Box::new(stream), Vec::new());
        Self { stream, input }
    }

    async fn tls(mut self, config: &Arc<ClientConfig>) -> std::io::Result<Self> {
        let name = ServerName::try_from("127.0.0.1").expect("an address");
        let connector = TlsConnector::from(config.clone());
        self.stream = Box::new(soon(connector.connect(name, self.stream)).await?);
        Ok(self)
    }

    async fn send(&mut self, text: &str) {
        let sent = soon(self.stream.write_all(text.as_bytes())).await;
        sent.and(soon(self.stream.flush()).await).expect("open");
    }

    /// Reads a whole reply.
    async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            if let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.input.drain(..end + 2).collect();
                reply += &String::from_utf8(line).expect("ASCII");
                let last = reply.lines().last().unwrap_or_default();
                if last.get(3..4) != Some("-") {
                    return reply;
                }
                continue;
            }
            let read = soon(self.stream.read_buf(&mut self.input)).await;
            assert_ne!(read.expect("open"), 0, "the server closed");
        }
    }

    /// Sends lines, and expects that the reply to each begins so.
    async fn talk(&mut self, lines: &[(&str, &str)]) -> String {
        let mut reply = String::new();
        for (line, start) in lines {
            self.send(&format!("{line}\r\n")).await;
            reply = self.reply().await;
            assert!(reply.starts_with(start), "{line}: {reply}");
        }
        reply
    }

    /// What is left to read, and how it ends.
    async fn rest(&mut self) -> (String, Option<ErrorKind>) {
        let read = soon(self.stream.read_to_end(&mut self.input)).await;
        let text = String::from_utf8_lossy(&self.input).into_owned();
        (text, read.err().map(|error| error.kind()))
    }
}

fn trusting(ca: &Ca, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(ca.pem().as_bytes()).expect("PEM");
    roots.add(root).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let config = config.expect("ring").with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
}

const MAIL: [(&str, &str); 5] = [
    ("EHLO client.test", "250-"),
    ("MAIL FROM:<a@test.local>", "250 "),
    ("RCPT TO:<b@test.local>", "250 "),
    ("DATA", "354 "),
    ("x\r\n.", "250 "),
];

async fn greeted(server: &Listener, tls: Option<&Arc<ClientConfig>>) -> Client {
    let mut client = Client::tcp(server).await;
    if let Some(tls) = tls {
        client = client.tls(tls).await.expect("trust");
    }
    assert!(client.reply().await.starts_with("220 "));
    client
}

#[tokio::test]
async fn each_security_delivers_and_says_what_it_was() {
    let ca = Ca::new();
    let config = ca.server_config(&LOCAL_NAMES);
    assert!(config.ticketer.enabled());
    for (security, version) in [
        (Security::Implicit(config.clone()), Some(&TLS12)),
        (Security::Implicit(config.clone()), Some(&TLS13)),
        (Security::StartTls(config.clone()), Some(&TLS12)),
        (Security::StartTls(config), Some(&TLS13)),
        (Security::Plaintext, None),
    ] {
        let trust = version.map(|version| trusting(&ca, &[version]));
        let server = Server::new(Rules::default())
            .listen(security.clone())
            .unwrap();
        for resumed in [false, true] {
            let implicit = matches!(security, Security::Implicit(_));
            let mut client = greeted(&server, trust.as_ref().filter(|_| implicit)).await;
            if matches!(security, Security::StartTls(_)) {
                client.talk(&[MAIL[0], ("STARTTLS", "220 ")]).await;
                client = client.tls(trust.as_ref().unwrap()).await.unwrap();
                client.talk(&[("MAIL FROM:<>", "503 ")]).await;
            }
            client.talk(&MAIL).await;
            client.talk(&[("QUIT", "221 ")]).await;
            assert_eq!(client.rest().await, (String::new(), None));
            let mail = server.mails().pop().expect("a mail");
            let tls = mail.tls.as_ref();
            let name = version.map(|version| match version.version {
                rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2",
                _ => "TLSv1.3",
            });
            assert_eq!(tls.map(|tls| tls.version.as_str()), name);
            assert!(tls.is_none_or(|tls| tls.cipher.starts_with("TLS_")));
            assert!(tls.is_none_or(|tls| tls.resumed == resumed));
        }
        let seen = soon(server.wait_closed(2)).await;
        let is_tls = version.is_some();
        assert!(
            seen.connections
                .iter()
                .all(|one| one.quit && one.tls == is_tls)
        );
    }
}

#[tokio::test]
async fn strangers_and_injections_are_noticed() {
    let ca = Ca::new();
    let config = ca.server_config(&LOCAL_NAMES);
    let server = Server::new(Rules::default()).listen(Security::Implicit(config.clone()));
    let server = server.unwrap();
    let stranger = trusting(&Ca::new(), &[&TLS13]);
    assert!(Client::tcp(&server).await.tls(&stranger).await.is_err());
    let seen = soon(server.wait_closed(1)).await;
    assert!(!seen.connections[0].tls && seen.connections[0].lines.is_empty());

    let server = Server::new(Rules::default())
        .listen(Security::StartTls(config))
        .unwrap();
    let mut client = greeted(&server, None).await;
    client.talk(&[MAIL[0], ("STARTTLS\r\nRSET", "503 ")]).await;
    assert_eq!(client.rest().await, (String::new(), None));
    assert!(!server.seen().connections[0].tls);
}

/// What a client meets at each end, in TLS: an end without close_notify is none.
#[tokio::test]
async fn each_end_is_on_the_wire() {
    let ca = Ca::new();
    let trust = trusting(&ca, &[&TLS13]);
    let truncated = Some(ErrorKind::UnexpectedEof);
    for (then, error) in [
        (Then::End, None),
        (Then::HalfClose, truncated),
        (Then::Close, truncated),
        (Then::Reset, Some(ErrorKind::ConnectionReset)),
    ] {
        let deviation = Deviation::write("bye").then(then.clone());
        let server = Server::with(Rules::default(), move |asked| {
            asked.is("NOOP").then(|| deviation.clone())
        });
        let config = ca.server_config(&LOCAL_NAMES);
        let server = server.listen(Security::Implicit(config)).unwrap();
        let mut client = greeted(&server, Some(&trust)).await;
        client.send("NOOP\r\n").await;
        let (text, ended) = client.rest().await;
        assert_eq!(ended, error, "{then:?}");
        // A reset may overtake what was said before.
        assert!(text == "bye" || then == Then::Reset, "{then:?}: {text}");
        soon(server.wait_closed(1)).await;
    }
}

#[tokio::test]
async fn floods_and_drips_go_on_until_the_client_has_enough() {
    for deviation in [Deviation::flood("250-x\r\n"), Deviation::drip("250-x\r\n")] {
        let server = Server::with(Rules::default(), move |asked| {
            (asked.line == GREETING).then(|| deviation.clone())
        });
        let server = server.listen(Security::Plaintext).unwrap();
        let mut client = Client::tcp(&server).await;
        let mut said = [0; 14];
        soon(client.stream.read_exact(&mut said)).await.unwrap();
        assert_eq!(&said, b"250-x\r\n250-x\r\n");
        assert_eq!(server.seen().held(), 1);
        drop(client);
        let seen = soon(server.wait_closed(1)).await;
        assert!(seen.connections[0].repeated >= 14);
    }
}

/// What is said in place of a handshake is not in TLS.
#[tokio::test]
async fn a_handshake_may_be_answered_by_anything() {
    let ca = Ca::new();
    let server = Server::with(Rules::default(), |asked| {
        let hello = asked.line == TLS;
        hello.then(|| Deviation::write("HTTP/1.1 400\r\n\r\n").then(Then::End))
    });
    let config = ca.server_config(&LOCAL_NAMES);
    let server = server.listen(Security::Implicit(config)).unwrap();
    let refused = Client::tcp(&server)
        .await
        .tls(&trusting(&ca, &[&TLS13]))
        .await;
    assert_eq!(
        refused.map(drop).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

#[tokio::test]
async fn one_at_a_time_means_to_its_end() {
    let settings = Settings {
        one_at_a_time: true,
        ..Settings::default()
    };
    let server = Server::new(Rules::default());
    let server = server.listen_with(Security::Plaintext, settings).unwrap();
    let first = greeted(&server, None).await;
    let mut second = Client::tcp(&server).await;
    assert_eq!(server.seen().connections.len(), 1);
    drop(first);
    assert!(second.reply().await.starts_with("220 "));
}

#[tokio::test]
async fn a_server_hangs_up_or_ends() {
    let server = Server::new(Rules::default())
        .listen(Security::Plaintext)
        .unwrap();
    let mut client = greeted(&server, None).await;
    server.hang_up();
    assert_eq!(client.rest().await, (String::new(), None));
    let mut client = greeted(&server, None).await;
    let addr = server.addr();
    drop(server);
    assert_eq!(client.rest().await, (String::new(), None));
    assert!(TcpStream::connect(addr).await.is_err());
}

/// Python's own client: it shares nothing with ours.
const SMTPLIB: &str = r#"
import smtplib, ssl, sys
ca, implicit, starttls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = ssl.create_default_context(cafile=ca)
mail = b"Subject: s\r\n\r\n.text\r\n..\r\n"
client = smtplib.SMTP_SSL("localhost", implicit, context=context)
client.login("user", "secret")
assert client.sendmail("a@test.local", ["b@test.local", "no@test.local"], mail).keys() == {"no@test.local"}
client.quit()
client = smtplib.SMTP("localhost", starttls)
client.starttls(context=context)
try:
    client.login("user", "wrong")
    sys.exit("a wrong password was right")
except smtplib.SMTPAuthenticationError as error:
    assert error.smtp_code == 535, error
client.login("user", "secret")
try:
    client.sendmail("a@test.local", ["no@test.local"], mail)
    sys.exit("nobody was taken for somebody")
except smtplib.SMTPRecipientsRefused:
    pass
client.sendmail("\u00fc@test.local", ["b@test.local"], mail, mail_options=["SMTPUTF8", "BODY=8BITMIME", "RET=HDRS"], rcpt_options=["NOTIFY=NEVER"])
client.quit()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn pythons_smtplib_is_served() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let ca = Ca::new();
    let folder = test_host::sendmail::CaFolder::new(&ca).unwrap();
    let rules = Rules::default().user("user", "secret");
    let server = Server::with(rules, |asked| {
        let no = asked.is("RCPT TO:<no@");
        no.then(|| "550 5.1.1 no such user".into())
    });
    let config = ca.server_config(&LOCAL_NAMES);
    let implicit = server.listen(Security::Implicit(config.clone())).unwrap();
    let starttls = server.listen(Security::StartTls(config)).unwrap();
    let ports = [implicit.port(), starttls.port()].map(|port| port.to_string());
    let mut python = Command::new("python3");
    python
        .arg("-c")
        .arg(SMTPLIB)
        .arg(folder.path().join("ca.pem"));
    let output = tokio::task::spawn_blocking(move || python.args(ports).output());
    let output = soon(output).await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    for mail in &mails {
        assert_eq!(mail.content, b"Subject: s\r\n\r\n.text\r\n..\r\n");
        assert_eq!(mail.recipients, ["b@test.local"]);
        assert_eq!(
            mail.login.as_ref().map(|login| login.user.as_str()),
            Some("user")
        );
    }
    assert_eq!(mails[1].sender, "\u{fc}@test.local");
    assert_eq!(
        mails[1].parameters[1..],
        ["SMTPUTF8", "BODY=8BITMIME", "RET=HDRS"]
    );
    let seen = server.seen();
    assert!(seen.connections.iter().all(|one| one.tls && one.quit));
}
