//! What MAIL and RCPT may say beside the paths, by extension.

use crate::Address;
use crate::error::InvalidInput;
use std::fmt::Write as _;

/// How much of a mail comes back with a notification.
///
/// Source: RFC 3461 section 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ret {
    /// `RET=FULL`: the whole mail.
    Full,
    /// `RET=HDRS`: its header.
    Headers,
}

/// When the server reports about a recipient.
///
/// Source: RFC 3461 section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notify {
    /// `NOTIFY=NEVER`.
    Never,
    /// On any of these; with none of them the same as `Never`.
    On {
        /// `SUCCESS`: it was delivered.
        success: bool,
        /// `FAILURE`: it can't be delivered.
        failure: bool,
        /// `DELAY`: it takes longer than usual.
        delay: bool,
    },
}

/// What notifications name a mail by: 1 to 100 printable ASCII characters.
///
/// Source: RFC 3461 section 4.4.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvelopeId(Box<str>);

impl EnvelopeId {
    /// Takes `id` as it is; it is encoded on its way.
    ///
    /// # Errors
    ///
    /// Empty, more than 100 characters once encoded, or not printable ASCII.
    pub fn new(id: &str) -> Result<Self, InvalidInput> {
        let mut encoded = String::new();
        push_xtext(&mut encoded, id);
        let printable = id.bytes().all(|b| matches!(b, b' '..=b'~'));
        if id.is_empty() || encoded.len() > 100 || !printable {
            return Err(InvalidInput::new(
                "an envelope ID has to be 1 to 100 printable ASCII characters",
            ));
        }
        Ok(Self(id.into()))
    }
}

/// By when a mail has to be delivered, in seconds from when the server took it.
///
/// Without more, the sender is told when it was not in time, and the mail goes
/// on (mode N).
///
/// Source: RFC 2852 section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverBy {
    pub(crate) seconds: i32,
    pub(crate) return_late: bool,
    pub(crate) trace: bool,
}

impl DeliverBy {
    /// Within `seconds`, -999,999,999 to 999,999,999; times that are over or 0
    /// make sense with notifications only.
    ///
    /// # Errors
    ///
    /// A number out of that range.
    pub fn new(seconds: i32) -> Result<Self, InvalidInput> {
        if seconds.unsigned_abs() > 999_999_999 {
            return Err(InvalidInput::new(
                "a time to deliver by has to have at most 9 digits",
            ));
        }
        Ok(Self {
            seconds,
            return_late: false,
            trace: false,
        })
    }

    /// Mode R: a mail that is late comes back instead of being delivered. Needs
    /// a time of at least 1 s. A server refuses what is shorter than its least,
    /// [`Capabilities::deliver_by_min`](crate::Capabilities::deliver_by_min).
    ///
    /// # Errors
    ///
    /// A time below 1 s.
    pub fn or_return(mut self) -> Result<Self, InvalidInput> {
        if self.seconds < 1 {
            return Err(InvalidInput::new(
                "a mail can be returned when it is late only with a time of at least 1 second",
            ));
        }
        self.return_late = true;
        Ok(self)
    }

    /// Mode T: each relay on its way is reported.
    #[must_use]
    pub fn with_trace(mut self) -> Self {
        self.trace = true;
        self
    }
}

/// How long the server keeps a mail back.
///
/// Source: RFC 4865 sections 4 and 5.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hold(pub(crate) HoldKind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HoldKind {
    For(u32),
    Until(Box<str>),
}

impl Hold {
    /// `HOLDFOR=`: 1 to 999,999,999 seconds. A server refuses what is longer than
    /// its most, [`Capabilities::hold_max`](crate::Capabilities::hold_max).
    ///
    /// # Errors
    ///
    /// A number out of that range.
    pub fn seconds(seconds: u32) -> Result<Self, InvalidInput> {
        if !(1..=999_999_999).contains(&seconds) {
            return Err(InvalidInput::new(
                "a mail can be held for 1 to 999999999 seconds",
            ));
        }
        Ok(Self(HoldKind::For(seconds)))
    }

