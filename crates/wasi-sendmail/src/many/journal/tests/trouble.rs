//! Torn, full and shared files.

use super::*;

#[test]
fn a_torn_end_is_cut_off_by_the_first_event_and_not_before() {
    let mut bytes = killed_after(&["a@b"], &[REFUSED]).raw();
    let whole = bytes.len();
    bytes.extend_from_slice(b"1970-01-01T00:00:00Z\tbegin\t\xc3");
    let disk = Disk::with(&bytes);
    let mut journal = disk.journal();
    assert_eq!(disk.raw(), bytes);
    journal.begin(&key("2.eml"), &["c@d"], NOW).unwrap();
    assert_eq!(disk.raw()[..whole], bytes[..whole]);
    let journal = disk.journal();
    assert_eq!(to_send(&journal, "1.eml", &["a@b"]), [0]);
    assert_eq!(to_send(&journal, "2.eml", &["c@d"]), [0; 0]);
}

#[test]
fn begin_is_on_the_disk_and_the_end_too() {
    let disk = Disk::default();
    let mut journal = disk.journal();
    journal.begin(&key("1.eml"), &["a@b"], NOW).unwrap();
    assert_eq!(disk.content.borrow().syncs, 1);
    journal.record(&key("1.eml"), "a@b", SENT, NOW).unwrap();
    assert_eq!(disk.content.borrow().syncs, 1);
    journal.finish().unwrap();
    assert_eq!(disk.content.borrow().syncs, 2);
    disk.content.borrow_mut().no_sync = true;
    assert!(journal.finish().is_err());
}

#[test]
fn a_begin_that_the_disk_does_not_confirm_is_taken_back() {
    for no_truncate in [false, true] {
        let disk = Disk::default();
        let mut journal = disk.journal();
        disk.content.borrow_mut().no_sync = true;
        disk.content.borrow_mut().no_truncate = no_truncate;
        let failure = journal.begin(&key("1.eml"), &["a@b"], NOW).unwrap_err();
        assert_eq!(failure.exit_code(), 74);
        assert!(failure.to_string().contains("no sync"), "{failure}");
        disk.content.borrow_mut().no_sync = false;
        assert!(journal.begin(&key("2.eml"), &["a@b"], NOW).is_err());
        let left = to_send(&disk.journal(), "1.eml", &["a@b"]);
        assert_eq!(left.is_empty(), no_truncate);
    }
}

#[test]
fn a_full_disk_stops_the_run_but_not_what_is_under_way() {
    for (room, no_truncate) in (0..60).flat_map(|room| [(room, false), (room, true)]) {
        let disk = killed_after(&["a@b", "c@d"], &[SENT]);
        let mut journal = disk.journal();
        journal.begin(&key("2.eml"), &["a@b", "c@d"], NOW).unwrap();
        disk.content.borrow_mut().room = Some(room);
        disk.content.borrow_mut().no_truncate = no_truncate;
        let failure = journal.begin(&key("3.eml"), &["a@b"], NOW).unwrap_err();
        assert!(failure.to_string().contains("make room"), "{failure}");
        assert!(journal.record(&key("2.eml"), "a@b", REFUSED, NOW).is_err());
        disk.journal();
        disk.content.borrow_mut().room = None;
        disk.content.borrow_mut().no_truncate = false;
        assert!(journal.begin(&key("3.eml"), &["a@b"], NOW).is_err());
        journal.record(&key("2.eml"), "c@d", SENT, NOW).unwrap();
        let journal = disk.journal();
        assert_eq!(journal.remaining(&key("2.eml"), &["a@b", "c@d"]).sent, [1]);
        assert_eq!(to_send(&journal, "2.eml", &["a@b", "c@d"]), [0; 0]);
        assert_eq!(to_send(&journal, "3.eml", &["a@b"]), [0]);
    }
}

#[test]
fn a_second_run_stops_without_a_trace_while_the_first_one_goes_on() {
    let disk = Disk::default();
    let mut first = disk.journal();
    first.begin(&key("1.eml"), &["a@b"], NOW).unwrap();
    let mut second = disk.journal();
    assert_eq!(to_send(&second, "1.eml", &["a@b"]), [0; 0]);
    first.record(&key("1.eml"), "a@b", REFUSED, NOW).unwrap();
    let before = disk.raw();
    for _ in 0..2 {
        let failure = second.begin(&key("2.eml"), &["a@b"], NOW).unwrap_err();
        assert_eq!(failure.exit_code(), 75);
        assert!(
            failure
                .to_string()
                .starts_with("another run writes the journal j"),
            "{failure}"
        );
    }
    assert!(second.record_failure(&key("2.eml"), "no", NOW).is_err());
    assert_eq!(disk.raw(), before);
    first.begin(&key("2.eml"), &["a@b"], NOW).unwrap();
}

#[test]
fn a_run_that_another_one_overtook_still_records_what_is_under_way() {
    let disk = Disk::default();
    let mut first = disk.journal();
    first.begin(&key("1.eml"), &["a@b", "c@d"], NOW).unwrap();
    let mut second = disk.journal();
    second.begin(&key("2.eml"), &["a@b"], NOW).unwrap();
    assert!(first.begin(&key("3.eml"), &["a@b"], NOW).is_err());
    first.record(&key("1.eml"), "a@b", SENT, NOW).unwrap();
    first.record(&key("1.eml"), "c@d", REFUSED, NOW).unwrap();
    second.record(&key("2.eml"), "a@b", SENT, NOW).unwrap();
    assert!(second.begin(&key("3.eml"), &["a@b"], NOW).is_err());
    let third = disk.journal();
    assert_eq!(to_send(&third, "1.eml", &["a@b", "c@d"]), [1]);
    assert_eq!(third.summary().earlier, 2);
    assert_eq!(to_send(&third, "3.eml", &["a@b"]), [0]);
}

