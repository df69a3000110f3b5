//! When to try again, and how long to wait before.

use super::random;
use smtp_session::Reply;
use std::time::Duration;

/// How often a mail is tried, and how long to wait in between.
///
/// A mail is tried again only where it is certain that it was not sent, and where
/// the same may succeed later: connections that broke, replies of 4xx. Of several
/// recipients those alone are tried again that were refused for now.
///
/// Each wait is four times the one before, less a random part of up to a half, so
/// that many components do not come back at the same moment. A server that names
/// a time of up to a day, or that greylists, is waited for as long as it wants
/// (RFC 6647), if the mail has the time: see
/// [`MailerBuilder::deadline`](super::MailerBuilder::deadline).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    most: Duration,
    greylisted: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
            greylisted: Duration::from_secs(300),
        }
    }
}

/// How much longer a wait is than the one before.
const FACTOR: u32 = 4;

/// The longest that a server may name.
const HINT_MAX: u64 = 24 * 60 * 60;

impl Retry {
    /// Every mail is tried once.
    #[must_use]
    pub fn none() -> Self {
        Self::default().attempts(1)
    }

    /// How often a mail is tried in all: at least 1; 3 by default.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The first wait, and the most that a later one may be: 1 s and 60 s by
    /// default.
    #[must_use]
    pub fn wait(mut self, first: Duration, most: Duration) -> Self {
        (self.first, self.most) = (first, most);
        self
    }

    /// How long to wait where a server greylists without naming a time: 5 minutes
    /// by default, which is what most servers ask for.
    #[must_use]
    pub fn greylisted(mut self, wait: Duration) -> Self {
        self.greylisted = wait;
        self
    }

    /// The wait behind the attempt of this number, 1 for the first; `None` when
    /// it was the last. `reply` is what the server said.
    pub(super) fn after(&self, attempt: u32, reply: Option<&Reply>) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let exponent = FACTOR.saturating_pow(attempt.saturating_sub(1));
        let wait = self.first.saturating_mul(exponent).min(self.most);
        let wanted = reply.and_then(|reply| self.wanted_by(reply));
        Some(match wanted {
            // Not before, and not all at once.
            Some(wanted) => wanted.saturating_add((wanted / 8).mul_f64(fraction())),
            None => wait - (wait / 2).mul_f64(fraction()),
        })
    }

    /// What the server wants to be waited for.
    pub(super) fn wanted_by(&self, reply: &Reply) -> Option<Duration> {
        if !matches!(reply.code(), 421 | 450 | 451) {
            return None;
        }
        let text = reply.text().to_ascii_lowercase();
        let listed = [
            "greylist",
            "graylist",
            "grey-list",
            "gray-list",
            "grey list",
        ];
        let greylisted = listed.iter().any(|word| text.contains(word));
        time_in(&text).or(greylisted.then_some(self.greylisted))
    }
}

/// The time that a text in lower case names, as in `try again in 300 seconds`.
fn time_in(text: &str) -> Option<Duration> {
    let again = ["again", "retry", "come back", "wait"];
    let behind = again.iter().find_map(|word| text.split_once(word))?.1;
    let mut words = behind.split(|c: char| !c.is_ascii_alphanumeric());
    let mut before = "";
    words.find_map(|word| {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let (number, unit) = if digits.is_empty() {
            (before, word)
        } else {
            (digits, &word[digits.len()..])
        };
        before = word;
        let unit = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            _ => return None,
        };
        let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
        (1..=HINT_MAX)
            .contains(&seconds)
            .then(|| Duration::from_secs(seconds))
    })
}

/// From 0 to 1.
fn fraction() -> f64 {
    // 53 bits: what a double can hold.
    let bits = random() >> 11;
    #[allow(clippy::cast_precision_loss, reason = "it has no more than fit")]
    let fraction = bits as f64 / (1_u64 << 53) as f64;
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_up_to_the_most_and_end() {
        let retry = Retry::default()
            .attempts(5)
            .wait(SECOND, Duration::from_secs(10));
        for (attempt, most) in [(1, 1), (2, 4), (3, 10), (4, 10)] {
            let wait = retry.after(attempt, None).expect("another attempt");
            let most = Duration::from_secs(most);
            assert!(wait <= most && wait >= most / 2, "{attempt}: {wait:?}");
        }
        assert_eq!(retry.after(5, None), None);
        let ever = Retry::default().wait(Duration::MAX, Duration::MAX);
        assert!((0..100).all(|_| ever.after(1, None) >= Some(Duration::MAX / 2)));
        assert_eq!(Retry::none().after(1, None), None);
        assert_eq!(Retry::default().attempts(0), Retry::none());
        let late = retry.attempts(u32::MAX).after(u32::MAX - 1, None);
        assert!(late.is_some_and(|wait| wait <= Duration::from_secs(10)));
    }

    #[test]
    fn waits_differ() {
        let waits: Vec<_> = (0..8).map(|_| Retry::default().after(1, None)).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }

    #[test]
    fn a_time_that_a_server_names_is_found() {
        for (text, seconds) in [
            ("4.7.1 try again in 300 seconds", Some(300)),
            ("greylisted, please try again in 5 minutes", Some(300)),
            ("4.2.0 greylisted, retry in 00:05:00", None),
            ("come back in 1 hour.", Some(3600)),
            ("please wait 30s", Some(30)),
            ("retry in 120 secs", Some(120)),
            ("too many connections, try again later", None),
            ("mailbox of 5 minutes is full", None),
            ("try again in 0 seconds", None),
            ("try again in 99999999999999999999 seconds", None),
            ("try again in 40 hours", None),
        ] {
            assert_eq!(time_in(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
