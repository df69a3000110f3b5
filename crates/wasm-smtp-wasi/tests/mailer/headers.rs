//! Headers of any bytes: nothing panics, and no Bcc leaves.

use proptest::collection::vec;
use proptest::prelude::*;
use std::time::SystemTime;
use wasm_smtp_wasi::mailer::{HeaderAddresses, complete_header};

/// Lines of a header, and what others take for some.
fn lines() -> impl Strategy<Value = String> {
    let names = [
        "To",
        "Bcc",
        "BCC ",
        " bcc",
        "\u{feff}",
        "B\u{200a}cc",
        "bcc\t",
        "Resent-Bcc",
        "Subject",
        "X",
        "From ",
        ">From ",
        "",
    ];
    let rests = [
        ": a@b.example",
        ":",
        ": x,\n y",
        ": \n\tz@b.example",
        " x",
        "",
        ":\r\n ",
    ];
    let ends = ["\n", "\r\n", "\r", ""];
    let line = (0..names.len(), 0..rests.len(), 0..ends.len());
    vec(line, 0..8).prop_map(move |lines| {
        let text = lines
            .into_iter()
            .map(|(name, rest, end)| [names[name], rests[rest], ends[end]].concat());
        text.collect()
    })
}

/// Whether a reader that is as lenient as they come sees a Bcc: in the lines up to the
/// first empty one, whatever ends them, white space and what can't be seen put aside.
fn has_bcc(mail: &[u8]) -> bool {
    let text = String::from_utf8_lossy(mail).replace("\r\n", "\n");
    let header = text.split("\n\n").next().unwrap_or_default();
    let header = if text.starts_with('\n') { "" } else { header };
    let mut lines = header.split('\n').chain(header.split(['\n', '\r']));
    lines.any(|line| {
        let name = line.split_once(':').map(|(name, _)| {
            let seen = name
                .chars()
                .filter(|c| !c.is_whitespace() && *c != '\u{feff}');
            seen.collect::<String>().to_ascii_lowercase()
        });
        matches!(name.as_deref(), Some("bcc" | "resent-bcc"))
    })
}

/// Whether all lines up to the empty one are fields: else they end the header.
fn is_header(mail: &[u8]) -> bool {
    let text = String::from_utf8_lossy(mail).replace("\r\n", "\n");
    let header = text.split("\n\n").next().unwrap_or_default();
    let mut lines = header.lines();
    let first = lines
        .next()
        .is_none_or(|line| !line.starts_with([' ', '\t']));
    first
        && !text.starts_with('\n')
        && header.lines().all(|line| {
            let name = line.split_once(':').map(|(name, _)| name.trim_end());
            let named = name
                .is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()));
            named || line.starts_with([' ', '\t'])
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bcc_leaves(mail in lines()) {
        let complete = |mail| complete_header(mail, None, None, SystemTime::now());
        let _ = HeaderAddresses::read(mail.as_bytes());
        let Ok(sent) = complete(mail.clone().into_bytes()) else {
            prop_assert!(has_bcc(mail.as_bytes()), "{mail:?} has nothing to hide");
            return Ok(());
        };
        prop_assert!(!has_bcc(&sent), "{mail:?} became {:?}", String::from_utf8_lossy(&sent));
        let has_front = ["From ", ">From ", "\u{feff}"];
        let has_front = has_front.iter().any(|front| mail.starts_with(front));
        if !has_front && !is_header(mail.as_bytes()) {
            prop_assert!(!has_bcc(mail.as_bytes()), "{mail:?} became text");
        }
        let again = complete(sent.clone());
        prop_assert_eq!(again.expect("it was complete"), sent, "twice is once");
    }

    #[test]
    fn no_bytes_panic(mail in vec(any::<u8>(), 0..200)) {
        let _ = HeaderAddresses::read(&mail);
        let _ = complete_header(mail, None, None, SystemTime::now());
    }
}
