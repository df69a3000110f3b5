//! Headers as they come: fields, addresses, what must not leave.

use super::super::Remedy;
use super::*;

const MAIL: &str = "From: Me <me@x.example>\nTo: a@b.example,\n\tc@d.example\nBcc : hidden@e.example,\n a@b.example\nSubject: s\n\nBcc: body@f.example\n";

fn read(mail: &str) -> (Option<String>, Vec<String>) {
    let read = HeaderAddresses::read(mail.as_bytes()).expect("a header");
    let (sender, recipients) = (read.sender(), read.recipients());
    let recipients = recipients.expect("recipients").into_iter();
    let sender = sender.expect("a sender").map(|address| address.to_string());
    (
        sender,
        recipients.map(|address| address.to_string()).collect(),
    )
}

fn is_whole(beginning: &[u8]) -> bool {
    let mut end = HeaderEnd::default();
    let byte_by_byte = (0..=beginning.len()).any(|len| end.is_in(&beginning[..len]));
    assert_eq!(HeaderEnd::default().is_in(beginning), byte_by_byte);
    byte_by_byte
}

#[test]
fn the_header_names_sender_and_recipients() {
    for mail in [MAIL.to_owned(), MAIL.replace('\n', "\r\n")] {
        let (sender, recipients) = read(&mail);
        assert_eq!(sender.as_deref(), Some("me@x.example"));
        assert_eq!(
            recipients,
            ["a@b.example", "c@d.example", "hidden@e.example"]
        );
    }
    let (sender, recipients) = read("From: a@b.example, c@d.example\nSender: e@f.example\n");
    assert_eq!(
        (sender.as_deref(), recipients.len()),
        (Some("e@f.example"), 0)
    );
    assert_eq!(read(""), (None, Vec::new()));
    assert_eq!(read("\nno header at all"), (None, Vec::new()));
}

#[test]
fn a_mail_that_is_sent_again_goes_to_those_it_is_sent_again_to() {
    let again = format!("Resent-From: r@s.example\nResent-To: t@u.example\n{MAIL}");
    let (sender, recipients) = read(&again);
    assert_eq!(sender.as_deref(), Some("r@s.example"));
    assert_eq!(recipients, ["t@u.example"]);
}

/// RFC 5322 section 3.6.6: they are put in front, each time anew.
#[test]
fn the_topmost_resent_fields_alone_count() {
    let last = "Resent-From: last@s.example\nResent-To: new@u.example\n";
    let first = "Resent-From: first@s.example\nResent-To: old@u.example\nResent-Cc: c@u.example\n";
    for between in [
        "",
        "Received: by x.example; Thu, 26 Nov 2026 10:00:00 +0000\n",
        "X-A: b\n",
    ] {
        let (sender, recipients) = read(&format!("{last}{between}{first}{MAIL}"));
        assert_eq!(sender.as_deref(), Some("last@s.example"), "{between}");
        assert_eq!(recipients, ["new@u.example"], "{between}");
    }
    // In another order, behind what a server put on top, and in another case.
    let turned = "RESENT-TO: new@u.example\nresent-from: last@s.example\n";
    let (sender, recipients) = read(&format!("Received: by y.example\n{turned}{first}{MAIL}"));
    assert_eq!(sender.as_deref(), Some("last@s.example"));
    assert_eq!(recipients, ["new@u.example"]);
    // One that names nobody sends nothing again.
    let (sender, recipients) = read(&format!("Resent-Date: x\n{MAIL}"));
    assert_eq!(
        (sender.as_deref(), recipients.len()),
        (Some("me@x.example"), 3)
    );
}