    /// `HOLDUNTIL=`: a moment such as `2027-01-31T08:00:00Z` (RFC 3339).
    ///
    /// # Errors
    ///
    /// Another form of it.
    pub fn until(date_time: &str) -> Result<Self, InvalidInput> {
        if !is_date_time(date_time) {
            return Err(InvalidInput::new(
                "a moment to hold a mail until has to have the form 2027-01-31T08:00:00Z",
            ));
        }
        Ok(Self(HoldKind::Until(date_time.into())))
    }
}

/// Before which others a mail goes: -9 to 9, 0 as by default.
///
/// Source: RFC 6710 section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Priority(i8);

impl Priority {
    /// The priority `value`.
    ///
    /// # Errors
    ///
    /// A number out of range.
    pub fn new(value: i8) -> Result<Self, InvalidInput> {
        if !(-9..=9).contains(&value) {
            return Err(InvalidInput::new("a priority has to be -9 to 9"));
        }
        Ok(Self(value))
    }
}

/// Source: RFC 3461 section 4.3.
pub(crate) fn push_ret(line: &mut String, ret: Ret) {
    line.push_str(match ret {
        Ret::Full => " RET=FULL",
        Ret::Headers => " RET=HDRS",
    });
}

/// Source: RFC 3461 section 4.4.
pub(crate) fn push_envelope_id(line: &mut String, id: &EnvelopeId) {
    line.push_str(" ENVID=");
    push_xtext(line, &id.0);
}

/// Source: RFC 3461 section 4.1.
pub(crate) fn push_notify(line: &mut String, notify: Notify) {
    line.push_str(" NOTIFY=");
    let Notify::On {
        success,
        failure,
        delay,
    } = notify
    else {
        line.push_str("NEVER");
        return;
    };
    let when = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
    let chosen: Vec<_> = when
        .iter()
        .filter_map(|&(on, name)| on.then_some(name))
        .collect();
    if chosen.is_empty() {
        line.push_str("NEVER");
    } else {
        line.push_str(&chosen.join(","));
    }
}

/// Source: RFC 3461 section 4.2, RFC 6533 section 3 for what is beyond ASCII.
pub(crate) fn push_original(line: &mut String, original: &Address) {
    line.push_str(" ORCPT=");
    if original.is_ascii() {
        line.push_str("rfc822;");
        push_xtext(line, original.as_str());
        return;
    }
    line.push_str("utf-8;");
    for c in original.as_str().chars() {
        match c {
            '\\' | '+' | '=' => {
                let _ = write!(line, "\\x{{{:X}}}", u32::from(c));
            }
            // Beyond ASCII it may stand as it is with SMTPUTF8 only.
            c if c <= ' ' || c >= '\x7f' => {
                let _ = write!(line, "\\x{{{:X}}}", u32::from(c));
            }
            c => line.push(c),
        }
    }
}

/// Source: RFC 2852 section 4.
pub(crate) fn push_deliver_by(line: &mut String, by: DeliverBy) {
    let mode = if by.return_late { 'R' } else { 'N' };
    let trace = if by.trace { "T" } else { "" };
    let _ = write!(line, " BY={};{mode}{trace}", by.seconds);
}

/// Source: RFC 4865 section 5.
pub(crate) fn push_hold(line: &mut String, hold: &Hold) {
    let _ = match &hold.0 {
        HoldKind::For(seconds) => write!(line, " HOLDFOR={seconds}"),
        HoldKind::Until(date_time) => write!(line, " HOLDUNTIL={date_time}"),
    };
}

/// Source: RFC 6710 section 4.
pub(crate) fn push_priority(line: &mut String, priority: Priority) {
    let _ = write!(line, " MT-PRIORITY={}", priority.0);
}

