//! Mails before and after, read by a MIME parser.

use super::*;
use mail_parser::Message;

fn seven_bit(mail: &[u8]) -> Vec<u8> {
    let changed = to_seven_bit(mail).expect("it can be");
    assert!(changed.is_ascii());
    changed
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

#[test]
fn what_no_encoding_can_tell_is_refused() {
    let signed = MIXED.replace("multipart/mixed", "multipart/signed");
    let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(20) + "Subject: x\r\n\r\n\u{fc}\r\n";
    for (mail, line) in [
        ("Subject: \u{fc}\r\n\r\nx\r\n".as_bytes(), 1),
        (b"Subject: x\r\n\r\nlatin \xfc\r\n", 3),
        (signed.as_bytes(), 8),
        (
            MIXED
                .replace(
                    "--b\r\nContent-Type: text/plain; ",
                    "pre\u{e4}mble\r\n--b\r\nContent-Type: text/plain; ",
                )
                .as_bytes(),
            5,
        ),
        (deep.as_bytes(), 43),
    ] {
        assert_eq!(
            to_seven_bit(mail),
            Err(BodyError::EightBit { line }),
            "{}",
            String::from_utf8_lossy(mail)
        );
    }
}
