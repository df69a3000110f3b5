//! Mails before and after, read by a MIME parser.

use super::*;
use mail_parser::Message;

fn to(mail: &[u8], eight_bit: bool) -> Result<Option<Vec<u8>>, BodyError> {
    let form = Form::default();
    reencode(mail, Limits { form, eight_bit })
}

fn seven_bit(mail: &[u8]) -> Vec<u8> {
    let changed = to(mail, false).expect("it can be");
    let changed = changed.unwrap_or_else(|| mail.to_vec());
    assert!(changed.is_ascii());
    changed
}

/// What arrives of the text of a mail, with line breaks of one kind.
fn text(mail: &[u8]) -> String {
    match &parse(mail).parts[0].body {
        PartType::Text(text) | PartType::Html(text) => text.replace("\r\n", "\n"),
        body => panic!("{body:?}"),
    }
}

fn parse(mail: &[u8]) -> Message<'_> {
    MessageParser::new().parse(mail).expect("a mail")
}

#[test]
fn ascii_stays_byte_for_byte() {
    for mail in [
        &b""[..],
        b"Subject: x\r\n\r\nhello\r\n",
        b"no header at all",
    ] {
        assert_eq!(seven_bit(mail), mail);
    }
}

#[test]
fn text_becomes_quoted_printable() {
    for (name, encoding) in [
        ("without MIME", ""),
        (
            "8bit",
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
        ),
        (
            "no encoding named",
            "MIME-Version: 1.0\r\nContent-Type: text/html;\r\n charset=utf-8\r\n",
        ),
    ] {
        let text = "Gr\u{fc}\u{df}e = \u{20ac}\r\n.\r\nend\r\n";
        let mail = format!("Subject: x\r\n{encoding}\r\n{text}");
        let changed = seven_bit(mail.as_bytes());
        let shown = String::from_utf8_lossy(&changed).into_owned();
        assert_eq!(
            shown.matches("quoted-printable").count(),
            1,
            "{name}: {shown}"
        );
        assert_eq!(shown.matches("8bit").count(), 0, "{name}");
        assert_eq!(shown.matches("MIME-Version").count(), 1, "{name}");
        assert!(shown.contains("Subject: x\r\n"), "{name}");
        let message = parse(&changed);
        assert_eq!(message.subject(), Some("x"), "{name}");
        let (PartType::Text(body) | PartType::Html(body)) = &message.parts[0].body else {
            panic!("{name}: {:?}", message.parts[0].body)
        };
        assert_eq!(
            body.replace("\r\n", "\n"),
            text.replace("\r\n", "\n"),
            "{name}"
        );
    }
}

const MIXED: &str = "MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=\"b\"\r\n\
Content-Transfer-Encoding: 8bit\r\n\
\r\n\
--b\r\n\
Content-Type: text/plain; charset=utf-8\r\n\
\r\n\
f\u{fc}r\r\n\
--b\r\n\
Content-Type: application/x-any\r\n\
Content-Transfer-Encoding: binary\r\n\
\r\n\
bin\u{e4}r\r\n\
--b\r\n\
Content-Type: text/plain\r\n\
\r\n\
plain\r\n\
--b--\r\n";

#[test]
fn each_part_gets_the_encoding_that_it_needs() {
    let changed = seven_bit(MIXED.as_bytes());
    let message = parse(&changed);
    let kinds: Vec<_> = message.parts.iter().map(|part| part.encoding).collect();
    assert_eq!(
        kinds,
        [
            Encoding::None,
            Encoding::QuotedPrintable,
            Encoding::Base64,
            Encoding::None
        ]
    );
    assert_eq!(
        message.body_text(0).as_deref().map(str::trim_end),
        Some("f\u{fc}r")
    );
    let PartType::Binary(data) = &message.parts[2].body else {
        panic!("not binary")
    };
    assert!(data.starts_with("bin\u{e4}r".as_bytes()));
    let shown = String::from_utf8_lossy(&changed);
    assert!(
        shown.contains("Content-Transfer-Encoding: 7bit\r\n"),
        "{shown}"
    );
    assert!(shown.ends_with("plain\r\n--b--\r\n"));
}

#[test]
fn a_mail_within_a_mail_is_changed_inside() {
    let outer = "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    let changed = seven_bit(format!("{outer}{MIXED}").as_bytes());
    let shown = String::from_utf8_lossy(&changed);
    assert!(shown.starts_with("MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"), "{shown}");
    assert!(shown.contains("quoted-printable") && shown.contains("base64"));
}

