//! What a refusal is about: its words, then its status, then the command.

use crate::support::{mailer, message};
use wasm_smtp_wasi::block_on;
use wasm_smtp_wasi::mailer::{LocalServer, Remedy};

fn remedy(command: &str, reply: &str) -> Option<Remedy> {
    let server = LocalServer::new();
    server.answer(command, reply, None);
    let error = block_on(mailer(&server).send(message())).expect_err(reply);
    error.remedy().cloned()
}

#[test]
fn a_refusal_is_judged_by_what_it_says() {
    let ehlo = || Remedy::SetEhlo("[0.0.0.0]".into());
    for (command, reply, helps) in [
        (
            "RCPT",
            "550 5.7.1 Helo command rejected: no full name",
            Some(ehlo()),
        ),
        ("RCPT", "504 5.5.2 <me>: EHLO name is wrong", Some(ehlo())),
        (
            "RCPT",
            "501 5.5.2 syntax error",
            Some(Remedy::OtherRecipient),
        ),
        (
            "RCPT",
            "550 5.7.1 Sender address rejected",
            Some(Remedy::OtherSender),
        ),
        (
            "RCPT",
            "550 5.7.60 may not send as this sender",
            Some(Remedy::OtherSender),
        ),
        ("RCPT", "550 5.1.7 bad address", Some(Remedy::OtherSender)),
        (".", "550 5.1.8 bad return path", Some(Remedy::OtherSender)),
        ("MAIL", "550 5.4.5 daily quota exceeded", None),
        ("RCPT", "552 5.5.3 too many", None),
        ("RCPT", "554 5.7.1 on a list", None),
        ("RCPT", "554 5.7.1 Relay access denied", Some(Remedy::LogIn)),
        (
            "RCPT",
            "550 nobody of this name",
            Some(Remedy::OtherRecipient),
        ),
        (".", "550 5.6.0 what", None),
    ] {
        assert_eq!(remedy(command, reply), helps, "{command} {reply}");
    }
}
