//! Conversations without a connection: `C` sends, `S` answers.

use super::*;

/// A conversation after its EHLO.
fn greeted(hide_auth: bool) -> Dialogue {
    let mut dialogue = Dialogue::new(hide_auth);
    assert_eq!(dialogue.awaits(), Phase::Greeting);
    receive(&mut dialogue, "220 test ESMTP\r\n");
    send(&mut dialogue, "EHLO client\r\n");
    receive(&mut dialogue, "250-test\r\n250 SIZE\r\n");
    assert!(dialogue.is_quiet());
    dialogue
}

fn send(dialogue: &mut Dialogue, text: &str) {
    dialogue.send(text.as_bytes()).unwrap();
}

fn receive(dialogue: &mut Dialogue, text: &str) -> String {
    let mut seen = Vec::new();
    dialogue.receive(text.as_bytes(), &mut seen);
    String::from_utf8(seen).unwrap()
}

#[test]
fn every_command_has_its_phase() {
    for (command, phase) in [
        ("EHLO client\r\n", Phase::Ehlo),
        ("ehlo\r\n", Phase::Ehlo),
        ("STARTTLS\r\n", Phase::StartTls),
        ("AUTH PLAIN AGEAYg==\r\n", Phase::Auth),
        ("MAIL FROM:<a@b>\r\n", Phase::Mail),
        ("RCPT TO:<a@b>\r\n", Phase::Rcpt),
        ("DATA\r\n", Phase::DataInitiation),
        ("QUIT\r\n", Phase::Quit),
        ("NOOP\r\n", Phase::Command),
        ("DATABASE\r\n", Phase::Command),
        ("STARTTLSX\r\n", Phase::Command),
        ("\r\n", Phase::Command),
    ] {
        let mut dialogue = greeted(false);
        for byte in command.chars() {
            send(&mut dialogue, &byte.to_string());
        }
        assert_eq!(dialogue.awaits(), phase, "{command}");
        assert_eq!(dialogue.writes(), phase, "{command}");
        assert!(!dialogue.is_quiet());
        receive(&mut dialogue, "250-a\r\n250");
        assert_eq!(dialogue.awaits(), phase, "{command}");
        receive(&mut dialogue, " b\r\n");
        assert!(dialogue.is_quiet());
    }
}

#[test]
fn the_end_of_each_reply_is_told() {
    let mut dialogue = greeted(false);
    send(&mut dialogue, "RCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\n");
    for (bytes, ended) in [
        ("250-ok\r\n", false),
        ("250 ok\r\n2", true),
        ("50", false),
        (" ok\r", false),
        ("\n", true),
    ] {
        assert_eq!(
            dialogue.receive(bytes.as_bytes(), &mut Vec::new()),
            ended,
            "{bytes:?}"
        );
    }
}

#[test]
fn pipelined_commands_are_answered_in_their_order() {
    let mut dialogue = greeted(false);
    send(
        &mut dialogue,
        "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n",
    );
    for phase in [Phase::Mail, Phase::Rcpt, Phase::Rcpt, Phase::DataInitiation] {
        assert_eq!(dialogue.awaits(), phase);
        receive(&mut dialogue, "354 whatever\r\n");
    }
    assert_eq!(dialogue.writes(), Phase::DataBlock);
    send(&mut dialogue, "Subject: x\r\n\r\nQUIT\r\nDATA\r\n");
    assert!(dialogue.is_quiet(), "those are no commands");
    send(&mut dialogue, ".\r\n");
    assert_eq!(dialogue.awaits(), Phase::DataTermination);
    assert_eq!(dialogue.writes(), Phase::DataBlock);
    receive(&mut dialogue, "250 ok\r\n");
    send(&mut dialogue, "QUIT\r\n");
    assert_eq!(dialogue.awaits(), Phase::Quit);
    receive(&mut dialogue, "221 bye\r");
    assert!(!dialogue.is_over(), "it is not all there");
    receive(&mut dialogue, "\n");
    assert!(dialogue.is_over());
}

#[test]
fn a_mail_is_checked_behind_a_354_and_nowhere_else() {
    for (reply, checked) in [("354 go\r\n", true), ("554 no\r\n", false)] {
        let mut dialogue = greeted(false);
        send(&mut dialogue, "DATA\r\n");
        receive(&mut dialogue, reply);
        assert_eq!(dialogue.send(b"a\nb").is_err(), checked, "{reply}");
    }
    let mut dialogue = greeted(false);
    send(&mut dialogue, "NOOP\r\n");
    receive(&mut dialogue, "354 go\r\n");
    dialogue.send(b"a\nb").unwrap();
}

