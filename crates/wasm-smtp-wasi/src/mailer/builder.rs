//! What a mailer is made of.

use super::connect::{BoxFuture, Connect, WasiConnect};
use super::rate::Rate;
use super::server::{Security, Server, ServerUrl};
use super::silence::SILENCE;
use super::{Mailer, MailerError, Retry, Shared};
use crate::{ConnectOptions, Phase, WasiTarget};
use smtp_session::{Credentials, InvalidInput, Mechanism, Options, Speaker, Timeouts};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// How a mailer sends: begun by [`Mailer::smtps`], [`Mailer::smtp`],
/// [`Mailer::url`] or [`Mailer::over`].
///
/// `Debug` shows no credentials.
#[must_use]
pub struct MailerBuilder {
    way: Way,
    options: ConnectOptions,
    /// What the URL says.
    user: Option<Zeroizing<String>>,
    password: Option<Zeroizing<String>>,
    /// What was given apart from it.
    login: Option<Result<Login, InvalidInput>>,
    rate: Option<Rate>,
    connections: usize,
    setup: Setup,
}

enum Way {
    Wasi(Server, fn(Server, ConnectOptions) -> Arc<dyn Connect>),
    Own(Arc<dyn Connect>),
}

/// What every connection and mail needs to know.
pub(super) struct Setup {
    pub(super) login: Login,
    /// Of AUTH, these only.
    pub(super) mechanisms: Option<Vec<Mechanism>>,
    pub(super) ehlo: Option<String>,
    pub(super) timeouts: Timeouts,
    pub(super) session: Options,
    pub(super) limits: Limits,
    pub(super) retry: Retry,
    pub(super) deadline: Option<Duration>,
    /// How long a port may say nothing before it is asked for TLS.
    pub(super) silence: Duration,
    pub(super) transcript: Option<Reader>,
}

/// Reads along what is said.
pub(super) type Reader = Arc<dyn Fn(Speaker, &str) + Send + Sync>;

/// How long a connection may be used.
pub(super) struct Limits {
    pub(super) mails: u32,
    pub(super) age: Duration,
    pub(super) idle: Duration,
    pub(super) check_after: Duration,
}

/// Gives access tokens: see [`MailerBuilder::oauth`].
pub(super) type TokenSource =
    Arc<dyn Fn(bool) -> BoxFuture<'static, io::Result<String>> + Send + Sync>;

pub(super) enum Login {
    None,
    Credentials(Credentials),
    Tokens { user: String, source: TokenSource },
}

/// How long a mail may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(60 * 60);

impl MailerBuilder {
    #[cfg(test)]
    pub(super) fn setup_mut(&mut self) -> &mut Setup {
        &mut self.setup
    }

    fn new(way: Way) -> Self {
        Self {
            way,
            options: ConnectOptions::new(),
            user: None,
            password: None,
            login: None,
            rate: None,
            connections: 4,
            setup: Setup {
                login: Login::None,
                mechanisms: None,
                ehlo: None,
                timeouts: Timeouts::default(),
                session: Options::default(),
                limits: Limits {
                    mails: 100,
                    age: Duration::from_secs(300),
                    idle: Duration::from_secs(50),
                    check_after: Duration::from_secs(1),
                },
                retry: Retry::default(),
                deadline: None,
                silence: SILENCE,
                transcript: None,
            },
        }
    }

    pub(super) fn host(security: Security, host: String) -> Self
    where
        for<'a> (): WasiTarget<'a>,
    {
        let port = security.port();
        Self::server(Server {
            security,
            host,
            port,
        })
    }

    fn server(server: Server) -> Self
    where
        for<'a> (): WasiTarget<'a>,
    {
        Self::new(Way::Wasi(server, |server, options| {
            Arc::new(WasiConnect::new(server, options))
        }))
    }

    pub(super) fn over(connect: Arc<dyn Connect>) -> Self {
        Self::new(Way::Own(connect))
    }