/// What cron jobs print.
#[test]
fn long_lines_and_progress_bars_arrive_as_they_were() {
    let long = "x".repeat(5000);
    let bars = " 10%\r 50%\r100% done\r\r\nend = \r \r";
    let html = format!("<p>{}</p>", "\u{e4} ".repeat(900));
    for (label, body) in [
        ("", long.as_str()),
        ("", bars),
        ("", &format!("a\n{long}\n\nb \t\n{bars}\n.\n")),
        ("Content-Type: text/html; charset=utf-8\n", &html),
        ("Content-Transfer-Encoding: 7bit\n", &long),
    ] {
        for end in ["\n", "\r\n"] {
            let mail = format!("From: a@b\n{label}Subject: s\n\n");
            let mail = format!("{}{body}{end}", mail.replace('\n', end));
            for eight_bit in [true, false] {
                let changed = to(mail.as_bytes(), eight_bit).expect("it can be");
                let changed = changed.expect("it is needed");
                let shown = String::from_utf8_lossy(&changed).into_owned();
                assert_eq!(
                    text(&changed),
                    format!("{body}{end}").replace("\r\n", "\n"),
                    "{shown}"
                );
                for field in ["MIME-Version", "Content-Type", "Content-Transfer-Encoding"] {
                    assert_eq!(shown.matches(field).count(), 1, "{shown}");
                }
                assert!(shown.lines().all(|line| line.len() <= 77), "{shown}");
                assert_eq!(to(&changed, false), Ok(None), "once is enough");
            }
        }
    }
}

#[test]
fn a_server_with_8bitmime_gets_what_is_beyond_ascii_as_it_is() {
    let mail = "Subject: s\r\n\r\nGr\u{fc}\u{df}e\r\n";
    assert_eq!(to(mail.as_bytes(), true), Ok(None));
    let both = MIXED.replace("plain\r\n--b--", &format!("{}\r\n--b--", "x".repeat(999)));
    let changed = to(both.as_bytes(), true)
        .expect("it can be")
        .expect("it is needed");
    let shown = String::from_utf8_lossy(&changed);
    assert!(shown.contains("\r\n\r\nf\u{fc}r\r\n--b"), "{shown}");
    assert_eq!(shown.matches("quoted-printable").count(), 1);
    assert_eq!(shown.matches("8bit").count(), 1);
}

#[test]
fn text_of_no_known_character_set_is_labelled_so() {
    let latin = b"Subject: x\r\n\r\nlatin \xfc\r\n";
    let shown = String::from_utf8(seven_bit(latin)).expect("ASCII");
    assert!(shown.contains("charset=unknown-8bit\r\n"), "{shown}");
    assert!(shown.ends_with("\r\n\r\nlatin =FC\r\n"), "{shown}");
    let ascii = format!("Subject: x\r\n\r\n{}\r\n", "x".repeat(999));
    let shown = String::from_utf8(seven_bit(ascii.as_bytes())).expect("ASCII");
    assert!(shown.contains("charset=us-ascii\r\n"), "{shown}");
}

/// As programs write attachments that do not cut base64 into lines.
#[test]
fn parts_that_are_encoded_already_get_shorter_lines() {
    let part = |encoding: &str, body: &str| {
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n--b--\r\n"
        )
    };
    for (encoding, body) in [
        ("base64", "QUJD".repeat(500)),
        ("base64", "QUJD".repeat(300) + "\rQUI="),
        ("quoted-printable", "=41bc".repeat(500)),
    ] {
        let mail = part(encoding, &body);
        let changed = to(mail.as_bytes(), true)
            .expect("it can be")
            .expect("it is needed");
        let (before, after) = (parse(mail.as_bytes()), parse(&changed));
        assert_eq!(before.parts[1].contents(), after.parts[1].contents());
        let mut lines = changed.split(|b| *b == b'\n');
        assert!(lines.all(|line| line.len() <= 78));
        assert!(changed.ends_with(b"\r\n--b--\r\n"));
    }
}

