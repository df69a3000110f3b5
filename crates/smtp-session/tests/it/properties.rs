//! What holds with any server: any replies, any splits, any faults.

use crate::peer::{Act, Mail, Shape, Stream, mails, rules, scripted, shaped, try_now, wire};
use proptest::prelude::*;
use smtp_session::{
    Address, Body, Delivery, Envelope, Error, Form, Options, Outcome, Protocol, Receipt, Security,
    Session,
};
use std::fmt;
use std::future::ready;

/// What is different from a good session.
#[derive(Clone)]
struct Case {
    extensions: Vec<&'static str>,
    /// At the how manyth line the server does what.
    acts: Vec<(usize, Act)>,
    shape: Shape,
    recipients: usize,
    body: Vec<u8>,
    stream: bool,
    lmtp: bool,
    last: bool,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(80)]);
        write!(
            f,
            "{:?} {:?} {:?} to {}, {} bytes {start:?}, stream {} lmtp {} last {}",
            self.extensions,
            self.acts,
            self.shape,
            self.recipients,
            self.body.len(),
            self.stream,
            self.lmtp,
            self.last
        )
    }
}

fn replies() -> impl Strategy<Value = Act> {
    let reply = prop_oneof![
        Just("250 ok"),
        Just("250-two\r\n250 lines"),
        Just("221 bye"),
        Just("251 elsewhere"),
        Just("354 go on"),
        Just("334 "),
        Just("421 4.3.2 going"),
        Just("450 4.2.0 later"),
        Just("452 4.5.3 too many"),
        Just("550 5.1.1 no"),
        Just("552 5.3.4 too big"),
        Just("hello"),
        Just("250-one\r\n550 two"),
    ];
    prop_oneof![
        10 => reply.prop_map(crate::peer::say),
        1 => Just(crate::peer::hush()),
        1 => Just(crate::peer::end()),
    ]
}

fn extensions() -> impl Strategy<Value = Vec<&'static str>> {
    let all = vec![
        "PIPELINING",
        "CHUNKING",
        "8BITMIME",
        "SIZE 300000",
        "BINARYMIME",
    ];
    let len = all.len();
    proptest::sample::subsequence(all, 0..=len)
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop_oneof![
        8 => Just(b"line\r\n".to_vec()),
        4 => Just(b".\r\n".to_vec()),
        2 => Just(b"\n".to_vec()),
        2 => Just(b"\r\n.\r\n".to_vec()),
        1 => Just(b"word".repeat(100)),
        1 => Just("ü\r\n".into()),
        1 => Just(b"a long line, of which many make a long mail\r\n".repeat(1600)),
        1 => prop_oneof![Just(b"\r".to_vec()), Just(b"\0".to_vec()), Just(vec![b'x'; 999])],
    ];
    // Never empty: an empty one is what a client has to send in place of a mail
    // that nobody gets.
    let more = proptest::collection::vec(parts, 0..8);
    more.prop_map(|parts| [b"text\n".to_vec(), parts.concat()].concat())
}

fn shapes() -> impl Strategy<Value = Shape> {
    let len = || prop_oneof![3 => Just(usize::MAX), 1 => 1..200_usize, 1 => Just(4096)];
    let broken_at = proptest::option::weighted(0.2, 0..4000_usize);
    (
        len(),
        len(),
        prop_oneof![3 => Just(usize::MAX), 2 => Just(4096)],
        broken_at,
    )
        .prop_map(|(read_len, write_len, buffer_len, broken_at)| Shape {
            buffer_len,
            read_len,
            write_len,
            broken_at,
            keep_wire: true,
        })
}

fn cases() -> impl Strategy<Value = Case> {
    (
        extensions(),
        proptest::collection::vec((0..14_usize, replies()), 0..4),
        shapes(),
        1..5_usize,
        bodies(),
        any::<(bool, bool)>(),
        proptest::bool::weighted(0.2),
    )
        .prop_map(
            |(extensions, acts, shape, recipients, body, (stream, last), lmtp)| Case {
                extensions,
                acts,
                shape,
                recipients,
                body,
                stream,
                lmtp,
                last,
            },
        )
}

