//! What the lines are, and what a later run makes of them.

use super::*;

#[test]
fn the_file_can_be_read_by_eye() {
    let disk = Disk::default();
    let mut journal = disk.journal();
    assert_eq!(disk.text(), "", "opening writes nothing");
    let one = Key::new("1\t.eml", b"abc");
    let all = ["a@b", "c@D", "e@f", "g@h"];
    let later = NOW + Duration::from_secs(86_400);
    journal.begin(&one, &all, NOW).unwrap();
    journal
        .record(
            &one,
            "a@b",
            Outcome::Sent {
                reply: "250 2.0.0 ok\r\nqueued\t\u{7}\\\n",
            },
            later,
        )
        .unwrap();
    journal.record(&one, "c@D", MAYBE, later).unwrap();
    journal.record(&one, "e@f", REFUSED, later).unwrap();
    let now = Outcome::Refused {
        permanent: false,
        reply: "450 later",
    };
    journal.record(&one, "g@h", now, later).unwrap();
    journal
        .record_failure(&one, "no \u{202e}From", later)
        .unwrap();
    journal.begin(&one, &["g@H", "e@f"], NOW).unwrap();
    journal.record_failure(&one, "no", later).unwrap();
    let (early, late) = ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z");
    // SHA-256 of "abc" is the first example of FIPS 180.
    let mail = "1\\t.eml\tba7816bf8f01cfea414140de5dae2223";
    let expected = format!(
        "{HEADER}\n\
         {early}\tbegin\t{mail}\ta@b\tc@D\te@f\tg@h\n\
         {late}\tsent\t{mail}\ta@b\t250 2.0.0 ok queued\\t\\u{{7}}\\\\\n\
         {late}\tmaybe\t{mail}\tc@D\ttimeout\n\
         {late}\trefused\t{mail}\te@f\tfor good\t550 no\n\
         {late}\trefused\t{mail}\tg@h\tfor now\t450 later\n\
         {late}\tfailed\t{mail}\tno \\u{{202e}}From\n\
         {early}\tbegin\t{mail}\tg@H\te@f\n\
         {late}\tfailed\t{mail}\tno\te@f\tg@h\n"
    );
    assert_eq!(disk.text(), expected);
    let found = disk.journal().remaining(&one, &all);
    let expected = Remaining {
        to_send: vec![2, 3],
        sent: vec![0],
        maybe: vec![1],
    };
    assert_eq!(found, expected);
}

#[test]
fn the_summary_counts_what_this_run_did() {
    let disk = killed_after(&["a@b", "c@d", "e@f"], &[SENT, SENT]);
    let mut journal = disk.journal();
    let (two, three) = (key("2.eml"), key("3.eml"));
    journal.begin(&two, &["a@b", "c@d", "e@f"], NOW).unwrap();
    journal.record(&two, "a@b", SENT, NOW).unwrap();
    journal.record(&two, "c@d", REFUSED, NOW).unwrap();
    journal.record(&two, "e@f", MAYBE, NOW).unwrap();
    journal.record_failure(&three, "no", NOW).unwrap();
    let summary = journal.summary();
    assert_eq!((summary.sent, summary.refused), (1, 1));
    assert_eq!((summary.failed, summary.maybe, summary.earlier), (1, 2, 2));
    assert_eq!(summary.unknown, ["1.eml", "2.eml"]);
    assert_eq!(summary.journal, "j");
}

