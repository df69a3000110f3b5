//! `cargo xtask demo`: sends mails through the component to a server made for
//! the run, and shows what arrived: `demo COMPONENT.wasm MAIL.eml ...`.
//!
//! Exits with 0 only if every mail arrived with the same bytes.

use smtp_test_server::listen::{Listener, Security};
use smtp_test_server::{Mail, Rules, Server};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::Component;
use test_host::sendmail::{CaFolder, guest, wire_form};

type Error = Box<dyn std::error::Error>;

const USER: &str = "user@test.local";
const PASSWORD: &str = "correct horse";

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(component), mails) = (args.next(), args.collect::<Vec<_>>()) else {
        eprintln!("usage: demo COMPONENT.wasm MAIL.eml ...");
        return ExitCode::from(64);
    };
    match demo(&component, &mails).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(component: &Path, mails: &[PathBuf]) -> Result<bool, Error> {
    let size = std::fs::metadata(component)?.len();
    let component = Component::from_file(component)?;
    println!("component   wasi-sendmail.wasm, {size} bytes, in an embedded wasmtime");
    let mut all_same = !mails.is_empty();
    for (implicit, scheme) in [(true, "smtps"), (false, "smtp")] {
        let ca = Ca::new();
        let config = ca.server_config(&LOCAL_NAMES);
        let security = if implicit {
            Security::Implicit(config)
        } else {
            Security::StartTls(config)
        };
        let server = Server::new(Rules::default().user(USER, PASSWORD)).listen(security)?;
        let folder = CaFolder::new(&ca)?;
        println!(
            "\nserver      {scheme}://{} ({}), certificate by a CA made for this run",
            server.addr(),
            if implicit { "implicit TLS" } else { "STARTTLS" }
        );
        for mail in mails {
            all_same &= send(&component, &server, scheme, &folder, mail).await?;
        }
    }
    println!(
        "\n{}",
        if all_same {
            "Every mail arrived byte for byte."
        } else {
            "A MAIL ARRIVED CHANGED."
        }
    );
    Ok(all_same)
}

/// Sends one mail and shows what arrived.
async fn send(
    component: &Component,
    server: &Listener,
    scheme: &str,
    folder: &CaFolder,
    mail: &Path,
) -> Result<bool, Error> {
    let input = std::fs::read(mail)?;
    let name = mail.file_name().unwrap_or_default().to_string_lossy();
    println!("\n$ wasi-sendmail -t -i -v < {name}");
    let outcome = guest(component, folder, &server_url(scheme, server))
        .arg("-t")
        .arg("-i")
        .arg("-v")
        .stdin(input.clone())
        .run()
        .await
        .expect_success();
    // The conversation, and what came of it.
    print!("{}{}", outcome.stderr, outcome.stdout);
    let received = server.mails();
    let received = received.last().ok_or("the server received nothing")?;
    let same = received.content == wire_form(&input);
    show(received, same);
    let connection = outcome
        .traffic
        .connections
        .first()
        .ok_or("no connection was counted")?;
    println!(
        "traffic     {} client flights, {} writes of {} bytes, {} host calls",
        connection.flights, connection.writes, connection.bytes_written, outcome.traffic.host_calls
    );
    Ok(same)
}

fn show(received: &Mail, same: bool) {
    println!("EHLO        {}", received.ehlo);
    println!("from        {}", received.sender);
    println!("to          {}", received.recipients.join(", "));
    match &received.tls {
        Some(tls) => println!("TLS         {} {}", tls.version, tls.cipher),
        None => println!("TLS         none"),
    }
    match &received.login {
        Some(login) => println!("AUTH        {} as {}", login.mechanism, login.user),
        None => println!("AUTH        none"),
    }
    println!("size        {} bytes", received.content.len());
    println!(
        "content     {}",
        if same { "the same bytes" } else { "CHANGED" }
    );
}

fn server_url(scheme: &str, server: &Listener) -> String {
    let (user, password) = (USER.replace('@', "%40"), PASSWORD.replace(' ', "%20"));
    format!(
        "{scheme}://{user}:{password}@localhost:{}",
        server.addr().port()
    )
}
