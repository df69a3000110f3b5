//! The mailer: sends mails by as many connections as it may have, and tries again
//! what may be tried again (feature `mailer`).
//!
//! ```no_run,ignore-linux,ignore-darwin,ignore-windows
//! use wasm_smtp_wasi::block_on;
//! use wasm_smtp_wasi::mailer::{Mailer, MailerError, Message};
//!
//! fn main() -> Result<(), MailerError> {
//!     block_on(async {
//!         let mailer = Mailer::from_url("smtps://user:secret@smtp.example.com")?;
//!         let mail = "From: user@example.com\nTo: you@example.org\nSubject: Hello\n\nBody.\n";
//!         let report = mailer.send(Message::from_bytes(mail)?).await?;
//!         assert!(report.is_complete());
//!         mailer.close().await;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! - [`Mailer`] and its [builder](MailerBuilder): how to connect, who sends, what
//!   the limits are. [`Retry`] says what is tried again.
//! - [`Message`]: the mail, in memory, from a reader or of [`mail_builder`], and its
//!   envelope.
//! - [`SendReport`] and [`MailerError`]: what became of it, for each recipient.
//! - [`Event`]: what happens meanwhile.
//! - [`LocalServer`]: a server in memory or in a folder, for tests.
//!
//! # What it never does
//!
//! - It does nothing in the background. Connections are closed, checked and
//!   replaced when a mail is sent, and by [`Mailer::close`]. They and TLS's
//!   sessions live as long as the instance of the component; in a wasi:http
//!   handler that is one request, unless the host reuses instances.
//! - It never sends again what may have been sent.
//! - It never goes on without TLS where TLS was asked for, and never without a look
//!   at the certificate.
//!
//! # Executors
//!
//! Several mails go at a time by [`wasi_net::join_all`] or
//! [`Mailer::send_many`], in [`block_on`](crate::block_on) or under wstd by
//! `wasi_net::wstd::run`. A mailer goes on in the next `block_on`.

mod addresses;
mod attempt;
mod blame;
mod builder;
mod complete;
mod connect;
mod deferred;
#[cfg(feature = "idna")]
mod domain;
mod error;
mod event;
mod header;
mod job;
mod learned;
mod link;
mod local;
mod logins;
mod message;
mod places;
mod pool;
mod rate;
mod report;
mod retry;
mod server;
mod silence;
mod stake;
mod verify;
mod wait;

pub use blame::Blame;
pub use builder::MailerBuilder;
pub use complete::complete_header;
pub use connect::{BoxFuture, ByteStream, Connect, Connection};
pub use deferred::Deferred;
pub use error::{MailerError, MailerErrorKind, Remedy};
pub use event::Event;
pub use header::{HeaderAddresses, complete_senders, parse_addresses, remove_secrets};
pub use local::{LocalMail, LocalServer};
pub use message::Message;
pub use report::{Fate, SendReport};
pub use retry::Retry;
pub use verify::Verified;

pub use mail_builder;

use crate::WasiTarget;
use builder::{DEADLINE, Setup};
use deferred::Window;
use event::Use;
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use job::{Job, Next};
use logins::Logins;
use places::Places;
use pool::Pool;
use rate::Rate;
use server::Security;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wait::within;
use wasi_net::Deadline;

/// How long the good-bye may take.
const QUIT_TIME: Duration = Duration::from_secs(2);

/// How many mails [`Mailer::send_many`] has under way for each connection: one of them
/// uses it, the others are there when it is free.
const UNDER_WAY: usize = 4;

/// Sends mails. A clone shares the connections.
#[derive(Clone)]
pub struct Mailer(Arc<Shared>);

struct Shared {
    connect: Arc<dyn Connect>,
    setup: Setup,
    connections: usize,
    places: Places,
    logins: Logins,
    pool: Mutex<Pool>,
    rate: Option<Mutex<Rate>>,
}

impl Shared {
    fn new(
        connect: Arc<dyn Connect>,
        setup: Setup,
        connections: usize,
        rate: Option<Rate>,
    ) -> Self {
        Self {
            connect,
            setup,
            connections,
            places: Places::new(connections),
            logins: Logins::new(),
            pool: Mutex::default(),
            rate: rate.map(Mutex::new),
        }
    }
}