#[test]
fn of_two_runs_that_begin_at_the_same_moment_the_later_one_stops() {
    let disk = Disk::default();
    let mut late = disk.journal();
    let other = killed_after(&["a@b"], &[]).raw();
    disk.content.borrow_mut().other = other;
    assert!(late.begin(&key("1.eml"), &["a@b"], NOW).is_err());
    assert_eq!(to_send(&disk.journal(), "1.eml", &["a@b"]), [0; 0]);
}

#[test]
fn a_torn_line_and_another_run_together_write_nothing() {
    let disk = killed_after(&["a@b"], &[]);
    let mut journal = disk.journal();
    journal.begin(&key("2.eml"), &["a@b"], NOW).unwrap();
    disk.content.borrow_mut().room = Some(1);
    disk.content.borrow_mut().no_truncate = true;
    assert!(journal.record(&key("2.eml"), "a@b", SENT, NOW).is_err());
    disk.content.borrow_mut().room = None;
    disk.content.borrow_mut().no_truncate = false;
    disk.content.borrow_mut().bytes.extend([b'x'; 500]);
    let before = disk.raw();
    assert!(journal.record(&key("2.eml"), "a@b", SENT, NOW).is_err());
    assert_eq!(disk.raw(), before);
}

#[test]
fn what_would_make_the_journal_unreadable_is_not_begun() {
    let disk = Disk::default();
    let mut journal = disk.journal();
    let names = (0..200_000).map(|n| format!("{n}@b"));
    let mut len = 0;
    let fits = names.take_while(|name| {
        len += name.len() + 1;
        len < BEGIN_LEN - 300
    });
    let mut many: Vec<String> = fits.collect();
    journal.begin(&key("1.eml"), &many, NOW).unwrap();
    let reason = "\u{202e}".repeat(501);
    journal.record_failure(&key("1.eml"), &reason, NOW).unwrap();
    assert_eq!(
        disk.journal().remaining(&key("1.eml"), &many).to_send.len(),
        many.len()
    );
    let before = disk.raw();
    many.push("x".repeat(300));
    let failure = journal.begin(&key("1.eml"), &many, NOW).unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("1.eml has too many recipients"),
        "{failure}"
    );
    assert!(disk.raw() == before);
    journal.appender = Appender::new(disk.reopened(), JOURNAL_LEN + 1, 0);
    let failure = journal.begin(&key("2.eml"), &["a@b"], NOW).unwrap_err();
    assert!(failure.to_string().contains("too long"), "{failure}");
}

// In components the host opens folders; tests/host has such runs.
#[cfg(not(target_os = "wasi"))]
#[test]
fn on_a_real_file() {
    let name = format!("wasi-sendmail-journal-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let open = || {
        Journal::open(&path)
            .map_err(|failure| failure.to_string())
            .unwrap()
    };
    let mut first = open();
    first.begin(&key("1.eml"), &["a@b", "c@d"], NOW).unwrap();
    first.record(&key("1.eml"), "a@b", REFUSED, NOW).unwrap();
    let mut second = open();
    let left = second.remaining(&key("1.eml"), &["a@b", "c@d"]);
    assert_eq!((left.to_send, left.maybe), (vec![0], vec![1]));
    second.begin(&key("1.eml"), &["a@b"], NOW).unwrap();
    assert!(first.begin(&key("2.eml"), &["a@b"], NOW).is_err());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.pop();
    std::fs::write(&path, bytes).unwrap();
    open().begin(&key("3.eml"), &["a@b"], NOW).unwrap();
    assert_eq!(open().remaining(&key("1.eml"), &["a@b"]).to_send, [0]);
    open().finish().unwrap();
    std::fs::remove_file(&path).unwrap();
    let failure = Journal::open(&path.join("none")).err().unwrap();
    assert!(
        failure.to_string().contains("with wasmtime by `--dir"),
        "{failure}"
    );
    assert!(Journal::open(&std::env::temp_dir()).is_err());
}

#[cfg(unix)]
#[test]
fn what_remembers_nothing_is_no_journal() {
    let failure = Journal::open(Path::new("/dev/null")).err().unwrap();
    assert!(failure.to_string().contains("is no file"), "{failure}");
}

#[test]
fn what_is_known_and_could_not_be_written_is_named() {
    let disk = Disk::default();
    let mut journal = disk.journal();
    let (one, two) = (key("1.eml"), key("2.eml"));
    journal.begin(&one, &["a@b", "c@d"], NOW).unwrap();
    journal.begin(&two, &["a@b", "c@d", "e@f"], NOW).unwrap();
    disk.content.borrow_mut().room = Some(0);
    assert!(journal.record(&one, "a@b", SENT, NOW).is_err());
    assert!(journal.record(&one, "c@d", REFUSED, NOW).is_err());
    assert!(journal.record(&two, "a@b", MAYBE, NOW).is_err());
    assert!(journal.record_failure(&two, "no", NOW).is_err());
    // One that can't be begun needs no word.
    let broken = key("3.eml");
    assert!(journal.record_failure(&broken, "no From", NOW).is_err());
    let expected = [
        "1.eml: sent to 1, not sent to 1",
        "2.eml: not sent to 2, in doubt for 1",
    ];
    assert_eq!(journal.summary().unwritten, expected);
    let later = disk.journal();
    assert_eq!(later.summary().unknown, ["1.eml", "2.eml"]);
}
