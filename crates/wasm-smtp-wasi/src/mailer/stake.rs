//! Mails of which the server was given the end, and that come into doubt by what it says
//! later on the same connection: one reply too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by a connection, as long as the mail is the last one there, and by the mail,
/// as long as its outcome was not told.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    pub(super) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it is there, or may come.
    fn is_alive(&self) -> bool {
        self.is_raised() || Arc::strong_count(&self.0) > 1
    }
}

/// A transaction of a mail.
pub(super) struct Stake {
    doubt: Doubt,
    /// Whom it was for.
    pub(super) places: Vec<usize>,
    /// The place of its receipt, where it has one.
    pub(super) receipt: Option<usize>,
}

/// Those of one mail.
#[derive(Default)]
pub(super) struct Stakes(Vec<Stake>);

impl Stakes {
    /// Takes note of one, for its connection to doubt it.
    pub(super) fn add(&mut self, places: Vec<usize>, receipt: Option<usize>) -> Doubt {
        let doubt = Doubt::default();
        self.0.retain(|stake| stake.doubt.is_alive());
        self.0.push(Stake {
            doubt: doubt.clone(),
            places,
            receipt,
        });
        doubt
    }

    /// Takes those out that are doubtful now.
    pub(super) fn doubtful(&mut self) -> impl Iterator<Item = Stake> {
        self.0.extract_if(.., |stake| stake.doubt.is_raised())
    }

    /// What may still make them doubtful.
    pub(super) fn doubts(&self) -> Vec<Doubt> {
        self.0.iter().map(|stake| stake.doubt.clone()).collect()
    }

    /// Those of a mail that was given back, for `len` recipients.
    pub(super) fn of(doubts: Vec<Doubt>, len: usize) -> Self {
        let stake = |doubt| Stake {
            doubt,
            places: (0..len).collect(),
            receipt: None,
        };
        Self(doubts.into_iter().map(stake).collect())
    }
}
