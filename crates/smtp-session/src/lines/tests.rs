//! The wire form, compared with one made byte by byte.

use super::*;
use proptest::prelude::*;

/// The same, slowly.
fn slow(body: &[u8], normalize: bool, stuff: bool) -> Result<Vec<u8>, BodyError> {
    let mut out = Vec::new();
    let (mut line, mut column) = (1, 0);
    for (at, &b) in body.iter().enumerate() {
        match b {
            0 => return Err(BodyError::Nul { line }),
            b'\r' if body.get(at + 1) == Some(&b'\n') => {}
            b'\r' => return Err(BodyError::BareCr { line }),
            b'\n' => {
                let has_cr = at > 0 && body[at - 1] == b'\r';
                if !normalize && !has_cr {
                    return Err(BodyError::BareLf { line });
                }
                out.extend(b"\r\n");
                line += 1;
                column = 0;
            }
            b => {
                if column == 0 && b == b'.' && stuff {
                    out.push(b'.');
                }
                out.push(b);
                column += 1;
                if column > MAX_LINE_LEN {
                    return Err(BodyError::LineTooLong { line });
                }
            }
        }
    }
    if column > 0 {
        out.extend(b"\r\n");
    }
    Ok(out)
}

fn fast(parts: &[&[u8]], normalize: bool, stuff: bool) -> Result<Vec<u8>, BodyError> {
    let mut lines = Lines::new(normalize);
    if stuff {
        lines.stuff_dots();
    }
    let mut out = Vec::new();
    for part in parts {
        lines.push(part, &mut out)?;
    }
    lines.finish(&mut out)?;
    let bare = slow(&parts.concat(), normalize, false);
    let len = bare.expect("what the fast one takes").len() as u64;
    assert_eq!(lines.len, len, "dots that were put in do not count");
    let line = out.split(|&b| b == b'\n').position(|line| !line.is_ascii());
    assert_eq!(lines.eight_bit_line, line.map(|line| line as u64 + 1));
    Ok(out)
}

/// Bytes of which each matters.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        8 => Just(b"a".to_vec()),
        3 => Just(b".".to_vec()),
        6 => Just(b"\r\n".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(vec![0xff]),
        1 => Just(vec![b'x'; 500]),
    ];
    proptest::collection::vec(bytes, 0..80).prop_map(|parts| parts.concat())
}

fn faults() -> impl Strategy<Value = Vec<u8>> {
    (bodies(), bodies(), prop_oneof![Just(b'\r'), Just(0)])
        .prop_map(|(a, b, fault)| [a, vec![fault], b].concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same(
        body in prop_oneof![4 => bodies(), 1 => faults()],
        normalize: bool,
        stuff: bool,
        cuts in proptest::collection::vec(0..4000_usize, 0..6),
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts {
            parts.push(&body[from..cut]);
            from = cut;
        }
        parts.push(&body[from..]);
        let expected = slow(&body, normalize, stuff);
        let got = fast(&parts, normalize, stuff);
        match (&expected, &got) {
            (Ok(expected), Ok(got)) => prop_assert_eq!(expected, got),
            // Which of several faults is found first depends on the split.
            (Err(_), Err(_)) => {}
            _ => prop_assert_eq!(&expected, &got),
        }
    }

    #[test]
    fn surveys_count_every_byte(block in proptest::collection::vec(any::<u8>(), 0..9000)) {
        let survey = Survey {
            crs: block.iter().filter(|&&b| b == b'\r').count(),
            nul: block.contains(&0),
            eight_bit: !block.is_ascii(),
        };
        prop_assert_eq!(Survey::of(&block), survey);
    }
}

#[test]
fn a_survey_of_many_crs_does_not_overflow() {
    assert_eq!(Survey::of(&[b'\r'; BLOCK_LEN]).crs, BLOCK_LEN);
}

#[test]
fn each_fault_by_its_line() {
    let long = [b"a\r\n", &[b'x'; 999][..], b"\r\n"].concat();
    for (body, normalize, error) in [
        (&b"a\r\nb\rc\r\n"[..], true, BodyError::BareCr { line: 2 }),
        (b"a\r\nb\r", true, BodyError::BareCr { line: 2 }),
        (b"a\r\n\r\r\n", true, BodyError::BareCr { line: 2 }),
        (b"a\nb\r\nc\n", false, BodyError::BareLf { line: 1 }),
        (b"a\r\n\n", false, BodyError::BareLf { line: 2 }),
        (b"a\n\nb\0\n", true, BodyError::Nul { line: 3 }),
        (&long, true, BodyError::LineTooLong { line: 2 }),
    ] {
        assert_eq!(fast(&[body], normalize, true), Err(error), "{body:?}");
    }
    let apart: &[&[u8]] = &[b"a\r\nb\r", b"c\r\n"];
    assert_eq!(fast(apart, true, true), Err(BodyError::BareCr { line: 2 }));
    let mut lines = Lines::new(true);
    lines.refuse_eight_bit();
    let error = lines.push(b"a\nb\xe4\n", &mut Vec::new());
    assert_eq!(error, Err(BodyError::EightBit { line: 2 }));
    let longest = [&[b'x'; 998][..], b"\r\n"].concat();
    assert_eq!(fast(&[&longest], false, false), Ok(longest));
}

#[test]
fn a_dot_is_doubled_only_in_front_of_a_line() {
    assert_eq!(
        fast(&[b".\r\n..\r\na.b\r\n", b".", b".\n", b".c"], true, true).as_deref(),
        Ok(&b"..\r\n...\r\na.b\r\n...\r\n..c\r\n"[..])
    );
    assert_eq!(fast(&[b".\r\n"], true, false).as_deref(), Ok(&b".\r\n"[..]));
}

#[test]
fn a_binary_body_stays_as_it_is() {
    let mut lines = Lines::binary();
    lines.refuse_eight_bit();
    let mut out = Vec::new();
    lines.push(b"\0\r\xff\n.\n", &mut out).expect("any bytes");
    lines.finish(&mut out).expect("no line end");
    assert_eq!(out, b"\0\r\xff\n.\n");
    assert_eq!(lines.len, 6);
}

#[test]
fn an_empty_body_stays_empty() {
    assert_eq!(fast(&[], true, true).as_deref(), Ok(&b""[..]));
    assert_eq!(fast(&[b"", b""], true, true).as_deref(), Ok(&b""[..]));
}
