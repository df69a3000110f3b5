//! Times and numbers at their limits.

use crate::servers::{few, over};
use crate::support::{Behind, Never, Path, builder, envelope, mailer, message, quickly, send};
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use wasm_smtp_wasi::mailer::{LocalServer, Mailer, MailerErrorKind, Message, Retry};
use wasm_smtp_wasi::smtp_session::{Delivery, Phase};
use wasm_smtp_wasi::wasi_net::{join_all, timeout};
use wasm_smtp_wasi::{WasiSmtpError, block_on};

const SOON: Duration = Duration::from_millis(30);
/// Longer than a test may take, and shorter than anything that waits by mistake.
const LATE: Duration = Duration::from_secs(5);

/// What `future` gives, which has to be there soon.
fn in_time<F: Future>(future: F) -> F::Output {
    block_on(timeout(LATE, future)).expect("it ends by itself")
}

#[test]
fn for_ever_is_a_time_like_any_other() {
    let ever = Duration::MAX;
    let server = LocalServer::new();
    server.answer("RCPT", "451 4.3.0 later", Some(3));
    let all = builder(&server)
        .deadline(ever)
        .rate_limit(1, Duration::ZERO)
        .max_age(ever)
        .max_idle(ever)
        .check_after(ever)
        .timeout(Phase::Mail, ever)
        .connections(usize::MAX)
        .mails_per_connection(u32::MAX);
    let mailer = all.build().expect("a mailer");
    send(&mailer);
    in_time(mailer.verify()).expect("it works");
    // One may go, the next in an age.
    let slow = builder(&server).rate_limit(1, ever).deadline(ever).build();
    let slow = slow.expect("a mailer");
    send(&slow);
    let next = block_on(timeout(SOON, slow.send(message())));
    assert!(next.is_err(), "it waits");
    // Waits without an end, with a deadline and without.
    for retry in [
        Retry::default().wait(ever, ever),
        Retry::default().greylisted(ever),
    ] {
        for deadline in [None, Some(LATE), Some(ever)] {
            let server = LocalServer::new();
            server.answer("RCPT", "450 4.7.1 greylisted", None);
            let builder = builder(&server).retry(retry);
            let builder = match deadline {
                Some(deadline) => builder.deadline(deadline),
                None => builder,
            };
            let mailer = builder.build().expect("a mailer");
            drop(block_on(timeout(SOON, mailer.send(message()))));
        }
    }
}

#[test]
fn the_check_of_a_connection_is_in_the_mails_time() {
    // The NOOP is never answered.
    let server = LocalServer::new();
    let mailer = Mailer::over(Behind(server.clone(), Path::StalledBehind("NOOP")))
        .check_after(Duration::ZERO)
        .retry(quickly(1))
        .deadline(Duration::from_millis(300))
        .build()
        .expect("a mailer");
    send(&mailer);
    let start = Instant::now();
    let error = in_time(mailer.send(message())).unwrap_err();
    assert!(
        matches!(error.kind(), MailerErrorKind::TimedOut),
        "{error:?}"
    );
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(start.elapsed() < LATE);
}

#[test]
fn what_comes_too_late_is_not_begun() {
    let server = LocalServer::new();
    let mailer = builder(&server)
        .deadline(Duration::ZERO)
        .build()
        .expect("a mailer");
    let error = in_time(mailer.send(message())).unwrap_err();
    assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
    assert!(server.mails().is_empty());
    // One that got so far that there is a connection.
    struct Slow(LocalServer);
    impl wasm_smtp_wasi::mailer::Connect for Slow {
        fn connect(
            &self,
        ) -> wasm_smtp_wasi::mailer::BoxFuture<
            '_,
            Result<wasm_smtp_wasi::mailer::Connection, WasiSmtpError>,
        > {
            // Time passes while nobody looks at it.
            std::thread::sleep(2 * SOON);
            self.0.connect()
        }
    }
    let mailer = Mailer::over(Slow(server.clone())).deadline(SOON).build();
    let error = in_time(mailer.expect("a mailer").send(message())).unwrap_err();
    assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
    assert!(server.mails().is_empty());
}

#[test]
fn a_token_that_never_comes_is_waited_for_in_the_mails_time() {
    for whole in [true, false] {
        let server = LocalServer::new();
        let builder = builder(&server).retry(quickly(1));
        let builder = builder.oauth("me@a.example", |_| pending::<io::Result<String>>());
        let builder = match whole {
            true => builder.deadline(SOON),
            false => builder.timeout(Phase::Auth, SOON),
        };
        let error = in_time(builder.build().expect("a mailer").send(message())).unwrap_err();
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
    }
}

#[test]
fn a_connector_that_never_ends_is_waited_for_in_its_phases_time() {
    let builder = Mailer::over(Never)
        .retry(quickly(1))
        .timeout(Phase::Connect, SOON)
        .timeout(Phase::Tls, SOON);
    let mailer = builder.build().expect("a mailer");
    let error = in_time(mailer.send(message())).unwrap_err();
    assert_eq!(error.phase(), Some(Phase::Connect));
    assert!(error.is_transient());
    let error = in_time(mailer.verify()).unwrap_err();
    assert_eq!(error.phase(), Some(Phase::Connect));
}

