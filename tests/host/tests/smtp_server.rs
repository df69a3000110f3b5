//! The SMTP test server against a scripted client, byte for byte.
//!
//! Other tests believe what this server reports and refuses, so its strictness is itself tested.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::smtp::{Builder, Mechanism, Received, Security, SmtpServer, Via};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const USER: &str = "user@test.local";
const EHLO: &str = "EHLO client.test -> 250-";
const DATA: &str = "
    MAIL FROM:<a@test.local> | RCPT TO:<b@test.local> | DATA -> 250 2.1.0 | 250 2.1.5 | 354";
/// A whole message, empty.
const MESSAGE: &str = "
    MAIL FROM:<a@test.local> | RCPT TO:<b@test.local> -> 250 2.1.0 | 250 2.1.5
    BDAT 0 LAST -> 250 2.0.0";

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
    async fn tcp(server: &SmtpServer) -> Self {
        let stream = TcpStream::connect(server.addr()).await.expect("a server");
        let (stream, input) = (Box::new(stream), Vec::new());
        Self { stream, input }
    }

    /// Connects in the clear and says EHLO.
    async fn open(server: &SmtpServer) -> Self {
        let mut client = Self::tcp(server).await;
        client.hello().await;
        client
    }

    /// Awaits the greeting and returns what is offered.
    async fn hello(&mut self) -> String {
        self.expect("220 ").await;
        self.talk(EHLO).await
    }

    async fn tls(mut self, config: &Arc<ClientConfig>) -> std::io::Result<Self> {
        let name = ServerName::try_from("127.0.0.1").expect("an address");
        let connector = TlsConnector::from(config.clone());
        self.stream = Box::new(soon(connector.connect(name, self.stream)).await?);
        Ok(self)
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = soon(self.stream.write_all(bytes.as_ref())).await;
        sent.and(soon(self.stream.flush()).await).expect("open");
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.input.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).expect("ASCII");
            }
            let read = soon(self.stream.read_buf(&mut self.input)).await;
            assert_ne!(read.expect("open"), 0, "the server closed");
        }
    }

    /// Reads a whole reply, its lines joined by LF.
    async fn expect(&mut self, start: &str) -> String {
        let mut reply = self.line().await;
        while reply.rsplit('\n').next().and_then(|line| line.get(3..4)) == Some("-") {
            reply = format!("{reply}\n{}", self.line().await);
        }
        assert!(reply.starts_with(start), "{reply:?} is not {start:?}");
        reply
    }

    /// Plays a transcript of lines `command | command -> reply | reply`: the commands of a line are
    /// sent at once, and the replies need only start so. Returns the last reply.
    async fn talk(&mut self, transcript: &str) -> String {
        let mut reply = String::new();
        let lines = transcript.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty()) {
            let (commands, starts) = line.split_once(" -> ").expect("an arrow");
            let commands = commands.replace(" | ", "\r\n");
            self.send(format!("{commands}\r\n")).await;
            for start in starts.split(" | ") {
                reply = self.expect(start).await;
            }
        }
        reply
    }

    /// The server has closed, under TLS with a close_notify.
    async fn expect_end(&mut self) {
        let read = soon(self.stream.read_buf(&mut self.input)).await;
        assert_eq!(read.expect("an orderly end"), 0, "{:?}", self.input);
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

fn plain() -> Builder {
    SmtpServer::builder(Security::Plain)
}

async fn start(builder: Builder) -> SmtpServer {
    builder.start().await.expect("a free port")
}

/// A server and a client that has said EHLO.
async fn opened(builder: Builder) -> (SmtpServer, Client) {
    let server = start(builder).await;
    let client = Client::open(&server).await;
    (server, client)
}

fn only(server: &SmtpServer) -> Received {
    let mut received = server.received();
    assert_eq!(received.len(), 1);
    received.remove(0)
}

fn base64(text: impl AsRef<[u8]>) -> String {
    STANDARD.encode(text)
}

/// A message whose dots all need care, as sent after DATA and as meant.
const STUFFED: &[u8] = b"A: \xff\0\r\n\r\n..\r\n...a\r\nb.\r\n..c\r\n\r\n.\r\n";
const MEANT: &[u8] = b"A: \xff\0\r\n\r\n.\r\n..a\r\nb.\r\n.c\r\n\r\n";

async fn deliver_dots(server: &SmtpServer, security: &Security, tls: &Arc<ClientConfig>) {
    let mut client = Client::tcp(server).await;
    if let Security::Implicit(_) = security {
        client = client.tls(tls).await.expect("trust");
    }
    let mut offer = client.hello().await;
    if let Security::StartTls(_) = security {
        assert!(offer.contains("\n250-STARTTLS\n") && !offer.contains("AUTH"));
        client.talk("AUTH PLAIN AGEAYg== -> 538 5.7.11").await;
        client.talk("STARTTLS -> 220 2.0.0").await;
        client = client.tls(tls).await.expect("trust");
        client.talk("MAIL FROM:<> -> 503 5.5.1").await;
        offer = client.talk(EHLO).await;
    }
    assert!(offer.contains("\n250-AUTH PLAIN LOGIN SCRAM-SHA-256\n"));
    assert!(!offer.contains("STARTTLS"));
    let login = base64(format!("\0{USER}\0secret"));
    let envelope = format!(
        "AUTH PLAIN {login} -> 235 2.7.0
        MAIL FROM:<> SIZE=30 BODY=8BITMIME -> 250 2.1.0
        RCPT TO:<b@test.local> | DATA -> 250 2.1.5 | 354"
    );
    client.talk(&envelope).await;
    client.send(STUFFED).await;
    client.talk("QUIT -> 250 2.0.0 | 221 2.0.0").await;
    client.expect_end().await;
}

#[tokio::test]
async fn each_security_delivers_exact_bytes() {
    let ca = Ca::new();
    let config = ca.server_config(&LOCAL_NAMES);
    assert!(config.ticketer.enabled());
    let implicit = Security::Implicit(config.clone());
    let start_tls = Security::StartTls(config);
    for (security, tls) in [
        (&implicit, Some((&TLS12, "TLSv1.2"))),
        (&implicit, Some((&TLS13, "TLSv1.3"))),
        (&start_tls, Some((&TLS12, "TLSv1.2"))),
        (&start_tls, Some((&TLS13, "TLSv1.3"))),
        (&Security::Plain, None),
    ] {
        let server = start(SmtpServer::builder(security.clone()).user(USER, "secret")).await;
        let versions = [tls.map_or(&TLS13, |(version, _)| version)];
        deliver_dots(&server, security, &trusting(&ca, &versions)).await;

        let message = soon(server.wait_received(1)).await.remove(0);
        assert!(message.data == MEANT && message.via == Via::Data);
        assert!(message.ehlo == "client.test" && message.mail_from.is_empty());
        assert_eq!(message.mail_parameters, ["SIZE=30", "BODY=8BITMIME"]);
        assert_eq!(message.recipients, ["b@test.local"]);
        let auth = message.auth.as_ref().expect("a login");
        assert_eq!((auth.mechanism, auth.user.as_str()), ("PLAIN", USER));
        assert_eq!(message.tls_version.as_deref(), tls.map(|(_, name)| name));
        let cipher = message.tls_cipher.as_deref();
        assert_eq!(tls.is_some(), cipher.is_some_and(|c| c.starts_with("TLS_")));
        assert!(format!("{message:?}").ends_with("data: 27 octets }"));
        let session = soon(server.wait_sessions_closed(1)).await.remove(0);
        assert!(session.quit && session.tls == tls.is_some());
        assert_eq!(session.commands.last(), Some(&"QUIT"));
    }
}

#[tokio::test]
async fn tls_sessions_resume_and_strangers_are_noticed() {
    let ca = Ca::new();
    let security = Security::Implicit(ca.server_config(&LOCAL_NAMES));
    let server = start(SmtpServer::builder(security)).await;
    for version in [&TLS12, &TLS13] {
        let trusting = trusting(&ca, &[version]);
        for _ in 0..2 {
            let client = Client::tcp(&server).await.tls(&trusting).await;
            let mut client = client.expect("trust");
            client.hello().await;
            client.talk(MESSAGE).await;
            client.talk("QUIT -> 221").await;
            client.expect_end().await;
        }
    }
    let resumed: Vec<bool> = server.received().iter().map(|m| m.tls_resumed).collect();
    assert_eq!(resumed, [false, true, false, true]);

    let stranger = trusting(&Ca::new(), &[&TLS13]);
    assert!(Client::tcp(&server).await.tls(&stranger).await.is_err());
    let session = soon(server.wait_sessions_closed(5)).await.remove(4);
    assert!(!session.tls && !session.quit && session.commands.is_empty());
}

#[tokio::test]
async fn plain_and_login() {
    let server = start(plain().user(USER, "secret").user("other", "")).await;
    let user = base64(USER);
    for (password, verdict) in [("secret", "235 2.7.0 "), ("Secret", "535 5.7.8 ")] {
        let message = base64(format!("\0{USER}\0{password}"));
        let password = base64(password);
        for transcript in [
            format!("AUTH LOGIN -> 334 VXNlcm5hbWU6\n{user} -> 334\n{password} -> {verdict}"),
            format!("auth login {user} -> 334 UGFzc3dvcmQ6\n{password} -> {verdict}"),
            format!("AUTH PLAIN -> 334\n{message} -> {verdict}"),
            format!("AUTH PLAIN {message} -> {verdict}"),
        ] {
            Client::open(&server).await.talk(&transcript).await;
        }
    }

    let nobody = base64("\0nobody\0secret");
    let for_another = base64(format!("other\0{USER}\0secret"));
    let for_itself = base64("other\0other\0");
    let transcript = format!(
        "MAIL FROM:<> -> 530 5.7.0
        AUTH PLAIN {nobody} -> 535 5.7.8
        AUTH PLAIN {for_another} -> 535 5.7.8
        AUTH PLAIN {user} -> 501 5.5.2
        AUTH PLAIN = -> 501 5.5.2
        AUTH PLAIN ! -> 501 5.5.2
        AUTH CRAM-MD5 -> 504 5.5.4
        AUTH LOGIN -> 334
        * -> 501 5.7.0
        AUTH PLAIN {for_itself} -> 235 2.7.0
        AUTH LOGIN -> 503 5.5.1"
    );
    Client::open(&server).await.talk(&transcript).await;

    let login_only = plain().user(USER, "secret").mechanisms(&[Mechanism::Login]);
    let (_server, mut client) = opened(login_only).await;
    assert!(client.talk(EHLO).await.contains("\n250-AUTH LOGIN\n"));
    client.talk("AUTH PLAIN -> 504 5.5.4").await;
}

/// The client's side of SCRAM; returns the verdict on `password`.
async fn scram(client: &mut Client, password: &str) -> String {
    let hmac = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
    };
    let bare = format!("n={USER},r=nonce");
    let start = base64(format!("n,,{bare}"));
    client.talk("AUTH SCRAM-SHA-256 -> 334").await;
    let first = client.talk(&format!("{start} -> 334")).await;
    let first = STANDARD.decode(&first[4..]).expect("base64");
    let first = String::from_utf8(first).expect("ASCII");
    let mut parts = first.split(',');
    let [nonce, salt, count] = ["r=", "s=", "i="].map(|key| {
        let part = parts.next().and_then(|part| part.strip_prefix(key));
        part.expect("an attribute")
    });

    let mut salted = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        count.parse::<NonZeroU32>().expect("a count"),
        &STANDARD.decode(salt).expect("base64"),
        password.as_bytes(),
        &mut salted,
    );
    let without_proof = format!("c=biws,r={nonce}");
    let message = format!("{bare},{first},{without_proof}");
    let client_key = hmac(&salted, "Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let signature = hmac(stored_key.as_ref(), &message);
    let pairs = client_key.as_ref().iter().zip(signature.as_ref());
    let proof: Vec<u8> = pairs.map(|(a, b)| a ^ b).collect();
    let last = base64(format!("{without_proof},p={}", base64(proof)));
    client.send(format!("{last}\r\n")).await;
    let answer = client.line().await;
    let Some(answer) = answer.strip_prefix("334 ") else {
        return answer;
    };
    let signature = hmac(hmac(&salted, "Server Key").as_ref(), &message);
    assert_eq!(answer, base64(format!("v={}", base64(signature))));
    client.send("\r\n").await;
    client.line().await
}

