//! The values of flags that have a grammar of their own.

use wasm_smtp_wasi::smtp_session::{EnvelopeId, Notify, Ret};

/// When the server reports about a recipient (-N). `off`, which msmtp takes, asks
/// for nothing.
///
/// Source: RFC 3461 section 4.1.
pub(super) fn notify(value: &str) -> Result<Option<Notify>, String> {
    let value = value.to_ascii_lowercase();
    match value.as_str() {
        "off" => return Ok(None),
        "never" => return Ok(Some(Notify::Never)),
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
    Ok(Some(Notify::On {
        success,
        failure,
        delay,
    }))
}

/// What a report gives back of the mail (-R). `headers` and `off` are msmtp's.
///
/// Source: RFC 3461 section 4.3.
pub(super) fn ret(value: &str) -> Result<Option<Ret>, String> {
    match value.to_ascii_lowercase().as_str() {
        "off" => Ok(None),
        "full" => Ok(Some(Ret::Full)),
        "hdrs" | "headers" => Ok(Some(Ret::Headers)),
        _ => Err("has to be full or hdrs".into()),
    }
}

/// What the body is said to be (-B). It is looked at all the same, so that nothing
/// else comes of it.
///
/// Source: RFC 6152.
pub(super) fn body(value: &str) -> Result<(), String> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" | "8BITMIME" => Ok(()),
        _ => Err("has to be 7BIT or 8BITMIME".into()),
    }
}

/// The envelope ID (-V).
///
/// Source: RFC 3461 section 4.4.
pub(super) fn envelope_id(value: &str) -> Result<EnvelopeId, String> {
    EnvelopeId::new(value).map_err(|wrong| format!("is wrong: {wrong}"))
}

/// The full name (-F); an empty one is none.
pub(super) fn full_name(value: String) -> Result<Option<String>, String> {
    if value.contains(char::is_control) {
        return Err("has a control character: leave that out".into());
    }
    Ok(Some(value).filter(|name| !name.is_empty()))
}
