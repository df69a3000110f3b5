//! A connection with a session on it that is through AUTH.

use super::attempt::is_lost;
use super::builder::{Login, Setup};
use super::connect::{BoxFuture, Connect, Connection};
use super::event::{Event, Listener, Meter, Metered, Timers, Use};
use super::learned::Learned;
use super::logins::{Logins, Working};
use super::stake::Doubt;
use super::wait::within;
use super::{MailerError, MailerErrorKind, QUIT_TIME};
use crate::{WasiSmtpError, address_literal};
use smtp_session::{Credentials, Extension, Phase, Session};
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tls_pump::ConnectionInfo;
use zeroize::Zeroizing;

/// A connection that is ready for mails.
pub(super) struct Link {
    pub(super) session: Session<Metered, Timers>,
    pub(super) tls: Option<ConnectionInfo>,
    pub(super) peer: Peer,
    meter: Meter,
    opened: Instant,
    /// When its last operation ended.
    pub(super) used: Instant,
    pub(super) mails: u32,
    /// The server took one of them.
    pub(super) has_carried: bool,
    /// Of the last mail whose end the server was given.
    pub(super) last: Doubt,
    /// What was learnt of the server when it was opened.
    learned: Learned,
    /// It is through AUTH.
    pub(super) working: Option<Working>,
}

/// How the two sides know each other, for errors to tell.
#[derive(Clone)]
pub(super) struct Peer {
    /// The name that EHLO gave.
    pub(super) ehlo: String,
    has_tls: bool,
}

impl Peer {
    pub(super) fn error(&self, error: smtp_session::Error) -> MailerError {
        MailerError::session(error, &self.ehlo, self.has_tls)
    }
}

impl Link {
    /// Connects, and goes through AUTH once it has its turn for that.
    pub(super) async fn open(
        connect: &dyn Connect,
        setup: &Setup,
        logins: &Logins,
        learned: Learned,
        used: Use,
    ) -> Result<Self, MailerError> {
        let until = used.until;
        let mut this = Self::greet(connect, setup, learned, used.clone()).await?;
        let turn = match setup.login {
            Login::None => Ok(None),
            _ => within(until, logins.turn()).await.and_then(|turn| turn),
        };
        let turn = match turn {
            Ok(turn) => turn,
            Err(error) => return this.unless_refused(Err(error)).await,
        };
        let mut proved = this.authenticate(setup, until).await;
        if let Ok(Some(fresh)) = proved {
            this = Self::greet(connect, setup, learned, used).await?;
            proved = this.prove(&fresh).await.map(|()| None);
        }
        let now = Instant::now();
        this.used = now;
        let proved = match proved {
            Ok(_) => {
                this.working = Some(logins.succeeded());
                Ok(())
            }
            Err(error) => Err(logins.failed(error, now)),
        };
        // Others log in while this one says good-bye.
        drop(turn);
        this.unless_refused(proved).await
    }

    /// Says good-bye where the server refused what comes before a mail.
    async fn unless_refused(self, done: Result<(), MailerError>) -> Result<Self, MailerError> {
        match done {
            Ok(()) => Ok(self),
            Err(error) => {
                self.quit(QUIT_TIME).await;
                Err(error)
            }
        }
    }

    /// Connects, and goes on to where AUTH follows.
    async fn greet(
        connect: &dyn Connect,
        setup: &Setup,
        learned: Learned,
        used: Use,
    ) -> Result<Self, MailerError> {
        let (until, listener) = (used.until, used.listener.clone());
        let meter = Meter::default();
        meter.set(used);
        tell(listener.as_ref(), Phase::Connect);
        let times = &setup.timeouts;
        let time = times
            .of(Phase::Connect)
            .saturating_add(times.of(Phase::Tls));
        let connection = limited(until, time, Phase::Connect, connect.connect()).await?;
        let mut this = Self::over(connection, setup, learned, meter);
        let said = this.first_hello(connect, setup, until).await;
        this = this.unless_refused(said).await?;
        if connect.upgrades() {
            let time = times.of(Phase::Tls);
            this = this
                .upgrade(connect, until, time, listener.as_ref())
                .await?;
            let said = this.hello().await;
            this = this.unless_refused(said).await?;
        }
        Ok(this)
    }