#[tokio::test]
async fn scram_proves_both_sides() {
    let (server, mut client) = opened(plain().user(USER, "secret")).await;
    assert!(scram(&mut client, "Secret").await.starts_with("535 5.7.8 "));
    client.talk("MAIL FROM:<> -> 530 5.7.0").await;
    assert!(scram(&mut client, "secret").await.starts_with("235 2.7.0 "));
    client.talk(MESSAGE).await;
    let auth = only(&server).auth.expect("a login");
    assert!(auth.mechanism == "SCRAM-SHA-256" && auth.user == USER);
}

#[tokio::test]
async fn nothing_may_follow_starttls() {
    let config = Ca::new().server_config(&LOCAL_NAMES);
    let (server, mut client) = opened(SmtpServer::builder(Security::StartTls(config))).await;
    client.talk("STARTTLS | RSET -> 501 5.5.4").await;
    client.expect_end().await;
    let session = soon(server.wait_sessions_closed(1)).await.remove(0);
    assert!(!session.tls && !session.quit);
    assert_eq!(session.commands, ["EHLO", "STARTTLS"]);
}

#[tokio::test]
async fn an_extension_switched_off_is_off() {
    let (_server, mut client) = opened(plain()).await;
    let greeting = "250-test.local greets client.test";
    let all = "PIPELINING\n250-SIZE 52428800\n250-8BITMIME\n250-CHUNKING\n250-ENHANCEDSTATUSCODES";
    let offer = format!("{greeting}\n250-{all}\n250 HELP");
    assert_eq!(client.talk(EHLO).await, offer);

    let bare = plain()
        .size(None)
        .eight_bit_mime(false)
        .chunking(false)
        .enhanced_status_codes(false)
        .pipelining(false)
        .refuse("nobody@test.local", "550 5.1.1 no such user");
    let (_server, mut client) = opened(bare).await;
    assert_eq!(client.talk(EHLO).await, format!("{greeting}\n250 HELP"));
    let refusals = "
        BDAT 0 LAST -> 500 unknown
        MAIL FROM:<> BODY=8BITMIME -> 555 unknown
        MAIL FROM:<> SIZE=1 -> 555 unknown
        STARTTLS -> 502 no
        MAIL FROM:<> -> 250 sender
        RCPT TO:<nobody@test.local> -> 550 no such user
        RCPT TO:<a@test.local> | RCPT TO:<b@test.local> -> 250 recipient | 503 wait";
    client.talk(refusals).await;
    client.expect_end().await;
}