/// Who needs one only is not kept from it by the other.
#[test]
fn sender_and_recipients_are_read_apart() {
    let mail = "From: nobody at all\nTo: a@b.example\n\n";
    let read = HeaderAddresses::read(mail.as_bytes()).expect("a header");
    assert!(read.sender().is_err());
    assert_eq!(read.recipients().expect("recipients").len(), 1);
    let mail = "From: me@x.example\nTo: nobody at all\n\n";
    let read = HeaderAddresses::read(mail.as_bytes()).expect("a header");
    assert!(read.sender().is_ok_and(|sender| sender.is_some()));
    assert!(read.recipients().is_err());
}

#[test]
fn bcc_goes_with_all_its_lines_and_nothing_else() {
    let mut mail = format!("RESENT-BCC: x@y.example\r\n{MAIL}").into_bytes();
    remove_secrets(&mut mail).expect("a header");
    let without = MAIL.replace("Bcc : hidden@e.example,\n a@b.example\n", "");
    assert_eq!(String::from_utf8(mail).unwrap(), without);
    let mut mail = format!("From me@x.example Thu Nov 26 2026\n{MAIL}").into_bytes();
    remove_secrets(&mut mail).expect("a header");
    assert_eq!(String::from_utf8(mail).unwrap(), without);
}

#[test]
fn what_stands_in_front_of_the_header_is_no_part_of_it() {
    let rest = MAIL.replace("Bcc : hidden@e.example,\n a@b.example\n", "");
    for front in [
        "\u{feff}",
        "From me@x.example Thu Nov 26 10:00:00 2026\n>From me@x.example Thu\n",
    ] {
        let mail = format!("{front}{MAIL}");
        assert_eq!(read(&mail).1.len(), 3);
        let mut mail = mail.into_bytes();
        remove_secrets(&mut mail).expect("a header");
        assert_eq!(String::from_utf8(mail).unwrap(), rest);
    }
    // Nor is every line that begins like one a line between mails.
    for text in [
        "From : me@x.example\nTo: a@b.example\n\ntext\n",
        "From what I know,\nall is well.\n",
        "From what I know\n\nall is well.\n",
        "\u{feff}text\n",
        "Hello,\n\nBcc: is what I use\n",
    ] {
        let mut mail = text.to_owned().into_bytes();
        remove_secrets(&mut mail).expect("a header");
        assert_eq!(String::from_utf8(mail).unwrap(), text);
    }
    let (sender, _) = read("From : me@x.example\n\n");
    assert_eq!(sender.as_deref(), Some("me@x.example"));
}

fn refusal(mail: &str) -> String {
    let mut mail = mail.as_bytes().to_vec();
    let before = mail.clone();
    let refused = remove_secrets(&mut mail).expect_err("something would leave");
    assert_eq!(mail, before);
    refused.to_string()
}

/// RFC 5322 section 2.2: each line of a header is a field, or goes on with one.
#[test]
fn a_line_that_is_no_field_hides_no_bcc_and_no_recipient() {
    for (mail, line) in [
        ("To: a@b,\nc@d\nBcc: e@f\n\nBcc: text\n", 2),
        (
            "To: a@b\r\nBcc: e@f,\r\ng@h,\r\n i@j\r\nSubject: s\r\n\r\n",
            3,
        ),
        ("To: a@b\nBcc: e@f\nhidden@c\nSubject: s\n\n", 3),
        ("Bcc: friends: a@b,\n c@d;\ne@f;\n\n", 3),
        ("To: x@y\nBcc: Ann Other\n<hidden@c>\n\n", 3),
        ("Bcc: a@b\n: c@d\n\n", 2),
        ("Bcc: a@b\n\u{a0}c@d\n\n", 2),
        ("From x\nBcc: a@b\nhidden@c", 3),
        ("\u{feff}Bcc: a@b\nhidden@c\n", 2),
    ] {
        for mail in [mail, &mail.replace("\r\n", "\n").replace('\n', "\r\n")] {
            let error = HeaderAddresses::read(mail.as_bytes()).expect_err(mail);
            let expected = format!("line {line} of the mail is no field of its header: ");
            assert!(error.to_string().starts_with(&expected), "{error}");
            let why = refusal(mail);
            assert!(why.starts_with(&format!("line {line} ")), "{mail}: {why}");
        }
    }
    // Where nothing is taken out or read it is a mail all the same, as Postfix has it.
    let mail = "To: a@b.example\nno field\nX-To: x\n\nTo: c@d.example\n";
    let mut same = mail.as_bytes().to_vec();
    remove_secrets(&mut same).expect("it has no secrets");
    assert_eq!(same, mail.as_bytes());
    assert!(HeaderAddresses::read(mail.as_bytes()).is_err());
}