#[test]
fn what_is_signed_or_encrypted_is_refused_with_the_reason() {
    let long = format!("{}\r\n", "x".repeat(999));
    let kinds = ["multipart/signed", "multipart/encrypted"].map(|kind| {
        let mixed = MIXED.replace("multipart/mixed", kind);
        mixed.replace("plain\r\n", &long)
    });
    let inner = format!("DKIM-Signature: v=1\r\nSubject: x\r\n\r\n{long}");
    let mails = [
        inner.clone(),
        format!("Content-Type: message/rfc822\r\n\r\n{inner}"),
        format!("Subject: x\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n{long}"),
        format!(
            "Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n{long}"
        ),
        MIXED.replace("application/x-any", "application/pgp-encrypted"),
        MIXED.replace("multipart/mixed", "Multipart/Signed"),
    ];
    for mail in kinds.iter().chain(&mails) {
        let refused = to(mail.as_bytes(), false);
        assert!(
            matches!(refused, Err(BodyError::Signed { .. })),
            "{mail}: {refused:?}"
        );
    }
    // What goes as it is, goes.
    for mail in [
        &kinds[0].replace(&long, "x\r\n"),
        &mails[0].replace(&long, "x\r\n"),
    ] {
        assert_eq!(to(mail.as_bytes(), true), Ok(None));
    }
}

#[test]
fn what_no_encoding_can_tell_is_refused() {
    let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(20) + "Subject: x\r\n\r\n\u{fc}\r\n";
    let preamble = MIXED.replace(
        "--b\r\nContent-Type: text/plain; ",
        "pre\u{e4}mble\r\n--b\r\nContent-Type: text/plain; ",
    );
    let eight_bit = |line| BodyError::EightBit { line };
    for (mail, wrong) in [
        ("Subject: \u{fc}\r\n\r\nx\r\n", eight_bit(1)),
        (&preamble, eight_bit(5)),
        (&deep, eight_bit(43)),
        (
            &format!("Subject: {}\r\n\r\nx\r\n", "x".repeat(999)),
            BodyError::LineTooLong { line: 1 },
        ),
        ("X: a\rb\r\n\r\nx\ry\r\n", BodyError::BareCr { line: 1 }),
        (
            "Subject: x\r\n\r\na\rb\r\n\0\r\n",
            BodyError::Nul { line: 4 },
        ),
        (
            "Content-Type: multipart/mixed\r\n\r\na\rb\r\n",
            BodyError::BareCr { line: 3 },
        ),
        (
            "Content-Type: message/partial; id=x; number=1\r\n\r\na\rb\r\n",
            BodyError::BareCr { line: 3 },
        ),
    ] {
        assert_eq!(to(mail.as_bytes(), false), Err(wrong), "{mail}");
    }
    let strict = Form::default().line_ends(crate::LineEnds::Crlf);
    let limits = Limits {
        form: strict,
        eight_bit: true,
    };
    let mail = b"Subject: x\r\n\r\na\nb\r\n";
    assert_eq!(reencode(mail, limits), Err(BodyError::BareLf { line: 3 }));
}

fn long() -> String {
    "x".repeat(999)
}

fn single(header: &str) -> String {
    format!("{header}\r\n\r\n{}\r\n", long())
}

/// A mail of `parts`, in which `-LONG` is a long line and `-PLAIN` the header of a text.
fn mixed(parts: &str) -> String {
    let parts = parts.replace("-PLAIN", "Content-Type: text/plain\r\n\r\n");
    let parts = parts.replace("-LONG", &long());
    format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}\r\n")
}

fn refuse(mails: &[(&str, String)]) {
    for (why, mail) in mails {
        let refused = to(mail.as_bytes(), true);
        let is_refused = matches!(refused, Err(BodyError::LineTooLong { .. }));
        assert!(is_refused, "{why}: {refused:?}");
    }
}

/// Ours takes for text what others take for encoded.
#[test]
fn headers_that_readers_may_take_differently_are_refused() {
    let encoding = |name: &str| single(&format!("Content-Transfer-Encoding: {name}"));
    refuse(&[
        ("unknown encoding", encoding("x-uuencode")),
        ("a comment", encoding("base64 (x)")),
        ("no base64", encoding("base64").replacen("xx", "\u{e4}", 1)),
        (
            "no quoted-printable",
            encoding("quoted-printable").replacen("xx", "=x", 1),
        ),
        (
            "two encodings",
            encoding("8bit\r\nContent-Transfer-Encoding: 7bit"),
        ),
        (
            "two types",
            single("Content-Type: text/plain\r\nContent-Type: text/html"),
        ),
        ("no type", single("Content-Type:")),
        (
            "an empty line forgotten",
            single("Subject: x\r\nhello, this is text"),
        ),
        (
            "a name with spaces",
            single("Subject: x\r\nhello, this: is text"),
        ),
        (
            "a line of mbox",
            single("From a@b Mon Nov 30 20:36:39 2026\r\nSubject: x"),
        ),
    ]);
    for header in [
        "Content-Transfer-Encoding: BINARY",
        "content-type : text/plain",
    ] {
        assert!(to(single(header).as_bytes(), true).is_ok(), "{header}");
    }
}