    fn over(connection: Connection, setup: &Setup, learned: Learned, meter: Meter) -> Self {
        let Connection {
            stream,
            security,
            local_addr,
            tls,
        } = connection;
        let has_tls = matches!(security, smtp_session::Security::Tls { .. });
        let timers = Timers {
            timeouts: setup.timeouts,
            meter: meter.clone(),
        };
        let metered = Metered {
            stream,
            meter: meter.clone(),
        };
        let options = learned.options(setup.session);
        #[cfg(feature = "idna")]
        let options = options.ascii_domain(super::domain::ascii_domain);
        let mut session = Session::with_options(metered, security, options);
        if let Some(reader) = setup.transcript.clone() {
            session.set_transcript(move |speaker, line| reader(speaker, line));
        }
        // Source: RFC 5321 section 4.1.4.
        let literal = || address_literal(local_addr.unwrap_or(Ipv4Addr::UNSPECIFIED.into()));
        let ehlo = setup.ehlo.clone().unwrap_or_else(literal);
        let now = Instant::now();
        Self {
            session: session.with_deadlines(timers),
            tls,
            peer: Peer { ehlo, has_tls },
            meter,
            opened: now,
            used: now,
            mails: 0,
            has_carried: false,
            last: Doubt::default(),
            learned,
            working: None,
        }
    }

    pub(super) fn has_tls(&self) -> bool {
        self.peer.has_tls
    }

    pub(super) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    pub(super) async fn hello(&mut self) -> Result<(), MailerError> {
        let said = self.session.hello(&self.peer.ehlo).await.map(drop);
        said.map_err(|error| self.peer.error(error))
    }

    async fn upgrade(
        self,
        connect: &dyn Connect,
        until: Option<Instant>,
        time: Duration,
        listener: Option<&Listener>,
    ) -> Result<Self, MailerError> {
        let Self { meter, peer, .. } = self;
        let asked = self.session.starttls().await;
        let (metered, upgrade) = asked.map_err(|error| peer.error(error))?;
        tell(listener, Phase::Tls);
        let upgraded = connect.upgrade(metered.stream);
        let connection = limited(until, time, Phase::Tls, upgraded).await?;
        // Else a password would go out in plaintext.
        let smtp_session::Security::Tls { exporter } = connection.security else {
            return Err(MailerError::config(
                "the connector gives no TLS after STARTTLS: have it give Security::Tls, or no upgrade",
            ));
        };
        let metered = Metered {
            stream: connection.stream,
            meter: meter.clone(),
        };
        Ok(Self {
            session: upgrade.resume(metered, exporter),
            tls: connection.tls,
            peer: Peer {
                has_tls: true,
                ..peer
            },
            meter,
            ..self
        })
    }

    /// Gives a new token, if the server ended the connection when it refused the one
    /// before.
    async fn authenticate(
        &mut self,
        setup: &Setup,
        until: Option<Instant>,
    ) -> Result<Option<Credentials>, MailerError> {
        match &setup.login {
            Login::None => Ok(None),
            Login::Credentials(credentials) => {
                let credentials = only(credentials.clone(), setup);
                self.prove(&credentials).await.map(|()| None)
            }
            Login::Tokens { user, source } => {
                let token = |fresh| token(source(fresh), setup, until);
                let first = token(false).await?;
                let refused = match self.prove(&credentials(user, &first, setup)?).await {
                    Err(error) if error.reply().is_some_and(|reply| reply.code() == 535) => error,
                    done => return done.map(|()| None),
                };
                // It may have run out: RFC 7628 section 3.2.2.
                let fresh = token(true).await?;
                if fresh == first {
                    return Err(refused);
                }
                let fresh = credentials(user, &fresh, setup)?;
                match self.prove(&fresh).await {
                    Err(error) if is_lost(&error) => Ok(Some(fresh)),
                    done => done.map(|()| None),
                }
            }
        }
    }

