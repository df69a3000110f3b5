//! Any run, ended at any byte.

use super::*;
use proptest::prelude::*;

/// Something a run does to mail `.0` and, if it is about one, recipient `.1`.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Begins the mail for those of the recipients (a set of bits) that are left.
    Begin(usize, u8),
    Sent(usize, usize),
    Maybe(usize, usize),
    Refused(usize, usize),
    Failed(usize),
    /// The run is killed and another one started.
    Kill,
}

const RECIPIENTS: [&str; 3] = ["a@b", "\"c\\ \t\"@d", "e@f"];
const NAMES: [&str; 3] = ["1.eml", "2.eml", "mbox:1"];

fn step() -> impl Strategy<Value = Step> {
    let (mail, recipient) = (0..NAMES.len(), 0..RECIPIENTS.len());
    let both = (mail.clone(), recipient);
    prop_oneof![
        4 => (mail.clone(), 1..8_u8).prop_map(|(m, set)| Step::Begin(m, set)),
        3 => both.clone().prop_map(|(m, r)| Step::Sent(m, r)),
        2 => both.clone().prop_map(|(m, r)| Step::Maybe(m, r)),
        3 => both.prop_map(|(m, r)| Step::Refused(m, r)),
        2 => mail.prop_map(Step::Failed),
        1 => Just(Step::Kill),
    ]
}

/// What the server and the run know of one mail and recipient.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Truth {
    SurelyNot,
    /// The server has it, or may have it.
    Possibly,
}

type Truths = [[Truth; RECIPIENTS.len()]; NAMES.len()];

/// Runs the steps as the sending part would, each only where it can happen. Returns
/// the truth after each event, with the length of the file at that time. `room`
/// is the bytes that fit the disk.
fn run(disk: &Disk, steps: &[Step], room: Option<usize>) -> Vec<(usize, Truths)> {
    let mut journal = disk.journal();
    disk.content.borrow_mut().room = room;
    let mut truths = [[Truth::SurelyNot; RECIPIENTS.len()]; NAMES.len()];
    let mut open = [[false; RECIPIENTS.len()]; NAMES.len()];
    let mut all = vec![(0, truths)];
    for step in steps {
        match *step {
            Step::Begin(m, set) => {
                let left = to_send(&journal, NAMES[m], &RECIPIENTS);
                let chosen: Vec<usize> = left.into_iter().filter(|r| set >> r & 1 == 1).collect();
                let names: Vec<&str> = chosen.iter().map(|&r| RECIPIENTS[r]).collect();
                let under_way = open[m].contains(&true);
                let begins = !under_way && !chosen.is_empty();
                if begins && journal.begin(&key(NAMES[m]), &names, NOW).is_ok() {
                    for r in chosen {
                        (truths[m][r], open[m][r]) = (Truth::Possibly, true);
                    }
                }
            }
            Step::Sent(m, r) | Step::Maybe(m, r) | Step::Refused(m, r) => {
                if !std::mem::take(&mut open[m][r]) {
                    continue;
                }
                let outcome = match step {
                    Step::Sent(..) => SENT,
                    Step::Maybe(..) => MAYBE,
                    _ => REFUSED,
                };
                if outcome == REFUSED {
                    truths[m][r] = Truth::SurelyNot;
                }
                let _ = journal.record(&key(NAMES[m]), RECIPIENTS[r], outcome, NOW);
            }
            Step::Failed(m) => {
                for (truth, open) in truths[m].iter_mut().zip(&mut open[m]) {
                    if std::mem::take(open) {
                        *truth = Truth::SurelyNot;
                    }
                }
                let _ = journal.record_failure(&key(NAMES[m]), "no", NOW);
            }
            Step::Kill => {
                journal = disk.journal();
                open = Default::default();
            }
        }
        all.push((disk.raw().len(), truths));
    }
    all
}

fn left(journal: &Journal<Disk>, m: usize, r: usize) -> Truth {
    let remaining = journal.remaining(&key(NAMES[m]), &RECIPIENTS);
    if remaining.to_send.contains(&r) {
        Truth::SurelyNot
    } else {
        Truth::Possibly
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A run killed while it writes leaves the events before, and a torn one.
    #[test]
    fn cut_at_any_byte_nothing_is_sent_twice_or_lost(
        steps in prop::collection::vec(step(), 0..24),
    ) {
        let disk = Disk::default();
        let all = run(&disk, &steps, None);
        let bytes = disk.raw();
        for cut in 0..=bytes.len() {
            let (_, truths) = all.iter().rfind(|(len, _)| *len <= cut).unwrap();
            let journal = Disk::with(&bytes[..cut]).journal();
            for (m, mail) in truths.iter().enumerate() {
                for (r, truth) in mail.iter().enumerate() {
                    prop_assert_eq!(left(&journal, m, r), *truth, "{} {} {}", cut, m, r);
                }
            }
        }
    }

    /// A disk that becomes full loses what came out of mails, and room made for it
    /// does not make it unreadable.
    #[test]
    fn whatever_fits_the_disk_nothing_is_sent_twice(
        steps in prop::collection::vec(step(), 0..24),
        more in prop::collection::vec(step(), 0..12),
        room in 0..2000_usize,
        no_truncate in any::<bool>(),
    ) {
        let disk = Disk::default();
        disk.content.borrow_mut().no_truncate = no_truncate;
        let (_, truths) = *run(&disk, &steps, Some(room)).last().unwrap();
        disk.content.borrow_mut().no_truncate = false;
        let journal = disk.journal();
        for (m, mail) in truths.iter().enumerate() {
            for (r, truth) in mail.iter().enumerate() {
                if *truth == Truth::Possibly {
                    prop_assert_eq!(left(&journal, m, r), Truth::Possibly, "{} {}", m, r);
                }
            }
        }
        run(&disk, &more, None);
        disk.journal();
    }

    #[test]
    fn no_text_makes_a_line_that_is_not_read_back(text in any::<String>(), permanent in any::<bool>()) {
        let key = Key::new(&format!("x{text}"), b"");
        let (recipient, reply) = (&escape(&text), &one_line(&text));
        let event = Event::of(&key, What::Refused { recipient, permanent, reply });
        let line = event.line("1970-01-01T00:00:00Z");
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert!(!line.trim_end_matches('\n').replace('\t', "").contains(char::is_control));
        let read = Event::parse(line.strip_suffix('\n').unwrap());
        prop_assert!(read == Some(event));
    }
}
