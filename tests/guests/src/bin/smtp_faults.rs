//! Sessions with a server that has a fault in each, one after the other:
//! `smtp_faults smtps|starttls|long PORT CA.pem PHASE…`. For each the phase is
//! the one whose time is short, or `-` for none. Prints a line for each: what of
//! it failed and how, and by how many bytes the component's memory grew since
//! the first.

use futures_lite::future::poll_once;
use std::error::Error as _;
use std::time::Duration;
use test_guests::arg;
use test_guests::mails::{Lines, memory_len};
use wasm_smtp_wasi::wasm_smtp::{IoError, ProtocolError, SmtpClient, SmtpError};
use wasm_smtp_wasi::{
    ConnectOptions, Phase, WasiSmtpError, WasiTransport, block_on, connect_smtp_starttls_with,
    connect_smtps_with, tls_pump, wasi_net,
};

type Client = SmtpClient<WasiTransport>;

/// What runs out where it has to.
const SHORT: Duration = Duration::from_millis(300);
/// What must never run out: longer than a case may take.
const LONG: Duration = Duration::from_secs(30);
const CASE: Duration = Duration::from_secs(10);

/// More than the buffers on the way hold.
const LONG_MAIL: usize = 8 * 1024 * 1024;

const PHASES: [Phase; 11] = [
    Phase::Tls,
    Phase::Greeting,
    Phase::Ehlo,
    Phase::StartTls,
    Phase::Auth,
    Phase::Mail,
    Phase::Rcpt,
    Phase::DataInitiation,
    Phase::DataBlock,
    Phase::DataTermination,
    Phase::Quit,
];

fn main() {
    let roots = std::fs::read(arg::<String>(3)).unwrap();
    let options = ConnectOptions::new()
        .with_roots_pem(roots)
        .with_every_timeout(LONG);
    let mut before = None;
    for phase in std::env::args().skip(4) {
        let mut phases = PHASES.into_iter();
        let short = phases.find(|known| format!("{known:?}") == phase);
        assert_eq!(short.is_none(), phase == "-", "there is no phase {phase}");
        let options = match short {
            Some(phase) => options.clone().with_timeout(phase, SHORT),
            None => options.clone(),
        };
        let ended = block_on(wasi_net::timeout(CASE, session(options)));
        let ended = match ended {
            Ok(Ok(())) => "ok".to_owned(),
            Ok(Err((operation, error))) => format!("{operation}: {}", facts(&error)),
            Err(_) => "took too long".to_owned(),
        };
        let memory = memory_len();
        println!("{ended}\t{}", memory - *before.get_or_insert(memory));
    }
}

/// A session to its end, and what of it failed.
async fn session(options: ConnectOptions) -> Result<(), (&'static str, SmtpError)> {
    let (mode, port): (String, u16) = (arg(1), arg(2));
    let client = match mode.as_str() {
        "starttls" => connect_smtp_starttls_with("127.0.0.1", port, "client.test", options).await,
        _ => connect_smtps_with("127.0.0.1", port, "client.test", options).await,
    };
    let mut client = client.map_err(|error| ("connect", error))?;
    let sent = send(&mut client, mode == "long").await;
    if sent.is_err() {
        // There is nobody left to say good-bye to.
        let quit = poll_once(client.quit()).await.expect("it ends at once");
        quit.unwrap();
        return sent;
    }
    client.quit().await.map_err(|error| ("quit", error))
}

async fn send(client: &mut Client, long: bool) -> Result<(), (&'static str, SmtpError)> {
    let login = client.login("user@test.local", "secret").await;
    login.map_err(|error| ("login", error))?;
    let (from, to) = ("user@test.local", ["alice@test.local"]);
    let sent = match long {
        true => {
            client
                .send_mail_stream(from, &to, &mut Lines(LONG_MAIL))
                .await
        }
        false => {
            client
                .send_mail(from, &to, "Subject: x\r\n\r\nBody.\r\n")
                .await
        }
    };
    sent.map(drop).map_err(|error| ("send", error))
}

/// What a program can tell of an error, without its text.
fn facts(error: &SmtpError) -> String {
    match error {
        SmtpError::Io(error) => of_transport(error),
        SmtpError::Protocol(ProtocolError::UnexpectedCode { during, actual, .. }) => {
            format!("UnexpectedCode: {during:?} {actual}")
        }
        SmtpError::Protocol(error) => name(error),
        error => name(error),
    }
}

fn of_transport(error: &IoError) -> String {
    let kind = error.io_kind().unwrap();
    let ours: &WasiSmtpError = error.source().unwrap().downcast_ref().unwrap();
    let inner = ours.io_error().get_ref();
    let in_tls = inner.and_then(|inner| inner.downcast_ref::<tls_pump::Error>());
    match (ours, in_tls) {
        (WasiSmtpError::Timeout { phase, .. }, _) => {
            assert!(error.is_timeout());
            format!("Timeout: {phase:?}")
        }
        (WasiSmtpError::Tls(_), Some(in_tls)) => format!("Tls: {} {kind:?}", name(in_tls)),
        _ => format!("{}: {kind:?}", name(ours)),
    }
}

/// The name of a variant.
fn name(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    let end = text.find(|byte: char| !byte.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}