/// Ours takes for a delimiter what others take for text.
#[test]
fn parts_that_readers_may_see_differently_are_refused() {
    let base64 = "Content-Transfer-Encoding: base64\r\n";
    let unended = format!("--b\r\n{base64}\r\n{}", "QUJD".repeat(300));
    let message = "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n";
    let encoded =
        mixed("--b\r\n-PLAIN-LONG\r\n--b--").replacen("MIME", &format!("{base64}MIME"), 1);
    refuse(&[
        ("base64 without a last delimiter", mixed(&unended)),
        ("text without a last delimiter", mixed("--b\r\n-PLAIN-LONG")),
        (
            "the last delimiter amid a line",
            mixed("--b\r\n-PLAIN-LONG --b--"),
        ),
        (
            "a delimiter amid a line",
            mixed("--b\r\n-PLAIN--b or\r\n a --b\r\n-PLAIN-LONG\r\n--b--"),
        ),
        (
            "the first delimiter amid a line",
            mixed("text --b\r\n-PLAIN-LONG\r\n--b--"),
        ),
        (
            "more than the boundary",
            mixed("--bc\r\n-PLAIN-LONG\r\n--b--"),
        ),
        (
            "a mail that ends amid a line",
            mixed(&format!("--b\r\n{message}-LONG --b--")),
        ),
        ("an encoded multipart", encoded),
    ]);
    for parts in [
        "--b \t\r\n-PLAIN-LONG\r\n--b--",
        "--b\r\n-PLAIN\r\n--b\r\n\r\n-LONG\r\n--b--\r\ntext --b",
        "text\r\n--b\r\n-PLAIN--b\r\n-PLAIN-LONG\r\n--b--",
    ] {
        assert!(to(mixed(parts).as_bytes(), true).is_ok(), "{parts}");
    }
}

/// An attachment that is quoted-printable is not text: its line breaks are octets.
#[test]
fn quoted_printable_gets_shorter_lines_and_no_other_octets() {
    let long = "=3D".repeat(400);
    for (body, expected) in [
        (
            format!("a=0Ab=0D=0Ac\n{long}"),
            format!("a=0Ab=0D=0Ac\n{}", lines(25, &long)),
        ),
        (
            format!("a = \t\r\nb=\n{long}"),
            format!("a =\r\nb=\n{}", lines(25, &long)),
        ),
        (
            "10%\r \u{e4}=3d \t\n".into(),
            "10%=0D =C3=A4=3d \t\n".into(),
        ),
    ] {
        assert_eq!(
            quoted_printable::shorten(body.as_bytes())
                .map(|lines| String::from_utf8(lines).expect("ASCII")),
            Some(expected),
        );
    }
    for broken in ["=", "=a", "=ax", "a=b c"] {
        let expected = (broken == "=").then(|| broken.as_bytes().to_vec());
        assert_eq!(quoted_printable::shorten(broken.as_bytes()), expected);
    }
}

/// Lines of so many escaped octets.
fn lines(octets: usize, text: &str) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(octets * 3).collect();
    String::from_utf8(lines.join(&b"=\r\n"[..])).expect("ASCII")
}

#[test]
fn lines_are_full_and_never_too_long() {
    let text = |len: usize, end: &str| format!("{}{end}", "x".repeat(len));
    for (text, expected) in [
        (text(75, "\n"), text(75, "\n")),
        (text(76, "\n"), text(75, "=\r\nx\n")),
        (text(73, "\r\r\n"), text(73, "=\r\n=0D\r\n")),
        (text(72, "\ry"), text(72, "=0D=\r\ny")),
        (text(75, " \n"), text(75, "=\r\n=20\n")),
        (text(3, " \t"), text(3, " =09")),
    ] {
        let encoded = quoted_printable::encode(text.as_bytes());
        assert_eq!(String::from_utf8(encoded).expect("ASCII"), expected);
    }
}

proptest::proptest! {
    /// Whatever text it is, what arrives is what was sent.
    #[test]
    fn any_text_arrives_as_it_was(body in "[ a=.\t\r\n\u{e4}]{0,300}", long in 0..2000_usize) {
        let body = format!("{body}{}\n", "y".repeat(long));
        let mail = format!("Subject: s\n\n{body}");
        if let Some(changed) = to(mail.as_bytes(), false).expect("it can be") {
            proptest::prop_assert!(changed.split(|b| *b == b'\n').all(|line| line.len() <= 77));
            proptest::prop_assert_eq!(text(&changed), body.replace("\r\n", "\n"));
        }
    }
}
