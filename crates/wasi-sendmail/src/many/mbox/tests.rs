//! mbox files as writers make them, good and bad ones.

use super::*;
use proptest::prelude::*;
use std::io::{self, BufReader, Cursor, Read};

fn read(file: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    Mbox::new(file, "mails.mbox")
        .map(|mail| mail.map(|mail| mail.raw))
        .collect()
}

fn texts(file: &str) -> Vec<String> {
    let mails = read(file.as_bytes()).unwrap();
    let text = |mail| String::from_utf8(mail).unwrap();
    mails.into_iter().map(text).collect()
}

fn refused(file: &str) -> String {
    let failure = read(file.as_bytes()).unwrap_err();
    assert_eq!(failure.exit_code(), 65);
    failure.to_string()
}

const SEPARATOR: &str = "From god@heaven.af.mil Sat Jan  3 01:05:34 1996\n";

#[test]
fn mails_come_without_what_stands_between_them() {
    let file = format!("{SEPARATOR}A: 1\n\none\n\n{SEPARATOR}B: 2\n\ntwo\n\n\n");
    assert_eq!(texts(&file), ["A: 1\n\none\n", "B: 2\n\ntwo\n\n"]);
    let numbers = Mbox::new(file.as_bytes(), "f").map(|mail| mail.unwrap().name());
    assert_eq!(numbers.collect::<Vec<_>>(), ["mbox:1", "mbox:2"]);
}

#[test]
fn each_mail_can_be_read_again_where_it_begins() {
    let undated = "From x\nA: 1\n\nFrom y\nB: 2\n\n>From z\n";
    let file = format!("{SEPARATOR}A: 1\n\none\n\n{SEPARATOR}B: 2\n\n>From two\n\n\n");
    for file in [undated, &file, &file.replace('\n', "\r\n"), "From "] {
        let mails: Vec<_> = Mbox::new(file.as_bytes(), "f")
            .map(Result::unwrap)
            .collect();
        for (place, mail) in mails.iter().enumerate() {
            let at = usize::try_from(mail.start.octets()).unwrap();
            let rest = Mbox::new(&file.as_bytes()[at..], "f").from(mail.start);
            let rest: Vec<_> = rest.map(Result::unwrap).collect();
            assert_eq!(rest, mails[place..], "{file:?}");
        }
    }
}

#[test]
fn the_last_mail_may_lack_its_empty_line_and_its_line_end() {
    let file = format!("{SEPARATOR}A: 1\n\n{SEPARATOR}B: 2\n\ntwo");
    assert_eq!(texts(&file), ["A: 1\n", "B: 2\n\ntwo"]);
    assert_eq!(texts(SEPARATOR), [""]);
    assert_eq!(texts("From "), [""]);
}

#[test]
fn crlf_stays_and_its_empty_line_goes() {
    let separator = SEPARATOR.replace('\n', "\r\n");
    let file = format!("{separator}A: 1\r\n\r\n>From x\r\n\r\n{separator}B: 2\r\n\r\n");
    assert_eq!(texts(&file), ["A: 1\r\n\r\nFrom x\r\n", "B: 2\r\n"]);
    // What some mail programs write: their own lines with LF.
    let file = format!("{SEPARATOR}A: 1\r\n\n{SEPARATOR}B: 2\r\n\n");
    assert_eq!(texts(&file), ["A: 1\r\n", "B: 2\r\n"]);
}

#[test]
fn one_quotation_mark_goes_and_only_before_from() {
    let file = format!(
        "{SEPARATOR}\n>From a\n>>From b\n>>>From c\n>Fromage\n> From d\nx >From e\n>from f\n>From\n"
    );
    let mail = "\nFrom a\n>From b\n>>From c\n>Fromage\n> From d\nx >From e\n>from f\n>From\n";
    assert_eq!(texts(&file), [mail]);
}

#[test]
fn a_line_of_text_may_begin_with_from_inside_a_paragraph() {
    let file = format!("{SEPARATOR}A: 1\n\nhe came\nFrom then on it went\n\n{SEPARATOR}B: 2\n");
    let first = "A: 1\n\nhe came\nFrom then on it went\n";
    assert_eq!(texts(&file), [first, "B: 2\n"]);
}

#[test]
fn an_unquoted_from_is_refused_where_a_mail_might_begin() {
    let sentence = refused(&format!("{SEPARATOR}A: 1\n\nFrom then on it went\n"));
    assert!(
        sentence.starts_with("line 4 of mails.mbox begins with `From ` but has no date"),
        "{sentence}"
    );
    let sentence = refused(&format!("{SEPARATOR}A: 1\n\none\n{SEPARATOR}B: 2\n"));
    assert!(
        sentence.starts_with("line 5 of mails.mbox begins with `From ` but has no empty line"),
        "{sentence}"
    );
}

#[test]
fn a_writer_without_dates_is_understood() {
    assert_eq!(
        texts("From \nA: 1\n\nFrom \nB: 2\n\n"),
        ["A: 1\n", "B: 2\n"]
    );
    assert_eq!(texts("From a@b\n\nFrom c\n"), ["", ""]);
}

#[test]
fn dates_as_writers_write_them() {
    for line in [
        "From - Mon Jan  1 00:00:00 2024",
        "From 123@xxx Mon Apr 12 10:00:00 +0000 2021",
        "From a@b Mon Jan  1 0:00 UTC 2001",
        "From a@b Mon, 1 Jan 2001 00:00:00 +0000 remote from c",
        "From MAILER-DAEMON Fri Jul  8 12:08:34 2011\r\n",
    ] {
        assert!(has_date(line.as_bytes()), "{line}");
    }
    for line in [
        "From a@b",
        "From Monday at 10:30 on",
        "From Mon to Fri, he said",
        "From Mon 10: 3",
        "From Mon 10:30:00:00 a:b 100:00",
    ] {
        assert!(!has_date(line.as_bytes()), "{line}");
    }
}