#[tokio::test]
async fn the_size_limit() {
    let (server, mut client) = opened(plain().size(Some(8))).await;
    let announced = "
        MAIL FROM:<> SIZE=9 | MAIL FROM:<> SIZE=99999999999999999999 -> 552 5.3.4 | 552 5.3.4
        MAIL FROM:<> SIZE=+8 | MAIL FROM:<> SIZE=8 | RSET -> 501 5.5.4 | 250 | 250";
    client.talk(announced).await;
    client.talk(DATA).await;
    client.talk("..345678 | . -> 552 5.3.4").await;
    client.talk(DATA).await;
    client.talk("..23456 | . -> 250").await;
    let chunks = "
        MAIL FROM:<> | RCPT TO:<b@test.local> -> 250 2.1.0 | 250 2.1.5
        BDAT 4 | 12 | BDAT 5 | 123 | BDAT 3 LAST | 1 -> 250 2.0.0 4 | 552 5.3.4 | 503 5.5.1";
    client.talk(chunks).await;
    assert_eq!(only(&server).data, b".23456\r\n");
}

#[tokio::test]
async fn malformed_lines_are_refused() {
    let (server, mut client) = opened(plain()).await;
    for content in ["a\nb", "a\rb", "a\n.\nb", "a\r\n.\nb", "a\r\n.\rb"] {
        client.talk(DATA).await;
        client.send(format!("{content}\r\n.\r\n")).await;
        client.expect("554 5.6.0 bare line end").await;
    }
    assert!(server.received().is_empty());
    for line in ["NOOP\n", "NO\rOP\r\n", "NOOP\r\r\n", "NOOP \u{e9}\r\n"] {
        client.send(line).await;
        client.expect("500 5.5.2").await;
    }
    let long = "500 5.5.2 line too long";
    for (length, start) in [(512, "250 "), (513, long), (99999, long)] {
        let line = "x".repeat(length - 7);
        client.talk(&format!("NOOP {line} -> {start}")).await;
    }
}

