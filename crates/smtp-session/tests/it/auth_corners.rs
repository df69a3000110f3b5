//! AUTH, and what it changes, in places that are easy to get wrong.

use crate::peer::{at, good, lines, now, open, say, send, server, wire, write};
use base64ct::{Base64, Encoding as _};
use smtp_session::{Credentials, Error, Extension, Reply};
use std::sync::{Arc, Mutex};

/// AUTH behind a transaction that failed.
#[test]
fn auth_behind_a_refused_mail_is_not_within_its_transaction() {
    let mut open_mail = false;
    let peer = server(&["AUTH PLAIN"], move |line| {
        if line.starts_with("MAIL") {
            open_mail = true;
        }
        if line == "RSET" || line.starts_with("EHLO") {
            open_mail = false;
        }
        if line.starts_with("RCPT") {
            return say("530 5.7.0 log in first");
        }
        if line.starts_with("AUTH") && open_mail {
            return say("503 5.5.1 not within a transaction");
        }
        if line.starts_with("AUTH") {
            return say("235 in");
        }
        None
    });
    let (stream, mut session) = open(&peer);
    send(&mut session, &["a@b"], "x").expect_err("refused");
    assert!(session.is_usable());
    let credentials = Credentials::password("user", "secret").expect("credentials");
    let result = now(session.authenticate(&credentials));
    assert!(result.is_ok(), "{result:?} {:?}", lines(&stream));
}

/// Secrets that a server repeats.
fn auth_error(reply: &str) -> Error {
    auth_error_with("secret", reply)
}

fn auth_error_with(password: &str, reply: &str) -> Error {
    let reply = reply.to_owned();
    let peer = server(&["AUTH PLAIN"], move |line| {
        match line.starts_with("AUTH") {
            true => say(&reply),
            false => None,
        }
    });
    let (_, mut session) = open(&peer);
    let credentials = Credentials::password("user", password).expect("credentials");
    now(session.authenticate(&credentials)).expect_err("refused")
}