/// What panicked before did not leave it half changed.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The host's random numbers are behind it, by way of the standard library.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl Mailer {
    /// A mailer for the server that `url` names:
    ///
    /// - `smtps://USER:PASSWORD@HOST`: TLS at once, on port 465
    /// - `smtp://USER:PASSWORD@HOST`: TLS by STARTTLS, without which nothing goes
    ///   on, on port 587
    /// - `smtp://HOST?starttls=never`, with the feature `plaintext-only`: no TLS, on
    ///   port 25, for a server in the same machine or behind a tunnel
    ///
    /// Another port stands behind the host. `?ehlo=NAME` gives the name of this
    /// host, `?auth=MECHANISM` that of AUTH. Reserved characters of user and password are percent-encoded: `@` is
    /// `%40`, `:` is `%3A`.
    ///
    /// # Errors
    ///
    /// [`MailerErrorKind::Config`], without what the URL says.
    pub fn from_url(url: &str) -> Result<Self, MailerError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        Self::url(url)?.build()
    }

    /// The same, to be built with more.
    ///
    /// # Errors
    ///
    /// As for [`from_url`](Self::from_url).
    pub fn url(url: &str) -> Result<MailerBuilder, MailerError>
    where
        for<'a> (): WasiTarget<'a>,
    {
        MailerBuilder::from_url(url)
    }

    /// A mailer for `host`, with TLS at once.
    ///
    /// Source: RFC 8314 section 3.3.
    pub fn smtps(host: impl Into<String>) -> MailerBuilder
    where
        for<'a> (): WasiTarget<'a>,
    {
        MailerBuilder::host(Security::Implicit, host.into())
    }

    /// A mailer for `host`, with TLS by STARTTLS.
    ///
    /// Source: RFC 3207.
    pub fn smtp(host: impl Into<String>) -> MailerBuilder
    where
        for<'a> (): WasiTarget<'a>,
    {
        MailerBuilder::host(Security::StartTls, host.into())
    }

    /// A mailer for `host` without TLS: whoever listens reads the mails. Logging in
    /// takes [`ConnectOptions::allow_plaintext_auth`](crate::ConnectOptions::allow_plaintext_auth).
    #[cfg(feature = "plaintext-only")]
    pub fn plaintext(host: impl Into<String>) -> MailerBuilder
    where
        for<'a> (): WasiTarget<'a>,
    {
        MailerBuilder::host(Security::Plaintext, host.into())
    }

    /// A mailer over connections of one's own: a [`LocalServer`], a proxy.
    pub fn over(connect: impl Connect + 'static) -> MailerBuilder {
        MailerBuilder::over(Arc::new(connect))
    }

    /// Sends a mail.
    ///
    /// It waits for a connection if all are in use, takes one that is there or opens
    /// one, and tries again as [`Retry`] says. A connection that the server closed
    /// meanwhile is replaced, and does not count as an attempt. Of several
    /// recipients those alone are tried again that were refused for now.
    ///
    /// # Errors
    ///
    /// None of the recipients got it for certain; [`MailerError::delivery`] says
    /// whether some may have.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the connection that it uses, in the middle of the
    /// mail if it comes to that: it is not known then whether the mail was sent. One
    /// that is kept and not polled keeps its connection, which others wait for.
    pub async fn send(&self, message: Message) -> Result<SendReport, MailerError> {
        let mut job = self.job(message);
        self.deliver(&mut job, false).await;
        job.end()
    }

    /// Sends a mail as [`send`](Self::send) does, but does not wait where the server
    /// refuses it, or some of its recipients, for now (greylisting). Then
    /// [`SendReport::deferred`] or [`MailerError::deferred`] says when to try again, and
    /// whoever has many mails can go on with the others and keep no more of this one than
    /// where it is. Give it the recipients alone whose [`Fate::is_open`], and
    /// [`Message::deferred`]; the deadline and the number of attempts go on.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    ///
    /// # Cancellation
    ///
    /// As for [`send`](Self::send).
    pub async fn send_or_defer(&self, message: Message) -> Result<SendReport, MailerError> {
        let mut job = self.job(message);
        if let Some(wait) = self.advance(&mut job, false).await {
            job.defer(wait, Instant::now());
        }
        job.end()
    }

    /// Sends a mail that is the last one, and closes the mailer: the good-bye leaves
    /// with the mail where the server allows that.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn send_and_close(&self, message: Message) -> Result<SendReport, MailerError> {
        let mut job = self.job(message);
        self.deliver(&mut job, true).await;
        // What is said meanwhile may make the mail doubtful.
        self.close().await;
        job.end()
    }

    /// Sends mails as they come, by all connections at a time, and calls `done` for
    /// each in the order in which they are done. The key that comes with a mail says
    /// which it was.
    ///
    /// At most four mails for each connection are under way at a time; `messages` waits
    /// meanwhile. Those that the server refused for now wait beside them, up to 64 MiB of
    /// mails in memory. While `done` runs nothing else does, so it must not wait for
    /// another mail of this mailer.
    ///
    /// # Cancellation
    ///
    /// As for [`send`](Self::send), for each mail under way.
    pub async fn send_many<K>(
        &self,
        messages: impl Stream<Item = (K, Message)>,
        mut done: impl FnMut(K, Result<SendReport, MailerError>),
    ) {
        let window = Window::new(self.0.connections.saturating_mul(UNDER_WAY));
        let slots = stream::repeat(window).then(Window::take);
        let sent = slots.zip(messages).map(|(mut slot, (key, message))| async {
            let mut job = self.job(message);
            while let Some(wait) = self.advance(&mut job, false).await {
                slot.wait(&job.message);
                wasi_net::sleep(wait).await;
            }
            drop(slot);
            (key, job.end())
        });
        // The window is the limit.
        let mut sent = pin!(sent.buffer_unordered(usize::MAX));
        while let Some((key, result)) = sent.next().await {
            done(key, result);
        }
    }

    /// Connects, proves who sends, and says good-bye: shows that mails could go. It
    /// opens a connection of its own, beside those that wait for a mail.
    ///
    /// # Errors
    ///
    /// What a mail would have met.
    pub async fn verify(&self) -> Result<Verified, MailerError> {
        let shared = &*self.0;
        if lock(&shared.pool).is_closed() {
            return Err(MailerError::new(MailerErrorKind::Closed));
        }
        let until = self.until();
        let _place = within(until, shared.places.take()).await?;
        let mut link = self.open(Use::new(until, None)).await?;
        let shown = link.session.noop().await;
        shown.map_err(|error| link.peer.error(error))?;
        let verified = Verified {
            capabilities: link.session.capabilities().clone(),
            mechanism: link.session.mechanism(),
            tls: link.tls.take(),
            ehlo: link.peer.ehlo.clone(),
        };
        link.quit(QUIT_TIME).await;
        Ok(verified)
    }

    /// Says good-bye on the connections that no mail uses, within 2 s. Mails that are
    /// under way go on and close theirs; others fail with
    /// [`MailerErrorKind::Closed`], in the clones of this mailer too.
    pub async fn close(&self) {
        let idle = lock(&self.0.pool).close();
        wasi_net::join_all(idle.into_iter().map(|link| link.quit(QUIT_TIME))).await;
    }

    /// How many connections wait for a mail.
    #[must_use]
    pub fn idle_connections(&self) -> usize {
        lock(&self.0.pool).len()
    }

    /// When a mail that comes now has to be done.
    fn until(&self) -> Option<Instant> {
        let default = match self.0.rate {
            Some(_) => Duration::MAX,
            None => DEADLINE,
        };
        let deadline = self.0.setup.deadline.unwrap_or(default);
        (deadline < Duration::MAX).then(|| Deadline::after(deadline).instant())
    }

    async fn deliver(&self, job: &mut Job, last: bool) {
        while let Some(wait) = self.advance(job, last).await {
            wasi_net::sleep(wait).await;
        }
    }

    fn job(&self, message: Message) -> Job {
        let mut job = Job::new(message, self.until(), Instant::now());
        let is_closed = lock(&self.0.pool).is_closed();
        job.error = match is_closed {
            true => Some(MailerError::new(MailerErrorKind::Closed)),
            false => job.message.check().err(),
        };
        job
    }

    /// Tries until all is done, or until the server wants this mail to wait so long.
    /// Where no connection comes about the others would fare alike: that is waited for
    /// here.
    async fn advance(&self, job: &mut Job, last: bool) -> Option<Duration> {
        while !job.is_hopeless() && !job.came_into_doubt() {
            job.error = self.attempt(job, last).await.err();
            let Next { wait, is_of_mail } = job.next(&self.0.setup.retry, Instant::now())?;
            if is_of_mail {
                return Some(wait);
            }
            if !wait.is_zero() {
                wasi_net::sleep(wait).await;
            }
        }
        None
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer")
            .field("connections", &self.0.connections)
            .field("idle_connections", &self.idle_connections())
            .finish_non_exhaustive()
    }
}

/// Mailers and their futures fit executors that ask for `Send`.
#[cfg(any(all(target_os = "wasi", target_env = "p2"), debug_assertions))]
const _: fn(Mailer, Message) = |mailer, message| {
    fn is_send(_: impl Send) {}
    is_send(async move {
        let _ = mailer.send(message).await?;
        mailer.verify().await
    });
};
