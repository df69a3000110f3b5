//! How many connections there may be at a time: what the mailer was given, and what its
//! server turned out to take.

use super::lock;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a limit is believed at first, and at most, before one connection more is
/// tried.
const FIRST_TRY: Duration = Duration::from_secs(60);
const LAST_TRY: Duration = Duration::from_secs(60 * 60);

pub(super) struct Places {
    permits: Semaphore,
    state: Mutex<State>,
}

struct State {
    /// As many as the mailer was given.
    most: usize,
    /// As many as there are.
    all: usize,
    taken: usize,
    /// When one more is tried, and how long that was put off.
    again: Option<(Instant, Duration)>,
}

/// One mail's place. Dropping it leaves it to the next.
pub(super) struct Place<'a> {
    places: &'a Places,
    permit: Option<SemaphorePermit<'a>>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        let state = State {
            most,
            all: most,
            taken: 0,
            again: None,
        };
        Self {
            permits: Semaphore::new(most),
            state: Mutex::new(state),
        }
    }

    /// Waits for one, the first to come being the first to go.
    pub(super) async fn take(&self) -> Place<'_> {
        self.try_more(Instant::now());
        let permit = self.permits.acquire().await.ok();
        lock(&self.state).taken += 1;
        let places = self;
        Place { places, permit }
    }

    fn try_more(&self, now: Instant) {
        let mut state = lock(&self.state);
        let Some((at, after)) = state.again else {
            return;
        };
        if at <= now && state.all < state.most {
            state.all += 1;
            state.again = Some((now + after, after));
            self.permits.add_permits(1);
        }
    }
}

impl Place<'_> {
    /// Gives it up for a longer while, because the server takes no connection beside
    /// those that others use, or that are `idle`. False if there are none: then it was
    /// no limit before either, and all that was given up comes back.
    pub(super) fn give_up(mut self, idle: usize, now: Instant) -> bool {
        let mut state = lock(&self.places.state);
        if state.taken + idle == 1 {
            let back = state.most - state.all;
            (state.all, state.again) = (state.most, None);
            self.places.permits.add_permits(back);
            return false;
        }
        if state.all == 1 {
            return false;
        }
        state.all -= 1;
        let after = state.again.map_or(FIRST_TRY, |(_, after)| after * 2);
        let after = after.min(LAST_TRY);
        state.again = Some((now + after, after));
        drop(state);
        if let Some(permit) = self.permit.take() {
            permit.forget();
        }
        true
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(&self.places.state).taken -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;

    #[test]
    fn a_limit_is_learnt_and_tried_again_ever_more_rarely() {
        let places = Places::new(3);
        let start = Instant::now();
        let take = || block_on(places.take());
        let all = |places: &Places| places.permits.available_permits();
        {
            let (_first, second, third) = (take(), take(), take());
            assert!(second.give_up(0, start) && third.give_up(0, start));
            assert_eq!(all(&places), 0);
        }
        assert_eq!(all(&places), 1);
        // The last one stays.
        assert!(!take().give_up(5, start));
        assert_eq!(all(&places), 1);
        places.try_more(start + FIRST_TRY);
        assert_eq!(all(&places), 1, "the second refusal came after the first");
        places.try_more(start + 2 * FIRST_TRY);
        places.try_more(start + 2 * FIRST_TRY);
        assert_eq!(all(&places), 2);
        let mut now = start + 2 * FIRST_TRY;
        for wait in [4, 8, 16, 32, 60, 60] {
            let _other = take();
            assert!(take().give_up(0, now));
            now += wait * FIRST_TRY;
            places.try_more(now.checked_sub(Duration::from_secs(1)).expect("later"));
            assert_eq!(all(&places), 0);
            places.try_more(now);
            assert_eq!(all(&places), 1);
        }
    }

    /// As where the server is down.
    #[test]
    fn a_refusal_beside_which_nothing_works_is_no_limit() {
        let places = Places::new(3);
        let start = Instant::now();
        let take = || block_on(places.take());
        let (first, second, third) = (take(), take(), take());
        assert!(second.give_up(0, start) && third.give_up(0, start));
        assert!(!first.give_up(0, start));
        assert_eq!(places.permits.available_permits(), 3);
        assert!(!take().give_up(0, start));
        assert_eq!(places.permits.available_permits(), 3);
    }
}
