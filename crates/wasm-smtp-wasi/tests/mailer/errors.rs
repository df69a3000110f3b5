//! Errors that teach, deadlines, and tokens.

use crate::support::{Behind, Never, Path, builder, mailer, message, quickly};
use std::error::Error as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wasm_smtp_wasi::mailer::{
    BoxFuture, Connect, Connection, LocalServer, Mailer, MailerError, MailerErrorKind, Remedy,
};
use wasm_smtp_wasi::smtp_session::{Credentials, Delivery, ErrorKind, Mechanism, Phase, Security};
use wasm_smtp_wasi::{ConnectOptions, WasiSmtpError, block_on};

/// The error of a mail to a server that says `reply` to `command`.
fn refused(command: &str, reply: &str) -> MailerError {
    let server = LocalServer::new();
    server.answer(command, reply, None);
    if command == "EHLO" {
        // It likes no name better by another command.
        server.answer("HELO", reply, None);
    }
    let builder = builder(&server).password("me@a.example", "a-secret");
    let error = block_on(builder.build().expect("a mailer").send(message())).unwrap_err();
    let shown = format!(
        "{error} {error:?} {}",
        error.source().map(ToString::to_string).unwrap_or_default()
    );
    assert!(
        !shown.contains("a-secret") && !shown.contains("one@"),
        "{shown}"
    );
    error
}

#[test]
fn each_refusal_names_what_helps() {
    for (command, reply, remedy, text) in [
        (
            "EHLO",
            "550 5.7.1 rejected",
            Some(Remedy::SetEhlo("[0.0.0.0]".into())),
            "it does not take the EHLO name [0.0.0.0]: set ehlo",
        ),
        (
            "AUTH",
            "535 5.7.8 bad credentials",
            Some(Remedy::CheckCredentials),
            "535 5.7.8 bad credentials: check the user name",
        ),
        ("AUTH", "454 4.7.0 later", None, "454 4.7.0 later"),
        (
            "MAIL",
            "530 5.7.0 log in",
            Some(Remedy::LogIn),
            "give credentials",
        ),
        (
            "MAIL",
            "553 5.1.8 bad sender",
            Some(Remedy::OtherSender),
            "send from an address",
        ),
        (
            "RCPT",
            "554 5.7.1 relay denied",
            Some(Remedy::LogIn),
            "give credentials",
        ),
        (
            "RCPT",
            "550 5.1.1 nobody",
            Some(Remedy::OtherRecipient),
            "correct or leave out",
        ),
        (".", "554 5.6.0 spam", None, "554 5.6.0 spam"),
    ] {
        let error = refused(command, reply);
        assert_eq!(error.remedy(), remedy.as_ref(), "{error}");
        let sentence = error.to_string();
        assert!(sentence.contains(text), "{sentence}");
        assert!(sentence.ends_with("; the mail was not sent"), "{sentence}");
    }
}

struct Plain(LocalServer);

impl Connect for Plain {
    fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
        Box::pin(async {
            let mut connection = self.0.connect().await?;
            connection.security = Security::Plaintext;
            Ok(connection)
        })
    }
}

#[test]
fn a_login_in_plaintext_has_to_be_allowed() {
    for allowed in [false, true] {
        let server = LocalServer::new();
        let options = ConnectOptions::new().allow_plaintext_auth(allowed);
        let builder = Mailer::over(Plain(server.clone())).password("me", "secret");
        let mailer = builder.connect_options(options).build().expect("a mailer");
        let sent = block_on(mailer.send(message()));
        assert_eq!(sent.is_ok(), allowed);
        assert_eq!(server.mails().len(), usize::from(allowed));
    }
}

#[test]
fn a_server_that_wants_tls_is_told_from_one_that_wants_a_login() {
    for (reply, remedy) in [
        (
            "530 5.7.0 Must issue a STARTTLS command first",
            Remedy::UseStartTls,
        ),
        ("538 5.7.11 encryption required", Remedy::UseStartTls),
        ("530 5.7.0 Authentication required", Remedy::LogIn),
    ] {
        let server = LocalServer::new();
        server.answer("MAIL", reply, None);
        let mailer = Mailer::over(Plain(server)).build().expect("a mailer");
        let error = block_on(mailer.send(message())).unwrap_err();
        assert_eq!(error.remedy(), Some(&remedy), "{error}");
    }
}

