//! What the client of `wasm-smtp` demands of its transport, one case a run:
//! `smtp_demands CASE PORT [ARGUMENT]`. Prints what the case is about.

use mail_builder::MessageBuilder;
use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::net::Ipv4Addr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use test_guests::arg;
use test_guests::mails::{Lines, memory_len};
use wasm_smtp_wasi::wasi_net::{Resolve, Resolving};
use wasm_smtp_wasi::wasm_smtp::message_body::SliceBody;
use wasm_smtp_wasi::wasm_smtp::policy::BoundedPolicy;
use wasm_smtp_wasi::wasm_smtp::{
    AuthMechanism, IoError, SmtpClient, SmtpClientOptions, SmtpError, StartTlsCapable,
    audit::VecAuditSink,
};
use wasm_smtp_wasi::{
    ConnectOptions, Phase, WasiSmtpError, WasiTransport, block_on, connect_smtp_plaintext,
    connect_smtp_plaintext_with, connect_smtp_plaintext_with_client_options,
    connect_smtp_starttls_with, connect_smtps, connect_smtps_with, wasi_net,
};

type Client = SmtpClient<WasiTransport>;

const EHLO: &str = "client.test";
const FROM: &str = "user@test.local";
const TO: &[&str] = &["alice@test.local"];

fn main() {
    let (case, port): (String, u16) = (arg(1), arg(2));
    block_on(async {
        match case.as_str() {
            "sizes" => sizes(port).await,
            "stream" => stream(port).await,
            "memory" => memory(port).await,
            "refused" => refused(port).await,
            "cancelled" => cancelled(port).await,
            "silent" => silent(port).await,
            "ahead_of_tls" => ahead_of_tls(port).await,
            "twice" => twice(port).await,
            "plaintext_auth" => plaintext_auth(port).await,
            "body" => body(port).await,
            "quit" => quit(port).await,
            "at_once" => at_once(port).await,
            "client_options" => client_options(port).await,
            "who" => who(port).await,
            "messages" => messages(port).await,
            "unasked" => unasked(port).await,
            "host_roots" => host_roots(port).await,
            "passed_on" => passed_on(port).await,
            other => panic!("there is no case {other}"),
        }
    });
}

async fn plaintext(port: u16) -> Client {
    connect_smtp_plaintext("localhost", port, EHLO)
        .await
        .unwrap()
}

/// Options that trust the CA in the file that is the third argument.
fn trusting() -> ConnectOptions {
    let roots = std::fs::read(arg::<String>(3)).unwrap();
    ConnectOptions::new().with_roots_pem(roots)
}

async fn tls(port: u16) -> Client {
    connect_smtps_with("localhost", port, EHLO, trusting())
        .await
        .unwrap()
}

/// The transport's error behind the client's.
fn ours(error: &SmtpError) -> &WasiSmtpError {
    let SmtpError::Io(error) = error else {
        panic!("it comes from another layer: {error:?}")
    };
    error.source().unwrap().downcast_ref().unwrap()
}

/// A mail of `len` bytes in lines of 76.
fn mail(len: usize) -> String {
    let mut mail = "Subject: x\r\n\r\n".to_owned();
    mail.reserve(len);
    while mail.len() + 78 <= len {
        mail += &"x".repeat(76);
        mail += "\r\n";
    }
    mail += &"y".repeat(len.saturating_sub(mail.len() + 2));
    mail + "\r\n"
}

/// Bodies around every buffer on the way, without a flush by the client.
async fn sizes(port: u16) {
    let mut client = tls(port).await;
    for near in [4_096, 16_384, 32_768, 65_536, 131_072, 4_194_304] {
        for off in 0..9 {
            let mail = mail(near - 50 + 12 * off);
            client.send_mail(FROM, TO, &mail).await.unwrap();
        }
    }
    client.quit().await.unwrap();
}

async fn stream(port: u16) {
    let mut client = tls(port).await;
    let mail = mail(1_000);
    for _ in 0..3 {
        let mut source = SliceBody::new(mail.as_bytes());
        let sent = client.send_mail_stream(FROM, TO, &mut source).await;
        sent.unwrap();
    }
    client.quit().await.unwrap();
}

/// A mail of 25 MB; prints by how much the component's memory grew.
async fn memory(port: u16) {
    const LEN: usize = 25_000_000 / 64 * 64;
    let mut client = tls(port).await;
    let before = memory_len();
    client
        .send_mail_stream(FROM, TO, &mut Lines(LEN))
        .await
        .unwrap();
    println!("{}", memory_len() - before);
    client.quit().await.unwrap();
}

/// The third argument is the port of a gate that closes when the server has
/// seen the end of the connection.
async fn refused(port: u16) {
    let mut client = plaintext(port).await;
    let error = client.send_mail(FROM, TO, "x\r\n").await.unwrap_err();
    assert!(matches!(error, SmtpError::Protocol(_)), "{error:?}");
    client.quit().await.unwrap();
    let connector = wasi_net::Connector::new();
    let mut gate = connector.connect("127.0.0.1", arg(3)).await.unwrap();
    let read = poll_fn(|cx| {
        let gate = pin!(&mut gate);
        futures_lite::AsyncRead::poll_read(gate, cx, &mut [0])
    });
    assert_eq!(read.await.unwrap(), 0);
}

