//! Bytes of the script's choosing, as they are or dressed as TLS.

use super::script::Script;
use super::side::{Role, Side};
use tls_pump::Engine;

/// The longest plaintext of a record (RFC 8446 section 5.1).
pub(crate) const FRAGMENT_LEN: usize = 16 * 1024;

pub(crate) fn run(engine: Engine, script: &mut Script<'_>) {
    // Nobody has the keys, so that no plaintext comes and the role is all one.
    let mut side = Side::new(engine, Role::Client);
    while let Some(step) = script.step() {
        let what = step >> 4;
        match step % 16 {
            0..3 => feed(&mut side, script, <[u8]>::to_vec),
            // The start of a long message, parts of one.
            3 if what == 0 => feed_all(&mut side, &record(2, &[2, 0, 255, 255])),
            3 => {
                let part = vec![0; script.len().min(FRAGMENT_LEN)];
                feed_all(&mut side, &record(2, &part));
            }
            4..7 => feed(&mut side, script, |bytes| record(what, bytes)),
            7..10 => feed(&mut side, script, |bytes| record(2, &message(what, bytes))),
            10 => _ = side.read(script.len()),
            11 | 12 => side.write(script.len()),
            13 => _ = side.send(script.len()),
            14 => side.close(),
            _ => side.eof(),
        }
    }
    side.read_all();
    side.check_info();
}

fn feed(side: &mut Side, script: &mut Script<'_>, dress: impl Fn(&[u8]) -> Vec<u8>) {
    let len = script.len();
    feed_all(side, &dress(script.bytes(len)));
}

fn feed_all(side: &mut Side, bytes: &[u8]) {
    let mut rest = bytes;
    // `Side` asserts that it goes on.
    while !rest.is_empty() {
        rest = &rest[side.feed(rest)..];
    }
}

/// A record (RFC 8446 section 5.1): of one of the four types, or of any.
pub(crate) fn record(what: u8, payload: &[u8]) -> Vec<u8> {
    let kind = 20 + what % 6;
    let len = payload.len().min(usize::from(u16::MAX)) as u16;
    let mut record = vec![kind, 3, 3];
    record.extend_from_slice(&len.to_be_bytes());
    record.extend_from_slice(&payload[..len.into()]);
    record
}

/// A handshake message (RFC 8446 section 4).
pub(crate) fn message(what: u8, body: &[u8]) -> Vec<u8> {
    const TYPES: [u8; 16] = [0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 24, 254];
    let len = body.len() as u32;
    let mut message = vec![TYPES[usize::from(what % 16)]];
    message.extend_from_slice(&len.to_be_bytes()[1..]);
    message.extend_from_slice(body);
    message
}
