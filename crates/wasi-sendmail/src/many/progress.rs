//! How far a run or a long mail is, as one line on a terminal that is drawn over and over.
//!
//! Plain ASCII and no escape sequences: the line goes back by a carriage return and
//! covers what stood there with spaces. It has at most 79 characters, since a
//! component can't ask how wide the terminal is. Neither addresses nor mails are in
//! it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// What a run has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) mails: u64,
    pub(crate) bytes: u64,
}

/// How a mail left the run's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// The server took it for every recipient.
    Sent,
    /// For some recipients it was refused, has failed, or may or may not be sent.
    Trouble,
    /// Nothing was left to send, since earlier runs did. Says nothing about the
    /// speed.
    Earlier,
}

/// The line on the terminal. Write errors are not its matter: who can't see it
/// still gets the mails sent.
#[derive(Debug)]
pub(crate) struct Progress {
    /// It is a terminal.
    shown: bool,
    all: Amount,
    done: Amount,
    /// Of `done`, what was this run's work.
    worked: Amount,
    troubles: u64,
    started: Instant,
    drawn: Option<Instant>,
    /// The characters of the line that stands there.
    width: usize,
}

/// Between two drawings.
const PAUSE: Duration = Duration::from_millis(100);

/// The most characters: a last column left free keeps terminals from wrapping.
const WIDTH: usize = 79;

/// The most characters of the bar, without its ends.
const BAR_WIDTH: usize = 24;

/// With fewer there is none.
const LEAST_BAR_WIDTH: usize = 5;

impl Progress {
    /// `terminal` is whether the line has somebody to see it; otherwise nothing is
    /// ever written.
    pub(crate) fn new(terminal: bool, all: Amount, now: Instant) -> Self {
        Self {
            shown: terminal,
            all,
            done: Amount::default(),
            worked: Amount::default(),
            troubles: 0,
            started: now,
            drawn: None,
            width: 0,
        }
    }

    /// Counts a mail of `bytes` bytes. The next `draw` shows it.
    pub(crate) fn count(&mut self, done: Done, bytes: u64) {
        self.done.add(bytes);
        if done != Done::Earlier {
            self.worked.add(bytes);
        }
        self.troubles += u64::from(done == Done::Trouble);
    }

    /// So much of the only mail is out.
    pub(crate) fn reach(&mut self, bytes: u64) {
        self.done.bytes = bytes.min(self.all.bytes);
    }

    /// How many mails were not counted yet.
    pub(crate) fn left(&self) -> u64 {
        self.all.mails.saturating_sub(self.done.mails)
    }

    /// Draws the line, unless it was drawn less than a tenth of a second ago.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub(crate) fn draw(&mut self, now: Instant, out: &mut impl Write) -> io::Result<()> {
        let early = |drawn| now.saturating_duration_since(drawn) < PAUSE;
        if !self.shown || self.drawn.is_some_and(early) {
            return Ok(());
        }
        self.drawn = Some(now);
        let line = self.line(now);
        let covered = self.width;
        self.width = line.len();
        write!(out, "\r{line:covered$}")?;
        out.flush()
    }

    /// Takes the line away, so that something else can be written there. The next
    /// `draw` brings it back.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub(crate) fn clear(&mut self, out: &mut impl Write) -> io::Result<()> {
        let covered = std::mem::take(&mut self.width);
        self.drawn = None;
        if covered > 0 {
            write!(out, "\r{:covered$}\r", "")?;
        }
        out.flush()
    }

    fn line(&self, now: Instant) -> String {
        let elapsed = now.saturating_duration_since(self.started).as_secs_f64();
        let (all, done, worked) = (self.all, self.done, self.worked);
        let mut text = format!(
            "{}/{} mails  {}/{}",
            done.mails,
            all.mails,
            size(done.bytes),
            size(all.bytes)
        );
        if worked.mails > 0 && elapsed > 0.0 {
            #[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
            let speed = worked.mails as f64 / elapsed;
            // Small mails take their round trips and large ones their bytes: the
            // slower of both is the time to wait.
            let left = time_left(elapsed, worked.mails, done.mails, all.mails).max(time_left(
                elapsed,
                worked.bytes,
                done.bytes,
                all.bytes,
            ));
            let _ = write!(text, "  {speed:.1}/s  {} left", duration(left));
        }
        if self.troubles > 0 {
            let _ = write!(text, "  {} failed", self.troubles);
        }
        let room = WIDTH.saturating_sub(text.len() + "[] ".len());
        let mut line = if room < LEAST_BAR_WIDTH {
            text
        } else {
            format!("{} {text}", self.bar(room.min(BAR_WIDTH)))
        };
        line.truncate(WIDTH);
        line
    }

    fn bar(&self, width: usize) -> String {
        let (done, all) = match self.all.mails {
            1 => (self.done.bytes, self.all.bytes),
            all => (self.done.mails, all),
        };
        let full = u128::from(done) * width as u128 / u128::from(all.max(1));
        let full = usize::try_from(full).unwrap_or(width).min(width);
        format!("[{:<width$}]", "=".repeat(full))
    }
}

