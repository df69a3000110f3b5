//! What the engine costs beside copying: a mail of 8 MB through `Engine`, its
//! lines ended by CR LF or by LF alone, by DATA and by BDAT, against a copy of
//! the same bytes.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use smtp_session::{Address, Engine, Envelope, Form, Options, Security};
use std::hint::black_box;

const LEN: usize = 8 * 1024 * 1024;
const PART_LEN: usize = 16 * 1024;

fn mail(end: &str) -> Vec<u8> {
    let mut mail = Vec::with_capacity(LEN + 100);
    let mut number = 0;
    while mail.len() < LEN {
        // A dot in front of each eighth line.
        let dot = if number % 8 == 0 { "." } else { "" };
        let line = format!("{dot}{number:07} {}{end}", "abcdefghij".repeat(6));
        mail.extend_from_slice(line.as_bytes());
        number += 1;
    }
    mail.truncate(LEN);
    mail
}

fn engine(chunking: bool) -> (Engine, Envelope) {
    let options = Options::default().chunking(chunking);
    let mut engine = Engine::new(Security::Tls { exporter: None }, options);
    engine.hello("client.example");
    engine.handle_input(b"220 hi\r\n");
    drain(&mut engine);
    engine.handle_input(b"250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
    let _ = engine.outcome();
    let to = Address::new("you@example.com").expect("an address");
    (engine, Envelope::null_sender().to(to))
}

/// Gives the number of chunks among what is sent.
fn drain(engine: &mut Engine) -> usize {
    let mut chunks = 0;
    while engine.has_output() {
        let output = black_box(engine.output());
        chunks += usize::from(output.starts_with(b"BDAT"));
        let len = output.len();
        engine.sent(len);
    }
    chunks
}

fn send(engine: &mut Engine, envelope: &Envelope, mail: &[u8]) {
    engine.send(envelope, Form::default());
    let mut parts = mail.chunks(PART_LEN);
    let (mut begun, mut chunks) = (false, 0);
    while !engine.is_over() {
        while engine.wants_body() {
            match parts.next() {
                Some(part) => engine.body(part),
                None => engine.end_body(),
            }
        }
        chunks += drain(engine);
        if engine.wants_body() || engine.has_output() {
            continue;
        }
        if std::mem::replace(&mut begun, true) {
            // Each chunk has a reply; text has one for all.
            engine.handle_input(&b"250 ok\r\n".repeat(chunks.max(1)));
        } else {
            engine.handle_input(b"250 ok\r\n250 ok\r\n");
            if !engine.has_output() && !engine.wants_body() {
                engine.handle_input(b"354 go\r\n");
            }
        }
    }
    assert!(engine.outcome().is_some_and(|outcome| outcome.is_ok()));
}

fn costs(c: &mut Criterion) {
    let mut group = c.benchmark_group("8 MB");
    group.throughput(Throughput::Bytes(LEN as u64));
    group.sample_size(20);
    let crlf = mail("\r\n");
    group.bench_function("memcpy", |b| {
        let mut to = vec![0; LEN];
        b.iter(|| to.copy_from_slice(black_box(&crlf)));
    });
    for (ends, mail) in [("CR LF", &crlf), ("LF", &mail("\n"))] {
        for (name, chunking) in [("DATA", false), ("BDAT", true)] {
            group.bench_function(format!("{name}, lines ended by {ends}"), |b| {
                b.iter_batched_ref(
                    || engine(chunking),
                    |(engine, envelope)| send(engine, envelope, mail),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, costs);
criterion_main!(benches);