/// What a person sees as Bcc goes to nobody who is not meant to see it.
#[test]
fn a_bcc_that_is_seen_as_none_does_not_leave() {
    for (front, line) in [
        ("1234\n", 3),
        (" ", 2),
        ("\u{feff}\u{feff}", 2),
        ("FROM a@b Mon Nov 30 2026\n", 3),
        ("From x\nfrom a\n", 4),
        ("\n", 0),
    ] {
        let mail = format!("{front}To: a@b\nBcc: hidden@c\n\ntext\n");
        match line {
            0 => remove_secrets(&mut mail.into_bytes()).expect("it is text"),
            _ => {
                let expected = format!("line {line} of the mail reads as a Bcc field");
                assert!(refusal(&mail).starts_with(&expected), "{mail}");
            }
        }
    }
    for bcc in [
        "\u{200b}Bcc: ",
        "B\u{ad}cc: ",
        "Bcc\u{a0}: ",
        "B c c : ",
        "\tBCC:",
        "resent-bcc\u{2060}:",
        "X: a\rBcc: ",
        "\u{feff}X: a\rBcc: ",
        "B\rcc\r:",
    ] {
        for mail in [
            format!("To: a@b\n{bcc}hidden@c\n\n"),
            format!("{bcc}hidden@c\n"),
            format!("Bcc: c@d\nTo: a@b\n{bcc}hidden@c"),
        ] {
            assert!(refusal(&mail).starts_with("line "), "{mail:?}");
        }
    }
    for mail in [
        "X-Bcc: a\nSubject: Bcc is what I use\n b c\n\nBcc: text\n",
        "Hello,\n>Bcc: a@b\n",
        "DKIM-Signature: v=1; h=from:to:cc:\n\tbcc:subject:date; b=x\nTo: a@b\n\n",
    ] {
        let mut same = mail.as_bytes().to_vec();
        remove_secrets(&mut same).expect("nothing reads so");
        assert_eq!(same, mail.as_bytes());
    }
    // One over several lines goes whole, whatever stands in them.
    let mut mail = b"Bcc: a@b,\n Bcc: c@d\n\tBcc:\nTo: x@y\n\n".to_vec();
    remove_secrets(&mut mail).expect("a field");
    assert_eq!(mail, b"To: x@y\n\n");
}

#[test]
fn a_mail_that_begins_with_text_names_no_sender_and_no_recipient() {
    for mail in [
        "no header at all",
        "no header\nTo: a@b.example\n\n",
        " To: a@b\n",
    ] {
        let read = HeaderAddresses::read(mail.as_bytes()).expect("it is text");
        assert_eq!(read.sender().expect("none"), None);
        let error = read.recipients().expect_err("no recipients");
        assert!(
            error
                .to_string()
                .starts_with("line 1 of the mail is no field"),
            "{error}"
        );
    }
}

