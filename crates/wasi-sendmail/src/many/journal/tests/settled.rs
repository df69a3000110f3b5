//! Doubts that a person settles.

use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A run that began a mail at `NOW` is over by then.
fn later() -> SystemTime {
    NOW + HOUR
}

fn settled(mail: Option<&str>, is_sent: bool) -> Settled {
    let mail = mail.map(str::to_owned);
    Settled { mail, is_sent }
}

fn settle(
    journal: &mut Journal<Disk>,
    mail: Option<&str>,
    is_sent: bool,
) -> Result<Vec<u64>, Failure> {
    journal.settle(&[settled(mail, is_sent)], HOUR, later())
}

#[test]
fn a_doubt_that_is_settled_is_none_any_more() {
    for is_sent in [true, false] {
        let disk = killed_after(&["a@b", "c@d", "e@f"], &[SENT]);
        let mut journal = disk.journal();
        let two = key("2.eml");
        journal.begin(&two, &["a@b", "c@d"], NOW).unwrap();
        journal.record(&two, "a@b", MAYBE, NOW).unwrap();
        journal.record(&two, "c@d", REFUSED, NOW).unwrap();
        let mut journal = disk.journal();
        assert_eq!(settle(&mut journal, Some("1.eml"), is_sent).unwrap(), [1]);
        // It counts at once, and for later runs.
        for journal in [journal, disk.journal()] {
            let remaining = journal.remaining(&key("1.eml"), &["a@b", "c@d", "e@f"]);
            let (to_send, sent) = match is_sent {
                true => (vec![], vec![0, 1, 2]),
                false => (vec![1, 2], vec![0]),
            };
            assert_eq!((remaining.to_send, remaining.sent), (to_send, sent));
            assert_eq!(journal.summary().unknown, ["2.eml"]);
        }
        let mut journal = disk.journal();
        assert_eq!(settle(&mut journal, None, is_sent).unwrap(), [1]);
        assert_eq!(settle(&mut journal, None, is_sent).unwrap(), [0]);
        let summary = disk.journal().summary();
        assert_eq!((summary.maybe, summary.unknown.len()), (0, 0));
        // Who was refused still is.
        let to_send = to_send(&disk.journal(), "2.eml", &["c@d"]);
        assert_eq!(to_send, [0]);
        let how = if is_sent { "as sent" } else { "as not sent" };
        let line = format!("\tsettled\t2.eml\t{}", two.fingerprint);
        assert!(disk.text().contains(&line));
        assert_eq!(disk.text().matches(how).count(), 2);
    }
}

#[test]
fn names_are_those_of_the_report_or_of_the_files() {
    for name in ["1\t.eml", "1\\t.eml"] {
        let disk = Disk::default();
        let mut journal = disk.journal();
        journal.begin(&key("1\t.eml"), &["a@b"], NOW).unwrap();
        let mut journal = disk.journal();
        assert_eq!(journal.summary().unknown, ["1\\t.eml"]);
        assert_eq!(settle(&mut journal, Some(name), true).unwrap(), [1]);
    }
}

#[test]
fn all_is_settled_or_nothing() {
    let disk = killed_after(&["a@b"], &[]);
    let before = disk.raw();
    let all = [settled(Some("1.eml"), true), settled(Some("3.eml"), true)];
    let failure = disk.journal().settle(&all, HOUR, later()).unwrap_err();
    assert_eq!(failure.exit_code(), 64);
    assert!(
        failure.to_string().contains("has no mail 3.eml"),
        "{failure}"
    );
    assert_eq!(disk.raw(), before);
    let all = [settled(Some("1.eml"), false), settled(None, true)];
    assert_eq!(disk.journal().settle(&all, HOUR, later()).unwrap(), [1, 0]);
}

/// The run that began it may still be there, and send it beside the next one.
#[test]
fn what_was_begun_a_moment_ago_is_not_settled_as_unsent() {
    let disk = Disk::default();
    let mut journal = disk.journal();
    let begun = NOW + Duration::from_secs(3600);
    for mail in ["1.eml", "2.eml"] {
        journal.begin(&key(mail), &["a@b"], begun).unwrap();
    }
    journal.record(&key("2.eml"), "a@b", MAYBE, begun).unwrap();
    let early = begun + HOUR - Duration::from_secs(1);
    for mail in [Some("1.eml"), None] {
        let mut journal = disk.journal();
        let failure = journal
            .settle(&[settled(mail, false)], HOUR, early)
            .unwrap_err();
        assert_eq!(failure.exit_code(), 75);
        assert!(failure.to_string().contains("1.eml: wait"), "{failure}");
        assert!(failure.to_string().contains("60 minutes"), "{failure}");
    }
    // Of this one the run itself said that nobody knows; and what was sent is not sent.
    let mut journal = disk.journal();
    let two = [settled(Some("2.eml"), false), settled(Some("1.eml"), true)];
    assert_eq!(journal.settle(&two, HOUR, early).unwrap(), [1, 1]);
}

#[test]
fn a_full_disk_settles_nothing() {
    let disk = killed_after(&["a@b"], &[]);
    let mut journal = disk.journal();
    disk.content.borrow_mut().room = Some(0);
    let failure = settle(&mut journal, None, true).unwrap_err();
    assert_eq!(failure.exit_code(), 74);
    assert_eq!(disk.journal().summary().unknown, ["1.eml"]);
}

#[test]
fn nothing_is_settled_beside_a_run() {
    let disk = killed_after(&["a@b"], &[]);
    let (mut run, mut other) = (disk.journal(), disk.journal());
    run.begin(&key("2.eml"), &["a@b"], NOW).unwrap();
    assert_eq!(settle(&mut other, None, false).unwrap_err().exit_code(), 75);
    assert_eq!(to_send(&disk.journal(), "1.eml", &["a@b"]), [0; 0]);
}

// In components the host opens folders; tests/host has such runs.
#[cfg(not(target_os = "wasi"))]
#[test]
fn a_journal_that_is_not_there_is_not_made() {
    let name = format!("wasi-sendmail-none-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let failure = Journal::open_existing(&path).err().unwrap();
    assert!(failure.to_string().contains("cannot open"), "{failure}");
    assert!(!path.exists());
}
