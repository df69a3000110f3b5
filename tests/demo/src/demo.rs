//! The demo itself.

use crate::ca::{Ca, LOCAL_NAMES};
use crate::{CaFolder, wire_form};
use smtp_test_server::listen::{Listener, Security};
use smtp_test_server::{Mail, Rules, Server};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use tokio::process::Command;

type Error = Box<dyn std::error::Error>;

const USER: &str = "user@test.local";
const PASSWORD: &str = "correct horse";

/// Sends the mails twice through the component, over implicit TLS and STARTTLS, and
/// writes what arrived; `wasmtime` is the command of that name or our `wasip2-runner`.
/// Gives whether every mail arrived with the same bytes.
///
/// # Errors
///
/// What can't be run, read or written, and the first run that fails.
pub async fn demo(
    out: &mut impl Write,
    wasmtime: &Path,
    component: &Path,
    mails: &[PathBuf],
) -> Result<bool, Error> {
    let size = fs::metadata(component)?.len();
    writeln!(out, "component   wasi-sendmail.wasm, {size} bytes")?;
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
        writeln!(
            out,
            "\nserver      {scheme}://{} ({}), certificate by a CA made for this run",
            server.addr(),
            if implicit { "implicit TLS" } else { "STARTTLS" }
        )?;
        for mail in mails {
            let mut command = command(wasmtime, folder.path(), component);
            command.env("WASI_SENDMAIL_SERVER", server_url(scheme, &server));
            all_same &= send(out, command, &server, folder.path(), mail).await?;
        }
    }
    writeln!(
        out,
        "\n{}",
        if all_same {
            "Every mail arrived byte for byte."
        } else {
            "A MAIL ARRIVED CHANGED."
        }
    )?;
    Ok(all_same)
}

/// A run of the component that may reach the network and this folder.
fn command(wasmtime: &Path, folder: &Path, component: &Path) -> Command {
    let mut command = Command::new(wasmtime);
    if is_ours(wasmtime) {
        command.arg("--traffic").arg(folder.join("traffic"));
        command.arg("--folder").arg(folder);
    } else {
        let granted = ["inherit-network", "allow-ip-name-lookup", "inherit-env"];
        command.arg("run");
        command.args(granted.iter().flat_map(|what| ["-S", what]));
        command.arg("--dir").arg(folder);
    }
    command.arg(component).args(["-t", "-i", "-v", "--ca-file"]);
    command.arg(folder.join("ca.pem"));
    command
}

/// Ours also counts what passes between the component and its host.
fn is_ours(wasmtime: &Path) -> bool {
    wasmtime
        .file_stem()
        .is_some_and(|name| name == "wasip2-runner")
}

/// Sends one mail and shows what arrived.
async fn send(
    out: &mut impl Write,
    mut command: Command,
    server: &Listener,
    folder: &Path,
    mail: &Path,
) -> Result<bool, Error> {
    let name = mail.file_name().unwrap_or_default().to_string_lossy();
    writeln!(out, "\n$ wasi-sendmail -t -i -v < {name}")?;
    let output = command.stdin(File::open(mail)?).output().await?;
    // The conversation, and what came of it.
    write!(out, "{}", String::from_utf8_lossy(&output.stderr))?;
    write!(out, "{}", String::from_utf8_lossy(&output.stdout))?;
    if !output.status.success() {
        return Err(format!("wasi-sendmail ended with {}", output.status).into());
    }
    let mails = server.mails();
    let received = mails.last().ok_or("the server received nothing")?;
    let same = received.content == wire_form(&fs::read(mail)?);
    show(out, received, same)?;
    if let Ok(traffic) = fs::read_to_string(folder.join("traffic")) {
        writeln!(out, "traffic     {traffic}")?;
    }
    Ok(same)
}

fn show(out: &mut impl Write, received: &Mail, same: bool) -> std::io::Result<()> {
    writeln!(out, "EHLO        {}", received.ehlo)?;
    writeln!(out, "from        {}", received.sender)?;
    writeln!(out, "to          {}", received.recipients.join(", "))?;
    match &received.tls {
        Some(tls) => writeln!(out, "TLS         {} {}", tls.version, tls.cipher),
        None => writeln!(out, "TLS         none"),
    }?;
    match &received.login {
        Some(login) => writeln!(out, "AUTH        {} as {}", login.mechanism, login.user),
        None => writeln!(out, "AUTH        none"),
    }?;
    writeln!(out, "size        {} bytes", received.content.len())?;
    writeln!(
        out,
        "content     {}",
        if same { "the same bytes" } else { "CHANGED" }
    )
}

fn server_url(scheme: &str, server: &Listener) -> String {
    let (user, password) = (USER.replace('@', "%40"), PASSWORD.replace(' ', "%20"));
    format!("{scheme}://{user}:{password}@localhost:{}", server.port())
}