#[test]
fn each_recipient_is_named_once_however_many_there_are() {
    let (_, recipients) = read("To: A@b.example\nCc: A@B.EXAMPLE, a@b.example\n\n");
    assert_eq!(recipients, ["A@b.example", "a@b.example"]);
    let fields: String = (0..40_000)
        .map(|number| format!("Bcc: {number}@b.example\n"))
        .collect();
    let mail = format!("{fields}Subject: s\n\n{}", "text\n".repeat(100_000));
    let start = std::time::Instant::now();
    assert_eq!(read(&mail).1.len(), 40_000);
    let mut mail = mail.into_bytes();
    remove_secrets(&mut mail).expect("a header");
    assert!(mail.starts_with(b"Subject"));
    let mut end = HeaderEnd::default();
    let long = "x: ".to_owned() + &"x".repeat(MAX_LEN);
    for len in 0..long.len() {
        assert!(!end.is_in(&long.as_bytes()[..len]));
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn a_header_is_whole_once_the_line_behind_it_is() {
    let end = MAIL.find("\n\n").unwrap() + 2;
    for len in 0..MAIL.len() {
        assert_eq!(is_whole(&MAIL.as_bytes()[..len]), len >= end, "{len}");
    }
    for (beginning, whole) in [
        ("To: a@b.example\nno field\n", false),
        ("To: a@b.example\nno field\n\r\n", true),
        ("no field\nTo: a@b\n", false),
        ("From a@b Thu\n", false),
        ("\u{feff}From a@b Thu\nTo: a@b\n", false),
        ("\n", true),
        ("\r\n", true),
    ] {
        assert_eq!(is_whole(beginning.as_bytes()), whole, "{beginning}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_by_its_field() {
    for (mail, why) in [
        ("To: a@b.example c@d.example\n", "the To field has words"),
        ("CC: root\n", "the CC field has"),
        (
            "Bcc: a@b..example\n",
            "the Bcc field is wrong in place 1: the domain of an address",
        ),
        ("From: <>\n", "the From field has"),
        ("To: a@b\rBcc: c@d\n\n", "the To field has"),
    ] {
        let read = HeaderAddresses::read(mail.as_bytes()).expect("a header");
        let error = read.sender().and(read.recipients()).unwrap_err();
        assert!(error.to_string().starts_with(why), "{error}");
    }
}

#[test]
fn senders_without_a_domain_are_completed_and_the_rest_stays() {
    let mail = b"From: \"(Cron\r\n Daemon)\" <root>\r\nX: J\xf6\r\nSender : J\xf6 <a>, b@c.example\r\nTo: root\r\nResent-From: d,\r\n\te (f)\r\n\r\nFrom: g\r\n";
    let mut completed = mail.to_vec();
    complete_senders(&mut completed, "x.example");
    let expected = b"From: \"(Cron\r\n Daemon)\" <root@x.example>\r\nX: J\xf6\r\nSender : J\xf6 <a@x.example>, b@c.example\r\nTo: root\r\nResent-From: d@x.example,\r\n\te@x.example (f)\r\n\r\nFrom: g\r\n";
    assert_eq!(
        completed.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    complete_senders(&mut completed, "y.example");
    assert_eq!(completed, expected);
    for mail in [
        "From: Ann Other\n\n",
        "From: <root\n\n",
        "no header \u{f6}",
        "",
    ] {
        let mut same = mail.as_bytes().to_vec();
        complete_senders(&mut same, "x.example");
        assert_eq!(same, mail.as_bytes());
    }
}

#[test]
fn a_domain_completes_what_the_envelope_takes() {
    let mail = b"From: root\nTo: admin, a@b.example\nBcc: ann\n\n";
    let read = HeaderAddresses::read(mail).expect("a header");
    let error = read.recipients().expect_err("no domain");
    assert_eq!(
        error.to_string(),
        "the To field has no full address in place 1: write name@domain"
    );
    assert_eq!(error.remedy(), Some(&Remedy::FullAddress));
    let read = read.domain("x.example");
    assert_eq!(
        read.sender().expect("a sender").expect("one").as_str(),
        "root@x.example"
    );
    let recipients = read.recipients().expect("recipients");
    let recipients: Vec<_> = recipients.iter().map(Address::as_str).collect();
    assert_eq!(
        recipients,
        ["admin@x.example", "a@b.example", "ann@x.example"]
    );
}
