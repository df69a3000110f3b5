//! The mailer of a run, and one mail by it.

use crate::Failure;
use crate::flags::Flags;
use crate::many::progress::{Amount, Progress};
use crate::message::Mail;
use crate::settings::{Credential, Settings, Trust, first_line, read_file};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wasm_smtp_wasi::mailer::{Event, Mailer, Message, Retry, SendReport, Verified};
use wasm_smtp_wasi::smtp_session::{Credentials, Extension, Mechanism, Speaker};
use wasm_smtp_wasi::{ConnectOptions, WasiTarget};

/// The time for one mail where `--timeout` says nothing.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// How many mails the rate is about.
const MINUTE: Duration = Duration::from_secs(60);

/// The mailer that the settings ask for. Nothing is connected to yet.
pub(crate) fn mailer(settings: &Settings, flags: &Flags) -> Result<Mailer, Failure>
where
    for<'a> (): WasiTarget<'a>,
{
    let wrong = |error| Failure::of_mailer(&error);
    let mut builder = Mailer::url(settings.server()?.expose()).map_err(wrong)?;
    match settings.login(builder.user())? {
        None if settings.auth == Some(Mechanism::External) && builder.user().is_none() => {
            builder = builder.credentials(Credentials::external());
        }
        None => {}
        Some((user, Credential::Password(password))) => {
            builder = builder.password(user.expose(), password.expose());
        }
        Some((user, Credential::TokenFile(path))) => {
            builder = builder.oauth(user.expose(), move |_| {
                let token = first_line("token file", &path, &read_file);
                let token = token.map(|token| token.expose().to_owned());
                async { token.map_err(io::Error::other) }
            });
        }
    }
    if let Some(mechanism) = settings.auth {
        builder = builder.auth_mechanisms(&[mechanism]);
    }
    builder = builder
        .connect_options(connect_options(settings)?)
        .connections(settings.connections)
        .deadline(settings.timeout.unwrap_or(TIMEOUT))
        .retry(Retry::default().attempts(settings.tries));
    if let Some(name) = &settings.ehlo {
        builder = builder.ehlo(name);
    }
    if let Some(mails) = settings.rate {
        builder = builder.rate_limit(mails, MINUTE);
    }
    if flags.verbose {
        builder = builder.transcript(|speaker, line| {
            let mark = if speaker == Speaker::Client { ">" } else { "<" };
            // Who can't hear it still gets the mail sent.
            let _ = writeln!(io::stderr(), "{mark} {line}");
        });
    }
    builder.build().map_err(wrong)
}

/// Whom the connection trusts, and what it shows.
fn connect_options(settings: &Settings) -> Result<ConnectOptions, Failure> {
    let read = |what: &str, path: &Path| {
        let what = format!("the {what} {}", path.display());
        std::fs::read(path).map_err(|error| Failure::unreadable(what, &error))
    };
    let options = ConnectOptions::new();
    let options = match &settings.trust {
        Trust::Bundled => options,
        Trust::CaFile(path) => options.with_roots_pem(read("CA file", path)?),
        Trust::Pins(pins) => options.with_pinned_spki(pins.iter().copied()),
    };
    match (&settings.client_cert, &settings.client_key) {
        (None, None) => Ok(options),
        (Some(certificate), Some(key)) => {
            let chain = read("client certificate", certificate)?;
            Ok(options.with_client_certificate_pem(chain, read("client key", key)?))
        }
        _ => Err(Failure::config(
            "a client certificate and its key go together: give --client-cert FILE and --client-key FILE",
        )),
    }
}

/// From how many bytes on a mail is shown on its way.
const SHOWN_LEN: u64 = 1_000_000;

/// Sends the only mail of a run, and gives what there is to say of it. A long one is
/// shown on its way, with `shown`.
pub(crate) async fn submit(mailer: &Mailer, mail: Mail, shown: bool) -> Result<String, Failure> {
    let (is_reencoded, eight_bit) = (mail.is_reencoded, mail.eight_bit);
    let bytes = mail.content.len() as u64;
    let all = Amount { mails: 1, bytes };
    let shown = shown && bytes >= SHOWN_LEN;
    let progress = Arc::new(Mutex::new(Progress::new(shown, all, Instant::now())));
    // Who can't see it still gets the mail sent.
    let bar = Arc::clone(&progress);
    let message = Message::new(mail.envelope, mail.content).form(mail.form);
    let message = message.on_event(move |event| {
        if let (Event::Sent(octets), Ok(mut bar)) = (event, bar.lock()) {
            bar.reach(octets);
            let _ = bar.draw(Instant::now(), &mut io::stderr());
        }
    });
    let sent = mailer.send_and_close(message).await;
    if let Ok(mut bar) = progress.lock() {
        let _ = bar.clear(&mut io::stderr());
    }
    let report = sent.map_err(|error| Failure::of_mail(&error, eight_bit))?;
    match Failure::of_report(&report) {
        Some(failure) => Err(failure),
        None => Ok(describe(&report, is_reencoded || report.is_reencoded())),
    }
}

/// What a complete report says.
fn describe(report: &SendReport, is_reencoded: bool) -> String {
    let mut text = String::new();
    if is_reencoded {
        text.push_str("the mail was re-encoded, since its text does not go as it is\n");
    }
    for receipt in report.receipts() {
        let count = receipt.outcomes().len();
        let plural = if count == 1 { "" } else { "s" };
        let reply = receipt.reply();
        let _ = writeln!(
            text,
            "the server took the mail for {count} recipient{plural}: {reply}"
        );
    }
    text
}

/// What `--verify` prints.
pub(crate) fn describe_server(verified: &Verified) -> String {
    let mut text = String::new();
    let mut say = |what: &str, value: String| {
        let _ = writeln!(text, "{what}: {value}");
    };
    match &verified.tls {
        Some(tls) => say(
            "TLS",
            format!(
                "{}, {}{}",
                tls.version,
                tls.cipher_suite,
                tls.group
                    .as_ref()
                    .map(|group| format!(", {group}"))
                    .unwrap_or_default()
            ),
        ),
        None => say("TLS", "none".into()),
    }
    say("EHLO name", verified.ehlo.clone());
    let offers = verified
        .capabilities
        .extensions()
        .map(|extension| match extension {
            Extension::Size => match verified.capabilities.size_limit() {
                Some(limit) => format!("SIZE {limit}"),
                None => "SIZE".into(),
            },
            extension => extension.to_string(),
        });
    say("offers", offers.collect::<Vec<_>>().join(", "));
    let mechanisms = verified.capabilities.mechanisms().map(|by| by.to_string());
    say("logins", mechanisms.collect::<Vec<_>>().join(", "));
    match verified.mechanism {
        Some(mechanism) => say("logged in by", mechanism.to_string()),
        None => say("logged in by", "nothing: there are no credentials".into()),
    }
    text
}
