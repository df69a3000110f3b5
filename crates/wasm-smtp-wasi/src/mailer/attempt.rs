//! One attempt at a mail, on a connection that is there or on a new one.

use super::job::Job;
use super::link::Link;
use super::wait::{beside, within};
use super::{Mailer, MailerError, MailerErrorKind, QUIT_TIME, lock};
use smtp_session::{Delivery, ErrorKind};
use std::time::{Duration, Instant};
use wasi_net::Deadline;

/// How long a NOOP may take that shows that a connection is alive.
const CHECK_TIME: Duration = Duration::from_secs(10);

impl Mailer {
    /// Tries once. What became of the recipients is in `job` then. `last`: no other
    /// mail follows.
    pub(super) async fn attempt(&self, job: &mut Job, last: bool) -> Result<(), MailerError> {
        let shared = &*self.0;
        job.begin_attempt();
        let _permit = within(job.until, shared.permits.acquire()).await?;
        self.pace(job.until).await?;
        let retired = lock(&shared.pool).retire(&shared.setup, Instant::now());
        // Those that are not through when the mail is are closed without a word.
        let good_byes = retired.into_iter().map(|link| link.quit(QUIT_TIME));
        // In a box, since each step of the way would copy it.
        let transfer = Box::pin(self.transfer(job, last));
        beside(transfer, wasi_net::join_all(good_byes)).await
    }

    /// Waits for the mail's turn, if it comes in time.
    async fn pace(&self, until: Option<Instant>) -> Result<(), MailerError> {
        let Some(rate) = &self.0.rate else {
            return Ok(());
        };
        loop {
            let now = Instant::now();
            let wait = lock(rate).take(now);
            if wait.is_zero() {
                return Ok(());
            }
            if until.is_some_and(|until| until.saturating_duration_since(now) <= wait) {
                return Err(MailerError::new(MailerErrorKind::TimedOut));
            }
            wasi_net::sleep(wait).await;
        }
    }

    async fn transfer(&self, job: &mut Job, last: bool) -> Result<(), MailerError> {
        while let Some(link) = self.waiting(job.until).await {
            link.use_for(job.usage());
            match self.send_over(link, job, last).await {
                Err(error) if is_lost(&error) && job.message.is_whole() => {}
                done => return done,
            }
        }
        let link = Link::open(&*self.0.connect, &self.0.setup, job.usage()).await?;
        self.send_over(link, job, last).await
    }

    /// A connection that waits for a mail, and is alive.
    async fn waiting(&self, until: Option<Instant>) -> Option<Link> {
        loop {
            let mut link = lock(&self.0.pool).take()?;
            let idle = link.used.elapsed();
            if idle < self.0.setup.limits.check_after {
                return Some(link);
            }
            let limit = Deadline::after(CHECK_TIME).instant();
            let limit = until.map_or(limit, |until| until.min(limit));
            let silent = match link.check(limit).await {
                Ok(()) => return Some(link),
                Err(error) => matches!(error.kind(), ErrorKind::TimedOut),
            };
            if until.is_some_and(|until| until <= Instant::now()) {
                return None;
            }
            if silent {
                // So are those that are left: they were used before it.
                let others = lock(&self.0.pool).take_all();
                drop(others);
            }
        }
    }

    async fn send_over(
        &self,
        mut link: Link,
        job: &mut Job,
        last: bool,
    ) -> Result<(), MailerError> {
        link.mails += 1;
        let envelope = job.envelope();
        let body = within(job.until, job.message.body()).await;
        let body = match body.and_then(|body| body) {
            Ok(body) => body,
            Err(error) => {
                self.put_back(link).await;
                return Err(error);
            }
        };
        let peer = link.peer.clone();
        let sent = if last || link.mails >= link.mails_max(&self.0.setup) {
            link.session.send_and_quit(&envelope, body).await
        } else {
            let sent = link.session.send(&envelope, body).await;
            self.put_back(link).await;
            sent
        };
        match sent {
            Ok(receipt) => job.taken(receipt),
            Err(error) => {
                job.failed(&error);
                return Err(peer.error(error));
            }
        }
        Ok(())
    }

    /// Keeps the connection for another mail, if it is good for one.
    async fn put_back(&self, link: Link) {
        if !link.session.is_usable() {
            return;
        }
        let unfit = lock(&self.0.pool).put(link, &self.0.setup, Instant::now());
        if let Some(link) = unfit {
            link.quit(QUIT_TIME).await;
        }
    }
}

/// Whether the connection ended, and no mail went by it.
pub(super) fn is_lost(error: &MailerError) -> bool {
    let MailerErrorKind::Session(error) = error.kind() else {
        return false;
    };
    let lost = matches!(
        error.kind(),
        ErrorKind::Closed | ErrorKind::Closing(_) | ErrorKind::Io(_) | ErrorKind::Unusable
    );
    lost && error.delivery() == Delivery::NotSent
}