#[test]
fn responses_to_auth_are_no_commands_and_are_not_kept() {
    let mut dialogue = greeted(false);
    send(&mut dialogue, "AUTH LOGIN\r\n");
    // User name and password are such that their base64 looks like commands.
    for secret in ["DATA\r\n", "QUIT\r\n"] {
        receive(&mut dialogue, "334 VXNlcg==\r\n");
        send(&mut dialogue, secret);
        assert_eq!(dialogue.awaits(), Phase::Auth);
        assert_eq!(dialogue.command.bytes, [0; HEAD]);
    }
    receive(&mut dialogue, "235 ok\r\n");
    send(&mut dialogue, "DATA\r\n");
    assert_eq!(dialogue.awaits(), Phase::DataInitiation);
}

#[test]
fn a_221_is_the_end_as_the_reply_to_quit_only() {
    let mut dialogue = greeted(false);
    send(&mut dialogue, "NOOP\r\nQUIT\r\n");
    receive(&mut dialogue, "221 bye\r\n");
    assert!(!dialogue.is_over());
    receive(&mut dialogue, "500 what?\r\n");
    assert!(!dialogue.is_over());
}

#[test]
fn a_reply_that_nobody_asked_for_is_noticed() {
    let mut dialogue = greeted(false);
    assert_eq!(dialogue.unasked(), None);
    send(&mut dialogue, "NOOP\r\n");
    receive(&mut dialogue, "250 ok\r\n2");
    assert!(!dialogue.is_quiet(), "the first byte is enough");
    receive(&mut dialogue, "35 welcome\r\n");
    assert_eq!(dialogue.unasked(), Some(235));
    assert!(!dialogue.is_quiet());
}

/// What is seen of an EHLO reply, however it is split.
fn seen(reply: &str) -> String {
    let mut all = Vec::new();
    for size in 1..=reply.len() {
        let mut dialogue = Dialogue::new(true);
        receive(&mut dialogue, "220 AUTH\r\n");
        send(&mut dialogue, "EHLO client\r\n");
        let parts = reply.as_bytes().chunks(size);
        let seen: String = parts
            .map(|part| receive(&mut dialogue, std::str::from_utf8(part).unwrap()))
            .collect();
        assert!(dialogue.is_quiet());
        // The next reply is left alone.
        send(&mut dialogue, "NOOP\r\n");
        assert_eq!(
            receive(&mut dialogue, "250-a\r\n250-AUTH PLAIN\r\n250 b\r\n"),
            "250-a\r\n250-AUTH PLAIN\r\n250 b\r\n"
        );
        all.push(seen);
    }
    all.dedup();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn auth_is_taken_out_of_ehlo_replies() {
    for (reply, expected) in [
        ("250 test\r\n", "250 test\r\n"),
        (
            "250-test\r\n250-AUTH PLAIN\r\n250 SIZE\r\n",
            "250-test\r\n250 SIZE\r\n",
        ),
        (
            "250-test\r\n250-SIZE\r\n250 AUTH PLAIN\r\n",
            "250-test\r\n250 SIZE\r\n",
        ),
        ("250-test\r\n250 auth=LOGIN\r\n", "250 test\r\n"),
        ("250-AUTH\r\n250-AUTH\r\n250 AUTH\r\n", "250 AUTH\r\n"),
        (
            "250-test\r\n250-AUTHX\r\n250-X-AUTH AUTH\r\n250 AUTH-X PLAIN\r\n",
            "250-test\r\n250-AUTHX\r\n250-X-AUTH AUTH\r\n250 AUTH-X PLAIN\r\n",
        ),
        (
            "250-test\r\n250- AUTH PLAIN\r\n250-\tAUTH\r\n250\r\n",
            "250-test\r\n250\r\n",
        ),
        ("500 AUTH\r\n", "500 AUTH\r\n"),
    ] {
        assert_eq!(seen(reply), expected);
    }
}

#[test]
fn auth_is_seen_where_it_is_allowed_and_in_tls() {
    let reply = "250-test\r\n250 AUTH PLAIN\r\n";
    let mut allowed = greeted(false);
    send(&mut allowed, "EHLO client\r\n");
    assert_eq!(receive(&mut allowed, reply), reply);
    let mut secured = greeted(true);
    secured.secured();
    send(&mut secured, "EHLO client\r\n");
    assert_eq!(receive(&mut secured, reply), reply);
}

#[test]
fn endless_replies_are_passed_on_and_not_kept() {
    for line in ["250-AUTH PLAIN\r\n", "250-SIZE\r\n", "x"] {
        let mut dialogue = greeted(true);
        send(&mut dialogue, "EHLO client\r\n");
        receive(&mut dialogue, "250-test\r\n");
        let mut seen = 0;
        for _ in 0..10_000 {
            seen += receive(&mut dialogue, line).len();
            let kept = dialogue.without_auth.as_ref().unwrap().kept();
            assert!(kept <= 2 * 1002, "{kept}");
        }
        assert!(seen > 5_000, "the client has to see that it does not end");
    }
}
