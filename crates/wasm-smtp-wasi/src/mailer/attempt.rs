//! One attempt at a mail, on a connection that is there or on a new one.

use super::event::Use;
use super::job::{Job, is_of_recipients};
use super::link::Link;
use super::places::Place;
use super::wait::{beside, within};
use super::{Mailer, MailerError, MailerErrorKind, QUIT_TIME, Shared, lock};
use smtp_session::{Delivery, ErrorKind, Phase};
use std::time::{Duration, Instant};
use wasi_net::Deadline;

/// How long a NOOP may take that shows that a connection is alive.
const CHECK_TIME: Duration = Duration::from_secs(10);

/// Why a mail goes by another connection within the same attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Another {
    /// The one before was lost, with nothing sent.
    AsBefore,
    /// The one before was used for so many mails, and maybe is for no more.
    Fresh { before: u32 },
    /// BDAT is not known on it.
    WithoutBdat,
}

/// What came of a place.
enum Step {
    Done,
    /// The server takes no connection more.
    NoPlace,
}

/// An error of a mail, and what may help at once.
struct Failed {
    error: MailerError,
    another: Option<Another>,
}

impl From<MailerError> for Failed {
    fn from(error: MailerError) -> Self {
        let another = None;
        Self { error, another }
    }
}

impl Mailer {
    /// Tries once. What became of the recipients is in `job` then. `last`: no other
    /// mail follows.
    pub(super) async fn attempt(&self, job: &mut Job, last: bool) -> Result<(), MailerError> {
        job.begin_attempt();
        let mut is_paced = false;
        loop {
            self.0.logins.check(Instant::now())?;
            let place = within(job.until, self.0.places.take()).await?;
            if !std::mem::replace(&mut is_paced, true) {
                self.pace(job.until).await?;
            }
            let retired = lock(&self.0.pool).retire(&self.0.setup, Instant::now());
            // Those that are not through when the mail is are closed without a word.
            let good_byes = retired.into_iter().map(|link| link.quit(QUIT_TIME));
            // In a box, since each step of the way would copy it.
            let transfer = Box::pin(self.transfer(job, last, place));
            match beside(transfer, wasi_net::join_all(good_byes)).await? {
                Step::Done => return Ok(()),
                Step::NoPlace => {}
            }
        }
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

    /// Sends it by one connection after the other, as long as another may help.
    async fn transfer(
        &self,
        job: &mut Job,
        last: bool,
        place: Place<'_>,
    ) -> Result<Step, MailerError> {
        let mut another = Another::AsBefore;
        loop {
            let waiting = match another {
                Another::AsBefore => self.waiting(job.until).await,
                _ => None,
            };
            let link = match waiting {
                Some(link) => {
                    link.use_for(job.usage());
                    link
                }
                None => match self.open(job.usage()).await {
                    Err(error) if is_limit(&error) => {
                        let idle = lock(&self.0.pool).len();
                        return match place.give_up(idle, Instant::now()) {
                            true => Ok(Step::NoPlace),
                            false => Err(error),
                        };
                    }
                    opened => opened?,
                },
            };
            let sent = self.send_over(link, job, last).await;
            // Where the one before was refused for being full, this one shows it.
            let is_shown = match &sent {
                Ok(()) => true,
                Err(Failed { error, .. }) => is_of_recipients(error),
            };
            if let (Another::Fresh { before }, true) = (another, is_shown) {
                lock(&self.0.pool).learned.takes_in_a_session(before);
            }
            match sent {
                Ok(()) => return Ok(Step::Done),
                Err(Failed {
                    error,
                    another: why,
                }) => another = why.ok_or(error)?,
            }
            if another == Another::WithoutBdat {
                lock(&self.0.pool).learned.no_bdat = true;
            }
        }
    }

    pub(super) async fn open(&self, used: Use) -> Result<Link, MailerError> {
        let Shared {
            connect,
            setup,
            logins,
            ..
        } = &*self.0;
        logins.check(Instant::now())?;
        let learned = lock(&self.0.pool).learned;
        Link::open(&**connect, setup, logins, learned, used).await
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

    /// Sends it by this connection. What is left of a mail for very many goes at once, as
    /// long as the server takes some more of its recipients each time.
    async fn send_over(&self, mut link: Link, job: &mut Job, last: bool) -> Result<(), Failed> {
        loop {
            link.mails += 1;
            job.takes_at_once(link.session.capabilities().recipients_max());
            let envelope = job.envelope();
            let is_last = last && !job.has_more();
            let body = within(job.until, job.message.body()).await;
            let body = match body.and_then(|body| body) {
                Ok(body) => body,
                Err(error) => {
                    self.put_back(link).await;
                    return Err(error.into());
                }
            };
            let mails_max = link.mails_max(&self.0.setup, lock(&self.0.pool).learned);
            let sent = match is_last || link.mails >= mails_max {
                true => link.session.send_last(&envelope, body).await,
                false => link.session.send(&envelope, body).await,
            };
            let error = match sent {
                Ok(receipt) => {
                    link.has_carried = true;
                    link.last = job.taken(receipt);
                    let goes_on = link.session.is_usable() && link.mails < mails_max;
                    if goes_on && job.has_rest_at_once() {
                        continue;
                    }
                    self.put_back(link).await;
                    return Ok(());
                }
                Err(error) => error,
            };
            link.doubt(&error);
            if link.session.is_usable()
                && matches!(error.phase(), Phase::DataBlock | Phase::DataTermination)
            {
                link.last = job.refused();
            }
            let left = job.count_left();
            let has_news = job.failed(&error);
            let is_of_some = matches!(
                error.kind(),
                ErrorKind::NoRecipients | ErrorKind::Unsupported(_)
            );
            let is_whole = job.message.is_whole();
            let goes_on = is_whole && link.session.is_usable() && link.mails < mails_max;
            // Nobody of this transaction gets it; others wait for theirs.
            if is_of_some && goes_on && (1..left).contains(&job.count_left()) {
                continue;
            }
            let another = match is_whole {
                true => self.another(&error, &link, job, has_news),
                false => None,
            };
            let error = link.peer.error(error);
            match another {
                // It is alive, and of no use.
                Some(Another::Fresh { .. }) => link.quit(QUIT_TIME).await,
                _ => self.put_back(link).await,
            }
            return Err(Failed { error, another });
        }
    }

    /// Whether another connection may help at once; `has_news`: this one answered for a
    /// recipient that none did before.
    fn another(
        &self,
        error: &smtp_session::Error,
        link: &Link,
        job: &mut Job,
        has_news: bool,
    ) -> Option<Another> {
        let before = link.mails - 1;
        let is_lost = is_loss(error.kind()) && error.delivery() == Delivery::NotSent;
        match error.kind() {
            ErrorKind::BdatUnknown(_) if link.may_use_bdat() => Some(Another::WithoutBdat),
            ErrorKind::Refused(reply) if link.has_carried && reply.is_transient() => {
                let is_of_mail = match error.phase() {
                    Phase::Mail | Phase::DataInitiation | Phase::DataBlock => true,
                    Phase::DataTermination => link.uses_bdat(),
                    _ => false,
                };
                // Who names a time or greylists means this mail, not the session.
                let is_full = is_of_mail && self.0.setup.retry.wanted_by(reply).is_none();
                (is_full && job.may_change_for_full()).then_some(Another::Fresh { before })
            }
            ErrorKind::Closing(_) if has_news && is_lost => Some(Another::AsBefore),
            _ => (before > 0 && is_lost).then_some(Another::AsBefore),
        }
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

/// Whether the connection ended.
fn is_loss(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Closed | ErrorKind::Closing(_) | ErrorKind::Io(_) | ErrorKind::Unusable
    )
}

/// Whether the connection ended, and no mail went by it.
pub(super) fn is_lost(error: &MailerError) -> bool {
    let MailerErrorKind::Session(error) = error.kind() else {
        return false;
    };
    is_loss(error.kind()) && error.delivery() == Delivery::NotSent
}

/// Whether an error of a new connection may be for others that there are.
fn is_limit(error: &MailerError) -> bool {
    match error.kind() {
        _ if error.no_login_before().is_some() => false,
        MailerErrorKind::Connect(error) => error.is_transient(),
        MailerErrorKind::Session(error) => match error.kind() {
            ErrorKind::Refused(reply) => reply.is_transient(),
            kind => is_loss(kind),
        },
        _ => false,
    }
}
