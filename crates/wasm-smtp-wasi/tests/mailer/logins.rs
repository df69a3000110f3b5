//! How often a password is tried.

use crate::support::{Behind, Path, builder, message, once, quickly, send};
use futures_util::stream;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use wasm_smtp_wasi::mailer::{
    BoxFuture, ByteStream, Connect, Connection, LocalServer, Mailer, MailerError, MailerErrorKind,
};
use wasm_smtp_wasi::smtp_session::Security;
use wasm_smtp_wasi::{WasiSmtpError, block_on};

const MANY: u32 = 1000;

/// A server that answers AUTH so.
fn refusing(reply: &str) -> LocalServer {
    let server = LocalServer::new();
    server.answer("AUTH", reply, Some(MANY));
    server
}

fn logins(server: &LocalServer) -> u32 {
    MANY - server.answers_left()
}

/// What becomes of 16 mails at a time.
fn errors(mailer: &Mailer) -> Vec<MailerError> {
    let mut errors = Vec::new();
    let messages = stream::iter((0..16).map(|number| (number, message())));
    block_on(mailer.send_many(messages, |_, sent| {
        errors.push(sent.expect_err("it can't log in"));
    }));
    errors
}

fn distant(server: &LocalServer) -> Mailer {
    let over = Mailer::over(Behind(server.clone(), Path::Distant)).password("me", "secret");
    let mailer = over.connections(8).retry(quickly(3)).build();
    mailer.expect("a mailer")
}

/// 534 is Gmail's for a password of the account itself.
#[test]
fn a_wrong_password_is_tried_once_by_the_whole_mailer() {
    for code in 530..=535 {
        let server = refusing(&format!("{code} 5.7.8 no"));
        let mailer = distant(&server);
        let start = Instant::now();
        let mut errors = errors(&mailer);
        errors.push(block_on(mailer.send(message())).expect_err("still so"));
        let first = errors[0].to_string();
        for error in &errors {
            assert_eq!(error.to_string(), first);
            assert_eq!(error.reply().map(|reply| reply.code()), Some(code));
            assert!(!error.is_transient(), "{error}");
            let until = error.no_login_before().expect("none for a while");
            assert!(until >= start + Duration::from_secs(15 * 60));
        }
        let error = block_on(mailer.verify()).expect_err("still so");
        assert!(first.starts_with(&error.to_string()), "{error}");
        assert_eq!(logins(&server), 1, "{code}");
    }
}

/// Whoever is to log in next waits for the server beside the others: a dead one costs
/// the time of one mail.
#[test]
fn connections_that_come_to_nothing_do_not_wait_for_each_other() {
    let server = LocalServer::new();
    let over = Behind(server.clone(), Path::StalledBehind("EHLO"));
    let mailer = Mailer::over(over).password("me", "secret").connections(8);
    let mailer = mailer.build().expect("a mailer");
    let mails = wasi_net::join_all((0..7).map(|_| mailer.send(message())));
    let (mut mails, mut verified) = (pin!(mails), pin!(mailer.verify()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(mails.as_mut().poll(&mut cx).is_pending());
    assert!(verified.as_mut().poll(&mut cx).is_pending());
    assert_eq!(server.connections(), 8);
}

#[test]
fn logins_that_are_lost_are_tried_three_times() {
    for reply in ["421 4.3.0 busy", "454 4.7.0 later", ""] {
        let server = refusing(reply);
        let mailer = distant(&server);
        let start = Instant::now();
        let errors = errors(&mailer);
        assert_eq!((errors.len(), logins(&server)), (16, 3), "{reply}");
        for error in errors {
            assert!(error.is_transient(), "{error}");
            let until = error.no_login_before().expect("none for a while");
            assert!(until >= start + Duration::from_secs(60));
            assert!(until < start + Duration::from_secs(600));
        }
    }
}

#[test]
fn what_is_no_matter_of_the_credentials_ends_nothing() {
    for reply in ["454 4.7.0 later", "451 4.3.0 later", "500 5.5.1 what"] {
        let server = LocalServer::new();
        server.answer("AUTH", reply, Some(2));
        let mailer = once(&server);
        for _ in 0..2 {
            let error = block_on(mailer.send(message())).expect_err("refused");
            assert_eq!(error.no_login_before(), None, "{error}");
        }
        send(&mailer);
        // That one succeeded: they are counted anew.
        server.hang_up();
        server.answer("AUTH", reply, Some(2));
        for _ in 0..2 {
            let error = block_on(mailer.send(message())).expect_err("refused");
            assert_eq!(error.no_login_before(), None, "{error}");
        }
        send(&mailer);
    }
}

/// A limit of connections, as some servers tell it.
#[test]
fn what_is_refused_beside_a_connection_that_works_is_not_counted() {
    let server = LocalServer::new();
    let mailer = builder(&server).connections(2).retry(quickly(1)).build();
    let mailer = mailer.expect("a mailer");
    send(&mailer);
    server.answer("AUTH", "535 5.7.8 too many", Some(4));
    for _ in 0..4 {
        let error = block_on(mailer.verify()).expect_err("a second one");
        assert_eq!(error.no_login_before(), None);
        send(&mailer);
    }
    assert_eq!((server.answers_left(), server.mails().len()), (0, 5));
}

/// A connector that takes the stream after STARTTLS for its TLS.
struct Forgetful(LocalServer, Arc<AtomicU32>);

impl Connect for Forgetful {
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        Box::pin(async {
            let mut connection = self.0.connect().await?;
            connection.security = Security::Plaintext;
            Ok(connection)
        })
    }

    fn upgrades(&self) -> bool {
        true
    }

    fn upgrade(
        &self,
        stream: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let (security, local_addr, tls) = (Security::Plaintext, None, None);
        Box::pin(async move {
            Ok(Connection {
                stream,
                security,
                local_addr,
                tls,
            })
        })
    }
}

#[test]
fn no_password_leaves_where_starttls_gave_no_tls() {
    let server = refusing("235 2.7.0 thanks");
    server.answer("EHLO", "250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN", None);
    server.answer("STARTTLS", "220 2.0.0 go ahead", None);
    let upgrades = Arc::new(AtomicU32::new(0));
    let connect = Forgetful(server.clone(), Arc::clone(&upgrades));
    let mailer = Mailer::over(connect).password("me", "secret").build();
    let error = block_on(mailer.expect("a mailer").send(message())).expect_err("no TLS");
    assert!(
        matches!(error.kind(), MailerErrorKind::Config(_)),
        "{error}"
    );
    assert!(error.to_string().contains("STARTTLS"), "{error}");
    assert_eq!((upgrades.load(Ordering::Relaxed), logins(&server)), (1, 0));
}

#[test]
fn a_fresh_token_is_asked_for_once() {
    let server = refusing("535 5.7.8 expired");
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let mailer = Mailer::over(server.clone()).oauth("me", move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move { Ok(format!("token{number}")) }
    });
    let mailer = mailer.connections(8).build().expect("a mailer");
    for error in errors(&mailer) {
        assert!(
            matches!(error.kind(), MailerErrorKind::Session(_)),
            "{error}"
        );
    }
    assert_eq!((asked.load(Ordering::Relaxed), logins(&server)), (2, 2));
}