/// Gives nothing, and never ends.
struct Silent;

impl futures_io::AsyncRead for Silent {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

#[test]
fn a_header_that_never_comes_is_waited_for_in_the_mails_time() {
    let server = LocalServer::new();
    let mailer = builder(&server).deadline(SOON).build().expect("a mailer");
    let message = Message::stream(envelope(1), || Ok(Silent));
    let error = in_time(mailer.send(message)).unwrap_err();
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
    assert_eq!(mailer.idle_connections(), 1);
}

#[test]
fn mails_that_cannot_wait_for_their_turn_take_none() {
    let server = LocalServer::new();
    let span = Duration::from_millis(400);
    let mailer = builder(&server).rate_limit(1, span).deadline(span / 4);
    let mailer = mailer.build().expect("a mailer");
    let start = Instant::now();
    send(&mailer);
    // None of these has the time, and none waits for nothing.
    for _ in 0..50 {
        let error = in_time(mailer.send(message())).unwrap_err();
        assert!(matches!(error.kind(), MailerErrorKind::TimedOut));
    }
    // Nor do those that are given up.
    let patient = builder(&server).rate_limit(1, span).build();
    let patient = patient.expect("a mailer");
    send(&patient);
    for _ in 0..5 {
        let mut waits = Box::pin(patient.send(message()));
        block_on(poll_fn(|cx| {
            assert!(waits.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        }));
    }
    let sent = in_time(patient.send(message()));
    assert!(sent.is_ok(), "its turn comes");
    assert!(start.elapsed() < 3 * span, "{:?}", start.elapsed());
}

#[test]
fn a_listener_goes_with_its_mail() {
    let server = LocalServer::new();
    let mailer = mailer(&server);
    let held = Arc::new(Mutex::new(0));
    let count = Arc::clone(&held);
    let message = message().on_event(move |_| *count.lock().expect("no panic") += 1);
    assert!(block_on(mailer.send(message)).is_ok());
    assert_eq!(mailer.idle_connections(), 1);
    assert!(*held.lock().expect("no panic") > 0);
    assert_eq!(Arc::strong_count(&held), 1, "nobody holds it any more");
}

/// A mail that is there at the second look.
struct Later(bool, usize);

impl futures_io::AsyncRead for Later {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if !std::mem::replace(&mut self.0, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mail = b"x: y\n\n";
        let len = std::mem::take(&mut self.1) * mail.len();
        buf[..len].copy_from_slice(&mail[..len]);
        Poll::Ready(Ok(len))
    }
}

#[test]
fn idle_connections_that_all_stall_cost_one_check() {
    let server = LocalServer::new();
    let builder = |time| {
        let builder = Mailer::over(Behind(server.clone(), Path::StalledBehind("NOOP")));
        let builder = builder.check_after(Duration::ZERO).retry(quickly(1));
        builder.timeout(Phase::Command, time)
    };
    let mailer = builder(SOON).build().expect("a mailer");
    let later = || Message::stream(envelope(1), || Ok(Later(false, 1)));
    let reports = block_on(join_all((0..3).map(|_| mailer.send(later()))));
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    assert_eq!(mailer.idle_connections(), 3);
    send(&mailer);
    assert_eq!(mailer.idle_connections(), 1);
    // A mail that has no time says nothing of the others.
    let mailer = builder(LATE).deadline(10 * SOON).build().expect("a mailer");
    let reports = block_on(join_all((0..3).map(|_| mailer.send(later()))));
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    in_time(mailer.send(message())).expect_err("the NOOP takes all its time");
    assert_eq!(mailer.idle_connections(), 2);
}

#[test]
fn futures_are_small() {
    let mailer = mailer(&LocalServer::new());
    let len = size_of_val(&mailer.send(message()));
    assert!(len < 4 * 1024, "{len}");
}

#[test]
fn a_server_that_takes_one_recipient_at_a_time_costs_little() {
    const MANY: usize = 400;
    let reply = format!("452 4.5.3 {}", "x".repeat(400));
    let server = few(1, reply.leak());
    let builder = over(&server).password("me", "secret");
    let mailer = builder.build().expect("a mailer");
    let message = Message::new(envelope(MANY), "x: y\n\ntext");
    let report = in_time(mailer.send(message)).expect("a report");
    assert!(report.is_complete());
    let kept: usize = report
        .receipts()
        .iter()
        .map(|receipt| receipt.outcomes().len())
        .sum();
    assert_eq!(kept, MANY, "each receipt tells of those that it is for");
}

/// For executors that ask for it.
#[test]
fn futures_can_go_to_another_thread() {
    fn is_send(_: &impl Send) {}
    let mailer = mailer(&LocalServer::new());
    let mails = futures_util::stream::iter([(1, message())]);
    is_send(&mailer.send_many(mails, |_, _| ()));
    is_send(&mailer.send_and_close(message()));
    is_send(&mailer.close());
    is_send(&Message::from_reader(Silent));
}
