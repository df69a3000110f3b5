//! Ports that say nothing in plaintext, since they wait for TLS.

use super::builder::Setup;
use super::connect::Connect;
use super::link::Link;
use super::wait::within;
use super::{MailerError, MailerErrorKind};
use futures_util::future::{Either, pending, select};
use smtp_session::{ErrorKind, Phase};
use std::pin::pin;
use std::time::{Duration, Instant};

/// After so much silence a port is asked. A greeting may take 5 minutes (RFC 5321
/// section 4.5.3.2.1).
pub(super) const SILENCE: Duration = Duration::from_secs(10);

impl Link {
    /// The first EHLO, behind the greeting. Where that does not come, another connection
    /// finds out whether TLS is what the port speaks, while this one goes on waiting.
    pub(super) async fn first_hello(
        &mut self,
        connect: &dyn Connect,
        setup: &Setup,
        until: Option<Instant>,
    ) -> Result<(), MailerError> {
        if self.has_tls() {
            return self.hello().await;
        }
        let meter = self.meter();
        let asks = async {
            wasi_net::sleep(setup.silence).await;
            let is_silent = || meter.is_in(Phase::Greeting);
            // It may have greeted while the other connection found out.
            let waits = is_silent() && speaks_tls(connect, setup, until).await && is_silent();
            if !waits {
                pending::<()>().await;
            }
        };
        // Boxes, since each step of the way would copy them.
        let said = Box::pin(self.hello());
        let said = match select(said, pin!(Box::pin(asks))).await {
            Either::Left((said, _)) => said,
            Either::Right(_) => return Err(waits_for_tls()),
        };
        match said {
            Err(error) if is_hang_up(&error) && speaks_tls(connect, setup, until).await => {
                Err(waits_for_tls())
            }
            said => said,
        }
    }
}

fn waits_for_tls() -> MailerError {
    MailerError::new(MailerErrorKind::WaitsForTls)
}

/// Whether the server ended the connection instead of greeting.
fn is_hang_up(error: &MailerError) -> bool {
    let MailerErrorKind::Session(error) = error.kind() else {
        return false;
    };
    error.phase() == Phase::Greeting && matches!(error.kind(), ErrorKind::Closed | ErrorKind::Io(_))
}