    async fn prove(&mut self, credentials: &Credentials) -> Result<(), MailerError> {
        let proved = self.session.authenticate(credentials).await;
        proved.map_err(|error| self.peer.error(error))
    }

    /// Uses it for another mail.
    pub(super) fn use_for(&self, used: Use) {
        self.meter.set(used);
    }

    /// Has the server show until then that it is still there.
    pub(super) async fn check(&mut self, until: Instant) -> Result<(), smtp_session::Error> {
        self.use_for(Use::new(Some(until), None));
        let checked = self.session.noop().await;
        checked.inspect_err(|error| self.doubt(error))
    }

    /// Makes its last mail doubtful, if `error` does.
    pub(super) fn doubt(&self, error: &smtp_session::Error) {
        if error.doubts_last_mail() {
            self.last.raise();
        }
    }

    /// Says good-bye, which may take `time`.
    pub(super) async fn quit(self, time: Duration) {
        self.use_for(Use::new(Some(Instant::now() + time), None));
        // All else that it was given is the server's or was reported.
        if let Err(error) = self.session.quit().await
            && error.doubts_last_mail()
        {
            self.last.raise();
        }
    }

    /// Whether mails go by BDAT where the server offers it.
    pub(super) fn may_use_bdat(&self) -> bool {
        !self.learned.no_bdat
    }

    /// Whether they do.
    pub(super) fn uses_bdat(&self) -> bool {
        let needed = [Extension::Chunking, Extension::Pipelining];
        let offers = self.session.capabilities();
        self.may_use_bdat() && needed.into_iter().all(|one| offers.has(one))
    }

    /// How many mails it may take in all.
    ///
    /// Source: RFC 9422 section 4.1 (LIMITS MAILMAX).
    pub(super) fn mails_max(&self, setup: &Setup, learned: Learned) -> u32 {
        let of_server = self.session.capabilities().mails_max();
        let limits = [of_server, learned.mails].into_iter().flatten();
        limits.fold(setup.limits.mails, u32::min)
    }

    /// Whether it may take another mail.
    pub(super) fn is_fit(&self, setup: &Setup, learned: Learned, now: Instant) -> bool {
        let limits = &setup.limits;
        self.session.is_usable()
            && self.mails < self.mails_max(setup, learned)
            && self.learned.no_bdat == learned.no_bdat
            && now.duration_since(self.opened) < limits.age
            && now.duration_since(self.used) < limits.idle
    }
}

/// An access token that came in time.
async fn token(
    source: BoxFuture<'_, io::Result<String>>,
    setup: &Setup,
    until: Option<Instant>,
) -> Result<Zeroizing<String>, MailerError> {
    let time = setup.timeouts.of(Phase::Auth);
    let token = within(until, wasi_net::timeout(time, source)).await?;
    let token = token.unwrap_or_else(|elapsed| Err(elapsed.into()));
    let token = token.map(Zeroizing::new);
    token.map_err(|error| MailerError::new(MailerErrorKind::Token(error)))
}

fn credentials(user: &str, token: &str, setup: &Setup) -> Result<Credentials, MailerError> {
    let credentials = Credentials::oauth_token(user, token);
    let credentials = credentials.map_err(|wrong| MailerError::config(wrong.to_string()))?;
    Ok(only(credentials, setup))
}

/// By the mechanisms that were asked for.
fn only(credentials: Credentials, setup: &Setup) -> Credentials {
    match &setup.mechanisms {
        Some(mechanisms) => credentials.only(mechanisms),
        None => credentials,
    }
}

/// Connects, or does TLS, in its time.
async fn limited(
    until: Option<Instant>,
    time: Duration,
    phase: Phase,
    future: BoxFuture<'_, Result<Connection, WasiSmtpError>>,
) -> Result<Connection, MailerError> {
    let connection = within(until, wasi_net::timeout(time, future)).await?;
    let connection = connection.map_err(|elapsed| WasiSmtpError::timeout(phase, elapsed.into()))?;
    Ok(connection?)
}

fn tell(listener: Option<&Listener>, phase: Phase) {
    if let Some(listener) = listener {
        listener.tell(Event::Phase(phase));
    }
}
