//! Addresses beyond ASCII and servers without SMTPUTF8.

use crate::peer::{PIPELINED, connect, envelope, good, lines, mails, now, say, send, server};
use smtp_session::{
    Address, Body, Delivery, Envelope, ErrorKind, Extension, Options, Outcome, Security, Session,
};

/// As a library of IDNA would, for one domain.
fn ascii(domain: &str) -> Option<String> {
    match domain {
        "b\u{fc}cher.example" => Some("xn--bcher-kva.example".into()),
        "evil\u{e4}" => Some("x>\r\nRCPT TO:<y".into()),
        "odd\u{e4}" => Some("y@z".into()),
        "same\u{e4}" => Some(domain.into()),
        _ => None,
    }
}

fn options() -> Options {
    Options::default().ascii_domain(ascii)
}

fn commands(lines: &[String]) -> Vec<&str> {
    let all = lines.iter().map(String::as_str);
    all.filter(|line| line.starts_with("MAIL") || line.starts_with("RCPT"))
        .collect()
}

#[test]
fn domains_go_as_a_labels_and_the_receipt_names_them_as_given() {
    let stream = connect(&good(&PIPELINED));
    let mut session = Session::with_options(stream.clone(), Security::Plaintext, options());
    now(session.hello("client.example")).expect("EHLO");
    let sender = Address::new("info@b\u{fc}cher.example").expect("an address");
    let to = Address::new("you@b\u{fc}cher.example").expect("an address");
    let mail = Envelope::new(sender.clone()).to(to.clone());
    let receipt = now(session.send(&mail, Body::bytes("x"))).expect("a receipt");
    assert!(receipt.is_complete());
    assert_eq!(receipt.outcomes().next(), Some((&to, &Outcome::Delivered)));
    let expected = [
        "MAIL FROM:<info@xn--bcher-kva.example>",
        "RCPT TO:<you@xn--bcher-kva.example>",
    ];
    assert_eq!(commands(&lines(&stream)), expected);
}

#[test]
fn a_server_with_smtputf8_gets_them_as_they_are() {
    let stream = connect(&good(&["SMTPUTF8", "PIPELINING"]));
    let mut session = Session::with_options(stream.clone(), Security::Plaintext, options());
    now(session.hello("client.example")).expect("EHLO");
    let _ = send(&mut session, &["you@b\u{fc}cher.example"], "x").expect("a receipt");
    let lines = lines(&stream);
    let rcpt = commands(&lines)[1];
    assert_eq!(rcpt, "RCPT TO:<you@b\u{fc}cher.example>");
}

#[test]
fn who_has_no_form_in_ascii_alone_stays_without_the_mail() {
    let none = Outcome::Unsupported(Extension::SmtpUtf8);
    for odd in [
        "j\u{f6}rg@b.example",
        "j\u{f6}rg@b\u{fc}cher.example",
        "a@unknown\u{e4}",
        "a@evil\u{e4}",
        "a@odd\u{e4}",
        "a@same\u{e4}",
    ] {
        for all in [[odd, "plain@b"], ["plain@b", odd]] {
            let stream = connect(&good(&PIPELINED));
            let mut session = Session::with_options(stream.clone(), Security::Plaintext, options());
            now(session.hello("client.example")).expect("EHLO");
            let receipt = send(&mut session, &all, "x").expect("one got it");
            assert!(!receipt.is_complete(), "{odd}");
            assert_eq!(receipt.refused().count(), 0);
            for (to, outcome) in receipt.outcomes() {
                let expected = if to.as_str() == odd {
                    &none
                } else {
                    &Outcome::Delivered
                };
                assert_eq!(outcome, expected, "{odd}");
            }
            assert_eq!(commands(&lines(&stream))[1..], ["RCPT TO:<plain@b>"]);
            // Nothing is left over.
            let _ = send(&mut session, &["plain@b"], "y").expect("the next mail");
            assert_eq!(mails(&stream).len(), 2);
        }
    }
}

#[test]
fn a_mail_that_needs_it_as_a_whole_is_not_sent() {
    let odd = Address::new("j\u{f6}rg@b.example").expect("an address");
    let plain = Address::new("a@b").expect("an address");
    for mail in [
        Envelope::new(odd.clone()).to(plain.clone()),
        Envelope::new(plain.clone()).to(odd),
        Envelope::new(plain.clone()).to(plain).smtputf8(),
    ] {
        let stream = connect(&good(&PIPELINED));
        let mut session = Session::with_options(stream.clone(), Security::Plaintext, options());
        now(session.hello("client.example")).expect("EHLO");
        let error = now(session.send(&mail, Body::bytes("x"))).expect_err("no SMTPUTF8");
        let ErrorKind::Unsupported(Extension::SmtpUtf8) = error.kind() else {
            panic!("{error:?}")
        };
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert_eq!(commands(&lines(&stream)), [""; 0]);
        assert!(session.is_usable());
    }
}

#[test]
fn an_error_names_them_too() {
    let peer = server(&PIPELINED, |line| {
        line.starts_with("RCPT")
            .then(|| say("550 5.1.1 nobody"))
            .flatten()
    });
    let mut session = Session::new(connect(&peer), Security::Plaintext);
    now(session.hello("client.example")).expect("EHLO");
    let mail = envelope(&["\u{fc}@b", "a@b"]);
    let error = now(session.send(&mail, Body::bytes("x"))).expect_err("refused");
    assert!(matches!(error.kind(), ErrorKind::NoRecipients));
    let outcomes: Vec<_> = error
        .outcomes()
        .map(|(_, outcome)| outcome.clone())
        .collect();
    assert_eq!(outcomes[0], Outcome::Unsupported(Extension::SmtpUtf8));
    assert!(matches!(outcomes[1], Outcome::Refused(_)));
}