async fn speaks_tls(connect: &dyn Connect, setup: &Setup, until: Option<Instant>) -> bool {
    let times = &setup.timeouts;
    let time = times
        .of(Phase::Connect)
        .saturating_add(times.of(Phase::Tls));
    let answer = within(until, wasi_net::timeout(time, connect.speaks_tls())).await;
    matches!(answer, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailer::connect::{BoxFuture, ByteStream, Connection};
    use crate::mailer::{LocalServer, Mailer, Message, Remedy, Retry};
    use crate::{WasiSmtpError, block_on};
    use futures_io::{AsyncRead, AsyncWrite};
    use std::future::poll_fn;
    use std::io;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    /// What the port does before it says anything.
    #[derive(Clone, Copy, PartialEq)]
    enum Port {
        Silent,
        HangsUp,
        Breaks,
        /// Greets once it was asked by another connection, and goes on once it answered
        /// there.
        Slow,
    }

    /// A connection to a server behind such a port.
    struct Stream {
        port: Port,
        behind: Box<dyn ByteStream>,
        asked: Arc<AtomicUsize>,
        has_answered: Arc<AtomicBool>,
        has_greeted: bool,
    }

    impl Stream {
        fn is_held(&self) -> bool {
            match self.has_greeted {
                true => !self.has_answered.load(Ordering::Relaxed),
                false => self.asked.load(Ordering::Relaxed) == 0,
            }
        }
    }

    impl AsyncRead for Stream {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            match self.port {
                Port::HangsUp => Poll::Ready(Ok(0)),
                Port::Breaks => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Port::Silent => Poll::Pending,
                Port::Slow if self.is_held() => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Port::Slow => {
                    self.has_greeted = true;
                    Pin::new(&mut self.behind).poll_read(cx, buf)
                }
            }
        }
    }

    impl AsyncWrite for Stream {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.behind).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.behind).poll_flush(cx)
        }

        fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.behind).poll_close(cx)
        }
    }

    /// Counts how often it is connected to, and asked for TLS.
    #[derive(Clone)]
    struct Server {
        port: Port,
        has_tls: bool,
        local: LocalServer,
        connections: Arc<AtomicUsize>,
        asked: Arc<AtomicUsize>,
        has_answered: Arc<AtomicBool>,
    }

    impl Server {
        fn new(port: Port, has_tls: bool) -> Self {
            Self {
                port,
                has_tls,
                local: LocalServer::new(),
                connections: Arc::default(),
                asked: Arc::default(),
                has_answered: Arc::default(),
            }
        }

        fn counts(&self) -> (usize, usize) {
            let [connections, asked] =
                [&self.connections, &self.asked].map(|count| count.load(Ordering::Relaxed));
            (connections, asked)
        }

        fn send(&self, silence: Duration) -> Result<(), MailerError> {
            let mail = "From: a@b.example\nTo: a@b.example\n\nx\n";
            let retry = Retry::default().wait(Duration::ZERO, Duration::ZERO);
            let mut builder = Mailer::over(self.clone()).retry(retry);
            builder.setup_mut().silence = silence;
            let mailer = builder.build()?;
            block_on(mailer.send(Message::from_bytes(mail)?)).map(drop)
        }
    }

    impl Connect for Server {
        fn connect(&self) -> BoxFuture<'_, Result<Connection, WasiSmtpError>> {
            self.connections.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                let mut connection = self.local.connect().await?;
                connection.stream = Box::new(Stream {
                    port: self.port,
                    behind: connection.stream,
                    asked: Arc::clone(&self.asked),
                    has_answered: Arc::clone(&self.has_answered),
                    has_greeted: false,
                });
                connection.security = smtp_session::Security::Plaintext;
                Ok(connection)
            })
        }

        fn speaks_tls(&self) -> BoxFuture<'_, bool> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let mut turns = 0..3;
            Box::pin(poll_fn(move |cx| {
                if turns.next().is_some() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.has_answered.store(true, Ordering::Relaxed);
                Poll::Ready(self.has_tls)
            }))
        }
    }

    #[test]
    fn a_port_that_waits_for_tls_is_found_out_at_once() {
        for port in [Port::Silent, Port::HangsUp, Port::Breaks] {
            let server = Server::new(port, true);
            let error = server.send(Duration::ZERO).expect_err("no SMTP here");
            assert!(
                matches!(error.kind(), MailerErrorKind::WaitsForTls),
                "{error:?}"
            );
            assert_eq!(error.remedy(), Some(&Remedy::UseImplicitTls));
            assert_eq!(error.delivery(), smtp_session::Delivery::NotSent);
            assert!(
                !error.is_transient() && error.to_string().contains("smtps://"),
                "{error}"
            );
            assert_eq!((error.attempts(), server.counts()), (1, (1, 1)));
        }
    }

    #[test]
    fn without_an_answer_by_tls_it_is_as_before() {
        let server = Server::new(Port::HangsUp, false);
        let error = server.send(SILENCE).expect_err("it is gone");
        assert!(error.is_transient() && error.remedy().is_none(), "{error}");
        assert_eq!((error.attempts(), server.counts()), (3, (3, 3)));
    }

    #[test]
    fn a_greeting_that_is_slow_is_waited_for() {
        // Whatever the port says by TLS once it has greeted here.
        for has_tls in [false, true] {
            let server = Server::new(Port::Slow, has_tls);
            server.send(Duration::ZERO).expect("it is only slow");
            assert_eq!(server.counts(), (1, 1));
            assert_eq!(server.local.mails().len(), 1);
        }
        // One that is not is never asked.
        let server = Server::new(Port::Slow, true);
        server.asked.store(7, Ordering::Relaxed);
        server.has_answered.store(true, Ordering::Relaxed);
        server.send(SILENCE).expect("it greets at once");
        assert_eq!(server.counts(), (1, 7));
    }
}
