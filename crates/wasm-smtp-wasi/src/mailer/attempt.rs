//! One attempt at a mail, on a connection that is there or on a new one.

use super::job::Job;
use super::link::Link;
use super::wait::{beside, within};
use super::{Mailer, MailerError, MailerErrorKind, QUIT_TIME, lock};
use smtp_session::{Delivery, ErrorKind};
use std::time::{Duration, Instant};

/// How long a NOOP may take that shows that a connection is alive.
const CHECK_TIME: Duration = Duration::from_secs(10);

impl Mailer {
    /// Tries once. What became of the recipients is in `job` then. `last`: no other
    /// mail follows.
    pub(super) async fn attempt(&self, job: &mut Job, last: bool) -> Result<(), MailerError> {
        let shared = &*self.0;
        job.begin_attempt();
        let _permit = within(job.until, shared.permits.acquire()).await?;
        within(job.until, self.pace()).await?;
        let retired = lock(&shared.pool).retire(&shared.setup, Instant::now());
        // Those that are not through when the mail is are closed without a word.
        let good_byes = retired.into_iter().map(|link| link.quit(QUIT_TIME));
        beside(self.transfer(job, last), wasi_net::join_all(good_byes)).await
    }

    /// Waits for the mail's turn.
    async fn pace(&self) {
        if let Some(rate) = &self.0.rate {
            let now = Instant::now();
            let turn = lock(rate).take(now);
            wasi_net::sleep(turn - now).await;
        }
    }

    async fn transfer(&self, job: &mut Job, last: bool) -> Result<(), MailerError> {
        while let Some(link) = self.waiting().await {
            match self.send_over(link, job, last).await {
                Err(error) if is_stale(&error) && job.message.is_whole() => {}
                done => return done,
            }
        }
        let link = Link::open(&*self.0.connect, &self.0.setup, job.usage()).await?;
        self.send_over(link, job, last).await
    }

    /// A connection that waits for a mail, and is alive.
    async fn waiting(&self) -> Option<Link> {
        loop {
            let mut link = lock(&self.0.pool).take()?;
            let idle = link.used.elapsed();
            if idle < self.0.setup.limits.check_after || link.is_alive(CHECK_TIME).await {
                return Some(link);
            }
        }
    }

    async fn send_over(
        &self,
        mut link: Link,
        job: &mut Job,
        last: bool,
    ) -> Result<(), MailerError> {
        link.use_for(job.usage());
        link.mails += 1;
        let envelope = job.envelope();
        let body = match job.message.body().await {
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

/// Whether the server ended the connection before it knew of the mail.
fn is_stale(error: &MailerError) -> bool {
    let MailerErrorKind::Session(error) = error.kind() else {
        return false;
    };
    let lost = matches!(
        error.kind(),
        ErrorKind::Closed | ErrorKind::Closing(_) | ErrorKind::Io(_) | ErrorKind::Unusable
    );
    lost && error.delivery() == Delivery::NotSent
}
