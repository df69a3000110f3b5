//! What the fuzz targets do.

use std::time::UNIX_EPOCH;
use wasm_smtp_wasi::mailer::{
    HeaderAddresses, complete_header, complete_senders, parse_addresses, remove_secrets,
};

/// A mail: what a person reads as Bcc never leaves, and what is read of the header stays
/// what it is without it.
pub fn header(mail: &[u8]) {
    if let Ok(header) = HeaderAddresses::read(mail) {
        let _ = (header.sender(), header.recipients());
    }
    let mut completed = mail.to_vec();
    complete_senders(&mut completed, "x.example");
    let mut again = completed.clone();
    complete_senders(&mut again, "x.example");
    assert!(again == completed, "an address was completed twice");

    let mut without = mail.to_vec();
    if remove_secrets(&mut without).is_err() {
        assert!(without == mail, "half a mail is left");
        return;
    }
    assert!(!has_bcc(&without), "a Bcc would leave");
    let completed = complete_header(without.clone(), None, None, UNIX_EPOCH);
    let completed = completed.expect("nothing is left to hide");
    assert!(completed.ends_with(&without), "something else went");
}

/// A list: every address that comes of it stands in it, its white space and comments put
/// aside.
pub fn addresses(list: &[u8]) {
    let Ok(list) = std::str::from_utf8(list) else {
        return;
    };
    for domain in [None, Some("x.example")] {
        for address in parse_addresses(list, domain).unwrap_or_default() {
            let (local, _) = address.as_str().rsplit_once('@').expect("it has a domain");
            if !local.starts_with('"') {
                assert!(local.split('.').all(|word| list.contains(word)));
            }
        }
    }
}

/// Whether a line in front of the first empty one reads so.
fn has_bcc(mail: &[u8]) -> bool {
    let lines = mail.split(|byte| *byte == b'\n');
    let header = lines.take_while(|line| !matches!(*line, b"" | b"\r"));
    // For some readers a CR ends a line.
    let mut header = header.flat_map(|line| line.split(|byte| *byte == b'\r').chain([line]));
    header.any(|line| {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return false;
        };
        let seen = line[..colon].iter().filter(|byte| byte.is_ascii_graphic());
        let seen: Vec<_> = seen.map(u8::to_ascii_lowercase).collect();
        matches!(&seen[..], b"bcc" | b"resent-bcc")
    })
}
