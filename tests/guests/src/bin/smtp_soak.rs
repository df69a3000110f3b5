//! Many mails by one mailer: `smtp_soak PORT CA.pem MAILS CONNECTIONS`. Says of each
//! mail what became of it, and how much memory it took.

use futures_lite::stream;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};
use test_guests::arg;
use test_guests::mails::{heap_len, memory_len};
use wasm_smtp_wasi::mailer::{Mailer, MailerError, Message, Retry, SendReport};
use wasm_smtp_wasi::smtp_session::{Address, Delivery, Envelope};
use wasm_smtp_wasi::{ConnectOptions, block_on};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A mail whose sender is its number. One of a hundred is longer than what leaves at
/// once.
fn message(number: usize) -> Message {
    let sender = Address::new(&format!("m{number}@soak.test")).expect("an address");
    let to = Address::new("you@soak.test").expect("an address");
    let lines = if number % 100 == 1 { 4_000 } else { 10 };
    let body = "A line of a mail that is sent many times, and of which each is one.\r\n";
    let text = format!("Subject: {number}\r\n\r\n{}", body.repeat(lines));
    Message::new(Envelope::new(sender).to(to), text)
}

fn said(result: &Result<SendReport, MailerError>) -> &'static str {
    match result {
        Ok(report) if report.is_complete() => "sent",
        Ok(_) => "sent in part",
        Err(error) if error.delivery() == Delivery::NotSent => "not sent",
        Err(_) => "maybe",
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (port, mails, connections): (u16, usize, usize) = (arg(1), arg(3), arg(4));
    let options = ConnectOptions::new().with_roots_pem(std::fs::read(arg::<String>(2))?);
    // A stall is over soon, but not before a busy machine has answered; where all come
    // at once, later.
    let time = Duration::from_millis(if mails == connections { 60_000 } else { 1_000 });
    let mailer = Mailer::smtps("localhost")
        .port(port)
        .password("user", "secret")
        .connect_options(options.with_every_timeout(time))
        .connections(connections)
        .retry(Retry::default().wait(Duration::from_millis(1), Duration::from_millis(10)))
        .build()?;
    let out = &mut std::io::stdout().lock();
    writeln!(out, "memory start: {}", memory_len())?;
    writeln!(out, "heap most start: {}", heap_len(GLOBAL))?;
    let (start, mut done, mut most) = (Instant::now(), 0, 0);
    let messages = stream::iter((0..mails).map(|number| (number, message(number))));
    block_on(mailer.send_many(messages, |number, result| {
        writeln!(out, "{number}: {}", said(&result)).expect("somebody listens");
        done += 1;
        most = most.max(heap_len(GLOBAL));
        if done == mails / 10 {
            writeln!(out, "memory early: {}", memory_len()).expect("somebody listens");
            writeln!(out, "heap early: {}", heap_len(GLOBAL)).expect("somebody listens");
        }
    }));
    writeln!(out, "microseconds: {}", start.elapsed().as_micros())?;
    writeln!(out, "heap late: {}", heap_len(GLOBAL))?;
    writeln!(out, "heap most late: {most}")?;
    writeln!(out, "memory late: {}", memory_len())?;
    block_on(mailer.close());
    Ok(())
}