/// A login that is dropped, then one with a wrong password.
async fn cancelled(port: u16) {
    let options = ConnectOptions::new().allow_plaintext_auth(true);
    let mut client = connect_smtp_plaintext_with("localhost", port, EHLO, options)
        .await
        .unwrap();
    {
        let mut login = pin!(client.login_with(AuthMechanism::Plain, FROM, "secret"));
        let polled = poll_fn(|cx| Poll::Ready(login.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
    }
    let again = client.login_with(AuthMechanism::Plain, FROM, "wrong").await;
    let error = again.unwrap_err();
    assert!(
        matches!(ours(&error), WasiSmtpError::Poisoned(_)),
        "{error}"
    );
    client.quit().await.unwrap();
}

async fn silent(port: u16) {
    let options = ConnectOptions::new().with_timeout(Phase::Greeting, Duration::from_millis(50));
    let error = connect_smtp_plaintext_with("localhost", port, EHLO, options)
        .await
        .unwrap_err();
    let SmtpError::Io(io) = &error else {
        panic!("{error:?}")
    };
    assert!(io.is_timeout() && !io.is_connection_refused());
    println!("{error}");
}

/// Prints what STARTTLS came to.
async fn ahead_of_tls(port: u16) {
    let options = ConnectOptions::new().with_every_timeout(Duration::from_secs(10));
    let error = connect_smtp_starttls_with("localhost", port, EHLO, options)
        .await
        .unwrap_err();
    println!("{error}");
}

async fn twice(port: u16) {
    let mut transport = WasiTransport::connect_tls("localhost", port, &trusting())
        .await
        .unwrap();
    let error = transport.upgrade_to_tls().await.unwrap_err();
    assert_eq!(error.io_kind(), Some(std::io::ErrorKind::InvalidInput));
    let inner = error.source().and_then(|source| source.downcast_ref());
    assert!(matches!(inner, Some(WasiSmtpError::AlreadyTls(_))));
    println!("{error}");
    // A reply is still to come where none was read.
    let options = ConnectOptions::new();
    let mut early = WasiTransport::connect_plaintext("localhost", arg(4), &options)
        .await
        .unwrap();
    let error = early.upgrade_to_tls().await.unwrap_err();
    assert_eq!(error.io_kind(), Some(std::io::ErrorKind::InvalidData));
    println!("{error}");
}

async fn plaintext_auth(port: u16) {
    let mut client = plaintext(port).await;
    let offers = client.capabilities();
    assert!(
        offers.iter().any(|offer| offer == "PIPELINING"),
        "{offers:?}"
    );
    assert!(
        !offers.iter().any(|offer| offer.contains("AUTH")),
        "{offers:?}"
    );
    let error = client.login(FROM, "secret").await.unwrap_err();
    assert!(matches!(error, SmtpError::Auth(_)), "{error:?}");
    let options = ConnectOptions::new().allow_plaintext_auth(true);
    let mut client = connect_smtp_plaintext_with("localhost", port, EHLO, options)
        .await
        .unwrap();
    client.login(FROM, "secret").await.unwrap();
    client.quit().await.unwrap();
}

/// Every mail of the facts that servers have read as two, and others like them.
/// Prints how each ended.
async fn body(port: u16) {
    const SECOND: &str = "MAIL FROM:<forged@test.local>\r\nRCPT TO:<alice@test.local>\r\nDATA\r\nSubject: forged\r\n\r\nx\r\n.\r\n";
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\r\r\n.\r\r\n",
        "\n\n.\n\n",
        "\0\n.\r\n",
        "\r\n\0.\r\n",
    ] {
        for streamed in [false, true] {
            let mut client = plaintext(port).await;
            let mail = format!("Subject: first\r\n\r\nx{end}{SECOND}");
            let sent = if streamed {
                let mut source = SliceBody::new(mail.as_bytes());
                client.send_mail_stream(FROM, TO, &mut source).await
            } else {
                client.send_mail(FROM, TO, &mail).await
            };
            let error = sent.unwrap_err();
            assert!(matches!(ours(&error), WasiSmtpError::InvalidBody(_)));
            let SmtpError::Io(io) = &error else {
                unreachable!()
            };
            assert_eq!(io.io_kind(), Some(std::io::ErrorKind::InvalidData));
            client.quit().await.unwrap();
            println!("{error}");
        }
    }
}

async fn quit(port: u16) {
    let client = tls(port).await;
    println!(
        "{:?}",
        client.quit().await.map_err(|error| error.to_string())
    );
}

/// The third argument: how many sessions.
async fn at_once(port: u16) {
    let sessions = (0..arg::<usize>(3)).map(async |n| {
        let mut client = plaintext(port).await;
        let mail = format!("Subject: {n}\r\n\r\nx\r\n");
        client.send_mail(FROM, TO, &mail).await.unwrap();
        client.quit().await.unwrap();
    });
    wasi_net::join_all(sessions).await;
}

async fn client_options(port: u16) {
    let log = std::sync::Arc::new(VecAuditSink::default());
    let options = SmtpClientOptions::new()
        .with_policy(Box::new(BoundedPolicy::new().max_recipients(1)))
        .with_audit(Box::new(std::sync::Arc::clone(&log)));
    let mut client = connect_smtp_plaintext_with_client_options(
        "localhost",
        port,
        EHLO,
        ConnectOptions::new(),
        options,
    )
    .await
    .unwrap();
    let two = ["alice@test.local", "bob@test.local"];
    let error = client.send_mail(FROM, &two, "x\r\n").await.unwrap_err();
    assert!(matches!(error, SmtpError::Policy(_)), "{error:?}");
    client.send_mail(FROM, TO, "x\r\n").await.unwrap();
    client.quit().await.unwrap();
    println!("{:?}", log.events());
}

/// Knows no name but one.
struct Names;

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        let known = name == "mail.test";
        let addresses = known.then(|| vec![Ipv4Addr::LOCALHOST.into()]);
        Box::pin(async { addresses.ok_or(wasi_net::ErrorKind::NameUnresolvable) })
    }
}