#[test]
fn what_the_server_lacks_names_what_helps() {
    let server = LocalServer::new();
    let only = Credentials::password("me", "secret").expect("credentials");
    let builder = builder(&server).credentials(only.only(&[Mechanism::Login]));
    let error = block_on(builder.build().expect("a mailer").send(message())).unwrap_err();
    assert_eq!(error.remedy(), Some(&Remedy::OtherCredentials));
    let MailerErrorKind::Session(inner) = error.kind() else {
        panic!("{error:?}");
    };
    assert!(matches!(inner.kind(), ErrorKind::NoMechanism));
    assert_eq!(error.phase(), Some(Phase::Auth));
    let io: io::Error = error.into();
    assert_eq!(io.kind(), io::ErrorKind::Unsupported);
    assert!(io.get_ref().is_some_and(|inner| inner.is::<MailerError>()));
}

#[test]
fn the_whole_time_ends_what_never_ends() {
    let soon = Duration::from_millis(20);
    let mailer = Mailer::over(Never).retry(quickly(3)).deadline(soon).build();
    let error = block_on(mailer.expect("a mailer").send(message())).unwrap_err();
    assert!(matches!(error.kind(), MailerErrorKind::TimedOut));
    assert!(error.to_string().contains("a longer deadline"), "{error}");
    assert_eq!((error.attempts(), error.delivery()), (1, Delivery::NotSent));
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_phase_and_the_whole_time_tell_what_became_of_the_mail() {
    let soon = Duration::from_millis(20);
    for (stall, phase, delivery) in [
        ("EHLO", Phase::Ehlo, Delivery::NotSent),
        ("AUTH", Phase::Auth, Delivery::NotSent),
        ("MAIL", Phase::Mail, Delivery::NotSent),
        ("BDAT", Phase::DataTermination, Delivery::MaybeSent),
    ] {
        for whole in [false, true] {
            let server = LocalServer::new();
            let path = Path::StalledBehind(stall);
            let builder = Mailer::over(Behind(server.clone(), path)).password("me", "secret");
            let builder = match whole {
                true => builder.deadline(soon),
                false => builder.timeout(phase, soon),
            };
            let mailer = builder.retry(quickly(1)).build().expect("a mailer");
            let error = block_on(mailer.send(message())).unwrap_err();
            assert_eq!((error.delivery(), error.phase()), (delivery, Some(phase)));
            assert!(error.to_string().contains("took too long"), "{error}");
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
        }
    }
}

#[test]
fn a_token_is_renewed_once() {
    for (refusals, asked, works) in [
        (0, vec![false], true),
        (1, vec![false, true], true),
        (2, vec![false, true], false),
    ] {
        let server = LocalServer::new();
        server.answer("AUTH", "535 5.7.8 expired", Some(refusals));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&calls);
        let builder = builder(&server).oauth("me@a.example", move |fresh| {
            log.lock().expect("no panic").push(fresh);
            async move { Ok(format!("a-token-{fresh}")) }
        });
        let mailer = builder.build().expect("a mailer");
        let sent = block_on(mailer.send(message()));
        assert_eq!(*calls.lock().expect("no panic"), asked);
        match sent {
            Ok(report) => assert!(works && report.attempts() == 1),
            Err(error) => {
                assert!(!works, "{error}");
                assert_eq!(error.remedy(), Some(&Remedy::CheckCredentials));
                assert!(!format!("{error} {error:?}").contains("a-token"));
            }
        }
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn a_new_token_goes_by_another_connection_where_that_of_the_old_ended() {
    for (first, second) in [
        ("535 5.7.8 expired\r\n421 4.7.0 good-bye", None),
        ("535 5.7.8 expired", Some("")),
    ] {
        let server = LocalServer::new();
        server.answer("AUTH", first, Some(1));
        if let Some(second) = second {
            server.answer("AUTH", second, Some(1));
        }
        let calls = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&calls);
        let builder = builder(&server).oauth("me@a.example", move |fresh| {
            log.lock().expect("no panic").push(fresh);
            async move { Ok(format!("a-token-{fresh}")) }
        });
        let mailer = builder.build().expect("a mailer");
        let report = block_on(mailer.send(message())).expect("a report");
        assert_eq!((report.attempts(), server.connections()), (1, 2), "{first}");
        assert_eq!(*calls.lock().expect("no panic"), [false, true]);
    }
}

/// Servers count such failures, and lock users out.
#[test]
fn a_token_that_is_the_same_is_not_sent_again() {
    let server = LocalServer::new();
    server.answer("AUTH", "535 5.7.3 Authentication unsuccessful", Some(1));
    let builder = builder(&server).oauth("me@a.example", |_| async { Ok("a-token".into()) });
    let error = block_on(builder.build().expect("a mailer").send(message())).unwrap_err();
    assert_eq!(error.reply().map(|reply| reply.code()), Some(535));
    assert_eq!((error.attempts(), server.connections()), (1, 1));
    assert_eq!(server.answers_left(), 0);
}

#[test]
fn a_token_that_cannot_be_had_is_tried_for_again() {
    let server = LocalServer::new();
    let builder = builder(&server).oauth("me@a.example", |_| async {
        Err(io::ErrorKind::TimedOut.into())
    });
    let error = block_on(builder.build().expect("a mailer").send(message())).unwrap_err();
    assert!(matches!(error.kind(), MailerErrorKind::Token(_)));
    assert_eq!((error.attempts(), error.is_transient()), (3, true));
    let builder =
        crate::support::builder(&server).oauth("me@a.example", |_| async { Ok("no token".into()) });
    let error = block_on(builder.build().expect("a mailer").send(message())).unwrap_err();
    assert!(
        matches!(error.kind(), MailerErrorKind::Config(_)),
        "{error}"
    );
}

#[test]
fn what_the_builder_was_given_is_checked_and_not_shown() {
    let url = |url: &str| Mailer::url(url).expect("a URL");
    let builder = url("smtps://somebody:a-secret@mail.example?ehlo=me.example");
    let shown = format!("{builder:?}");
    assert!(
        !shown.contains("somebody") && !shown.contains("a-secret"),
        "{shown}"
    );
    let mailer = builder.build().expect("a mailer");
    assert!(!format!("{mailer:?}").contains("a-secret"));
    let error = url("smtps://somebody@mail.example").build().unwrap_err();
    assert!(
        error.to_string().contains("a user without a password"),
        "{error}"
    );
    assert!(
        url("smtps://somebody@mail.example")
            .password("me", "x")
            .build()
            .is_ok()
    );
    let error = url("smtps://mail.example")
        .password("", "x")
        .build()
        .unwrap_err();
    assert!(matches!(error.kind(), MailerErrorKind::Config(_)));
    let mended = url("smtps://mail.example").password("", "x");
    assert!(mended.password("me", "x").build().is_ok());
    let mended = url("smtps://mail.example").password("", "x");
    let tokens = mended.oauth("me", |_| async { Ok(String::new()) });
    assert!(tokens.build().is_ok());
    let named = url("smtps://somebody@mail.example").password("me", "x");
    assert_eq!(named.user(), Some("somebody"));
    let error = Mailer::from_url("imaps://u:a-secret@h").unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
}

#[cfg(not(target_os = "wasi"))]
#[test]
fn without_a_component_there_is_no_socket() {
    let mailer = Mailer::smtps("192.0.2.1").build().expect("a mailer");
    let error = block_on(mailer.send(message())).unwrap_err();
    assert!(matches!(error.kind(), MailerErrorKind::Connect(_)));
    assert!(error.to_string().contains("wasm32-wasip2"), "{error}");
    assert_eq!(error.attempts(), 1);
}

#[test]
fn a_name_of_ones_own_is_what_ehlo_says() {
    let server = LocalServer::new();
    for command in ["EHLO me.example", "HELO me.example"] {
        server.answer(command, "550 5.7.1 not you", None);
    }
    let mailer_with = builder(&server)
        .ehlo("me.example")
        .build()
        .expect("a mailer");
    let error = block_on(mailer_with.send(message())).unwrap_err();
    assert_eq!(error.remedy(), Some(&Remedy::SetEhlo("me.example".into())));
    assert!(block_on(mailer(&server).send(message())).is_ok());
}
