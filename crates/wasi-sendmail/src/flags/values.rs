//! The values of flags that have a grammar of their own.

/// When the server reports about a recipient (-N).
///
/// Source: RFC 3461 section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notify {
    Never,
    /// At least one of them.
    On {
        success: bool,
        failure: bool,
        delay: bool,
    },
}

impl Notify {
    /// `off`, which msmtp takes, asks for nothing.
    pub(super) fn parse(value: &str) -> Result<Option<Self>, String> {
        let value = value.to_ascii_lowercase();
        match value.as_str() {
            "off" => return Ok(None),
            "never" => return Ok(Some(Self::Never)),
            _ => {}
        }
        let (mut success, mut failure, mut delay) = (false, false, false);
        for word in value.split(',') {
            match word.trim() {
                "success" => success = true,
                "failure" => failure = true,
                "delay" => delay = true,
                _ => return Err("has to be never, or some of success,failure,delay".into()),
            }
        }
        Ok(Some(Self::On {
            success,
            failure,
            delay,
        }))
    }
}

/// What a report gives back of the mail (-R).
///
/// Source: RFC 3461 section 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    Full,
    Headers,
}

impl Return {
    /// `headers` and `off` are msmtp's.
    pub(super) fn parse(value: &str) -> Result<Option<Self>, String> {
        match value.to_ascii_lowercase().as_str() {
            "off" => Ok(None),
            "full" => Ok(Some(Self::Full)),
            "hdrs" | "headers" => Ok(Some(Self::Headers)),
            _ => Err("has to be full or hdrs".into()),
        }
    }
}

/// What the body is said to be (-B).
///
/// Source: RFC 6152.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    SevenBit,
    EightBitMime,
}

impl Body {
    pub(super) fn parse(value: &str) -> Result<Self, String> {
        match value.to_ascii_uppercase().as_str() {
            "7BIT" => Ok(Self::SevenBit),
            "8BITMIME" => Ok(Self::EightBitMime),
            _ => Err("has to be 7BIT or 8BITMIME".into()),
        }
    }
}

/// The envelope ID (-V): it is sent as xtext, where some characters take three.
///
/// Source: RFC 3461 sections 4 (xtext), 4.4 (its length).
pub(super) fn envelope_id(value: String) -> Result<String, String> {
    let encoded = value.bytes().map(|b| match b {
        b' ' | b'+' | b'=' => 3,
        _ => 1,
    });
    let len: usize = encoded.sum();
    if !(1..=100).contains(&len) || !value.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Err(
            "has to be 1 to 100 printable ASCII characters, where a space, + and = count as three"
                .into(),
        );
    }
    Ok(value)
}

/// The full name (-F); an empty one is none.
pub(super) fn full_name(value: String) -> Result<Option<String>, String> {
    if value.contains(char::is_control) {
        return Err("has a control character: leave that out".into());
    }
    Ok(Some(value).filter(|name| !name.is_empty()))
}