    pub(super) fn from_url(url: &str) -> Result<Self, MailerError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        let ServerUrl {
            server,
            user,
            password,
            ehlo,
            auth,
        } = ServerUrl::parse(url)?;
        let mut this = Self::server(server);
        this.setup.ehlo = ehlo;
        this.setup.mechanisms = auth.map(|auth| vec![auth]);
        (this.user, this.password) = (user, password);
        Ok(this)
    }

    /// The server's port. Default: 465 with TLS at once, 587 with STARTTLS, 25
    /// without TLS. Connections of one's own ([`Mailer::over`]) have theirs.
    pub fn port(mut self, port: u16) -> Self {
        if let Way::Wasi(server, _) = &mut self.way {
            server.port = port;
        }
        self
    }

    /// Proves by a password who sends. Default: what the URL says, or nothing.
    pub fn password(self, user: &str, password: &str) -> Self {
        self.login(Credentials::password(user, password))
    }

    /// Proves by these who sends: a password with another identity, a certificate,
    /// chosen mechanisms.
    pub fn credentials(self, credentials: Credentials) -> Self {
        self.login(Ok(credentials))
    }

    /// Proves by OAuth 2.0 access tokens who sends, by OAUTHBEARER or XOAUTH2.
    ///
    /// `source` gives one to every new connection. It is called with `false` at
    /// first, when it may give one that it has, and with `true` if the server does
    /// not take that one (535): then it has to get a new one, and is not asked a
    /// third time. Each may take the time of [`Phase::Auth`].
    ///
    /// Source: RFC 7628 section 3.2.2.
    pub fn oauth<F>(
        mut self,
        user: &str,
        source: impl Fn(bool) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<String>> + Send + 'static,
    {
        let source: TokenSource = Arc::new(move |fresh| Box::pin(source(fresh)));
        let user = user.to_owned();
        self.login = Some(Ok(Login::Tokens { user, source }));
        self
    }

    /// Uses these mechanisms of AUTH only. Default: what the URL says, or the best that
    /// the server offers and the credentials allow.
    pub fn auth_mechanisms(mut self, mechanisms: &[Mechanism]) -> Self {
        self.setup.mechanisms = Some(mechanisms.to_vec());
        self
    }

    fn login(mut self, credentials: Result<Credentials, InvalidInput>) -> Self {
        self.login = Some(credentials.map(Login::Credentials));
        self
    }

    /// The user that the URL names.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref().map(String::as_str)
    }

    /// The name that EHLO gives: this host's, or its address literal. Default: what
    /// the URL says, or the literal of the connection's own address.
    ///
    /// Source: RFC 5321 section 4.1.4.
    pub fn ehlo(mut self, name: impl Into<String>) -> Self {
        self.setup.ehlo = Some(name.into());
        self
    }

    /// How to connect: trust, names, times of the phases, in place of those that
    /// [`timeout`](Self::timeout) was given before. Leave for logging in without TLS
    /// is taken from here too.
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// How long `phase` may take: see [`Phase`] for the defaults.
    pub fn timeout(mut self, phase: Phase, timeout: Duration) -> Self {
        self.options = self.options.with_timeout(phase, timeout);
        self
    }

    /// How long a mail may take in all, with every attempt and all that is waited
    /// for in between, a connection and its turn too. Default: one hour, since each
    /// reply of a server begins the time of its phase anew; none with a
    /// [`rate_limit`](Self::rate_limit), for which a mail may have to wait longer.
    /// [`Duration::MAX`] is no limit.
    /// A mail that can't be tried again in time ends at once.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.setup.deadline = Some(deadline);
        self
    }

    /// How often a mail is tried: see [`Retry`].
    pub fn retry(mut self, retry: Retry) -> Self {
        self.setup.retry = retry;
        self
    }

    /// How many connections there may be at a time: at least 1, 4 by default. More
    /// mails wait, the first to come being the first to go.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.clamp(1, usize::MAX >> 3);
        self
    }

    /// How many mails a connection takes before another one is opened: at least 1,
    /// 100 by default. Servers have limits too, and say so by a 421 that costs a
    /// round trip.
    pub fn mails_per_connection(mut self, mails: u32) -> Self {
        self.setup.limits.mails = mails.max(1);
        self
    }

    /// How long a connection is used: 5 minutes by default.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.setup.limits.age = age;
        self
    }

    /// How long a connection is kept without a mail: 50 s by default. Servers close
    /// theirs after 5 minutes (RFC 5321 section 4.5.3.2.7) or sooner, the first that are
    /// known after 60 s.
    pub fn max_idle(mut self, idle: Duration) -> Self {
        self.setup.limits.idle = idle;
        self
    }

    /// After how long without a mail a connection has to show by a NOOP, within
    /// 10 s, that it is alive: 1 s by default. One that does not is replaced.
    pub fn check_after(mut self, idle: Duration) -> Self {
        self.setup.limits.check_after = idle;
        self
    }

    /// At most `mails` in any span of `per`: others wait, or end at once if their
    /// deadline comes first. It counts attempts, and takes 16 bytes for each of
    /// `mails`. Default: no limit.
    pub fn rate_limit(mut self, mails: u32, per: Duration) -> Self {
        self.rate = Some(Rate::new(mails, per));
        self
    }

    /// What sessions may do: LMTP, no PIPELINING, no CHUNKING.
    pub fn session_options(mut self, options: Options) -> Self {
        self.setup.session = options;
        self
    }

    /// Reads along what is said on every connection: without secrets and mails, but
    /// with addresses. See [`Session::set_transcript`](crate::smtp_session::Session::set_transcript).
    pub fn transcript(mut self, reader: impl Fn(Speaker, &str) + Send + Sync + 'static) -> Self {
        self.setup.transcript = Some(Arc::new(reader));
        self
    }

    /// The mailer. Nothing is connected to yet.
    ///
    /// # Errors
    ///
    /// [`MailerErrorKind::Config`](super::MailerErrorKind::Config): credentials
    /// that can't be used, a user in the URL without a password.
    pub fn build(mut self) -> Result<Mailer, MailerError> {
        let login = match (self.login, self.user, self.password) {
            (Some(login), ..) => login,
            (None, Some(user), Some(password)) => {
                Credentials::password(&user, &password).map(Login::Credentials)
            }
            (None, Some(_), None) => {
                return Err(MailerError::config(
                    "the server URL has a user without a password: write USER:PASSWORD@HOST, or give the password apart",
                ));
            }
            (None, None, _) => Ok(Login::None),
        };
        self.setup.login = login.map_err(|wrong| MailerError::config(wrong.to_string()))?;
        self.setup.timeouts = self.options.timeouts;
        if self.options.plaintext_auth {
            self.setup.session = self.setup.session.allow_plaintext_auth(true);
        }
        let connect = match self.way {
            Way::Wasi(server, make) => make(server, self.options),
            Way::Own(connect) => connect,
        };
        let shared = Shared::new(connect, self.setup, self.connections, self.rate);
        Ok(Mailer(Arc::new(shared)))
    }
}

impl fmt::Debug for MailerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("MailerBuilder");
        if let Way::Wasi(server, _) = &self.way {
            shown.field("server", server);
        }
        shown
            .field("ehlo", &self.setup.ehlo)
            .field("connections", &self.connections)
            .field("retry", &self.setup.retry)
            .finish_non_exhaustive()
    }
}