#[test]
fn what_is_no_mbox_is_refused_by_name() {
    for file in [
        "",
        "A: 1\n\none\n",
        "\nFrom x\n",
        ">From x\n",
        "From",
        "from x\n",
    ] {
        let sentence = refused(file);
        assert!(
            sentence.starts_with("mails.mbox is no mbox file"),
            "{sentence}"
        );
    }
}

#[test]
fn a_mail_too_large_is_refused_and_ends_the_reading() {
    let mbox = |len: usize, lines: bool| {
        let body = if lines {
            "x\n".repeat(len / 2)
        } else {
            "x".repeat(len - 1) + "\n"
        };
        let file = format!("{SEPARATOR}A: 1\n\n{SEPARATOR}{body}\n{SEPARATOR}B: 2\n");
        let mut mbox = Mbox::new(Cursor::new(file), "f");
        mbox.mail_len = 1024 * 1024;
        mbox.collect::<Vec<_>>()
    };
    for lines in [false, true] {
        let fits = mbox(1024 * 1024, lines);
        assert_eq!(fits[1].as_ref().unwrap().raw.len(), 1024 * 1024);
        assert_eq!(fits.len(), 3);
        for over in [2, MARGIN_LEN, 2 * MARGIN_LEN, 1024 * 1024] {
            let found = mbox(1024 * 1024 + over, lines);
            assert_eq!(found.len(), 2, "{over}");
            let failure = found[1].as_ref().unwrap_err();
            let sentence = "mail 2 of f is larger than 1 MiB";
            assert!(failure.to_string().starts_with(sentence), "{failure}");
        }
    }
}

/// Endless, to see that no more is read than a mail may have.
struct Endless(usize);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 += buffer.len();
        buffer.fill(b'x');
        Ok(buffer.len())
    }
}

#[test]
fn a_line_without_end_costs_bounded_memory() {
    let mut endless = Endless(0);
    let input = BufReader::new(b"From \n".chain(&mut endless));
    let mut mbox = Mbox::new(input, "f");
    mbox.mail_len = 10_000;
    assert!(mbox.next().unwrap().is_err());
    assert!(mbox.next().is_none());
    drop(mbox);
    assert!(endless.0 < 10_000 + MARGIN_LEN + 2 * 8192, "{}", endless.0);
}

#[test]
fn a_line_between_mails_without_end_is_refused_and_not_cut() {
    let long = format!("From {}\nA: 1\n", "x".repeat(MARGIN_LEN + 1000));
    let mut mbox = Mbox::new(long.as_bytes(), "f");
    mbox.mail_len = 1000;
    let failure = mbox.next().unwrap().unwrap_err();
    assert!(
        failure.to_string().starts_with("mail 1 of f is larger"),
        "{failure}"
    );
}

#[test]
fn a_failed_read_is_said_and_ends_the_reading() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no disk"))
        }
    }
    let mut mbox = Mbox::new(BufReader::new(b"From \nA: 1\n".chain(Broken)), "f");
    let failure = mbox.next().unwrap().unwrap_err();
    assert_eq!(failure.exit_code(), 74);
    assert!(failure.to_string().contains("no disk"), "{failure}");
    assert!(mbox.next().is_none());
}

/// Writes as qmail's mbox(5) says for mboxrd.
fn mboxrd(mails: &[Vec<u8>], end: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    for mail in mails {
        file.extend_from_slice(SEPARATOR.trim_end().as_bytes());
        file.extend_from_slice(end);
        for line in mail.split_inclusive(|&b| b == b'\n') {
            let unquoted = line.iter().skip_while(|&&b| b == b'>');
            if unquoted.take(5).eq(b"From ") {
                file.push(b'>');
            }
            file.extend_from_slice(line);
        }
        file.extend_from_slice(end);
    }
    file
}

/// Reads come in these sizes, over and over.
struct Split<'a> {
    rest: &'a [u8],
    sizes: Vec<usize>,
    turn: usize,
}

impl Read for Split<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let size = self.sizes[self.turn % self.sizes.len()];
        if size == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = size.min(buffer.len()).min(self.rest.len());
        let (now, rest) = self.rest.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.rest = rest;
        Ok(size)
    }
}

fn mail() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        Just(b"From x Sat Jan  3 01:05:34 1996".to_vec()),
        Just(b">From x".to_vec()),
        Just(b">>From ".to_vec()),
        Just(b"From ".to_vec()),
        Just(b"From".to_vec()),
        Just(Vec::new()),
        Just(b"\r".to_vec()),
        prop::collection::vec(any::<u8>().prop_filter("a line", |&b| b != b'\n'), 0..12),
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    let line = (text, end).prop_map(|(mut text, end)| {
        text.extend_from_slice(end.as_bytes());
        text
    });
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn what_is_written_as_mboxrd_comes_back(
        mails in prop::collection::vec(mail(), 1..6),
        crlf in any::<bool>(),
        mut sizes in prop::collection::vec(0..40_usize, 0..6),
    ) {
        let file = mboxrd(&mails, if crlf { b"\r\n" } else { b"\n" });
        sizes.push(1);
        let input = BufReader::with_capacity(7, Split { rest: &file, sizes, turn: 0 });
        let found: Vec<_> = Mbox::new(input, "f").map(|mail| mail.unwrap().raw).collect();
        prop_assert_eq!(found, mails);
    }

    #[test]
    fn no_bytes_make_it_panic(lines in prop::collection::vec(mail(), 0..6)) {
        let file = lines.concat();
        let _ = read(&file);
        let _ = read(&[b"From \n", &file[..]].concat());
    }
}