#[test]
fn a_mail_that_is_tried_again_counts_as_it_ended() {
    let disk = Disk::default();
    let mut journal = disk.journal();
    let (one, two, all) = (key("1.eml"), key("2.eml"), ["a@b", "c@d"]);
    journal.begin(&one, &all, NOW).unwrap();
    journal.record(&one, "a@b", REFUSED, NOW).unwrap();
    journal.record_failure(&one, "no", NOW).unwrap();
    let summary = journal.summary();
    assert_eq!((summary.refused, summary.failed), (1, 1));
    assert_eq!(journal.remaining(&one, &all).to_send, [0, 1]);
    journal.begin(&one, &all, NOW).unwrap();
    journal.record(&one, "a@b", SENT, NOW).unwrap();
    journal.record(&one, "c@d", REFUSED, NOW).unwrap();
    journal.begin(&two, &["e@f", "g@h"], NOW).unwrap();
    journal.record(&two, "e@f", REFUSED, NOW).unwrap();
    journal.record(&two, "g@h", REFUSED, NOW).unwrap();
    journal.begin(&two, &["g@h"], NOW).unwrap();
    journal.record(&two, "g@h", SENT, NOW).unwrap();
    let summary = journal.summary();
    assert_eq!((summary.sent, summary.refused, summary.failed), (2, 2, 0));
}

#[test]
fn a_long_reply_is_cut() {
    let disk = killed_after(
        &["a@b"],
        &[Outcome::Sent {
            reply: &"\u{e4}".repeat(10_000),
        }],
    );
    let text = disk.text();
    let reply = text.trim_end().rsplit('\t').next().unwrap();
    assert_eq!(reply, "\u{e4}".repeat(500) + "...");
}

#[test]
fn begin_without_an_outcome_may_have_been_sent() {
    let disk = killed_after(&["a@b", "c@d", "e@f"], &[REFUSED, SENT]);
    let journal = disk.journal();
    let found = journal.remaining(&key("1.eml"), &["x@y", "e@f", "c@d", "a@b"]);
    let expected = Remaining {
        to_send: vec![0, 3],
        sent: vec![2],
        maybe: vec![1],
    };
    assert_eq!(found, expected);
    let summary = journal.summary();
    assert_eq!((summary.maybe, summary.earlier, summary.sent), (1, 1, 0));
    assert_eq!(summary.unknown, ["1.eml"]);
}

#[test]
fn a_killed_runs_recipients_stay_unknown_whatever_comes_of_others() {
    let disk = killed_after(&["a@b"], &[]);
    let mut journal = disk.journal();
    journal.begin(&key("1.eml"), &["c@d"], NOW).unwrap();
    journal.record_failure(&key("1.eml"), "no", NOW).unwrap();
    for journal in [journal, disk.journal()] {
        assert_eq!(to_send(&journal, "1.eml", &["a@b", "c@d"]), [1]);
    }
}

#[test]
fn what_is_final_stays() {
    for last in [SENT, MAYBE] {
        let disk = killed_after(&["a@b"], &[last]);
        let mut journal = disk.journal();
        journal.begin(&key("1.eml"), &["a@b"], NOW).unwrap();
        journal.record(&key("1.eml"), "a@b", REFUSED, NOW).unwrap();
        journal.record_failure(&key("1.eml"), "no", NOW).unwrap();
        journal.record(&key("1.eml"), "a@b", MAYBE, NOW).unwrap();
        for journal in [journal, disk.journal()] {
            let found = journal.remaining(&key("1.eml"), &["a@b"]);
            assert_eq!(found.to_send, [0; 0]);
            assert_eq!(found.sent.len(), usize::from(last == SENT));
        }
    }
    // The run that seemed killed was not.
    let disk = killed_after(&["a@b"], &[MAYBE, SENT]);
    let mut journal = disk.journal();
    journal.record(&key("1.eml"), "a@b", SENT, NOW).unwrap();
    assert_eq!(disk.journal().remaining(&key("1.eml"), &["a@b"]).sent, [0]);
}

#[test]
fn refused_and_failed_are_tried_again_and_may_be_sent_then() {
    let disk = killed_after(&["a@b"], &[REFUSED]);
    disk.journal()
        .record_failure(&key("2.eml"), "no", NOW)
        .unwrap();
    let mut journal = disk.journal();
    assert_eq!(to_send(&journal, "1.eml", &["a@b"]), [0]);
    assert_eq!(to_send(&journal, "2.eml", &["a@b"]), [0]);
    journal.begin(&key("1.eml"), &["a@b"], NOW).unwrap();
    assert_eq!(to_send(&disk.journal(), "1.eml", &["a@b"]), [0; 0]);
    journal.record(&key("1.eml"), "a@b", SENT, NOW).unwrap();
    assert_eq!(disk.journal().remaining(&key("1.eml"), &["a@b"]).sent, [0]);
}