#[tokio::test]
async fn commands_in_order_only() {
    let server = start(plain().refuse("no@test.local", "450 4.2.1 busy")).await;
    let mut client = Client::tcp(&server).await;
    client.expect("220 ").await;
    let transcript = "
        MAIL FROM:<> | EHLO -> 503 5.5.1 | 501 5.5.4
        EHLO [127.0.0.1] -> 250-
        RCPT TO:<b@test.local> | BDAT 0 LAST | DATA -> 503 5.5.1 | 503 5.5.1 | 503 5.5.1
        MAIL FROM: <a@b> | MAIL FROM:<a@b> | MAIL FROM:<a@b> -> 501 5.5.4 | 250 2.1.0 | 503 5.5.1
        RCPT TO:<no@test.local> -> 450 4.2.1 busy
        RCPT TO:<b@test.local> X=1 | RCPT TO:<> -> 555 5.5.4 | 501 5.5.4
        DATA -> 503 5.5.1
        RSET | RCPT TO:<b@test.local> | noop -> 250 2.0.0 | 503 5.5.1 | 250 2.0.0
        HELP | VRFY b -> 214 2.0.0 | 252 2.0.0
        QUIT now | VRFY -> 501 5.5.4 | 501 5.5.4
        MAIL FROM:<> | BDAT 0 LAST | RCPT TO:<postmaster> -> 250 | 503 5.5.1 | 250
        BDAT 0 | RCPT TO:<b@test.local> | DATA -> 250 | 503 5.5.1 | 503 5.5.1
        EHLO c -> 250-
        BDAT 0 LAST -> 503 5.5.1
        HELO knows.no.extensions -> 250 test.local
        MAIL FROM:<> SIZE=1 | MAIL FROM:<> | RCPT TO:<b@test.local> -> 555 5.5.4 | 250 | 250
        BDAT 6 | QUIT | AUTH PLAIN -> 503 5.5.1 | 503 5.5.1
        RSET | MAIL FROM:<> | DATA | RCPT TO:<b@test.local> -> 250 | 250 | 503 5.5.1 wait";
    client.talk(transcript).await;
    client.expect_end().await;
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn pipelines_by_data_and_bdat() {
    let builder = plain().refuse("no@test.local", "550 5.1.1 no such user");
    let (server, mut client) = opened(builder).await;
    let transcript = "
        MAIL FROM:<a@test.local> | RCPT TO:<no@test.local> | RCPT TO:<b@test.local> | DATA \
            -> 250 2.1.0 | 550 5.1.1 no such user | 250 2.1.5 | 354
        x | . | MAIL FROM:<> | RCPT TO:<c@test.local> -> 250 2.0.0 | 250 2.1.0 | 250 2.1.5";
    client.talk(transcript).await;
    let chunks = "BDAT 7\r\na\n.\r\n.\nBDAT 6 LAST\r\n.\r\nendQUIT";
    client.send(format!("{chunks}\r\n")).await;
    for reply in ["250 2.0.0 7 octets", "250 2.0.0 message", "221 "] {
        client.expect(reply).await;
    }
    let [first, second] = &server.received()[..] else {
        panic!("two messages");
    };
    assert_eq!(first.mail_from, "a@test.local");
    assert_eq!(first.recipients, ["b@test.local"]);
    assert_eq!(second.recipients, ["c@test.local"]);
    assert!(first.data == b"x\r\n" && first.via == Via::Data);
    assert!(second.data == b"a\n.\r\n.\n.\r\nend" && second.via == Via::Bdat);
}

#[tokio::test]
async fn a_message_cut_off_is_not_received() {
    let (server, mut client) = opened(plain()).await;
    client.talk(DATA).await;
    client.send("half a\r\n.").await;
    drop(client);
    let session = soon(server.wait_sessions_closed(1)).await.remove(0);
    assert!(server.received().is_empty() && !session.quit);
    assert_eq!(session.commands, ["EHLO", "MAIL", "RCPT", "DATA"]);
}

#[tokio::test]
async fn the_server_ends() {
    let (server, mut client) = opened(plain()).await;
    let bad_commands = "secret -> 500 5.5.1\n".repeat(20);
    client.talk(&(bad_commands + "secret -> 421 4.7.0")).await;
    client.expect_end().await;
    assert_eq!(server.sessions()[0].commands[20], "?");

    let mut client = Client::open(&server).await;
    let addr = server.addr();
    drop(server);
    client.expect_end().await;
    assert!(TcpStream::connect(addr).await.is_err());
}