#[test]
fn a_421_to_auth_does_not_repeat_the_secret() {
    let error = auth_error("421 4.7.0 what is AUTH PLAIN AHVzZXIAc2VjcmV0 or secret");
    let text = error.reply().expect("a reply").text();
    assert!(
        !text.contains("AHVzZXIAc2VjcmV0") && !text.contains("secret"),
        "{text}"
    );
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_part_of_what_was_sent_is_not_repeated() {
    // All but the last character, as of a server that cuts what it repeats.
    let error = auth_error("501 5.5.2 what is AUTH PLAIN AHVzZXIAc2VjcmV...");
    let text = error.to_string();
    assert!(!text.contains("AHVzZXIAc2VjcmV"), "{text}");
}

/// Google shows passwords as four words, and takes them as one.
#[test]
fn a_password_of_several_words_is_not_repeated_in_whatever_words() {
    for (password, said) in [
        ("abcd efgh ijkl mnop", "abcd efgh ijkl mnop"),
        ("abcd efgh ijkl mnop", "abcdefghijklmnop"),
        ("abcdefghijklmnop", "abcd efgh\r\n535-ijkl\tmnop"),
        ("a b", "a b"),
        ("abcd efgh ijkl mnop", "<cd efgh ijkl...>"),
    ] {
        let error = auth_error_with(password, &format!("535-bad {said}\r\n535 for you"));
        let text = error.reply().expect("a reply").text().to_owned();
        assert!(
            text.starts_with("bad ***") && text.ends_with("for you"),
            "{text}"
        );
        for shown in [text, error.to_string()] {
            let joined: String = shown.split_whitespace().collect();
            for part in ["cdef", "ijkl", "mnop"] {
                assert!(!joined.contains(part), "{shown}");
            }
        }
    }
}

/// Hello.
#[test]
fn a_second_ehlo_behind_auth_that_is_answered_by_503_changes_nothing() {
    for helo in ["250 mail.example", "503 5.5.1 twice"] {
        let mut asked = false;
        let peer = server(&["AUTH PLAIN", "PIPELINING", "8BITMIME"], move |line| {
            if line.starts_with("EHLO") && std::mem::replace(&mut asked, true) {
                return say("503 5.5.1 you have said so already");
            }
            if line.starts_with("HELO") {
                return say(helo);
            }
            if line.starts_with("AUTH") {
                return say("235 in");
            }
            None
        });
        let (stream, mut session) = open(&peer);
        let credentials = Credentials::password("user", "secret").expect("credentials");
        now(session.authenticate(&credentials)).expect("in");
        let again = now(session.hello("client.example")).cloned();
        assert!(again.is_ok(), "{again:?} {:?}", lines(&stream));
        assert!(
            session.capabilities().has(Extension::EightBitMime),
            "{:?}",
            lines(&stream)
        );
    }
}

#[test]
fn what_the_body_needs_is_asked_for_behind_auth_too() {
    for (first, body) in [
        ("250-hi\r\n250 AUTH PLAIN\r\n", "\u{e4}".to_owned()),
        (
            "250-hi\r\n250-AUTH PLAIN\r\n250-SIZE 10\r\n250 8BITMIME\r\n",
            "x".repeat(50),
        ),
    ] {
        let mut asked = false;
        let peer = server(&["8BITMIME", "SIZE 1000"], move |line| {
            if line.starts_with("EHLO") && !std::mem::replace(&mut asked, true) {
                return write(first);
            }
            if line.starts_with("AUTH") {
                return say("235 in");
            }
            None
        });
        let (stream, mut session) = open(&peer);
        let credentials = Credentials::password("user", "secret").expect("credentials");
        now(session.authenticate(&credentials)).expect("in");
        let result = send(&mut session, &["a@b"], &body);
        assert!(result.is_ok(), "{result:?} {:?}", lines(&stream));
    }
}

/// A password that SASLprep forbids.
#[cfg(feature = "scram")]
#[test]
fn a_password_that_scram_does_not_allow_is_the_callers_fault() {
    let peer = server(&["AUTH SCRAM-SHA-256"], |line| {
        let encoded = line.strip_prefix("AUTH SCRAM-SHA-256 ")?;
        let first = String::from_utf8(Base64::decode_vec(encoded).expect("base64")).expect("text");
        let nonce = first.rsplit("r=").next().expect("a nonce");
        say(&format!(
            "334 {}",
            Base64::encode_string(format!("r={nonce}more,s=c2FsdA==,i=4096").as_bytes())
        ))
    });
    let (_, mut session) = open(&peer);
    let credentials = Credentials::password("user", "pass\u{7}word").expect("credentials");
    let error = now(session.authenticate(&credentials)).expect_err("not allowed");
    assert!(
        matches!(error.kind(), smtp_session::ErrorKind::Credentials(_)),
        "{error:?}: {error}"
    );
    assert!(session.is_usable());
}

/// OAUTHBEARER with a control character.
#[test]
fn no_field_of_oauthbearer_has_its_separator() {
    let credentials = Credentials::oauth_token("user", "tok").expect("credentials");
    let Ok(credentials) = credentials.act_as("x\u{1}host=evil\u{1}") else {
        return;
    };
    let peer = server(&["AUTH OAUTHBEARER"], at("none", None));
    let (stream, mut session) = open(&peer);
    let _ = now(session.authenticate(&credentials));
    let line = lines(&stream).pop().expect("a line");
    let sent = Base64::decode_vec(line.rsplit(' ').next().expect("a word")).expect("base64");
    let fields = sent.split(|&b| b == 1).count();
    assert_eq!(fields, 4, "{:?}", String::from_utf8_lossy(&sent));
}

/// The reason of a failure is no base64.
#[test]
fn a_failure_of_xoauth2_may_have_any_text() {
    let mut asked = false;
    let peer = server(&["AUTH XOAUTH2"], move |line| match line {
        _ if line.starts_with("AUTH") => {
            asked = true;
            say("334 {\"status\":\"401\"}")
        }
        "" if asked => say("535 5.7.8 expired"),
        _ => None,
    });
    let (_, mut session) = open(&peer);
    let credentials = Credentials::oauth_token("user", "tok").expect("credentials");
    let error = now(session.authenticate(&credentials)).expect_err("refused");
    assert_eq!(error.reply().map(Reply::code), Some(535), "{error}");
}

/// Nothing is sent once what was there is out of step.
#[test]
fn no_secret_leaves_behind_a_surplus_reply() {
    let (stream, mut session) = open(&good(&["AUTH PLAIN"]));
    stream.inject("250 surplus\r\n");
    let credentials = Credentials::password("user", "secret").expect("credentials");
    now(session.authenticate(&credentials)).expect_err("out of step");
    let wire = String::from_utf8(wire(&stream)).expect("text");
    assert!(!wire.contains("AUTH"), "{wire}");
}

/// In what it says unasked after the reply, too.
#[test]
fn what_follows_the_reply_to_auth_shows_no_secret() {
    for more in ["250 AHVzZXIAc2VjcmV0 secret", "secret AHVzZXIAc2VjcmV0"] {
        let script = move |line: &str| match line.starts_with("AUTH") {
            true => write(&format!("235 in\r\n{more}\r\n")),
            false => None,
        };
        let (_, mut session) = open(&server(&["AUTH PLAIN"], script));
        let said = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&said);
        session.set_transcript(move |_, line| log.lock().expect("no panic").push_str(line));
        let credentials = Credentials::password("user", "secret").expect("credentials");
        now(session.authenticate(&credentials)).expect("it is in");
        let error = now(session.noop()).expect_err("out of step");
        let said = said.lock().expect("no panic").clone();
        for shown in [error.to_string(), format!("{error:?}"), said] {
            assert!(
                !shown.contains("secret") && !shown.contains("AHVz"),
                "{shown}"
            );
        }
    }
}
