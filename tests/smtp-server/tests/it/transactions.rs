//! Mails from their envelope to the server's record.

use crate::talk::{Client, DATA, EHLO};
use smtp_test_server::{By, Deviation, Rules, Server};

/// A mail whose dots all need care, as sent after DATA and as meant.
const STUFFED: &[u8] = b"A: \xff\0\r\n\r\n..\r\n...a\r\nb.\r\n..c\r\n\r\n.\r\n";
const MEANT: &[u8] = b"A: \xff\0\r\n\r\n.\r\n..a\r\nb.\r\n.c\r\n\r\n";

#[test]
fn a_mail_is_kept_byte_for_byte_in_any_pieces() {
    for piece in [1, 2, 3, 7, usize::MAX] {
        let mut client = Client::open(Rules::default().offer(["BINARYMIME"]));
        client.talk(
            "MAIL FROM:<> SIZE=30 BODY=8BITMIME | RCPT TO:<b@test.local> | DATA -> 250 | 250 | 354",
        );
        let chunks = STUFFED.chunks(piece.min(STUFFED.len()));
        let said: String = chunks.map(|chunk| client.send(chunk)).collect();
        assert_eq!(said, "250 2.0.0 queued as 000001\r\n");
        client.talk("MAIL FROM:<a@b> BODY=BINARYMIME | RCPT TO:<c@d> -> 250 | 250");
        let mut chunks = b"BDAT 7\r\na\n.\r\n.\nBDAT 6 LAST\r\n.\r\nend".chunks(piece.min(41));
        let said: String = chunks.by_ref().map(|chunk| client.send(chunk)).collect();
        assert_eq!(
            said,
            "250 2.0.0 7 octets received\r\n250 2.0.0 queued as 000002\r\n"
        );
        let [first, second] = &client.server.mails()[..] else {
            panic!("two mails");
        };
        assert_eq!((&first.content[..], first.by), (MEANT, By::Data));
        assert_eq!(first.parameters, ["SIZE=30", "BODY=8BITMIME"]);
        assert_eq!(
            (first.ehlo.as_str(), first.sender.as_str()),
            ("client.test", "")
        );
        assert_eq!(first.recipients, ["b@test.local"]);
        assert_eq!(
            (&second.content[..], second.by),
            (&b"a\n.\r\n.\n.\r\nend"[..], By::Bdat)
        );
        assert_eq!(
            (second.sender.as_str(), &*second.recipients[0]),
            ("a@b", "c@d")
        );
        assert!(!format!("{first:?}").contains("A: "));
    }
}

#[test]
fn pipelined_commands_are_answered_one_by_one() {
    let server = Server::with(Rules::default(), |asked| {
        let no = asked.is("rcpt to:<no@");
        no.then(|| Deviation::say("550 5.1.1 no such user"))
    });
    let mut client = Client::of(server);
    client.talk(EHLO);
    client.talk(
        "MAIL FROM:<a@test.local> | RCPT TO:<no@test.local> | RCPT TO:<b@test.local> | DATA \
            -> 250 2.1.0 | 550 5.1.1 no such user | 250 2.1.5 | 354
        x | . | MAIL FROM:<> | RCPT TO:<c@test.local> -> 250 2.0.0 | 250 2.1.0 | 250 2.1.5",
    );
    assert_eq!(client.server.mails()[0].recipients, ["b@test.local"]);
}

#[test]
fn a_mail_cut_off_is_not_received() {
    let mut client = Client::open(Rules::default());
    client.talk(DATA);
    client.send("half a\r\n.");
    let server = client.server.clone();
    drop(client);
    let seen = server.seen();
    assert!(seen.mails.is_empty());
    let connection = &seen.connections[0];
    assert!(connection.closed && !connection.quit);
    assert_eq!(connection.verbs(), ["EHLO", "MAIL", "RCPT", "DATA"]);
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let mut client = Client::new(Rules::default().lmtp());
    client.talk("EHLO a -> 500\nLHLO a -> 250-");
    client.talk("MAIL FROM:<> | RCPT TO:<a@b> | RCPT TO:<c@d> | DATA -> 250 | 250 | 250 | 354");
    client.talk("x | . -> 250 | 250");
    client.talk("MAIL FROM:<> | RCPT TO:<a@b> | RCPT TO:<c@d> -> 250 | 250 | 250");
    client.talk("BDAT 3 LAST | x -> 250 | 250");
    assert_eq!(client.server.mails().len(), 2);
    client.talk("QUIT -> 221");
    assert!(client.is_over() && client.server.seen().connections[0].quit);
}

#[test]
fn what_can_not_be_kept_is_refused() {
    let mut client = Client::open(Rules::default());
    client.server.keep(|mail| mail.sender.is_empty());
    client.talk(DATA);
    client.talk("x | . -> 451 4.3.0");
    client.talk("MAIL FROM:<> | RCPT TO:<a@b> | DATA -> 250 | 250 | 354");
    client.talk("x | . -> 250");
    let seen = client.server.seen();
    assert_eq!((seen.mails.len(), seen.taken().len()), (2, 1));
    // It may ask the server, and with LMTP each recipient is told.
    let mut client = Client::new(Rules::default().lmtp());
    let server = client.server.clone();
    client.server.keep(move |_| !server.mails().is_empty());
    client.talk("LHLO a -> 250-");
    client.talk("MAIL FROM:<> | RCPT TO:<a@b> | RCPT TO:<c@d> | DATA -> 250 | 250 | 250 | 354");
    client.talk("x | . -> 451 | 451");
}

#[cfg(all(feature = "folder", not(target_family = "wasm")))]
#[test]
fn a_folder_has_the_mails_and_keeps_what_is_there() {
    let folder = std::env::temp_dir().join(format!("smtp-test-server-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("000001.eml"), "mine").expect("a file");
    let mut client = Client::open(Rules::default());
    client.server.keep_in(&folder);
    client.talk(DATA);
    client.talk("x | . -> 250");
    client.server.keep_in(folder.join("missing"));
    client.talk(DATA);
    client.talk("x | . -> 451");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
    assert_eq!(read("000001.eml"), "mine");
    assert_eq!(read("000002.eml"), "x\r\n");
    let envelope = "MAIL FROM:<a@test.local>\r\nRCPT TO:<b@test.local>\r\n";
    assert_eq!(read("000002.envelope"), envelope);
    // What is there stays, and what is refused is not there.
    std::fs::write(folder.join("000003.envelope"), "mine").expect("a file");
    client.server.keep_in(&folder);
    client.talk(DATA);
    client.talk("x | . -> 451");
    assert_eq!(read("000003.envelope"), "mine");
    assert!(!folder.join("000003.eml").exists());
    std::fs::remove_dir_all(folder).expect("it is ours");
}
