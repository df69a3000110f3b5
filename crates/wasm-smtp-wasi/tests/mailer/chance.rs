//! Servers that do anything at any time: what is said of each recipient is true.

use crate::support::{Behind, Path, envelope, quickly};
use futures_util::stream;
use std::collections::HashMap;
use std::time::Duration;
use wasm_smtp_wasi::block_on;
use wasm_smtp_wasi::mailer::{Fate, LocalServer, Mailer, Message};
use wasm_smtp_wasi::smtp_session::Options;

/// Numbers that are the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const COMMANDS: [&str; 13] = [
    "CONNECT",
    "EHLO",
    "AUTH",
    "MAIL",
    "RCPT",
    "RCPT TO:<r0@",
    "RCPT TO:<r1@",
    "DATA",
    "BDAT",
    ".",
    "RSET",
    "NOOP",
    "QUIT",
];

const REPLIES: [&str; 9] = [
    "",
    "421 4.3.2 going down",
    "450 4.2.0 later",
    "452 4.5.3 too many recipients",
    "550 5.1.1 nobody",
    "535 5.7.8 bad credentials",
    "354 what",
    "999 what",
    "no reply at all",
];

/// Replies to a mail's end. Elsewhere, one too many passes for that to the mail, and a
/// server that says what is not so can't be seen through.
const LAST_REPLIES: [&str; 2] = [
    "451 4.3.0 later\r\n250 2.0.0 ok",
    "554 5.7.1 no\r\n421 4.7.0 and good-bye",
];

#[test]
fn what_is_said_of_each_recipient_is_true() {
    for seed in 1..100 {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let server = LocalServer::new();
        for _ in 0..chance.below(8) {
            let times = u32::try_from(1 + chance.below(4)).expect("it is small");
            server.answer(chance.of(&COMMANDS), chance.of(&REPLIES), Some(times));
            if chance.below(8) == 0 {
                server.answer(".", chance.of(&LAST_REPLIES), Some(times));
            }
        }
        let path = chance.of(&[Path::Distant, Path::StalledBehind("never")]);
        let mailer = Mailer::over(Behind(server.clone(), path))
            .password("me", "secret")
            .retry(quickly(
                1 + u32::try_from(chance.below(4)).expect("it is small"),
            ))
            .connections(1 + chance.below(3))
            .mails_per_connection(1 + u32::try_from(chance.below(4)).expect("it is small"))
            .check_after(chance.of(&[Duration::ZERO, Duration::MAX]))
            .session_options(Options::default().chunking(chance.of(&[true, false])))
            .build()
            .expect("a mailer");
        let len = chance.of(&[0, 10, 14_000]);
        let mails: Vec<_> = (0..6)
            .map(|number| {
                let text = format!("x: {number}\n\n{}", "text\n".repeat(len));
                let close = server.clone();
                let (at, mut events) = (chance.below(60), 0);
                let mail = Message::new(envelope(1 + chance.below(4)), text);
                let mail = mail.on_event(move |_| {
                    events += 1;
                    if events == at {
                        close.hang_up();
                    }
                });
                (number, mail)
            })
            .collect();
        let mut told = HashMap::new();
        block_on(
            mailer.send_many(stream::iter(mails), |number: usize, result| {
                let fates: Vec<(String, Fate)> = match &result {
                    Ok(report) => report.fates().map(owned).collect(),
                    Err(error) => error.fates().map(owned).collect(),
                };
                assert!(told.insert(number, fates).is_none(), "one result each");
            }),
        );
        assert_eq!(told.len(), 6);
        check(&server, &told, seed);
    }
}

fn owned<T: ToString, F: Clone>((address, fate): (T, &F)) -> (String, F) {
    (address.to_string(), fate.clone())
}

/// Compares with what the server has.
fn check(server: &LocalServer, told: &HashMap<usize, Vec<(String, Fate)>>, seed: u64) {
    let mut taken: HashMap<(usize, String), usize> = HashMap::new();
    for mail in server.mails() {
        let number = usize::from(mail.content[3] - b'0');
        for to in mail.recipients {
            *taken.entry((number, to)).or_default() += 1;
        }
    }
    for (number, fates) in told {
        for (to, fate) in fates {
            let times = taken.remove(&(*number, to.clone())).unwrap_or(0);
            let fits = match fate {
                Fate::Sent => times == 1,
                Fate::MaybeSent => times <= 1,
                _ => times == 0,
            };
            assert!(fits, "seed {seed}, mail {number}: {fate:?}, {times} times");
        }
    }
    assert!(taken.is_empty(), "seed {seed}: {taken:?}");
}
