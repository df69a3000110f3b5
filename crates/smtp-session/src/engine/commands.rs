//! MAIL and RCPT with their parameters.

use crate::envelope::Envelope;
use crate::parameters::{
    push_deliver_by, push_envelope_id, push_hold, push_notify, push_original, push_priority,
    push_ret,
};
use crate::{Capabilities, Extension, Recipient};
use std::fmt::Write as _;

/// What MAIL says of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    SevenBit,
    EightBitMime,
    BinaryMime,
}

/// `MAIL` without its line end. Source: RFC 5321 section 4.1.1.2.
pub(super) fn mail(
    envelope: &Envelope,
    capabilities: &Capabilities,
    len: Option<u64>,
    encoding: Encoding,
) -> String {
    let sender = envelope.sender().map_or("", |sender| sender.as_str());
    let mut line = String::with_capacity(64 + sender.len());
    line.push_str("MAIL FROM:<");
    line.push_str(sender);
    line.push('>');
    // RFC 1870 section 3.
    if let Some(len) = len.filter(|_| capabilities.has(Extension::Size)) {
        let _ = write!(line, " SIZE={len}");
    }
    match encoding {
        Encoding::SevenBit => {}
        // RFC 6152 section 2.
        Encoding::EightBitMime => line.push_str(" BODY=8BITMIME"),
        // RFC 3030 section 3.
        Encoding::BinaryMime => line.push_str(" BODY=BINARYMIME"),
    }
    // RFC 6531 section 3.4.
    if envelope.needs_smtputf8() {
        line.push_str(" SMTPUTF8");
    }
    let parameters = envelope.parameters();
    // RFC 8689 section 3.
    if parameters.require_tls {
        line.push_str(" REQUIRETLS");
    }
    parameters
        .ret
        .iter()
        .for_each(|ret| push_ret(&mut line, *ret));
    let id = parameters.envelope_id.iter();
    id.for_each(|id| push_envelope_id(&mut line, id));
    let by = parameters.deliver_by.iter();
    by.for_each(|by| push_deliver_by(&mut line, *by));
    parameters
        .hold
        .iter()
        .for_each(|hold| push_hold(&mut line, hold));
    let priority = parameters.priority.iter();
    priority.for_each(|priority| push_priority(&mut line, *priority));
    line
}

/// `RCPT` without its line end. Source: RFC 5321 section 4.1.1.3.
pub(super) fn rcpt(recipient: &Recipient) -> String {
    let address = recipient.address.as_str();
    let mut line = String::with_capacity(12 + address.len());
    line.push_str("RCPT TO:<");
    line.push_str(address);
    line.push('>');
    recipient
        .notify
        .iter()
        .for_each(|notify| push_notify(&mut line, *notify));
    let original = recipient.original.iter();
    original.for_each(|original| push_original(&mut line, original));
    line
}