#[test]
fn a_mail_is_its_name_and_its_bytes() {
    let disk = Disk::default();
    let mut journal = disk.journal();
    journal
        .begin(&Key::new("1.eml", b"a"), &["a@B.example"], NOW)
        .unwrap();
    let left = |name, raw, recipient| {
        let remaining = disk.journal().remaining(&Key::new(name, raw), &[recipient]);
        !remaining.to_send.is_empty()
    };
    assert!(!left("1.eml", b"a", "a@B.example"));
    assert!(!left("1.eml", b"a", "a@b.EXAMPLE"), "domains have no case");
    assert!(left("1.eml", b"a", "A@B.example"));
    assert!(left("1.eml", b"b", "a@B.example"));
    assert!(left("2.eml", b"a", "a@B.example"));
}

#[test]
fn what_is_no_journal_is_refused_and_left_as_it_is() {
    let event = "1970-01-01T00:00:00Z\tfailed\ta\tba7816bf8f01cfea414140de5dae2223\tno";
    for (bytes, sentence) in [
        ("From x\n".to_owned(), "j is no journal"),
        ("no line end".into(), "j is no journal"),
        ("\n".into(), "j is no journal"),
        (format!("{event}\n"), "j is no journal"),
        ("x".repeat(LINE_LEN + 1), "j is no journal"),
        (
            "wasi-sendmail journal 2\n".into(),
            "the journal j is of another version",
        ),
        (
            format!("{HEADER} \n"),
            "the journal j is of another version",
        ),
        (
            format!("{HEADER}\n\n"),
            "line 2 of the journal j is damaged",
        ),
        (
            format!("{HEADER}\n{event}\nx\n{event}\n"),
            "line 3 of the journal j is damaged",
        ),
        (
            format!("{HEADER}\n{event}\u{0}\n{}", "x".repeat(LINE_LEN + 1)),
            "line 3 of",
        ),
    ] {
        let disk = Disk::with(bytes.as_bytes());
        let found = disk.refused();
        assert!(found.starts_with(sentence), "{found}");
        assert_eq!(disk.text(), bytes);
    }
    assert!(
        Disk::with(&[HEADER.as_bytes(), b"\n\xff\n"].concat())
            .open()
            .is_err()
    );
    let fine = format!("{HEADER}\n{HEADER}\n{event}\n{}", "x".repeat(LINE_LEN));
    assert!(Disk::with(fine.as_bytes()).open().is_ok());
}

#[test]
fn a_damaged_line_is_never_taken_for_an_event() {
    let fine = "1970-01-01T00:00:00Z\tsent\ta\tba7816bf8f01cfea414140de5dae2223\ta@b\tok";
    assert!(Event::parse(fine).is_some());
    for (part, damaged) in [
        ("1970", "197"),
        ("1970", "197x"),
        ("00Z", "00"),
        ("sent", "send"),
        ("sent", "begi"),
        ("sent", "refused"),
        ("\ta\t", "\t\t"),
        ("ba78", "ba7"),
        ("ba78", "BA78"),
        ("\tok", ""),
        ("\tok", "\tok\tmore"),
    ] {
        assert!(
            Event::parse(&fine.replacen(part, damaged, 1)).is_none(),
            "{part}"
        );
    }
    let begin = "1970-01-01T00:00:00Z\tbegin\ta\tba7816bf8f01cfea414140de5dae2223";
    assert!(Event::parse(begin).is_none());
    let refused = fine
        .replace("sent", "refused")
        .replace("ok", "for ever\tok");
    assert!(Event::parse(&refused).is_none());
}