/// Source: RFC 3461 section 4.
fn push_xtext(line: &mut String, text: &str) {
    for b in text.bytes() {
        match b {
            b'+' | b'=' | ..=b' ' | b'\x7f'.. => {
                let _ = write!(line, "+{b:02X}");
            }
            b => line.push(char::from(b)),
        }
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.digits](Z|+HH:MM|-HH:MM)`; RFC 3339 section 5.6.
fn is_date_time(text: &str) -> bool {
    let Some((head, tail)) = text.split_at_checked(19) else {
        return false;
    };
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(b, s)| match s {
                b'0' => b.is_ascii_digit(),
                s => b == s,
            })
    };
    let zone = match tail.strip_prefix('.') {
        Some(rest) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == rest.len() {
                return false;
            }
            zone
        }
        None => tail,
    };
    tail.len() <= 16
        && shaped(head, "0000-00-00T00:00:00")
        && (zone == "Z" || shaped(zone, "+00:00") || shaped(zone, "-00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(push: impl FnOnce(&mut String)) -> String {
        let mut line = String::new();
        push(&mut line);
        line
    }

    #[test]
    fn parameters_in_their_written_form() {
        assert_eq!(line(|l| push_ret(l, Ret::Full)), " RET=FULL");
        assert_eq!(line(|l| push_ret(l, Ret::Headers)), " RET=HDRS");
        let id = EnvelopeId::new("a+b=c d~").expect("an id");
        assert_eq!(line(|l| push_envelope_id(l, &id)), " ENVID=a+2Bb+3Dc+20d~");
        let on = |success, failure, delay| Notify::On {
            success,
            failure,
            delay,
        };
        for (notify, text) in [
            (Notify::Never, " NOTIFY=NEVER"),
            (on(false, false, false), " NOTIFY=NEVER"),
            (on(true, false, true), " NOTIFY=SUCCESS,DELAY"),
            (on(false, true, false), " NOTIFY=FAILURE"),
        ] {
            assert_eq!(line(|l| push_notify(l, notify)), text);
        }
        let original = |text| Address::new(text).expect("an address");
        assert_eq!(
            line(|l| push_original(l, &original("\"a =\"@b"))),
            " ORCPT=rfc822;\"a+20+3D\"@b"
        );
        assert_eq!(
            line(|l| push_original(l, &original("\"ü +\"@b"))),
            " ORCPT=utf-8;\"\\x{FC}\\x{20}\\x{2B}\"@b"
        );
        let by = DeliverBy::new(-5).expect("a time");
        assert_eq!(line(|l| push_deliver_by(l, by)), " BY=-5;N");
        let by = DeliverBy::new(120)
            .and_then(DeliverBy::or_return)
            .expect("a time");
        assert_eq!(line(|l| push_deliver_by(l, by.with_trace())), " BY=120;RT");
        let hold = Hold::seconds(60).expect("a time");
        assert_eq!(line(|l| push_hold(l, &hold)), " HOLDFOR=60");
        let hold = Hold::until("2027-01-31T08:00:00+01:00").expect("a time");
        assert_eq!(
            line(|l| push_hold(l, &hold)),
            " HOLDUNTIL=2027-01-31T08:00:00+01:00"
        );
        let priority = Priority::new(-9).expect("a priority");
        assert_eq!(line(|l| push_priority(l, priority)), " MT-PRIORITY=-9");
    }

    #[test]
    fn what_no_command_may_have_is_refused() {
        for id in ["", "ü", "a\nb", &"x".repeat(101), &"+".repeat(34)] {
            assert!(EnvelopeId::new(id).is_err(), "{id}");
        }
        assert!(EnvelopeId::new(&"x".repeat(100)).is_ok());
        assert!(DeliverBy::new(1_000_000_000).is_err());
        assert!(DeliverBy::new(i32::MIN).is_err());
        assert!(DeliverBy::new(0).and_then(DeliverBy::or_return).is_err());
        assert!(Hold::seconds(0).is_err());
        assert!(Hold::seconds(1_000_000_000).is_err());
        assert!(Priority::new(10).is_err());
        assert!(Priority::new(-10).is_err());
        for moment in [
            "",
            "tomorrow",
            "2027-01-31",
            "2027-01-31 08:00:00Z",
            "2027-01-31T08:00:00",
            "2027-01-31T08:00:00.Z",
            "2027-01-31T08:00:00Z\r\nRCPT",
            "2027-01-31T08:00:00.000000000000000Z",
            "2027-01-31T08:00:0üZ",
        ] {
            assert!(Hold::until(moment).is_err(), "{moment}");
        }
        assert!(Hold::until("2027-01-31T08:00:00.5Z").is_ok());
    }
}
