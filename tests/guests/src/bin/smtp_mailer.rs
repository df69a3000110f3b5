//! A mailer as a program uses it: `smtp_mailer EXECUTOR URL CA.pem MAILS`. Looks at the
//! server first, then sends the mails on one connection, each in a run of the executor
//! of its own; the last one closes.

use std::error::Error;
use test_guests::{Executor, arg};
use wasm_smtp_wasi::ConnectOptions;
use wasm_smtp_wasi::mailer::{Mailer, MailerErrorKind, Message};
use wasm_smtp_wasi::smtp_session::Extension;

const MAIL: &str = "From: user@test.local\nTo: alice@test.local\nBcc: bob@test.local\n\nBody.\n";

fn main() -> Result<(), Box<dyn Error>> {
    let (executor, url): (Executor, String) = (arg(1), arg(2));
    let roots = std::fs::read(arg::<String>(3))?;
    let mailer = Mailer::url(&url)?
        .connect_options(ConnectOptions::new().with_roots_pem(roots))
        .build()?;
    let verified = executor.run(mailer.verify())?;
    assert!(verified.capabilities.has(Extension::Chunking));
    assert_eq!(
        verified.mechanism.map(|by| by.to_string()).as_deref(),
        Some("PLAIN")
    );
    assert!(verified.tls.is_some_and(|tls| tls.version == "TLSv1.3"));
    let mails: usize = arg(4);
    for _ in 1..mails {
        let report = executor.run(mailer.send(Message::from_bytes(MAIL)?))?;
        assert!(report.is_complete() && report.attempts() == 1);
        assert_eq!(mailer.idle_connections(), 1);
    }
    let report = executor.run(mailer.send_and_close(Message::from_bytes(MAIL)?))?;
    assert!(report.is_complete());
    let closed = executor.run(mailer.send(Message::from_bytes(MAIL)?));
    assert!(matches!(
        closed.unwrap_err().kind(),
        MailerErrorKind::Closed
    ));
    Ok(())
}