/// Whom the options let connect: families, names, keys.
async fn who(port: u16) {
    use wasi_net::AddressFamily::{Ipv4, Ipv6};
    let connect = async |host: &str, options: &ConnectOptions| {
        let transport = WasiTransport::connect_tls(host, port, options).await;
        transport.map(|transport| transport.connection_info().is_some())
    };
    let trusting = trusting();
    let ipv4 = trusting.clone().with_address_family(Ipv4);
    assert!(connect("localhost", &ipv4).await.unwrap());
    let ipv6 = trusting.clone().with_address_family(Ipv6);
    let error = connect("127.0.0.1", &ipv6).await.unwrap_err();
    assert!(matches!(error, WasiSmtpError::Connect(_)), "{error:?}");
    let resolving = trusting.clone().with_resolver(Names);
    let error = connect("localhost", &resolving).await.unwrap_err();
    assert!(matches!(error, WasiSmtpError::Resolve(_)), "{error:?}");
    let resolving = resolving.with_server_name("localhost");
    assert!(connect("mail.test", &resolving).await.unwrap());
    let named = trusting.clone().with_server_name("elsewhere.test");
    let error = connect("localhost", &named).await.unwrap_err();
    assert!(matches!(error, WasiSmtpError::Tls(_)), "{error:?}");
    println!("{error}");
    let pinned = ConnectOptions::new().with_pinned_spki([[7; 32]]);
    let error = connect("localhost", &pinned).await.unwrap_err();
    println!("{error}");
    let dane =
        ConnectOptions::new().with_dane([format!("3 1 1 {}", "07".repeat(32)).parse().unwrap()]);
    let error = connect("localhost", &dane).await.unwrap_err();
    println!("{error}");
    let error = connect("localhost", &ConnectOptions::new())
        .await
        .unwrap_err();
    println!("{error}");
    let refused = WasiTransport::connect_tls("localhost", arg(4), &trusting).await;
    let error = IoError::from(refused.unwrap_err());
    assert!(
        error.is_connection_refused() && !error.is_timeout(),
        "{error}"
    );
}

/// The fourth argument: how many mails of 1 KB, on one connection.
async fn messages(port: u16) {
    let mut client = tls(port).await;
    let mail = mail(1_000);
    for _ in 0..arg::<usize>(4) {
        client.send_mail(FROM, TO, &mail).await.unwrap();
    }
    client.quit().await.unwrap();
}

/// With the roots that the host shows, or none.
async fn host_roots(port: u16) {
    match connect_smtps("localhost", port, EHLO).await {
        Ok(client) => client.quit().await.unwrap(),
        Err(error) => println!("{error}"),
    }
}

/// What features of the client add.
async fn passed_on(port: u16) {
    let mut client = plaintext(port).await;
    let message = MessageBuilder::new()
        .from(FROM)
        .to(TO[0])
        .subject("built")
        .text_body("x");
    client.send_message(FROM, TO, message).await.unwrap();
    let error = client
        .send_mail_smtputf8("\u{fc}ser@test.local", TO, "x\r\n")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("SMTPUTF8"), "{error}");
    for login in [AuthMechanism::XOAuth2, AuthMechanism::OAuthBearer] {
        let mut client = plaintext(port).await;
        let error = client.login_with(login, FROM, "token").await.unwrap_err();
        assert!(matches!(error, SmtpError::Auth(_)), "{error:?}");
    }
}

/// The server sends more replies than were asked for.
async fn unasked(port: u16) {
    let mut client = plaintext(port).await;
    let error = client.send_mail(FROM, TO, "x\r\n").await.unwrap_err();
    assert!(
        matches!(ours(&error), WasiSmtpError::OutOfStep(_)),
        "{error:?}"
    );
    println!("{error}");
}
