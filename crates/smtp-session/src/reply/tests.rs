//! Replies at every split, and what is none.

use super::*;

fn line(said: &str) -> Malformed {
    Malformed::Line(said.to_owned())
}

fn read(input: &[u8]) -> Result<Vec<Reply>, Malformed> {
    let mut reader = ReplyReader::default();
    let mut replies = Vec::new();
    let mut input = input;
    while !input.is_empty() {
        replies.extend(reader.read(&mut input)?);
    }
    Ok(replies)
}

#[test]
fn replies_are_the_same_at_every_split() {
    let input = b"220 hi\r\n250-one\r\n250-2.0.0 two\r\n250 three\r\n250\r\n354 \xff go\n";
    let whole = read(input).expect("replies");
    assert_eq!(whole.len(), 4);
    assert_eq!(whole[1], Reply::of(250, "one\n2.0.0 two\nthree"));
    assert_eq!(whole[2], Reply::of(250, ""));
    assert_eq!(whole[3], Reply::of(354, "\u{fffd} go"));
    for first in 0..input.len() {
        for second in first..input.len() {
            let mut reader = ReplyReader::default();
            let mut replies = Vec::new();
            for mut part in [&input[..first], &input[first..second], &input[second..]] {
                while !part.is_empty() {
                    replies.extend(reader.read(&mut part).expect("a reply"));
                }
            }
            assert_eq!(replies, whole);
            assert!(!reader.is_amid());
        }
    }
}

#[test]
fn what_is_no_reply_is_refused() {
    for (input, error) in [
        (&b"hello\r\n"[..], line("hello")),
        (b"\r\n", line("")),
        (b"25\r\n", line("25")),
        (b"250x\r\n", line("250x")),
        (b"2500 x\r\n", line("2500 x")),
        (b"199 x\r\n", line("199 x")),
        (b"600 x\r\n", line("600 x")),
        (b" 250 x\r\n", line(" 250 x")),
        (
            b"250-x\r\n251 y\r\n",
            Malformed::Codes(Reply::of(251, "x\ny")),
        ),
        (b"250-x\r\nhello\r\n", line("hello")),
        (&[b'2'; MAX_REPLY_LINE_LEN + 1], Malformed::LineLen),
    ] {
        assert_eq!(read(input), Err(error));
    }
}

#[test]
fn every_length_has_its_limit() {
    let line = |len: usize| [b"250 ", &vec![b'x'; len - 6][..], b"\r\n"].concat();
    assert_eq!(read(&line(MAX_REPLY_LINE_LEN)).map(|r| r.len()), Ok(1));
    let long = line(MAX_REPLY_LINE_LEN + 1);
    assert_eq!(read(&long), Err(Malformed::LineLen));
    let mut reader = ReplyReader::default();
    let (mut head, mut tail) = long.split_at(7);
    assert_eq!(reader.read(&mut head), Ok(None));
    assert_eq!(reader.read(&mut tail), Err(Malformed::LineLen));

    let lines = |n: usize| [b"250-x\r\n".repeat(n - 1), b"250 x\r\n".to_vec()].concat();
    assert_eq!(read(&lines(MAX_REPLY_LINES)).map(|r| r.len()), Ok(1));
    assert_eq!(read(&lines(MAX_REPLY_LINES + 1)), Err(Malformed::Len));

    let long = [b"250-", &[b'x'; 9000][..], b"\r\n"].concat().repeat(2);
    assert_eq!(read(&long), Err(Malformed::Len));
}

#[test]
fn enhanced_codes_are_those_of_the_replys_own_class() {
    for (code, text, status) in [
        (250, "2.1.5 ok", Some("2.1.5")),
        (550, "5.7.509 no", Some("5.7.509")),
        (451, "4.7.1", Some("4.7.1")),
        (451, "4.7.1\tlater", Some("4.7.1")),
        (250, "4.7.1 what", None),
        (354, "3.0.0 go", None),
        (250, "2.1 ok", None),
        (250, "2.1.5.6 is my address", None),
        (250, "2.1.1000 ok", None),
        (250, "2.+1.5 ok", None),
        (250, "ok 2.1.5", None),
        (250, "", None),
    ] {
        let reply = Reply::of(code, text);
        let enhanced = reply.enhanced().map(|status| status.to_dotted());
        assert_eq!(enhanced.as_deref(), status, "{code} {text}");
    }
}

/// Why the core's own reading is not enough: codes that are none, status codes
/// of another class or with more to them, and challenges of AUTH that are longer
/// than its lines may be.
#[test]
fn where_the_core_reads_otherwise() {
    assert!(parse_reply_line(b"999 x").is_ok());
    assert_eq!(read(b"999 x\r\n"), Err(line("999 x")));
    let core = |code, text: &str| {
        wasm_smtp::protocol::Reply::new(code, vec![text.to_owned()]).try_parse_enhanced()
    };
    for (code, text) in [(250, "5.1.1 x"), (250, "2.1.5.6 x"), (250, "2.1.9999 x")] {
        assert!(core(code, text).is_some());
        assert!(Reply::of(code, text).enhanced().is_none());
    }
    const { assert!(wasm_smtp::protocol::MAX_REPLY_LINE_LEN < MAX_REPLY_LINE_LEN) };
}

#[test]
fn what_is_shown_has_no_addresses_and_no_control_characters() {
    for (text, shown) in [
        ("no", "550 no"),
        (
            "5.1.1 <alice@example.com>: unknown",
            "550 5.1.1 <***>: unknown",
        ),
        ("alice@example.com", "550 ***"),
        ("to:alice@example.com, bob@x", "550 to:***, ***"),
        ("<\"two words\"@example.com>", "550 <***>"),
        (
            "a\nb\u{1b}[31m\r\u{202e}c",
            "550 a / b\\u{1b}[31m\\u{d}\\u{202e}c",
        ),
        ("", "550"),
        ("@ @", "550 *** ***"),
        ("ü@ö.example no", "550 *** no"),
    ] {
        assert_eq!(Reply::of(550, text).to_string(), shown);
    }
    let long = Reply::of(550, &"ü".repeat(4000)).to_string();
    assert!(
        long.len() < 530 && long.contains("ü ... ü"),
        "{}",
        long.len()
    );
    let linked = format!("{}see https://example.com/why", "many words ".repeat(100));
    let linked = Reply::of(550, &linked).to_string();
    assert!(linked.len() < 530 && linked.ends_with("see https://example.com/why"));
    let cut = format!("{}alice@example.com", "x ".repeat(252));
    let cut = Reply::of(550, &cut).to_string();
    assert!(!cut.contains("alice"), "{cut}");
    let debug = format!("{:?}", Reply::of(550, "5.1.1 alice@example.com"));
    assert_eq!(debug, "Reply(550 5.1.1, ..)");
}

#[test]
fn replies_are_shortened_between_characters() {
    // White space may have several octets too: U+0085, U+2003.
    for unit in ["ü", "\u{85}", "a\u{85}", "\u{2003}", "ab\u{2003}c"] {
        for len in 0..40 {
            let mut reply = Reply::of(550, &unit.repeat(40));
            reply.shorten(len);
            assert!(reply.text().len() <= len.max(5), "{unit:?} {len}");
        }
    }
    let mut reply = Reply::of(550, "eight of one and two of others at last");
    reply.shorten(30);
    assert_eq!(reply.text(), "eight of one and ... at last");
    reply.shorten(28);
    assert_eq!(reply.text(), "eight of one and ... at last");
}
