//! Until when certificates and CRLs are valid, which webpki checks and does not tell.
//!
//! Source: RFC 5280 sections 4.1.2.5 and 5.1.2.5.

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use rustls::pki_types::UnixTime;

/// A certificate's notAfter; `None` if it can't be read.
pub(crate) fn not_after(certificate: &[u8]) -> Option<UnixTime> {
    let mut certificate = content(AnyRef::from_der(certificate).ok()?)?;
    let mut fields = content(next(&mut certificate)?)?;
    // The version comes before the serial number where it is told.
    if next(&mut fields)?.tag() != Tag::Integer {
        next(&mut fields)?;
    }
    let (_algorithm, _issuer) = (next(&mut fields)?, next(&mut fields)?);
    let mut validity = content(next(&mut fields)?)?;
    let _not_before = next(&mut validity)?;
    time(next(&mut validity)?)
}

/// A CRL's nextUpdate; `None` if it can't be read, or is not there.
pub(crate) fn next_update(crl: &[u8]) -> Option<UnixTime> {
    let mut crl = content(AnyRef::from_der(crl).ok()?)?;
    let mut fields = content(next(&mut crl)?)?;
    if next(&mut fields)?.tag() == Tag::Integer {
        let _algorithm = next(&mut fields)?;
    }
    let (_issuer, _this_update) = (next(&mut fields)?, next(&mut fields)?);
    time(next(&mut fields)?)
}

fn next<'a>(reader: &mut SliceReader<'a>) -> Option<AnyRef<'a>> {
    reader.decode().ok()
}

fn content(any: AnyRef<'_>) -> Option<SliceReader<'_>> {
    SliceReader::new(any.value()).ok()
}

fn time(any: AnyRef<'_>) -> Option<UnixTime> {
    let since = match any.tag() {
        Tag::UtcTime => any.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        Tag::GeneralizedTime => any.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
        _ => return None,
    };
    Some(UnixTime::since_unix_epoch(since))
}