impl Case {
    /// Nothing about the session goes wrong; then what is said of the mail, and
    /// the stream.
    fn run(&self) -> Option<(Result<Receipt, Error>, Stream)> {
        let acts = self.acts.clone();
        let mut line = 0;
        let mut rules = rules(&self.extensions);
        let mut options = Options::default();
        if self.lmtp {
            rules = rules.lmtp();
            options = options.protocol(Protocol::Lmtp);
        }
        let peer = scripted(rules, move |_| {
            line += 1;
            let (_, act) = acts.iter().find(|(at, _)| at + 1 == line)?;
            act.clone()
        });
        let stream = shaped(&peer, self.shape);
        let security = Security::Tls { exporter: None };
        let session = Session::with_options(stream.clone(), security, options);
        let mut session = session.with_deadlines(|_| Box::pin(ready(())));
        try_now(session.hello("client.example"))?.ok()?;
        let envelope = (0..self.recipients).fold(Envelope::null_sender(), |envelope, n| {
            envelope.to(Address::new(&format!("r{n}@example.com")).expect("an address"))
        });
        let body = match self.stream {
            true => Body::stream(&self.body[..]),
            false => Body::bytes(&self.body),
        };
        let binary = self.extensions.contains(&"BINARYMIME") && self.recipients == 1;
        let body = match binary && self.extensions.contains(&"CHUNKING") {
            true => body.form(Form::default().binary()),
            false => body,
        };
        let result = match self.last {
            true => try_now(session.send_and_quit(&envelope, body)),
            false => try_now(session.send(&envelope, body)),
        };
        // Deadlines are over at once: it can't wait for ever.
        Some((result.expect("an end"), stream))
    }

    fn is_binary(&self) -> bool {
        let has = |name| self.extensions.contains(&name);
        self.recipients == 1 && has("BINARYMIME") && has("CHUNKING")
    }
}

/// Whether the end of the mail was offered to the stream: it is in what the
/// server has or would have read.
fn was_offered(stream: &Stream) -> bool {
    stream.see(|link| {
        let wire = [&link.wire[..], &link.offered].concat();
        crate::peer::has_end(&wire)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn claims_are_true(case in cases()) {
        let Some((result, stream)) = case.run() else { return Ok(()) };
        let mails = mails(&stream);
        // What the server took over, whether or not its reply came through.
        let good = |mail: &Mail| mail.is_taken() && !mail.reply.starts_with("221");
        let taken = mails.iter().any(|mail| good(mail) && !mail.content.is_empty());
        match &result {
            Ok(receipt) => {
                prop_assert!(receipt.reply().is_positive());
                prop_assert!(taken, "a receipt for no mail");
                let delivered = receipt.outcomes().filter(|(_, one)| **one == Outcome::Delivered);
                let delivered: Vec<_> = delivered.map(|(to, _)| to.to_string()).collect();
                let to = &mails[0].recipients;
                prop_assert!(delivered.iter().all(|one| to.contains(one)), "{delivered:?} {to:?}");
                if !case.lmtp {
                    prop_assert_eq!(&delivered, to);
                }
                let expected = match case.is_binary() {
                    true => case.body.clone(),
                    false => normalized(&case.body),
                };
                prop_assert_eq!(&mails[0].content, &expected);
            }
            Err(error) => match error.delivery() {
                Delivery::Sent => prop_assert!(false, "an error of a mail that was sent"),
                Delivery::NotSent => prop_assert!(!taken, "{error:?}"),
                Delivery::MaybeSent => prop_assert!(was_offered(&stream), "{error:?}"),
                _ => prop_assert!(false, "another claim"),
            },
        }
    }

    #[test]
    fn nothing_bad_goes_over_the_wire(mut case in cases()) {
        // Its bodies are any bytes.
        case.extensions.retain(|name| *name != "BINARYMIME");
        let Some((_, stream)) = case.run() else { return Ok(()) };
        let wire = wire(&stream);
        prop_assert!(!wire.contains(&0));
        for (at, &b) in wire.iter().enumerate() {
            match b {
                b'\n' => prop_assert_eq!(at.checked_sub(1).map(|at| wire[at]), Some(b'\r')),
                b'\r' => prop_assert!(wire.get(at + 1).is_none_or(|&b| b == b'\n')),
                _ => {}
            }
        }
        // 998 octets, a doubled dot, and CR LF.
        let longest = wire.split_inclusive(|&b| b == b'\n').map(<[u8]>::len).max();
        prop_assert!(longest.is_none_or(|len| len <= 1001), "{longest:?}");
    }
}

fn normalized(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let mut text = text.replace('\n', "\r\n").into_bytes();
    if !text.is_empty() && !text.ends_with(b"\r\n") {
        text.extend(b"\r\n");
    }
    text
}