impl Amount {
    pub(super) fn add(&mut self, bytes: u64) {
        self.mails += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The seconds until `all` is done, if `worked` took `elapsed` seconds.
#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
fn time_left(elapsed: f64, worked: u64, done: u64, all: u64) -> f64 {
    elapsed * all.saturating_sub(done) as f64 / worked.max(1) as f64
}

/// `12.3 MB`: decimal units, as mail servers' limits and disks have them.
fn size(bytes: u64) -> String {
    let mut unit = 1_000;
    let mut names = ["kB", "MB", "GB"].into_iter();
    let name = loop {
        // What would be rounded to 1000.0 is one of the next.
        match names.next() {
            Some(name) if bytes < unit * 1_000 - unit / 20 => break name,
            Some(_) => unit *= 1_000,
            None => break "TB",
        }
    };
    let (whole, rest) = (bytes / unit, bytes % unit);
    let tenths = whole * 10 + (rest + unit / 20) / (unit / 10);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// `0:05`, `12:34`, `1:23:45`, `> 99 h`.
fn duration(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).map_or(u64::MAX, |d| d.as_secs());
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        1..=99 => format!("{hours}:{minutes:02}:{seconds:02}"),
        _ => "> 99 h".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Run {
        progress: Progress,
        start: Instant,
    }

    impl Run {
        fn of(mails: u64, bytes: u64) -> Self {
            let start = Instant::now();
            let progress = Progress::new(true, Amount { mails, bytes }, start);
            Self { progress, start }
        }

        fn drawn(&mut self, millis: u64) -> String {
            let mut out = Vec::new();
            let now = self.start + Duration::from_millis(millis);
            self.progress.draw(now, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        }
    }

    #[test]
    fn the_only_mail_is_shown_by_its_bytes() {
        let start = Instant::now();
        let all = Amount {
            mails: 1,
            bytes: 20_000_000,
        };
        let mut progress = Progress::new(true, all, start);
        for (octets, full, shown) in [
            (0, 0, "0/1 mails  0.0 kB/20.0 MB"),
            (10_000_000, 12, "0/1 mails  10.0 MB/20.0 MB"),
            // Commands are among them.
            (20_001_000, 24, "0/1 mails  20.0 MB/20.0 MB"),
        ] {
            progress.reach(octets);
            let line = progress.line(start);
            assert_eq!(line.matches('=').count(), full, "{line}");
            assert!(line.ends_with(shown), "{line}");
        }
    }

    #[test]
    fn the_line_says_how_far_and_how_long() {
        let mut run = Run::of(8, 8_000);
        assert_eq!(
            run.drawn(0),
            "\r[                        ] 0/8 mails  0.0 kB/8.0 kB"
        );
        run.progress.count(Done::Sent, 1_000);
        run.progress.count(Done::Trouble, 1_000);
        assert_eq!(
            run.drawn(4_000),
            "\r[======                  ] 2/8 mails  2.0 kB/8.0 kB  0.5/s  0:12 left  1 failed"
        );
        for _ in 0..6 {
            run.progress.count(Done::Sent, 1_000);
        }
        assert_eq!(
            run.drawn(8_000),
            "\r[========================] 8/8 mails  8.0 kB/8.0 kB  1.0/s  0:00 left  1 failed"
        );
    }

    #[test]
    fn mails_and_bytes_say_how_long_and_the_slower_counts() {
        let mut run = Run::of(4, 10_000);
        run.progress.count(Done::Sent, 1_000);
        assert!(run.drawn(1_000).contains("  0:09 left"), "by bytes");
        run.progress.count(Done::Sent, 7_000);
        assert!(run.drawn(2_000).contains("  0:02 left"), "by mails");
    }

    #[test]
    fn what_earlier_runs_sent_does_not_make_this_one_look_fast() {
        let mut run = Run::of(12, 12_000);
        for _ in 0..8 {
            run.progress.count(Done::Earlier, 1_000);
        }
        assert!(run.drawn(1_000).ends_with("8/12 mails  8.0 kB/12.0 kB"));
        run.progress.count(Done::Sent, 1_000);
        assert!(
            run.drawn(2_000)
                .ends_with("9.0 kB/12.0 kB  0.5/s  0:06 left")
        );
    }

    #[test]
    fn it_is_drawn_ten_times_a_second_at_most() {
        let mut run = Run::of(1_000, 0);
        let drawn = (0..2_000).filter(|at| !run.drawn(*at).is_empty());
        assert_eq!(
            drawn.collect::<Vec<_>>(),
            (0..20).map(|n| n * 100).collect::<Vec<_>>()
        );
        assert_eq!(run.drawn(500), "", "a clock that goes back");
    }

    #[test]
    fn a_shorter_line_covers_a_longer_one() {
        let mut run = Run::of(100, 0);
        run.progress.count(Done::Sent, 999);
        let long = run.drawn(100_000_000);
        run.progress.started += Duration::from_secs(100_000);
        let short = run.drawn(100_001_000);
        assert!(short.trim_end().len() < long.len(), "{short} {long}");
        assert_eq!(short.len(), long.len());
    }

    #[test]
    fn it_goes_away_and_comes_back() {
        let mut run = Run::of(1, 0);
        let line = run.drawn(0);
        let mut out = Vec::new();
        run.progress.clear(&mut out).unwrap();
        run.progress.clear(&mut out).unwrap();
        let spaces = " ".repeat(line.len() - 1);
        assert_eq!(String::from_utf8(out).unwrap(), format!("\r{spaces}\r"));
        assert_eq!(run.drawn(1), line);
    }

    #[test]
    fn without_a_terminal_nothing_is_written() {
        let now = Instant::now();
        let mut progress = Progress::new(false, Amount { mails: 1, bytes: 1 }, now);
        let mut out = Vec::new();
        progress.draw(now, &mut out).unwrap();
        progress.count(Done::Trouble, 1);
        progress.draw(now + PAUSE, &mut out).unwrap();
        progress.clear(&mut out).unwrap();
        assert_eq!(out, b"");
    }

    #[test]
    fn no_numbers_make_it_too_wide() {
        for mails in [0, 1, 1_000, 1_000_000, 1_000_000_000, u64::MAX] {
            let mut run = Run::of(mails, u64::MAX);
            run.progress.count(Done::Trouble, u64::MAX);
            run.progress.count(Done::Sent, 1 << 63);
            for millis in [0, 200, 1_000_000, 1_000_000_000_000] {
                let line = run.drawn(millis);
                assert!(line.len() <= 1 + WIDTH && line.is_ascii(), "{line}");
                assert!(!line.contains("[]"), "{line}");
                assert!(line.contains("18446744.1 TB/18446744.1 TB"), "{line}");
            }
            run.progress.done.mails = u64::MAX;
            assert!(run.drawn(2_000_000_000_000).len() <= 1 + WIDTH);
        }
    }

    #[test]
    fn sizes_and_durations_have_few_digits() {
        for (bytes, text) in [
            (0, "0.0 kB"),
            (49, "0.0 kB"),
            (50, "0.1 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (12_345_678, "12.3 MB"),
            (5_000_000_000, "5.0 GB"),
            (1_500_000_000_000, "1.5 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (seconds, text) in [
            (0.9, "0:00"),
            (65.0, "1:05"),
            (3_600.0, "1:00:00"),
            (359_999.0, "99:59:59"),
            (360_000.0, "> 99 h"),
            (f64::INFINITY, "> 99 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
